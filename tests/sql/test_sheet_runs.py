"""One run of a sheet at a time, whoever asks, and a lease that ends by itself."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import psycopg
import pytest

from tests.business import fresh_org


@pytest.fixture
def sheet(connect):
    """A sheet of an organization of its own, committed; taken away at the end."""
    db = connect()
    org_id = fresh_org(db)
    tab = {"spreadsheet_id": uuid4().hex, "gid": 1, "title": "S", "tab": "T"}
    source_id = db.value("select worker.connect_sheet(%s, %s) ->> 'source_id'", org_id, json.dumps(tab))
    yield db, org_id, source_id
    db.execute("update public.lead_sources set is_active = false where org_id = %s", [org_id])


def claim(db, org_id):
    return db.value(
        "select worker.claim_sheets(lease_seconds => 60, org_id => %s, manual => true) -> 'sheets' -> 0",
        org_id,
    )


def test_of_64_who_ask_at_once_one_reads_and_63_are_told_when(connect, sheet):
    _, org_id, _ = sheet
    connections = [connect() for _ in range(16)]

    def ask(n):
        try:
            return claim(connections[n % 16], org_id)["run_id"]
        except psycopg.Error as error:
            return error.diag

    with ThreadPoolExecutor(16) as pool:
        answers = [
            answer
            for answers in pool.map(lambda n: [ask(n + 16 * i) for i in range(4)], range(16))
            for answer in answers
        ]

    runs = [answer for answer in answers if isinstance(answer, str)]
    refused = [answer for answer in answers if not isinstance(answer, str)]
    assert (len(runs), len(refused)) == (1, 63)
    assert {told.message_detail for told in refused} == {"sync_running"}
    assert all(re.fullmatch(r"retry_at=\d{4}-.*Z", told.message_hint) for told in refused)


def test_a_worker_that_dies_frees_the_sheet_when_its_lease_ends(sheet):
    db, org_id, source_id = sheet
    first = claim(db, org_id)
    db.execute(
        "update public.lead_sources set lease_expires_at = now(), last_called_at = now() - interval '2 minutes' where id = %s",
        [source_id],
    )

    second = claim(db, org_id)

    assert second["run_id"] != first["run_id"]
    outcome = "select outcome from public.sync_runs where org_id = %s and id = %s"
    assert db.value(outcome, org_id, first["run_id"]) == "lost"
    late = db.refusal("select worker.finish_sheet_run(%s, %s, 'unchanged')", org_id, first["run_id"])
    assert late.detail == "lease_lost"


def test_a_disconnect_ends_a_run_before_its_next_call(sheet):
    db, org_id, source_id = sheet
    run = claim(db, org_id)
    db.value("select worker.sheet_run_goes_on(%s, %s)", org_id, run["run_id"])

    db.value("select worker.disconnect_source(%s, %s)", org_id, source_id)

    assert db.refusal("select worker.sheet_run_goes_on(%s, %s)", org_id, run["run_id"]).detail == "lease_lost"
    assert db.value("select is_on from public.sheet_sources where org_id = %s", org_id) is False


def test_a_disconnect_stops_what_was_on_its_way_into_flow(sheet):
    db, org_id, source_id = sheet
    run = claim(db, org_id)
    db.value("select worker.begin_sheet_import(%s, %s, 10, %s)", org_id, run["run_id"], "0" * 64)

    db.value("select worker.disconnect_source(%s, %s)", org_id, source_id)

    assert db.value("select status from public.lead_imports where org_id = %s", org_id) == "cancelled"


def test_a_sheet_whose_columns_wait_to_be_matched_is_not_read_meanwhile(sheet):
    db, org_id, source_id = sheet
    run = claim(db, org_id)
    made = db.value("select worker.begin_sheet_import(%s, %s, 10, %s)", org_id, run["run_id"], "0" * 64)
    details = json.dumps({"import_id": made["import_id"], "version": "1", "tab": "T", "rows": 1})
    db.value("select worker.finish_sheet_run(%s, %s, 'changed', %s)", org_id, run["run_id"], details)
    db.execute(
        "update public.lead_sources set next_allowed_at = null, last_called_at = now() - interval '2 minutes' where id = %s",
        [source_id],
    )

    refused = db.refusal("select worker.claim_sheets(org_id => %s, manual => true)", org_id)

    assert refused.detail == "sync_running"


def test_a_run_that_broke_off_before_its_bytes_were_stored_holds_nobody_up(sheet):
    db, org_id, source_id = sheet
    run = claim(db, org_id)
    db.value("select worker.begin_sheet_import(%s, %s, 10, %s)", org_id, run["run_id"], "0" * 64)
    db.value(
        "select worker.finish_sheet_run(%s, %s, 'failing', '{\"words\": \"Storage is away.\"}')",
        org_id,
        run["run_id"],
    )
    db.execute(
        "update public.lead_sources set last_called_at = now() - interval '2 minutes' where id = %s",
        [source_id],
    )

    assert claim(db, org_id)["run_id"] != run["run_id"]
