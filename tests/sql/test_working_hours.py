"""When an organization and its people work: spans of the day, holidays, absences, and days of 23 and 25 hours."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from tests.database import Person
from tests.sql.desk import Desk

SHOP = {str(day): [["09:00", "13:00"], ["14:00", "18:00"]] for day in range(1, 7)}
MONDAY = "2026-11-23"  # in India, where the shop is


def at(desk: Desk, local: str, zone: str = "Asia/Kolkata") -> datetime:
    """An instant by a wall clock."""
    moment: datetime = desk.db.value("select %s::timestamp at time zone %s", local, zone)
    return moment


def is_working(desk: Desk, local: str, who: UUID | None = None, zone: str = "Asia/Kolkata") -> bool:
    found: bool = desk.db.value(
        "select private.is_working(%s, %s, %s)", desk.org_id, who, at(desk, local, zone)
    )
    return found


def opening(desk: Desk, local: str, who: UUID | None = None, zone: str = "Asia/Kolkata") -> str | None:
    """The next opening by the wall clock."""
    found: str | None = desk.db.value(
        "select to_char(private.next_opening(%s, %s, %s) at time zone %s, 'YYYY-MM-DD HH24:MI')",
        desk.org_id, who, at(desk, local, zone), zone,
    )  # fmt: skip
    return found


@pytest.mark.parametrize(
    ("local", "works", "opens"),
    [
        pytest.param(f"{MONDAY} 08:59:59", False, f"{MONDAY} 09:00", id="before opening"),
        pytest.param(f"{MONDAY} 09:00", True, f"{MONDAY} 09:00", id="opening"),
        pytest.param(f"{MONDAY} 13:00", False, f"{MONDAY} 14:00", id="lunch"),
        pytest.param(f"{MONDAY} 17:59:59", True, f"{MONDAY} 17:59", id="last second"),
        pytest.param(f"{MONDAY} 18:00", False, "2026-11-24 09:00", id="closing"),
        pytest.param("2026-11-29 10:00", False, "2026-11-30 09:00", id="sunday"),
    ],
)
def test_shop_is_open_in_its_spans_only(desk: Desk, local: str, works: bool, opens: str) -> None:
    desk.ask("save_working_hours", hours=SHOP)

    assert (is_working(desk, local), opening(desk, local)) == (works, opens)


def test_without_hours_it_is_always_open_but_on_holidays(desk: Desk) -> None:
    before = is_working(desk, f"{MONDAY} 03:00")
    desk.ask("save_holiday", day=MONDAY, name="Diwali")

    assert (before, is_working(desk, f"{MONDAY} 12:00")) == (True, False)
    assert opening(desk, f"{MONDAY} 12:00") == "2026-11-24 00:00"
    desk.ask("save_holiday", day=MONDAY)
    assert is_working(desk, f"{MONDAY} 12:00")


def test_holiday_is_passed_over_and_weeks_of_them_too(desk: Desk) -> None:
    desk.ask("save_working_hours", hours=SHOP)
    for day in range(21):
        desk.db.execute(
            "insert into public.holidays values (%s, %s::date + %s, 'Closed')", [desk.org_id, MONDAY, day]
        )

    assert opening(desk, f"{MONDAY} 10:00") == "2026-12-14 09:00"


def test_member_works_when_the_shop_does_or_by_hours_of_their_own(desk: Desk) -> None:
    (ravi,) = desk.hire("ravi")
    desk.ask("save_working_hours", hours=SHOP)
    before = is_working(desk, f"{MONDAY} 10:00", ravi.id), is_working(desk, f"{MONDAY} 20:00", ravi.id)
    desk.ask("save_working_hours", ravi, hours={"1": [["19:00", "24:00"]]}, user_id=ravi.id)

    assert before == (True, False)
    assert (is_working(desk, f"{MONDAY} 10:00", ravi.id), is_working(desk, f"{MONDAY} 23:59", ravi.id)) == (
        False,
        True,
    )
    assert opening(desk, "2026-11-24 00:00", ravi.id) == "2026-11-30 19:00"
    desk.ask("save_working_hours", ravi, hours={}, user_id=ravi.id)
    assert is_working(desk, f"{MONDAY} 10:00", ravi.id)


def test_who_is_away_does_not_work_and_opens_when_back(desk: Desk) -> None:
    (ravi,) = desk.hire("ravi")
    desk.ask("save_working_hours", hours=SHOP)
    given = {"from_at": at(desk, f"{MONDAY} 00:00"), "to_at": at(desk, "2026-11-25 11:30")}
    away = desk.ask("add_absence", ravi, **given)["absence_id"]
    desk.ask("add_absence", ravi, from_at=given["to_at"], to_at=at(desk, "2026-11-25 12:00"))

    assert not is_working(desk, f"{MONDAY} 10:00", ravi.id)
    assert is_working(desk, f"{MONDAY} 10:00")
    assert opening(desk, f"{MONDAY} 10:00", ravi.id) == "2026-11-25 12:00"
    desk.ask("remove_absence", ravi, absence_id=away)
    assert is_working(desk, f"{MONDAY} 10:00", ravi.id)


def test_agent_says_their_own_hours_and_absences_and_nobody_elses(desk: Desk) -> None:
    ravi, meena = desk.hire("ravi", "meena")
    now = at(desk, f"{MONDAY} 10:00")
    later = at(desk, f"{MONDAY} 12:00")
    away = desk.ask("add_absence", meena, from_at=now, to_at=later)["absence_id"]

    refusals = [
        desk.refused("save_working_hours", ravi, hours=SHOP),
        desk.refused("save_working_hours", ravi, hours=SHOP, user_id=meena.id),
        desk.refused("add_absence", ravi, from_at=now, to_at=later, user_id=meena.id),
        desk.refused("remove_absence", ravi, absence_id=away),
    ]

    assert {r.sqlstate for r in refusals} == {"PT403"}


@pytest.mark.parametrize(
    ("hours", "slug"),
    [
        pytest.param({"1": [["09:00", "12:00"], ["11:59", "13:00"]]}, "hours_overlap", id="spans overlap"),
        pytest.param({"1": [["18:00", "09:00"]]}, "hours_invalid", id="ends before it begins"),
        pytest.param({"1": [["09:00", "24:01"]]}, "hours_invalid", id="no time of day"),
        pytest.param({"1": [["09:00"]]}, "hours_invalid", id="half a span"),
        pytest.param({"1": "09:00"}, "hours_invalid", id="no list"),
        pytest.param({"8": []}, "field_unknown", id="eighth day"),
    ],
)
def test_hours_that_make_no_sense_are_refused_and_change_nothing(desk: Desk, hours: Any, slug: str) -> None:
    desk.ask("save_working_hours", hours=SHOP)

    assert desk.refused("save_working_hours", hours=hours).detail == slug
    assert desk.ask("availability")["hours"] == SHOP


@pytest.mark.parametrize(
    ("hours", "day", "seconds"),
    [
        pytest.param({"7": [["00:00", "24:00"]]}, "2026-03-29", 23 * 3600, id="day of 23 hours"),
        pytest.param({"7": [["00:00", "24:00"]]}, "2026-10-25", 25 * 3600, id="day of 25 hours"),
        pytest.param({"7": [["01:00", "04:00"]]}, "2026-03-29", 2 * 3600, id="span over the jump forward"),
        pytest.param({"7": [["01:00", "04:00"]]}, "2026-10-25", 4 * 3600, id="span over the jump back"),
    ],
)
def test_days_on_which_the_clock_jumps_are_as_long_as_they_are(
    desk: Desk, hours: Any, day: str, seconds: int
) -> None:
    desk.db.execute(
        "update public.organizations set time_zone = 'Europe/Berlin' where id = %s", [desk.org_id]
    )
    desk.ask("save_working_hours", hours=hours)
    begin = at(desk, f"{day} 00:00", "Europe/Berlin")
    end = desk.db.value("select (%s::date + 1)::timestamp at time zone 'Europe/Berlin'", day)

    assert desk.db.value("select private.working_seconds(%s, %s, %s)", desk.org_id, begin, end) == seconds


def test_opening_within_the_hour_that_is_left_out_is_right_after_it(desk: Desk) -> None:
    desk.db.execute(
        "update public.organizations set time_zone = 'Europe/Berlin' where id = %s", [desk.org_id]
    )
    desk.ask("save_working_hours", hours={"7": [["02:30", "06:00"]]})

    assert opening(desk, "2026-03-29 00:00", zone="Europe/Berlin") == "2026-03-29 03:30"


def test_seconds_within_hours_leave_out_night_lunch_and_sunday(desk: Desk) -> None:
    desk.ask("save_working_hours", hours=SHOP)

    found = desk.db.value(
        "select private.working_seconds(%s, %s, %s)",
        desk.org_id, at(desk, "2026-11-28 17:30"), at(desk, "2026-11-30 14:10"),
    )  # fmt: skip

    assert found == (30 + 4 * 60 + 10) * 60


def test_team_sees_who_works_and_who_is_away(desk: Desk, member: Callable[..., Person]) -> None:
    (ravi,) = desk.hire("ravi")
    desk.db.execute(
        "insert into public.absences (org_id, user_id, from_at, to_at) values (%s, %s, now(), now() + interval '2 days')",
        [desk.org_id, ravi.id],
    )

    team = desk.ask("availability", ravi)

    found = {m["user_id"]: m["is_working"] for m in team["members"]}
    assert found == {str(desk.owner.id): True, str(ravi.id): False}
    assert [len(m["absences"]) for m in team["members"] if m["user_id"] == str(ravi.id)] == [1]
    assert (team["is_open"], team["time_zone"]) == (True, "Asia/Kolkata")
