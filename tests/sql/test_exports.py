"""What an export holds: every row of every table, and no secret; who may ask for one, and how it goes."""

import csv
import io
from itertools import count
from uuid import uuid4

import pytest

from tests.business import call
from tests.sql.deleting import ask, just_signed_in, rows_of
from tests.sql.exporting import Media, export, opened, rows_in
from tests.sql.planted import plant, tenant_tables

NUMBERS = count(41_000)


@pytest.fixture
def owner(person):
    return person("Asha")


@pytest.fixture
def planted(db, org, owner):
    """An organization with at least one row in every table."""
    return plant(db, org(owner), owner.id, next(NUMBERS))


def claim(db, seconds=60):
    return call(db, "claim_export", lease_seconds=seconds)["export"]


def key(claimed):
    return {name: claimed[name] for name in ("org_id", "export_id", "lease")}


def piece(number):
    return {
        "piece": {"number": number, "path": f"p{number}", "segments": []}, "lease_seconds": 60,
        "read": {"rows": 2, "bytes": 20, "tables": {"public.leads": 2}},
    }  # fmt: skip


# What it holds


def test_every_table_of_organizations_says_whether_it_is_exported(db):
    named = dict(db.rows("select table_name, class from private.export_tables"))

    without = {
        "public.organizations",
        "public.profiles",
        "private.webhook_events",
    }  # whose rows name it otherwise
    assert set(named) - without == set(tenant_tables(db))
    assert set(named.values()) == {"data", "record", "none"}


def test_what_the_catalogue_of_exports_names_exists(db):
    named = """
        select t.table_name, x.name from private.export_tables t,
               lateral (select unnest(t.hidden) union all select t.born where t.born is not null
                        union all select jsonb_object_keys(t.arrives)) x (name)
         where not exists (select from pg_attribute a where a.attrelid = t.table_name::regclass and a.attname = x.name)
    """
    assert db.rows(named) == []


def test_a_new_table_is_exported_without_anybody_naming_it(db, planted):
    db.execute("create table public.novelties (org_id uuid, id int, words text, primary key (org_id, id))")
    db.execute("insert into public.novelties values (%s, 1, 'new')", [planted.org_id])

    with opened(export(db, planted.org_id)) as archive:
        assert [row["words"] for row in rows_in(archive)["public.novelties"]] == ["new"]


def test_no_column_of_bytes_leaves_unless_it_is_read_as_words(db):
    told = """
        select c.table_name || '.' || a.attname from private.export_catalogue c
          join pg_attribute a on a.attrelid = c.relation and a.attname = any (c.columns) and a.atttypid = 'bytea'::regtype
         where c.class <> 'none' and c.source is null
    """
    assert db.rows(told) == []


def test_an_export_holds_every_row_of_every_table(db, planted):
    classes = dict(db.rows("select table_name, class from private.export_tables"))

    with opened(export(db, planted.org_id)) as archive:
        found = {table: len(rows) for table, rows in rows_in(archive).items()}
        told = {table["table"]: table["rows"] for table in archive.manifest["tables"]}

    there = {table: n for table, n in rows_of(db, planted.org_id).items() if classes[table] != "none"}
    there["private.ticket_messages"] -= 1  # a note that Flow's people made for themselves
    assert {table: found[table] for table in there} == there == {table: told[table] for table in there}
    assert all(there.values())
    members = db.value("select count(*) from public.memberships where org_id = %s", planted.org_id)
    assert (found["public.organizations"], found["public.profiles"]) == (1, members)
    assert found["private.webhook_events"] == 3, "the planted one, and two statuses"


def test_an_export_holds_no_secret_and_nothing_of_a_neighbour(db, planted, org, person):
    somebody = person("Vikram")
    neighbour = plant(db, org(somebody, name="Neighbours"), somebody.id, next(NUMBERS))
    hidden = """
        select encode(key_sha256, 'hex') from public.api_keys where org_id = %(org)s
        union all select encode(token_sha256, 'hex') from public.invitations where org_id = %(org)s
        union all select encode(key_sha256, 'hex') from public.lead_sources where org_id = %(org)s and key_sha256 is not null
        union all select encode(hash, 'hex') from private.suppressions where org_id = %(org)s
        union all select encode(cipher, 'hex') from private.credentials where org_id = %(org)s and cipher is not null
    """
    hashes = {value for (value,) in db.execute(hidden, {"org": planted.org_id})}
    secrets = hashes | {mark for mark in planted.marks if mark.startswith(("token-", "key-"))}
    assert len(secrets) >= 7

    with opened(export(db, planted.org_id)) as archive:
        everything = b"".join(
            chunk for path, told in archive.files.items() for chunk in archive.content(path, told)
        )

    assert {secret for secret in secrets if secret.encode() in everything} == set()
    assert {mark for mark in neighbour.marks if mark.encode() in everything} == set()
    marks = planted.marks - secrets
    found = {mark for mark in marks if mark.encode() in everything}
    assert len(found) > len(marks) * 0.9, "else the search is no search"


def test_a_webhook_that_holds_something_of_others_is_left_out(db, planted, org):
    neighbour = org(name="Neighbours")
    db.execute(
        "insert into private.event_effects (org_id, received_at, event_id, messages, statuses, fields, kept, dead)"
        " values (%s, %s, %s, 1, 0, '{}', 0, 0)",
        [neighbour, planted.ids["received_at"], planted.ids["event_id"]],
    )

    with opened(export(db, planted.org_id)) as archive:
        events = [row["id"] for row in rows_in(archive)["private.webhook_events"]]

    assert planted.ids["event_id"] not in events
    assert len(events) == 2


def test_rows_after_the_cut_off_and_in_many_pages_come_once(db, org, owner):
    org_id = org(owner)
    for number in range(7):
        call(
            db,
            "add_lead",
            org_id=str(org_id),
            lead={"name": f"N{number}", "phone": f"+9198100010{number:02d}"},
        )
    whole = [
        one for (one,) in db.rows("select id from public.contacts where org_id = %s order by id", org_id)
    ]
    now = db.value("select now()")

    seen, after = [], None
    while True:
        page = call(
            db,
            "export_page",
            org_id=str(org_id),
            table_name="public.contacts",
            after=after,
            cutoff=now,
            batch=3,
        )
        seen += [line for line in page["lines"].split("\n") if line]
        after = page["last"]
        if after is None:
            break

    assert [str(one) in line for one, line in zip(whole, seen, strict=True)] == [True] * 7
    early = call(
        db, "export_page", org_id=str(org_id), table_name="public.contacts", after=None,
        cutoff=db.value("select now() - interval '1 second'"), batch=9,
    )  # fmt: skip
    assert (early["rows"], early["last"], early["lines"]) == (0, None, "")


def test_a_page_of_large_rows_ends_early(db, org, owner):
    org_id = org(owner)
    lead = call(db, "add_lead", org_id=str(org_id), lead={"name": "Big", "phone": "+919810001000"})
    db.execute(
        "insert into public.lead_activities (org_id, lead_id, at, kind, details)"
        " select %s, %s, now(), 'note', jsonb_build_object('text', repeat('x', 3000000)) from generate_series(1, 3)",
        [org_id, lead["lead_id"]],
    )

    page = call(
        db, "export_page", org_id=str(org_id), table_name="public.lead_activities", after=None,
        cutoff=db.value("select now()"), batch=5000,
    )  # fmt: skip

    assert page["rows"] < db.value("select count(*) from public.lead_activities where org_id = %s", org_id)
    assert page["last"] is not None


def test_a_table_that_is_not_exported_cannot_be_asked_for(db, planted):
    for table in ("private.credentials", "auth.users", "public.rate_cards; drop table x"):
        refused = db.refusal("select worker.export_page(%s, %s, null, now(), 10)", planted.org_id, table)
        assert refused.detail == "table_unknown"


def test_spreadsheets_get_text_that_they_do_not_run(db, org, owner):
    org_id = org(owner)
    call(db, "add_lead", org_id=str(org_id), lead={"name": "=HYPERLINK(1)", "phone": "+919810001000"})
    db.execute(
        "update public.contacts set company = 'a, \"b\"' || chr(10) || 'क' where org_id = %s", [org_id]
    )

    with opened(export(db, org_id)) as archive:
        raw = b"".join(archive.content("csv/contacts.csv", archive.files["csv/contacts.csv"]))

    assert raw.startswith(b"\xef\xbb\xbf")
    (row,) = csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline=""))
    assert (row["name"], row["phone"], row["company"]) == ("'=HYPERLINK(1)", "'+919810001000", 'a, "b"\nक')


def test_files_of_messages_are_in_the_archive_and_one_that_is_gone_is_named(db, planted):
    number = planted.ids["number_id"]
    paths = [f"{planted.org_id}/2026/11/{n}" for n in "ab"]
    for path in paths:
        db.execute(
            "insert into public.media (org_id, number_id, direction, kind, path, status, stored_at, mime_type)"
            " values (%s, %s, 'inbound', 'image', %s, 'stored', now(), 'image/png')",
            [planted.org_id, number, path],
        )

    parts = export(db, planted.org_id, Media({paths[0]: b"\x89PNG"}), limit=1)

    with opened(parts) as archive:
        archive.check()
        assert archive.manifest["media"] == {"files": 1, "missing": 1}
        assert archive.manifest["parts"] == len(parts) > 10, "a part each, at such a limit"
        indexed = [path for path in archive.files if path.startswith("media/index-")]
        assert indexed


# Asking


def test_an_export_needs_an_owner_and_a_fresh_sign_in_and_comes_once_a_day(db, planted, owner, member):
    asked = "select public.request_export(%s)"
    just_signed_in(db, member(planted.org_id, "admin"))
    assert db.refusal(asked, planted.org_id).detail == "role_too_low"
    db.as_person(owner)
    assert db.refusal(asked, planted.org_id).detail == "sign_in_again"

    just_signed_in(db, owner)
    told = db.value(asked, planted.org_id)
    assert told["status"] == "reading"
    assert db.value(asked, planted.org_id)["id"] == told["id"], "the one that is under way"
    db.as_operator()
    db.execute(
        "update private.organization_exports set status = 'ready', next_at = null, finished_at = now(),"
        " expires_at = now() + interval '7 days' where id = %s",
        [told["id"]],
    )
    just_signed_in(db, owner)
    refused = db.refusal(asked, planted.org_id)
    assert (refused.detail, refused.hint[:9]) == ("export_too_soon", "retry_at=")
    assert db.value("select public.list_exports(%s)", planted.org_id)["next_at"]
    db.as_operator()
    db.execute("update private.organization_exports set status = 'failed' where id = %s", [told["id"]])
    just_signed_in(db, owner)
    assert db.value(asked, planted.org_id)["id"] != told["id"], "one that failed does not count"


def test_each_download_is_a_row_of_the_audit_log_and_ends_with_the_export(db, planted, owner):
    just_signed_in(db, owner)
    told = db.value("select public.request_export(%s)", planted.org_id)
    opened_ = "select public.open_export(%s, %s)"
    assert db.refusal(opened_, planted.org_id, told["id"]).detail == "export_not_found", "not yet"
    db.as_operator()
    claimed = claim(db)
    call(db, "record_export_piece", **key(claimed), **piece(0), at_table=None, after=None)
    part = {"path": "org/x.zip", "name": "flow.zip", "bytes": 5, "sha256": "0" * 64, "files": 3}
    call(db, "record_export_part", **key(claimed), part=part, cursor={}, lease_seconds=9)
    call(db, "finish_export", **key(claimed), outcome={"outcome": "ready"})

    just_signed_in(db, owner)
    for _ in range(2):
        assert db.value(opened_, planted.org_id, told["id"]) == {"path": "org/x.zip", "name": "flow.zip"}
    assert (
        db.refusal("select public.open_export(%s, %s, 1)", planted.org_id, told["id"]).detail
        == "export_not_found"
    )
    told = db.value("select public.list_exports(%s)", planted.org_id)["exports"][0]
    assert (told["status"], told["rows"], told["parts"][0]["name"]) == ("ready", 2, "flow.zip")
    assert "path" not in told["parts"][0]
    log = db.rows(
        "select action, details from public.audit_log where org_id = %s and action like '%%.export%%' order by id",
        planted.org_id,
    )
    assert log == [("organization.export_requested", {}), *[("organization.export_opened", {"part": 0})] * 2]
    db.as_person(owner)
    assert db.refusal(opened_, planted.org_id, told["id"]).detail == "sign_in_again"

    just_signed_in(db, owner)
    assert db.value("select public.cancel_export(%s, %s)", planted.org_id, told["id"])["status"] == "expired"
    assert db.refusal(opened_, planted.org_id, told["id"]).detail == "export_not_found"


# The job


def test_two_workers_never_have_the_same_export_and_the_late_one_harms_nothing(db, planted, owner):
    just_signed_in(db, owner)
    db.value("select public.request_export(%s)", planted.org_id)
    db.as_operator()
    first = claim(db)
    assert claim(db) is None
    call(db, "record_export_piece", **key(first), **piece(0), at_table="public.leads", after=["x"])

    db.execute(
        "update private.organization_exports set next_at = now() - interval '1 second' where status = 'reading'"
    )
    second = claim(db)

    assert (second["pieces"], second["at_table"], second["after"]) == (1, "public.leads", ["x"])
    late = "select worker.record_export_piece(%s, %s, %s, '{\"number\": 1}', '{}', null, null, 9)"
    assert db.refusal(late, *key(first).values()).detail == "lease_lost"
    call(db, "record_export_piece", **key(second), **piece(1), at_table=None, after=None)
    found = call(db, "export_pieces", **key(second))["pieces"]
    assert [one["path"] for one in found] == ["p0", "p1"]


@pytest.mark.parametrize("how", ["cancelled", "deleted"])
def test_an_export_that_is_not_wanted_any_more_stops(db, planted, owner, how):
    just_signed_in(db, owner)
    told = db.value("select public.request_export(%s)", planted.org_id)
    db.as_operator()
    claimed = claim(db)

    if how == "deleted":
        ask(db, owner, planted.org_id)
    else:
        just_signed_in(db, owner)
        db.value("select public.cancel_export(%s, %s)", planted.org_id, told["id"])
        db.as_operator()

    for name, more in (("keep_export", "9"), ("finish_export", '\'{"outcome": "ready"}\'')):
        refused = db.refusal(f"select worker.{name}(%s, %s, %s, {more})", *key(claimed).values())
        assert refused.detail == "lease_lost"
    db.execute("update private.organization_exports set next_at = now() where status = 'reading'")
    assert claim(db) is None
    status = db.value("select status from private.organization_exports where id = %s", told["id"])
    assert status == {"deleted": "failed", "cancelled": "cancelled"}[how]


def test_what_fails_again_and_again_is_given_up(db, planted, owner):
    just_signed_in(db, owner)
    told = db.value("select public.request_export(%s)", planted.org_id)
    db.as_operator()
    for _ in range(20):
        claimed = claim(db)
        outcome = {"outcome": "later", "seconds": 0, "slug": "storage_refused", "words": "Storage refuses."}
        call(db, "finish_export", **key(claimed), outcome=outcome)

    assert claim(db) is None
    row = db.row(
        "select status, error, error_slug from private.organization_exports where id = %s", told["id"]
    )
    assert row == ("failed", "Storage refuses.", "storage_refused")


def test_files_go_once_the_export_has_ended_and_the_archive_after_seven_days(db, planted, owner):
    just_signed_in(db, owner)
    told = db.value("select public.request_export(%s)", planted.org_id)
    db.as_operator()
    folder = f"{planted.org_id}/{told['id']}"
    names = [f"{folder}/a/pieces/0", f"{folder}/b/part-1.zip"]
    for name in names:
        db.execute("insert into storage.objects (bucket_id, name) values ('exports', %s)", [name])
    removing = "select worker.exports_to_remove() -> 'paths'"
    assert db.value(removing) == [], "it is under way"
    claimed = claim(db)
    call(db, "record_export_piece", **key(claimed), **piece(0), at_table=None, after=None)
    call(db, "record_export_part", **key(claimed), part={"path": names[1]}, cursor={}, lease_seconds=9)
    call(db, "finish_export", **key(claimed), outcome={"outcome": "ready"})

    assert db.value(removing) == names[:1]
    allowed = "select set_config('storage.allow_delete_query', 'true', true)"
    db.execute(allowed)
    db.execute("delete from storage.objects where name = %s", [names[0]])
    assert db.value(removing) == []
    aged = "update private.organization_exports set expires_at = now() where id = %s"
    db.execute(aged, [told["id"]])
    assert db.value(removing) == names[1:]
    db.execute("delete from storage.objects where name = %s", [names[1]])
    assert db.value(removing) == []
    row = db.row(
        "select status, removed_at is not null from private.organization_exports where id = %s", told["id"]
    )
    assert row == ("expired", True)


# One person


def test_one_persons_data_is_theirs_alone_and_whole(db, planted, owner, member):
    other = call(db, "add_lead", org_id=str(planted.org_id), lead={"name": "Other", "phone": "+919810009999"})
    db.as_person(member(planted.org_id, "admin"))

    told = db.value("select public.contact_data(%s, %s)", planted.org_id, planted.ids["contact_id"])

    data = told["data"]
    assert [row["id"] for row in data["public.contacts"]] == [str(planted.ids["contact_id"])]
    must = {"public.leads", "public.messages", "public.contact_points", "public.conversation_notes", "public.consent_events",
            "public.tasks", "public.usage_ledger", "public.lead_activities", "public.conversations"}  # fmt: skip
    assert must <= set(data)
    assert data["public.leads"][0]["raw"] is not None
    assert other["contact_id"] not in str(data)
    assert other["lead_id"] not in str(data)
    assert told["cut"] == []
    action = "select count(*) from public.audit_log where org_id = %s and action = 'contact.data_given'"
    assert db.value(action, planted.org_id) == 1
    missing = db.refusal("select public.contact_data(%s, %s)", planted.org_id, uuid4())
    assert missing.detail == "contact_not_found"
