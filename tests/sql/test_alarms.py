"""Alarms: each rule by its real cause, and gone with it; open once, over once, told once."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from tests.business import Business, call, text
from tests.database import Database
from tests.sql.deleting import ask
from tests.sql.retaining import retain
from tests.sql.test_indiamart_coverage import Watched
from tests.sql.test_indiamart_states import DAY, lead, pulled
from tests.sql.test_sync_log import break_messages, mend_messages

ASHA = "+919810000011"


@pytest.fixture(autouse=True)
def _nothing_else(db: Database) -> None:
    """What other tests left in the database is not of these."""
    for table in ("alarms", "request_log", "api_calls", "telemetry_losses", "dead_letters", "payment_events"):
        db.execute(f"delete from private.{table}")
    db.execute("update private.wakeups set asked_at = '-infinity'")


def look(db: Database, minutes: int = 0) -> None:
    """Let time pass for alarms, and look once more."""
    columns = ("since", "seen_at", "opened_at", "acknowledged_at", "resolved_at")
    moved = ", ".join(f"{name} = {name} - make_interval(mins => %(by)s)" for name in columns)
    db.execute(f"update private.alarms set {moved}", {"by": minutes})
    db.execute("update private.alarm_rules set checked_at = null")
    db.value("select private.evaluate_alarms()")


def state(db: Database, rule: str) -> list[str]:
    """The alarms of a rule: waiting, open, over."""
    return [
        "over" if over else "open" if is_open else "waiting"
        for is_open, over in db.rows(
            "select opened_at is not null, resolved_at is not null from private.alarms where rule = %s order by id",
            rule,
        )
    ]


class Causes:
    """For each rule what brings it about; each gives what ends it."""

    def __init__(self, db: Database, business: Business, world: Callable[[str], Any]) -> None:
        self.db, self.business, self.world = db, business, world

    def telemetry(self, **rows: object) -> None:
        assert call(self.db, "record_telemetry", rows=rows)["refused"] == 0

    def age(self, table: str, column: str = "occurred_at", by: str = "6 minutes") -> Callable[[], object]:
        return lambda: self.db.execute(f"update private.{table} set {column} = {column} - interval '{by}'")

    def requests(self, many: int, **given: object) -> None:
        self.telemetry(
            requests=[{"method": "GET", "route": "/x", "status": 200, "duration_ms": 5} | given] * many
        )

    def server_errors(self) -> Callable[[], object]:
        self.requests(40)
        self.requests(2, status=502)
        return self.age("request_log")

    def slow_answers(self) -> Callable[[], object]:
        self.requests(30)
        self.requests(3, duration_ms=1600)
        return self.age("request_log")

    def webhook_lag(self) -> Callable[[], object]:
        call_ = {"direction": "in", "provider": "meta", "operation": "webhook", "lag_ms": 61_000}
        self.telemetry(calls=[call_] * 3)
        return self.age("api_calls")

    def number_silent(self) -> Callable[[], object]:
        hours = datetime.now(UTC).hour - 12
        self.db.execute(
            "update public.organizations set time_zone = %s where id = %s",
            [f"Etc/GMT{hours:+d}", self.business.org_id],
        )
        for days in (1, 2, 4, 5, 7):
            for n in range(3):
                self.business.hear(text(f"wamid.{days}.{n}", "Hello"))
            self.db.execute(
                "update private.event_effects set received_at = received_at - make_interval(days => %s, mins => 5)"
                " where org_id = %s and received_at > now() - interval '1 hour'",
                [days, self.business.org_id],
            )
        self.watch("20 minutes")
        return lambda: self.watch("0")

    def watch(self, ago: str) -> None:
        self.db.execute(
            "update public.whatsapp_numbers set heard_at = now() - %s::interval where org_id = %s",
            [ago, self.business.org_id],
        )
        self.db.execute(
            "select private.watch_numbers(%s, %s)", [self.business.org_id, self.business.account_id]
        )

    def source_differs(self) -> Callable[[], object]:
        source = self.world("indiamart")
        pulled(source, 2 * DAY)
        return lambda: source.push(lead(99, DAY / 48))

    def queue_old(self) -> Callable[[], object]:
        self.business.send(ASHA)
        self.business.let_pass(121)
        return self.business.claim

    def payment_quarantined(self) -> Callable[[], object]:
        call(
            self.db, "store_payment_event", provider="razorpay", mode="test", event_id="evt", type="malformed",
            provider_ts=None, body_sha256="0" * 64, body={},
        )  # fmt: skip
        return self.age("payment_events", "received_at", "31 days")

    def dead_letters(self) -> Callable[[], object]:
        break_messages(self.db)
        self.business.hear(*(text(f"wamid.{n}", "Broken") for n in range(11)))

        def mended() -> None:
            mend_messages(self.db)
            assert call(self.db, "replay")["dead"] == 0

        return mended

    def retention_missed(self) -> Callable[[], object]:
        self.db.execute("delete from private.retention_runs where class = 'feed'")
        self.db.execute(
            "update private.retention_classes set added_at = now() - interval '3 days' where class = 'feed'"
        )
        return lambda: retain(self.db, "feed")

    def deletion_late(self) -> Callable[[], object]:
        owner, org_id = self.world("owned")
        deletion = ask(self.db, owner, org_id)["id"]
        self.db.execute(
            "update private.organization_deletions set requested_at = now() - interval '26 days',"
            " purge_at = now() - interval '12 days' where id = %s",
            [deletion],
        )
        return lambda: self.db.execute(
            "update private.organization_deletions set requested_at = now() where id = %s", [deletion]
        )

    def inquiry_overdue(self) -> Callable[[], object]:
        ticket = self.db.value(
            "insert into private.tickets (category, subject, due_at)"
            " values ('grievance', 'Late', now() - interval '1 hour') returning id"
        )
        return lambda: self.db.execute("update private.tickets set state = 'solved' where id = %s", [ticket])

    def isolation(self) -> Callable[[], object]:
        self.db.execute("delete from private.isolation_checks")
        self.db.execute("update public.organizations set created_at = now() - interval '3 days'")
        self.checked([{"table": "public.leads", "what": "read", "who": "member"}], "49 hours")
        return lambda: self.checked([], "0")

    def checked(self, leaks: list[dict[str, str]], ago: str) -> None:
        self.db.execute(
            "insert into private.isolation_checks (at, asked_by, took_ms, tables, with_rows, functions, attempts, leaks)"
            " values (now() - %s::interval, 'schedule', 1, 1, 1, 1, 1, %s)",
            [ago, json.dumps(leaks)],
        )

    def partition_missing(self) -> Callable[[], object]:
        name = self.db.value(
            "select 'event_effects_' || to_char((now() + interval '1 day') at time zone 'UTC', 'YYYYMMDD')"
        )
        self.db.execute(f"drop table private.{name}")
        return lambda: self.db.execute("select private.roll_webhook_events()")

    def telemetry_lost(self) -> Callable[[], object]:
        self.telemetry(dropped=3)
        return self.age("telemetry_losses", "hour", "3 hours")

    def credential_refused(self) -> Callable[[], object]:
        self.db.execute(
            "select private.ask_reconnect(%s, %s, 'Meta refuses the token')",
            [self.business.org_id, self.business.account_id],
        )
        return self.business.connect

    def cron_silent(self) -> Callable[[], object]:
        job = self.db.value("select jobid from cron.job where jobname = 'flow-sweep'")
        self.db.execute("select cron.alter_job(%s, active => false)", [job])
        return lambda: self.db.execute("select cron.alter_job(%s, active => true)", [job])

    def wakeup_unanswered(self) -> Callable[[], object]:
        self.db.execute(
            "select private.configure('https://flow.example.test', 'a-secret-of-24-characters-or-more')"
        )
        self.db.execute("update private.wakeups set asked_at = '-infinity'")
        assert self.db.value("select private.wake('dispatch')")
        run = {"duration_ms": 5, "outcome": "done"}
        return lambda: self.telemetry(jobs=[{"job": job} | run for job in ("dispatch", "alarms")])

    def rule_failed(self) -> Callable[[], object]:
        whole = self.db.value("select pg_get_functiondef('private.alarm_on_dead_letters'::regproc)")
        self.db.execute(
            "create or replace function private.alarm_on_dead_letters(rule private.alarm_rules)"
            " returns setof private.alarm_sign language plpgsql as $$ begin raise 'broken'; end $$"
        )
        return lambda: self.db.execute(whole)


RULES = sorted(
    name
    for name in vars(Causes)
    if name not in ("telemetry", "age", "requests", "watch", "checked") and not name.startswith("_")
)


@pytest.fixture
def causes(db: Database, business: Business, org: Any, member: Any, person: Any) -> Causes:
    """What can go wrong."""

    def world(name: str) -> Any:
        if name == "indiamart":
            acme = org(name="Acme")
            return Watched(db, acme, member(acme))
        owner = person("owner")
        return owner, org(owner)

    return Causes(db, business, world)


def test_every_rule_has_a_cause_here(db: Database) -> None:
    assert [
        rule for (rule,) in db.rows('select rule from private.alarm_rules order by rule collate "C"')
    ] == RULES


@pytest.mark.parametrize("rule", RULES)
def test_the_cause_opens_the_alarm_and_its_end_ends_it(db: Database, causes: Causes, rule: str) -> None:
    look(db)
    assert state(db, rule) == []
    end = getattr(causes, rule)()

    look(db)
    look(db, 3)

    assert set(state(db, rule)) == {"open"}
    [words] = {bool(words) for (words,) in db.rows("select words from private.alarms where rule = %s", rule)}
    assert words
    end()
    look(db, 1)
    look(db, 40)
    assert set(state(db, rule)) == {"over"}
    assert db.value("select count(*) from private.alarm_rules where failed is not null") == 0


def test_cron_that_runs_nothing_or_fails_is_noticed(db: Database, cluster: Any) -> None:
    with psycopg.connect(cluster.dsn("supabase_admin", "flow")) as admin:
        admin.execute("delete from cron.job_run_details")
        ran = (
            "insert into cron.job_run_details (jobid, status, start_time, end_time)"
            " select jobid, %s, now() - %s::interval, now() from cron.job where jobname = any (%s)"
        )
        admin.execute(ran, ["succeeded", "6 minutes", ["flow-sweep", "flow-leads", "flow-clean-up"]])
        admin.execute(ran, ["succeeded", "1 minute", ["flow-leads"]])
        admin.execute(ran, ["failed", "1 minute", ["flow-duplicates"]])
        seen = admin.execute(
            "select s.subject from private.alarm_rules r, private.alarm_signs(r) s where r.rule = 'cron_silent'"
        ).fetchall()
        admin.rollback()

    assert {name for (name,) in seen} == {"flow-sweep", "flow-retention", "flow-duplicates", "flow-news"}


def losses(db: Database, dropped: int) -> None:
    db.execute("delete from private.telemetry_losses")
    if dropped:
        call(db, "record_telemetry", rows={"dropped": dropped})


def test_an_alarm_that_flaps_is_one_and_takes_ever_longer_to_be_over(db: Database) -> None:
    losses(db, 1)
    look(db)
    losses(db, 0)
    look(db, 2)
    assert state(db, "telemetry_lost") == ["over"]
    losses(db, 1)
    look(db, 5)
    assert state(db, "telemetry_lost") == ["open"], "it comes back within a quarter of an hour: the same one"

    losses(db, 0)
    look(db, 1)
    assert state(db, "telemetry_lost") == ["open"], "twice as long as the first time"
    look(db, 1)
    assert state(db, "telemetry_lost") == ["over"]
    losses(db, 1)
    look(db, 16)
    assert state(db, "telemetry_lost") == ["over", "open"], "and later it is another one"


def test_what_stops_before_it_lasts_was_never_an_alarm(db: Database, causes: Causes) -> None:
    end = causes.wakeup_unanswered()
    look(db)
    look(db, 1)
    assert state(db, "wakeup_unanswered") == ["waiting"]
    assert not call(db, "alarms")["alarms"]
    end()
    look(db, 5)

    assert state(db, "wakeup_unanswered") == []


def test_a_number_that_is_always_quiet_at_this_time_is_not_called_silent(
    db: Database, causes: Causes
) -> None:
    causes.number_silent()
    db.execute(
        "delete from private.event_effects where org_id = %s and received_at < now() - interval '6 days'",
        [causes.business.org_id],
    )
    causes.watch("20 minutes")
    look(db)

    assert state(db, "number_silent") == []


def test_an_organization_that_is_being_deleted_has_no_new_alarms(db: Database, causes: Causes) -> None:
    causes.credential_refused()
    db.execute("update public.organizations set deleted_at = now() where id = %s", [causes.business.org_id])
    look(db)

    assert state(db, "credential_refused") == []


# Telling


def claim(db: Database, *channels: str) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = call(db, "claim_alarm_news", channels="{" + ",".join(channels) + "}")[
        "tellings"
    ]
    return told


def finish(db: Database, telling: dict[str, Any], error: str | None = None) -> Any:
    told = [{"alarm_id": alarm["alarm_id"], "changes": alarm["changes"]} for alarm in telling["alarms"]]
    return call(
        db,
        "finish_alarm_news",
        channel=telling["channel"],
        lease=telling["lease"],
        told=json.dumps(told),
        error=error,
    )


def states(telling: dict[str, Any]) -> list[str]:
    return [alarm["state"] for alarm in telling["alarms"]]


def test_each_change_is_told_once_on_each_channel(db: Database) -> None:
    losses(db, 1)
    look(db)

    first, second = claim(db, "mail", "webhook")
    assert (first["channel"], second["channel"]) == ("mail", "webhook")
    assert claim(db, "mail", "webhook") == [], "somebody tells already"
    assert finish(db, first) == {"more": False, "next_at": None}
    finish(db, second)
    assert claim(db, "mail", "webhook") == []

    call(db, "acknowledge_alarm", alarm_id=first["alarms"][0]["alarm_id"])
    [again] = claim(db, "mail")
    losses(db, 0)
    look(db, 2)
    assert finish(db, again)["more"], "it is over meanwhile"
    [last] = claim(db, "mail")
    assert (states(first), states(again), states(last)) == (["open"], ["acknowledged"], ["resolved"])
    finish(db, last)
    [only] = claim(db, "webhook")
    assert states(only) == ["resolved"], "what happened between two tellings is told as it ended"


def test_a_receiver_that_is_down_for_an_hour_is_told_how_it_is_then(db: Database, causes: Causes) -> None:
    losses(db, 1)
    look(db)
    for _ in range(6):
        [telling] = claim(db, "webhook")
        finish(db, telling, "receiver_unreachable")
        assert claim(db, "webhook") == [], "not at once again"
        waits = db.value(
            "select next_at - now() < interval '11 minutes' from private.alarm_channels where channel = 'webhook'"
        )
        assert waits
        db.execute("update private.alarm_channels set next_at = now()")
    losses(db, 0)
    look(db, 2)
    causes.credential_refused()
    look(db)

    [telling] = claim(db, "webhook")

    assert sorted(states(telling)) == ["open", "resolved"]
    assert telling["attempt"] == 7
    finish(db, telling)
    assert claim(db, "webhook") == []


def test_a_worker_that_died_over_a_telling_is_followed_by_another(db: Database) -> None:
    losses(db, 1)
    look(db)
    [dead] = claim(db, "mail")
    db.execute("update private.alarm_channels set lease_until = now()")
    [telling] = claim(db, "mail")
    db.as_service()
    late = db.refusal("select worker.finish_alarm_news('mail', %s, '[]')", dead["lease"])
    db.as_operator()

    assert late.detail == "lease_lost"
    assert telling["alarms"] == dead["alarms"]


def test_what_is_long_over_is_not_told_to_a_receiver_that_is_new(db: Database) -> None:
    losses(db, 1)
    look(db)
    losses(db, 0)
    look(db, 2)
    look(db, 60 * 25)

    assert claim(db, "mail") == []


def test_new_alarms_wake_the_job_that_tells(db: Database) -> None:
    db.execute("select private.configure('https://flow.example.test', 'a-secret-of-24-characters-or-more')")
    db.execute("delete from net.http_request_queue")
    losses(db, 1)
    look(db)
    asked = "select count(*) from net.http_request_queue where url like '%%/jobs/alarms'"
    assert db.value(asked) == 1

    db.execute("update private.wakeups set asked_at = '-infinity'")
    look(db, 1)
    assert db.value(asked) == 1, "nothing new, and no channel"
    claim(db, "mail")
    db.execute("update private.alarm_channels set lease_until = now()")
    look(db, 1)
    assert db.value(asked) == 2, "it was claimed, and not told"


# Flow's own people


@pytest.fixture
def staff(db: Database, person: Any) -> Any:
    """Somebody of Flow."""
    made = person("operator")
    call(db, "set_support", email=made.email, is_staff=True)
    return made


def test_flows_people_see_alarms_and_say_who_looks_after_them(
    db: Database, staff: Any, causes: Causes
) -> None:
    causes.credential_refused()
    losses(db, 1)
    look(db)
    db.as_person(staff)

    told = db.value("select public.operations_alarms()")
    [mine] = [alarm for alarm in told["alarms"] if alarm["rule"] == "credential_refused"]
    taken = db.value("select public.acknowledge_alarm(%s)", mine["alarm_id"])

    assert (mine["org_id"], mine["organization"]) == (str(causes.business.org_id), "Sharma Traders")
    assert (mine["state"], taken["state"]) == ("open", "acknowledged")
    assert {"operator"} == {
        alarm["acknowledged_by"] for alarm in db.value("select public.operations_alarms()")["alarms"]
    } - {None}
    first = db.value("select public.operations_alarms(page_size => 1)")
    rest = db.value("select public.operations_alarms(before_id => %s)", first["next"])
    assert len(first["alarms"] + rest["alarms"]) == len(told["alarms"]) == 2
    health = db.value("select public.operations_health()")
    assert health["alarms"] == {"critical": 0, "warning": 2}
    db.as_operator()
    losses(db, 0)
    look(db, 2)
    db.as_person(staff)
    [over] = db.value("select public.operations_alarms(true)")["alarms"]
    assert db.refusal("select public.acknowledge_alarm(%s)", over["alarm_id"]).detail == "alarm_over"
    assert db.refusal("select public.acknowledge_alarm(0)").detail == "alarm_unknown"


@pytest.mark.parametrize("ask_for", ["operations_alarms()", "operations_health()", "acknowledge_alarm(0)"])
def test_nobody_else_sees_that_there_are_alarms(db: Database, person: Any, ask_for: str) -> None:
    db.as_person(person())

    assert db.refusal(f"select public.{ask_for}").detail == "not_found"


def test_doctor_is_told_what_is_wrong_now_and_since_when_it_is_an_alarm(db: Database, causes: Causes) -> None:
    losses(db, 1)
    look(db)
    causes.rule_failed()
    causes.credential_refused()

    told = call(db, "look_at_alarms")

    signs = {sign["rule"]: sign for sign in told["signs"]}
    assert signs.keys() == {"telemetry_lost", "dead_letters"}, "findings of organizations are told as such"
    assert signs["telemetry_lost"]["alarm_id"]
    assert "cannot be looked at" in signs["dead_letters"]["words"]
    assert not told["is_late"]
    db.execute("update private.alarm_rules set checked_at = now() - interval '6 minutes'")
    assert call(db, "look_at_alarms")["is_late"]
    db.execute("update private.alarm_rules set checked_at = null")
    assert not call(db, "look_at_alarms")["is_late"], "a new installation"


def test_what_has_to_last_is_told_by_the_doctor_once_it_has(db: Database, causes: Causes) -> None:
    causes.slow_answers()
    assert call(db, "look_at_alarms")["signs"] == [], "seen once"

    db.execute("select private.evaluate_alarms()")
    assert call(db, "look_at_alarms")["signs"] == []
    db.execute("update private.alarms set since = since - interval '3 minutes'")

    (sign,) = call(db, "look_at_alarms")["signs"]
    assert (sign["rule"], sign["alarm_id"]) == ("slow_answers", None)
