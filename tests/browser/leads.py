"""Leads of a shop, put into the database as if somebody had typed them."""

from __future__ import annotations

import json
from typing import Any

from tests.browser.shop import Shop


def plant(shop: Shop, *leads: dict[str, Any]) -> list[str]:
    """Store leads, each {name, product, …}, and with stage, value or tags as they are to be; their ids."""
    return [_plant(shop, lead) for lead in leads]


def _plant(shop: Shop, lead: dict[str, Any]) -> str:
    given = {"phone": f"+{shop.new_phone()}", "product": "Pump 1 HP"} | lead
    person = {key: value for key, value in given.items() if key not in ("stage", "value")}
    row = shop.db.execute(
        "select worker.add_lead(%s, %s) ->> 'lead_id'", [shop.org, json.dumps(person)]
    ).fetchone()
    assert row is not None
    lead_id = str(row[0])
    if "stage" in given:
        shop.db.execute(
            "update public.leads l set stage_id = s.id from public.pipeline_stages s"
            " where s.org_id = l.org_id and s.name = %s and l.org_id = %s and l.id = %s",
            [given["stage"], shop.org, lead_id],
        )
    if "value" in given:
        shop.db.execute(
            "update public.leads set value = %s, currency = 'INR' where org_id = %s and id = %s",
            [given["value"], shop.org, lead_id],
        )
    return lead_id


def plant_many(shop: Shop, many: int) -> None:
    """Store so many leads in the first stage: Buyer 00001 is the oldest."""
    items = [
        {
            "external_id": f"many-{number}",
            "received_at": f"2026-11-{1 + number * 20 // many:02}T{number % 24:02}:{number % 60:02}:00Z",
            "product": f"Pump {number}",
            "person": {"name": f"Buyer {number:05}", "phone": f"+91700{number:07}"},
        }
        for number in range(1, many + 1)
    ]
    for begin in range(0, many, 1000):
        shop.db.execute(
            "select private.store_leads(%s, private.own_source(%s, 'manual'), %s)",
            [shop.org, shop.org, json.dumps(items[begin : begin + 1000])],
        )


def stage_of(shop: Shop, lead_id: str) -> str:
    """The name of the stage that a lead is in."""
    row = shop.db.execute(
        "select s.name from public.leads l"
        " join public.pipeline_stages s on (s.org_id, s.id) = (l.org_id, l.stage_id)"
        " where l.org_id = %s and l.id = %s",
        [shop.org, lead_id],
    ).fetchone()
    assert row is not None
    return str(row[0])


HOSTILE = {
    "name": '<img src=x onerror="document.title=1">' + "अ" * 120,
    "company": "\u202eEvil <script>alert(1)</script> & Söhne \u2066",
    "city": "x" * 180,
    "product": "A" * 300,
    "message": "</textarea><svg onload=alert(1)>\n" * 40 + "W" * 500,
    "email": "a" * 60 + "@" + "b" * 60 + ".example.com",
}
"""A lead whose every field tries to be something else."""

LOOKS = [("phone", "light", "hi"), ("phone", "dark", "en"), ("desktop", "dark", "hi")]
"""In which window hostile texts are looked at; every size, theme and language once."""
