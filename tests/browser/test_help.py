"""Help: a member writes, Flow's people answer in another window, the member sees it; and /contact."""

from __future__ import annotations

from uuid import uuid4

import pytest
from playwright.sync_api import expect

from tests.browser.shop import PASSWORD
from workers.cli.org import People
from workers.settings import Settings


@pytest.fixture
def staff(shop):
    """Somebody of Flow who answers, with a business of their own."""
    email = f"staff.{uuid4().hex[:10]}@example.com"
    people = People(Settings(_env_file=shop.stack.data / "settings.env"))
    people.create_organization("Flow", people.ensure(email, PASSWORD))
    shop.workers.rpc("set_support", email=email, is_staff=True)
    return email


def test_a_member_writes_staff_answer_and_the_member_sees_it(shop, staff, window):
    subject = f"Nothing is sent {uuid4().hex[:6]}"
    agent = window(shop.join("agent"), "phone", theme="dark", at="/leads")
    agent.page.locator("nav").get_by_role("button", name="More").tap()
    agent.page.get_by_role("menuitem", name="Help and support").tap()
    agent.page.get_by_role("link", name="New ticket").first.tap()
    agent.page.get_by_label("Subject").fill(subject)
    agent.page.get_by_label("What happened?").fill("Since this morning")
    expect(agent.page.locator(".diagnostics")).to_contain_text("/leads")
    assert agent.axe() == []
    agent.page.get_by_label("Send this along").check()
    agent.page.get_by_role("button", name="Send", exact=True).tap()
    expect(agent.page.locator(".ticket-message")).to_contain_text("Since this morning")

    helper = window(staff, at="/operations/support")
    helper.page.get_by_role("link", name=subject).click()
    helper.page.get_by_text("Note for Flow's people").first.click()
    helper.page.locator("details textarea").fill("A known fault")
    helper.page.get_by_role("button", name="Keep the note").click()
    expect(helper.page.locator(".is-note")).to_contain_text("A known fault")
    helper.page.get_by_label("Answer to").fill("Please try once more")
    helper.page.get_by_role("button", name="Answer", exact=True).click()
    expect(helper.page.locator(".is-staff")).to_contain_text("Please try once more")
    assert helper.axe() == []

    expect(agent.page.locator(".is-staff")).to_contain_text("Please try once more")
    expect(agent.page.get_by_text("A known fault")).to_have_count(0)
    expect(agent.page.locator(".ticket-message")).to_have_count(2)
    assert agent.axe() == []
    assert agent.overflows() == []


@pytest.mark.parametrize(("lang", "theme"), [("en", "light"), ("hi", "dark")])
def test_somebody_from_outside_writes_without_script_on_a_phone(shop, window, lang, theme):
    outside = window(size="phone", theme=theme)
    outside.go(f"/contact?lang={lang}")
    assert outside.axe() == []
    assert outside.overflows() == []
    # What the page was shown for is old enough, as when a person had typed.
    outside.page.get_by_role("combobox").select_option("grievance")
    outside.page.locator("#name").fill("Ravi")
    outside.page.locator("#text").fill("x" * 400)
    outside.page.locator("#email").fill("nobody")
    outside.expect_fault("422")
    outside.page.locator("main button").tap()
    expect(outside.page.locator("#email-wrong")).to_be_visible()
    expect(outside.page.locator("#text")).to_have_value("x" * 400)
    assert outside.axe() == []
    assert outside.overflows() == []
