"""Flow's guards in the database, from the catalogue, and for each the statements that take it away."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.database import Database

OURS = "n.nspname in ('public', 'private', 'worker')"


@dataclass(frozen=True)
class Guard:
    """One guard: what it is, what takes it away, and the promises' tests that are asked first."""

    name: str
    without: str
    tests: tuple[str, ...]


def guards(db: Database) -> Iterator[Guard]:
    """All that stands between somebody and what is not theirs, read from the database itself."""
    yield from _row_security(db)
    yield from _policies(db)
    yield from _closed_doors(db)
    yield from _ranks(db)
    yield from _keys(db)
    yield from _append_only(db)
    yield from _purged(db)
    yield from (_edited(db, *edit) for edit in EDITS)
    yield Guard(
        "the limit of 30 days for a deletion",
        "alter table private.organization_deletions drop constraint deletion_is_done_within_30_days",
        ("test_P31",),
    )


def _row_security(db: Database) -> Iterator[Guard]:
    for (table,) in db.rows(
        f"select c.oid::regclass::text {RELATIONS} and c.relkind in ('r', 'p') order by 1"
    ):
        yield Guard(
            f"row level security of {table}", f"alter table {table} disable row level security", ("test_P25",)
        )


def _policies(db: Database) -> Iterator[Guard]:
    found = db.rows(
        "select polname, polrelid::regclass::text, polqual is not null, polwithcheck is not null from pg_policy"
        " where polrelid <> 'public.rate_cards'::regclass order by 2, 1"  # of no tenant: everybody reads it
    )
    for name, table, has_using, has_check in found:
        open_ = " using (true)" * has_using + " with check (true)" * has_check
        asked = ("test_P13_every_policy", "test_P13_outsider_reads", "test_P13_files")
        yield Guard(f"policy of {table}: {name}", f'alter policy "{name}" on {table}{open_}', asked)


def _closed_doors(db: Database) -> Iterator[Guard]:
    for (relation,) in db.rows(f"select c.oid::regclass::text {RELATIONS} order by 1"):
        yield Guard(
            f"anon may not read {relation}", f"grant select on {relation} to anon", ("test_P26_anon",)
        )
    functions = f"select p.oid::regprocedure::text from pg_proc p join pg_namespace n on n.oid = p.pronamespace where {OURS} order by 1"
    for (function,) in db.rows(functions):
        yield Guard(
            f"anon may not call {function}",
            f"grant execute on function {function} to anon",
            ("test_P26_anon",),
        )
    for schema in ("private", "worker"):
        yield Guard(
            f"people may not enter {schema}",
            f"grant usage on schema {schema} to authenticated",
            ("test_P13_people_run", "test_P26_anon"),
        )
        for kind in ("tables", "functions"):
            later = f"alter default privileges in schema {schema} grant all on {kind} to anon"
            yield Guard(f"what is made later in {schema} is closed: {kind}", later, ("test_P26_anon",))


def _ranks(db: Database) -> Iterator[Guard]:
    asking = (
        "select p.oid::regprocedure::text, pg_get_functiondef(p.oid) from pg_proc p join pg_namespace n on n.oid = p.pronamespace"
        f" where {OURS} and p.prosrc ~ 'private.require_role' and p.proname not in ('lock_team', 'require_role') order by 1"
    )
    first = ("test_P13_outsider_is_refused", "test_P13_rank_is_asked_for", "test_P13_an_agent")
    for function, body in db.rows(asking):
        for call in re.finditer(r"private\.require_role\((?:[^()]|\([^()]*\))*\)", body):
            before, after = body[: call.start()], body[call.end() :]
            yield Guard(f"{function} asks who calls: {call[0]}", f"{before}'owner'::text{after}", first)
            if rank := re.search(r"'(admin|owner)'", call[0]):
                lower = before + call[0].replace(rank[0], "'agent'") + after
                yield Guard(f"{function} asks for an {rank[1]}: {call[0]}", lower, first[1:])
    # It asks twice, before and after it has waited for its turn.
    team = db.value("select pg_get_functiondef('private.lock_team'::regproc)")
    asked = "private.require_role(lock_team.org_id, lock_team.min_role)"
    assert team.count(asked) == 2
    yield Guard("private.lock_team asks who calls", team.replace(asked, "'owner'::text"), first)


def _keys(db: Database) -> Iterator[Guard]:
    keys = (
        "select k.conrelid::regclass::text, k.conname from pg_constraint k join pg_namespace n on n.oid = k.connamespace"
        f" where {OURS} and k.contype = 'f' and cardinality(k.conkey) > 1 and k.conparentid = 0 order by 1, 2"
    )
    for table, name in db.rows(keys):
        yield Guard(
            f"foreign key of {table}: {name}", f"alter table {table} drop constraint {name}",
            ("test_P13_what_names_a_row",),
        )  # fmt: skip


def _append_only(db: Database) -> Iterator[Guard]:
    found = db.rows(
        "select tgrelid::regclass::text, tgname from pg_trigger where tgfoid::regproc::text ~ 'forbid_change$' and tgparentid = 0 order by 1, 2"
    )
    for table, name in found:
        yield Guard(
            f"trigger of {table}: {name}", f"alter table {table} disable trigger {name}",
            ("test_P16_what_is_booked", "test_P30_evidence", "test_P22"),
        )  # fmt: skip


def _purged(db: Database) -> Iterator[Guard]:
    for (table,) in db.rows("select table_name from private.table_classes where class = 'purge' order by 1"):
        forgotten = f"delete from private.table_classes where table_name = '{table}'"
        yield Guard(f"a deletion takes {table} along", forgotten, ("test_P30_every_table",))


def _edited(db: Database, name: str, function: str, old: str, new: str, *tests: str) -> Guard:
    """A guard that stands in the body of a function."""
    body = db.value("select pg_get_functiondef(%s::regproc)", function)
    assert old in body, f"{function} no longer says: {old}"
    return Guard(name, body.replace(old, new), tests)


RELATIONS = f"""
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
   where {OURS} and c.relkind in ('r', 'p', 'v') and not c.relispartition
"""
EDITS = (
    (
        "a push goes to known services",
        "private.add_push_device",
        "not private.is_push_endpoint(v_endpoint)",
        "false",
        "test_P19_a_device",
    ),
    (
        "who signed out is pushed nothing",
        "worker.claim_pushes",
        "exists (select from auth.sessions e where e.id = v_device.session_id and e.user_id = v_device.user_id)",
        "true",
        "test_P19_who_may_not",
    ),
    (
        "who is no admin any more is pushed nothing of numbers",
        "worker.claim_pushes",
        "m.role in ('admin', 'owner')",
        "true",
        "test_P19_who_may_not",
    ),
    (
        "what was read is pushed no more",
        "worker.claim_pushes",
        "(n.read_at is null or",
        "(true or",
        "test_P19_who_may_not",
    ),
    (
        "a deleted organization pushes nothing",
        "worker.claim_pushes",
        "o.deleted_at is null",
        "true",
        "test_P19_who_may_not",
    ),
    (
        "an organization decides whether pushes name people",
        "private.push_payload",
        "v_org.push_shows_text and",
        "",
        "test_P19_a_push_names",
    ),
    (
        "a person decides whether pushes name people",
        "private.push_payload",
        "(private.notification_settings_of((p).org_id, (d).user_id)).shows_text",
        "true",
        "test_P19_a_push_names",
    ),
    (
        "people sign out their own devices only",
        "private.forget_push_devices",
        "where d.user_id = auth.uid()",
        "where true",
        "test_P19_who_signs_out",
    ),
    (
        "with a device goes what could write to it",
        "private.tg_push_devices__revoke",
        "perform private.revoke_credential(old.org_id, old.credential_id);",
        "",
        "test_P19_who_may_not",
    ),
    ("a new lead is greeted", "private.tg_leads__greets", "begin\n", "begin\n  return null;\n", "test_P11"),
    ("secrets are sealed with AES-256", "private.seal_credential", "aes256", "aes128", "test_P23"),
    (
        "an opened secret is counted",
        "private.open_credential",
        "if v_secret is not null then",
        "if false then",
        "test_P24",
    ),
    ("one sync at a time", "private.check_may_sync", "v_source.lease_run is not null", "false", "test_P14"),
    (
        "a disconnect cancels what waits",
        "private.disconnect_whatsapp",
        "perform private.cancel_queued(disconnect_whatsapp.org_id, 'The WhatsApp number was disconnected');",
        "",
        "test_P29",
    ),
    (
        "a revoked secret does not open",
        "private.open_credential",
        " and c.revoked_at is null",
        "",
        "test_P29",
    ),
    (
        "a disconnect removes IndiaMART's key",
        "private.drop_source",
        "perform private.revoke_credential(v_source.org_id, v_source.credential_id);",
        "",
        "test_P29",
    ),
    (
        "an answer after the disconnect is thrown away",
        "worker.ingest_leads",
        "v_source.disconnected_at is not null",
        "false",
        "test_P29",
    ),
    (
        "Meta's cost of a message is booked",
        "private.tg_messages__open_windows",
        "begin\n",
        "begin\n  return null;\n",
        "test_P15",
    ),
    (
        "a deletion asks for a recent sign-in",
        "private.delete_organization",
        "perform private.require_recent_sign_in();",
        "",
        "test_P30_only",
    ),
    (
        "a deletion asks for the name",
        "private.delete_organization",
        "delete_organization.name is distinct from v_name",
        "false",
        "test_P30_only",
    ),
    (
        "a deletion disconnects numbers",
        "private.halt_organization",
        "perform private.disconnect_whatsapp(halt_organization.org_id, null);",
        "",
        "test_P30_everything",
    ),
    (
        "a deletion revokes keys of the API",
        "private.halt_organization",
        "update public.api_keys k set revoked_at = now()",
        "update public.api_keys k set revoked_at = null",
        "test_P30_everything",
    ),
    (
        "webhooks of a suspended organization wait",
        "private.due_endpoints",
        "and not private.is_read_only(l.org_id)",
        "",
        "test_P29_no_webhook",
    ),
    (
        "an API key does what its scopes say",
        "private.use_api_key",
        "elsif not coalesce(use_api_key.scope = any (v_key.scopes), true) then",
        "elsif false then",
        "test_P13_an_api_key",
    ),
    (
        "a deletion hides the organization",
        "private.halt_organization",
        "set deleted_at = now()",
        "set deleted_at = null",
        "test_P30_everything",
    ),
    (
        "a deletion that is late is told",
        "worker.late_deletions",
        "interval '25 days'",
        "interval '35 days'",
        "test_P31",
    ),
    (
        "whose a browser's report is, is decided by membership",
        "worker.record_browser",
        " and m.user_id = record_browser.user_id",
        "",
        "test_P07_who",
    ),
    (
        "page views of whom does not want them are left out",
        "worker.record_browser",
        "r.user_id = record_browser.user_id",
        "false",
        "test_P07_a_person",
    ),
    *(
        (f"{function} is for Flow's own people", function, asked, instead, "test_P07_what_operators")
        for function, asked, instead in (
            ("private.operations_errors", "perform private.require_staff();", ""),
            ("private.operations_error", "perform private.require_staff();", ""),
            ("private.operations_performance", "perform private.require_staff();", ""),
            ("private.settle_error", "private.require_staff()", "auth.uid()"),
        )
    ),
    (
        "members see their organizations only",
        "private.my_org_ids",
        "(select auth.uid())",
        "m.user_id",
        "test_P13_outsider_reads",
    ),
    *(
        (
            f"only Flow's people may call {name}",
            f"private.{name}",
            "perform private.require_staff();",
            "",
            "test_P17",
        )
        for name in ("support_queue", "support_ticket", "answer_ticket", "change_ticket", "ask_ticket_access")
    ),
    ("an agent's ticket is theirs", "private.own_ticket", "t.opened_by = auth.uid()", "true", "test_P17"),
    ("a note stays with Flow", "private.ticket_page", "or not x.is_internal", "or true", "test_P17"),
    ("who asks too often waits", "private.draw", "if v_lacked > 0", "if false", "test_P17"),
    ("diagnostics have a form", "private.clean_diagnostics", "~ s.form", "<> 'x'", "test_P17"),
    ("lists of diagnostics have a form", "private.clean_diagnostics", "~ m.form", "<> 'x'", "test_P17"),
    (
        "an unproved address is not answered",
        "private.answer",
        "(t).state = 'unconfirmed'",
        "false",
        "test_P17",
    ),
)
