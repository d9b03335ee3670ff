"""Who may call IndiaMART when, for which window, and what an answer changes."""

import hashlib
import json
import threading
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest

from tests.sql.indiamart import (
    DAY,
    EMPTY,
    HOUR,
    INTERVAL,
    LONGEST,
    MINUTE,
    OK,
    OVERLAP,
    ROW,
    Source,
    window,
)


def wait(db, run):
    """Seconds until the next call is allowed, to the nearest ten."""
    seconds = db.value(
        "select extract(epoch from %s::timestamptz - clock_timestamp())", run["next_allowed_at"]
    )
    return round(float(seconds), -1)


@pytest.fixture
def acme(org):
    return org(name="Acme")


@pytest.fixture
def key():
    return f"key-{uuid4().hex}=="


@pytest.fixture
def source(db, acme, key):
    return Source(db, acme, key)


# Connecting -----------------------------------------------------------------------------------------------


def test_key_is_stored_only_encrypted(db, source, key):
    stored = db.value("select to_jsonb(s)::text from public.lead_sources s where id = %s", source.id)
    sealed = db.value(
        "select string_agg(to_jsonb(c)::text, '') from private.credentials c where org_id = %s", source.org_id
    )

    assert key not in stored + sealed


def test_key_of_another_organization_is_refused(db, source, key, org):
    told = db.refusal("select worker.connect_indiamart(%s, %s)", org(name="Other"), key)

    assert (told.sqlstate, told.detail) == ("PT409", "key_taken")


def test_same_key_again_is_the_same_source(db, source, key):
    assert (
        db.value("select worker.connect_indiamart(%s, %s)", source.org_id, f" {key}\n")["source_id"]
        == source.id
    )


def test_new_key_revokes_the_old_one_and_keeps_what_is_covered(db, source):
    source.turn()
    before = source.covered
    source.set(state="key_rejected")

    again = Source(db, source.org_id, f"new-{uuid4().hex}")

    assert again.id == source.id
    assert again.covered == before
    assert again.get("state") == "ok"
    live = "select count(*) from private.credentials where org_id = %s and revoked_at is null"
    assert db.value(live, source.org_id) == 1


NO_KEYS = [
    pytest.param("", id="empty"),
    pytest.param("a b", id="with a space"),
    pytest.param("x" * 501, id="endless"),
]


@pytest.mark.parametrize("bad", NO_KEYS)
def test_what_is_no_key_is_refused(db, acme, bad):
    assert db.refusal("select worker.connect_indiamart(%s, %s)", acme, bad).detail == "key_invalid"


FAR = [
    "http://example.com",
    "https://mapi.indiamart.com",
    "http://127.0.0.1.example.com",
    "http://127.0.0.1:80/path",
    "file:///x",
]


@pytest.mark.parametrize("address", FAR)
def test_other_address_than_indiamarts_must_be_loopback(db, acme, key, address):
    told = db.refusal("select worker.connect_indiamart(%s, %s, %s)", acme, key, address)

    assert told.detail == "base_url_not_loopback"


# Windows --------------------------------------------------------------------------------------------------


def test_first_window_is_the_newest_seven_days(source, key):
    (sync,) = source.claim()
    begin, end = window(sync)

    assert sync["kind"] == "live"
    assert sync["key"] == key
    assert end - begin == LONGEST
    assert abs(datetime.now(UTC) - end) < MINUTE


def test_live_and_history_take_turns_and_history_goes_backwards_with_overlap(source):
    first, _ = source.turn()
    kinds, begin = [], window(first)[0]
    for _ in range(4):
        sync, _ = source.turn()
        kinds.append(sync["kind"])
        if sync["kind"] == "backfill":
            assert window(sync)[1] == begin + OVERLAP
            assert window(sync)[1] - window(sync)[0] == LONGEST
            begin = window(sync)[0]

    assert kinds == ["backfill", "live", "backfill", "live"]


def test_year_of_history_takes_53_calls_and_leaves_no_gap(db, source):
    calls = 0
    oldest = datetime.now(UTC)
    while source.get("backfill_done_at") is None:
        source.be_due()
        (sync,) = source.claim()
        begin, end = window(sync)
        assert end - begin <= LONGEST
        assert begin >= datetime.now(UTC) - 365 * DAY
        oldest = min(oldest, begin)
        calls += sync["kind"] == "backfill" or calls == 0
        source.ingest(sync, EMPTY)
        assert calls < 60

    assert calls == 53
    assert datetime.now(UTC) - oldest > 364 * DAY
    assert source.covered.count("[") == 1
    assert source.turn()[0]["kind"] == "live"


def test_next_live_window_begins_fifteen_minutes_before_what_is_covered(source):
    source.turn()
    source.set(last_turn="backfill", live_at=datetime.now(UTC).replace(microsecond=0) - 2 * HOUR)

    sync, _ = source.turn()

    begin, end = window(sync)
    assert source.get("live_at") == end
    assert end - begin == pytest.approx(2 * HOUR + OVERLAP, abs=MINUTE)


def test_after_a_long_silence_live_goes_forward_in_steps_of_seven_days(source):
    source.turn()
    since = datetime.now(UTC).replace(microsecond=0) - 30 * DAY
    source.set(live_at=since, last_turn="backfill")

    sync, _ = source.turn()

    assert window(sync) == (since - OVERLAP, since - OVERLAP + LONGEST)


def test_time_too_old_to_ask_for_is_recorded_as_lost(db, source):
    source.turn()
    since = datetime.now(UTC).replace(microsecond=0) - 400 * DAY
    db.execute("update private.source_coverage set covered = '{}' where source_id = %s", [source.id])
    source.set(live_at=since, last_turn="backfill")

    sync, run = source.turn()

    assert datetime.now(UTC) - window(sync)[0] < 365 * DAY
    assert datetime.fromisoformat(run["gap_from"]) == since
    assert run["gap_to"] == sync["window_from"]
    lost = db.value("select upper(lost) from private.source_coverage where source_id = %s", source.id)
    assert lost == window(sync)[0]


def test_seven_days_are_read_again_once_a_night(source):
    source.turn()
    source.set(swept_at=datetime.now(UTC) - 37 * HOUR, last_turn="backfill")

    sync, _ = source.turn()

    assert sync["kind"] == "sweep"
    assert window(sync)[1] - window(sync)[0] == LONGEST
    assert source.get("swept_at > now() - interval '1 minute'")


# Coverage -------------------------------------------------------------------------------------------------

NOT_COVERING = [
    pytest.param(OK | {"complete": False}, id="rows left out"),
    pytest.param({"outcome": "not_released"}, id="history not released"),
    pytest.param({"outcome": "rate_limited"}, id="soft limit"),
    pytest.param({"outcome": "blocked"}, id="blocked"),
    pytest.param({"outcome": "key_rejected"}, id="bad key"),
    pytest.param({"outcome": "bad_request"}, id="our fault"),
    pytest.param({"outcome": "server_error"}, id="their fault"),
    pytest.param({"outcome": "unreadable"}, id="unreadable"),
]


@pytest.mark.parametrize("answer", NOT_COVERING)
def test_only_a_complete_answer_covers_its_window(source, answer):
    source.turn()
    before = source.covered
    source.set(last_turn="backfill", live_at=datetime.now(UTC) - 3 * DAY)

    source.turn(answer)

    assert source.covered == before


@pytest.mark.parametrize("answer", [pytest.param(OK, id="leads"), pytest.param(EMPTY, id="no leads")])
def test_complete_answer_covers_its_window(db, source, answer):
    sync, run = source.turn(answer)

    assert run["outcome"] == answer["outcome"]
    assert (source.get("covered_from"), source.get("covered_to")) == window(sync)


def test_incomplete_answer_is_stored_and_the_window_halved_until_it_is_complete(db, source):
    first, run = source.turn(OK | {"complete": False})
    assert run["inserted"] == 1
    assert source.get("covered_to") is None

    second, _ = source.turn(OK | {"complete": False})
    third, _ = source.turn(OK)

    sizes = [window(sync)[1] - window(sync)[0] for sync in (first, second, third)]
    assert sizes == [LONGEST, LONGEST / 2, LONGEST / 4]
    assert source.get("covered_to") == window(third)[1]
    assert source.turn()[0]["window_to"] > third["window_from"]


def test_answer_and_coverage_are_stored_together_or_not_at_all(db, source):
    (sync,) = source.claim()
    db.execute(
        "create function pg_temp.busy() returns trigger language plpgsql as "
        "$$ begin raise exception 'busy' using errcode = '40001'; end $$"
    )
    db.execute(
        "create trigger busy before insert on public.leads for each row execute function pg_temp.busy()"
    )

    assert (
        db.refusal("select worker.ingest_leads(%s, %s)", sync["run_id"], json.dumps(OK)).sqlstate == "40001"
    )

    assert source.covered == "{}"
    assert db.value("select outcome from public.sync_runs where id = %s", sync["run_id"]) is None


def test_history_that_is_not_released_does_not_hold_up_what_is_new_and_is_asked_for_tomorrow(source):
    first, _ = source.turn({"outcome": "not_released"})
    end = window(first)[1]

    second, _ = source.turn()
    third, _ = source.turn()
    source.set(backfill_after=datetime.now(UTC) - MINUTE)
    fourth, _ = source.turn()

    assert window(second)[0] == end - OVERLAP
    assert (second["kind"], third["kind"]) == ("live", "live")
    assert fourth["kind"] == "backfill"
    assert window(fourth)[1] == window(second)[0] + OVERLAP


def test_same_run_taken_in_twice_changes_nothing(db, source):
    sync, _ = source.turn(OK)
    before = db.row("select * from public.lead_sources where id = %s", source.id)

    again = source.ingest(sync, {"outcome": "server_error"})

    assert again["outcome"] == "ok"
    assert db.row("select * from public.lead_sources where id = %s", source.id) == before


def test_row_errors_are_kept_on_the_run_and_neighbours_are_stored(source):
    broken = {"external_id": None, "raw": {"QUERY_TYPE": "W"}}

    _, run = source.turn(OK | {"leads": [broken, ROW]})

    assert (run["received"], run["inserted"]) == (2, 1)
    assert run["errors"] == [{"index": 0, "reason": "no_id", "item": {"QUERY_TYPE": "W"}}]


def test_nobody_is_greeted_for_history(db, source):
    source.turn()
    sync, _ = source.turn(OK)

    assert sync["kind"] == "backfill"
    assert db.value("select greet_requested from public.leads where source_id = %s", source.id) is False


def test_unknown_run_is_refused(db):
    assert db.refusal("select worker.ingest_leads(%s, %s)", uuid4(), json.dumps(OK)).sqlstate == "PT404"


# Waits ----------------------------------------------------------------------------------------------------

WAITS = [
    pytest.param(OK, 1, "ok", id="leads"),
    pytest.param(EMPTY, 1, "ok", id="no leads"),
    pytest.param({"outcome": "not_released"}, 1, "ok", id="not released"),
    pytest.param({"outcome": "rate_limited"}, 1, "rate_limited", id="soft limit"),
    pytest.param({"outcome": "blocked"}, 2.7, "blocked", id="blocked"),
    pytest.param({"outcome": "key_rejected", "reason": "expired"}, 10, "key_rejected", id="bad key"),
    pytest.param({"outcome": "bad_request"}, 10, "bad_request", id="our fault"),
    pytest.param({"outcome": "server_error"}, 1, "failing", id="their fault"),
    pytest.param({"outcome": "unreadable"}, 1, "failing", id="unreadable"),
]


@pytest.mark.parametrize(("answer", "intervals", "state"), WAITS)
def test_next_call_waits_as_the_answer_demands(db, source, answer, intervals, state):
    _, run = source.turn(answer)

    assert wait(db, run) == pytest.approx(intervals * INTERVAL, abs=10)
    assert source.get("state") == state
    assert source.claim() == []


def test_errors_in_a_row_wait_longer_and_a_success_forgets_them(db, source):
    waits = [wait(db, source.turn({"outcome": "server_error"})[1]) / INTERVAL for _ in range(6)]
    source.turn()

    assert [round(w) for w in waits] == [1, 2, 4, 8, 10, 10]
    assert source.get("failures") == 0


def test_rejected_key_stops_calls_until_a_new_key_comes(db, source):
    source.turn({"outcome": "key_rejected", "reason": "replaced"})
    assert source.claim() == []
    assert "newer key" in source.get("state_message")

    Source(db, source.org_id, f"new-{uuid4().hex}")

    assert len(source.claim()) == 1


def test_providers_words_are_never_shown(db, source, acme, member):
    source.turn({"outcome": "server_error", "message": "Some Error Occured"})

    db.as_person(member(acme))

    assert "Occured" not in str(db.rows("select message, errors from public.sync_runs"))
    assert "Occured" not in str(db.rows("select state_message from public.lead_sources"))
    assert db.refusal("select note from public.sync_runs").sqlstate == "42501"


# One at a time --------------------------------------------------------------------------------------------


def test_source_is_handed_out_once(source):
    assert len(source.claim()) == 1
    source.be_due()
    assert source.claim() == []


def test_call_is_stamped_before_it_is_made(source):
    source.claim()

    assert source.get("last_called_at") is not None
    assert source.get(f"next_allowed_at = last_called_at + interval '{INTERVAL} seconds'")


def test_manual_sync_while_one_runs_is_refused_with_a_time(source):
    source.claim()

    told = source.refusal()

    assert (told.sqlstate, told.detail) == ("PT409", "sync_running")
    assert told.hint.startswith("retry_at=20")


def test_manual_sync_in_the_gap_is_refused_with_the_time_it_may_run(source):
    _, run = source.turn()

    told = source.refusal()

    assert (told.sqlstate, told.detail) == ("PT409", "sync_too_soon")
    allowed = datetime.fromisoformat(run["next_allowed_at"])
    assert (
        timedelta(0)
        <= datetime.fromisoformat(told.hint.removeprefix("retry_at=")) - allowed
        <= timedelta(seconds=1)
    )


def test_manual_sync_asks_for_what_is_new(source):
    source.turn()

    sync, run = source.turn(manual=True)

    assert (sync["kind"], run["kind"]) == ("manual", "manual")


def test_sync_of_a_source_that_is_not_connected_is_refused(db, acme):
    told = db.refusal("select worker.claim_syncs(360, 90, 10, true, null, %s)", acme)

    assert (told.sqlstate, told.detail) == ("PT404", "source_not_found")


def test_run_whose_worker_died_is_ended_and_its_window_asked_for_again(db, source):
    (lost,) = source.claim()
    source.set(next_allowed_at=None, lease_expires_at=datetime.now(UTC) - MINUTE)

    (sync,) = source.claim()

    assert db.value("select outcome from public.sync_runs where id = %s", lost["run_id"]) == "lost"
    assert sync["window_to"] == lost["window_to"]


def test_answer_of_a_lost_run_is_taken_in_and_leaves_the_new_lease_alone(db, source):
    (lost,) = source.claim()
    source.set(next_allowed_at=None, lease_expires_at=datetime.now(UTC) - MINUTE)
    (sync,) = source.claim()

    assert source.ingest(lost, OK)["inserted"] == 1
    assert str(source.get("lease_run")) == sync["run_id"]


def test_interval_of_a_key_survives_a_disconnect(db, source, org, key):
    source.turn()
    db.value("select worker.disconnect_source(%s, %s)", source.org_id, source.id)

    other = Source(db, org(name="Other"), key)

    assert other.claim() == []


def test_of_64_people_who_press_sync_at_once_one_runs_and_63_are_told_when(dsn):
    with psycopg.connect(dsn, autocommit=True) as connection:
        owner = uuid4()
        connection.execute(
            "insert into auth.users (id, email) values (%s, %s)", [owner, f"{owner}@example.test"]
        )
        org_id = connection.execute("select private.new_organization('Crowd', %s)", [owner]).fetchone()[0]
        connection.execute("select worker.connect_indiamart(%s, %s)", [org_id, f"crowd-{uuid4().hex}"])
    answers = []
    start = threading.Barrier(64)

    def press():
        with psycopg.connect(dsn) as connection:
            start.wait()
            try:
                answers.append(
                    connection.execute(
                        "select worker.claim_syncs(360, 90, 10, true, null, %s)", [org_id]
                    ).fetchone()[0]["syncs"]
                )
            except psycopg.Error as error:
                answers.append(
                    (error.sqlstate, error.diag.message_detail, (error.diag.message_hint or "")[:9])
                )

    threads = [threading.Thread(target=press) for _ in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len([answer for answer in answers if isinstance(answer, list)]) == 1
    assert [answer for answer in answers if isinstance(answer, tuple)] == [
        ("PT409", "sync_running", "retry_at=")
    ] * 63
    with psycopg.connect(dsn, autocommit=True) as connection:
        source = connection.execute(
            "select id from public.lead_sources where org_id = %s", [org_id]
        ).fetchone()[0]
        connection.execute("select worker.disconnect_source(%s, %s)", [org_id, source])


# People ---------------------------------------------------------------------------------------------------


def test_member_asks_for_a_sync_and_the_next_run_is_theirs(db, source, acme, member):
    agent = member(acme)
    db.as_person(agent)
    db.value("select public.request_sync(%s, %s)", acme, source.id)
    assert db.refusal("select public.request_sync(%s, %s)", acme, source.id).detail == "sync_running"
    db.as_operator()

    sync, _ = source.turn()

    assert sync["kind"] == "manual"
    assert db.value("select requested_by from public.sync_runs where id = %s", sync["run_id"]) == agent.id


def test_member_cannot_ask_within_the_interval(db, source, acme, member):
    source.turn()
    db.as_person(member(acme))

    told = db.refusal("select public.request_sync(%s, %s)", acme, source.id)

    assert (told.sqlstate, told.detail) == ("PT409", "sync_too_soon")


def test_member_reads_the_sync_log_of_their_organization_only(db, source, acme, org, member):
    source.turn(OK)
    stranger = member(org(name="Other"), "owner")

    db.as_person(member(acme))
    assert len(db.rows("select outcome from public.sync_runs")) == 1
    db.as_person(stranger)
    assert db.rows("select outcome from public.sync_runs") == []


# Disconnecting --------------------------------------------------------------------------------------------


def test_disconnect_halts_calls_at_once_and_blanks_the_key(db, source, acme, member):
    (sync,) = source.claim()
    db.as_person(member(acme, "admin"))
    db.value("select public.disconnect_source(%s, %s)", acme, source.id)
    db.as_operator()
    source.be_due()

    assert source.claim() == []
    assert source.refusal().detail == "source_not_found"
    assert source.ingest(sync, OK)["outcome"] == "disconnected"
    assert db.value("select count(*) from public.leads where org_id = %s", acme) == 0
    assert (
        db.value("select count(*) from private.credentials where org_id = %s and cipher is not null", acme)
        == 0
    )


def test_agent_cannot_disconnect(db, source, acme, member):
    db.as_person(member(acme))

    assert db.refusal("select public.disconnect_source(%s, %s)", acme, source.id).sqlstate == "PT403"


# Push -----------------------------------------------------------------------------------------------------


def hashed(token):
    return hashlib.sha256(token.encode()).hexdigest()


@pytest.fixture
def token(db, source):
    token = uuid4().hex
    db.value("select worker.rotate_push_token(%s, %s)", source.org_id, hashed(token))
    return token


def push(db, token, *items):
    return db.value("select worker.push_leads(%s, %s)", hashed(token), json.dumps(items))


def test_pushed_and_fetched_lead_is_stored_once(db, source, token):
    pushed = push(db, token, ROW)
    _, fetched = source.turn(OK)

    assert (pushed["inserted"], fetched["inserted"], fetched["known"]) == (1, 0, 1)


def test_push_that_cannot_be_mapped_is_kept_aside(db, token):
    run = push(db, token, {"external_id": None, "raw": {"hello": 1}})

    assert run["errors"][0]["item"] == {"hello": 1}


def test_unknown_or_rotated_token_is_refused(db, source, token):
    db.value("select worker.rotate_push_token(%s, %s)", source.org_id, hashed("another"))

    told = db.refusal("select worker.push_leads(%s, %s)", hashed(token), json.dumps([ROW]))

    assert (told.sqlstate, told.detail) == ("PT401", "push_token_unknown")


def test_push_is_refused_after_a_disconnect(db, source, token):
    db.value("select worker.disconnect_source(%s, %s)", source.org_id, source.id)

    assert db.refusal("select worker.push_leads(%s, '[]')", hashed(token)).sqlstate == "PT401"


def test_organization_can_be_pushed_to_without_a_key(db, acme):
    made = db.value("select worker.rotate_push_token(%s, %s)", acme, hashed("only-push"))

    assert push(db, "only-push", ROW)["inserted"] == 1
    assert db.value("select worker.indiamart_source(%s)", acme)["source_id"] == made["source_id"]
