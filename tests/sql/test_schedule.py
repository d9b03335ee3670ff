"""Who wakes the workers: a request after each commit that makes work, a sweep for what is missed, partitions by the day."""

import json

import pytest
from psycopg import Rollback

from tests.business import call, post, text
from tests.sql.retaining import retain

ASHA = "+919810000011"
QUEUED = "select url, headers from net.http_request_queue where url like '%%/jobs/%%' order by id"


@pytest.fixture
def configured(db):
    """Workers that the database knows, and an empty queue of requests."""
    db.execute("select private.configure('https://flow.example.test/', 'a-secret-of-24-characters-or-more')")
    db.execute("update private.wakeups set asked_at = '-infinity'")
    db.execute("delete from net.http_request_queue")
    # What other tests left to do is not of these.
    db.execute("update private.account_checks set next_at = 'infinity', watch_at = 'infinity'")
    db.execute("update private.meta_cleanups set next_at = 'infinity'")
    db.execute("update private.reconciliation_runs set next_at = 'infinity'")
    return db


def asked(db):
    return [url.rsplit("/", 1)[1] for url, _ in db.rows(QUEUED)]


def forget(db):
    """Let the throttle forget that it has just asked."""
    db.execute("update private.wakeups set asked_at = asked_at - interval '1 minute'")
    db.execute("delete from net.http_request_queue")


def test_queued_message_asks_for_a_dispatch_with_the_bearer_secret(business, configured):
    business.send(ASHA)

    ((url, headers),) = configured.rows(QUEUED)
    assert url == "https://flow.example.test/jobs/dispatch"
    assert headers["Authorization"] == "Bearer a-secret-of-24-characters-or-more"


def test_burst_asks_once(business, configured):
    for n in range(20):
        business.send(f"+9198100000{n:02d}")

    assert len(asked(configured)) <= 2


def test_message_that_comes_later_asks_again(business, configured):
    business.send(ASHA)
    forget(configured)
    business.send(ASHA)

    assert asked(configured) == ["dispatch"]


def test_disconnect_in_the_dashboard_asks_for_the_cleanup_at_once_and_the_sweep_again(
    business, configured, member
):
    configured.as_person(member(business.org_id, "admin"))
    configured.execute("select public.disconnect_whatsapp(%s)", [business.org_id])
    configured.as_operator()
    assert asked(configured) == ["cleanup"]
    forget(configured)

    configured.execute("select private.sweep()")

    assert asked(configured) == ["cleanup"]


def test_sweep_asks_for_a_look_at_an_account_when_it_is_due(business, configured):
    configured.execute("select private.sweep()")
    assert asked(configured) == []
    configured.execute(
        "update private.account_checks set next_at = now() where org_id = %s", [business.org_id]
    )

    configured.execute("select private.sweep()")

    assert asked(configured) == ["health"]


def test_inbound_messages_ask_for_nothing(business, configured):
    business.hear(text("w1"))

    assert asked(configured) == []


def test_request_is_seen_by_others_only_after_the_commit(lasting, connect):
    """pg_net reads its queue like any other reader: what is not committed was never asked for."""
    business = lasting()
    watcher = connect()
    before = watcher.value("select count(*) from net.http_request_queue")
    configured = watcher.value(
        "select count(*) from vault.secrets where name in ('flow_worker_url', 'flow_job_secret')"
    )
    with business.db.transaction():
        if configured < 2:
            business.db.execute(
                "select private.configure('http://127.0.0.1:9', 'a-secret-of-24-characters-or-more')"
            )
        business.db.execute("update private.wakeups set asked_at = '-infinity'")
        business.send(ASHA)
        assert business.db.value("select count(*) from net.http_request_queue") == before + 1
        assert watcher.value("select count(*) from net.http_request_queue") == before
        raise Rollback
    assert watcher.value("select count(*) from net.http_request_queue") == before


def test_without_an_address_nothing_is_asked_and_nothing_fails(business, db):
    db.execute("delete from vault.secrets where name in ('flow_worker_url', 'flow_job_secret')")

    (message,) = business.send(ASHA)

    assert business.message(message)["status"] == "queued"
    assert asked(db) == []


def test_sweep_asks_for_what_a_lost_wake_up_missed(business, configured):
    business.send(ASHA)
    forget(configured)

    configured.execute("select private.sweep()")

    assert asked(configured) == ["dispatch"]


def test_sweep_over_an_empty_outbox_asks_for_nothing(business, configured):
    business.sent()
    forget(configured)

    configured.execute("select private.sweep()")

    assert "dispatch" not in asked(configured)


def test_sweep_asks_when_a_lease_has_run_out(business, configured):
    business.send(ASHA)
    business.claim()
    forget(configured)
    configured.execute("select private.sweep()")
    assert "dispatch" not in asked(configured)

    business.let_pass(61)
    configured.execute("select private.sweep()")

    assert "dispatch" in asked(configured)


def test_sweep_asks_for_a_sync_that_is_due(business, configured):
    call(configured, "connect_indiamart", org_id=business.org_id, key="key-of-the-tests")
    configured.execute("update private.wakeups set asked_at = '-infinity'")
    configured.execute("delete from net.http_request_queue")
    configured.execute(
        "update public.lead_sources set next_allowed_at = now() where org_id = %s", [business.org_id]
    )

    configured.execute("select private.sweep()")

    assert "indiamart" in asked(configured)


def test_sweep_applies_a_status_and_a_message_that_did_not_see_each_other(business, db):
    message = business.sent()
    item = {"id": f"wamid.{message}", "status": "read", "timestamp": "1795000000"}
    db.execute(
        "insert into private.parked_updates (org_id, wamid, digest, kind, item) values (%s, %s, 'x', 'status', %s)",
        [business.org_id, f"wamid.{message}", json.dumps(item)],
    )

    assert db.value("select private.sweep()")["late"] >= 1

    assert business.message(message)["status"] == "read"


def test_job_may_ask_for_its_own_continuation_and_only_jobs_may(configured):
    call(configured, "wake", job="dispatch")
    call(configured, "wake", job="dispatch")
    assert asked(configured) == ["dispatch", "dispatch"]

    assert configured.refusal("select worker.wake('nonsense')").sqlstate == "PT404"


ADDRESSES = [
    ("https://flow.example.test", True), ("HTTPS://flow.example.test", True), ("http://127.0.0.1:8000", True), ("http://localhost:8000", True),
    ("http://[::1]:8000", True), ("http://flow.example.test", False), ("http://127.0.0.1.example.test", False), ("http://localhost.example.test", False),
    ("http://127.0.0.1@example.test", False), ("ftp://127.0.0.1", False), ("flow.example.test", False), ("", False), (None, False),
]  # fmt: skip


@pytest.mark.parametrize(("address", "is_taken"), ADDRESSES, ids=[str(a) for a, _ in ADDRESSES])
def test_workers_over_plain_http_are_refused_outside_this_machine(db, address, is_taken):
    configure = "select private.configure(%s, 'a-secret-of-24-characters-or-more')"
    if is_taken:
        db.execute(configure, [address])
    else:
        assert db.refusal(configure, address).detail == "worker_url_not_https"


@pytest.mark.parametrize("secret", ["", "short", None], ids=str)
def test_short_job_secret_is_refused(db, secret):
    assert (
        db.refusal("select private.configure('https://flow.example.test', %s)", secret).detail
        == "job_secret_short"
    )


def test_configuring_again_replaces_address_and_secret(configured, business):
    configured.execute("select private.configure('http://127.0.0.1:8001', 'another-secret-of-24-characters')")
    business.send(ASHA)

    ((url, headers),) = configured.rows(QUEUED)
    assert url == "http://127.0.0.1:8001/jobs/dispatch"
    assert headers["Authorization"] == "Bearer another-secret-of-24-characters"


def test_nobody_in_the_api_can_configure_wake_or_sweep_behind_the_workers(db, person):
    for become in (db.as_anon, db.as_service, lambda: db.as_person(person())):
        become()
        for statement in ("select private.configure('https://x.test', 'a-secret-of-24-characters-or-more')",
                          "select private.wake('dispatch')", "select private.sweep()", "select private.clean_up()", "select private.retain()"):  # fmt: skip
            assert db.refusal(statement).sqlstate == "42501"
        db.as_operator()


# Stored events by the day -----------------------------------------------------------------------------------------


def partitions(db):
    return [name for (name,) in db.rows(
        "select relname from pg_class where relname ~ '^(webhook_events|event_effects)_[0-9]{8}$' order by 1")]  # fmt: skip


def test_partitions_of_the_coming_days_are_made_and_old_ones_dropped(db):
    db.execute("select private.roll_webhook_events()")
    made = partitions(db)
    days = [
        d
        for (d,) in db.rows(
            "select to_char(d, 'YYYYMMDD') from generate_series((now() at time zone 'UTC')::date, (now() at time zone 'UTC')::date + 7, '1 day') d"
        )
    ]
    assert set(made) >= {f"webhook_events_{day}" for day in days}
    assert db.value("select private.roll_webhook_events()") == [], "harmless to repeat"

    dropped = db.value("select private.roll_webhook_events(-3)")

    assert {name[1:] for name in dropped if name[0] == "-"} == {
        f"{table}_{day}" for table in ("webhook_events", "event_effects") for day in days[:3]
    }


def test_events_that_came_before_their_partition_move_into_it(db):
    db.execute("select private.roll_webhook_events()")
    today = db.value("select 'webhook_events_' || to_char(now() at time zone 'UTC', 'YYYYMMDD')")
    db.execute(f"drop table private.{today}")
    event = post(db, {"entry": []})["event_id"]
    assert db.value("select count(*) from private.webhook_events_default where id = %s", event) == 1

    assert db.value("select private.roll_webhook_events()") == [f"+{today}"], "the effects' own are there"

    assert db.value(f"select count(*) from private.{today} where id = %s", event) == 1
    assert db.value("select count(*) from private.webhook_events where id = %s", event) == 1
    assert call(db, "replay", event_id=event)["events"] == 1


def test_partitions_are_as_closed_as_their_table(db):
    db.execute("select private.roll_webhook_events()")

    for name in [
        *partitions(db),
        "webhook_events",
        "webhook_events_default",
        "event_effects",
        "event_effects_default",
    ]:
        assert db.value("select relrowsecurity from pg_class where relname = %s", name), name
        for role in ("anon", "authenticated", "service_role"):
            assert not db.value("select has_table_privilege(%s, %s, 'select')", role, f"private.{name}"), (
                name,
                role,
            )


def test_clearing_out_rolls_partitions_and_forgets_what_nobody_claimed(business, db):
    for days, wamid in ((31, "wamid.old"), (29, "wamid.young")):
        db.execute(
            "insert into private.parked_updates (org_id, wamid, digest, kind, item, created_at)"
            " values (%s, %s, 'x', 'status', '{}', now() - make_interval(days => %s))", [business.org_id, wamid, days],
        )  # fmt: skip

    retain(db, "webhooks", "dead_letters")

    assert [row["wamid"] for row in business.table("private.parked_updates")] == ["wamid.young"]
    assert len(partitions(db)) >= 8


def test_schedule_is_registered_once_under_its_names(db):
    names = [n for (n,) in db.rows("select jobname from cron.job where jobname like 'flow-%%' order by 1")]

    assert names == [
        "flow-alarms",
        "flow-billing",
        "flow-clean-up",
        "flow-duplicates",
        "flow-isolation",
        "flow-leads",
        "flow-news",
        "flow-retention",
        "flow-sweep",
    ]
