"""Templates: written with their checks and the message beside them, changed, deleted, read from Meta."""

from __future__ import annotations

import json
import re

from playwright.sync_api import expect

LONG = "a_name_without_an_end_" * 20
HOSTILE = "\u202eabc <img src=x onerror=alert(1)> " + "text without a blank" * 3 + "x" * 200


def plant(shop, name: str, *, language: str = "en", status: str = "APPROVED", **more: object) -> str:
    """Put a template where a sync would have put it; its id."""
    text = more.pop("text", "Hello {{1}}, about your order.")
    components = [{"type": "BODY", "text": text, "example": {"body_text": [["Ravi"]]}}]
    row = {"category": "UTILITY", "components": json.dumps(components)} | more
    account = shop.db.value("select id from public.whatsapp_accounts where org_id = %s", shop.org)
    given = {"org_id": shop.org, "account_id": account, "meta_id": "1", "name": name, "language": language}
    return insert(shop, "message_templates", given | {"status": status} | row)


def insert(shop, table: str, row: dict[str, object]) -> str:
    """Store a row; its id."""
    names = ", ".join(row)
    places = ", ".join(["%s"] * len(row))
    query = f"insert into public.{table} ({names}) values ({places}) returning id"
    return str(shop.db.value(query, *row.values()))


def fits(opened) -> None:
    """What is shown is accessible and as wide as the window."""
    expect(opened.page.locator(".skeleton")).to_have_count(0)
    assert opened.axe() == [], opened.page.url
    assert opened.overflows() == [], opened.page.url


def templates(shop) -> dict[str, str]:
    """What Flow has: names and statuses."""
    found = shop.db.rows("select name, status from public.message_templates where org_id = %s", [shop.org])
    return dict(found)


def test_a_template_is_written_checked_submitted_and_approved(shop, window):
    opened = window(shop.owner)
    page = opened.page
    opened.go("/templates")
    page.get_by_role("button", name="New template").click()
    page.get_by_label("Name", exact=True).fill("Price list 2026")
    expect(page.get_by_label("Name", exact=True)).to_have_value("price_list_2026")
    message = page.get_by_label("Message", exact=True)

    page.get_by_role("button", name="Insert a value").click()
    page.get_by_role("menuitem", name="Name of the person").click()
    expect(page.get_by_text("Put words before the first value and after the last one.")).to_be_visible()
    message.fill("Namaste {{name}}, here is the *price list* that you asked us for today.")
    expect(page.get_by_label("Example for {{name}}")).to_have_value("Ravi")
    page.get_by_role("button", name="Add a button").click()
    page.get_by_role("menuitem", name="Website").click()
    page.get_by_role("button", name="Submit to Meta").click()
    expect(page.get_by_text("2 things are to be put right.")).to_be_visible()
    expect(page.get_by_label("Text of the button")).to_be_focused()
    page.get_by_label("Text of the button").fill("Open the list")
    page.get_by_label("Address", exact=True).fill("https://pumps.example/list")
    look = page.locator(".template-beside .bubble")
    expect(look).to_contain_text("Namaste Ravi, here is the price list")
    expect(look.locator("strong")).to_have_text("price list")
    expect(look.get_by_role("listitem")).to_have_text("Open the list")

    page.get_by_role("button", name="Submit to Meta").click()

    expect(page.get_by_role("heading", name="price_list_2026")).to_be_visible()
    expect(page.locator(".template-body .chip.good").get_by_text("Approved")).to_be_visible(timeout=20_000)
    assert templates(shop)["price_list_2026"] == "APPROVED"
    stored = shop.db.value(
        "select components from public.message_templates where org_id = %s and name = 'price_list_2026'",
        shop.org,
    )
    assert [part["type"] for part in stored] == ["BODY", "BUTTONS"]


def test_an_unfinished_template_is_kept_and_one_that_exists_is_refused_in_words(shop, window):
    opened = window(shop.owner, "phone")
    opened.expect_fault("status of 409")
    page = opened.page
    opened.go("/templates/new")
    page.get_by_label("Name", exact=True).fill("hello")
    page.get_by_label("Message", exact=True).fill("Hello again, this is a new message.")
    opened.go("/templates/new")
    expect(page.get_by_text("Your unfinished template is back.")).to_be_visible()
    expect(page.get_by_label("Message", exact=True)).to_have_value("Hello again, this is a new message.")

    page.get_by_role("button", name="Submit to Meta").click()

    expect(page.get_by_text("There is a template of this name in this language already.")).to_be_visible()
    page.get_by_role("button", name="Start over").click()
    expect(page.get_by_label("Message", exact=True)).to_have_value("")


def test_a_picture_heading_takes_a_sample_and_shows_it(shop, window):
    opened = window(shop.owner)
    page = opened.page
    opened.go("/templates/new")
    page.get_by_label("Heading").select_option("Picture")
    page.get_by_label("Sample file").set_input_files(
        {"name": "pump.png", "mimeType": "image/png", "buffer": b"\x89PNG\r\n\x1a\n" + b"0" * 64}
    )

    expect(page.get_by_text("Uploaded", exact=True)).to_be_visible()
    expect(page.locator(".look-media img")).to_have_attribute("src", re.compile("^blob:"))


def test_templates_are_searched_filtered_and_told_why_they_do_not_go(shop, window):
    plant(shop, "sale", status="REJECTED", rejected_reason="TAG_CONTENT_MISMATCH", text="Buy now, {{1}}, ok")
    plant(shop, "sale", language="hi", status="PENDING")
    plant(shop, "shipped", status="PAUSED", quality="RED")
    opened = window(shop.owner, "phone")
    page = opened.page
    opened.go("/templates")
    rows = page.locator(".template-row")
    expect(rows).to_have_count(3)
    expect(rows.filter(has_text="sale")).to_contain_text("Hindi: In review")

    page.get_by_label("Search name or text").fill("buy NOW")
    expect(rows).to_have_count(1)
    page.get_by_role("button", name="Clear").click()
    page.get_by_role("button", name="Stopped 1").click()
    expect(rows).to_have_text([re.compile("shipped")])
    page.get_by_role("button", name="Rejected 1").click()
    rows.click()

    expect(page.get_by_text("Its words do not fit its category or language.")).to_be_visible()
    expect(page.get_by_text(re.compile(r"₹0\.\d+ per message in India"))).to_be_visible()
    expect(page.get_by_role("heading", name="Templates")).to_be_hidden()
    page.get_by_role("link", name="Back to the templates").click()
    expect(page.get_by_role("heading", name="Templates")).to_be_visible()


def test_a_template_is_changed_gets_a_language_and_is_deleted(shop, window):
    opened = window(shop.owner)
    page = opened.page
    opened.go("/templates")
    page.locator(".template-row").click()
    page.get_by_role("button", name="Edit").click()
    expect(page.get_by_text("Meta reviews it again", exact=False)).to_be_visible()
    expect(page.get_by_label("Name", exact=True)).to_be_disabled()
    page.get_by_label("Message", exact=True).fill("Good day {{1}}, you asked us about {{2}} this week.")
    page.get_by_label("Example for {{1}}").fill("Ravi")
    page.get_by_label("Example for {{2}}").fill("pumps")
    page.get_by_role("button", name="Submit the change").click()
    expect(page.locator(".template-body .bubble")).to_contain_text("Good day Ravi, you asked us about pumps")

    page.get_by_role("button", name="More about hello").click()
    page.get_by_role("menuitem", name="Add a language").click()
    expect(page.get_by_label("Language")).to_have_value("hi")
    page.get_by_role("button", name="Submit to Meta").click()
    expect(page.get_by_role("navigation", name="Languages").get_by_role("link")).to_have_count(2)

    page.get_by_role("button", name="More about hello").click()
    page.get_by_role("menuitem", name="Delete in all languages").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("No template yet")).to_be_visible()
    assert set(templates(shop).values()) == {"DELETED"}


def test_templates_are_read_from_meta_and_agents_only_look(shop, window):
    shop.business.sandbox.review_template(shop.business.waba_id, "hello", "PAUSED")
    owner = window(shop.owner)
    owner.go("/templates")
    owner.page.get_by_role("button", name="Read from Meta now").click()
    expect(owner.page.get_by_text("1 template read from Meta.")).to_be_visible()
    expect(owner.page.locator(".template-row")).to_contain_text("Paused by Meta")

    agent = window(shop.join("agent"))
    agent.go("/templates/new")
    agent.page.locator(".template-row").click()
    expect(agent.page.locator(".template-body .bubble")).to_be_visible()
    expect(agent.page.get_by_role("button", name=re.compile("New|Edit|Read from"))).to_have_count(0)
