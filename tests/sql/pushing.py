"""Devices of people, and time that passes for what they are told."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

from tests.business import call
from tests.database import Database, Person

Json = dict[str, Any]


def subscription(endpoint: str | None = None) -> Json:
    """What a browser gives."""
    endpoint = endpoint or f"https://fcm.googleapis.com/fcm/send/{uuid4().hex}"
    return {"endpoint": endpoint, "keys": {"p256dh": "B" * 87, "auth": "a" * 22}}


def as_person(db: Database, who: Person, query: str, *values: object) -> Any:
    """Ask something as a person does."""
    with db.operating():
        db.as_person(who)
        return db.value(query, *values)


def add_device(
    db: Database, org_id: UUID, who: Person, given: Json | None = None, language: str = "en"
) -> str:
    """Have a person told on one more device; its id."""
    asked = "select public.add_push_device(%s, %s, 'Chrome · Android', %s) ->> 'device_id'"
    return str(as_person(db, who, asked, org_id, json.dumps(given or subscription()), language))


def choose(db: Database, org_id: UUID, who: Person, **settings: object) -> Json:
    """Choose what a person is told."""
    asked = "select public.save_notification_settings(%s, %s)"
    chosen: Json = as_person(db, who, asked, org_id, json.dumps(settings))
    return chosen


def tend(db: Database) -> None:
    """Have news told and spread, as every two seconds."""
    db.execute("select private.tend_news()")


def later(db: Database, org_id: UUID, span: str = "1 minute") -> None:
    """Let time pass: the clock stands still within a transaction, so what happened moves back."""
    given = {"org": org_id, "span": span}
    db.execute(
        "update private.push_devices set told_at = told_at - %(span)s::interval where org_id = %(org)s", given
    )
    db.execute(
        "update private.pushes set next_at = next_at - %(span)s::interval where org_id = %(org)s", given
    )
    db.execute(
        "update public.notifications set at = at - %(span)s::interval, push_at = push_at - %(span)s::interval"
        " where org_id = %(org)s",
        given,
    )


def claim(db: Database, org_id: UUID) -> list[Json]:
    """Claim what is due; the pushes of the organization."""
    claimed = call(db, "claim_pushes", batch=200)
    return [push | {"lease": claimed["lease"]} for push in claimed["pushes"] if push["org_id"] == str(org_id)]


def record(db: Database, push: Json, outcome: str, **more: object) -> Json:
    """Say what became of a push."""
    result = {"org_id": push["org_id"], "push_id": push["push_id"], "outcome": outcome, **more}
    answer: Json = call(db, "record_pushes", lease=push["lease"], results=[result])
    return answer


def payloads(db: Database, org_id: UUID) -> list[Json]:
    """Claim what is due, and have it sent: what the devices were told."""
    pushes = claim(db, org_id)
    for push in pushes:
        record(db, push, "sent")
    return [push["payload"] for push in pushes]


def told(db: Database, org_id: UUID, who: Person) -> list[tuple[str, int, bool]]:
    """What stands in a person's bell, the oldest first: kind, many, whether it is read."""
    asked = """select kind, many, read_at is not null from public.notifications
                where org_id = %s and user_id = %s order by id"""
    return db.rows(asked, org_id, who.id)
