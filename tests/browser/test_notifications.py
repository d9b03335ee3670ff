"""The bell: what a member is told, where it leads, and how they are told of it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.leads import plant
from tests.browser.shop import Shop
from tests.database import Database
from tests.e2e.commands import Commands, RunningStack, eventually


@pytest.fixture(scope="module")
def place(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """One business for all tests here."""
    with Database.connect(stack.database_url, autocommit=True) as database:
        yield Shop(stack, Commands(stack, tmp_path_factory.mktemp("notifications")), database)


@pytest.fixture
def shop(place: Shop) -> Iterator[Shop]:
    """The business, with nothing afterwards of what a test made."""
    yield place
    for table in ("notifications", "tasks"):
        place.db.execute(f"delete from public.{table} where org_id = %s", [place.org])


def tell(shop: Shop, kind: str, *, many: int = 1, **about: str) -> None:
    """Tell the owner something, as Flow does."""
    names = ["lead_id", "task_id", "conversation_id"]
    shop.db.execute(
        "insert into public.notifications (org_id, user_id, kind, many, lead_id, task_id, conversation_id)"
        " values (%s, %s, %s, %s, %s, %s, %s)",
        [shop.org, shop.owner_id, kind, many, *(about.get(name) for name in names)],
    )


def tell_many(shop: Shop, many: int) -> None:
    shop.db.execute(
        "insert into public.notifications (org_id, user_id, kind, many)"
        " select %s, %s, 'lead_assigned', 1000 + n from generate_series(1, %s) n",
        [shop.org, shop.owner_id, many],
    )


def unread(shop: Shop) -> int:
    asked = "select count(*) from public.notifications where org_id = %s and read_at is null"
    return int(str(shop.db.value(asked, shop.org)))


def task(shop: Shop, title: str) -> str:
    (lead,) = plant(shop, {"name": "Ravi Patel"})
    found = shop.db.execute(
        "insert into public.tasks (org_id, kind, title, lead_id, assignee_id, due_at)"
        " values (%s, 'call', %s, %s, %s, now()) returning id",
        [shop.org, title, lead, shop.owner_id],
    ).fetchone()
    assert found is not None
    return str(found[0])


def test_the_bell_counts_and_leads_to_what_it_is_about(shop, window):
    tell(shop, "task_due", task_id=task(shop, "Call Ravi"))
    tell(shop, "lead_assigned", many=12)
    page = window(shop.owner, at="/inbox").page
    bell = page.get_by_role("button", name="Notifications: 2 unread")
    bell.click()
    panel = page.get_by_role("dialog", name="Notifications")
    expect(panel.get_by_role("link", name=re.compile("Flow gave you 12 leads"))).to_be_visible()

    panel.get_by_role("link", name=re.compile("Due: Call Ravi")).click()

    expect(page.get_by_role("dialog").get_by_label("What is to be done?")).to_have_value("Call Ravi")
    expect(page).to_have_url(re.compile("/tasks$"))
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Notifications: 1 unread").click()
    panel.get_by_role("button", name="Mark all as read").click()
    expect(page.get_by_role("button", name="Notifications", exact=True)).to_be_visible()
    assert unread(shop) == 0


def test_leads_that_are_given_ring_the_bell_by_themselves(shop, window):
    agent = shop.join("agent")
    leads = plant(shop, {"name": "Meena Iyer"}, {"name": "Joseph D’Souza"})
    page = window(agent, "phone").page
    expect(page.locator(".nav")).to_be_visible()
    shop.db.execute(
        "update public.leads set owner_id = (select id from public.profiles where email = %s)"
        " where id = any (%s::uuid[])",
        [agent, leads],
    )

    bell = page.get_by_role("link", name="Notifications: 1 unread")
    expect(bell).to_be_visible()
    bell.click()
    page.get_by_role("link", name=re.compile("Flow gave you 2 leads")).click()

    for name in ("Meena Iyer", "Joseph D’Souza"):
        expect(page.locator(".lead-rows")).to_contain_text(name)
    assert unread(shop) == 0


def test_older_ones_come_while_scrolling_and_only_unread_ones_when_asked(shop, window):
    tell_many(shop, 70)
    shop.db.execute(
        "update public.notifications set read_at = now() where org_id = %s and many <> 1005", [shop.org]
    )
    opened = window(shop.owner, at="/notifications")
    page = opened.page
    expect(page.locator(".told-item")).to_have_count(30)

    page.get_by_role("link", name=re.compile("Flow gave you 1,070 leads")).focus()
    page.locator(".body").evaluate("(body) => { body.scrollTop = body.scrollHeight }")
    expect(page.locator(".told-item")).to_have_count(60)
    page.get_by_role("button", name="Unread", exact=True).click()

    expect(page.locator(".told-item")).to_have_count(1)
    expect(page.get_by_role("link", name=re.compile("Flow gave you 1,005 leads"))).to_be_visible()


def test_a_task_that_is_due_is_told_by_the_browser_once_to_who_chose_it(shop, window):
    opened = window()
    opened.page.add_init_script(
        """window.told = []
           class Notification {
             static permission = 'granted'
             constructor(title, how) { window.told.push(title + ' | ' + how.body) }
             static async requestPermission() { return 'granted' }
           }
           window.Notification = Notification"""
    )
    opened.sign_in(shop.owner)
    page = opened.page
    page.get_by_role("link", name="Settings").click()
    page.get_by_role("link", name="Notifications").click()
    page.get_by_label("Show browser notifications").check()
    page.get_by_role("button", name="Try it").click()
    assert page.evaluate("told") == ["This is how Flow tells you | A press leads to what it is about."]
    page.reload()
    expect(page.get_by_label("Show browser notifications")).to_be_checked()
    page.get_by_role("link", name="Tasks").click()
    expect(page.get_by_role("button", name="Notifications", exact=True)).to_be_visible()

    due = task(shop, "Call Ravi")
    tell(shop, "task_due", task_id=due)
    shop.hear("Somebody writes")  # their lead is what the feed tells of

    expect(page.get_by_role("button", name="Notifications: 1 unread")).to_be_visible()
    eventually(lambda: page.evaluate("told.some((words) => words.startsWith('Due: Call Ravi | '))"))
    assert page.evaluate("told.filter((words) => words.startsWith('Due')).length") == 1
