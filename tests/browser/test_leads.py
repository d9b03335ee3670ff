"""Leads as a board and a table: they arrive, move, are found, narrowed down and changed together."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.leads import plant, plant_many, stage_of
from tests.browser.window import to_end


def column(page: Page, stage: str):
    return page.locator(".column").filter(has=page.get_by_role("heading", name=stage, exact=True))


def card(page: Page, name: str):
    return page.locator(".lead-card").filter(has_text=name)


@pytest.fixture
def at_leads(window):
    """Opens the leads for somebody, on the board unless said otherwise."""

    def at_leads(person: str, size: str = "desktop", path: str = "/leads", **more: str):
        opened = window(person, size, **more)
        opened.go(path)
        return opened

    return at_leads


def test_a_lead_that_is_added_arrives_by_itself_in_a_second_window(shop, at_leads):
    first, second = at_leads(shop.owner), at_leads(shop.join(), "phone")
    expect(second.page.get_by_role("heading", name="No leads yet")).to_be_visible()
    expect(first.page.get_by_role("link", name="Import a file")).to_be_visible()
    first.expect_fault("status of 422")

    first.page.get_by_role("button", name="Add a lead").first.click()
    first.page.get_by_label("Name", exact=True).fill("Ravi Patel")
    first.page.get_by_label("Phone", exact=True).fill("98x")
    first.page.get_by_role("button", name="Add", exact=True).click()
    expect(first.page.locator(".wrong")).to_contain_text("not a complete phone number")
    first.page.get_by_label("Phone", exact=True).fill("098100 00011")
    first.page.get_by_label("Product").fill("Submersible pump")
    first.page.get_by_role("button", name="Add", exact=True).click()

    for opened in (first, second):
        expect(card(opened.page, "Ravi Patel")).to_contain_text("Submersible pump")
        expect(column(opened.page, "New").locator(".count")).to_have_text("1")
    phone = shop.db.execute("select phone from public.leads where org_id = %s", [shop.org]).fetchone()
    assert phone == ("+919810000011",)


def test_a_card_is_dragged_to_another_stage_and_taken_back(shop, at_leads):
    (lead,) = plant(shop, {"name": "Meena Shah", "value": 50000})
    page = at_leads(shop.owner).page
    expect(column(page, "New")).to_contain_text("₹50K")

    card(page, "Meena Shah").drag_to(column(page, "Qualified").locator(".cards"))

    expect(column(page, "Qualified").locator(".lead-card")).to_contain_text("Meena Shah")
    expect(column(page, "Qualified").locator(".count")).to_have_text("1")
    expect(column(page, "Qualified")).to_contain_text("₹50K")
    expect(page.locator(".toast")).to_contain_text("Meena Shah is now in “Qualified”")
    assert page.url.endswith("/leads")
    assert stage_of(shop, lead) == "Qualified"
    page.locator(".toast").get_by_role("button", name="Undo").click()
    expect(column(page, "New").locator(".lead-card")).to_contain_text("Meena Shah")


def test_keys_go_through_the_board_and_move_a_card(shop, at_leads):
    lead, _ = plant(shop, {"name": "Anil"}, {"name": "Bina"})
    page = at_leads(shop.owner).page
    page.get_by_role("link", name="Bina").focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("link", name="Anil")).to_be_focused()

    page.keyboard.press("Shift+ArrowRight")

    expect(column(page, "Contacted").locator(".lead-card")).to_contain_text("Anil")
    expect(page.get_by_role("link", name="Anil")).to_be_focused()
    assert stage_of(shop, lead) == "Contacted"
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("link", name="Bina")).to_be_focused()


def test_on_a_phone_a_menu_moves_a_card(shop, at_leads):
    (lead,) = plant(shop, {"name": "Asha"})
    page = at_leads(shop.join(), "phone").page

    page.get_by_role("button", name="Move Asha to…").tap()
    page.get_by_role("menuitemradio", name="Proposal sent").tap()

    expect(column(page, "Proposal sent").locator(".lead-card")).to_contain_text("Asha")
    expect(page.locator(".toast")).to_be_visible()
    assert stage_of(shop, lead) == "Proposal sent"


def test_of_two_who_move_one_lead_the_second_is_told_and_sees_the_truth(shop, at_leads):
    (lead,) = plant(shop, {"name": "Kiran"})
    first, second = at_leads(shop.owner), at_leads(shop.join())
    second.expect_fault("status of 409")
    expect(card(second.page, "Kiran")).to_be_visible()
    second.page.route("**/rpc/changes", lambda route: route.abort())
    second.expect_fault("rpc/changes|ERR_FAILED")
    card(first.page, "Kiran").drag_to(column(first.page, "Qualified").locator(".cards"))
    expect(first.page.locator(".toast")).to_contain_text("Qualified")

    card(second.page, "Kiran").drag_to(column(second.page, "Contacted").locator(".cards"))

    expect(second.page.locator(".toast")).to_contain_text("Somebody else has just changed this lead")
    expect(column(second.page, "Qualified").locator(".lead-card")).to_contain_text("Kiran")
    expect(column(second.page, "Contacted").locator(".lead-card")).to_have_count(0)
    assert stage_of(shop, lead) == "Qualified"


def test_a_lead_is_won_with_its_value_and_reason(shop, at_leads):
    (lead,) = plant(shop, {"name": "Suresh"})
    page = at_leads(shop.owner).page
    card(page, "Suresh").hover()
    page.get_by_role("button", name="Move Suresh to…").click()
    page.get_by_role("menuitemradio", name="Won").click()
    page.get_by_label("Value (₹)").fill("much")
    page.get_by_role("button", name="Mark as won").click()
    expect(page.locator(".wrong")).to_contain_text("Write an amount")
    page.get_by_label("Value (₹)").fill("1,20,000.50")
    page.get_by_label("What won it?").select_option(index=1)

    page.get_by_role("button", name="Mark as won").click()

    expect(column(page, "Won").locator(".lead-card")).to_contain_text("₹1,20,000.50")
    row = shop.db.execute(
        "select value::text, won_at is not null, closed_reason is not null from public.leads where id = %s",
        [lead],
    ).fetchone()
    assert row == ("120000.50", True, True)


def test_chosen_leads_are_changed_together_and_taken_back(shop, at_leads):
    leads = plant(shop, *({"name": f"Buyer {number}"} for number in range(3)))
    page = at_leads(shop.owner, path="/leads?layout=table").page
    page.get_by_label("Choose Buyer 0").check()
    page.get_by_label("Choose Buyer 2").check()
    expect(page.get_by_role("toolbar")).to_contain_text("2 chosen")

    page.get_by_role("button", name="Move to").click()
    page.get_by_role("menuitem", name="Qualified").click()

    expect(page.locator(".toast")).to_contain_text("2 leads changed.")
    expect(page.get_by_role("row", name=re.compile("Buyer 2"))).to_contain_text("Qualified")
    assert [stage_of(shop, lead) for lead in leads] == ["Qualified", "New", "Qualified"]
    page.locator(".toast").get_by_role("button", name="Undo").click()
    expect(page.locator(".toast").filter(has_text="2 leads are as they were.")).to_be_visible()
    assert {stage_of(shop, lead) for lead in leads} == {"New"}


def test_a_filter_and_an_order_are_kept_as_a_shared_view(shop, at_leads):
    plant(shop, {"name": "Mine to win", "stage": "Won"}, {"name": "Still open"})
    page = at_leads(shop.owner, path="/leads?layout=table&sort=highest").page
    expect(page.get_by_role("link", name="Still open")).to_be_visible()
    page.get_by_role("button", name="Filter", exact=True).click()
    page.get_by_label("Status").select_option("won")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.get_by_role("link", name="Still open")).to_have_count(0)
    page.get_by_role("button", name="Leads", exact=True).click()
    page.get_by_role("menuitem", name="Save as a view…").click()
    page.get_by_label("Name of the view").fill("All we won")
    page.get_by_label("Show it to everybody").check()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("button", name="All we won")).to_be_visible()

    other = at_leads(shop.join()).page
    expect(card(other, "Still open")).to_be_visible()
    other.get_by_role("button", name="Leads", exact=True).click()
    other.get_by_role("menuitemradio", name="All we won").click()

    expect(other.get_by_role("link", name="Mine to win")).to_be_visible()
    expect(other.get_by_role("columnheader", name="Value (₹)")).to_have_attribute("aria-sort", "descending")
    expect(other.get_by_role("link", name="Still open")).to_have_count(0)
    other.get_by_role("button", name="Remove filter: Won").click()
    expect(other.get_by_role("link", name="Still open")).to_be_visible()


def test_the_table_is_sorted_by_its_headers_its_address_and_a_menu_of_the_phone(shop, at_leads):
    plant_many(shop, 130)
    plant(shop, {"name": "Zoya", "value": 300}, {"name": "abdul"}, {"name": "Bina", "value": 9000})
    opened = at_leads(shop.owner, path="/leads?layout=table")
    page, names = opened.page, opened.page.locator("tr[data-lead] td:nth-child(2) a")
    value, name = (page.get_by_role("button", name=label, exact=True) for label in ("Value (₹)", "Name"))
    header = page.get_by_role("columnheader")
    expect(names.first).to_have_text("Bina")
    expect(header.filter(has_text="Received")).to_have_attribute("aria-sort", "descending")

    value.focus()
    page.keyboard.press("Enter")
    expect(header.filter(has=value)).to_have_attribute("aria-sort", "descending")
    page.keyboard.press("Enter")
    expect(names.nth(0)).to_have_text("Zoya")
    expect(names.nth(1)).to_have_text("Bina")
    expect(value).to_be_focused()
    expect(header.filter(has=value)).to_have_attribute("aria-sort", "ascending")

    name.click()
    expect(names.nth(0)).to_have_text("abdul")
    to_end(page.locator(".leads-table"), "Zoya")
    # What changes meanwhile goes to its place, whether told by name or all at once.
    look = "dispatchEvent(new Event('online'))"  # now, and not at the next turn
    moved = shop.db.value(
        "update public.contacts set name = 'Buyer 00111 b'"
        " where org_id = %s and name = 'Buyer 00120' returning id",
        shop.org,
    )
    shop.db.execute("update public.leads set version = version + 1 where contact_id = %s", [moved])
    page.evaluate(look)
    expect(page.locator("tr[aria-rowindex='115'] a")).to_have_text("Buyer 00111 b")
    plant(shop, {"name": "Buyer 00112 b"})
    page.evaluate(look)
    expect(page.locator("tr[aria-rowindex='117'] a")).to_have_text("Buyer 00112 b")

    phone = at_leads(shop.join(), "phone", path="/leads?" + page.url.split("?")[1])
    rows = phone.page.locator(".lead-rows strong")
    expect(rows.first).to_have_text("abdul")
    phone.page.get_by_role("button", name="Order: Name, A to Z").tap()
    phone.page.get_by_role("menuitemradio", name="Highest value first").tap()
    expect(rows.nth(0)).to_have_text("Bina")
    expect(rows.nth(1)).to_have_text("Zoya")
    assert opened.axe() == phone.axe() == phone.overflows() == []


def test_searching_as_one_types_marks_what_matched(shop, at_leads):
    plant(shop, {"name": "Ravi", "message": "Need ten sprinklers for my farm"}, {"name": "Bina"})
    page = at_leads(shop.owner).page

    page.get_by_role("searchbox").press_sequentially("sprinkl", delay=5)

    expect(page.locator(".found mark")).to_have_text("sprinklers")
    expect(page.locator(".found li")).to_have_count(1)
    page.get_by_role("searchbox").fill("sprincklers")
    expect(page.locator(".found")).to_contain_text("spelt alike")
    page.keyboard.press("Escape")
    expect(card(page, "Bina")).to_be_visible()


def test_a_column_of_5000_leads_pages_by_itself(shop, at_leads):
    plant_many(shop, 5000)
    page = at_leads(shop.owner).page
    cards = column(page, "New").locator(".cards")
    expect(column(page, "New").locator(".count")).to_have_text("5,000")
    expect(card(page, "Buyer 05000")).to_be_visible()

    page.wait_for_function(
        "(box) => { box.scrollTop = box.scrollHeight; return box.scrollHeight > 20_000 }",
        arg=cards.element_handle(),
        timeout=60_000,
    )

    assert page.locator(".lead-card").count() < 60
