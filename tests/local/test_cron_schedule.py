"""When pg_cron's schedules fire."""

from datetime import UTC, datetime, timedelta

import pytest

from workers.local.cron import is_due

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)  # a Monday

FIRES = [
    pytest.param("* * * * *", NOON, id="every minute"),
    pytest.param("*/15 * * * *", NOON.replace(minute=45), id="every quarter of an hour"),
    pytest.param("5,10-12 * * * *", NOON.replace(minute=11), id="list with a range"),
    pytest.param("10/20 * * * *", NOON.replace(minute=50), id="step from a start"),
    pytest.param("0 12 * nov mon", NOON, id="names"),
    pytest.param("0 12 * * 1-5", NOON, id="weekdays"),
    pytest.param("0 12 29 * 7", NOON.replace(day=29), id="seven is Sunday"),
    pytest.param("0 12 1 * 1", NOON, id="day of month or weekday when both are given"),
    pytest.param("@daily", NOON.replace(hour=0), id="daily"),
    pytest.param("@monthly", NOON.replace(day=1, hour=0), id="monthly"),
]
RESTS = [
    pytest.param("1 * * * *", NOON, id="other minute"),
    pytest.param("0 12 * * sun", NOON, id="other weekday"),
    pytest.param("0 12 1 * *", NOON, id="other day"),
    pytest.param("0 12 * 12 *", NOON, id="other month"),
    pytest.param("0 12 */2 * 2", NOON, id="a step of days still needs the weekday"),
    pytest.param("@hourly", NOON.replace(minute=30), id="within the hour"),
]


@pytest.mark.parametrize(("schedule", "now"), FIRES)
def test_schedule_fires(schedule: str, now: datetime) -> None:
    assert is_due(schedule, now, None)


@pytest.mark.parametrize(("schedule", "now"), RESTS)
def test_schedule_rests(schedule: str, now: datetime) -> None:
    assert not is_due(schedule, now, None)


@pytest.mark.parametrize(("seconds", "due"), [(4, False), (5, True), (60, True)])
def test_seconds_count_from_the_last_start(seconds: int, due: bool) -> None:
    assert is_due("5 seconds", NOON, NOON - timedelta(seconds=seconds)) is due


@pytest.mark.parametrize("schedule", ["61 * * * *", "5-1 * * * *", "x * * * *", "* * * *"])
def test_nonsense_is_an_error(schedule: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        is_due(schedule, NOON, None)
