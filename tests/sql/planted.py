"""Something in every table of an organization, so that an attack on any of them has something to take."""

import base64
import json
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from tests.database import Database
from tests.sql.planted_alarms import plant_alarms
from tests.sql.planted_billing import plant_billing
from tests.sql.planted_coverage import plant_coverage
from tests.sql.planted_erasure import plant_erasure
from tests.sql.planted_exports import plant_exports
from tests.sql.planted_imports import plant_imports
from tests.sql.planted_intake import plant_intake, plant_sheet
from tests.sql.planted_outreach import plant_outreach
from tests.sql.planted_people import plant_people
from tests.sql.planted_push import plant_push
from tests.sql.planted_retention import plant_retention
from tests.sql.planted_support import plant_support
from tests.sql.planted_tasks import plant_tasks
from tests.sql.planted_telemetry import plant_telemetry
from tests.sql.planted_trust import plant_trust
from tests.sql.planted_webhooks import plant_webhooks
from tests.sql.planted_work import plant_work

TENANT_TABLES = """
    select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
      join pg_attribute a on a.attrelid = c.oid and a.attname = 'org_id'
     where n.nspname in ('public', 'private') and c.relkind in ('r', 'p') and not c.relispartition order by 1, 2
"""


NUMBERS_OF_OURS = (
    "message_id",
    "signal_id",
    "alarm_id",
    "event_id",
    "received_at",
    "invoice_id",
    "plan_id",
    "refund_id",
    "payment_id",
    "outgoing_id",
)
"""What is no mark: others have such numbers, too."""


@dataclass
class Planted:
    """An organization, and an id of each kind that a function may be asked about."""

    org_id: UUID
    ids: dict[str, Any]
    marks: set[str] = field(default_factory=set)  # words and ids that nobody else may ever be shown


def tenant_tables(db: Database) -> list[str]:
    """Name every table that has rows of organizations."""
    return [f"{schema}.{table}" for schema, table in db.rows(TENANT_TABLES)]


def plant(db: Database, org_id: UUID, member_id: UUID, number: int) -> Planted:
    """Put at least one row into every table of an organization; `number` makes Meta's ids its own."""

    def call(query: str, **args: Any) -> dict[str, Any]:
        answer: dict[str, Any] = db.execute(query, args | {"org": org_id}).fetchone()[0]  # type: ignore[index]
        return answer

    token, key = f"token-{number}-{org_id.hex}", f"key-{number}-{org_id.hex}"
    buyer, phone = f"Buyer {org_id.hex[:8]}", f"+9198{number:08d}"
    connected = call(
        """
        select worker.finish_connect(%(org)s, jsonb_build_object(
          'waba_id', %(waba)s::text, 'token', %(token)s::text, 'pin', '123456', 'account', '{"name": "Account"}'::jsonb,
          'meta_user_id', %(person)s::text,
          'number', jsonb_build_object('phone_number_id', %(phone)s::text, 'display_phone', '+91 11400 00001')))
        """,
        waba=f"77{number:010d}", token=token, phone=f"88{number:010d}", person=f"66{number:010d}",
    )  # fmt: skip
    call(
        """
        select worker.store_templates(%(org)s, %(account)s, '[{"id": "1", "name": "welcome", "language": "en",
          "status": "APPROVED", "category": "MARKETING", "components": [{"type": "BODY", "text": "Hello, Buyer"}]}]')
        """,
        account=connected["account_id"],
    )
    call("""select worker.set_greeting(%(org)s, '{"template": "welcome", "language": "en", "on": false}')""")
    lead = call(
        "select worker.add_lead(%(org)s, jsonb_build_object('name', %(name)s::text, 'phone', %(phone)s::text))",
        name=buyer, phone=phone,
    )  # fmt: skip
    source = call("select worker.connect_indiamart(%(org)s, %(key)s)", key=key)["source_id"]
    call("select worker.claim_syncs(360, 60, 10, true, %(source)s, %(org)s)", source=source)
    message = call(
        """
        select worker.send_messages(%(org)s, jsonb_build_array(
          jsonb_build_object('to', %(phone)s::text, 'template', 'welcome', 'language', 'en')))
        """,
        phone=phone,
    )["message_ids"][0]
    ids = {
        "org_id": org_id, "user_id": member_id, "owner_id": member_id, "lead_id": lead["lead_id"],
        "contact_id": lead["contact_id"], "source_id": source, "message_id": message,
        "account_id": connected["account_id"], "number_id": connected["number_id"],
        "phone_number_id": f"88{number:010d}", "waba_id": f"77{number:010d}", "meta_user_id": f"66{number:010d}",
        "conversation_id": db.value("select conversation_id from public.messages where id = %s", message),
        "stage_id": db.value("select id from public.pipeline_stages where org_id = %s order by position desc limit 1", org_id),
        "run_id": db.value("select id from public.sync_runs where org_id = %s limit 1", org_id),
    }  # fmt: skip
    ids["template_id"] = db.value("select id from public.message_templates where org_id = %s", org_id)
    db.execute("update private.template_syncs set next_at = 'infinity' where org_id = %s", [org_id])
    ids["write_id"] = db.value(
        """
        insert into private.template_writes (org_id, account_id, action, name, language)
        values (%s, %s, 'create', 'planted', 'en') returning id
        """,
        org_id, connected["account_id"],
    )  # fmt: skip
    ids["cleanup_id"] = db.value(
        """
        insert into private.meta_cleanups (org_id, account_id, credential_id, waba_id, must_unsubscribe, must_withdraw, status, finished_at)
        select org_id, id, credential_id, waba_id, true, false, 'done', now() from public.whatsapp_accounts where org_id = %s returning id
        """,
        org_id,
    )  # fmt: skip
    db.execute(
        "select private.note_health(%s, %s, %s, 'planted', 'warning', 'Words.', 'Remedy.')",
        [org_id, connected["account_id"], connected["number_id"]],
    )
    db.execute("select private.watch_numbers(%s, %s)", [org_id, connected["account_id"]])
    ids["invitation_id"] = db.value(
        """
        insert into public.invitations (org_id, email, role, token_sha256, invited_by)
        values (%s, %s, 'agent', sha256(%s), %s) returning id
        """,
        org_id, f"invited.{number}@example.test", org_id.bytes, member_id,
    )  # fmt: skip
    ids["rule_id"] = db.value("select id from public.greeting_rules where org_id = %s", org_id)
    ids["scheduled_id"] = db.value(
        "select private.schedule_message(%s, %s, '{\"kind\": \"text\"}', now() + interval '80 days', 'person', null)",
        org_id, ids["conversation_id"],
    )  # fmt: skip
    ids["quick_reply_id"] = db.value(
        "insert into public.quick_replies (org_id, shortcut, title, body) values (%s, 'hi', 'Hi', 'Hi {name}') returning id",
        org_id,
    )
    ids["media_id"] = db.value(
        """
        insert into public.media (org_id, number_id, message_id, direction, kind, path, meta_id, meta_expires_at, status, error)
        values (%s, %s, %s, 'inbound', 'image', 'planted', 'planted', now() + interval '7 days', 'failed', 'Planted') returning id
        """,
        org_id, connected["number_id"], message,
    )  # fmt: skip
    # What dispatch would do with the message: nothing of it is left for a worker that happens to run.
    db.execute(
        "update public.messages set status = 'sent', sent_at = now(), wamid = %s where id = %s",
        [f"wamid.{org_id}", message],
    )
    db.execute("update private.send_lanes set next_at = null where org_id = %s", [org_id])
    db.execute("update public.lead_sources set next_allowed_at = 'infinity' where id = %s", [source])
    db.execute(
        "insert into public.contact_identities (org_id, kind, value, contact_id) values (%s, 'wa_id', %s, %s)"
        " on conflict do nothing",
        [org_id, phone.lstrip("+"), lead["contact_id"]],
    )
    db.execute(
        "select private.record_consent(%s, %s, now(), 'opt_out', 'inbound', '{}', %s)",
        [org_id, lead["contact_id"], f"wamid.stop.{org_id}"],
    )
    db.execute(
        "insert into private.parked_updates (org_id, wamid, digest, kind, item) values (%s, 'wamid.parked', 'x', 'status', '{}')",
        [org_id],
    )
    db.execute(
        "insert into public.consent_words (org_id, word, decision) values (%s, 'bas', 'opt_out')", [org_id]
    )
    db.execute("insert into public.consent_settings (org_id) values (%s)", [org_id])
    db.execute(
        "insert into private.field_marks (org_id, key, at, digest) values (%s, 'planted', now(), 'x')",
        [org_id],
    )
    db.execute(
        "insert into private.dead_letters (event_id, org_id, reason) values (0, %s, 'planted')", [org_id]
    )
    ids["event_id"], ids["received_at"] = db.value(
        """
        with event as (
          insert into private.webhook_events (body) values (convert_to('{"entry": []}', 'UTF8')) returning id, received_at)
        insert into private.event_effects (org_id, received_at, event_id, messages, statuses, fields, kept, dead)
        select %s, received_at, id, 1, 0, '{}', 0, 1 from event returning jsonb_build_array(event_id, received_at)
        """,
        org_id,
    )
    db.execute(
        "insert into private.dead_letters (event_id, org_id, reason, created_at) values (%s, %s, 'planted', now() - interval '1 minute')",
        [ids["event_id"], org_id],
    )
    ids["deletion_id"] = db.value(
        """
        insert into private.organization_deletions (org_id, requested_at, purge_at, status, cancelled_at)
        values (%s, now() - interval '2 days', now(), 'cancelled', now() - interval '1 day') returning id
        """,
        org_id,
    )
    ids["signup_id"] = db.value(
        "insert into public.whatsapp_signups (org_id, method, status, waba_id) values (%s, 'token', 'waiting', %s) returning id",
        org_id, ids["waba_id"],
    )  # fmt: skip
    db.execute("insert into public.messaging_settings (org_id) values (%s)", [org_id])
    ids["difference_id"] = db.value(
        """
        insert into public.usage_reconciliations (org_id, account_id, day, category, country, kind, currency, ours_messages, ours_cost,
                                                  meta_messages, meta_cost, status)
        values (%s, %s, '2026-11-01', 'marketing', 'IN', 'charged', 'INR', 1, 0.8631, 2, 1.7262, 'differs') returning id
        """,
        org_id, connected["account_id"],
    )  # fmt: skip
    db.execute(
        "insert into private.signals (org_id, conversation_id, kind, wamid) values (%s, %s, 'reaction', 'wamid.planted')",
        [org_id, ids["conversation_id"]],
    )
    db.execute(
        "insert into private.tier_portfolios (org_id, portfolio) values (%s, %s)", [org_id, f"tier.{org_id}"]
    )
    db.execute(
        "insert into private.tier_uses (org_id, portfolio, contact_id, at) values (%s, %s, %s, now())",
        [org_id, f"tier.{org_id}", lead["contact_id"]],
    )
    ids["signal_id"] = db.value("select id from private.signals where org_id = %s", org_id)
    plant_ledger(db, org_id, f"77{number:010d}", f"88{number:010d}")
    ids |= plant_teamwork(db, org_id, member_id, ids["conversation_id"])
    ids |= plant_imports(db, org_id, member_id, ids)
    ids |= plant_outreach(db, org_id, member_id, ids)
    ids |= plant_work(db, org_id, member_id, ids)
    ids |= plant_intake(db, org_id, ids)
    ids |= plant_sheet(db, org_id)
    ids |= plant_webhooks(db, org_id)
    ids |= plant_tasks(db, org_id, member_id, ids)
    plant_coverage(db, org_id, ids)
    plant_telemetry(db, org_id, member_id)
    plant_trust(db, org_id, member_id)
    ids |= plant_alarms(db, org_id)
    ids |= plant_people(db, org_id, member_id, ids)
    ids |= plant_retention(db, org_id, member_id, ids)
    ids |= plant_exports(db, org_id)
    ids |= plant_billing(db, org_id)
    ids |= plant_erasure(db, org_id, ids)
    ids |= plant_push(db, org_id, member_id, ids)
    ids |= plant_support(db, org_id, member_id)
    marks = {str(value) for name, value in ids.items() if name not in NUMBERS_OF_OURS}
    marks |= {token, key, buyer, phone}
    return Planted(org_id, ids, marks)


def plant_ledger(db: Database, org_id: UUID, waba: str, phone: str) -> None:
    """Put a closed month, an entry of the month that runs, a wallet, a hold and a warning there."""
    month, then = db.row(
        "select private.month_text(m), extract(epoch from m + interval '9 days')::bigint"
        " from (select (date_trunc('month', now()) - interval '1 month')::date as m) x"
    )
    db.execute("select worker.set_billing_plan(%s, '{}')", [org_id])
    for wamid, at in ((f"wamid.{org_id}", then), (f"wamid.new.{org_id}", then + 30 * 86400)):
        status = {"id": wamid, "status": "delivered", "timestamp": str(at), "recipient_id": "919810000011",
                  "pricing": {"pricing_model": "PMP", "type": "free_customer_service", "category": "service"}}  # fmt: skip
        value = {"metadata": {"phone_number_id": phone}, "statuses": [status]}
        body = {"entry": [{"id": waba, "changes": [{"field": "messages", "value": value}]}]}
        db.execute("select worker.ingest_meta(%s)", [base64.b64encode(json.dumps(body).encode()).decode()])
        if at == then:
            db.execute("select worker.close_month(%s, %s)", [org_id, month])
            db.execute("select private.settle_usage(%s)", [org_id])
    db.execute("select worker.top_up(%s, '10')", [org_id])
    db.execute(
        "insert into private.spend_holds (org_id, message_id, amount, expected) values (%s, 0, 0, 0)",
        [org_id],
    )
    db.execute(
        "insert into public.spending_warnings (org_id, period, begins, percent, cap, spent) values (%s, 'day', now(), 50, 1, 1)",
        [org_id],
    )


def plant_teamwork(db: Database, org_id: UUID, member_id: UUID, conversation_id: UUID) -> dict[str, Any]:
    """Put a label, a note, an event, a read position and a listener beside a conversation."""
    given = {"org": org_id, "conversation": conversation_id, "member": member_id}

    def add(query: str) -> Any:
        return db.execute(query, given).fetchone()[0]  # type: ignore[index]

    label = add("insert into public.labels (org_id, name) values (%(org)s, 'Planted') returning id")
    note = add(
        """
        insert into public.conversation_notes (org_id, conversation_id, author_id, text)
        values (%(org)s, %(conversation)s, %(member)s, 'planted') returning id
        """
    )
    for query in (
        "insert into public.conversation_labels (org_id, conversation_id, label_id) values (%(org)s, %(conversation)s, %(label)s)",
        "insert into public.note_mentions (org_id, note_id, user_id) values (%(org)s, %(note)s, %(member)s)",
        """
        insert into public.conversation_reads (org_id, conversation_id, user_id, read_to)
        values (%(org)s, %(conversation)s, %(member)s, now())
        """,
        "insert into public.conversation_events (org_id, conversation_id, kind) values (%(org)s, %(conversation)s, 'resolved')",
        "insert into private.listeners (org_id, until) values (%(org)s, now() + interval '1 hour')",
        "insert into private.changes (org_id, items) values (%(org)s, '[]')",
    ):
        db.execute(query, given | {"label": label, "note": note})
    return {"label_id": label, "note_id": note, "assignee_id": member_id}
