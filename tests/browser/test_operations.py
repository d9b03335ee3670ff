"""The operators' pages: alarms for Flow's own people alone; and for everybody how it went with a lead."""

from __future__ import annotations

from uuid import uuid4

from playwright.sync_api import expect

from tests.browser.shop import PASSWORD
from workers.cli.org import People
from workers.settings import Settings


def test_flows_people_see_what_is_wrong_and_say_that_they_look_after_it(shop, window):
    helper = f"operator.{uuid4().hex[:10]}@example.com"
    People(Settings(_env_file=shop.stack.data / "settings.env")).ensure(helper, PASSWORD)
    shop.flow.done("support", "add", helper)
    shop.db.execute(
        "insert into private.alarms (rule, subject, org_id, words, opened_at, changes)"
        " values ('credential_refused', %s, %s, %s, now(), 1)",
        [f"account {shop.org}", shop.org, "Meta refuses the token. " + "W" * 300],
    )
    operator = window(helper, "phone", theme="dark", lang="hi")
    operator.go("/operations")
    mine = operator.page.get_by_role("listitem").filter(has_text=str(shop.org))
    expect(mine.get_by_text("Meta refuses the token.")).to_be_visible()
    expect(operator.page.get_by_text("कैसा चल रहा है")).to_be_visible()
    assert operator.axe() == []
    assert operator.overflows() == []

    mine.get_by_role("button", name="मेरे ज़िम्मे").tap()

    expect(mine.get_by_text("operator")).to_be_visible()
    shop.db.execute("update private.alarms set resolved_at = now() where org_id = %s", [shop.org])
    operator.page.get_by_role("button", name="खत्म हुए").tap()
    expect(mine.get_by_text("Meta refuses the token.")).to_be_visible()
    assert operator.axe() == []

    owner = window(shop.owner)
    owner.go("/operations/alarms")
    expect(owner.page.get_by_role("heading", name="There is nothing here")).to_be_visible()
    expect(owner.page.get_by_text("Meta refuses")).to_have_count(0)


def test_only_flows_people_are_led_there(shop, window):
    owner = window(shop.owner, at="/reports")
    owner.page.get_by_role("button", name="You:").click()
    expect(owner.page.get_by_role("menuitem", name="Sign out", exact=True)).to_be_visible()
    expect(owner.page.get_by_role("menuitem", name="Operations")).to_have_count(0)
    shop.flow.done("support", "add", shop.owner)

    owner.go("/reports")
    owner.page.wait_for_load_state("networkidle")
    owner.page.get_by_role("button", name="You:").click()
    owner.page.get_by_role("menuitem", name="Operations").click()

    expect(owner.page.get_by_role("heading", name="How it runs")).to_be_visible()
    assert owner.axe() == []


def test_a_lead_and_a_message_tell_how_it_went(shop, window):
    lead = shop.add_lead("Ravi Patel")
    shop.hear("Hello from a customer")
    agent = window(shop.join("agent"), "phone")
    agent.go(f"/leads/{lead}")
    agent.page.get_by_role("button", name="How it went").tap()
    dialog = agent.page.get_by_role("dialog")
    expect(dialog.get_by_text("Stored")).to_be_visible()
    assert agent.axe() == []
    assert agent.overflows() == []

    conversation = shop.db.value("select id from public.conversations where org_id = %s", shop.org)
    owner = window(shop.owner)
    owner.go(f"/inbox/{conversation}")
    message = owner.page.get_by_role("article").filter(has_text="Hello from a customer")
    message.hover()
    message.get_by_role("button", name="More about this message").click()
    owner.page.get_by_role("menuitem", name="Message info").click()
    owner.page.get_by_text("How it went").click()
    expect(owner.page.get_by_role("dialog").get_by_role("link", name="Webhook")).to_be_visible()
    assert owner.axe() == []
