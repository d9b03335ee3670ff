"""Webhooks of Meta's, and what is stored of them."""

import json

from tests.business import PAYLOADS

ASHA, ASHA_ID = "919810000011", "IN.40001000200030004"


def payload(name):
    return json.loads((PAYLOADS / f"{name}.json").read_text())


def dead(db):
    """The dead letters of this test."""
    waiting = "resolved_at is null and created_at = now()"
    return db.rows(f"select reason, org_id, item from private.dead_letters where {waiting} order by id")


def reasons(db):
    return [reason for reason, _, _ in dead(db)]
