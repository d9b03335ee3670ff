"""Tasks: my day, lists, what is added, ticked off and taken back, on the page of a lead and beside a chat."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.leads import HOSTILE, LOOKS, plant
from tests.browser.shop import Shop
from tests.browser.window import to_end


def task(shop: Shop, title: str, due: str = "1 hour", *, lead: str | None = None, mine: bool = True) -> str:
    """A task of the owner's, or of nobody; its id."""
    lead = lead or plant(shop, {"name": "Ravi Patel"})[0]
    row = shop.db.execute(
        "insert into public.tasks (org_id, kind, title, lead_id, assignee_id, due_at)"
        " values (%s, 'call', %s, %s, %s, now() + %s::interval) returning id",
        [shop.org, title, lead, shop.owner_id if mine else None, due],
    ).fetchone()
    assert row is not None
    return str(row[0])


def status_of(shop: Shop, title: str) -> str:
    found = shop.db.value("select status from public.tasks where org_id = %s and title = %s", shop.org, title)
    return str(found)


def row(page: Page, title: str):
    return page.locator(".task", has_text=title)


def test_my_day_shows_what_is_late_and_ticking_off_can_be_taken_back(desk, window):
    task(desk, "Call about the quotation", "-2 days")
    task(desk, "Send the price list", "3 days")
    page = window(desk.owner, at="/tasks").page
    late = page.locator(".day-part", has=page.get_by_role("heading", name=re.compile("Overdue")))
    expect(late.locator(".task")).to_have_count(1)

    row(page, "Call about").get_by_role("checkbox").click()
    expect(page.locator(".toast")).to_contain_text("Done: Call about the quotation")
    expect(row(page, "Call about")).to_have_count(0)
    assert status_of(desk, "Call about the quotation") == "done"
    page.locator(".toast").get_by_role("button", name="Undo").click()

    expect(late.locator(".task", has_text="Call about")).to_be_visible()
    assert status_of(desk, "Call about the quotation") == "open"


def test_a_task_is_added_for_a_lead_that_is_searched_and_reminds(desk, window):
    plant(desk, {"name": "Gurpreet Singh", "product": "Motor 3 HP"})
    page = window(desk.owner, "phone", at="/tasks").page
    page.get_by_role("button", name="New task").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_label("What is to be done?")).to_be_focused()
    dialog.get_by_label("What is to be done?").fill("Ask for the drawing")
    expect(dialog.get_by_role("button", name="Add", exact=True)).to_be_disabled()
    dialog.get_by_role("button", name="Call", exact=True).click()
    dialog.get_by_label("For which lead?").fill("gurpr")
    dialog.get_by_role("button", name=re.compile("Gurpreet Singh")).first.click()
    dialog.get_by_role("button", name="In an hour").click()
    dialog.get_by_label("Reminder").select_option("10 minutes before")
    dialog.get_by_role("button", name="Add", exact=True).click()

    expect(row(page, "Ask for the drawing")).to_contain_text("Gurpreet Singh · Motor 3 HP")
    kept = desk.db.execute(
        "select kind, remind_minutes, remind_at = due_at - interval '10 minutes',"
        " due_at - now() between '55 min' and '70 min' from public.tasks where org_id = %s",
        [desk.org],
    ).fetchall()
    assert kept == [("call", 10, True, True)]


def test_a_change_by_a_colleague_is_told_and_what_was_typed_stays(desk, window):
    call = task(desk, "Call back")
    opened = window(desk.owner, at="/tasks")
    page = opened.page
    page.get_by_role("button", name=re.compile("^Call Call back")).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Note").fill("They prefer evenings")
    desk.db.execute("update public.tasks set title = 'Call back at once', version = 2 where id = %s", [call])
    opened.expect_fault("status of 409")

    dialog.get_by_role("button", name="Save").click()

    expect(dialog.get_by_role("status")).to_contain_text("Somebody else has just changed this task")
    expect(dialog.get_by_role("status")).to_contain_text("Call back at once")
    expect(dialog.get_by_label("What is to be done?")).to_have_value("Call back at once")
    expect(dialog.get_by_label("Note")).to_have_value("They prefer evenings")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0)
    kept = desk.db.execute("select title, note, version from public.tasks where id = %s", [call]).fetchone()
    assert kept == ("Call back at once", "They prefer evenings", 3)


def test_ticking_off_what_has_changed_meanwhile_shows_it_as_it_is(desk, window):
    call = task(desk, "Visit Morbi")
    opened = window(desk.owner, at="/tasks")
    page = opened.page
    expect(row(page, "Visit Morbi")).to_be_visible()
    desk.db.execute("update public.tasks set title = 'Visit Wankaner', version = 2 where id = %s", [call])
    opened.expect_fault("status of 409")

    row(page, "Visit Morbi").get_by_role("checkbox").click()

    expect(page.locator(".toast")).to_contain_text("Somebody else has just changed this task")
    expect(row(page, "Visit Wankaner").get_by_role("checkbox")).not_to_be_checked()
    assert status_of(desk, "Visit Wankaner") == "open"


def test_a_reminder_is_put_off_and_the_due_time_may_follow(desk, window):
    call = task(desk, "Check the stock", "-1 hour")
    page = window(desk.owner, at="/tasks").page
    row(page, "Check the stock").get_by_role("button", name="More").click()
    page.get_by_role("menuitem", name="Remind me tomorrow, 10 am").click()
    expect(row(page, "Check the stock")).to_contain_text("Reminder Tomorrow, 10:00")
    expect(page.locator(".toast")).to_contain_text("Reminder Tomorrow")
    ahead = (
        "select (remind_at at time zone 'Asia/Kolkata')::time = '10:00' and due_at < now()"
        " from public.tasks where id = %s"
    )
    assert desk.db.value(ahead, call) is True

    page.locator(".toast").get_by_role("button", name="Make it due then").click()

    tomorrow = page.locator(".day-part", has=page.get_by_role("heading", name=re.compile("From tomorrow")))
    expect(tomorrow.locator(".task", has_text="Check the stock")).to_be_visible()


def test_lists_show_whose_tasks_are_asked_for_and_page_through_a_thousand(desk, window):
    lead = plant(desk, {"name": "Ravi Patel"})[0]
    task(desk, "Nobody has this", lead=lead, mine=False)
    desk.db.execute(
        "insert into public.tasks (org_id, kind, title, lead_id, assignee_id, due_at)"
        " select %s, 'other', 'Task ' || to_char(n, 'FM0000'), %s, %s, now() + make_interval(hours => n)"
        " from generate_series(1, 1000) n",
        [desk.org, lead, desk.owner_id],
    )
    page = window(desk.owner, at="/tasks?view=open").page
    expect(row(page, "Task 0001")).to_be_visible()
    assert page.locator(".task").count() < 60

    to_end(page.locator(".windowed"), "Task 1000")
    expect(row(page, "Task 1000")).to_be_visible()
    page.get_by_label("Whose tasks").select_option("Nobody")
    expect(page.locator(".task")).to_have_count(1)
    expect(row(page, "Nobody has this")).to_be_visible()
    expect(page).to_have_url(re.compile("who=nobody"))


def test_what_is_done_stands_under_done_the_last_first(desk, window):
    task(desk, "First", "-1 day")
    task(desk, "Second", "2 days")
    page = window(desk.owner, "phone", at="/tasks?view=open").page
    for title in ("Second", "First"):
        row(page, title).get_by_role("checkbox").click()
        expect(row(page, title)).to_have_count(0)

    page.get_by_role("link", name="Done").click()

    expect(page.locator(".task .title")).to_have_text(["First", "Second"])
    row(page, "First").get_by_role("checkbox").click()
    expect(row(page, "First")).to_have_count(0)
    assert status_of(desk, "First") == "open"


def test_a_task_is_added_in_one_line_on_the_page_of_a_lead(shop, window):
    (lead,) = plant(shop, {"name": "Ravi Patel", "product": "Pump 5 HP"})
    page = window(shop.owner, at=f"/leads/{lead}").page
    part = page.locator(".tasks-of")
    part.get_by_label("Add a task…").fill("Send the catalogue")
    part.get_by_role("button", name="Monday, 10 am").click()
    part.get_by_role("button", name="Add").click()

    expect(part.locator(".task")).to_contain_text("Send the catalogue")
    expect(page.locator(".timeline")).to_contain_text("added the task “Send the catalogue”")
    part.get_by_role("checkbox").click()
    expect(part.locator(".task")).to_have_count(0)
    expect(page.locator(".timeline")).to_contain_text("ticked off “Send the catalogue”")
    monday = (
        "select extract(isodow from due_at at time zone 'Asia/Kolkata') from public.tasks where org_id = %s"
    )
    assert shop.db.value(monday, shop.org) == 1


def test_a_task_is_added_beside_a_chat(desk, window):
    sender = desk.hear("Please call me")
    page = window(desk.owner, at="/inbox").page
    page.locator(".thread").first.click()
    part = page.locator(".person .tasks-of")
    part.get_by_label("Add a task…").fill("Call them")
    part.get_by_label("Add a task…").press("Enter")

    expect(part.locator(".task")).to_contain_text("Call them")
    of = (
        "select c.wa_id from public.tasks t left join public.leads l on l.id = t.lead_id"
        " join public.contacts c on c.id = coalesce(t.contact_id, l.contact_id) where t.org_id = %s"
    )
    assert desk.db.value(of, desk.org) == sender


@pytest.mark.parametrize(("size", "theme", "lang"), LOOKS[1:2])  # the others: test_every_page.py
def test_hostile_texts_stay_texts_and_everything_is_accessible(desk, window, size, theme, lang):
    (lead,) = plant(desk, HOSTILE)
    task(desk, ("\u202e<img src=x onerror=1>" + "अ" * 170)[:190], "-3 days", lead=lead)
    task(desk, "W" * 200, lead=lead)
    opened = window(desk.owner, size, theme=theme, lang=lang, at="/tasks")
    page = opened.page
    page.locator(".task-text").first.click()
    expect(page.locator("dialog .input").first).to_be_visible()
    assert opened.axe() == []
    assert opened.overflows() == []
