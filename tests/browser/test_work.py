"""Who works when, who is away, and to whom new leads go."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.leads import LOOKS, plant
from tests.browser.shop import Shop
from tests.browser.window import hold, wait_for
from tests.e2e.commands import eventually


@pytest.fixture
def shop(place: Shop) -> Iterator[Shop]:
    """The business, with nothing afterwards of what a test made."""
    yield place
    for table in ("working_hours", "holidays", "absences", "assignment_rules", "assignment_groups"):
        place.db.execute(f"delete from public.{table} where org_id = %s", [place.org])


def hours(shop, whose: str = "user_id is null") -> list[tuple[int, int, int]]:
    asked = (
        f"select weekday, opens, closes from public.working_hours where org_id = %s and {whose} order by 1, 2"
    )
    return shop.db.execute(asked, [shop.org]).fetchall()


def test_the_week_is_set_with_a_break_and_forgotten(shop, window):
    opened = window(shop.owner, at="/settings/hours")
    page = opened.page
    expect(page.get_by_text("No hours are set: always open.")).to_be_visible()
    page.get_by_role("button", name="Set hours").click()
    page.get_by_label("Monday: until").fill("13:00")
    page.get_by_label("Monday: add a part after a break").click()
    page.get_by_label("Monday: from").last.fill("12:00")
    expect(page.get_by_role("alert")).to_contain_text("after the part before")
    expect(page.get_by_role("button", name="Save")).to_be_disabled()
    page.get_by_label("Monday: from").last.fill("14:00")
    page.get_by_label("Monday: until").last.fill("00:00")
    page.get_by_label("Saturday", exact=True).uncheck()

    page.get_by_role("button", name="Save").click()

    expect(page.locator(".toast")).to_contain_text("Saved")
    assert hours(shop) == [(1, 570, 780), (1, 840, 1440)] + [(day, 570, 1110) for day in range(2, 6)]
    page.get_by_role("button", name="Set no hours").click()
    expect(page.get_by_text("No hours are set: always open.")).to_be_visible()
    assert hours(shop) == []


def test_hours_that_were_just_saved_are_forgotten_and_changed_before_they_are_read_again(shop, window):
    page = window(shop.owner, at="/settings/hours").page
    page.get_by_role("button", name="Set hours").click()
    held = hold(page, "**/rpc/availability")
    page.get_by_role("button", name="Save").click()
    wait_for(page, held)
    page.get_by_role("button", name="Set no hours").click()
    expect(page.get_by_text("No hours are set: always open.")).to_be_visible()
    assert hours(shop) == []

    page.get_by_role("button", name="Set hours").click()
    page.get_by_role("button", name="Save").click()
    wait_for(page, held, 3)
    page.get_by_label("Saturday", exact=True).uncheck()
    with page.expect_response("**/rpc/availability"):
        held[2].continue_()
    page.wait_for_timeout(300)
    expect(page.get_by_label("Saturday", exact=True)).not_to_be_checked()
    page.get_by_role("button", name="Save").click()
    eventually(lambda: len(hours(shop)) == 5)


def test_what_is_read_while_hours_are_saved_takes_nothing_back(shop, window):
    page = window(shop.owner, at="/settings/hours").page
    page.get_by_role("button", name="Set hours").click()
    reads = hold(page, "**/rpc/availability")
    page.get_by_role("button", name="Save").click()
    wait_for(page, reads)
    saves = hold(page, "**/rpc/save_working_hours")
    page.get_by_role("button", name="Set no hours").click()
    wait_for(page, saves)
    with page.expect_response("**/rpc/availability"):
        reads[0].continue_()
    page.wait_for_timeout(300)
    saves[0].continue_()

    expect(page.get_by_text("No hours are set: always open.")).to_be_visible()


def test_an_agent_has_own_hours_and_an_absence_and_sees_the_week_of_all(shop, window):
    agent = shop.join("agent")
    opened = window(agent, "phone")
    opened.go("/settings/hours")
    page = opened.page
    me = page.get_by_role("listitem").filter(has_text="(you)")
    expect(me).to_contain_text("At work")
    expect(page.get_by_role("button", name="Set hours")).to_have_count(0)
    expect(page.get_by_label("Hours and absences of")).to_have_count(1)

    page.get_by_label("Hours and absences of").click()
    page.get_by_role("menuitem", name="Add an absence").click()
    dialog = page.get_by_role("dialog")
    today = page.evaluate("new Date().toLocaleDateString('en-CA')")
    dialog.get_by_label("First day").fill(today)
    dialog.get_by_role("button", name="Add").click()
    expect(me).to_contain_text("Away until")
    away = (
        "select to_at - from_at >= interval '1 day' and from_at < now()"
        " from public.absences where org_id = %s"
    )
    assert shop.db.value(away, shop.org) is True

    me.get_by_label("Take the absence of").click()
    expect(me).to_contain_text("At work")


def test_holidays_are_entered_proposed_and_removed(shop, window):
    opened = window(shop.owner, at="/settings/hours")
    page = opened.page
    page.get_by_role("button", name=re.compile("Republic Day")).click()
    expect(page.get_by_role("listitem").filter(has_text="Republic Day")).to_be_visible()
    page.get_by_label("Day", exact=True).fill("2030-10-26")
    page.get_by_label("Name", exact=True).fill("Diwali")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("listitem").filter(has_text="Diwali")).to_contain_text("26 Oct 2030")

    page.get_by_role("button", name="Remove Republic Day").click()

    expect(page.get_by_role("listitem").filter(has_text="Republic Day")).to_have_count(0)
    assert (
        shop.db.value("select string_agg(name, ',') from public.holidays where org_id = %s", shop.org)
        == "Diwali"
    )


def test_a_group_and_rules_are_made_tried_in_words_ordered_and_applied(shop, window):
    agent = shop.join("agent")
    name = agent.split("@")[0]
    plant(
        shop,
        {"name": "Ravi Patel", "state": "Gujarat", "product": "Pump 5 HP"},
        {"name": "Anil Kumar", "state": "Punjab", "product": "Motor"},
    )
    opened = window(shop.owner, at="/settings/assignment")
    page = opened.page
    page.get_by_role("button", name="New group").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name of the group").fill("Sales")
    dialog.get_by_label(re.compile(f"^{re.escape(name)}")).check()
    dialog.get_by_role("button", name="Save").click()
    expect(page.locator(".rule", has_text="Sales")).to_be_visible()
    page.get_by_role("button", name="New rule").click()
    dialog.get_by_label("Name of the rule").fill("Gujarat")
    dialog.get_by_label("States").fill("Gujarat, Daman")
    dialog.get_by_role("button", name="Save").click()
    rule = page.get_by_role("listitem").filter(has_text="State: Daman or Gujarat")
    expect(rule).to_contain_text("by turns in “Sales”")

    page.get_by_role("button", name="Try", exact=True).click()
    tried = page.get_by_role("list", name="Try the rules")
    expect(tried.get_by_role("listitem").filter(has_text="Ravi Patel")).to_contain_text("by “Gujarat”")
    expect(tried.get_by_role("listitem").filter(has_text="Anil Kumar")).to_contain_text("no rule fits")
    free = page.get_by_role("list", name="Leads that nobody has")
    expect(free.get_by_role("listitem")).to_have_count(2)
    page.get_by_role("button", name="Let the rules look at these").click()

    expect(free.get_by_role("listitem")).to_have_count(1)
    expect(free).to_contain_text("Anil Kumar")

    page.get_by_role("button", name="New rule").click()
    dialog.get_by_label("Name of the rule").fill("The rest")
    dialog.get_by_label("Leads go to").select_option("nobody, whoever takes it")
    dialog.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Move “The rest” up").click()
    expect(page.locator(".rule strong").first).to_have_text("The rest")
    page.get_by_role("button", name="Turn “The rest” off").click()
    expect(page.get_by_role("listitem").filter(has_text="The rest")).to_contain_text("Off")
    page.get_by_role("button", name="Delete “Sales”").click()
    opened.expect_fault("status of 409")
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.locator(".toast").last).to_contain_text("A rule gives leads to this group.")
    kept = "select name, position, is_on from public.assignment_rules where org_id = %s order by position"
    assert shop.db.execute(kept, [shop.org]).fetchall() == [("The rest", 1, False), ("Gujarat", 2, True)]


def test_the_dialogs_of_hours_and_rules_are_accessible_and_fit_a_phone(shop, window):
    size, theme, lang = LOOKS[0]
    opened = window(shop.owner, size, theme=theme, lang=lang)
    page = opened.page
    for path, button in (("/settings/assignment", "नया नियम"), ("/settings/hours", "समय तय करें")):
        opened.go(path)
        page.get_by_role("button", name=button).click()
        assert opened.axe() == [], path
        assert opened.overflows() == [], path
