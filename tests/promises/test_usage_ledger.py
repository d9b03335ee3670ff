"""P15, P16: windows are recorded, and what a message costs is evaluated exactly, for all members to see."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from tests.business import Business, call
from tests.database import Database, Person

NOON = 1793775600  # 4 November 2026, 12:30 in India
MARKUP = [{"from": "2026-01-01", "percent": "10", "categories": {"utility": {"per_message": "0.033333"}}}]


def status(message: int, category: str, at: int = NOON, **more: object) -> dict[str, Any]:
    pricing = {"pricing_model": "PMP", "type": "regular", "category": category} | more
    return {
        "id": f"wamid.{message}",
        "status": "delivered",
        "timestamp": str(at),
        "recipient_id": "919810000011",
        "pricing": pricing,
    }


def test_P15_windows_of_every_kind_are_recorded_in_the_ledger(db: Database, business: Business) -> None:
    business.hear(
        {"id": "w1", "from": "919810000011", "timestamp": str(NOON), "type": "text", "text": {"body": "Hi"}}
    )
    ids = {}
    for category in ("marketing", "utility", "authentication", "service"):
        ids[category] = business.sent(template="receipt", language="en")
        business.told(status(ids[category], category, NOON + 60))
    db.execute("select private.settle_usage(%s)", [business.org_id])

    windows = db.rows(
        "select kind, extract(epoch from opened_at)::bigint, closes_at - opened_at"
        " from public.conversation_windows where org_id = %s order by 1",
        business.org_id,
    )

    day = db.value("select interval '24 hours'")
    assert windows == [
        ("authentication", NOON + 60, day), ("customer_service", NOON, day), ("marketing", NOON + 60, day),
        ("service", NOON + 60, day), ("utility", NOON + 60, day),
    ]  # fmt: skip


def test_P16_metas_cost_and_the_markup_are_evaluated_exactly(
    db: Database, member: Callable[..., Person], business: Business
) -> None:
    call(
        db,
        "set_billing_plan",
        org_id=business.org_id,
        plan={"meta_billing": "flow", "supply": "intra", "markup": MARKUP},
    )
    marketing, utility, named = (business.sent(template="receipt", language="en") for _ in range(3))
    business.told(
        status(marketing, "marketing"), status(utility, "utility"),
        status(named, "marketing", cost={"amount": "0.1234565", "currency": "INR"}),
    )  # fmt: skip
    agent = member(business.org_id, "agent")

    db.as_person(agent)
    shown = db.rows(
        "select wamid, entry, amount from public.usage_ledger where org_id = %s"
        " order by length(wamid), wamid, entry desc",
        business.org_id,
    )
    statement = db.value("select public.statement(%s, '2026-11')", business.org_id)

    assert shown == [
        (f"wamid.{message}", entry, Decimal(amount))
        for message, cost, markup in (
            (marketing, "0.863100", "0.086310"),
            (utility, "0.115000", "0.033333"),
            (named, "0.123457", "0.012346"),
        )
        for entry, amount in (("meta_cost", cost), ("markup", markup))
    ]  # fmt: skip
    exact = (
        Decimal("0.863100")
        + Decimal("0.115")
        + Decimal("0.123457")
        + Decimal("0.086310")
        + Decimal("0.033333")
        + Decimal("0.012346")
    )
    assert Decimal(statement["billed"]) == exact
    assert Decimal(statement["taxable"]) == exact.quantize(Decimal("0.01"))
    assert Decimal(statement["total"]) == Decimal(statement["taxable"]) + 2 * Decimal(statement["cgst"])
