"""How long things live, by a clock: what is older goes, what is younger, held or a neighbour's stays, and so do the books."""

import json
import re
from itertools import count
from pathlib import Path
from uuid import UUID

import pytest

from tests.sql.deleting import ask, contents_of, just_signed_in, purge
from tests.sql.planted import plant, tenant_tables
from tests.sql.retaining import hold, keep, retain

NUMBERS = count(50_000)
BOOKS = ("public.usage_ledger", "public.usage_days", "public.usage_statements", "public.wallet_entries")
SQL = Path(__file__).parents[2] / "sql"


@pytest.fixture
def owner(person):
    return person("Asha")


@pytest.fixture
def shop(db, org, owner):
    """An organization with at least one row in every table."""
    return plant(db, org(owner), owner.id, next(NUMBERS))


@pytest.fixture
def neighbour(db, org, person):
    somebody = person("Vikram")
    return plant(db, org(somebody, "Neighbours"), somebody.id, next(NUMBERS))


def rows(db, table, planted):
    return db.value(f"select count(*) from {table} where org_id = %s", planted.org_id)


def age(db, table, column, planted, by="2 years", where="true"):
    """Set rows back."""
    with db.operating():
        db.execute(f"alter table {table} disable trigger user")
        db.execute(
            f"update {table} set {column} = {column} - %s::interval where org_id = %s and {where}",
            [by, planted.org_id],
        )
        db.execute(f"alter table {table} enable trigger user")


def grow_old(db, planted, by="4 years"):
    """Everything around the planted contacts is set back, and settled; their lead is won."""
    for table, columns in {
        "public.messages": ("at", "created_at"), "public.contacts": ("created_at",), "public.leads": ("received_at", "created_at"),
        "public.lead_activities": ("at",), "public.conversations": ("created_at", "last_message_at"),
        "public.conversation_notes": ("created_at",),
        "public.conversation_events": ("at",), "public.consent_events": ("at", "created_at"), "public.media": ("created_at",),
    }.items():  # fmt: skip
        for column in columns:
            age(db, table, column, planted, by)
    given = [planted.org_id]
    for query in (
        "update public.tasks set status = 'done', closed_at = now() - interval '4 years' where org_id = %s",
        "update public.scheduled_messages set status = 'cancelled', settled_at = now() where org_id = %s",
        "update public.sequence_enrollments set state = 'done', ended_at = now() where org_id = %s and state = 'active'",
        "update public.broadcast_recipients set outcome = 'read' where org_id = %s and outcome in ('waiting', 'queued', 'uncertain')",
        "update public.messages set status = 'sent' where org_id = %s and status in ('queued', 'sending', 'uncertain')",
    ):
        db.execute(query, given)
    stage = db.value(
        "select id from public.pipeline_stages where org_id = %s and kind = 'won' limit 1", *given
    )
    db.execute("alter table public.leads disable trigger user")
    db.execute(
        "update public.leads set stage_id = %s, won_at = received_at where org_id = %s", [stage, *given]
    )
    db.execute("alter table public.leads enable trigger user")


def problems(db):
    """What `flow doctor` would be told."""
    return db.value("select worker.retention_problems()")["problems"]


# The catalogue ----------------------------------------------------------------------------------------------------


def test_every_table_of_organizations_stands_in_the_catalogue_and_nothing_else(db):
    named = {name for (name,) in db.rows("select distinct table_name from private.retention_tables")}

    assert set(tenant_tables(db)) - named == set(), "say in 979_retention.sql how long its rows live"
    assert named - set(tenant_tables(db)) == {
        "private.webhook_events",
        "private.isolation_checks",
        "private.inquiry_people",
        "private.paces",
        "cron.job_run_details",
        "private.error_groups",
        "private.job_runs",
        "private.telemetry_daily",
        "private.telemetry_losses",
    }


def test_only_the_catalogue_says_how_long_something_lives():
    """A deletion by age anywhere else would be a second place."""
    by_age = re.compile(r"delete from [^;]*?<\s*now\(\) - interval[^;]*;", re.DOTALL)
    found = {
        path.name: by_age.findall(path.read_text())
        for path in SQL.glob("*.sql")
        if by_age.search(path.read_text())
    }

    assert list(found) == ["910_wallet.sql"], "money that was set aside and never needed is free again"


def test_expressions_of_the_catalogue_are_sql_over_their_tables(db):
    for table, expired in db.rows(
        "select table_name, expired from private.retention_tables where expired is not null and table_name not like 'cron.%%'"
    ):
        db.execute(
            f"prepare checked (timestamptz) as select count(*) from {table} t where {expired}; deallocate checked"
        )


# By a clock, class by class -----------------------------------------------------------------------------------------

SIMPLE = [
    ("dead_letters", "private.dead_letters", "created_at", "31 days", "29 days"),
    ("dead_letters", "private.parked_updates", "created_at", "31 days", "29 days"),
    ("notifications", "public.notifications", "at", "91 days", "89 days"),
    ("sync_runs", "public.sync_runs", "started_at", "14 months", "12 months"),
    ("access", "private.credential_reads", "at", "367 days", "364 days"),
    ("access", "private.meta_cleanups", "finished_at", "367 days", "364 days"),
    ("audit", "public.audit_log", "at", "367 days", "364 days"),
    ("audit", "private.retention_runs", "finished_at", "367 days", "364 days"),
    ("undo", "public.contact_merges", "merged_at", "31 days", "29 days"),
]


@pytest.mark.parametrize(("name", "table", "column", "old", "young"), SIMPLE, ids=[x[1] for x in SIMPLE])
def test_older_goes_and_younger_held_and_a_neighbours_stay(
    db, shop, neighbour, name, table, column, old, young
):
    db.execute("update public.sync_runs set finished_at = now(), outcome = 'ok' where finished_at is null")
    watched = "private.contact_merge_changes" if name == "undo" else table
    before = rows(db, watched, shop)
    assert before
    theirs = rows(db, watched, neighbour)
    age(db, table, column, shop, young)
    retain(db, name)
    assert rows(db, watched, shop) == before, "younger stays"

    age(db, table, column, shop, old)
    kept = hold(db, shop.org_id)
    retain(db, name)
    held = rows(db, watched, shop)
    db.execute("select private.lift_hold(%s, %s, false)", [shop.org_id, kept])
    retain(db, name)

    assert held >= before, "held stays"
    assert rows(db, watched, shop) < before, "older goes"
    assert rows(db, watched, neighbour) >= theirs
    run = db.row(
        "select rows, bytes > 0, error from private.retention_runs where class = %s and org_id is null and finished_at is not null order by id desc limit 1",
        name,
    )
    assert run[0] > 0
    assert run[1:] == (True, None)


def test_working_data_goes_under_a_hold_too(db, shop):
    hold(db, shop.org_id)
    age(db, "private.changes", "at", shop, "2 hours")

    retain(db, "feed")

    assert rows(db, "private.changes", shop) == 0


def test_append_only_tables_give_way_only_to_a_run_and_only_for_what_is_old(db, shop):
    gone = "delete from public.audit_log where org_id = %s"
    age(db, "public.audit_log", "at", shop, "2 years")
    db.execute("select set_config('flow.retaining', 'audit', true)")
    assert db.refusal(gone, shop.org_id).detail == "append_only", "no run is open"
    db.execute("insert into private.retention_runs (class) values ('audit')")
    db.execute("select private.audit(%s, 'organization.renamed', 'organization', 'x')", [shop.org_id])
    assert db.refusal(gone, shop.org_id).detail == "append_only", "one row is young"
    db.execute("select set_config('flow.retaining', 'consent', true)")
    assert db.refusal(gone, shop.org_id).detail == "append_only", "another class"


# Messages and contacts ---------------------------------------------------------------------------------------------


def test_without_a_setting_messages_and_contacts_stay(db, shop):
    before = contents_of(db, shop.org_id)
    grow_old(db, shop)
    aged = contents_of(db, shop.org_id)
    assert aged != before

    assert retain(db, "conversations", "lead_payloads") == 0

    assert contents_of(db, shop.org_id) == aged


@pytest.mark.parametrize("batch", [1, 5000])
def test_old_messages_and_quiet_contacts_go_with_all_that_hangs_on_them_and_the_books_stay(
    db, shop, neighbour, batch
):
    grow_old(db, shop)
    grow_old(db, neighbour)
    keep(db, shop.org_id, "conversations", 6)
    books = {table: rows(db, table, shop) for table in BOOKS}
    theirs = contents_of(db, neighbour.org_id)

    retain(db, "conversations", batch=batch)

    for table in (
        "messages",
        "leads",
        "conversations",
        "tasks",
        "conversation_notes",
        "lead_activities",
        "broadcast_recipients",
    ):
        assert rows(db, f"public.{table}", shop) == 0, table
    assert {table: rows(db, table, shop) for table in BOOKS} == books
    assert contents_of(db, neighbour.org_id) == theirs
    facts = "select phones, user_ids, delivered_at is not null from private.billing_facts where wamid = %s"
    assert db.row(facts, f"wamid.{shop.org_id}")[:2] == ([], [])
    assert db.row(facts, f"wamid.{neighbour.org_id}")[0] != [], "only who is too old"
    part = db.row(
        "select rows, finished_at is not null from private.retention_runs where org_id = %s and class = 'conversations'",
        shop.org_id,
    )
    assert part[0] >= 2
    assert part[1]


def test_a_contact_with_consent_keeps_the_numbers_it_is_evidence_of_for_three_years(db, shop):
    grow_old(db, shop, "1 year")
    keep(db, shop.org_id, "conversations", 6)
    retain(db, "conversations")
    left = db.rows(
        "select id, name, phone is not null, custom, retired_at is not null, opted_out_at is not null from public.contacts where org_id = %s",
        shop.org_id,
    )
    assert left == [(UUID(str(shop.ids["contact_id"])), None, True, {}, True, True)]
    assert rows(db, "public.consent_events", shop) > 0
    assert retain(db, "conversations") == 0, "what is done is not done again"

    age(db, "public.consent_events", "at", shop, "2 years")
    age(db, "public.consent_events", "created_at", shop, "2 years")
    assert retain(db, "consent") == 0, "within three years"
    db.execute(
        "update public.contacts set retired_at = now() - interval '37 months' where org_id = %s",
        [shop.org_id],
    )
    age(db, "public.consent_events", "at", shop, "1 year")
    age(db, "public.consent_events", "created_at", shop, "1 year")
    retain(db, "consent")

    assert rows(db, "public.consent_events", shop) == 0
    assert db.rows(
        "select phone is not null, opted_out_at is not null from public.contacts where org_id = %s",
        shop.org_id,
    ) == [(True, True)], "a stop is still obeyed"
    db.execute("update public.contacts set opted_out_at = null where org_id = %s", [shop.org_id])
    retain(db, "consent")
    assert rows(db, "public.contacts", shop) == 0


STILL_ALIVE = {
    "an open lead": "update public.leads set stage_id = (select id from public.pipeline_stages s where s.org_id = leads.org_id and kind = 'open' limit 1) where org_id = %s",
    "a message that waits": "update public.messages set status = 'queued', wamid = null where org_id = %s",
    "a young note": "update public.conversation_notes set created_at = now() where org_id = %s",
    "an open task": "update public.tasks set status = 'open', closed_at = null where org_id = %s",
    "a young lead": "update public.leads set received_at = now() where org_id = %s",
    "something scheduled": "update public.scheduled_messages set status = 'waiting', settled_at = null, message_id = null where org_id = %s",
}


@pytest.mark.parametrize("change", STILL_ALIVE.values(), ids=STILL_ALIVE)
def test_a_contact_of_whom_something_is_open_or_younger_stays(db, shop, change):
    grow_old(db, shop)
    keep(db, shop.org_id, "conversations", 6)
    db.execute("alter table public.leads disable trigger user")
    db.execute(change, [shop.org_id])

    retain(db, "conversations")

    assert db.value(
        "select name from public.contacts where org_id = %s and id = %s", shop.org_id, shop.ids["contact_id"]
    )
    assert rows(db, "public.leads", shop) == 1


def test_a_contact_that_is_held_stays_with_messages_files_and_leads_and_others_go(db, shop):
    grow_old(db, shop)
    keep(db, shop.org_id, "conversations", 6)
    keep(db, shop.org_id, "lead_payloads", 3)
    hold(db, shop.org_id, shop.ids["contact_id"])
    messages = rows(db, "public.messages", shop)

    retain(db, "conversations", "lead_payloads")

    assert rows(db, "public.messages", shop) == messages
    assert [row[0] for row in db.rows("select id from public.contacts where org_id = %s", shop.org_id)] == [
        UUID(str(shop.ids["contact_id"]))
    ]
    assert db.value("select count(*) from public.leads where org_id = %s", shop.org_id) == 1
    assert str(shop.org_id) not in expire_files(db)


def test_the_preview_of_a_conversation_goes_with_its_last_message(db, shop):
    grow_old(db, shop)
    db.execute(
        "update public.conversations set last_message_text = 'planted words' where org_id = %s", [shop.org_id]
    )
    keep(db, shop.org_id, "conversations", 6)
    db.execute("update public.tasks set status = 'open', closed_at = null where org_id = %s", [shop.org_id])

    retain(db, "conversations")

    assert db.rows("select last_message_text from public.conversations where org_id = %s", shop.org_id) == [
        (None,)
    ]


def test_enquiries_as_they_came_are_emptied_and_what_was_read_stays(db, shop):
    db.execute("""update public.leads set raw = '{"planted": 1}' where org_id = %s""", [shop.org_id])
    db.execute(
        "update public.leads set received_at = now() - interval '4 months', created_at = now() - interval '4 months' where org_id = %s",
        [shop.org_id],
    )
    keep(db, shop.org_id, "lead_payloads", 6)
    assert retain(db, "lead_payloads") == 0
    db.execute(
        "update private.retention_settings set months = 3 where org_id = %s and class = 'lead_payloads'",
        [shop.org_id],
    )

    assert retain(db, "lead_payloads") == 1

    assert db.rows(
        "select raw, external_id is not null from public.leads where org_id = %s", shop.org_id
    ) == [({}, True)]
    assert retain(db, "lead_payloads") == 0


# Files ---------------------------------------------------------------------------------------------------------------


def store(db, planted, months, message=True):
    return db.value(
        """
        insert into public.media (org_id, number_id, message_id, direction, kind, path, meta_id, status, created_at, stored_at, bytes, filename)
        values (%s, %s, %s, 'inbound', 'image', gen_random_uuid()::text, gen_random_uuid()::text, 'stored',
                now() - make_interval(months => %s), now(), 1000, 'Asha.jpg') returning id
        """,
        planted.org_id, planted.ids["number_id"], planted.ids["message_id"] if message else None, months,
    )  # fmt: skip


def expire_files(db):
    """What the job does, without a bucket; the paths by organization."""
    db.execute("delete from private.retention_runs where org_id is null")
    gone = {}
    for _ in range(500):
        step = db.value("select worker.files_to_expire()")
        if step["run_id"] is None or step["org_id"] is None:
            return gone
        if step["files"]:
            gone.setdefault(step["org_id"], set()).update(file["media_id"] for file in step["files"])
            db.value(
                "select worker.files_expired(%s, %s, %s)",
                step["run_id"],
                step["org_id"],
                json.dumps(step["files"]),
            )
    raise AssertionError("it does not end")


def test_files_go_after_12_months_or_as_set_and_the_message_says_so(db, shop, neighbour):
    db.execute(
        "delete from private.retention_settings where org_id = any (%s)", [[shop.org_id, neighbour.org_id]]
    )
    keep(db, neighbour.org_id, "media", 24)
    old, young, theirs = store(db, shop, 13), store(db, shop, 11), store(db, neighbour, 13)
    orphan = store(db, shop, 1, message=False)

    gone = expire_files(db)

    assert gone[str(shop.org_id)] == {str(old), str(orphan)}
    assert str(neighbour.org_id) not in gone
    assert db.row("select status, error_slug, filename, bytes from public.media where id = %s", old) == (
        "failed",
        "removed_by_age",
        None,
        None,
    )
    assert db.rows("select id from public.media where id = %s", orphan) == []
    assert (
        db.value(
            "select count(*) from public.media where id = any (%s) and status = 'stored'", [young, theirs]
        )
        == 2
    )
    assert db.row(
        "select rows, bytes from private.retention_runs where org_id = %s and class = 'media' and mode = 'real'",
        shop.org_id,
    ) == (2, 2000)
    assert db.value("select worker.files_to_expire()")["run_id"] is None, "until the next night"


def test_files_that_are_held_stay(db, shop):
    old = store(db, shop, 30)
    hold(db, shop.org_id)

    assert str(shop.org_id) not in expire_files(db)

    assert db.value("select status from public.media where id = %s", old) == "stored"


# Stored webhooks -------------------------------------------------------------------------------------------------------


def test_days_of_webhooks_are_dropped_but_what_a_hold_covers_is_put_aside(db, shop, neighbour):
    db.execute("select private.roll_webhook_events()")
    at = shop.ids["received_at"]
    mine, theirs = shop.ids["event_id"], neighbour.ids["event_id"]
    db.execute("update private.retention_classes set keeps = '-8 days' where class = 'webhooks'")
    kept = hold(db, shop.org_id)
    bodies = "select id from private.webhook_events where id = any (%s)"

    assert retain(db, "webhooks") >= 8

    assert db.rows(bodies, [mine, theirs]) == [(mine,)]
    assert db.rows(
        "select org_id from private.event_effects where event_id = %s and received_at = %s", mine, at
    ) == [(shop.org_id,)]
    db.execute("select private.lift_hold(%s, %s, false)", [shop.org_id, kept])
    retain(db, "webhooks")
    assert db.rows(bodies, [mine, theirs]) == []
    assert rows(db, "private.event_effects", shop) == 0


# Runs ----------------------------------------------------------------------------------------------------------------


def test_a_night_does_each_class_once_and_goes_on_where_it_stopped(db, shop):
    grow_old(db, shop)
    keep(db, shop.org_id, "conversations", 6)
    db.execute("delete from private.retention_runs")
    seen = []
    for _ in range(800):
        step = db.value("select private.retain(2)")
        if step["class"] is None:
            break
        seen.append(step["class"])

    assert step["class"] is None
    assert set(seen) == {
        name
        for (name,) in db.rows(
            "select class from private.retention_classes where how not in ('never', 'files')"
        )
    }
    assert len(seen) > len(set(seen)), "batches of two"
    assert (
        db.rows("select class from private.retention_runs where finished_at is null and class <> 'media'")
        == []
    )
    assert db.value("select private.retain()")["class"] is None
    db.execute("update private.retention_runs set started_at = started_at - interval '25 hours'")
    assert db.value("select private.retain()")["class"] == "conversations"


def test_a_class_that_fails_is_noted_and_does_not_hold_up_the_others(db, shop):
    age(db, "private.dead_letters", "created_at", shop)
    age(db, "public.notifications", "at", shop)
    db.execute(
        """
        create function private.refuse() returns trigger language plpgsql as $$ begin raise 'no'; end $$;
        create trigger refuse before delete on private.dead_letters for each row execute function private.refuse();
        """
    )
    db.execute("delete from private.retention_runs")
    told = []
    for _ in range(100):
        told.append(db.value("select private.retain()"))
        if told[-1]["class"] is None:
            break

    assert [step["class"] for step in told if step.get("error")] == ["dead_letters"]
    assert rows(db, "private.dead_letters", shop) > 0
    assert {"class": "dead_letters", "error": "P0001: no"}.items() <= problems(db)[0].items()
    assert (
        db.value(
            "select count(*) from public.notifications where org_id = %s and at < now() - interval '1 year'",
            shop.org_id,
        )
        == 0
    )


def test_no_run_for_48_hours_is_an_alarm(db):
    db.execute("delete from private.retention_runs")
    assert problems(db) == [], "installed a moment ago"

    db.execute("update private.retention_classes set added_at = now() - interval '49 hours'")

    late = {one["class"] for one in problems(db) if one["is_late"]}
    assert late == {
        name for (name,) in db.rows("select class from private.retention_classes where how <> 'never'")
    }
    db.execute(
        "insert into private.retention_runs (class, finished_at) select class, now() from private.retention_classes"
    )
    assert problems(db) == []


def test_rows_that_somebody_has_are_passed_over_and_come_the_next_time(lasting, connect):
    business = lasting()
    db, other = business.db, connect()
    for n in range(2):
        db.execute(
            "insert into private.dead_letters (event_id, org_id, reason, created_at) values (%s, %s, 'x', now() - interval '31 days')",
            [n, business.org_id],
        )
    own = "select count(*) from private.dead_letters where org_id = %s"
    with other.transaction():
        other.execute(
            "select from private.dead_letters where org_id = %s and event_id = 1 for update",
            [business.org_id],
        )
        retain(db, "dead_letters")
        assert db.value(own, business.org_id) == 1
    retain(db, "dead_letters")
    assert db.value(own, business.org_id) == 0


# What owners set and see ------------------------------------------------------------------------------------------------


def test_an_owner_sets_months_within_bounds_and_it_is_in_the_audit_log(db, shop, owner, member):
    asked = "select public.set_retention(%s, %s, %s)"
    db.as_person(member(shop.org_id, "admin"))
    assert db.refusal(asked, shop.org_id, "conversations", 12).detail == "role_too_low"
    db.as_person(owner)
    for name, months, slug in (("conversations", 5, "months_out_of_bounds"), ("conversations", 37, "months_out_of_bounds"),
                               ("audit", 12, "class_not_settable"), ("nonsense", 12, "class_not_settable")):  # fmt: skip
        assert db.refusal(asked, shop.org_id, name, months).detail == slug

    for months in (12, 12, None):
        assert db.value(asked, shop.org_id, "conversations", months) == {
            "class": "conversations",
            "months": months,
        }

    told = {one["class"]: one for one in db.value("select public.retention(%s)", shop.org_id)["classes"]}
    assert (told["conversations"]["months"], told["conversations"]["keeps"]) == (None, None)
    assert (told["media"]["months"], told["media"]["keeps"]["months"]) == (24, 12)
    db.as_operator()
    assert db.rows("select details from public.audit_log where org_id = %s and action = 'retention.changed' order by id", shop.org_id) == [
        ({"class": "conversations", "from": None, "to": 12},), ({"class": "conversations", "from": 12, "to": None},)]  # fmt: skip


def test_the_preview_counts_what_the_next_night_takes_and_takes_nothing(db, shop, owner):
    grow_old(db, shop)
    store(db, shop, 30)
    before = contents_of(db, shop.org_id)
    db.as_person(owner)
    told = db.value(
        "select public.retention_preview(%s, %s)", shop.org_id, '{"conversations": 6, "media": 12}'
    )
    db.as_operator()
    assert contents_of(db, shop.org_id) == before

    keep(db, shop.org_id, "conversations", 6)
    retain(db, "conversations")

    assert told["conversations"]["rows"] == db.value(
        "select rows from private.retention_runs where org_id = %s and class = 'conversations'", shop.org_id
    )
    assert (
        told["conversations"]["rows"]
        == told["conversations"]["messages"] + told["conversations"]["contacts"]
        > 2
    )
    assert told["media"] == {"rows": 1, "bytes": 1000}
    dry = db.value("select worker.retention_dry_run(%s)", shop.org_id)
    assert dry["conversations"]["rows"] == 0
    assert db.value(
        "select count(distinct class) from private.retention_runs where org_id = %s and mode = 'dry'",
        shop.org_id,
    ) == len(dry)


def test_runs_of_all_organizations_tell_nobody_how_much_others_had(db, shop, neighbour, owner):
    grow_old(db, neighbour)
    keep(db, neighbour.org_id, "conversations", 6)
    retain(db, "conversations")
    db.as_person(owner)

    told = db.value("select public.retention(%s)", shop.org_id)

    assert told["runs"] == []
    assert next(one for one in told["classes"] if one["class"] == "conversations")["last_at"]


# Holds -----------------------------------------------------------------------------------------------------------------


def test_an_owners_hold_refuses_the_deletion_and_flows_makes_the_purge_wait(db, shop, owner):
    db.as_person(owner)
    mine = db.value("select public.start_legal_hold(%s, 'Dispute with a buyer')", shop.org_id)["hold_id"]
    just_signed_in(db, owner)
    assert (
        db.refusal("select public.delete_organization(%s, 'Sharma Traders')", shop.org_id).detail
        == "legal_hold"
    )
    db.value("select public.lift_legal_hold(%s, %s)", shop.org_id, mine)
    db.as_operator()
    flows = db.value("select worker.set_legal_hold(%s, 'An order')", shop.org_id)["hold_id"]
    db.as_person(owner)
    assert db.refusal("select public.lift_legal_hold(%s, %s)", shop.org_id, flows).detail == "hold_of_flow"
    (seen,) = db.value("select public.retention(%s)", shop.org_id)["holds"]
    assert (seen["reason"], seen["by_operator"]) == ("An order", True)
    ask(db, owner, shop.org_id, now=True)
    db.execute(
        "update private.organization_deletions set requested_at = now() - interval '26 days', purge_at = now() - interval '1 day' where org_id = %s",
        [shop.org_id],
    )

    assert purge(db) is None
    assert db.value("select worker.late_deletions()") == []
    assert rows(db, "public.leads", shop) == 1

    db.value("select worker.set_legal_hold(%s, hold_id => %s)", shop.org_id, flows)
    assert purge(db)


def test_a_hold_needs_a_reason_and_a_contact_of_the_organization(db, shop, neighbour, owner):
    db.as_person(owner)

    assert db.refusal("select public.start_legal_hold(%s, ' ')", shop.org_id).detail == "reason_missing"
    assert (
        db.refusal(
            "select public.start_legal_hold(%s, 'x', %s)", shop.org_id, neighbour.ids["contact_id"]
        ).detail
        == "contact_unknown"
    )
    assert (
        db.refusal("select public.lift_legal_hold(%s, %s)", shop.org_id, neighbour.ids["hold_id"]).detail
        == "hold_unknown"
    )
