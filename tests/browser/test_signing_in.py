"""Signing in and out, and who sees which page."""

from __future__ import annotations

import re
from uuid import uuid4

from playwright.sync_api import expect

from tests.browser.shop import PASSWORD


def test_a_wrong_password_is_told_in_words(shop, window):
    opened = window()
    opened.expect_fault("status of 400")
    opened.go("/sign-in")
    opened.page.get_by_label("E-mail").fill(shop.owner)
    opened.page.get_by_label("Password").fill("not the password")

    opened.page.get_by_role("button", name="Sign in").click()

    expect(opened.page.get_by_role("alert")).to_contain_text("E-mail or password is wrong")


def test_an_address_that_was_asked_for_is_opened_after_signing_in(shop, window):
    opened = window()
    opened.go("/welcome?new=1")
    expect(opened.page).to_have_url(re.compile(r"/sign-in\?to="))

    opened.page.get_by_label("E-mail").fill(shop.owner)
    opened.page.get_by_label("Password").fill("a long enough password")
    opened.page.get_by_role("button", name="Sign in").click()

    expect(opened.page).to_have_url(re.compile(r"/welcome\?new=1$"))


def test_signing_in_has_nothing_serious_for_axe_in_either_theme_or_language(window):
    for theme in ("light", "dark"):
        for lang in ("en", "hi"):
            opened = window(size="phone", theme=theme, lang=lang)
            opened.go("/sign-in")
            expect(opened.page.locator("h1")).to_be_visible()
            assert opened.axe() == []
            assert opened.overflows() == []


def test_the_dashboard_opens_without_a_line_and_says_so(shop, window):
    opened = window(shop.owner, serviced=True)
    opened.go("/usage")
    expect(opened.page.get_by_role("heading", name="Usage")).to_be_visible()
    opened.page.evaluate("() => navigator.serviceWorker.ready.then(() => true)")
    opened.page.reload()  # now the worker is in charge, and keeps what is loaded
    expect(opened.page.get_by_role("heading", name="Usage")).to_be_visible()
    opened.expect_fault(".")

    opened.page.context.set_offline(True)
    opened.page.reload()
    expect(opened.page.get_by_role("heading", name="No connection")).to_be_visible()

    opened.page.context.set_offline(False)
    expect(opened.page.get_by_role("heading", name="Usage")).to_be_visible()


def test_the_service_worker_keeps_files_and_no_data(shop, window):
    opened = window(shop.owner, serviced=True)
    opened.go("/usage")
    expect(opened.page.get_by_role("heading", name="Usage")).to_be_visible()
    opened.page.evaluate("() => navigator.serviceWorker.ready.then(() => true)")
    opened.page.reload()
    expect(opened.page.get_by_role("heading", name="Usage")).to_be_visible()

    kept = opened.page.evaluate(
        """async () => {
             const urls = []
             for (const name of await caches.keys()) {
               const cache = await caches.open(name)
               for (const request of await cache.keys()) urls.push(new URL(request.url).pathname)
             }
             return urls
           }"""
    )

    assert "/" in kept
    assert [path for path in kept if path != "/" and not path.startswith("/static/")] == []


def test_whoever_signs_in_with_google_is_known_by_name_and_makes_an_organization(window):
    opened = window(size="phone")
    page, email = opened.page, f"google.{uuid4().hex[:10]}@example.com"
    opened.go("/sign-in")
    page.get_by_role("button", name="Google").tap()
    page.get_by_label("Email").fill(email)
    page.get_by_label("Name").fill("Meena Shah")
    page.get_by_role("button", name="Sign in").tap()

    expect(page.get_by_role("heading", name="Welcome, Meena Shah")).to_be_visible()
    page.get_by_label("Name of the business").fill("Shah Textiles")
    page.get_by_role("button", name="Create organization").tap()

    expect(page.locator("nav.nav")).to_be_visible()
    opened.go("/settings/team")
    expect(page.locator(".settings-page").get_by_text("Meena Shah")).to_be_visible()


def test_signing_out_everywhere_ends_the_other_browser_too_and_it_goes_on_where_it_was(shop, window):
    here, there = window(shop.owner), window(shop.owner, "phone")
    there.go("/settings/team")
    expect(there.page.get_by_text(f"{shop.owner} · since")).to_be_visible()
    there.expect_fault("status of 40[01]")

    here.page.get_by_role("button", name="You:").click()
    here.page.get_by_role("menuitem", name="Sign out everywhere").click()

    expect(here.page).to_have_url(re.compile("/sign-in"))
    again = there.page.get_by_role("dialog")
    again.get_by_label("Password").fill(PASSWORD)
    again.get_by_role("button", name="Sign in").tap()
    expect(again).to_have_count(0)
    expect(there.page.get_by_text(f"{shop.owner} · since")).to_be_visible()
    assert there.page.url.endswith("/settings/team")
