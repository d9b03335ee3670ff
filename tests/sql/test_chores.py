"""What runs again and again: the same chores by pg_cron and, where there is none, by whoever asks."""

import pytest

from tests.business import call


@pytest.fixture
def idle(db):
    """All chores have just been done, but those a test makes due."""
    db.execute("update private.chores set done_at = clock_timestamp()")
    return db


def due(db, *names):
    for age, name in enumerate(reversed(names)):
        db.execute(
            "update private.chores set done_at = clock_timestamp() - every - make_interval(secs => %s)"
            " where name = %s",
            [age + 1, name],
        )


def test_pg_cron_runs_exactly_the_chores(db):
    cron = db.rows("select jobname, schedule, command from cron.job where jobname like 'flow-%%' order by 1")

    assert cron == db.rows("select name, schedule, command from private.chores order by 1"), (
        "a job of pg_cron needs a row in private.chores, or it does not run on hosts without pg_cron"
    )
    assert call(db, "installation")["unscheduled"] == []


def test_a_job_that_pg_cron_lost_or_that_somebody_changed_or_switched_off_is_set_again(db):
    db.execute("select cron.unschedule('flow-leads'), cron.schedule('flow-billing', '1 1 1 1 *', 'select 1')")
    db.execute("select cron.alter_job(jobid, active => false) from cron.job where jobname = 'flow-sweep'")
    lost = ["flow-billing", "flow-leads", "flow-sweep"]
    assert call(db, "installation")["unscheduled"] == lost

    assert db.value("select private.schedule_chores()") == lost

    test_pg_cron_runs_exactly_the_chores(db)
    assert db.value("select private.schedule_chores()") == []


def test_what_is_due_longest_runs_first_each_once_until_nothing_is(idle):
    due(idle, "flow-billing", "flow-clean-up", "flow-sweep")

    ran = [call(idle, "run_due") for _ in range(4)]

    assert [one["ran"] for one in ran] == ["flow-billing", "flow-clean-up", "flow-sweep", None]
    assert ran[-1]["jobs"] == []


def test_a_chore_that_fails_is_noted_and_stops_no_other(idle):
    idle.execute("update private.chores set command = 'select 1 / 0' where name = 'flow-billing'")
    due(idle, "flow-billing", "flow-leads")

    assert call(idle, "run_due") == {"ran": "flow-billing", "failed": "22012"}
    assert call(idle, "run_due") == {"ran": "flow-leads"}
    assert call(idle, "run_due")["ran"] is None
    assert call(idle, "installation")["failed_chores"] == [{"name": "flow-billing", "sqlstate": "22012"}]


def test_a_chore_that_somebody_runs_is_passed_over(connect):
    one, other = connect(), connect()
    with one.transaction(force_rollback=True):
        one.execute("update private.chores set done_at = '-infinity' where name = 'flow-leads'")
        one.execute("update private.chores set done_at = clock_timestamp() where name <> 'flow-leads'")
        with other.transaction(force_rollback=True):
            assert other.execute("set local lock_timeout = '1s'")
            assert call(other, "run_due")["ran"] is None


def test_without_pg_net_the_jobs_that_nobody_wakes_are_named(idle):
    with idle.transaction(force_rollback=True):
        idle.execute("set local role none")
        jobs = [job for (job,) in idle.rows("select job from private.wakeups order by 1")]
        body = idle.value("select prosrc from pg_proc where oid = 'worker.run_due()'::regprocedure")
        idle.execute(
            "create or replace function worker.run_due() returns jsonb language plpgsql security definer"
            f" set search_path = '' as $f${body.replace('net.http_post', 'net.gone')}$f$"
        )

        assert call(idle, "run_due") == {"ran": None, "jobs": jobs}


def test_an_installation_tells_what_it_lacks_and_no_secret(db, org):
    whole = call(db, "installation")
    assert (whole["postgres"], whole["missing"], whole["buckets"], whole["lost_keys"]) == (17, [], [], [])
    db.execute("select private.put_credential(%s, 'whatsapp_token', 'secret')", [org()])
    name = db.value("select vault_name from private.credential_keys where state = 'active'")
    assert call(db, "installation")["keys"] == whole["keys"] or whole["keys"] == 0

    db.execute("delete from vault.secrets where name = %s", [name])

    assert call(db, "installation")["lost_keys"] == [name]


@pytest.mark.parametrize("has_cron", [True, False], ids=["pg_cron", "run_due"])
def test_a_new_installation_is_checked_within_a_minute_of_its_first_organization(idle, org, has_cron):
    idle.execute("delete from private.isolation_checks")
    idle.execute("update public.organizations set deleted_at = now() where deleted_at is null")
    checks = "select asked_by, leaks from private.isolation_checks"

    def a_minute_later():
        due(idle, "flow-isolation")
        if not has_cron:
            return call(idle, "run_due")
        (command,) = idle.row(
            "select command from cron.job where jobname = 'flow-isolation' and schedule = '* * * * *'"
        )
        return idle.execute(command)

    a_minute_later()
    assert idle.rows(checks) == [], "there is nobody to be kept apart"

    org()
    a_minute_later()

    assert idle.rows(checks) == [("schedule", [])]
