"""One browser window, and what went wrong in it."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import ConsoleMessage, Locator, Page, Request, Response, Route, expect

from tests.browser.shop import PASSWORD
from tests.e2e.commands import eventually

BLOCKED = "Service Worker registration blocked by Playwright"
AXE = Path(__file__).parents[2] / "workers/dashboard/node_modules/axe-core/axe.min.js"


@cache
def _axe() -> str:
    return AXE.read_text()


def to_end(box: Locator, words: str) -> None:
    """Scroll a list that grows as it is scrolled, until these words stand in it."""
    box.page.wait_for_function(
        "([box, words]) => { box.scrollTop = box.scrollHeight; return box.innerText.includes(words) }",
        arg=[box.element_handle(), words],
        timeout=60_000,
    )


def hold(page: Page, pattern: str | re.Pattern[str], times: int | None = None) -> list[Route]:
    """Keep back what the page asks of an address, the first `times` or all: `held[0].continue_()` lets go."""
    held: list[Route] = []

    def keep(route: Route) -> None:
        held.append(route)

    page.route(pattern, keep, times=times)
    return held


def wait_for(page: Page, held: list[Any], count: int = 1) -> None:
    """Wait until so many calls are held; Playwright calls back only while the page is waited for."""
    eventually(lambda: page.wait_for_timeout(50) or len(held) >= count)


class Window:
    """A page of one person; `page` is Playwright's.

    start: the address that is opened when the page is first asked for, unless `go` has opened another.
    """

    def __init__(self, page: Page, start: str | None = None) -> None:
        self._page, self._start = page, start
        self._faults: list[str] = []
        self._expected: list[re.Pattern[str]] = []
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self._faults.append(f"error: {error}"))
        page.on("requestfailed", self._failed)
        page.on("response", self._answered)

    @property
    def page(self) -> Page:
        """The page, at an address."""
        if self._start:
            self.go(self._start)
            expect(self._page.locator("nav.nav, .alone h1, .operations h1").first).to_be_visible()
        return self._page

    def expect_fault(self, pattern: str) -> None:
        """Say which fault this test causes on purpose."""
        self._expected.append(re.compile(pattern))

    def unexpected(self) -> list[str]:
        """The faults that no `expect_fault` named."""
        return [fault for fault in self._faults if not any(p.search(fault) for p in self._expected)]

    def sign_in(self, email: str, password: str = PASSWORD) -> None:
        """Sign in with the form, as a person does; ends on the page after it."""
        self.page.goto("/sign-in")
        self.page.locator("input[type=email]").fill(email)
        self.page.locator("input[type=password]").fill(password)
        self.page.locator("form button[type=submit]").click()
        expect(self.page.locator("nav.nav, .alone h1, .operations h1").first).to_be_visible()
        self.page.wait_for_url(lambda url: "/sign-in" not in url)

    def go(self, path: str) -> None:
        """Open an address."""
        self._start = None
        self._page.goto(path)

    def walk(self, path: str) -> None:
        """Go to an address as a link in the page does, without loading the page anew."""
        self.page.evaluate(
            """(path) => {
                 history.pushState({}, '', path)
                 dispatchEvent(new PopStateEvent('popstate'))
                 return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))
               }""",
            path,
        )

    def axe(self) -> list[str]:
        """The serious and critical findings of axe-core on what is shown, one sentence each."""
        if not self.page.evaluate("() => 'axe' in window"):
            self.page.evaluate(_axe())  # by the debugger: the page's own policy stays as it is
        found: dict[str, Any] = self.page.evaluate(
            "(rules) => axe.run(document, {resultTypes: ['violations'], runOnly: rules})",
            ["wcag2a", "wcag2aa", "wcag21aa", "best-practice"],
        )
        return [
            f"{violation['id']}: {node['html'][:160]} ({json.dumps(node['any'][:1])[:200]})"
            for violation in found["violations"]
            if violation["impact"] in ("serious", "critical")
            for node in violation["nodes"]
        ]

    def overflows(self) -> list[str]:
        """The elements that are wider than the window, so that the page moves sideways."""
        found: list[str] = self.page.evaluate(
            """() => [...document.querySelectorAll('body *')].filter((e) => {
                 const box = e.getBoundingClientRect()
                 if (!box.width || box.right <= innerWidth + 1) return false
                 if (getComputedStyle(e).position === 'fixed') return false
                 for (let p = e.parentElement; p; p = p.parentElement) {
                   const { overflowX, overflow } = getComputedStyle(p)
                   const isPage = p === document.body || p === document.documentElement
                   if (!isPage && /auto|scroll|hidden|clip/.test(overflowX + overflow)) return false
                 }
                 return true
               }).map((e) => e.outerHTML.slice(0, 120))"""
        )
        return found

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and message.text != BLOCKED:
            where = urlsplit(message.location["url"]).path
            self._faults.append(f"{message.type}: {message.text} {where}".rstrip())

    def _failed(self, request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # a page that was left
            self._faults.append(f"failed: {request.method} {request.url} {request.failure}")

    def _answered(self, response: Response) -> None:
        if response.status >= 500:
            self._faults.append(f"answered: {response.status} {response.url} {response.text()[:300]}")
