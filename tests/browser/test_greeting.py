"""The greeting: set up with its price, its rules in words and in order, paused, rehearsed."""

from __future__ import annotations

import json
import re

from playwright.sync_api import expect

from tests.browser.test_templates import HOSTILE, LONG, fits, insert, plant
from tests.e2e.commands import eventually


def rule(shop, **more: object) -> str:
    """A rule that greets with "hello"; its id."""
    shop.db.execute(
        "insert into public.greeting_settings (org_id) values (%s) on conflict do nothing", [shop.org]
    )
    count = shop.db.value("select count(*) from public.greeting_rules where org_id = %s", shop.org)
    mapping = json.dumps({"body": ["name", "product"]})
    row = {"position": count, "template_name": "hello", "mapping": mapping, "category": "UTILITY"}
    return insert(shop, "greeting_rules", {"org_id": shop.org} | row | more)


def test_the_greeting_is_set_up_and_switched_on_with_its_price_in_sight(shop, window):
    opened = window(shop.owner, "phone")
    page = opened.page
    shop.add_lead("Meena Iyer", product="Valve")
    opened.go("/greeting")
    page.get_by_role("button", name="Set up the greeting").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Which leads?").select_option("Forms, website, API, added by hand")
    expect(dialog.locator(".bubble")).to_have_text("Hello Meena Iyer, about Valve.")
    dialog.get_by_label("Value 1: where from").select_option("The same for everybody")
    expect(dialog.get_by_role("button", name="Save (greeting stays off)")).to_be_disabled()
    dialog.get_by_label("Value 1: the text").fill("friend | neighbour")
    expect(dialog.locator(".bubble")).to_have_text("Hello friend | neighbour, about Valve.")
    dialog.get_by_label("Value 1: where from").select_option("Their name")
    dialog.get_by_label("Value 2: where from").select_option("Their city")
    dialog.get_by_label("Value 2: when it is empty").fill("your town")
    expect(dialog.locator(".bubble")).to_have_text("Hello Meena Iyer, about your town.")
    expect(dialog.get_by_text(re.compile(r"₹0\.\d+ for each greeting"))).to_be_visible()
    dialog.get_by_role("button", name="Save (greeting stays off)").click()

    expect(page.get_by_role("heading", name="Nobody is greeted by itself")).to_be_visible()
    expect(page.get_by_role("listitem").filter(has_text="get “hello” in English, at once.")).to_be_visible()
    expect(page.locator(".bubble")).to_have_text("Hello ‹Name›, about ‹City›.")
    page.get_by_role("switch", name="Greet new leads").click()
    expect(
        dialog.get_by_text(re.compile(r"One greeting costs ₹0\.\d+ before GST\. 1 lead came"))
    ).to_be_visible()
    dialog.get_by_role("button", name="Switch on").click()
    expect(page.get_by_role("switch", checked=True)).to_be_visible()

    shop.add_lead("Ravi Patel")
    eventually(lambda: [s for s in shop.business.sends() if "Ravi Patel" in json.dumps(s.body)])


def test_rules_are_put_in_order_switched_off_and_deleted(shop, window):
    ids = [rule(shop, lead_types=["W"]), rule(shop, lead_types=["P"]), rule(shop, is_default=True)]
    opened = window(shop.owner)
    page = opened.page
    opened.go("/greeting")
    heads = page.locator("ol > li h3")
    expect(heads).to_have_text(["IndiaMART: enquiries", "IndiaMART: calls", re.compile("calls and WhatsApp")])

    def choose(number: int, action: str) -> None:
        page.locator("ol > li").nth(number).get_by_role("button", name="More about this rule").click()
        page.get_by_role("menuitem", name=action).click()

    choose(1, "Earlier")
    expect(heads).to_have_text(["IndiaMART: calls", "IndiaMART: enquiries", re.compile("calls and")])
    choose(0, "Switch this rule off")
    expect(page.locator("ol > li").first.get_by_text("Off", exact=True)).to_be_visible()
    choose(1, "Delete")
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(heads).to_have_count(2)

    stored = (
        "select id::text, is_on from public.greeting_rules where org_id = %s order by is_default, position"
    )
    assert shop.db.rows(stored, [shop.org]) == [(ids[1], False), (ids[2], True)]


def test_a_dearer_template_is_accepted_with_its_price_and_the_greeting_switched_off(shop, window):
    rule(
        shop,
        is_default=True,
        category="MARKETING",
        paused_for="category",
        paused_reason="x",
        paused_at="2026-01-01",
    )
    opened = window(shop.owner)
    page = opened.page
    opened.go("/greeting")
    expect(page.get_by_text("Greeting is on, but every rule is off or paused")).to_be_visible()
    expect(page.get_by_text("Meta moved “hello” from Marketing to Utility")).to_be_visible()
    page.get_by_role("button", name="Accept and go on").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text(re.compile(r"costs ₹0\.\d+ before GST"))).to_be_visible()
    dialog.get_by_role("button", name="Accept and go on").click()
    expect(page.get_by_text("Paused", exact=True)).to_have_count(0)

    page.get_by_role("switch", checked=True).click()
    dialog.get_by_role("button", name="Switch off").click()
    expect(page.get_by_role("switch", checked=False)).to_be_visible()
    assert shop.db.value("select is_on from public.greeting_settings where org_id = %s", shop.org) is False


def test_times_are_changed_and_wrong_ones_refused(shop, window):
    rule(shop)
    opened = window(shop.owner)
    opened.expect_fault("status of 422")
    page = opened.page
    opened.go("/greeting")
    page.get_by_role("button", name="Change", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Greet the same person again").fill("soon")
    expect(dialog.get_by_text("Give whole days.")).to_be_visible()
    dialog.get_by_label("Greet the same person again").fill("0")
    dialog.get_by_label("Quiet from").fill("21:00")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).to_contain_text("Quiet hours have a beginning and another end")
    dialog.get_by_label("Quiet to").fill("08:30")
    dialog.get_by_role("button", name="Save").click()

    expect(page.get_by_text("Nothing goes out from 21:00 to 08:30")).to_be_visible()
    expect(page.get_by_text("The same person is greeted for every enquiry.")).to_be_visible()


def test_a_rehearsal_tells_who_would_get_what_and_why_others_not(shop, window):
    rule(shop, lead_types=[])
    shop.db.execute("update public.greeting_settings set is_on = false where org_id = %s", [shop.org])
    shop.add_lead("Meena Iyer", product="Valve")
    shop.add_lead("Landline", phone="+912228000000", phone_kind="fixed_line")
    opened = window(shop.owner, "phone")
    page = opened.page
    opened.go("/greeting")
    page.get_by_role("button", name="Try with the last 50 leads").click()
    dialog = page.get_by_role("dialog")

    expect(dialog.get_by_text("1 lead would be greeted")).to_be_visible()
    expect(dialog.get_by_text("Hello Meena Iyer, about Valve.")).to_be_visible()
    expect(dialog.get_by_role("listitem").filter(has_text="Landline")).to_contain_text("No mobile number.")
    assert opened.axe() == []
    assert opened.overflows() == []
    assert shop.business.sends() == []


def test_who_has_no_number_or_no_template_is_told_what_to_do(shop, window):
    opened = window(shop.owner)
    page = opened.page
    shop.db.execute("update public.message_templates set status = 'PENDING' where org_id = %s", [shop.org])
    opened.go("/greeting")
    page.get_by_role("button", name="Make a template").click()
    expect(page).to_have_url(re.compile("/templates/new$"))

    shop.db.execute(
        "update public.whatsapp_numbers set status = 'disconnected' where org_id = %s", [shop.org]
    )
    opened.go("/greeting")
    page.get_by_role("button", name="Connect WhatsApp").click()
    expect(page).to_have_url(re.compile("/settings/whatsapp$"))


def test_agents_see_the_rules_and_change_nothing(shop, window):
    rule(shop)
    opened = window(shop.join("agent"))

    opened.go("/greeting")

    expect(opened.page.locator(".bubble")).to_have_text("Hello ‹Name›, about ‹Product›.")
    expect(opened.page.locator("main").get_by_role("button")).to_have_count(0)
    expect(opened.page.get_by_role("switch")).to_have_count(0)


def test_the_greeting_is_accessible_and_fits_a_phone(shop, window):
    plant(shop, LONG, text=HOSTILE)
    rule(shop, template_name=LONG, mapping="{}", languages=json.dumps({"x" * 300: "hi"}), is_on=False)
    rule(shop, template_name="gone", paused_for="status", paused_reason="x", paused_at="2026-01-01")
    rule(shop)
    opened = window(shop.owner, "phone", lang="hi")
    page = opened.page
    opened.go("/greeting")
    expect(page.locator("ol > li")).to_have_count(3)
    fits(opened)
    page.locator("ol > li").first.locator("button[aria-haspopup=menu]").click()
    page.get_by_role("menuitem").first.click()
    expect(page.get_by_role("dialog").locator(".bubble")).to_be_visible()
    fits(opened)


def test_values_are_guessed_kept_where_stored_and_asked_for_where_people_write_to_many(window):
    opened = window()
    opened.go("/sign-in")
    template = {
        "language": "en", "parameter_format": "POSITIONAL",
        "parameters": {"header": {"format": "TEXT", "names": ["1"]}, "body": {"names": ["1", "2", "3"]},
                       "buttons": [{"index": 1, "type": "URL", "needs": "required"}]},
    }  # fmt: skip
    named = {"language": "hi", "parameter_format": "NAMED",
             "parameters": {"body": {"names": ["Full_Name", "item", "when"]}}}  # fmt: skip
    single = {"language": "en", "parameters": {"body": {"names": ["1"]}, "header": {"format": "IMAGE"}}}

    def mappings(asked: dict, stored: object = None) -> list[object]:
        """What is sent for it: by a campaign, and by a greeting."""
        return opened.page.evaluate(
            """async ([template, stored]) => {
                 const base = `/static/${document.documentElement.dataset.version}/pages`
                 const { mappingOf, valuesOf } = await import(`${base}/campaigns/mapping.js`)
                 const { likeliest } = await import(`${base}/greeting/rule-editor.js`)
                 const mapped = (guess) => mappingOf(template, valuesOf(template, stored, guess))
                 return [mapped(), mapped(likeliest)]
               }""",
            [asked, stored],
        )

    campaign, greeting = mappings(template)
    button = {"index": 1, "value": "text|"}
    assert campaign == {"body": ["name", "product", "text|"], "header": ["text|"], "buttons": [button]}
    button["value"] = "product"
    assert greeting == {"body": ["name", "product", "organization"], "header": ["name"], "buttons": [button]}
    guessed = {"Full_Name": "name|जी", "item": "product|हमारे प्रोडक्ट"}
    assert mappings(named) == [{"body": guessed | {"when": rest}} for rest in ("text|", "organization")]
    kept = {"body": ["city", "text|a|b", "state", "phone"], "header": ["title"],
            "buttons": [{"index": 1, "value": "phone"}]}  # fmt: skip
    assert mappings(template, kept) == 2 * [kept | {"body": ["city", "text|a|b", "state"]}]
    assert mappings(single, {"body": "city", "header": ["name"]}) == 2 * [{"body": ["city"], "header": {}}]
