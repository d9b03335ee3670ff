"""The person of a lead: corrected where it stands, with several numbers, made one with who is the same."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.leads import plant


@pytest.fixture
def pair(shop):
    """Two contacts that are likely one person, each with a lead: their leads."""
    number, other = f"+{shop.new_phone()}", f"+{shop.new_phone()}"
    person = {"name": "Ravi Patel", "city": "Anand", "email": "ravi@example.com"}
    leads = plant(
        shop,
        person | {"phone": number, "company": "Patel Farms", "product": "Pump 5 HP"},
        person | {"phone": other, "company": "Patel Farms Ltd", "product": "Motor 3 HP"},
    )
    find(shop)
    return leads


def find(shop) -> None:
    """Have likely duplicates found now, as the job does every few seconds."""
    waits = "select exists (select from private.duplicate_queue where org_id = %s)"
    while shop.db.value(waits, shop.org):
        shop.db.execute("select private.find_duplicates(5000, 5)")


def contacts(shop) -> int:
    return shop.db.value("select count(*) from public.contacts where org_id = %s", shop.org)


def field(page: Page, label: str):
    return page.get_by_role("button", name=re.compile(f"^{label}: "))


def test_what_is_known_of_a_person_is_corrected_where_it_stands(shop, window, pair):
    opened = window(shop.owner)
    page = opened.page
    opened.go(f"/leads/{pair[0]}")
    field(page, "Name").click()
    page.get_by_label("Name", exact=True).fill("Ravi R. Patel")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Ravi R. Patel")).to_be_visible()
    page.get_by_text("Add Address, State, PIN code").click()
    field(page, "Address").click()
    page.get_by_label("Address", exact=True).fill("4 Mill Road")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("Near the gate")
    page.keyboard.press("Enter")

    expect(field(page, "Address")).to_contain_text("Near the gate")
    expect(page.locator(".timeline")).to_contain_text("corrected the person: Address")
    found = shop.db.execute(
        "select c.name, c.address from public.contacts c join public.leads l on l.contact_id = c.id"
        " where l.id = %s",
        [pair[0]],
    ).fetchone()
    assert found == ("Ravi R. Patel", "4 Mill Road\nNear the gate")


def test_a_number_is_added_as_people_write_it_made_the_main_one_and_removed_with_a_way_back(shop, window):
    (lead,) = plant(shop, {"name": "Asha Verma"})
    opened = window(shop.join("agent"), "phone")
    page = opened.page
    opened.go(f"/leads/{lead}")
    page.get_by_role("tab", name="Details").tap()
    points = page.get_by_role("list", name="Numbers and e-mail addresses")
    page.get_by_role("button", name="Number or e-mail").tap()
    page.get_by_label("Phone number").fill("98765")
    page.locator("button.primary").get_by_text("Add", exact=True).tap()
    expect(page.get_by_text("This is not a complete phone number.")).to_be_visible()
    page.get_by_label("Phone number").fill("098765 43210")
    page.get_by_label("What do you call it?").fill("Office")
    page.locator("button.primary").get_by_text("Add", exact=True).tap()
    new = points.get_by_role("listitem").filter(has_text="+91 98765 43210")
    expect(new).to_contain_text("Office")

    page.get_by_role("button", name="More about +91 98765 43210").tap()
    page.get_by_role("menuitem", name="Make it the main one").tap()
    expect(new).to_contain_text("Main")
    old = points.get_by_role("listitem").nth(1)
    old.get_by_role("button").tap()
    page.get_by_role("menuitem", name="Remove").tap()
    expect(points.get_by_role("listitem")).to_have_count(1)
    page.get_by_role("button", name="Undo").tap()

    expect(points.get_by_role("listitem")).to_have_count(2)
    assert shop.db.execute(
        "select p.value, p.is_primary from public.contact_points p"
        " join public.leads l on l.contact_id = p.contact_id"
        " where l.id = %s order by p.is_primary desc limit 1",
        [lead],
    ).fetchone() == ("+919876543210", True)


def test_a_number_of_somebody_else_leads_to_the_comparison_of_both(shop, window):
    taken = shop.new_phone()
    lead, _ = plant(shop, {"name": "Asha Verma"}, {"name": "A. Verma", "phone": f"+{taken}"})
    opened = window(shop.owner)
    opened.expect_fault("status of 409")
    page = opened.page
    opened.go(f"/leads/{lead}")
    page.get_by_role("button", name="Number or e-mail").click()
    page.get_by_label("Phone number").fill(taken[2:])
    page.locator("button.primary").get_by_text("Add", exact=True).click()

    page.get_by_role("button", name="Compare both").click()

    dialog = page.get_by_role("dialog", name="Are these one person?")
    expect(dialog).to_contain_text("A. Verma")
    expect(dialog).to_contain_text("What comes together: 1 lead and 1 number or address")


def test_two_contacts_become_one_with_what_was_picked_and_two_again(shop, window, pair):
    page = window(shop.owner).page
    page.goto(f"/leads/{pair[0]}")
    doubles = page.get_by_role("region", name="Maybe the same person")
    expect(doubles).to_contain_text("The same e-mail address")
    doubles.get_by_role("button", name="Compare").click()
    page.get_by_role("radio", name="Patel Farms Ltd").check()
    page.get_by_role("button", name="Make them one").click()

    expect(field(page, "Company")).to_contain_text("Patel Farms Ltd")
    expect(page.get_by_role("heading", name="Other leads of this person")).to_be_visible()
    expect(page.get_by_role("list", name="Numbers and e-mail").get_by_role("listitem")).to_have_count(3)
    assert contacts(shop) == 1
    page.get_by_role("button", name="Undo").click()

    expect(page.get_by_text("They are two again")).to_be_visible()
    expect(field(page, "Company")).to_have_accessible_name("Company: Patel Farms. Change")
    assert contacts(shop) == 2


def test_a_merge_is_taken_back_later_from_the_person(shop, window, pair):
    page = window(shop.owner).page
    page.goto(f"/leads/{pair[0]}")
    page.get_by_role("button", name="Compare").click()
    page.get_by_role("button", name="Make them one").click()
    expect(page.get_by_text("Moved: 1 lead")).to_be_visible()
    page.reload()

    page.get_by_role("button", name="Take back").click()

    expect(page.get_by_text("They are two again")).to_be_visible()
    expect(page.get_by_text("Merged with")).to_have_count(0)
    assert contacts(shop) == 2


def test_the_list_of_likely_duplicates_is_worked_through(shop, window, pair):
    plant(
        shop,
        *[{"name": "Kiran Shah", "company": "Shah Motors", "city": "Surat", "product": p} for p in "AB"],
    )
    find(shop)
    opened = window(shop.join("agent"), "phone")
    page = opened.page
    opened.go("/leads")
    page.locator(".leads-top").get_by_role("button", name="More").tap()
    page.get_by_role("menuitem", name="Likely duplicates").tap()
    pairs = page.get_by_role("list", name="Pairs that may be one person").get_by_role("listitem")
    expect(pairs).to_have_count(2)
    shah, patel = pairs.filter(has_text="Kiran Shah"), pairs.filter(has_text="Ravi Patel")

    shah.get_by_role("button", name="Not the same").tap()
    expect(shah).to_have_count(0)
    page.get_by_role("button", name="Undo").tap()
    expect(shah).to_have_count(1)
    shah.get_by_role("button", name="Not the same").tap()
    expect(shah).to_have_count(0)
    patel.get_by_role("button", name="Compare").tap()
    page.get_by_role("button", name="Make them one").tap()

    expect(page.get_by_role("heading", name="No likely duplicates")).to_be_visible()
    denied = "select count(*) from public.likely_duplicates where org_id = %s and denied_at is not null"
    assert (shop.db.value(denied, shop.org), contacts(shop)) == (1, 3)
