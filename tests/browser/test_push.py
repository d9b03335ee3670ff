"""Notifications on devices: chosen in the settings, pushed by the worker, shown by the service worker."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
import pytest
from playwright.sync_api import CDPSession, Page, expect

from tests.browser.shop import Shop
from tests.e2e.commands import Json, RunningStack, eventually

# What this browser lacks: a push service beyond this machine, and somebody who allows notifications.
ALLOWED = """
  const given = %s
  const subscription = { ...given, options: {}, toJSON: () => given,
    unsubscribe: async () => { window.unsubscribed = true; return true } }
  PushManager.prototype.subscribe = async () => { window.subscribed = true; return subscription }
  PushManager.prototype.getSubscription = async () =>
    window.subscribed && !window.unsubscribed ? subscription : null
  Object.defineProperty(Notification, 'permission', { get: () => 'granted' })
  Notification.requestPermission = async () => { window.asked = (window.asked ?? 0) + 1; return 'granted' }
"""
RECORD = """() => {
  self.shown = []
  navigator.setAppBadge = async (many) => { self.badge = many } // the shell has none, and ends with a call
  self.registration.showNotification = async (title, options) => { self.shown.push({ title, ...options }) }
}"""

OUT_OF_SIGHT = """() => {
  const all = clients.matchAll.bind(clients)
  clients.matchAll = async (how) => (await all(how)).map((one) => ({
    visibilityState: 'hidden', focused: false,
    focus: () => one.focus().catch(() => {}), postMessage: (told) => one.postMessage(told),
  }))
}"""
PRESS = """(data) => {
  const press = new Event('notificationclick')
  press.waitUntil = () => {}
  press.notification = { close() {}, data }
  self.dispatchEvent(press)
}"""


def subscribe(stack: RunningStack) -> Json:
    """A browser at the sandbox's push service."""
    made: Json = httpx.post(f"{stack.sandbox_url}/_sandbox/push/subscriptions", trust_env=False).json()
    return made


def came(stack: RunningStack, to: Json) -> list[Json]:
    """What the worker pushed to it, decrypted."""
    found = httpx.get(f"{stack.sandbox_url}/_sandbox/push/subscriptions/{to['id']}", trust_env=False)
    return [one["payload"] for one in found.json()]


class Pushing:
    """The service worker of a page, and pushes that reach it as from a push service."""

    def __init__(self, page: Page) -> None:
        page.wait_for_function("() => navigator.serviceWorker.controller")
        (self.worker,) = page.context.service_workers
        self.worker.evaluate(RECORD)
        self.cdp: CDPSession = page.context.new_cdp_session(page)
        self.origin = page.evaluate("location.origin")
        found: list[dict[str, Any]] = []
        self.cdp.on(
            "ServiceWorker.workerRegistrationUpdated", lambda event: found.extend(event["registrations"])
        )
        self.cdp.send("ServiceWorker.enable")
        eventually(lambda: page.evaluate("1") and found)
        self.registration = found[-1]["registrationId"]

    def deliver(self, payload: Json) -> None:
        given = {"origin": self.origin, "registrationId": self.registration, "data": json.dumps(payload)}
        self.cdp.send("ServiceWorker.deliverPushMessage", given)

    def shown(self) -> list[Json]:
        found: list[Json] = self.worker.evaluate("() => self.shown")
        return found


def test_a_message_reaches_the_device_that_was_added_and_a_press_opens_it(shop: Shop, window, stack):
    mine = subscribe(stack)
    opened = window(shop.owner, at="/settings/notifications", serviced=True)
    opened._page.add_init_script(ALLOWED % json.dumps({"endpoint": mine["endpoint"], "keys": mine["keys"]}))
    page = opened.page
    here = page.get_by_label("Notify this device, also while Flow is closed")
    expect(here).to_be_enabled()
    assert page.evaluate("window.asked") is None  # never by itself

    here.check()
    expect(page.get_by_text("this device", exact=True)).to_be_visible()
    page.get_by_label("Which: New messages").select_option("all")
    page.get_by_role("button", name="Send a test").click()
    eventually(lambda: [one["kind"] for one in came(stack, mine)] == ["test"])
    page.evaluate("Object.defineProperty(document, 'hidden', { get: () => true })")
    shop.hear("Is the pump ready?")
    eventually(lambda: len(came(stack, mine)) == 2)
    pushed = came(stack, mine)[1]

    assert (pushed["kind"], pushed["many"], pushed["organization"]) == ("new_message", 1, "Sunrise Pumps")
    assert "pump ready" not in json.dumps(pushed)
    pushing = Pushing(page)
    pushing.deliver(pushed)
    assert pushing.shown() == []  # a Flow tab is in sight: it tells by itself

    pushing.worker.evaluate(OUT_OF_SIGHT)
    pushing.deliver(pushed)
    several = {"kind": "several", "many": 15, "counts": {"new_message": 12, "new_lead": 3}}
    pushing.deliver(pushed | several | {"lang": "hi"})
    eventually(lambda: page.evaluate("1") and len(pushing.shown()) == 2)
    english, hindi = pushing.shown()
    assert (english["title"], english["body"]) == ("New message", "Sunrise Pumps")
    assert (hindi["title"], hindi["body"]) == ("15 नई सूचनाएँ", "12 नए संदेश · 3 नई लीड\nSunrise Pumps")

    pushing.worker.evaluate(PRESS, english["data"])
    expect(page).to_have_url(re.compile(f"/inbox/{pushed['conversation_id']}$"))
    expect(page.get_by_text("Is the pump ready?").first).to_be_visible()

    page.get_by_role("button", name=re.compile("Owner|owner")).last.click()
    page.get_by_role("menuitem", name="Sign out", exact=True).click()
    page.wait_for_url("**/sign-in")
    left = "select count(*) from private.push_devices where org_id = %s"
    assert shop.db.value(left, shop.org) == 0


@pytest.mark.parametrize(("size", "lang", "theme"), [("phone", "hi", "dark"), ("desktop", "en", "light")])
def test_what_one_is_told_and_when_not_is_chosen_on_every_screen(shop: Shop, window, size, lang, theme):
    opened = window(shop.owner, size, lang=lang, theme=theme, at="/settings/notifications", serviced=True)
    page = opened.page
    messages, quiet, urgent = (
        ("New messages: Devices", "Keep quiet hours", "A number that does not work may disturb")
        if lang == "en"
        else ("नए संदेश: डिवाइस", "शांत समय रखें", "जो नंबर काम न करे, वह तब भी बताया जाए")
    )
    page.get_by_label(messages).uncheck()
    page.get_by_label(quiet).check()
    page.get_by_label(re.compile("^" + urgent)).uncheck()
    chosen = """select not 'new_message' = any (push), quiet_from, quiet_to, urgent_passes
                  from private.notification_settings where org_id = %s and user_id = %s"""
    eventually(lambda: shop.db.rows(chosen, shop.org, shop.owner_id) == [(True, 1260, 480, False)])

    assert opened.axe() == []
    assert opened.overflows() == []
    page.reload()
    expect(page.get_by_label(quiet)).to_be_checked()
    expect(page.get_by_label(messages)).not_to_be_checked()
