"""A business, its people, and what members ask about two of them: what tests of merges and erasures share."""

import json
from typing import Any
from uuid import UUID

from tests.business import Business, call, text
from tests.database import Database, Person
from tests.sql.planted import tenant_tables

Json = dict[str, Any]
ASHA, ASHA_2 = "919810000011", "919810000012"
WORKED_OUT = {
    "private.duplicate_queue",
    "private.duplicate_keys",
    "public.likely_duplicates",
    "public.contact_merges",
}
NEVER_TAKEN_BACK = {
    "public.audit_log", "public.lead_activities", "public.conversation_events", "private.contact_merge_changes", "public.changes", "private.wakeups",
}  # fmt: skip


def owner(business: Business) -> Person:
    """Give the owner of a business."""
    return Person(
        business.db.value(
            "select user_id from public.memberships where org_id = %s limit 1", business.org_id
        ),
        "",
    )


def ask(db: Database, who: Person, name: str, **args: Any) -> Json:
    """Call a function of people as this person."""
    given = ", ".join(f"{key} => %({key})s" for key in args)
    values = {k: json.dumps(v) if isinstance(v, dict) else v for k, v in args.items()}
    with db.transaction():
        db.as_person(who)
        answer: Json = db.execute(f"select public.{name}({given})", values).fetchone()[0]  # type: ignore[index]
        db.as_operator()
    return answer


def refused(db: Database, who: Person, name: str, **args: Any) -> tuple[str, str]:
    """Give detail and hint of the refusal that a call must end in."""
    given = ", ".join(f"{key} => %s" for key in args)
    values = [json.dumps(v) if isinstance(v, dict) else v for v in args.values()]
    db.as_person(who)
    said = db.refusal(f"select public.{name}({given})", *values)
    db.as_operator()
    return said.detail, said.hint


def lead(db: Database, org_id: UUID, **given: Any) -> str:
    """Add a lead; give its contact."""
    made: dict[str, str] = call(db, "add_lead", org_id=org_id, lead=given)
    return made["contact_id"]


def everything(business: Business) -> dict[str, list[str]]:
    """Give all rows of an organization, table by table, but those that only ever grow or are worked out anew."""
    tables = [t for t in tenant_tables(business.db) if t not in WORKED_OUT | NEVER_TAKEN_BACK]
    return {
        t: sorted(
            json.dumps(r, sort_keys=True)
            for (r,) in business.db.rows(f"select to_jsonb(t) - 'updated_at' from {t} t where org_id = %s", business.org_id)
        )
        for t in tables
    }  # fmt: skip


def people(business: Business) -> tuple[str, str]:
    db, org_id = business.db, business.org_id
    one = lead(db, org_id, name="Asha Verma", phone=f"+{ASHA}", email="asha@x.in", message="Pump?")
    other = lead(
        db,
        org_id,
        name="A. Verma",
        phone=f"+{ASHA_2}",
        phones=["+919810000013"],
        email="verma@x.in",
        company="Verma & Co",
        message="Valve?",
    )
    for n, number in enumerate((ASHA, ASHA_2)):
        business.hear(text(f"w{n}", f"Hello {n}", at=business.now() - 100 + n, sender=number))
        business.send(f"+{number}", text=f"Answer {n}")
    for thread in business.table("public.conversations"):
        db.execute(
            "insert into public.conversation_notes (org_id, conversation_id, author_id, text) values (%s, %s, %s, 'Note')",
            [org_id, thread["id"], owner(business).id],
        )
    label = db.value("insert into public.labels (org_id, name) values (%s, 'VIP') returning id", org_id)
    db.execute(
        "insert into public.conversation_labels (org_id, conversation_id, label_id) select org_id, id, %s from public.conversations where contact_id = %s",
        [label, other],
    )
    return one, other


def merge(business: Business, one: str, other: str, db: Database | None = None, **picks: str) -> Json:
    return ask(
        db or business.db,
        owner(business),
        "merge_contacts",
        org_id=business.org_id,
        survivor_id=one,
        other_id=other,
        picks=picks,
    )


def undo(business: Business, merged: Json, db: Database | None = None) -> Json:
    return ask(
        db or business.db, owner(business), "undo_merge", org_id=business.org_id, merge_id=merged["merge_id"]
    )
