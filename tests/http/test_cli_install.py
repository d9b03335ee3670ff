"""`flow install`, `flow tick`, and what `flow doctor` says of an installation."""

import httpx
import pytest

from tests.http.recording import RecordingDatabase, settings
from workers.cli import doctor_installation, tick
from workers.cli.installing import Installer, by_hand
from workers.cli.output import Refusal
from workers.jobs import JOBS
from workers.local import migrations

PUBLIC = {"FLOW_PUBLIC_URL": "https://flow.example.test", "FLOW_JOB_SECRET": "a-job-secret-of-the-tests"}
WHOLE = {
    "postgres": 17, "missing": [], "unscheduled": [], "failed_chores": [], "buckets": [], "keys": 1,
    "lost_keys": [], "broken_indexes": [],
}  # fmt: skip


@pytest.fixture
def states(db, tmp_path, monkeypatch):
    """Takes every step with some settings; {step: state}. The migrations are applied already."""
    monkeypatch.setattr(migrations, "folder", lambda: tmp_path)

    def take(*, check=False, **changes):
        known = settings(**(PUBLIC | changes))
        return {step.name: step.state for step in Installer(db, known, check=check).steps()}

    return take


def test_an_installation_is_completed_and_then_there_is_nothing_to_do(db, states):
    db.execute("set local session_replication_role = replica")  # other tests' credentials name theirs
    db.execute("delete from private.credential_keys")
    db.execute("delete from vault.secrets where name like 'flow\\_key%'")
    db.execute("set local session_replication_role = origin")
    db.execute("select cron.unschedule('flow-sweep')")
    lacking = {"workers", "key", "schedule"}
    before = states(check=True)
    assert {name for name, state in before.items() if state == "missing"} == lacking
    assert states(check=True) == before, "a look changes nothing"

    done = states()

    assert {name for name, state in done.items() if state == "done"} == lacking
    assert set(states().values()) == {"there"}
    held = dict(db.rows("select name, decrypted_secret from vault.decrypted_secrets"))
    assert (held["flow_worker_url"], held["flow_job_secret"]) == tuple(PUBLIC.values())


def test_what_needs_a_person_is_said_and_the_rest_goes_on(db, states, org):
    db.execute("select private.put_credential(%s, 'whatsapp_token', 'secret')", [org()])
    db.execute("delete from vault.secrets where name like 'flow\\_key%'")
    db.execute("set local storage.allow_delete_query = 'true'")
    db.execute("delete from storage.buckets where id = 'imports'")

    told = states(FLOW_PUBLIC_URL="", FLOW_WORKERS="meta")

    assert {name for name, state in told.items() if state == "blocked"} == {"workers", "key", "buckets"}


def test_a_step_that_fails_says_which_and_the_next_run_goes_on(db, states):
    db.execute("select cron.unschedule('flow-sweep')")
    db.execute("alter function private.configure(text, text) rename to configure_later")
    with pytest.raises(Refusal, match=r"«workers» failed.*run the command again"), db.transaction():
        states()
    db.execute("alter function private.configure_later(text, text) rename to configure")

    assert states()["workers"] == "done"


def test_a_foreign_role_and_an_old_server_are_refused(db, states, monkeypatch):
    monkeypatch.setattr("workers.cli.installing.POSTGRES", 99)
    with pytest.raises(Refusal) as old:
        states()
    monkeypatch.undo()
    with pytest.raises(Refusal) as foreign:
        list(Installer(db.as_service(), settings(), check=True).steps())

    assert (old.value.detail, foreign.value.detail) == ("postgres_too_old", "not_the_owner")


def test_what_a_person_pastes_has_this_installation_s_addresses_and_no_secret():
    told = by_hand(settings(**PUBLIC))
    values = [row["value"] for row in told]

    assert {
        "public, worker",
        "https://flow.example.test/webhooks/meta",
        "https://flow.example.test/**",
    } <= set(values)
    assert not any("secret" in value and value.islower() for value in values)
    assert "verify-me" not in str(told)


@pytest.mark.parametrize(
    ("changes", "levels", "words"),
    [
        ({}, [], ""),
        ({"postgres": 15}, ["error"], "Postgres 15"),
        ({"missing": ["pg_cron"]}, ["error"], "pg_cron is missing"),
        ({"missing": ["supabase_vault"]}, ["error"], "supabase_vault is missing"),
        ({"unscheduled": ["flow-sweep"]}, ["error"], "flow-sweep"),
        (
            {"failed_chores": [{"name": "flow-billing", "sqlstate": "22012"}]},
            ["warning"],
            "flow-billing (22012)",
        ),
        ({"lost_keys": ["flow_key_v1"]}, ["error"], "flow_key_v1"),
        ({"buckets": ["media"]}, ["error"], "media"),
        ({"broken_indexes": ["public.x"]}, ["warning"], "public.x"),
    ],
)
def test_doctor_names_what_an_installation_lacks_with_a_remedy(changes, levels, words):
    told = list(doctor_installation.findings(RecordingDatabase(installation=WHOLE | changes)))
    bad = [one for one in told if one.level != "ok"]

    assert [one.level for one in bad] == levels
    assert all(words in one.what and one.remedy for one in bad)
    assert len(told) > len(bad)


EXTERNAL = {"email": True, "google": True, "anonymous_users": False}
HOSTED = {"SUPABASE_URL": "https://abc.supabase.co"}


@pytest.mark.parametrize(
    ("said", "levels"),
    [
        ({"external": EXTERNAL, "mailer_autoconfirm": False}, ["ok"]),
        ({"external": EXTERNAL | {"google": False}, "mailer_autoconfirm": False}, ["ok", "warning"]),
        ({"external": EXTERNAL | {"email": False}, "mailer_autoconfirm": False}, ["error"]),
        ({"external": EXTERNAL | {"anonymous_users": True}, "mailer_autoconfirm": False}, ["error", "ok"]),
        ({"external": EXTERNAL, "mailer_autoconfirm": True}, ["error", "ok"]),
        ({}, ["error"]),
    ],
)
def test_doctor_tells_how_people_sign_in(said, levels):
    http = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200, json=said)))

    told = list(doctor_installation.sign_in(settings(**HOSTED), http))

    assert [one.level for one in told] == levels


def test_tick_runs_what_is_due_and_the_jobs_that_nobody_wakes():
    asked = []

    def answer(request):
        asked.append((request.url.path, request.headers["Authorization"]))
        if request.url.path == "/jobs/sweep":
            return httpx.Response(
                200, json={"ran": ["flow-sweep"], "failed": {}, "jobs": ["dispatch", "media"]}
            )
        return httpx.Response(500 if request.url.path == "/jobs/dispatch" else 200, json={})

    http = httpx.Client(transport=httpx.MockTransport(answer))

    done = tick._once(settings(), http)

    bearer = "Bearer job-secret-of-the-tests"
    assert asked == [(f"/jobs/{name}", bearer) for name in ("sweep", "dispatch", "media")]
    assert done["ran"] == ["flow-sweep"]
    assert set(done["failed"]) == {"dispatch"}
    assert tick._once(settings(), http, with_jobs=True)["jobs"] == sorted(JOBS.keys() - {"sweep"})


def test_tick_says_when_the_workers_refuse():
    http = httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(401)))

    with pytest.raises(Refusal) as refused:
        tick._once(settings(), http)

    assert refused.value.detail == "workers_refused"
