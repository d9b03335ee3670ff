"""Every recorded answer of IndiaMART, read by the worker and taken in by the database: what each of them changes."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from tests.sql.indiamart import INTERVAL, Source, window
from workers.indiamart import job
from workers.indiamart.answers import load_json, read_answer
from workers.indiamart.leads import to_items
from workers.indiamart.push import find_leads

PAYLOADS = Path(__file__).parents[1] / "payloads" / "indiamart"
RECORDED = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in PAYLOADS.glob("*.json")}
# outcome, state of the source, whether the window is covered, intervals until the next call, leads stored, finding
PULLS = {
    "success_mixed_types": ("ok", "ok", True, 1, 5, None),
    "success_single": ("ok", "ok", True, 1, 1, None),
    "success_abroad": ("ok", "ok", True, 1, 1, None),
    "success_old_field_set": ("ok", "ok", True, 1, 1, None),
    "empty_204": ("empty", "ok", True, 1, 0, None),
    "history_not_released_204": ("not_released", "ok", False, 1, 0, None),
    "rate_limited_429": ("rate_limited", "rate_limited", False, 1, 0, None),
    "blocked_429": ("blocked", "blocked", False, 2.7, 0, "key_blocked"),
    "key_incorrect_401": ("key_rejected", "key_rejected", False, 10, 0, "key_incorrect"),
    "key_expired_unused_401": ("key_rejected", "key_rejected", False, 10, 0, "key_expired"),
    "key_replaced_401": ("key_rejected", "key_rejected", False, 10, 0, "key_replaced"),
    "date_format_400": ("bad_request", "bad_request", False, 10, 0, "flow_fault"),
    "older_than_365_days_400": ("bad_request", "bad_request", False, 10, 0, "flow_fault"),
    "server_error_500": ("server_error", "failing", False, 1, 0, None),
    "html_bad_gateway": ("server_error", "failing", False, 1, 0, None),
    "html_maintenance_200": ("unreadable", "failing", False, 1, 0, None),
    "malformed_json": ("unreadable", "failing", False, 1, 0, None),
}
PUSHES = {"push_direct_enquiry": 1, "push_same_lead_again": 1, "push_call": 1, "push_list": 2}


class Handing:
    """A database that only hands in, in the transaction of the test."""

    def __init__(self, db):
        self.db = db

    def rpc(self, _name, /, run_id, answer):
        return self.db.value("select worker.ingest_leads(%s, %s)", run_id, json.dumps(answer))


def body_of(event):
    body = event["body"]
    return (body if isinstance(body, str) else json.dumps(body)).encode()


@pytest.fixture
def source(db, org):
    return Source(db, org(name="Acme"), f"key-{uuid4().hex}")


def test_every_recorded_answer_is_in_one_of_the_tables():
    assert {name for name, event in RECORDED.items() if event["channel"] == "pull"} == PULLS.keys()
    assert {name for name, event in RECORDED.items() if event["channel"] == "push"} == PUSHES.keys()


@pytest.mark.parametrize("name", PULLS)
def test_recorded_answer_changes_what_it_should(db, source, name):
    outcome, state, covers, intervals, stored, code = PULLS[name]
    event = RECORDED[name]
    (claimed,) = source.claim()
    sync = job.Sync.model_validate(claimed)

    run = job._finish(Handing(db), sync, read_answer(event["http_status"], body_of(event)))

    assert (run["outcome"], run["inserted"], source.get("state")) == (outcome, stored, state)
    assert bool(run["is_complete"]) is covers
    assert (source.covered != "{}") is covers
    if covers:
        assert (source.get("covered_from"), source.get("covered_to")) == window(claimed)
    wait = datetime.fromisoformat(run["next_allowed_at"]) - datetime.now(UTC)
    assert wait == pytest.approx(timedelta(seconds=intervals * INTERVAL), abs=timedelta(seconds=10))
    found = db.rows(
        "select f.code from public.lead_sources s, private.indiamart_findings(s) f where s.id = %s", source.id
    )
    assert [c for (c,) in found] == ([code] if code else [])
    assert source.get("live_at is not null") is (covers or outcome == "not_released")


@pytest.mark.parametrize("name", PUSHES)
def test_recorded_push_is_stored_and_covers_nothing(db, source, name):
    token = hashlib.sha256(name.encode()).hexdigest()
    db.value("select worker.rotate_push_token(%s, %s)", source.org_id, token)
    items = json.dumps(to_items(find_leads(load_json(body_of(RECORDED[name]).decode()))))

    first = db.value("select worker.push_leads(%s, %s)", token, items)
    again = db.value("select worker.push_leads(%s, %s)", token, items)

    assert (first["inserted"], first["errors"]) == (PUSHES[name], [])
    assert (again["inserted"], again["known"]) == (0, PUSHES[name])
    assert source.covered == "{}"
    assert source.get("live_at") is None
