"""An archive is loaded into an empty organization whole or not at all; what comes out of that is the same."""

import hashlib
import io
import json
import re
import zipfile
from itertools import count
from typing import Any

import pytest

from tests.database import Database
from tests.sql.deleting import contents_of, rows_of
from tests.sql.exporting import Media, export, opened, rows_in
from tests.sql.planted import plant
from workers.errors import FlowError
from workers.rights import reading
from workers.rights.archive import Archive, ArchiveRefused
from workers.rights.importing import as_ours, load

NUMBERS = count(43_000)
FILE = b"\x89PNG of a customer"


class Kept(Media):
    """A bucket that remembers what was put there."""

    def put(self, path, file, _mime_type):
        file.seek(0)
        self.files[path] = file.read()


@pytest.fixture
def owner(person):
    return person("Asha")


@pytest.fixture
def source(db, org, owner, member):
    """An organization with something in every table, its connections alive."""
    org_id = org(owner)
    agent = member(org_id)
    planted = plant(db, org_id, agent.id, next(NUMBERS))
    planted.ids["agent"] = agent
    return planted


@pytest.fixture
def empty(db, org, owner, member, source):
    """Makes empty organizations of the same people."""

    def make(name="Second"):
        org_id = org(owner, name)
        member(org_id, "agent", source.ids["agent"])
        return org_id

    return make


@pytest.fixture(scope="module")
def exported(dsn, warm):
    """The archive of an organization that is not there any more."""
    db = Database.borrow(dsn, warm)
    somebody = db.value(
        "insert into auth.users (id, email) values (gen_random_uuid(), %s) returning id", "gone@example.test"
    )
    org_id = db.value("select private.new_organization('Gone', %s)", somebody)
    planted = plant(db, org_id, somebody, next(NUMBERS))
    parts = export(db, planted.org_id)
    db.give_back(warm)
    return parts


def loaded(db, parts: list[bytes], org_id, media: Any = None) -> dict[str, Any]:
    with opened(parts) as archive:
        return load(db, archive, media or Kept(), str(org_id), [])


def told(parts: list[bytes], org_id) -> dict[str, list[str]]:
    """The rows that an import loads, the organization's id taken out. (A form's address is taken, here.)"""
    with opened(parts) as archive:
        rows = rows_in(archive)
        tables = {t["table"]: t for t in archive.manifest["tables"] if t["is_loaded"]}
    return {
        name: sorted(
            re.sub(
                rf'"(org_id|path)": "{org_id}',
                r'"\1": "ORG',
                json.dumps(row | ({"slug": None} if name == "public.enquiry_forms" else {})),
            )
            for row in rows[name]
        )
        for name in tables
    }


def without_changed(parts: list[bytes], org_id) -> dict[str, list[str]]:
    with opened(parts) as archive:
        changed = {t["table"]: t["changes"] for t in archive.manifest["tables"]}
    return {
        name: sorted(
            json.dumps({k: v for k, v in json.loads(row).items() if k not in changed[name]}) for row in rows
        )
        for name, rows in told(parts, org_id).items()
    }


def test_what_was_exported_loaded_and_exported_again_is_the_same(db, source, empty):
    path = f"{source.org_id}/2026/11/photo"
    db.execute(
        "update public.media set path = %s, status = 'stored', stored_at = now() where org_id = %s",
        [path, source.org_id],
    )
    first = export(db, source.org_id, Media({path: FILE}))
    before, wakeups = (
        contents_of(db, source.org_id),
        db.rows("select job, asked_at::text from private.wakeups order by 1"),
    )
    second_org, third_org = empty(), empty("Third")
    kept = Kept()

    answer = loaded(db, first, second_org, kept)

    assert kept.files == {f"{second_org}/2026/11/photo": FILE}
    assert (answer["left"], answer["files"]) == ({}, 1)
    assert all(answer["loaded"].values()), "something of every table"
    second = export(db, second_org, kept)
    assert without_changed(second, second_org) == without_changed(first, source.org_id)
    loaded(db, second, third_org, kept)
    assert told(export(db, third_org, kept), third_org) == told(second, second_org), (
        "columns that change, too"
    )
    assert contents_of(db, source.org_id) == before
    assert db.rows("select job, asked_at::text from private.wakeups order by 1") == wakeups
    with opened(second) as archive:
        behind = {t["table"] for t in archive.manifest["tables"] if not t["is_loaded"]}
    assert set(answer["not_loaded"]) == behind >= {"public.usage_ledger", "public.audit_log"}


def test_a_table_that_is_cut_into_several_files_is_loaded_whole(db, source, empty, monkeypatch):
    monkeypatch.setattr(reading, "BATCH", 1)
    whole = rows_in(opened(export(db, source.org_id)))

    parts = export(db, source.org_id, limit=1)  # a row each

    with opened(parts) as archive:
        archive.check()
        cut = {path for path in archive.files if re.search(r"\.[0-9]+\.(jsonl|csv)$", path)}
        assert {"data/pipeline_stages.2.jsonl", "csv/pipeline_stages.3.csv"} <= cut
        for path in cut:
            if path.startswith("csv/"):
                assert b"\xef\xbb\xbf" in next(archive.content(path, archive.files[path])), (
                    "each has its header"
                )
        found = rows_in(archive)
    assert {t: rows for t, rows in found.items() if t != "public.audit_log"} == {
        t: rows for t, rows in whole.items() if t != "public.audit_log"
    }
    loaded(db, parts, target := empty())
    assert rows_of(db, target)["public.pipeline_stages"] == len(found["public.pipeline_stages"])


def test_nothing_that_is_loaded_acts(db, source, empty):
    org_id = source.org_id
    db.execute("update public.greeting_settings set is_on = true where org_id = %s", [org_id])
    db.execute("update public.sequences set is_on = true where org_id = %s", [org_id])
    db.execute(
        "update public.messages set status = 'queued' where org_id = %s and direction = 'outbound'", [org_id]
    )
    db.execute(
        "update public.tasks set remind_at = now() - interval '1 hour', reminded_at = null where org_id = %s",
        [org_id],
    )
    parts, target = export(db, org_id), empty()

    loaded(db, parts, target)

    stands = """
        select 'account' from public.whatsapp_accounts where org_id = %(org)s and (status <> 'disconnected' or credential_id is not null)
        union all select 'number' from public.whatsapp_numbers where org_id = %(org)s and status <> 'disconnected'
        union all select 'source' from public.lead_sources where org_id = %(org)s and kind in ('indiamart', 'sheet') and (is_active or disconnected_at is null)
        union all select 'greeting' from public.greeting_settings where org_id = %(org)s and is_on
        union all select 'sequence' from public.sequences where org_id = %(org)s and is_on
        union all select 'enrollment' from public.sequence_enrollments where org_id = %(org)s and state = 'active'
        union all select 'broadcast' from public.broadcasts where org_id = %(org)s and state in ('running', 'paused')
        union all select 'scheduled' from public.scheduled_messages where org_id = %(org)s and status = 'waiting'
        union all select 'message' from public.messages where org_id = %(org)s and status in ('queued', 'sending', 'uncertain')
        union all select 'form' from public.enquiry_forms where org_id = %(org)s and is_on
        union all select 'sheet' from public.sheet_sources where org_id = %(org)s and is_on
        union all select 'media' from public.media where org_id = %(org)s and status = 'pending'
        union all select 'reminder' from public.tasks where org_id = %(org)s and remind_at <= now() and reminded_at is null
    """
    assert db.execute(stands, {"org": target}).fetchall() == []
    acted = ("public.notifications", "public.usage_ledger", "private.send_lanes", "private.assignment_queue", "private.account_checks",
             "private.template_syncs", "private.reconciliation_runs", "private.signals", "private.billing_facts")  # fmt: skip
    rows = rows_of(db, target)
    assert {table: rows[table] for table in acted} == dict.fromkeys(acted, 0)
    assert rows["private.lead_words"] == rows["public.leads"], "it can be searched"


def test_every_trigger_on_new_rows_keeps_still_while_an_archive_is_loaded(db):
    woken = """
        select t.tgname from pg_trigger t join private.export_catalogue c on c.relation = t.tgrelid and c.class = 'data'
         where not t.tgisinternal and t.tgtype & 4 = 4 and pg_get_triggerdef(t.oid) not like '%flow.importing%'
    """
    derived = {
        "contacts_queue_new", "contact_points_queue_added", "leads_keep_words_on_insert", "message_templates_know_themselves",
        "messages_wake_dispatch",  # only queued messages wake it, and none that is loaded is queued
    }  # fmt: skip
    assert {name for (name,) in db.execute(woken.encode()).fetchall()} == derived, (
        "say `when` as 975_importing.sql does"
    )


def test_members_who_are_none_there_lose_what_is_theirs_and_the_rest_comes(db, org, exported):
    target = org(name="Elsewhere")

    answer = loaded(db, exported, target)

    assert answer["left"]["public.conversation_reads"] == 1
    assert answer["loaded"]["public.leads"] == 1
    owners = db.rows("select owner_id from public.leads where org_id = %s", target)
    assert owners == [(None,)]


def test_an_organization_that_has_something_takes_no_archive(db, source, empty):
    parts = export(db, source.org_id)
    target = empty()
    loaded(db, parts, target)
    before = contents_of(db, target)

    for org_id in (target, source.org_id):
        with pytest.raises(Exception, match="not empty"), db.transaction():
            loaded(db, parts, org_id)

    assert contents_of(db, target) == before


def test_numbers_that_an_archive_brings_are_not_given_out_again(db, org, exported):
    high = db.value("select coalesce(max(id), 0) + 1000000 from public.messages")
    parts = changed(exported, "data/messages.jsonl", lambda row: row | {"id": high})
    parts = changed(parts, "data/media.jsonl", lambda row: row | {"message_id": None})
    target = org()

    loaded(db, parts, target)

    assert db.value("select nextval(pg_get_serial_sequence('public.messages', 'id'))") > high


# What is hostile


def rewritten(parts: list[bytes], change) -> list[bytes]:
    """The archive with its files as `change(files, manifest)` leaves them, lengths and digests told anew."""
    with zipfile.ZipFile(io.BytesIO(parts[0])) as zipped:
        files = {name: zipped.read(name) for name in zipped.namelist()}
    manifest = json.loads(files.pop("manifest.json"))
    change(files, manifest)
    known = {file["path"]: file for file in manifest["files"] if isinstance(file, dict)}
    for name, data in files.items():
        if name in known and not known[name].get("as_told"):
            known[name] |= {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            if name.endswith(".jsonl"):
                known[name]["rows"] = data.count(b"\n")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as zipped:
        for name, data in (files | {"manifest.json": json.dumps(manifest).encode()}).items():
            zipped.writestr(name, data)
    return [out.getvalue()]


def changed(parts: list[bytes], path: str, change) -> list[bytes]:
    """The archive with each row of a file changed."""

    def apply(files, manifest):
        rows = [json.loads(line) for line in files[path].decode().splitlines()]
        files[path] = "".join(json.dumps(change(row)) + "\n" for row in rows).encode()

    return rewritten(parts, apply)


def file_of(manifest, path):
    return next(file for file in manifest["files"] if file["path"] == path)


def bomb(files, manifest):
    files["data/tags.jsonl"] = b"\n" * (64 << 20)


def wrong_digest(files, manifest):
    file_of(manifest, "data/leads.jsonl").update(sha256="0" * 64, as_told=True)


def wrong_count(files, manifest):
    told = file_of(manifest, "data/leads.jsonl")
    told.update(rows=told["rows"] + 1, as_told=True)


def stray(files, manifest):
    files["media/../../etc/passwd"] = b"x"


def unnamed(files, manifest):
    files["data/unnamed.jsonl"] = b""


def missing(files, manifest):
    del files["data/leads.jsonl"]


def other_format(files, manifest):
    manifest["format"] = 2


def unknown_column(files, manifest):
    table = next(t for t in manifest["tables"] if t["table"] == "public.leads")
    table["columns"].append("is_admin")


def no_object(files, manifest):
    files["data/tags.jsonl"] = b"[]\n"


def not_json(files, manifest):
    files["data/tags.jsonl"] = b"{\n"


def not_text(files, manifest):
    files["data/tags.jsonl"] = b'{"name": "\xff"}\n'


def no_list(files, manifest):
    manifest["files"] = "all"


def table_without_file(files, manifest):
    manifest["tables"].append({"table": "auth.users", "columns": ["id"]})


def secret_column(files, manifest):
    row = json.loads(files["data/lead_sources.jsonl"].split(b"\n")[0])
    files["data/lead_sources.jsonl"] = json.dumps(row | {"push_token_sha256": "\\x00"}).encode() + b"\n"


def without_a_name(files, manifest):
    row = json.loads(files["data/tags.jsonl"].split(b"\n")[0])
    files["data/tags.jsonl"] = json.dumps(row | {"name": None}).encode() + b"\n"


HOSTILE = [bomb, wrong_digest, wrong_count, stray, unnamed, missing, other_format, unknown_column, no_object, not_json,
           not_text, no_list, table_without_file, secret_column, without_a_name]  # fmt: skip


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda change: change.__name__)
def test_an_archive_that_is_not_as_flow_writes_it_loads_nothing(db, org, exported, hostile):
    target = org()
    before = contents_of(db, target)
    parts = rewritten(exported, hostile)

    with pytest.raises(Exception) as refused, db.transaction():  # noqa: PT011, PT012 (looked at below)
        try:
            loaded(db, parts, target)
        except FlowError:
            raise
        except Exception as error:
            raise as_ours(error) from error

    assert isinstance(refused.value, FlowError)
    assert refused.value.status == 422, refused.value
    assert contents_of(db, target) == before


def test_an_archive_of_an_organization_that_is_gone_is_loaded(db, org, exported):
    target = org()

    loaded(db, exported, target)

    assert db.value("select count(*) from public.leads where org_id = %s", target) == 1


def test_a_broken_or_cut_file_is_refused(exported):
    (whole,) = exported
    with zipfile.ZipFile(io.BytesIO(whole)) as zipped:
        largest = max(zipped.infolist(), key=lambda info: info.compress_size)
    broken = bytearray(whole)
    broken[largest.header_offset + largest.compress_size // 2] ^= 0xFF

    for share in (0.3, 0.6, 0.95):
        with pytest.raises(ArchiveRefused):
            opened([whole[: int(len(whole) * share)]])
    with pytest.raises(ArchiveRefused), Archive([io.BytesIO(bytes(broken))]) as archive:
        archive.check()


def test_rows_are_of_the_organization_they_are_loaded_into_whatever_they_say(db, exported, org):
    neighbour, target = org(name="Neighbours"), org()
    parts = changed(exported, "data/tags.jsonl", lambda row: row | {"org_id": str(neighbour)})
    before = contents_of(db, neighbour)

    loaded(db, parts, target)

    assert contents_of(db, neighbour) == before
    assert db.value("select count(*) from public.tags where org_id = %s", target) > 0


def test_a_file_of_a_message_goes_into_the_folder_of_its_organization_alone(db, source, empty):
    stolen = f"{source.org_id}/2026/11/photo"
    db.execute(
        "update public.media set path = %s, status = 'stored', stored_at = now() where org_id = %s",
        [stolen, source.org_id],
    )
    parts = export(db, source.org_id, Media({stolen: FILE}))
    target, kept = empty(), Kept()

    loaded(db, parts, target, kept)

    paths = [path for (path,) in db.rows("select path from public.media where org_id = %s", target)]
    assert all(path.startswith(f"{target}/") for path in paths)
    assert set(kept.files) == set(paths)
