"""Signing in and out, and who sees which page."""

from __future__ import annotations

import re

from playwright.sync_api import expect


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
    opened = window(shop.owner)
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
    opened = window(shop.owner)
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
