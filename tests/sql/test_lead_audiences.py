"""Broadcasts to the people of filtered leads, values that are the same for everybody, and what a broadcast came to."""

import json
from decimal import Decimal
from uuid import uuid4

import pytest

from tests.business import status
from tests.sql.money import costing
from tests.sql.outreach import RECEIPT, Desk

ASHA, RAVI, MEENA = (f"+9198100000{n}" for n in (11, 22, 33))


@pytest.fixture
def desk(business, member):
    """The admin's desk of the business whose work is rolled back."""
    return Desk(business, member(business.org_id, "admin"))


def add_lead(business, phone, **fields):
    """A lead by hand, and its contact's id."""
    given = {"phone": phone, "phone_kind": "mobile", "name": "Somebody", "greet": False} | fields
    (row,) = business.db.rows(
        "select a ->> 'lead_id', a ->> 'contact_id' from worker.add_lead(%s, %s) a", business.org_id, json.dumps(given)
    )  # fmt: skip
    return row


def test_audience_is_the_people_of_the_leads_that_the_filter_of_leads_lets_through(business, desk):
    hot, asha = add_lead(business, ASHA, product="Pump")
    add_lead(business, ASHA, product="Motor")
    _, ravi = add_lead(business, RAVI, product="Valve")
    business.db.execute("insert into public.contacts (org_id, phone, phone_kind) values (%s, %s, 'mobile')", [business.org_id, MEENA])  # fmt: skip
    tag = business.db.value("insert into public.tags (org_id, name) values (%s, 'Hot') returning id::text", business.org_id)  # fmt: skip
    desk.ask("tag_lead", lead_id=hot, tag_id=tag)

    def meant(**given):
        rows = business.db.rows("select contact_id::text from private.broadcast_audience(%s, %s)", business.org_id, json.dumps(given))  # fmt: skip
        return {c for (c,) in rows}

    assert len(meant()) == 3
    assert meant(leads={}) == {asha, ravi}, "each once, however many leads they have"
    assert meant(leads={"tags": [tag]}) == {asha}
    assert meant(leads={"text": "valve"}) == {ravi}
    assert meant(leads={"tags": [tag]}, city="Surat") == set()
    told = desk.ask("count_audience", filter={"leads": {"tags": [tag]}})
    assert told == {"audience": 1, "recipients": 1, "no_number": 0, "opted_out": 0, "duplicate": 0}
    made = desk.started(filter={"leads": {"tags": [tag]}})
    assert desk.counts(made) == {"waiting": 1}


def test_count_of_an_audience_says_who_would_be_left_out(business, desk):
    _, asha = add_lead(business, ASHA)
    add_lead(business, RAVI)
    add_lead(business, None, email="meena@example.com")
    desk.ask("set_contact_consent", contact_id=asha, decision="opt_out")

    told = desk.ask("count_audience", filter={"leads": {}})

    assert told == {"audience": 3, "recipients": 1, "no_number": 1, "opted_out": 1, "duplicate": 0}


@pytest.mark.parametrize(("given", "detail"), [
    pytest.param({"planet": "x"}, "field_unknown", id="no such filter"),
    pytest.param({"leads": {"planet": "x"}}, "field_unknown", id="no such filter of leads"),
    pytest.param({"leads": "all"}, "field_invalid", id="no filter"),
    pytest.param({"leads": {"stage": "1; drop table"}}, "field_invalid", id="no id"),
])  # fmt: skip
def test_what_a_filter_cannot_mean_is_refused_at_the_count_and_at_the_draft(business, desk, given, detail):
    assert desk.refusal("count_audience", filter=given) == ("PT422", detail)
    assert desk.refusal("create_broadcast", broadcast=RECEIPT | {"filter": given}) == ("PT422", detail)


def test_a_value_may_be_the_same_for_everybody_bars_included(business, desk):
    business.db.execute(
        "update public.message_templates set components = '[{\"type\": \"BODY\", \"text\": \"Hi {{1}}: {{2}}\"}]'"
        " where org_id = %s and name = 'receipt'", [business.org_id]
    )  # fmt: skip
    add_lead(business, ASHA, name="Asha")
    made = desk.started(mapping={"body": ["name|there", "text|20% off | till Diwali"]})

    business.db.value("select private.release_broadcasts()")

    (message,) = (m for m in business.table("public.messages") if m["direction"] == "outbound")
    assert desk.counts(made) == {"queued": 1}
    assert "Hi Asha: 20% off | till Diwali" in message["text"]


def test_report_adds_up_what_it_cost_and_why_it_failed(business, desk):
    for phone in (ASHA, RAVI, MEENA):
        add_lead(business, phone)
    made = desk.started(filter={"leads": {}})
    business.db.value("select private.release_broadcasts()")
    business.let_pass(6)
    claim = business.claim()
    business.record(claim)
    first, second, third = (f"wamid.{m['message_id']}" for m in claim["messages"])
    at = business.now()

    business.told(
        status(first, "delivered", at, pricing=costing("0.50")),
        status(second, "failed", at, code=131026),
        status(third, "failed", at, code=131026),
    )

    told = desk.ask("broadcast_report", broadcast_id=made)
    (total,) = told["totals"]
    assert (total["currency"], total["messages"], told["needs_review"]) == ("INR", 1, 0)
    assert Decimal(total["amount"]) >= Decimal("0.50")
    assert [(f["error_code"], f["people"]) for f in told["failures"]] == [(131026, 2)]
    assert told["failures"][0]["words"]
    assert desk.refusal("broadcast_report", broadcast_id=uuid4()) == ("PT404", "broadcast_unknown")
