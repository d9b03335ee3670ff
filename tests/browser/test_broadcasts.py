"""Broadcasts: to whom, what, a look at all of it, then sent; how it goes on, who got it, and its brake."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from tests.browser.leads import HOSTILE, LOOKS, plant


def opt_out(shop, name: str) -> None:
    shop.db.execute(
        "select private.record_consent(org_id, id, now(), 'opt_out', 'person', '{}', %s)"
        " from public.contacts where org_id = %s and name = %s",
        [str(uuid4()), shop.org, name],
    )


def step(page: Page, button: str = "Next") -> None:
    page.get_by_role("button", name=button, exact=True).click()


def choose_hello(page: Page) -> None:
    """The second step: the shop's template, its second value the same for everybody."""
    page.locator(".templates button").filter(has_text="hello").click()
    page.get_by_label("Value 2: where from").select_option("text")
    expect(page.get_by_role("button", name="Next", exact=True)).to_be_disabled()
    page.get_by_label("Value 2: the text").fill("pumps | 10 % off")
    expect(page.locator(".template-preview")).to_contain_text("pumps | 10 % off")


def stored(shop, **given: object) -> str:
    """A broadcast of the shop with these columns, and its recipients: {contact's name: outcome}; its id."""
    people = given.pop("people", {})
    row = {
        "org_id": shop.org, "name": "Diwali", "state": "done", "template_name": "hello", "language": "en",
        "category": "UTILITY", "mapping": '{"body": ["name", "product"]}', "filter": '{"leads": {}}',
        "total": len(people), "starts_at": "2026-11-01T05:00:00Z", "next_at": "infinity",
        "ended_at": "2026-11-01T06:00:00Z",
    } | given  # fmt: skip
    names = ", ".join(row)
    broadcast = shop.db.value(
        f"insert into public.broadcasts ({names}, number_id) select {', '.join(['%s'] * len(row))}, n.id"
        " from public.whatsapp_numbers n where n.org_id = %s returning id::text",
        *row.values(), shop.org,
    )  # fmt: skip
    for name, outcome in people.items():
        shop.db.execute(
            "insert into public.broadcast_recipients (org_id, broadcast_id, contact_id, outcome, reason)"
            " select c.org_id, %s, c.id, %s, %s from public.contacts c where c.org_id = %s and c.name = %s",
            [broadcast, outcome, "opted_out" if outcome == "skipped" else None, shop.org, name],
        )
    return str(broadcast)


def test_a_broadcast_is_made_looked_at_and_sent_once_to_those_the_filter_means(shop, window):
    plant(shop, {"name": "Asha"}, {"name": "Ravi"}, {"name": "Meena"}, {"name": "Lost one", "stage": "Lost"})
    opt_out(shop, "Meena")
    page = window(shop.owner).page
    page.goto("/broadcasts")
    page.get_by_role("link", name="New broadcast").click()
    expect(page.locator(".figure")).to_have_text("3 people get it")

    page.get_by_role("button", name="Filter").click()
    page.get_by_label("Status").select_option("open")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator(".figure")).to_have_text("2 people get it")
    expect(page.locator(".left-out")).to_have_text("1 asked to get no more messages")
    step(page)
    choose_hello(page)
    step(page)
    expect(page.locator(".dry-run")).to_contain_text("2 people get it")
    page.get_by_label("What you call it").fill("Diwali offer")
    page.get_by_role("button", name="Send to 2 people for").click()
    expect(page.get_by_role("dialog")).to_contain_text("Send to 2 people for about ₹")
    page.get_by_role("button", name="Send to 2 people", exact=True).click()

    expect(page.get_by_role("heading", name="Diwali offer")).to_be_visible()
    expect(page.locator(".top").get_by_text("Done")).to_be_visible(timeout=30_000)
    expect(page.locator(".person-row")).to_have_count(3)
    expect(page.locator(".person-row").filter(has_text="Meena")).to_contain_text(
        "Asked to get no more messages"
    )
    sent = {
        text
        for (text,) in shop.db.execute(
            "select text from public.messages where org_id = %s and origin = 'broadcast'", [shop.org]
        )
    }
    assert sent == {f"Hello {name}, about pumps | 10 % off." for name in ("Asha", "Ravi")}
    page.goto("/broadcasts")
    expect(page.locator(".campaign-row")).to_have_count(1)
    expect(page.locator(".campaign-row")).to_contain_text("2 sent")


def test_a_refused_start_leaves_one_draft_which_the_next_try_sends(shop, window):
    plant(shop, {"name": "Asha"})
    opened = window(shop.owner, "phone")
    opened.expect_fault("status of 422")
    page = opened.page
    page.goto("/broadcasts/new")
    step(page)
    choose_hello(page)
    step(page)
    send = page.get_by_role("button", name="Send to 1 person for")
    expect(send).to_be_enabled()
    opt_out(shop, "Asha")
    send.click()
    page.get_by_role("button", name="Send to 1 person", exact=True).click()
    expect(page.locator(".toast")).to_contain_text("Nobody would get this broadcast")
    shop.db.execute("update public.contacts set opted_out_at = null where org_id = %s", [shop.org])

    send.click()
    page.get_by_role("button", name="Send to 1 person", exact=True).click()

    expect(page.get_by_role("tab", name="Results")).to_be_visible()
    assert shop.db.value("select array_agg(total) from public.broadcasts where org_id = %s", shop.org) == [1]


def test_one_for_tomorrow_is_paused_resumed_and_cancelled_with_its_size(shop, window):
    plant(shop, {"name": "Asha"}, {"name": "Ravi"})
    page = window(shop.owner).page
    page.goto("/broadcasts/new")
    step(page)
    choose_hello(page)
    page.reload()
    expect(page.get_by_label("Value 2: the text")).to_have_value("pumps | 10 % off")
    step(page)
    page.get_by_role("button", name="Later").click()
    page.get_by_role("button", name="Tomorrow 10 am").click()
    page.get_by_role("button", name="Schedule", exact=True).click()
    page.get_by_role("button", name="Send to 2 people for").click()
    page.get_by_role("button", name="Send to 2 people", exact=True).click()
    top = page.locator(".one-top")
    expect(top).to_contain_text("Scheduled")

    top.get_by_role("button", name="Pause").click()
    expect(page.locator(".notice")).to_contain_text("Somebody of your team paused it.")
    top.get_by_role("button", name="Resume").click()
    expect(top).to_contain_text("Scheduled")
    top.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("dialog")).to_contain_text("Cancel it for 2 people who have not got it?")
    page.get_by_role("dialog").get_by_role("button", name="Cancel").last.click()

    expect(top).to_contain_text("Cancelled")
    expect(top.get_by_role("button")).to_have_count(1)
    page.get_by_role("button", name="Left out 2").click()
    expect(page.locator(".person-row").first).to_contain_text("The broadcast was cancelled before")


def test_an_agent_reads_outcomes_and_may_steer_nothing(shop, window):
    sender = shop.hear("Hello")
    shop.db.execute(
        "update public.contacts set name = 'Ravi' where org_id = %s and wa_id = %s", [shop.org, sender]
    )
    plant(shop, {"name": "Asha"}, {"name": "Meena"})
    message = shop.send(sender, template="hello", language="en", params=["Ravi", "pumps"])
    broadcast = stored(
        shop, people={"Ravi": "failed", "Asha": "waiting", "Meena": "skipped"}, state="paused", ended_at=None,
        paused_for="spending", paused_reason="The daily limit is reached", paused_at="2026-11-01T06:00:00Z",
    )  # fmt: skip
    shop.db.execute(
        "update public.broadcast_recipients set message_id = %s where org_id = %s and outcome = 'failed'",
        [message, shop.org],
    )
    shop.db.execute(
        "update public.messages set error_code = 131026 where org_id = %s and id = %s", [shop.org, message]
    )
    opened = window(shop.join(), "phone")
    page = opened.page
    page.goto("/broadcasts")
    expect(page.locator(".campaign-row")).to_contain_text("Paused")
    expect(page.get_by_role("link", name="New broadcast")).to_have_count(0)

    page.locator(".campaign-row").tap()

    expect(page.locator(".notice")).to_contain_text("A spending limit or the wallet stopped it.")
    expect(page.locator(".failure-line")).to_contain_text("1")
    expect(page.locator(".one-top").get_by_role("button")).to_have_count(1)
    page.get_by_role("tab", name="People").tap()
    page.get_by_role("button", name="Failed 1").tap()
    expect(page.locator(".person-row")).to_have_count(1)
    page.locator(".person-row").tap()
    page.wait_for_url("**/inbox/*")
    page.goto("/broadcasts/new")
    expect(
        page.get_by_role("heading", name="This page is for administrators of the organization.")
    ).to_be_visible()
    page.goto(f"/broadcasts/{broadcast}")
    page.get_by_role("tab", name="People").tap()
    page.locator(".person-row").filter(has_text="Asha").tap()
    page.wait_for_url("**/leads/*")


def test_many_outcomes_are_paged_and_windowed(shop, window):
    plant(shop, *({"name": f"Buyer {number:03}"} for number in range(120)))
    broadcast = stored(shop, people={f"Buyer {number:03}": "sent" for number in range(120)})
    page = window(shop.owner).page
    page.goto(f"/broadcasts/{broadcast}")
    expect(page.locator(".person-row").first).to_be_visible()

    seen = """(box) => {
      const rows = box.querySelectorAll('.person-row strong')
      window.mostRows = Math.max(window.mostRows ?? 0, rows.length)
      window.names ??= new Set()
      for (const row of rows) window.names.add(row.textContent)
      box.scrollTop += 320
      return window.names.size === 120
    }"""
    page.wait_for_function(seen, arg=page.locator(".windowed").element_handle(), timeout=60_000)

    assert page.evaluate("window.mostRows") < 60


def test_leads_in_sight_become_an_audience(shop, window):
    plant(shop, {"name": "Asha", "product": "Valve"}, {"name": "Ravi"})
    page = window(shop.owner).page
    page.goto("/leads?" + "f=" + json.dumps({"text": "valve"}).replace(" ", "%20"))
    page.get_by_role("button", name="More", exact=True).first.click()

    page.get_by_role("menuitem", name="Send a broadcast to these…").click()

    expect(page.locator(".figure")).to_have_text("1 person gets it")
    expect(page.get_by_role("button", name="Remove filter: “valve”")).to_be_visible()


@pytest.mark.parametrize(("size", "theme", "lang"), LOOKS[1:2])  # the others: test_every_page.py
def test_hostile_names_stay_words_and_every_page_is_accessible(shop, window, size, theme, lang):
    plant(shop, HOSTILE, {"name": "\u202e" + "W" * 300})
    broadcast = stored(
        shop,
        name="\u202e" + "Festive <b>offer</b> " * 5,
        people={HOSTILE["name"]: "failed", "\u202e" + "W" * 300: "read"},
    )
    opened = window(shop.owner, size, theme=theme, lang=lang)
    page = opened.page
    for path, ready in [
        ("/broadcasts", ".campaign-row"),
        (f"/broadcasts/{broadcast}", ".figures-grid"),
        ("/broadcasts/new", ".figure"),
    ]:
        page.goto(path)
        expect(page.locator(ready).first).to_be_visible()
        assert opened.axe() == []
        assert opened.overflows() == []
    page.locator(".step-actions .primary").click()
    page.locator(".templates button").first.click()
    expect(page.locator(".template-preview .rich")).to_be_visible()
    assert opened.axe() == []
    assert opened.overflows() == []
    page.locator(".step-actions .primary").click()
    expect(page.locator(".dry-run")).to_be_visible()
    assert opened.axe() == []
    assert opened.overflows() == []
    assert page.title() != "1"
