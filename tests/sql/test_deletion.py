"""An organization that is deleted: everything stops at once, and nothing is left but what the law keeps."""

from itertools import count
from uuid import UUID

import psycopg
import pytest

from tests.sql.deleting import ask, contents_of, just_signed_in, purge, rows_of, tell_meta
from tests.sql.planted import plant

NUMBERS = count(30_000)


@pytest.fixture
def owner(person):
    return person("Asha")


@pytest.fixture
def doomed(db, org, owner):
    """An organization with at least one row in every table."""
    org_id = org(owner)
    return plant(db, org_id, owner.id, next(NUMBERS))


@pytest.fixture
def neighbour(db, org, person):
    somebody = person("Vikram")
    return plant(db, org(somebody, "Neighbours"), somebody.id, next(NUMBERS))


def test_what_is_anonymized_names_columns_that_exist(db):
    assert (
        db.rows(
            """
        select a.table_name, a.column_name from private.anonymized_columns a
         where not exists (select from pg_attribute t where t.attrelid = a.table_name::regclass and t.attname = a.column_name)
        """
        )
        == []
    )


def test_a_deletion_needs_the_name_an_owner_and_a_fresh_sign_in(db, doomed, owner, member):
    asked = "select public.delete_organization(%s, %s)"
    just_signed_in(db, member(doomed.org_id, "admin"))
    assert db.refusal(asked, doomed.org_id, "Sharma Traders").detail == "role_too_low"
    just_signed_in(db, owner)
    assert db.refusal(asked, doomed.org_id, "sharma traders").detail == "name_differs"
    just_signed_in(db, owner, seconds_ago=1000)
    assert db.refusal(asked, doomed.org_id, "Sharma Traders").detail == "sign_in_again"
    db.as_person(owner)
    assert db.refusal(asked, doomed.org_id, "Sharma Traders").detail == "sign_in_again"


def test_from_the_request_on_everything_stands_still(db, doomed, owner, member):
    agent = member(doomed.org_id, "agent")
    ask(db, owner, doomed.org_id)

    for who in (owner, agent):
        db.as_person(who)
        assert db.rows("select id from public.organizations where id = %s", doomed.org_id) == []
        assert db.rows("select id from public.leads") == []
        assert db.refusal("select public.my_day(%s)", doomed.org_id).detail == "organization_not_found"
    db.as_operator()
    assert (
        db.rows(
            "select status from public.whatsapp_numbers where org_id = %s and status <> 'disconnected'",
            doomed.org_id,
        )
        == []
    )
    assert (
        db.rows(
            "select id from public.lead_sources where org_id = %s and disconnected_at is null", doomed.org_id
        )
        == []
    )
    assert (
        db.rows("select id from public.api_keys where org_id = %s and revoked_at is null", doomed.org_id)
        == []
    )
    assert (
        db.rows("select id from private.credentials where org_id = %s and revoked_at is null", doomed.org_id)
        == []
    )
    assert (
        db.rows("select id from public.messages where org_id = %s and status = 'queued'", doomed.org_id) == []
    )


def test_members_without_another_organization_are_signed_out(db, doomed, owner, member, org):
    alone, elsewhere = member(doomed.org_id), member(doomed.org_id)
    org(elsewhere, "Another")
    for who in (owner, alone, elsewhere):
        db.execute(
            "insert into auth.sessions (id, user_id, created_at) values (gen_random_uuid(), %s, now())",
            [who.id],
        )

    ask(db, owner, doomed.org_id)

    left = {
        who
        for (who,) in db.rows(
            "select user_id from auth.sessions where user_id = any (%s)", [owner.id, alone.id, elsewhere.id]
        )
    }
    assert left == {owner.id, elsewhere.id}, "whoever asked stays, to be able to take it back"


def test_it_is_taken_back_within_the_grace_and_not_after(db, doomed, owner):
    deletion = ask(db, owner, doomed.org_id)
    assert deletion["may_cancel"]
    assert purge(db) is None, "nothing is due for 14 days"
    db.as_person(owner)
    assert [told["id"] for told in db.value("select public.my_deletions()")] == [deletion["id"]]

    told = db.value("select public.cancel_deletion(%s)", UUID(deletion["id"]))

    assert told["status"] == "cancelled"
    assert db.value("select count(*) from public.leads where org_id = %s", doomed.org_id) == 1
    again = ask(db, owner, doomed.org_id, now=True)
    db.value("select worker.purge_step()")
    db.as_person(owner)
    assert db.refusal("select public.cancel_deletion(%s)", UUID(again["id"])).detail == "deletion_under_way"


def test_nobody_else_sees_or_cancels_a_deletion(db, doomed, owner, neighbour, member, person):
    agent, stranger = member(doomed.org_id, "admin"), person("stranger")
    deletion = ask(db, owner, doomed.org_id)

    for who in (agent, stranger):
        db.as_person(who)
        assert db.value("select public.my_deletions()") == []
        assert (
            db.refusal("select public.cancel_deletion(%s)", UUID(deletion["id"])).detail
            == "deletion_not_found"
        )


@pytest.mark.parametrize("batch", [1, 5000])
def test_after_the_purge_no_row_is_left_and_the_neighbour_has_all(db, doomed, neighbour, owner, batch):
    before = rows_of(db, doomed.org_id)
    assert all(before.values()), before
    theirs = contents_of(db, neighbour.org_id)
    deletion = ask(db, owner, doomed.org_id, now=True)
    kept = rows_of(db, doomed.org_id)

    certificate = purge(db, batch)

    classes = dict(db.rows("select table_name, class from private.table_classes"))
    after = rows_of(db, doomed.org_id)
    assert {table: n for table, n in after.items() if classes[table] == "purge" and n} == {}
    assert {table: n for table, n in after.items() if classes[table] != "purge"} == {
        table: n for table, n in kept.items() if classes[table] != "purge"
    }
    assert contents_of(db, neighbour.org_id) == theirs
    assert db.value("select private.remaining_rows(%s)", doomed.org_id) == {}
    assert certificate["deletion_id"] == deletion["id"]
    assert {classes[table] for table in certificate["removed"]} == {"purge"}
    assert {classes[table] for table in certificate["anonymized"]} == {"anonymize"}
    assert sum(certificate["removed"].values()) >= sum(1 for table in before if classes[table] == "purge")


def test_no_row_goes_before_meta_has_been_told_of_the_disconnect(db, doomed, owner):
    ask(db, owner, doomed.org_id, now=True, is_meta_told=False)

    assert purge(db) is None
    assert db.value("select count(*) from public.leads where org_id = %s", doomed.org_id) == 1

    tell_meta(db, doomed.org_id)
    assert purge(db)


def test_a_deletion_whose_step_fails_does_not_hold_up_another(db, doomed, owner, org, person):
    somebody = person("Meena")
    second = plant(db, org(somebody, "Meena Textiles"), somebody.id, next(NUMBERS))
    ask(db, owner, doomed.org_id, now=True)
    ask(db, somebody, second.org_id, "Meena Textiles", now=True)
    earlier = (
        "update private.organization_deletions set purge_at = purge_at - interval '1 hour' where org_id = %s"
    )
    db.execute(earlier, [doomed.org_id])
    db.execute(
        f"""
        create function private.refuse() returns trigger language plpgsql as $$ begin raise 'no'; end $$;
        create trigger refuse before delete on public.leads
          for each row when (old.org_id = '{doomed.org_id}') execute function private.refuse();
        """
    )

    for _ in range(2000):
        try:
            with db.transaction():
                db.value("select worker.purge_step()")
        except psycopg.errors.RaiseException:
            pass
        if db.value("select private.remaining_rows(%s)", second.org_id) == {}:
            break

    assert db.value("select private.remaining_rows(%s)", second.org_id) == {}
    assert db.value("select count(*) from public.leads where org_id = %s", doomed.org_id) == 1


def test_what_is_kept_tells_of_nobody(db, doomed, owner):
    named = ("waba_id", "phone_number_id", "contact_id", "lead_id", "conversation_id", "meta_user_id")
    words = {mark for mark in doomed.marks if mark.startswith(("Buyer", "+91", "token-", "key-"))}
    assert len(words) == 4
    marks = words | {str(doomed.ids[name]) for name in named} | {f"wamid.{doomed.org_id}"}
    who = str(owner.id)
    ask(db, owner, doomed.org_id, now=True)
    purge(db)

    rest = "\n".join(
        row
        for table, in db.rows("select table_name from private.table_classes where class <> 'purge' and table_name <> 'private.suppressions'")
        for (row,) in db.rows(f"select t::text from {table} t where org_id = %s", doomed.org_id)
    )  # fmt: skip

    assert {mark for mark in marks if mark in rest} == set()
    assert who not in rest
    assert (
        db.value("select name from public.organizations where id = %s", doomed.org_id)
        == "Deleted organization"
    )


def test_the_books_still_add_up_after_the_purge(db, doomed, owner):
    sums = """
        select array_agg(n order by n::text) from (
          select (count(*), sum(amount), entry)::text as n from public.usage_ledger where org_id = %s group by wamid, entry) x
    """
    before = db.value(sums, doomed.org_id)
    assert before

    ask(db, owner, doomed.org_id, now=True)
    purge(db)

    assert db.value(sums, doomed.org_id) == before
    assert (
        db.rows(
            "select wamid from public.usage_ledger where org_id = %s and wamid not like 'gone.%%'",
            doomed.org_id,
        )
        == []
    )


def test_people_who_belong_to_nothing_else_lose_their_accounts(db, doomed, owner, member, org):
    alone, elsewhere = member(doomed.org_id), member(doomed.org_id)
    org(elsewhere, "Another")

    ask(db, owner, doomed.org_id, now=True)
    purge(db)

    left = {
        who
        for (who,) in db.rows(
            "select id from auth.users where id = any (%s)", [owner.id, alone.id, elsewhere.id]
        )
    }
    assert left == {elsewhere.id}


def test_outside_a_purge_append_only_tables_stay_so_whatever_is_set(db, doomed):
    db.execute("select set_config('flow.purging', %s, true)", [str(doomed.org_id)])

    for table in ("public.audit_log", "public.usage_ledger", "public.consent_events"):
        assert db.refusal(f"delete from {table} where org_id = %s", doomed.org_id).detail == "append_only"


def test_a_deletion_that_is_25_days_old_is_told(db, doomed, owner):
    deletion = ask(db, owner, doomed.org_id)
    assert db.value("select worker.late_deletions()") == []

    db.execute(
        "update private.organization_deletions set requested_at = now() - interval '26 days', purge_at = now() - interval '12 days' where id = %s",
        [deletion["id"]],
    )

    assert [late["deletion_id"] for late in db.value("select worker.late_deletions()")] == [deletion["id"]]


def test_a_body_shared_with_a_neighbour_stays_for_them(db, doomed, neighbour, owner):
    event, at = doomed.ids["event_id"], doomed.ids["received_at"]
    db.execute(
        "insert into private.event_effects (org_id, received_at, event_id, messages, statuses, fields, kept, dead) values (%s, %s, %s, 1, 0, '{}', 0, 0)",
        [neighbour.org_id, at, event],
    )
    ask(db, owner, doomed.org_id, now=True)
    purge(db)

    assert db.value("select count(*) from private.webhook_events where id = %s", event) == 1
    assert (
        db.value("select count(*) from private.webhook_events where id = %s", neighbour.ids["event_id"]) == 1
    )
