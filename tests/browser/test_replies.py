"""Quick replies in the settings: written with placeholders, shared or one's own."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.test_templates import fits, insert


def keep(shop, shortcut: str, **more: object) -> None:
    row = {"org_id": shop.org, "shortcut": shortcut, "title": shortcut, "body": "Our price list"}
    insert(shop, "quick_replies", row | more)


def test_a_quick_reply_is_written_changed_and_deleted(shop, window):
    opened = window(shop.owner, "phone")
    opened.expect_fault("status of 409")
    page = opened.page
    keep(shop, "bank")
    opened.go("/settings/replies")
    page.get_by_role("button", name="New quick reply").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Shortcut").fill("/Bank")
    dialog.get_by_label("Text").fill("Namaste {nmae}, here is ")
    expect(dialog.get_by_text("There is no {nmae}.")).to_be_visible()
    dialog.get_by_label("Text").fill("Namaste {name|ji}, the price of ")
    dialog.get_by_role("button", name="Insert").click()
    page.get_by_role("menuitem", name="Product").click()
    expect(dialog.locator(".bubble")).to_have_text("Namaste Ravi Patel, the price of Submersible Pump 5 HP")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_text("This shortcut is taken.")).to_be_visible()
    dialog.get_by_label("Shortcut").fill("price")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_role("listitem")).to_have_count(2)

    page.get_by_role("button", name="Change /price").click()
    dialog.get_by_label("Name", exact=True).fill("The price")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_role("listitem").filter(has_text="The price")).to_be_visible()
    page.get_by_role("button", name="Delete /bank").click()
    dialog.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("listitem")).to_have_count(1)
    stored = shop.db.rows(
        "select shortcut, title, body from public.quick_replies where org_id = %s", [shop.org]
    )
    assert stored == [("price", "The price", "Namaste {name|ji}, the price of {product}")]


def test_agents_keep_their_own_and_leave_the_shared_ones(shop, window):
    keep(shop, "bank")
    opened = window(shop.join("agent"))
    page = opened.page
    opened.go("/settings/replies")
    expect(page.get_by_role("button", name="Change /bank")).to_have_count(0)
    page.get_by_role("button", name="New quick reply").click()
    page.get_by_role("dialog").get_by_label("Shortcut").fill("hi")
    page.get_by_role("dialog").get_by_label("Text").fill("Hi, {agent} here.")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()

    expect(page.get_by_role("listitem").filter(has_text="/hi")).to_contain_text("Only for me")
    owner = window(shop.owner)
    owner.go("/settings/replies")
    expect(owner.page.get_by_role("listitem")).to_have_count(1)


def test_many_quick_replies_come_page_by_page_and_are_searched(shop, window):
    shop.db.execute(
        "insert into public.quick_replies (org_id, shortcut, title, body)"
        " select %s, 'r' || lpad(n::text, 3, '0'), 'Title ' || n, 'Body' from generate_series(1, 130) n",
        [shop.org],
    )
    opened = window(shop.owner)
    page = opened.page
    opened.go("/settings/replies")
    expect(page.get_by_role("listitem")).to_have_count(100)
    page.get_by_role("button", name="Show more").click()
    expect(page.get_by_role("listitem")).to_have_count(130)
    page.get_by_label("Search quick replies").fill("title 13")
    expect(page.get_by_role("listitem")).to_have_count(2)


def test_quick_replies_are_accessible_and_fit_a_phone(shop, window):
    opened = window(shop.owner, "phone", lang="hi")
    page = opened.page
    opened.go("/settings/replies")
    expect(page.locator(".empty")).to_be_visible()
    fits(opened)
    keep(shop, "x" * 32, title="\u202e" + "y" * 90, body="z" * 4000)
    opened.go("/settings/replies")
    page.get_by_role("listitem").get_by_role("button").first.click()
    expect(page.get_by_role("dialog").locator(".bubble")).to_be_visible()
    fits(opened)
