"""P10: from the browser, with nothing in between but Flow and WhatsApp."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import window  # noqa: F401 (a fixture)
from tests.browser.shop import Shop
from tests.browser.window import Window
from tests.conftest import RunningStack
from tests.database import Database
from tests.e2e.commands import Commands, eventually


def test_P10_customers_are_written_to_and_answered_from_the_browser(
    stack: RunningStack,
    tmp_path: Path,
    window: Callable[..., Window],  # noqa: F811
) -> None:
    with Database.connect(stack.database_url, autocommit=True) as database:
        shop = Shop(stack, Commands(stack, tmp_path), database)
        customer = shop.hear("Is the pump in stock?")
        page = window(shop.owner).page
        page.locator(".thread", has_text="Is the pump in stock?").click()

        page.get_by_role("combobox", name="Message").fill("Yes, it leaves today.")
        page.keyboard.press("Enter")

        expect(page.locator(".bubble-row", has_text="Yes, it leaves today.")).to_be_visible()
        (sent,) = eventually(shop.business.sends)
        assert (sent.to, sent.text) == (customer, "Yes, it leaves today.")
