"""The page Billing: subscribing at the sandbox, changing and ending, arrears, invoices; and who may not."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from workers.cli.demo.selling import ensure_selling
from workers.settings import Settings

ACCOUNT = """
    insert into public.billing_accounts (org_id, legal_name, state_code, address, email)
    values (%s, 'Sunrise Pumps', '24', '1 Road', 'asha@example.com')
"""
HALTED = """
    insert into public.subscriptions (org_id, place, provider, mode, provider_id, plan_id, quantity, status,
                                      provider_status, current_start, current_end, arrears_since, grace_until)
    select %s, 'current', 'razorpay', 'test', %s, plan_id, 1, 'past_due', 'halted',
           now() - interval '10 days', now() + interval '20 days',
           now() - interval '8 days', now() - interval '1 day'
      from private.plans_on_offer where code = 'starter'
"""
LINE = {"description": "Flow wallet", "quantity": 1, "unit_net": 100_000, "amount": 100_000}
INVOICES = """
    select private.issue_invoice(%s, 'top_up', %s, 100000, 118000) from generate_series(1, %s)
"""


@pytest.fixture
def seller(shop):
    """A shop in a stack where plans are sold."""
    ensure_selling(Settings(_env_file=shop.stack.data / "settings.env"))
    return shop


def pays(window, press):
    """Press what leads to the payment company's page, and say yes there."""
    with window.page.expect_popup() as opened:
        press.click()
    opened.value.get_by_role("button", name="Pay: success").click()
    dialog = window.page.get_by_role("dialog")
    expect(dialog.get_by_text("Thank you.")).to_be_visible(timeout=15_000)
    dialog.get_by_text("Close", exact=True).click()


def test_owner_subscribes_changes_and_ends_the_subscription(seller, window):
    owner = window(seller.owner, at="/billing")
    page, dialog = owner.page, owner.page.get_by_role("dialog")
    expect(page.get_by_text("Nothing is limited until you choose one.")).to_be_visible()
    assert owner.axe() == []

    page.get_by_role("button", name="Choose: Starter, a month").click()
    dialog.get_by_label("Legal name").fill("Sunrise Pumps Pvt Ltd")
    dialog.get_by_label("Address").fill("Plot 4, Rajkot")
    dialog.get_by_label("GSTIN").fill("24AAAFD0000D1ZX")
    expect(dialog.get_by_text("This GSTIN is not right")).to_be_visible()
    expect(dialog.get_by_role("button", name="Save")).to_be_disabled()
    assert owner.axe() == []
    dialog.get_by_label("GSTIN").fill("24AAAFD0000D1ZP")
    expect(dialog.get_by_label("State")).to_have_value("24")
    dialog.get_by_role("button", name="Save").click()

    owner.expect_fault("422")
    dialog.get_by_label("Coupon").fill("NO-SUCH")
    dialog.get_by_role("button", name="Go on to authorize").click()
    expect(page.get_by_text("This coupon does not exist")).to_be_visible()
    dialog.get_by_label("Coupon").fill("")
    pays(owner, dialog.get_by_role("button", name="Go on to authorize"))
    expect(page.get_by_text("First debit")).to_be_visible()
    expect(page.get_by_text("2 of 5").or_(page.get_by_text("1 of 5"))).to_be_visible()

    page.get_by_role("button", name="Change to this: Growth, a month").click()
    expect(dialog.get_by_text("Nothing now.")).to_be_visible()
    assert owner.axe() == []
    pays(owner, dialog.get_by_role("button", name="Change", exact=True))
    expect(page.get_by_role("heading", name="Growth").first).to_be_visible()

    page.get_by_role("button", name="End subscription").click()
    expect(dialog.get_by_text("Nothing was debited yet.")).to_be_visible()
    dialog.get_by_role("button", name="End subscription").click()
    expect(page.get_by_text("Nothing is limited until you choose one.")).to_be_visible()


@pytest.mark.parametrize(
    ("theme", "lang", "settle"), [("light", "en", "Settle it"), ("dark", "hi", "निपटाएँ")]
)
def test_suspended_business_is_told_on_every_page_and_pays_by_link(seller, window, theme, lang, settle):
    seller.db.execute(ACCOUNT, [seller.org])
    seller.db.execute(HALTED, [seller.org, f"sub_{seller.org}"])
    owner = window(seller.owner, "phone", theme=theme, lang=lang, at="/leads")
    owner.page.get_by_role("link", name=settle).tap()

    pay = owner.page.get_by_role("button", name="Pay now" if lang == "en" else "अभी भुगतान करें")
    expect(pay).to_be_visible()
    assert owner.axe() == []
    assert owner.overflows() == []
    if lang == "en":
        pays(owner, pay)
        expect(owner.page.get_by_text("No debit is set up for what follows")).to_be_visible()
        owner.go("/leads")
        expect(owner.page.get_by_role("heading", name="Leads", exact=True)).to_be_visible()
        expect(owner.page.get_by_role("link", name=settle)).to_have_count(0)


def test_others_see_what_there_is_room_for_and_ask_an_owner(seller, window):
    who = seller.join("agent")
    seller.db.execute(HALTED, [seller.org, f"sub_{seller.org}"])
    agent = window(who, "phone", lang="hi", at="/billing")

    expect(agent.page.get_by_role("heading", name="मालिक से पूछें")).to_be_visible()
    expect(agent.page.get_by_text("मालिक से निपटाने को कहें")).to_be_visible()
    expect(agent.page.get_by_text("सीमा").or_(agent.page.get_by_text("में से")).first).to_be_visible()
    expect(agent.page.locator("main.page button")).to_have_count(0)
    assert agent.axe() == []
    assert agent.overflows() == []


def test_invoices_are_paged_and_downloaded(seller, window):
    seller.db.execute(ACCOUNT, [seller.org])
    seller.db.execute(INVOICES, [seller.org, json.dumps([LINE]), 31])
    owner = window(seller.owner, at="/billing")
    pdfs = owner.page.get_by_role("button", name=re.compile("PDF of "))
    expect(pdfs).to_have_count(30)
    owner.page.get_by_role("button", name="Show more").click()
    expect(pdfs).to_have_count(31)

    with owner.page.expect_download() as download:
        pdfs.first.click()
    assert Path(download.value.path()).read_bytes().startswith(b"%PDF-")
    assert re.fullmatch(r"[A-Z]+-\d{4}-\d+\.pdf", download.value.suggested_filename)


def test_where_nothing_is_sold_everything_is_included(seller, window):
    offers = seller.db.rows("delete from private.plans_on_offer returning code, plan_id, position")
    try:
        owner = window(seller.owner, "phone", at="/billing")
        expect(owner.page.get_by_text("Everything is included; nothing is sold here yet")).to_be_visible()
        assert owner.axe() == []
    finally:
        for offer in offers:
            seller.db.execute("insert into private.plans_on_offer values (%s, %s, %s)", list(offer))
