"""P13, P26: attacks, made from the catalogue: every table and every function, by everybody who has no business there.

Two organizations have something in every table. What is new in the schema is attacked without being listed here; it
only has to be planted (planted.py), and a new function of people has to say who may call it.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.database import Database, Person
from tests.sql.attacks import SHARED, functions, key_of, relations
from tests.sql.catalogue import OURS, RULES
from tests.sql.deleting import just_signed_in
from tests.sql.planted import Planted, plant, tenant_tables

NUMBERS = count(1)
ANYBODY = {
    "create_organization", "accept_invitation", "my_deletions", "cancel_deletion",
    "my_account_closing", "close_account",
    "my_support", "begin_support", "am_i_staff",  # of Flow's support
    "operations_alarms", "acknowledge_alarm", "operations_health",
    "support_queue", "support_ticket", "answer_ticket", "change_ticket", "ask_ticket_access",  # of Flow's own people
    "my_telemetry", "set_page_views", "what_is_recorded", "operations_errors", "operations_error", "settle_error", "operations_performance",
    "forget_push_devices",
}  # fmt: skip
AGENTS = {
    "require_role", "leave_organization", "add_lead", "move_lead", "assign_lead", "note_lead", "inbox",
    "conversation_messages", "mark_read", "send_text", "send_template", "resolve_uncertain", "request_sync",
    "schedule_message", "cancel_scheduled", "reschedule", "fill_quick_reply",
    "preview_template",
    "start_upload", "retry_media",
    "whatsapp_status",
    "send_message", "start_conversation", "show_typing", "react",
    "meta_errors", "set_contact_consent",
    "assign_conversation", "resolve_conversation", "reopen_conversation", "add_label", "label_conversation", "add_note",
    "edit_note", "delete_note", "conversation_timeline", "search_messages", "search_conversations", "changes",
    "cards",
    "statement", "spending", "usage", "usage_by", "usage_messages", "estimate_messages", "reconciliation",
    "conversation_windows_of", "message_window",
    "import_status", "list_imports", "import_errors",
    "preview_broadcast", "list_broadcasts", "broadcast_outcomes", "list_sequences", "enroll_contact", "stop_enrollment",
    "close_lead", "reopen_lead", "set_lead_value", "set_lead_fields", "tag_lead", "board", "lead_list", "save_view", "delete_view", "search_leads",
    "bulk_leads", "undo_bulk", "lead_timeline",
    "conversation_cost",
    "sheets", "sync_sheet",
    "save_working_hours", "add_absence", "remove_absence", "availability",  # their own, as an agent
    "my_notifications", "read_notifications", "add_task", "change_task", "set_task_status", "snooze_task", "task_list", "my_day",
    "unassigned_leads", "lead_clock", "speed_to_lead", "lead_report", "stage_funnel", "source_returns",
    "indiamart_status", "indiamart_days", "indiamart_hours", "indiamart_gaps", "indiamart_arrivals", "indiamart_proof",
    "greeting_price",
    "add_contact_point", "remove_contact_point", "make_contact_point_primary", "list_duplicates", "deny_duplicate", "preview_merge", "merge_contacts", "list_merges", "undo_merge",
    "mark_unread", "sync_log", "message_trace",
    "change_contact",
    "closed_tasks", "get_task",
    "list_templates", "template_prices", "greeting_report",
    "count_audience", "broadcast_report",
    "trust_state",
    "list_consent_events",
    "entitlements",
    "erasure_of",
    "lead_trace",
    "my_notification_settings", "save_notification_settings", "add_push_device", "remove_push_device", "test_push",
    "ticket_diagnostics", "open_ticket", "my_tickets", "read_ticket", "reply_ticket", "solve_ticket",
}  # fmt: skip
ADMINS = {
    "rename_organization", "invite_member", "revoke_invitation", "set_member_role", "remove_member",
    "disconnect_whatsapp", "set_greeting", "disconnect_source",
    "save_greeting_rule", "delete_greeting_rule", "order_greeting_rules", "resume_greeting", "set_quiet_hours", "greeting_dry_run",
    "save_quick_reply", "delete_quick_reply",  # shared ones, as planted; a personal one is its owner's
    "begin_signup", "use_signup", "cancel_signup",
    "set_messaging_settings", "resume_number",
    "review_difference",
    "set_consent_words", "set_opt_out_answer", "change_label", "delete_label",
    "begin_import", "preview_import", "confirm_import", "cancel_import", "undo_import",
    "create_broadcast", "start_broadcast", "pause_broadcast", "resume_broadcast", "cancel_broadcast", "save_sequence",
    "save_pipeline", "order_pipelines", "delete_pipeline", "save_stage", "order_stages", "delete_stage", "save_close_reason",
    "save_lead_field", "order_lead_fields", "save_tag", "delete_tag",
    "create_api_key", "rotate_api_key", "revoke_api_key", "save_enquiry_form", "move_enquiry_form",
    "suppression_counts",
    "begin_sheet", "set_sheet", "forget_sheet_mapping",
    "save_holiday", "save_assignment_group", "delete_assignment_group", "save_assignment_rule", "delete_assignment_rule", "order_assignment_rules",
    "assignment_dry_run", "apply_assignment_rules", "save_source_cost", "delete_source_cost",
    "event_trace", "replay_event",
    "retention",
    "contact_data",
    "erasure_preview", "erase_contact", "cancel_erasure", "list_erasures",
    "api_call_log",
    "allow_push_text",
    "save_webhook_endpoint", "rotate_webhook_secret", "remove_webhook_endpoint", "test_webhook_endpoint", "replay_webhooks", "webhook_deliveries",
}  # fmt: skip
OWNERS = {
    "transfer_ownership", "set_spending_caps",
    "lift_suppression",
    "delete_organization", "organization_size",
    "run_isolation_check", "grant_support_access", "revoke_support_access",
    "retention_preview", "set_retention", "start_legal_hold", "lift_legal_hold", "list_credential_reads", "credential_summary",
    "request_export", "list_exports", "cancel_export", "open_export",
    "set_billing_account", "start_subscription", "change_plan", "preview_plan_change", "cancel_subscription", "pause_subscription", "resume_subscription", "top_up_wallet",
    "pay_arrears", "billing_intent", "billing_state", "list_plans", "list_invoices", "get_invoice",
    "grant_ticket_access",
}  # fmt: skip

OWNERS_ONLY = {
    "public.billing_accounts",
    "public.subscriptions",
    "public.payments",
    "public.refunds",
    "public.invoices",
}

TENANT_KEYS = """
    select k.conrelid::regclass::text, k.confrelid::regclass::text, k.conname,
           array(select a.attname::text from unnest(k.conkey) with ordinality u (n, i)
                   join pg_attribute a on (a.attrelid, a.attnum) = (k.conrelid, u.n) order by u.i),
           array(select a.attname::text from unnest(k.confkey) with ordinality u (n, i)
                   join pg_attribute a on (a.attrelid, a.attnum) = (k.confrelid, u.n) order by u.i)
      from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
     where k.contype = 'f' and cardinality(k.conkey) > 1 and n.nspname in ('public', 'private')
"""


@dataclass(frozen=True)
class Scene:
    """Two organizations and everybody around them."""

    a: Planted
    b: Planted
    owner: Person
    agent: Person
    stranger: Person
    loner: Person


@pytest.fixture
def scene(
    db: Database, person: Callable[..., Person], org: Callable[..., UUID], member: Callable[..., Person]
) -> Scene:
    """A has an owner and an agent; the stranger owns B; the loner belongs nowhere."""
    owner, stranger = person("owner"), person("stranger")
    a, b = org(owner), org(stranger, name="Other Traders")
    agent, colleague = member(a, "agent"), member(b, "agent")
    return Scene(
        plant(db, a, agent.id, next(NUMBERS)), plant(db, b, colleague.id, next(NUMBERS)),
        owner, agent, stranger, person("loner"),
    )  # fmt: skip


def act(db: Database, scene: Scene, who: str) -> None:
    """Take somebody's part; people have just signed in, so that nothing is refused for that."""
    if who == "anon":
        db.as_anon()
    elif who == "service_role":
        db.as_service()
    else:
        just_signed_in(db, getattr(scene, who))


def attempt(
    db: Database, query: str, args: list[Any] | None = None, *, undo: bool = True
) -> tuple[str, int, list[Any]]:
    """What a statement came to: SQLSTATE (00000 for success), rows touched, rows returned."""
    try:
        with db.transaction(force_rollback=undo):
            done = db.execute(query.encode(), args)
            return "00000", done.rowcount, done.fetchall() if done.description else []
    except psycopg.Error as error:
        return error.sqlstate or "", 0, []


@contextmanager
def unchanged(db: Database, org_id: UUID) -> Iterator[None]:
    """Nothing of the organization differs afterwards."""

    def digest() -> dict[str, str]:
        with db.operating():
            tables = [*tenant_tables(db), "public.organizations"]
            query = "select md5(string_agg(t::text, e'\\n' order by t::text)) from {} t where {} = %s"
            return {name: db.value(query.format(name, key_of(name)), org_id) for name in tables}

    before = digest()
    yield
    assert digest() == before


OUTSIDERS = pytest.mark.parametrize("who", ["stranger", "loner"])
UNKNOWN = pytest.mark.parametrize("who", ["anon", "service_role"])


# The stage is set


def test_every_table_of_organizations_has_something_to_take(db: Database, scene: Scene) -> None:
    empty = [
        table for table in tenant_tables(db)
        if not db.value(f"select exists (select from {table} where org_id = %s)", scene.a.org_id)
    ]  # fmt: skip

    assert empty == [], "plant a row in planted.py"


def test_every_function_of_people_says_who_may_call_it(db: Database) -> None:
    assert {f.name for f in functions(db, "public")} == ANYBODY | AGENTS | ADMINS | OWNERS


def test_every_id_that_a_function_takes_is_planted(db: Database, scene: Scene) -> None:
    asked = {name for f in functions(db, "public", "worker") for name in f.foreign}

    assert asked - set(scene.a.ids) == set()


@pytest.mark.parametrize(
    ("who", "hidden"),
    [
        ("owner", set()),
        (
            "agent",
            {"public.audit_log", "public.invitations", "public.api_keys", "public.webhook_endpoints"}
            | OWNERS_ONLY,
        ),
    ],
)
def test_P13_members_read_what_is_theirs(db: Database, scene: Scene, who: str, hidden: set[str]) -> None:
    tables = [t for t in relations(db, "public") if key_of(t) == "org_id" and t not in SHARED]
    act(db, scene, who)

    seen = {t for t in tables if db.value(f"select count(*) from {t} where org_id = %s", scene.a.org_id)}

    assert seen == set(tables) - hidden


# Tables


@OUTSIDERS
def test_P13_outsider_reads_no_row(db: Database, scene: Scene, who: str) -> None:
    mine = scene.b.org_id if who == "stranger" else uuid4()
    people = (scene.owner.id, scene.agent.id)
    found = [r for r in relations(db, "public") if r not in SHARED]
    act(db, scene, who)

    leaks = []
    for relation in found:
        if relation == "public.profiles":
            seen = db.value("select count(*) from public.profiles where id = any (%s)", list(people))
        else:
            seen = db.value(f"select count(*) from {relation} where {key_of(relation)} <> %s", mine)
        if seen:
            leaks.append((relation, seen))

    assert leaks == []


@pytest.mark.parametrize("who", ["owner", "agent", "stranger", "loner", "anon", "service_role"])
def test_P26_nobody_touches_private_and_only_people_touch_public(
    db: Database, scene: Scene, who: str
) -> None:
    closed = relations(db, "private", "worker")
    if who in ("anon", "service_role"):
        closed += relations(db, "public")
    act(db, scene, who)

    verbs = ("select from {}", "insert into {} default values", "delete from {}", "truncate {}", "table {}")
    answers = {(r, verb): attempt(db, verb.format(r))[0] for r in closed for verb in verbs}

    assert {case: state for case, state in answers.items() if state != "42501"} == {}


@OUTSIDERS
def test_P13_outsider_changes_no_row(db: Database, scene: Scene, who: str) -> None:
    found = [r for r in relations(db, "public") if r not in SHARED]
    columns = {r: [c for (c,) in db.rows(UPDATABLE, r)] or [key_of(r)] for r in found}

    with unchanged(db, scene.a.org_id):
        act(db, scene, who)
        changed = []
        for relation in found:
            key, org_id = key_of(relation), scene.a.org_id
            tries = [
                (f"insert into {relation} ({key}) values (%s)", [org_id]),
                (f"delete from {relation} where {key} = %s", [org_id]),
                (f"truncate {relation}", []),
                (f"update {relation} set {key} = %s", [org_id]),
                *((f"update {relation} set {c} = {c} where {key} = %s", [org_id]) for c in columns[relation]),
            ]
            for query, args in tries:
                state, rows, _ = attempt(db, query, args, undo=False)
                if state not in REFUSED and (state, rows) != ("00000", 0):
                    changed.append((query, state, rows))

    assert changed == []


@pytest.mark.parametrize("who", ["owner", "stranger", "loner", "anon", "service_role"])
def test_P13_what_is_of_no_organization_is_read_by_people_and_changed_by_nobody(
    db: Database, scene: Scene, who: str
) -> None:
    act(db, scene, who)

    read = {table: attempt(db, f"table {table}")[0] for table in SHARED}
    verbs = (
        "insert into {} default values",
        "delete from {}",
        "truncate {}",
        "update {} set market = market",
    )
    changed = {(table, verb): attempt(db, verb.format(table))[0] for table in SHARED for verb in verbs}

    assert set(read.values()) == {"42501" if who in ("anon", "service_role") else "00000"}
    assert set(changed.values()) == {"42501"}


REFUSED = ("42501", "55000", "42809")  # no privilege; a view that takes no rows; no table to truncate
UPDATABLE = """
    select attname from pg_attribute
     where attrelid = %s::text::regclass and attnum > 0 and not attisdropped
       and has_column_privilege('authenticated', attrelid, attnum, 'update')
"""


def test_P13_no_row_refers_to_another_organization(db: Database, scene: Scene) -> None:
    accepted = []
    for child, parent, name, here, there in db.rows(TENANT_KEYS):
        # Not one of the lowest or highest ids: a pair that is in order is to be refused by its key alone.
        sets = [
            f"{h} = (select {t} from {parent} where org_id = '{scene.a.org_id}' and {t}::text !~ '^(0{{8}}|f{{8}})' limit 1)"
            for h, t in zip(here, there, strict=True)
            if h != "org_id"
        ]
        # Not through triggers, which would refuse some of it before the key is looked at.
        query = f"update {child} set {', '.join(sets)} where org_id = '{scene.b.org_id}'"
        state, rows, _ = attempt(db, query)
        if state not in ("23503", "PT405", "23505"):
            accepted.append((child, name, state, rows))

    assert accepted == []


def test_P13_every_policy_asks_for_the_organizations_of_the_person(db: Database) -> None:
    (rule,) = [rule for rule in RULES if rule.says.startswith("a policy asks for the person's organizations")]

    assert db.rows(OURS + rule.offenders) == []


def test_P13_files_are_seen_by_the_members_of_their_organization(db: Database, scene: Scene) -> None:
    path = f"{scene.a.org_id}/photo.jpg"
    db.execute("insert into storage.objects (bucket_id, name) values ('media', %s)", [path])
    seen = "select count(*) from storage.objects where name = %s"

    told = {}
    for who in ("owner", "agent", "stranger", "loner"):
        act(db, scene, who)
        told[who] = db.value(seen, path)

    assert told == {"owner": 1, "agent": 1, "stranger": 0, "loner": 0}


NAMES_WITHOUT_A_KEY = """
    select c.oid::regclass || '.' || a.attname
      from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid
     where n.nspname in ('public', 'private') and c.relkind in ('r', 'p') and not c.relispartition
       and a.attnum > 0 and not a.attisdropped and a.atttypid in ('uuid'::regtype, 'bigint'::regtype)
       and (a.attname ~ '_id$' or a.attname = any (%s))
       and not exists (select from pg_constraint k where k.conrelid = c.oid and k.contype = 'f' and a.attnum = any (k.conkey))
       and coalesce(col_description(c.oid, a.attnum), '') !~* 'no foreign key'
     order by 1
"""
OTHERWISE_NAMED = ["replaced_by", "closed_reason", "portfolio", "one", "other", "reverses", "corrects"]


def test_P13_what_names_a_row_is_a_foreign_key_or_says_why_not(db: Database) -> None:
    assert db.rows(NAMES_WITHOUT_A_KEY, OTHERWISE_NAMED) == []
    lines = "select count(*) from pg_constraint where conrelid = 'public.usage_statement_lines'::regclass and contype = 'f'"
    assert db.value(lines + " and confrelid = 'public.usage_statements'::regclass") == 1


# Functions


@UNKNOWN
def test_P26_without_a_session_no_function_runs(db: Database, scene: Scene, who: str) -> None:
    schemas = ("public", "private", "worker") if who == "anon" else ("public", "private")
    found = functions(db, *schemas)
    act(db, scene, who)

    answers = {f"{f.schema}.{f.name}": attempt(db, *f.call(scene.a.ids))[0] for f in found}

    assert {name: state for name, state in answers.items() if state != "42501"} == {}


@pytest.mark.parametrize("who", ["owner", "stranger"])
def test_P13_people_run_nothing_in_private_or_worker(db: Database, scene: Scene, who: str) -> None:
    found = functions(db, "private", "worker")
    act(db, scene, who)

    answers = {f"{f.schema}.{f.name}": attempt(db, *f.call(scene.a.ids))[0] for f in found}

    assert {name: state for name, state in answers.items() if state != "42501"} == {}


@OUTSIDERS
def test_P13_outsider_is_refused_by_every_function(db: Database, scene: Scene, who: str) -> None:
    found = [f for f in functions(db, "public") if f.name not in OF_ONESELF]
    asked = [(f, scene.a.ids) for f in found]
    # Without what it names a function would make something new, also something personal.
    asked += [
        (f, scene.a.ids | {name: None} | PERSONAL) for f in found for name in f.foreign if name in f.optional
    ]

    with unchanged(db, scene.a.org_id):
        act(db, scene, who)
        let_in = []
        for f, ids in asked:
            state, _, rows = attempt(db, *f.call(ids), undo=False)
            if state not in ("PT404", "PT403") and (f.name, state, rows) not in NOTHING_THERE:
                let_in.append((f.name, state, rows))

    assert let_in == []


OF_ONESELF = (
    "create_organization",
    "my_deletions",
    "my_account_closing",
    "close_account",
    "my_support",
    "am_i_staff",
    "my_telemetry",
    "set_page_views",
    "what_is_recorded",
    "forget_push_devices",
)
# Row level security alone decides what they show.
NOTHING_THERE = [("conversation_messages", "00000", []), ("inbox", "00000", [])]
PERSONAL = {"reply": '{"personal": true, "shortcut": "mine", "body": "Mine"}'}


def test_P13_own_organization_is_no_way_into_another(db: Database, scene: Scene) -> None:
    """The stranger asks in the name of B, with all ids B's but one."""
    found = [(f, name) for f in functions(db, "public") if "org_id" in f.args for name in f.foreign]

    with unchanged(db, scene.a.org_id):
        db.as_person(scene.stranger)
        let_in = []
        for f, name in found:
            state, _, rows = attempt(db, *f.call(scene.b.ids | {name: scene.a.ids[name]}), undo=False)
            if state not in ("PT404", "PT409", "PT422") and not (f.is_set and (state, rows) == ("00000", [])):
                let_in.append((f.name, name, state, rows))

    assert len(found) > 10
    assert let_in == []


def test_P13_worker_function_keeps_to_the_organization_it_is_handed(db: Database, scene: Scene) -> None:
    """A worker that mixes up two organizations changes nothing of the other and learns nothing about it."""
    found = [(f, name) for f in functions(db, "worker") if "org_id" in f.args for name in f.foreign]

    with unchanged(db, scene.a.org_id):
        db.as_service()
        leaks = []
        for f, name in found:
            ids = scene.b.ids | {name: scene.a.ids[name]}
            _, _, rows = attempt(db, *f.call(ids), undo=False)
            told = {
                mark for mark in scene.a.marks - {str(ids[name])} if mark in json.dumps(rows, default=str)
            }
            if told:
                leaks.append((f.name, name, told))

    assert len(found) > 5
    assert leaks == []


@pytest.mark.parametrize(("who", "barred"), [("agent", ADMINS | OWNERS), ("admin", OWNERS)])
def test_P13_rank_is_asked_for(
    db: Database, scene: Scene, member: Callable[..., Person], who: str, barred: set[str]
) -> None:
    asked_by = scene.agent if who == "agent" else member(scene.a.org_id, "admin")
    found = [f for f in functions(db, "public") if f.name not in ANYBODY]
    just_signed_in(db, asked_by)

    answers = {f.name: attempt(db, *f.call(scene.a.ids))[0] for f in found}
    # Without what it names a function would make something new.
    anew = {
        f.name: attempt(db, *f.call(scene.a.ids | {name: None}))[0]
        for f in found for name in f.foreign if f.name in barred and name in f.optional
    }  # fmt: skip

    assert {name for name, state in answers.items() if state == "PT403"} == barred
    assert {name for name, state in anew.items() if state != "PT403"} <= {"save_tag"}  # anybody makes one
    assert {name for name, state in answers.items() if state in ("PT404", "42501")} <= {"mark_read"}


def test_P13_an_agent_settles_nothing_for_a_colleague(db: Database, scene: Scene) -> None:
    found = [f for f in functions(db, "public") if f.name in AGENTS and "user_id" in f.args]
    just_signed_in(db, scene.agent)

    answers = {f.name: attempt(db, *f.call(scene.a.ids | {"user_id": scene.owner.id}))[0] for f in found}

    assert len(answers) > 1
    assert set(answers.values()) == {"PT403"}
