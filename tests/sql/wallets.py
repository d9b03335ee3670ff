"""How a wallet is read, and what a message does to it."""

from decimal import Decimal
from typing import Any

from tests.business import Business, Json, call, status

ASHA, RAVI, MEENA = "+919810000011", "+919810000022", "+919810000033"

HELLO = {"template": "hello", "language": "en", "params": ["Asha", "kurta"]}


def top_up(business: Business, amount: str | None, **more: object) -> Json:
    """Put an amount into the wallet."""
    answer: Json = call(business.db, "top_up", org_id=business.org_id, amount=amount, **more)
    return answer


def spending(business: Business) -> Json:
    answer: Json = call(business.db, "spending", org_id=business.org_id)
    return answer


def wallet(business: Business) -> tuple[Decimal, Decimal]:
    """Balance and what is held."""
    found: tuple[Decimal, Decimal] = business.db.row(
        "select balance, held from public.wallets where org_id = %s", business.org_id
    )
    return found


def holds(business: Business) -> dict[int, Decimal]:
    """What is held for each message."""
    rows = business.db.rows(
        "select message_id, amount from private.spend_holds where org_id = %s and not is_over",
        business.org_id,
    )
    return dict(rows)


def movements(business: Business) -> list[tuple[Any, ...]]:
    """Every movement: kind, amount, messages, balance after it."""
    return business.db.rows(
        "select kind, amount, messages, balance_after from public.wallet_entries where org_id = %s order by id",
        business.org_id,
    )


def ids(claim: Json) -> list[int]:
    return [m["message_id"] for m in claim["messages"]]


def delivered(
    business: Business, *messages: int, pricing: Json | None = None, word: str = "delivered"
) -> None:
    """Meta tells that messages were delivered, now, with this price."""
    told = {"pricing": pricing} if pricing else {}
    business.told(*(status(f"wamid.{m}", word, business.now(), **told) for m in messages))
