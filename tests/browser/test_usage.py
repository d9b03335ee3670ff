"""The page Usage: what messages cost, limits, and the statement to download."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.commands import eventually


@pytest.fixture
def spender(shop):
    """A shop that has sent one template and one free answer, both delivered and priced."""
    customer = shop.hear("What does it cost?")
    shop.send(customer, text="₹ 900")
    shop.send(shop.new_phone(), template="hello", language="en", params=["Ravi", "pumps"])
    counted = "select coalesce(sum(messages), 0) from public.usage_days where org_id = %s"
    eventually(lambda: shop.db.value(counted, shop.org) == 2)
    return shop


def test_the_month_is_shown_split_and_followed_to_its_messages(spender, window):
    opened = window(spender.owner)
    page = opened.page

    opened.go("/usage")

    expect(page.get_by_text("2 messages · 1 charged · 1 free")).to_be_visible()
    page.get_by_role("group", name="Split by").get_by_role("button", name="Template").click()
    page.get_by_role("button", name="hello").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("Hello Ravi, about pumps.")).to_be_visible()
    expect(dialog.get_by_role("listitem")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def test_a_statement_is_downloaded_as_pdf_and_csv(spender, window, tmp_path):
    opened = window(spender.owner)
    opened.go("/usage")

    for name, beginning in (("PDF for the accountant", b"%PDF"), ("CSV for a spreadsheet", b"\xef\xbb\xbf")):
        with opened.page.expect_download() as found:
            opened.page.get_by_role("button", name=name).click()
        found.value.save_as(tmp_path / "file")
        assert re.match(r"usage-\d{4}-\d\d\.(pdf|csv)$", found.value.suggested_filename)
        assert (tmp_path / "file").read_bytes()[:4].startswith(beginning[:3])


def test_an_owner_sets_limits_and_an_agent_only_sees_them(shop, window):
    owner = window(shop.owner)
    owner.go("/usage")
    owner.page.get_by_role("button", name="Change limits").click()
    owner.page.get_by_label("Each day").fill("5OO")
    expect(owner.page.get_by_text("Write an amount in rupees")).to_be_visible()
    owner.page.get_by_label("Each day").fill("500")
    owner.page.get_by_role("button", name="Save").click()
    expect(owner.page.get_by_text("of ₹500")).to_be_visible()

    agent = window(shop.join("agent"))
    agent.go("/usage")

    expect(agent.page.get_by_text("of ₹500")).to_be_visible()
    expect(agent.page.get_by_role("button", name="Change limits")).to_have_count(0)


def test_an_empty_month_says_so(shop, window):
    opened = window(shop.owner, "phone")

    opened.go("/usage?month=2025-01")

    expect(opened.page.get_by_text("No messages in this month")).to_be_visible()
