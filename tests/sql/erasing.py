"""A person who has left traces in every table, beside somebody who must not lose a byte; and every step of their erasure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tests.business import Business, Json, call, post, status, text, webhook
from tests.database import Database
from tests.sql.merging import ask, lead, owner
from tests.sql.planted import tenant_tables

PHONE, SECOND, USER, MAIL = "919820011223", "919820011224", "IN.777000777", "zubeida.m@marks.test"
NAME, WORD = "Zubeida Marchetti", "Quetzalcoatl"
OTHER = "919830033445"
MARKS = f"98200[ -]?1122[34]|IN\\.777000777|{MAIL}|Zubeida|Marchetti|{WORD}|wamid\\.MARK"
GROWS = ("public.audit_log", "private.erasures", "private.wakeups", "private.changes", "private.listeners")
"""What every erasure adds to."""

ROWS = [
    "insert into public.conversation_notes (org_id, conversation_id, author_id, text) values (%(org)s, %(thread)s, %(member)s, %(words)s::text)",
    "insert into public.conversation_events (org_id, conversation_id, kind, details) values (%(org)s, %(thread)s, 'labelled', jsonb_build_object('label', %(words)s::text))",
    "insert into public.lead_activities (org_id, lead_id, kind, details) values (%(org)s, %(lead)s, 'note', jsonb_build_object('text', %(words)s::text))",
    "insert into public.tasks (org_id, kind, title, note, lead_id, due_at) values (%(org)s, 'call', %(words)s::text, %(words)s::text, %(lead)s, now() + interval '1 day')",
    "insert into public.scheduled_messages (org_id, conversation_id, spec, text, send_at, origin) values (%(org)s, %(thread)s, jsonb_build_object('kind', 'text', 'text', %(words)s::text), %(words)s::text, now() + interval '3 days', 'person')",
    "insert into private.signals (org_id, conversation_id, kind, wamid) values (%(org)s, %(thread)s, 'reaction', 'wamid.MARKSIG')",
    "insert into private.field_marks (org_id, key, at, digest, value) values (%(org)s, 'book:+' || %(phone)s::text, now(), 'x', jsonb_build_object('name', %(name)s::text))",
    "insert into private.api_requests (org_id, request_key, body_sha256, answer) values (%(org)s, 'mark', 'x', jsonb_build_object('lead_id', %(lead)s::text, 'name', %(name)s::text))",
    "insert into public.saved_views (org_id, owner_id, name, filter, is_shared) values (%(org)s, %(member)s, 'Search', jsonb_build_object('q', '+91 98200 11223', 'who', %(name)s::text), false)",
    "insert into public.consent_events (org_id, contact_id, at, decision, source, evidence, source_ref) values (%(org)s, %(contact)s, now(), 'opt_in', 'inbound', jsonb_build_object('text', %(words)s::text), 'wamid.MARKCONSENT')",
    "insert into public.audit_log (org_id, actor_role, action, object_type, object_id, details) values (%(org)s, 'operator', 'contact.changed', 'contact', %(contact)s::text, jsonb_build_object('name', %(name)s::text, 'many', 3))",
    "insert into public.notifications (org_id, user_id, kind, lead_id) values (%(org)s, %(member)s, 'lead_assigned', %(lead)s)",
    "insert into private.parked_updates (org_id, wamid, digest, kind, item) values (%(org)s, 'wamid.MARKPARKED', 'x', 'status', jsonb_build_object('id', 'wamid.MARKPARKED', 'recipient_id', %(phone)s::text))",
    "update public.leads set custom = jsonb_build_object('pan', %(words)s::text), raw = jsonb_build_object('SENDER_NAME', %(name)s::text, 'SENDER_MOBILE', %(phone)s::text), value = 500, currency = 'INR' where org_id = %(org)s and id = %(lead)s",
    "update public.contacts set custom = jsonb_build_object('gst', %(words)s::text), address = %(words)s::text, company = 'Marchetti Pumps', city = %(words)s::text where org_id = %(org)s and id = %(contact)s",
    "update public.conversations set referral = jsonb_build_object('headline', %(words)s::text) where org_id = %(org)s and id = %(thread)s",
    "insert into private.bulk_items (org_id, bulk_id, lead_id, version, before) select %(org)s, b.id, %(lead)s, 1, jsonb_build_object('title', %(words)s::text) from made b",
]
"""One trace each; `made` stands for a bulk action."""


@dataclass
class Marked:
    """A person with traces, and the neighbour."""

    business: Business
    contact: UUID
    other: UUID

    @property
    def db(self) -> Database:
        return self.business.db

    def ask(self, name: str, **given: Any) -> Any:
        """Call a function of people as the owner."""
        return ask(self.db, owner(self.business), name, org_id=self.business.org_id, **given)

    def erase(self, batch: int = 2000) -> int:
        """Ask, let a day pass, and take every step."""
        self.ask("erase_contact", contact_id=self.contact)
        return self.finish(batch)

    def finish(self, batch: int = 2000) -> int:
        """Let a day pass, and take every step; how many it took."""
        let_a_day_pass(self.db, self.business.org_id)
        return steps(self.db, batch)

    def traces(self) -> dict[str, list[str]]:
        """Every table with a trace of the person, and where."""
        return traces(self.db)

    def others(self) -> dict[str, list[str]]:
        """Every row that has nothing to do with the person."""
        ids = [str(self.contact)] + [
            str(i)
            for (i,) in self.db.rows(
                "select id::text from public.conversations where contact_id = %(c)s union all select id::text from public.leads where contact_id = %(c)s"
                " union all select '\"message_id\": ' || id || '[,}]' from public.messages where contact_id = %(c)s"
                " union all select '\"reply_id\": ' || id || '[,}]' from public.messages where contact_id = %(c)s".replace("%(c)s", f"'{self.contact}'")
            )
        ]  # fmt: skip
        mine = "|".join([MARKS, *ids])
        return {
            table: sorted(
                json.dumps(row, sort_keys=True)
                for (row,) in self.db.rows(f"select to_jsonb(t) - 'updated_at' from {table} t where org_id = %s and to_jsonb(t)::text !~* %s", self.business.org_id, mine)
            )
            for table in tenant_tables(self.db) if table not in GROWS
        }  # fmt: skip


def traces(db: Database, marks: str = MARKS) -> dict[str, list[str]]:
    """Search every column of every table of ours, whoever's it is."""
    found = {}
    for (table,) in db.rows(
        """
        select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
         where n.nspname in ('public', 'private', 'storage') and c.relkind in ('r', 'p') and not c.relispartition order by 1
        """
    ):
        for (column, is_bytes) in db.rows(
            "select quote_ident(attname), atttypid = 'bytea'::regtype from pg_attribute where attrelid = %s::regclass and attnum > 0 and not attisdropped", table
        ):  # fmt: skip
            shown = f"encode({column}, 'escape')" if is_bytes else f"{column}::text"
            if n := db.value(f"select count(*) from {table} where {shown} ~* %s", marks):
                found.setdefault(table, []).append(f"{column}: {n}")
    return found


def let_a_day_pass(db: Database, org_id: UUID) -> None:
    """The erasures of an organization are due."""
    db.execute("update private.erasures set next_at = now() where org_id = %s and next_at is not null", [org_id])  # fmt: skip


def steps(db: Database, batch: int = 2000) -> int:
    """Take steps until nothing is due, as the job does."""
    for n in range(5000):
        step = call(db, "erase_step", batch=batch)
        if step["erasure_id"] is None:
            return n
        for path in (step.get("files") or {}).get("paths", []):
            db.execute("select set_config('storage.allow_delete_query', 'true', true)")
            db.execute("delete from storage.objects where bucket_id = 'media' and name = %s", [path])
    raise AssertionError(f"it does not end: {step}")


def delivered(wamid: str, phone: str, at: int, word: str = "delivered") -> Json:
    """A priced status."""
    return status(
        wamid, word, at, recipient_id=phone, recipient_user_id=USER if phone == PHONE else "IN.other",
        pricing={"billable": True, "pricing_model": "PMP", "category": "utility", "type": "regular"},
    )  # fmt: skip


def said(business: Business, at: int) -> Json:
    """One POST in which both write."""
    people = [
        {"profile": {"name": NAME}, "wa_id": PHONE, "user_id": USER},
        {"profile": {"name": "Vikram"}, "wa_id": OTHER, "user_id": "IN.other"},
    ]
    photo = {"from": PHONE, "id": "wamid.MARKPHOTO", "timestamp": str(at), "type": "image",
             "image": {"id": "5551", "mime_type": "image/jpeg", "sha256": "", "caption": WORD}}  # fmt: skip
    messages = [
        text("wamid.MARK1", f"{WORD}, I am {NAME}", at, PHONE, USER),
        text("wamid.NEXT1", "Hello", at, OTHER, "IN.other"),
        photo,
    ]
    return webhook(business.change({"contacts": people, "messages": messages}), waba=business.waba)


def mark(business: Business) -> Marked:
    """Plant the person and the neighbour."""
    db, org_id, at = business.db, business.org_id, business.now() - 90
    contact = lead(db, org_id, name=NAME, phone=f"+{PHONE}", email=MAIL, message=f"{WORD}?", product=WORD)
    other = lead(db, org_id, name="Vikram", phone=f"+{OTHER}", message="Pump?")
    post(db, said(business, at))
    alone = {"from": PHONE, "id": "", "timestamp": str(at), "type": "text", "text": {"body": WORD}}
    business.hear(text("wamid.MARK2", f"{WORD} again", at + 1, PHONE, USER))
    post(db, webhook(business.change({"messages": [alone]}), waba=business.waba))
    for phone, wamid in ((PHONE, "wamid.MARKOUT"), (OTHER, "wamid.NEXTOUT")):
        (_message,) = business.send(f"+{phone}")
        business.record(business.claim(), wamid=wamid)
        business.told(delivered(wamid, phone, at + 5), delivered(wamid, phone, at + 6, "read"))
        db.execute("select private.settle_usage(%s)", [org_id])
    double = lead(db, org_id, name=f"{NAME} (shop)", phone=f"+{SECOND}", message=WORD)
    member = owner(business)
    ask(db, member, "merge_contacts", org_id=org_id, survivor_id=contact, other_id=double, picks={})
    given = {
        "org": org_id, "contact": contact, "member": member.id, "phone": PHONE, "name": NAME, "words": f"{WORD} {NAME}",
        "thread": db.value("select id from public.conversations where org_id = %s and contact_id = %s", org_id, contact),
        "lead": db.value("select id from public.leads where org_id = %s and contact_id = %s order by received_at limit 1", org_id, contact),
    }  # fmt: skip
    bulk = (
        "insert into public.bulk_actions (org_id, actor, action, details, leads)"
        " values (%(org)s, %(member)s, 'assign', '{}', 1) returning id"
    )
    for query in ROWS:
        db.execute(f"with made as ({bulk}) {query}" if " from made b" in query else query, given)
    plant_import(db, given)
    plant_run(db, given)
    db.execute("select private.find_duplicates()")
    return Marked(business, UUID(contact), UUID(other))


def plant_import(db: Database, given: dict[str, Any]) -> None:
    """A file with a row of theirs that could not be stored, and its samples."""
    made = call(db, "begin_import", org_id=given["org"], filename="people.csv", bytes=10, sha256="e" * 64)
    given = given | {"import": made["import_id"]}
    db.execute(
        """
        update public.lead_imports set status = 'done', finished_at = now(), file_removed_at = now(), next_at = null, filename = 'of +91 98200-11223.csv',
               reading = jsonb_build_object('columns', '["Name", "Mobile"]'::jsonb,
                                            'preview', jsonb_build_array(jsonb_build_array(%(name)s::text, %(phone)s::text), '["Vikram", "9830033445"]'::jsonb))
         where org_id = %(org)s and id = %(import)s
        """,
        given,
    )
    db.execute(
        """
        insert into private.lead_import_rows (org_id, import_id, pass, row, outcome, raw)
        values (%(org)s, %(import)s, 1, 2, 'error', %(name)s::text || ',' || %(phone)s::text), (%(org)s, %(import)s, 1, 3, 'error', 'Vikram,9830033445')
        """,
        given,
    )
    db.execute(
        "insert into private.imported_leads (org_id, lead_id, import_id, row_hash, given) values (%(org)s, %(lead)s, %(import)s, 'x', jsonb_build_object('name', %(name)s::text))",
        given,
    )


def plant_run(db: Database, given: dict[str, Any]) -> None:
    """A run of a source with an item of theirs that could not be stored, beside a neighbour's."""
    db.execute(
        """
        insert into public.sync_runs (org_id, source_id, kind, finished_at, outcome, errors)
        select %(org)s, l.source_id, 'push', now(), 'ok', jsonb_build_array(
                 jsonb_build_object('index', 0, 'reason', 'id_missing', 'item', jsonb_build_object('person', jsonb_build_object('name', %(name)s::text, 'phone', '+' || %(phone)s::text))),
                 jsonb_build_object('index', 1, 'reason', 'id_missing', 'item', jsonb_build_object('person', '{"name": "Vikram"}'::jsonb)))
          from public.leads l where l.org_id = %(org)s and l.id = %(lead)s
        """,
        given,
    )


def late_lead(business: Business, phone: str) -> Json:
    """A source hands in a lead of a number; what became of it."""
    source = business.db.value("select private.own_source(%s, 'manual')", business.org_id)
    person = {"name": NAME, "phone": phone, "email": MAIL}
    item = {"external_id": "late", "person": person, "raw": person}
    stored = business.db.value(
        "select private.store_leads(%s, %s, %s)", business.org_id, source, json.dumps([item])
    )
    return {key: stored[key] for key in ("inserted", "suppressed")}
