"""Which times are proven complete, what is missing and why, and by which way each lead came."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import uuid4

import pytest

from tests.sql.indiamart import DAY, HOUR, MINUTE, OK, OVERLAP, ROW, Source, window

LEASE_OVER = {"next_allowed_at": None, "lease_expires_at": datetime.now(UTC) - MINUTE}


class Watched(Source):
    """A source, and what its organization is told."""

    def __init__(self, db, org_id, agent):
        super().__init__(db, org_id, f"key-{uuid4().hex}")
        self.agent = agent
        self.token = uuid4().hex

    def ask(self, name, **args):
        given = "".join(f", {key} => %({key})s" for key in args)
        self.db.as_person(self.agent)
        (answer,) = self.db.execute(
            f"select public.{name}(org_id => %(org)s{given})", {"org": self.org_id, **args}
        ).fetchone()
        self.db.as_operator()
        return answer

    def gaps(self):
        return [(g["state"], g["reason"]) for g in self.ask("indiamart_gaps")["gaps"]]

    def findings(self):
        return {f["code"]: f for f in self.ask("indiamart_status")["findings"]}

    def accept_pushes(self):
        self.db.value("select worker.rotate_push_token(%s, %s)", self.org_id, hashed(self.token))

    def push(self, *items):
        return self.db.value("select worker.push_leads(%s, %s)", hashed(self.token), json.dumps(items))

    def fill(self):
        """All of history is fetched, and nothing is late."""
        self.turn()
        self.db.execute(
            """
            update private.source_coverage set covered = tstzmultirange(tstzrange(wanted_from - interval '1 hour', upper(covered))), again = '{}',
                   key_at = now() - interval '30 days' where source_id = %s
            """,
            [self.id],
        )
        self.set(backfill_done_at=datetime.now(UTC), last_turn="backfill")

    def uncover(self, begin, end):
        self.db.execute(
            "update private.source_coverage set covered = covered - tstzmultirange(tstzrange(%s, %s)) where source_id = %s",
            [begin, end, self.id],
        )


def hashed(token):
    return hashlib.sha256(token.encode()).hexdigest()


def lead(number, ago):
    at = datetime.now(UTC).replace(microsecond=0) - ago
    return ROW | {
        "external_id": str(number),
        "received_at": at.isoformat(),
        "person": {"phone": f"+9190000{number:05d}"},
    }


@pytest.fixture
def source(db, org, member):
    acme = org(name="Acme")
    return Watched(db, acme, member(acme))


# Gaps -----------------------------------------------------------------------------------------------------


def test_before_the_first_call_nothing_is_promised(source):
    told = source.ask("indiamart_status")

    assert (told["gaps"], told["covered_to"], told["history"]) == ([], None, None)
    assert told["summary"].startswith("Nothing was asked for yet")
    assert {day["state"] for day in source.ask("indiamart_days")["days"]} == {"not_wanted"}


def test_history_that_was_not_asked_for_is_a_gap_back_to_365_days(source):
    first, _ = source.turn()

    (gap, held) = sorted(source.ask("indiamart_gaps")["gaps"], key=lambda g: g["state"] == "held_back")

    assert (gap["state"], gap["reason"], gap["calls"], gap["run_id"]) == ("missing", "not_asked", 0, None)
    assert datetime.fromisoformat(gap["to"]) == window(first)[0]
    assert abs(datetime.now(UTC) - datetime.fromisoformat(gap["from"]) - 365 * DAY + HOUR) < MINUTE
    assert held["state"] == "held_back"


WHY = [
    pytest.param(OK | {"complete": False}, "incomplete", id="rows left out"),
    pytest.param({"outcome": "not_released"}, "not_released", id="history not released"),
    pytest.param({"outcome": "rate_limited"}, "quota", id="soft limit"),
    pytest.param({"outcome": "blocked"}, "key_blocked", id="blocked"),
    pytest.param({"outcome": "key_rejected", "reason": "incorrect"}, "key_incorrect", id="wrong key"),
    pytest.param({"outcome": "key_rejected", "reason": "expired"}, "key_expired", id="unused key"),
    pytest.param({"outcome": "key_rejected", "reason": "replaced"}, "key_replaced", id="old key"),
    pytest.param({"outcome": "bad_request"}, "flow_fault", id="our fault"),
    pytest.param({"outcome": "server_error"}, "supplier_error", id="their fault"),
    pytest.param({"outcome": "unreadable"}, "no_answer", id="unreadable"),
]


@pytest.mark.parametrize(("answer", "reason"), WHY)
def test_time_a_call_failed_for_is_named_with_its_reason_and_its_run(source, answer, reason):
    source.fill()
    source.uncover(datetime.now(UTC) - 3 * DAY, datetime.now(UTC))
    source.set(live_at=datetime.now(UTC) - 3 * DAY)

    sync, _ = source.turn(answer)

    (gap,) = [g for g in source.ask("indiamart_gaps")["gaps"] if g["calls"]]
    assert (gap["reason"], gap["run_id"], gap["calls"]) == (reason, sync["run_id"], 1)
    assert gap["words"] != "the call failed"
    assert source.covered.count("[") == 1


def test_run_whose_worker_died_names_its_gap(source):
    source.fill()
    source.uncover(datetime.now(UTC) - 2 * HOUR, datetime.now(UTC))
    source.set(live_at=datetime.now(UTC) - 2 * HOUR, next_allowed_at=None)
    source.claim()
    source.set(**LEASE_OVER)
    source.claim()

    assert ("missing", "worker_lost") in source.gaps()


def test_time_that_grew_too_old_is_lost_with_the_reason_of_its_last_call(db, source):
    source.fill()
    db.execute(
        "update private.source_coverage set wanted_from = now() - interval '380 days' where source_id = %s",
        [source.id],
    )

    (gap,) = source.ask("indiamart_gaps")["gaps"]

    assert (gap["state"], gap["reason"]) == ("lost", "not_asked")
    assert "365 days" in gap["words"]
    assert "are lost" in source.ask("indiamart_status")["summary"]


def test_gaps_are_paged_newest_first(source):
    source.fill()
    for days in (10, 20, 30):
        source.uncover(datetime.now(UTC) - days * DAY, datetime.now(UTC) - days * DAY + HOUR)

    first = source.ask("indiamart_gaps", page=2)
    second = source.ask("indiamart_gaps", page=2, before=first["next"])

    found = [g["from"] for g in first["gaps"] + second["gaps"]]
    assert len(found) == 3
    assert found == sorted(found, reverse=True)


def test_summary_names_gaps_in_the_organizations_time(db, source):
    source.fill()
    source.uncover("2026-11-01T20:30:00Z", "2026-11-01T23:30:00Z")
    db.execute(
        "update private.source_coverage set wanted_from = '2026-10-01', covered = covered * '{[2026-10-01,)}' where source_id = %s",
        [source.id],
    )

    told = source.ask("indiamart_status")["summary"]

    assert "; 1 gap: 2 Nov 2026 02:00 to 05:00 (not asked for yet)." in told
    assert told.startswith("Everything from 1 Oct 2026 05:30 to ")


# What a new key holds back --------------------------------------------------------------------------------


def test_answers_of_a_keys_first_day_are_read_again_after_it(db, source):
    first, _ = source.turn()
    source.turn()
    assert ("held_back", "held_back") in source.gaps()

    db.execute(
        "update private.source_coverage set key_at = key_at - interval '25 hours', covered = tstzmultirange(tstzrange(wanted_from - interval '1 day', upper(covered))) where source_id = %s",
        [source.id],
    )
    db.execute(
        "update public.sync_runs set started_at = started_at - interval '25 hours' where source_id = %s",
        [source.id],
    )
    source.set(last_turn="live")
    again, _ = source.turn()

    assert again["kind"] == "backfill"
    assert window(again)[1] >= window(first)[1] - HOUR
    held = db.value("select again from private.source_coverage where source_id = %s", source.id)
    assert not any(window(again)[0] < r.upper and r.lower < window(again)[1] for r in held)


def test_new_key_holds_back_only_what_it_is_asked_for(db, source):
    source.fill()
    source.set(live_at=datetime.now(UTC) - HOUR)
    db.value("select worker.connect_indiamart(%s, %s)", source.org_id, f"new-{uuid4().hex}")

    source.turn()

    held = db.value("select again from private.source_coverage where source_id = %s", source.id)
    assert timedelta(0) < sum((r.upper - r.lower for r in held), timedelta(0)) <= HOUR + OVERLAP + MINUTE


# Late leads -----------------------------------------------------------------------------------------------


def test_sweep_that_left_rows_out_is_no_sweep(source):
    source.fill()
    swept = datetime.now(UTC).replace(microsecond=0) - 37 * HOUR
    source.set(swept_at=swept)

    sync, _ = source.turn(OK | {"complete": False})

    assert sync["kind"] == "sweep"
    assert source.get("swept_at") == swept
    source.set(last_turn="live")
    assert window(source.turn()[0])[1] - window(sync)[0] < 4 * DAY


def test_after_a_silence_sweeps_catch_up_in_turn_with_what_is_new(source):
    source.fill()
    swept = datetime.now(UTC).replace(microsecond=0) - 20 * DAY
    source.set(swept_at=swept)

    syncs = [source.turn()[0] for _ in range(8)]

    sweeps = [window(sync) for sync in syncs if sync["kind"] == "sweep"]
    assert [sync["kind"] for sync in syncs[:4]] == ["sweep", "live"] * 2
    assert sweeps[0][0] == swept - 6 * DAY - OVERLAP
    assert all(later[0] <= earlier[1] for earlier, later in pairwise(sweeps))
    assert source.get("swept_at > now() - interval '1 minute'")


def test_sweep_that_fails_does_not_hold_up_what_is_new(source):
    source.fill()
    source.set(swept_at=datetime.now(UTC) - 40 * HOUR)

    kinds = [source.turn({"outcome": "server_error"})[0]["kind"] for _ in range(4)]

    assert kinds == ["sweep", "live"] * 2


# Push against pull ----------------------------------------------------------------------------------------


def counts(source, **which):
    (day,) = [d for d in source.ask("indiamart_days", **which)["days"] if d["leads"]["all"]]
    return {name: value for name, value in day["leads"].items() if value}


@pytest.mark.parametrize("first", ["push", "pull"])
def test_lead_by_both_ways_is_one_lead_and_the_first_way_is_known(db, source, first):
    source.accept_pushes()
    one = lead(1, DAY)
    for way in (first, "pull" if first == "push" else "push", "push", "pull"):
        source.push(one) if way == "push" else source.turn(OK | {"leads": [one, one]})

    assert {k: v for k, v in counts(source).items() if not k.endswith("seconds")} == {
        "all": 1,
        "both": 1,
        f"{first}_first": 1,
    }
    assert db.value("select count(*) from public.leads where source_id = %s", source.id) == 1


def test_leads_of_a_day_add_up_by_their_ways(db, source):
    source.accept_pushes()
    source.push(lead(1, 2 * DAY), lead(2, 2 * DAY))
    source.turn(OK | {"leads": [lead(2, 2 * DAY), lead(3, 2 * DAY), lead(4, 2 * DAY)]})
    db.execute(
        "update private.lead_arrivals set pushed_at = pulled_at - interval '90 seconds' where way = 'both' and source_id = %s",
        [source.id],
    )

    told = counts(source)

    assert told == {
        "all": 4,
        "push_only": 1,
        "both": 1,
        "pull_only": 2,
        "push_first": 1,
        "push_earlier_seconds": 90,
    }
    for way, ids in (("push", {"1"}), ("both", {"2"}), ("pull", {"3", "4"})):
        assert {row["external_id"] for row in source.ask("indiamart_arrivals", way=way)["leads"]} == ids
    assert source.ask("indiamart_status")["leads_7d"]["all"] == 4


def test_way_of_leads_is_paged_without_loss(source):
    source.turn(OK | {"leads": [lead(n, DAY) for n in range(5)]})

    seen, last = [], {}
    while page := source.ask("indiamart_arrivals", way="pull", page=2, **last)["leads"]:
        seen += [row["external_id"] for row in page]
        last = {"before": page[-1]["received_at"], "before_id": page[-1]["lead_id"]}

    assert sorted(seen) == ["0", "1", "2", "3", "4"]


def test_repeated_answers_write_no_arrival_twice(db, source):
    source.turn(OK | {"leads": [lead(1, DAY)]})
    before = db.row(
        "select xmin::text, ctid::text, pulled_at from private.lead_arrivals where source_id = %s", source.id
    )

    source.turn(OK | {"leads": [lead(1, DAY)]})

    assert (
        db.row(
            "select xmin::text, ctid::text, pulled_at from private.lead_arrivals where source_id = %s",
            source.id,
        )
        == before
    )


def test_push_and_pull_at_once_store_one_lead_that_came_by_both(connect):
    db = connect()
    owner = uuid4()
    db.execute("insert into auth.users (id, email) values (%s, %s)", [owner, f"{owner}@example.test"])
    org_id = db.value("select private.new_organization('Both', %s)", owner)
    source = Source(db, org_id, f"both-{uuid4().hex}")
    token = uuid4().hex
    db.value("select worker.rotate_push_token(%s, %s)", org_id, hashed(token))
    many = json.dumps([lead(n, DAY) for n in range(20)])
    source.be_due()
    (sync,) = source.claim()
    doors = [("select worker.push_leads(%s, %s)", [hashed(token), many])] * 4
    doors.append(
        ("select worker.ingest_leads(%s, %s)", [sync["run_id"], json.dumps(OK | {"leads": json.loads(many)})])
    )

    with ThreadPoolExecutor(len(doors)) as pool:
        list(pool.map(lambda door: connect().execute(*door), doors))

    ways = db.rows(
        "select way, count(*) from private.lead_arrivals where source_id = %s group by 1", source.id
    )
    stored = db.value("select count(*) from public.leads where source_id = %s", source.id)
    db.value("select worker.disconnect_source(%s, %s)", org_id, source.id)
    assert (ways, stored) == ([("both", 20)], 20)


# Hours and days -------------------------------------------------------------------------------------------


def test_hours_say_which_run_answered_them_and_what_is_open(source):
    source.fill()
    day = (datetime.now(UTC) - 2 * DAY).replace(
        hour=18, minute=30, second=0, microsecond=0
    )  # midnight in India
    source.uncover(day + 3 * HOUR, day + 3 * HOUR + 20 * MINUTE)
    source.uncover(day + 5 * HOUR, day + 7 * HOUR)
    source.turn()

    told = source.ask("indiamart_hours", day=(day + 6 * HOUR).date())

    states = [hour["state"] for hour in told["hours"]]
    assert len(states) == 24
    assert [n for n, state in enumerate(states) if state == "partial"] == [3]
    assert [n for n, state in enumerate(states) if state == "missing"] == [5, 6]
    assert states.count("complete") == 21
    assert told["hours"][3]["open_seconds"] == 1200
    first = source.db.value(
        "select id::text from public.sync_runs where source_id = %s and kind = 'live' order by window_from limit 1",
        source.id,
    )
    assert told["hours"][0]["run_id"] == first


def test_days_are_paged_to_the_begin_of_history(source):
    source.fill()
    days, before = [], None
    for _ in range(20):
        page = source.ask("indiamart_days", before=before, page=50)
        days += [day["day"] for day in page["days"]]
        before = page["next"]
        if before is None:
            break

    assert before is None
    assert len(days) == len(set(days)) in (365, 366, 367)
    assert days == sorted(days, reverse=True)


def test_day_with_a_changed_clock_has_its_23_or_25_hours(db, source):
    source.fill()
    db.execute("update public.organizations set time_zone = 'Europe/Berlin' where id = %s", [source.org_id])

    assert len(source.ask("indiamart_hours", day="2026-10-25")["hours"]) == 25
    assert len(source.ask("indiamart_hours", day="2026-03-29")["hours"]) == 23


def test_coverage_is_proven_by_the_sync_log_and_a_forged_one_is_not(db, source):
    source.turn()
    assert source.ask("indiamart_proof")["agrees"] is True

    db.execute(
        "update private.source_coverage set covered = covered + '{[2026-01-01,2026-01-02)}' where source_id = %s",
        [source.id],
    )

    told = source.ask("indiamart_proof")
    assert (told["agrees"], len(told["unproven"])) == (False, 1)


# History --------------------------------------------------------------------------------------------------


def test_end_of_history_is_estimated_by_the_calls_left(source):
    source.turn()

    told = source.ask("indiamart_status")["history"]

    assert told["calls_left"] in (52, 53)
    left = datetime.fromisoformat(told["ends_at"]) - datetime.now(UTC)
    assert left == pytest.approx((2 * told["calls_left"]) * timedelta(minutes=6), abs=10 * MINUTE)


def test_dead_key_promises_no_end(source):
    source.turn()
    source.turn({"outcome": "key_rejected"})

    assert source.ask("indiamart_status")["history"]["ends_at"] is None
