"""Who looks sees leads come, change and go; and what greeting a new one would cost."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from tests.business import Business
from tests.database import Database, Person
from tests.sql.test_live import Screen


@pytest.fixture
def shop(lasting: Callable[..., Business]) -> Business:
    return lasting()


@pytest.fixture
def screen(shop: Business, connect: Callable[[], Database]) -> Screen:
    made = Screen(connect(), shop)
    made.settle()
    return made


def add_leads(shop: Business, many: int = 1) -> list[str]:
    """Store leads by hand in one statement; their ids."""
    items = [
        {"external_id": uuid4().hex, "person": {"name": "Ravi", "email": f"{uuid4().hex}@example.test"}}
        for _ in range(many)
    ]
    shop.db.value(
        "select private.store_leads(%s, private.own_source(%s, 'manual'), %s)",
        shop.org_id,
        shop.org_id,
        json.dumps(items),
    )
    return [str(i) for (i,) in shop.db.rows("select id from public.leads where org_id = %s", shop.org_id)]


def test_a_lead_that_comes_moves_and_goes_is_told_by_its_id(shop: Business, screen: Screen) -> None:
    (lead,) = add_leads(shop)
    assert screen.ask()["changes"] == [{"lead_id": lead, "kinds": ["activity", "lead"]}]

    with screen.db.transaction():
        screen.db.as_person(screen.person).execute(
            "select public.note_lead(%s, %s, 'Call')", [shop.org_id, lead]
        )
    assert screen.ask()["changes"] == [{"lead_id": lead, "kinds": ["activity"]}]

    shop.db.execute("update public.leads set version = version + 1 where org_id = %s", [shop.org_id])
    assert screen.ask()["changes"] == [{"lead_id": lead, "kinds": ["lead"]}]

    shop.db.execute("delete from public.lead_activities where org_id = %s", [shop.org_id])
    shop.db.execute("delete from public.leads where org_id = %s", [shop.org_id])
    assert screen.ask()["changes"] == [{"lead_id": lead, "kinds": ["lead_gone"]}]


def test_many_leads_at_once_are_told_without_a_reset_of_conversations(shop: Business, screen: Screen) -> None:
    add_leads(shop, 300)
    told = screen.ask()
    while not told["changes"]:  # the store goes by portions; each is one statement
        told = screen.ask()

    assert "reset" not in told
    assert {"kinds": ["many_leads"]} in told["changes"]


def test_leads_are_not_written_down_while_nobody_looks(shop: Business) -> None:
    add_leads(shop)

    assert shop.table("private.changes") == []


def test_the_price_of_a_greeting_is_that_of_its_template_with_the_markup(shop: Business) -> None:
    owner = Person(
        shop.db.value("select user_id from public.memberships where org_id = %s limit 1", shop.org_id), ""
    )

    def price(country: str = "IN") -> dict[str, Any]:
        with shop.db.transaction():
            told: dict[str, Any] = shop.db.as_person(owner).value(
                "select public.greeting_price(%s, %s)", shop.org_id, country
            )
        return told

    assert price() == {"greets": False, "reason": "no_greeting"}
    shop.db.execute("insert into public.greeting_settings (org_id) values (%s)", [shop.org_id])
    shop.db.execute(
        "insert into public.greeting_rules (org_id, position, is_default, template_name, category)"
        " values (%s, 1, true, 'welcome', 'UTILITY')",
        [shop.org_id],
    )
    rate = shop.db.value(
        "select (private.rate_at('IN', 'utility', 'INR', current_date, clock_timestamp())).rate"
    )
    assert rate > 0
    told = price()
    assert (told["greets"], told["category"], Decimal(told["price"])) == (True, "utility", rate)
    assert price("ZZ")["price"] is None

    shop.db.execute(
        "update public.greeting_rules set paused_for = 'status', paused_reason = 'Paused by Meta', paused_at = now()"
        " where org_id = %s",
        [shop.org_id],
    )
    assert price() == {"greets": False, "reason": "paused", "words": "Paused by Meta"}
    shop.db.execute(
        "update public.whatsapp_numbers set status = 'disconnected' where org_id = %s", [shop.org_id]
    )
    assert price() == {"greets": False, "reason": "not_connected"}
