"""One lead: what was asked for, who it is, everything that happened; and what is changed where it stands."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.leads import plant
from tests.browser.window import hold, wait_for
from tests.e2e.commands import eventually


@pytest.fixture
def lead(shop):
    """A lead with a value, a number field, a choice and a tag to put on it; its id."""
    shop.db.execute(
        "insert into public.lead_fields (org_id, key, label, kind, choices, position) values"
        " (%(org)s, 'quantity', 'Quantity', 'number', '{}', 1),"
        " (%(org)s, 'segment', 'Segment', 'choice', '{Farm,Factory}', 2)",
        {"org": shop.org},
    )
    shop.db.execute(
        "insert into public.tags (org_id, name, colour) values (%s, 'Hot', '#c2410c')", [shop.org]
    )
    phone = f"+{shop.new_phone()}"
    (older,) = plant(shop, {"name": "Ravi Patel", "phone": phone, "product": "Motor 3 HP"})
    person = {"name": "Ravi Patel", "phone": phone, "company": "Patel Farms", "city": "Anand"}
    asked = {
        "email": "ravi@example.com",
        "product": "Pump 5 HP",
        "message": "Please quote for two",
        "value": 9000,
    }
    (lead,) = plant(shop, person | asked)
    assert older != lead
    return lead


@pytest.fixture
def opened(window, shop, lead):
    made = window(shop.owner)
    made.go(f"/leads/{lead}")
    return made


def field(page, label: str):
    return page.get_by_role("button", name=re.compile(f"^{label}: "))


def test_the_enquiry_the_person_and_their_other_leads_are_shown(opened):
    page = opened.page
    expect(page.get_by_role("heading", name="Ravi Patel")).to_be_visible()
    expect(page.locator(".enquiry")).to_contain_text("Pump 5 HP")
    expect(page.locator(".enquiry")).to_contain_text("Please quote for two")
    expect(page.locator(".details")).to_contain_text("Patel Farms")
    expect(page.get_by_role("link", name="ravi@example.com")).to_have_attribute(
        "href", "mailto:ravi@example.com"
    )

    page.get_by_role("link", name=re.compile("Motor 3 HP")).click()

    expect(page.locator(".enquiry")).to_contain_text("Motor 3 HP")


def test_fields_are_filled_in_where_they_stand_and_the_database_says_what_is_wrong(shop, opened, lead):
    opened.expect_fault("status of 422")
    page = opened.page
    field(page, "Quantity").click()
    page.get_by_label("Quantity").fill("many")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("is not filled in as it should be")
    expect(page.get_by_label("Quantity")).to_have_attribute("aria-invalid", "true")

    page.get_by_label("Quantity").fill("12")
    page.keyboard.press("Enter")
    expect(field(page, "Quantity")).to_contain_text("12")
    field(page, "Segment").click()
    page.get_by_label("Segment").select_option("Factory")
    expect(field(page, "Segment")).to_contain_text("Factory")
    field(page, "Value").click()
    page.get_by_label("Value").fill("1,50,000")
    page.get_by_role("heading", name="Ravi Patel").click()
    expect(field(page, "Value")).to_contain_text("₹1,50,000")

    expect(page.locator(".timeline")).to_contain_text("set “Segment” to Factory")
    assert shop.db.execute(
        "select custom, value::text from public.leads where id = %s", [lead]
    ).fetchone() == (
        {"quantity": 12, "segment": "Factory"},
        "150000.00",
    )


def test_what_two_people_do_stands_in_one_timeline(shop, window, opened, lead):
    colleague = window(shop.join(), "phone").page
    colleague.goto(f"/leads/{lead}")
    page = opened.page
    page.get_by_label("Note", exact=True).fill("Call after five <b>today</b>")
    page.get_by_role("button", name="Write note").click()
    page.get_by_role("button", name="Stage: New. Change").click()
    page.get_by_role("menuitemradio", name="Qualified").click()
    page.get_by_role("button", name="Tag", exact=True).click()
    page.get_by_role("menuitemradio", name="Hot").click()

    timeline = colleague.locator(".timeline")
    expect(timeline).to_contain_text("Call after five <b>today</b>")
    expect(timeline).to_contain_text("moved it from “New” to “Qualified”")
    expect(timeline).to_contain_text("put on the tag “Hot”")
    expect(colleague.get_by_role("button", name="Stage: Qualified. Change")).to_be_visible()
    timeline.get_by_role("button", name="Notes").tap()
    expect(timeline.locator("[data-type]")).to_have_count(1)


def test_changes_in_quick_succession_wait_for_each_other_and_none_is_refused(shop, opened, lead):
    page = opened.page
    qualified, new = (
        shop.db.value("select id from public.pipeline_stages where org_id = %s and name = %s", shop.org, name)
        for name in ("Qualified", "New")
    )
    held = hold(page, "**/rpc/move_lead", times=1)
    page.get_by_role("button", name="Stage: New. Change").click()
    page.get_by_role("menuitemradio", name="Qualified").click()
    wait_for(page, held)
    page.get_by_role("button", name="Tag", exact=True).click()
    page.get_by_role("menuitemradio", name="Hot").click()
    field(page, "Quantity").click()
    page.get_by_label("Quantity").fill("12")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Stage: Qualified. Change").click()
    page.get_by_role("menuitemradio", name="New").click()
    held[0].continue_()

    expect(field(page, "Quantity")).to_contain_text("12")
    expect(page.get_by_role("button", name="Take off “Hot”")).to_be_visible()
    asked = "select stage_id, custom ->> 'quantity' from public.leads where id = %s"
    eventually(lambda: shop.db.execute(asked, [lead]).fetchone() == (new, "12"))
    moves = "select details ->> 'to' from public.lead_activities"
    moves += " where lead_id = %s and kind = 'moved' order by id"
    assert shop.db.execute(moves, [lead]).fetchall() == [(str(qualified),), (str(new),)]
    expect(page.get_by_role("button", name="Stage: New. Change")).to_be_visible()


def test_a_chat_is_opened_and_its_messages_are_in_the_timeline(shop, opened, lead):
    phone = shop.db.execute("select phone from public.leads where id = %s", [lead]).fetchone()[0]
    shop.hear("Is it in stock?", sender=phone.lstrip("+"))
    expect(opened.page.locator("[data-type=message]")).to_contain_text("Is it in stock?")

    opened.page.get_by_role("button", name="Open chat").click()

    expect(opened.page).to_have_url(re.compile(r"/inbox/[0-9a-f-]{36}$"))


def test_a_lead_that_was_lost_is_reopened(opened):
    page = opened.page
    page.get_by_role("button", name="Lost", exact=True).click()
    page.get_by_label("Why was it lost?").select_option(index=1)
    page.get_by_role("button", name="Mark as lost").click()
    expect(page.get_by_role("button", name="Stage: Lost. Change")).to_be_visible()
    expect(page.locator(".timeline")).to_contain_text("marked it as lost")

    page.get_by_role("button", name="Reopen").click()

    expect(page.get_by_role("button", name="Stage: New. Change")).to_be_visible()


def test_a_lead_that_is_not_there_says_so(shop, window):
    opened = window(shop.owner)
    opened.go("/leads/00000000-0000-0000-0000-000000000000")

    expect(opened.page.get_by_role("heading", name="This lead is not there")).to_be_visible()
