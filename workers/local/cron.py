"""When a pg_cron schedule fires: '30 seconds', five fields, or @daily and its like. Times are UTC."""

import calendar
from datetime import datetime, timedelta

NAMES = {name.lower(): number for number, name in enumerate(calendar.month_abbr) if name}
NAMES |= {name: number for number, name in enumerate(("sun", "mon", "tue", "wed", "thu", "fri", "sat"))}
MACROS = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
LIMITS = (
    (0, 59),
    (0, 23),
    (1, 31),
    (1, 12),
    (0, 7),
)  # minute, hour, day, month, weekday (0 and 7 are Sunday)


def is_in_seconds(schedule: str) -> bool:
    """Tell whether a schedule counts seconds, not minutes of the clock."""
    words = schedule.lower().split()
    return len(words) == 2 and words[1].startswith("second")


def is_due(schedule: str, now: datetime, last: datetime | None) -> bool:
    """Tell whether a job fires at `now`; `last` is when it last started."""
    words = MACROS.get(schedule.strip().lower(), schedule).lower().split()
    if is_in_seconds(schedule):
        return last is None or now - last >= timedelta(seconds=int(words[0]) - 0.5)
    minute, hour, day, month, weekday = (
        _field(word, *limits) for word, limits in zip(words, LIMITS, strict=True)
    )
    on_day, on_weekday = now.day in day, now.isoweekday() % 7 in {d % 7 for d in weekday}
    either = not (words[2].startswith("*") or words[4].startswith("*"))  # vixie cron's rule
    days = (on_day or on_weekday) if either else (on_day and on_weekday)
    return now.minute in minute and now.hour in hour and now.month in month and days


def _field(text: str, low: int, high: int) -> set[int]:
    found: set[int] = set()
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        if span == "*":
            start, end = low, high
        else:
            start = _number(first)
            end = _number(last) if last else (high if step else start)
        if not low <= start <= end <= high:
            raise ValueError(f"{text!r} is not a field of a cron schedule")
        found.update(range(start, end + 1, int(step or 1)))
    return found


def _number(word: str) -> int:
    return NAMES[word] if word in NAMES else int(word)
