"""One call: the address as IndiaMART wants it, and the key nowhere else."""

import json
import logging
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx
import pytest

from tests.http.recording import RecordingDatabase, settings
from workers.errors import Refused, Unavailable
from workers.indiamart import client, job

KEY = "mRyw/E7r+secret=="
BEGIN, END = datetime(2026, 11, 20, 18, 30, tzinfo=UTC), datetime(2026, 11, 21, 4, 0, 5, tzinfo=UTC)
ORG = UUID("00000000-0000-4000-8000-000000000001")
RUN = "00000000-0000-4000-8000-000000000002"


def answering(handler):
    return httpx.Client(transport=httpx.MockTransport(handler))


def fetch(handler):
    return client.fetch(answering(handler), "https://mapi.example", KEY, BEGIN, END)


def test_call_is_written_as_indiamarts_own_example():
    seen = []

    def handler(request):
        seen.append(request)
        return httpx.Response(200, json={"CODE": 204})

    fetch(handler)

    assert str(seen[0].url) == (
        "https://mapi.example/wservce/crm/crmListing/v2/?glusr_crm_key=mRyw%2FE7r%2Bsecret%3D%3D"
        "&start_time=21-Nov-202600%3A00%3A00&end_time=21-Nov-202609%3A30%3A05"
    )
    assert seen[0].method == "GET"


def raising(error):
    def handler(request):
        raise error(f"failed at {request.url}", request=request)

    return handler


def redirecting(request):
    return httpx.Response(302, headers={"Location": f"http://elsewhere/?{request.url.query.decode()}"})


def too_large(request):
    return httpx.Response(200, content=(b" " * 1_048_576 for _ in range(21)))


def broken_gzip(request):
    return httpx.Response(200, headers={"Content-Encoding": "gzip"}, content=b"no gzip")


def repeating(request):
    return httpx.Response(502, text=f"<html>{request.url} not found</html>")


FAILURES = [
    pytest.param(raising(httpx.ConnectError), id="not reached"),
    pytest.param(raising(httpx.ReadTimeout), id="too slow"),
    pytest.param(raising(httpx.RemoteProtocolError), id="hung up"),
    pytest.param(redirecting, id="redirected"),
    pytest.param(too_large, id="too large"),
    pytest.param(broken_gzip, id="broken gzip"),
    pytest.param(repeating, id="repeats the address"),
]


@pytest.mark.parametrize("handler", FAILURES)
def test_failure_is_an_answer_and_holds_no_key(handler, caplog):
    caplog.set_level(logging.DEBUG)

    answer = fetch(handler)

    assert answer.outcome in ("unreadable", "server_error")
    assert not answer.is_complete
    assert "secret" not in answer.note
    assert "secret" not in "".join(record.getMessage() for record in caplog.records if record.name != "httpx")


def test_redirect_is_not_followed():
    hosts = []

    def handler(request):
        hosts.append(request.url.host)
        return redirecting(request)

    fetch(handler)

    assert hosts == ["mapi.example"]


def test_answer_that_drips_is_given_up(monkeypatch):
    monkeypatch.setattr(client, "SECONDS", 0.0)

    answer = fetch(lambda _request: httpx.Response(200, content=(b"{" for _ in range(9))))

    assert answer.outcome == "unreadable"


# The job --------------------------------------------------------------------------------------------------


def claim(**changes):
    return {
        "run_id": RUN,
        "org_id": str(ORG),
        "kind": "live",
        "key": KEY,
        "base_url": "http://127.0.0.1:8080",
        "window_from": BEGIN.isoformat(),
        "window_to": END.isoformat(),
    } | changes


LEAD = {"UNIQUE_QUERY_ID": "1", "SENDER_MOBILE": "+91-9000000001"}


def success(request):
    return httpx.Response(200, json={"CODE": 200, "TOTAL_RECORDS": 1, "RESPONSE": [LEAD]})


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch):
    monkeypatch.setattr(job, "_PAUSES", (0, 0, 0))


def test_what_was_fetched_is_handed_in_and_claims_go_on_until_nothing_is_due():
    database = RecordingDatabase(
        claim_syncs=[{"syncs": [claim(), claim(run_id=str(ORG))]}, {"syncs": []}],
        ingest_leads={"outcome": "ok", "inserted": 1, "known": 0, "errors": []},
    )

    counts = job.run_syncs(database, answering(success), settings())

    assert counts == {"runs": 2, "inserted": 2, "known": 0, "errors": 0, "failed": 0, "more": False}
    handed = database.named("ingest_leads")
    assert {call["run_id"] for call in handed} == {RUN, str(ORG)}
    assert handed[0]["answer"]["outcome"] == "ok"
    assert handed[0]["answer"]["leads"][0]["external_id"] == "1"
    assert len(database.named("claim_syncs")) == 2


def test_key_is_never_handed_back_to_the_database(caplog):
    caplog.set_level(logging.DEBUG)
    database = RecordingDatabase(
        claim_syncs=[{"syncs": [claim()]}, {"syncs": []}],
        ingest_leads={"outcome": "server_error", "errors": []},
    )

    job.run_syncs(database, answering(repeating), settings())

    assert "secret" not in json.dumps(database.named("ingest_leads"))
    assert "secret" not in "".join(record.getMessage() for record in caplog.records if record.name != "httpx")


def test_answer_is_handed_in_again_when_the_database_was_away():
    database = RecordingDatabase(
        claim_syncs=[{"syncs": [claim()]}, {"syncs": []}],
        ingest_leads=[Unavailable(), Unavailable(), {"outcome": "ok", "inserted": 1}],
    )

    assert job.run_syncs(database, answering(success), settings())["inserted"] == 1


def test_run_that_cannot_be_handed_in_does_not_stop_its_neighbours():
    database = RecordingDatabase(
        claim_syncs=[{"syncs": [claim(), claim()]}, {"syncs": []}],
        ingest_leads=lambda **_answer: (_ for _ in ()).throw(Refused(404, "gone", "run_not_found")),
    )

    counts = job.run_syncs(database, answering(success), settings())

    assert (counts["runs"], counts["failed"]) == (2, 2)


def test_answer_fuller_than_one_hand_in_counts_as_incomplete(monkeypatch):
    monkeypatch.setattr(job, "MOST_LEADS", 1)
    database = RecordingDatabase(
        claim_syncs={"syncs": [claim()]}, ingest_leads={"outcome": "ok", "inserted": 1, "errors": []}
    )

    job.sync_now(
        database,
        answering(lambda _request: httpx.Response(200, json={"CODE": 200, "RESPONSE": [LEAD, LEAD]})),
        settings(),
        ORG,
    )

    answer = database.named("ingest_leads")[0]["answer"]
    assert (len(answer["leads"]), answer["complete"]) == (1, False)


def test_manual_sync_passes_the_refusal_on():
    refusal = Refused(409, "Too soon.", "sync_too_soon", "2026-11-23T10:00:00Z")
    database = RecordingDatabase(claim_syncs=refusal)

    with pytest.raises(Refused) as caught:
        job.sync_now(database, answering(success), settings(), ORG)

    assert caught.value.retry_at == "2026-11-23T10:00:00Z"
    assert database.named("claim_syncs")[0]["manual"] is True


def test_call_goes_to_the_source_s_own_address_else_to_the_setting():
    hosts = []

    def handler(request):
        hosts.append(request.url.host)
        return success(request)

    for base_url in ("http://127.0.0.1:8080", None):
        database = RecordingDatabase(
            claim_syncs={"syncs": [claim(base_url=base_url)]}, ingest_leads={"outcome": "ok"}
        )
        job.sync_now(database, answering(handler), settings(INDIAMART_URL="https://indiamart.example"), ORG)

    assert hosts == ["127.0.0.1", "indiamart.example"]


def test_lease_outlasts_the_longest_call():
    assert timedelta(seconds=job.LEASE_SECONDS) > 2 * timedelta(seconds=client.SECONDS)
