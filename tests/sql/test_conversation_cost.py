"""What a conversation has cost: the sum of its messages' entries in the ledger, corrections included, and nobody else's."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.business import Business, Json, status
from tests.database import Person
from tests.sql.money import booked, costing, flow_delivers


@pytest.fixture
def agent(business: Business, member: Callable[..., Person], person: Callable[..., Person]) -> Person:
    """Somebody who works there."""
    return member(business.org_id, "agent", person("Anil"))


def cost(business: Business, who: Person, conversation: UUID) -> Json:
    business.db.as_person(who)
    answer: Json = business.db.value("select public.conversation_cost(%s, %s)", business.org_id, conversation)
    business.db.as_operator()
    return answer


def conversation_of(business: Business, wamid: str) -> UUID:
    found: UUID = business.db.value("select conversation_id from public.messages where wamid = %s", wamid)
    return found


def test_a_conversation_costs_what_the_ledger_says_of_its_own_messages(
    business: Business, agent: Person
) -> None:
    mine, other = flow_delivers(business, costing("0.88"), costing("0.11"), at="2026-10-15T12:00")

    told = cost(business, agent, conversation_of(business, mine))

    wanted = booked(business, where=f"wamid = '{mine}'")
    assert [(one["currency"], one["messages"]) for one in told["totals"]] == [("INR", 1)]
    assert Decimal(told["totals"][0]["amount"]) == wanted >= Decimal("0.88")
    assert told["needs_review"] == 0
    assert cost(business, agent, conversation_of(business, other)) != told


def test_a_price_that_was_corrected_counts_as_corrected(business: Business, agent: Person) -> None:
    (wamid,) = flow_delivers(business, None, at="2026-10-15T12:00")
    conversation = conversation_of(business, wamid)
    assert cost(business, agent, conversation)["needs_review"] == 1

    business.told(status(wamid, "read", 1792045500, pricing=costing("0.50")))

    told = cost(business, agent, conversation)
    assert told["needs_review"] == 0
    assert (
        Decimal(told["totals"][0]["amount"])
        == booked(business, where=f"wamid = '{wamid}'")
        >= Decimal("0.50")
    )


def test_an_empty_conversation_costs_nothing_and_an_unknown_one_is_refused(
    business: Business, agent: Person
) -> None:
    business.hear(
        {
            "from": "919810000077",
            "id": "wamid.in",
            "timestamp": "1792045500",
            "type": "text",
            "text": {"body": "Hi"},
        }
    )
    conversation = conversation_of(business, "wamid.in")

    assert cost(business, agent, conversation) == {"totals": [], "needs_review": 0}
    with pytest.raises(psycopg.Error, match="no such conversation"):
        cost(business, agent, uuid4())
