"""The bell: what a member is told, where it leads, and how they are told of it."""

from __future__ import annotations

import re

from playwright.sync_api import APIResponse, Route, expect

from tests.browser.leads import plant
from tests.browser.shop import Shop
from tests.browser.window import hold, wait_for
from tests.e2e.commands import eventually


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


def test_the_bell_counts_and_leads_to_what_it_is_about(desk, window):
    tell(desk, "task_due", task_id=task(desk, "Call Ravi"))
    tell(desk, "lead_assigned", many=12)
    page = window(desk.owner, at="/inbox").page
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
    assert unread(desk) == 0


def test_leads_that_are_given_ring_the_bell_by_themselves(desk, window):
    agent = desk.join("agent")
    leads = plant(desk, {"name": "Meena Iyer"}, {"name": "Joseph D’Souza"})
    page = window(agent, "phone").page
    expect(page.locator(".nav")).to_be_visible()
    desk.db.execute(
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
    assert unread(desk) == 0


def test_older_ones_come_while_scrolling_and_only_unread_ones_when_asked(desk, window):
    tell_many(desk, 70)
    desk.db.execute(
        "update public.notifications set read_at = now() where org_id = %s and many <> 1005", [desk.org]
    )
    opened = window(desk.owner, at="/notifications")
    page = opened.page
    expect(page.locator(".told-item")).to_have_count(30)

    page.get_by_role("link", name=re.compile("Flow gave you 1,070 leads")).focus()
    page.locator(".body").evaluate("(body) => { body.scrollTop = body.scrollHeight }")
    expect(page.locator(".told-item")).to_have_count(60)
    page.get_by_role("button", name="Unread", exact=True).click()

    expect(page.locator(".told-item")).to_have_count(1)
    expect(page.get_by_role("link", name=re.compile("Flow gave you 1,005 leads"))).to_be_visible()


def test_a_task_that_is_due_is_told_by_the_browser_once_to_who_chose_it(desk, window):
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
    opened.sign_in(desk.owner)
    page = opened.page
    page.get_by_role("link", name="Settings").click()
    page.get_by_role("link", name="Notifications").click()
    page.get_by_label("Show browser notifications").check()
    page.get_by_role("button", name="Try it").click()
    assert page.evaluate("told") == ["This is how Flow tells you | A press leads to what it is about."]
    with page.expect_response("**/notifications?*"):
        page.reload()
    expect(page.get_by_label("Show browser notifications")).to_be_checked()
    page.get_by_role("link", name="Tasks").click()
    expect(page.get_by_role("button", name="Notifications", exact=True)).to_be_visible()

    due = task(desk, "Call Ravi")
    tell(desk, "task_due", task_id=due)
    desk.hear("Somebody writes")  # the feed tells of it, and the bell of both

    expect(page.get_by_role("button", name="Notifications: 2 unread")).to_be_visible()
    eventually(lambda: page.evaluate("told.some((words) => words.startsWith('Due: Call Ravi | '))"))
    assert page.evaluate("told.filter((words) => words.startsWith('Due')).length") == 1

    held = hold(page, "**/rpc/my_notifications", times=1)
    desk.hear("Somebody else writes")
    wait_for(page, held)
    tell(desk, "task_due", task_id=task(desk, "Call Sita"))  # after what came was counted
    held[0].continue_()
    eventually(lambda: page.evaluate("told.some((words) => words.startsWith('Due: Call Sita | '))"))
    heard = [words for words in page.evaluate("told") if not words.startswith("Due: ")]
    assert [words.split(" | ")[1] for words in heard] == ["Somebody writes", "Somebody else writes"]


def test_a_choice_stays_though_an_answer_from_before_it_comes_late(desk, window):
    page = window(desk.owner, at="/settings/notifications").page
    quiet = page.get_by_label("Keep quiet hours")
    expect(quiet).not_to_be_checked()
    page.get_by_role("link", name="Your account", exact=True).click()
    expect(page.get_by_role("heading", name="Profile")).to_be_visible()
    late: list[tuple[Route, APIResponse]] = []
    later: list[Route] = []

    def hold_the_first(route: Route) -> None:
        if late:
            later.append(route)
            route.continue_()
        else:
            late.append((route, route.fetch()))

    page.route("**/rpc/my_notification_settings", hold_the_first)
    page.get_by_role("main").get_by_role("link", name="Notifications", exact=True).click()
    wait_for(page, late)
    with page.expect_response("**/rpc/save_notification_settings"):
        quiet.check()
    late[0][0].fulfill(response=late[0][1])

    wait_for(page, later)  # what was read before the choice is read again
    page.wait_for_timeout(500)
    expect(quiet).to_be_checked()


def test_a_refused_choice_takes_back_nothing_that_was_chosen_after_it(desk, window):
    opened = window(desk.owner, at="/settings/notifications")
    opened.expect_fault("status of 400")
    page = opened.page
    urgent, quiet = (
        page.get_by_label("A number that does not work may disturb"),
        page.get_by_label("Keep quiet hours"),
    )
    expect(urgent).to_be_visible()
    was, other = urgent.is_checked(), quiet.is_checked()
    held: list[Route] = []

    def hold_the_first(route: Route) -> None:
        if "urgent_passes" in (route.request.post_data or ""):
            held.append(route)
        else:
            route.continue_()

    page.route("**/rpc/save_notification_settings", hold_the_first)
    urgent.set_checked(not was)
    with page.expect_response("**/rpc/save_notification_settings"):
        quiet.set_checked(not other)
    wait_for(page, held)
    held[0].fulfill(status=400, json={"code": "PT400", "message": "Not now."})

    expect(urgent).to_be_checked(checked=was)
    expect(quiet).to_be_checked(checked=not other)
    quiet.set_checked(other)
    expect(quiet).to_be_checked(checked=other)
