"""P16, P22, P30: books and evidence are written once: nobody changes them, not even who owns the database."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from uuid import UUID

import pytest

from tests.database import Database, Person
from tests.sql.billing import set_up
from tests.sql.planted import plant

NUMBERS = count(29_001)
BOOKS = ("usage_ledger", "usage_statements", "usage_statement_lines", "wallet_entries")
EVIDENCE = ("audit_log", "consent_events", "conversation_events")


CHANGES = {
    "usage_ledger": "amount = amount + 1",
    "usage_statements": "total = total + 1",
    "usage_statement_lines": "billed = billed + 1",
    "wallet_entries": "amount = amount + 1",
    "audit_log": "action = 'nothing.happened'",
    "consent_events": "decision = case decision when 'opt_in' then 'opt_out' else 'opt_in' end",
    "conversation_events": "kind = 'merged'",
}


def refusals(db: Database, org_id: UUID, table: str) -> list[str]:
    """How the owner of the database is refused, whatever they try on the organization's rows."""
    tries = (
        f"update public.{table} set {CHANGES[table]} where org_id = '{org_id}'",
        f"delete from public.{table} where org_id = '{org_id}'",
        f"truncate public.{table} cascade",
    )
    return [db.refusal(query).message for query in tries]


@pytest.mark.parametrize("table", BOOKS)
def test_P16_what_is_booked_stays_as_it_was_booked(
    db: Database, org: Callable[..., UUID], member: Callable[..., Person], table: str
) -> None:
    org_id = org()
    plant(db, org_id, member(org_id).id, next(NUMBERS))

    assert refusals(db, org_id, table) == [
        f"public.{table} is append-only: {verb} is refused" for verb in ("update", "delete", "truncate")
    ]


@pytest.mark.parametrize("table", EVIDENCE)
def test_P30_evidence_of_what_was_done_is_append_only(
    db: Database, org: Callable[..., UUID], member: Callable[..., Person], table: str
) -> None:
    org_id = org()
    plant(db, org_id, member(org_id).id, next(NUMBERS))

    assert refusals(db, org_id, table) == [
        f"public.{table} is append-only: {verb} is refused" for verb in ("update", "delete", "truncate")
    ]


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("public.invoices", "total = total + 1"),
        ("private.subscription_plans", "amount_net = amount_net + 1"),
        ("private.plan_features", "value = null"),
        ("private.billing_sellers", "legal_name = 'Somebody else'"),
    ],
)
def test_P22_what_was_sold_to_whom_and_by_whom_stays_as_it_was(
    db: Database, org: Callable[..., UUID], member: Callable[..., Person], table: str, change: str
) -> None:
    org_id = org()
    plant(db, org_id, member(org_id).id, next(NUMBERS))
    set_up(db)

    assert db.value(f"select count(*) > 0 from {table}")
    assert db.refusal(f"update {table} set {change}").sqlstate == "PT405"
    assert db.refusal(f"delete from {table}").sqlstate == "PT405"


def test_P22_invoices_are_never_taken_away_together(db: Database) -> None:
    assert db.refusal("truncate public.invoices cascade").message.startswith("public.invoices is append-only")
