"""Telemetry in the database: in by batches, one bad row without its neighbours; out by whole days and months."""

import time
from uuid import uuid4

import psycopg
import pytest

from tests.business import call
from tests.sql.retaining import retain

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
REQUEST = {"method": "GET", "route": "/planted", "status": 200, "duration_ms": 12.5}
CALL = {"provider": "meta", "operation": "POST messages", "endpoint": "/v26.0/{id}/messages", "status": 200}
JOB = {"job": "planted", "duration_ms": 3, "outcome": "done", "counts": {"sent": 2}}
ERROR = {
    "type": "ValueError",
    "message": "not a number",
    "frames": [
        {"file": "json/decoder.py", "line": 1, "function": "decode", "in_app": False},
        {"file": "workers/meta/graph.py", "line": 10, "function": "_call", "in_app": True},
    ],
}


def record(db, **rows):
    return call(db, "record_telemetry", rows=rows)


@pytest.mark.parametrize(
    ("kind", "good", "bad", "table"),
    [
        ("requests", REQUEST, REQUEST | {"status": 7}, "request_log"),
        ("requests", REQUEST, REQUEST | {"route": "/leads?phone=1"}, "request_log"),
        ("calls", CALL, CALL | {"endpoint": "/v26.0/919810000011/messages"}, "api_calls"),
        ("calls", CALL, CALL | {"direction": "sideways"}, "api_calls"),
        ("jobs", JOB, JOB | {"counts": {"name": "Asha"}}, "job_runs"),
        ("errors", ERROR, ERROR | {"frames": {"not": "a list"}}, "error_events"),
        ("errors", ERROR, "no object", "error_events"),
    ],
)
def test_bad_row_never_loses_its_neighbours(db, kind, good, bad, table):
    before = db.value(f"select count(*) from private.{table}")

    answer = record(db, **({"jobs": [JOB]} | {kind: [good, bad, good]}))

    assert answer["refused"] == 1
    assert db.value(f"select count(*) from private.{table}") == before + 2
    assert db.value("select sum(refused) from private.telemetry_losses") == 1


def test_what_the_workers_let_go_is_added_up(db):
    record(db, dropped=3)
    record(db, dropped=4, requests=[REQUEST])

    health = call(db, "telemetry_health")

    assert (health["dropped"], health["refused"]) == (7, 0)


def test_unknown_and_deleted_organizations_are_not_named(db, org):
    alive, gone = org(), org()
    db.execute("update public.organizations set deleted_at = now() where id = %s", [gone])

    record(db, requests=[REQUEST | {"org_id": str(o)} for o in (alive, gone, uuid4())])

    assert db.rows("select org_id from private.request_log where route = '/planted' order by id") == [
        (alive,),
        (None,),
        (None,),
    ]


def test_of_an_address_the_network_is_kept_and_the_table_takes_no_more(db):
    given = ["103.27.8.219", "2401:4900:1c2a:77d1:8:9:a:b"]
    record(db, requests=[REQUEST | {"ip_prefix": address} for address in given])

    kept = db.rows("select ip_prefix::text from private.request_log where route = '/planted' order by id")
    assert kept == [("103.27.8.0/24",), ("2401:4900:1c2a::/48",)]
    for address in given:
        with pytest.raises(psycopg.errors.CheckViolation), db.transaction():
            db.execute(
                "insert into private.request_log (method, status, duration_ms, ip_prefix) values ('GET', 200, 1, %s)",
                [address],
            )


def test_same_error_is_one_group_whatever_its_line_and_another_place_is_another(db):
    moved = ERROR | {
        "frames": [ERROR["frames"][0] | {"line": 9}, ERROR["frames"][1] | {"line": 99}],
        "message": "later",
    }
    other = ERROR | {"frames": [ERROR["frames"][1] | {"function": "_request"}]}
    db.execute("delete from private.error_groups")  # what tests before this one left
    record(db, errors=[ERROR | {"occurred_at": "2026-01-01T00:00:00Z"}])
    record(db, errors=[moved, other])
    db.execute("select private.note_error(%s, 'browser')", [psycopg.types.json.Jsonb(ERROR)])

    groups = db.rows(
        "select side, count, message, first_seen < last_seen from private.error_groups order by side, count"
    )

    assert groups == [
        ("browser", 1, "not a number", False),
        ("server", 1, "not a number", False),
        ("server", 2, "later", True),
    ]
    assert (
        db.value(
            "select count(*) from private.error_events e join private.error_groups g using (fingerprint)"
        )
        == 4
    )


def test_locked_table_keeps_the_writer_for_half_a_second_and_not_for_each_row(lasting, connect):
    shop, writer, before = lasting(), connect(), "select count(*) from private.job_runs where job = 'planted'"
    shop.db.execute("begin")
    shop.db.execute("lock table private.request_log in access exclusive mode")
    began = time.monotonic()

    with pytest.raises(psycopg.errors.LockNotAvailable):
        record(writer, jobs=[JOB], requests=[REQUEST] * 50)

    assert time.monotonic() - began < 10, "50 rows would have waited for 25 seconds"
    shop.db.execute("rollback")
    writer.execute("rollback")
    assert writer.value(before) == 0, "all or none: it is told as dropped"


# Partitions --------------------------------------------------------------------------------------------------------


def parts(db, table):
    return {
        name.removeprefix(f"{table}_")
        for (name,) in db.rows(
            "select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = %s::regclass",
            f"private.{table}",
        )
    }


def test_days_and_months_that_come_are_there_and_missing_ones_are_named(db):
    days = {
        d
        for (d,) in db.rows(
            "select to_char(now() at time zone 'UTC' + make_interval(days => n), 'YYYYMMDD') from generate_series(0, 7) n"
        )
    }
    months = {d[:6] for d in days}

    retain(db, "requests", "diagnostics")

    assert days | {"default"} <= parts(db, "request_log")
    for table in ("api_calls", "job_runs", "error_events"):
        assert months | {"default"} <= parts(db, table)
    assert call(db, "telemetry_health")["missing_partitions"] == []
    tomorrow = db.value(
        "select 'request_log_' || to_char(now() at time zone 'UTC' + interval '1 day', 'YYYYMMDD')"
    )
    db.execute(f"drop table private.{tomorrow}")
    assert call(db, "telemetry_health")["missing_partitions"] == [tomorrow]


def test_old_days_are_summed_up_without_people_and_dropped_whole(db, org):
    shop, user = org(), uuid4()
    day = "(now() at time zone 'UTC')::date - 3"
    db.execute("delete from private.telemetry_daily")
    for took in (10, 20, 400):
        db.execute(
            f"insert into private.request_log (occurred_at, org_id, user_id, method, route, status, duration_ms) "
            f"values ((({day}) + time '12:00') at time zone 'UTC', %s, %s, 'GET', '/old', 200, %s)",
            [shop, user, took],
        )

    retain(db, "requests")

    (figures,) = db.rows(
        "select day, outcome, count, p50_ms, p95_ms, max_ms, total_ms from private.telemetry_daily where name = 'GET /old'"
    )
    assert figures[1:] == ("2xx", 3, 20, 400, 400, 430)
    assert figures[0] == db.value(f"select {day}")
    retain(db, "requests")
    assert db.value("select sum(count) from private.telemetry_daily where name = 'GET /old'") == 3, "once"
    names = db.rows(
        "select attname from pg_attribute where attrelid = 'private.telemetry_daily'::regclass and attnum > 0"
    )
    assert {name for (name,) in names} & {"org_id", "user_id", "ip_prefix"} == set()
    # Everything is old now.
    db.execute("update private.retention_classes set keeps = '-8 days' where class = 'requests'")
    retain(db, "requests")
    assert parts(db, "request_log") == {"default"}
    assert db.value("select count(*) from private.request_log where route = '/old'") == 0


def test_errors_calls_and_runs_go_with_their_month(db):
    record(db, calls=[CALL], jobs=[JOB], errors=[ERROR])
    db.execute("update private.error_groups set last_seen = now() - interval '100 days'")
    retain(db, "diagnostics")
    assert db.value("select count(*) from private.error_groups") == 0
    assert db.value("select count(*) from private.job_runs where job = 'planted'") == 1

    db.execute("update private.retention_classes set keeps = '-40 days' where class = 'diagnostics'")
    retain(db, "diagnostics")

    assert db.value("select count(*) from private.job_runs") == 0


# The trace ---------------------------------------------------------------------------------------------------------


def test_job_is_woken_in_the_trace_of_the_request_that_made_its_work(db, business):
    db.execute("select private.configure('https://flow.example.test/', 'a-secret-of-24-characters-or-more')")
    db.execute("delete from net.http_request_queue")
    db.execute("update private.wakeups set asked_at = '-infinity'")
    db.execute(
        "select set_config('request.headers', %s, true)",
        [f'{{"traceparent": "00-{TRACE}-00f067aa0ba902b7-01"}}'],
    )

    business.send("+919810000011")

    ((headers, body),) = db.rows(
        "select headers, convert_from(body, 'UTF8')::jsonb from net.http_request_queue where url like '%%/jobs/dispatch'"
    )
    version, trace, span, flags = headers["traceparent"].split("-")
    assert (version, trace, flags) == ("00", TRACE, "01")
    assert len(span) == 16
    assert span != "00f067aa0ba902b7"
    assert set(body) == {"asked_at"}


@pytest.mark.parametrize(
    "given",
    [
        "",
        "00-" + "0" * 32 + "-00f067aa0ba902b7-01",
        f"00-{TRACE.upper()}-00f067aa0ba902b7-01",
        f"{TRACE}; drop",
    ],
)
def test_what_is_no_trace_is_none(db, given):
    db.execute(
        "select set_config('request.headers', jsonb_build_object('traceparent', %s::text)::text, true)",
        [given],
    )

    assert db.value("select private.trace_id()") is None
