"""The ledger beside Meta's figures: what differs is a row to review, by day, category and country."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from tests.business import Business, call, fresh_org, status
from tests.database import Database

INDIA = "Asia/Kolkata"
PMP = {"pricing_model": "PMP", "type": "regular", "category": "marketing"}
FREE = PMP | {"type": "free_customer_service", "category": "service"}


def today(db: Database, zone: str = INDIA) -> date:
    found: date = db.value("select (now() at time zone %s)::date", zone)
    return found


def at(day: date, hour: int = 12, zone: str = INDIA) -> int:
    """An hour of a day, in seconds."""
    return int(datetime(day.year, day.month, day.day, hour, tzinfo=ZoneInfo(zone)).timestamp())


def deliver(
    business: Business, day: date, *, hour: int = 12, zone: str = INDIA, count: int = 1, **more: Any
) -> str:
    """Deliver messages of Flow or of another app: a marketing template unless told otherwise."""
    wamid = ""
    for _ in range(count):
        wamid = f"wamid.{uuid4().hex}"
        business.told(status(wamid, "delivered", at(day, hour, zone), **({"pricing": PMP} | more)))
    return wamid


def point(
    day: date, volume: int = 1, cost: str = "0.8631", *, zone: str = INDIA, **more: Any
) -> dict[str, Any]:
    given = {"category": "MARKETING", "type": "REGULAR", "country": "IN"} | more
    return {"start": at(day, 0, zone), "volume": volume, "cost": cost} | given


def claim(db: Database, business: Business, **more: object) -> Any:
    return call(db, "claim_reconciliations", org_id=business.org_id, **more)


def compare(
    db: Database, business: Business, *points: dict[str, Any], month: str | None = None, **more: Any
) -> Any:
    """Claim the account's days and report Meta's points of them."""
    claimed = claim(db, business, **({"month": month} if month else {}))
    (due,) = claimed["accounts"]
    given = {"days": due["days"], "points": list(points)} | more
    return call(db, "record_reconciliation", org_id=business.org_id, account_id=business.account_id,
                lease=claimed["lease"], **given)  # fmt: skip


def rows(db: Database, business: Business) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """What is stored: key without the account, and figures."""
    found = db.rows(
        """
        select day, category, country, kind, ours_messages, ours_cost, meta_messages, meta_cost, status
          from public.usage_reconciliations where org_id = %s
        """,
        business.org_id,
    )
    return {row[:4]: row[4:] for row in found}


def money(text: str) -> Decimal:
    return Decimal(text)


def run_of(db: Database, business: Business) -> dict[str, Any]:
    (found,) = business.table("private.reconciliation_runs")
    return found


@pytest.fixture
def day(db: Database) -> date:
    """Yesterday in India."""
    return today(db) - timedelta(days=1)


# What is compared


def test_equal_figures_are_stored_as_equal(business, db, day):
    deliver(business, day, count=3)
    deliver(business, day, pricing=FREE)

    done = compare(
        db,
        business,
        point(day, 3, "2.5893"),
        point(day, 1, "0", type="FREE_CUSTOMER_SERVICE", category="SERVICE"),
    )

    assert done == {"recorded": True, "days": 3, "rows": 2, "differs": 0}
    assert rows(db, business) == {
        (day, "marketing", "IN", "charged"): (3, money("2.5893"), 3, money("2.5893"), "equal"),
        (day, "service", "IN", "free"): (1, 0, 1, 0, "equal"),
    }


def test_points_of_two_numbers_are_added_up(business, db, day):
    deliver(business, day, count=2)

    assert compare(db, business, point(day), point(day))["differs"] == 0


DIFFERENT = [
    pytest.param(3, "2.5893", 1, "0.8631", id="more messages at Meta"),
    pytest.param(2, "1.7263", 0, "0.0001", id="another cost"),
    pytest.param(1, "0.8631", -1, "-0.8631", id="fewer at Meta"),
    pytest.param(2, "1.72620000000000004", 0, None, id="binary noise beyond six decimals is none"),
]


@pytest.mark.parametrize(("volume", "cost", "messages", "amount"), DIFFERENT)
def test_difference_is_metas_less_ours(business, db, day, volume, cost, messages, amount):
    deliver(business, day, count=2)

    compare(db, business, point(day, volume, cost))

    query = "select difference_messages, difference_cost, status from public.usage_reconciliations where org_id = %s"
    expected = (messages, money(amount or "0"), "differs" if amount else "equal")
    assert db.row(query, business.org_id) == expected


def test_what_only_one_side_has_is_a_difference(business, db, day):
    deliver(business, day)

    compare(db, business, point(day, 2, "0.2300", category="UTILITY"), point(day, 1, "0.9", country="US"))

    assert rows(db, business) == {
        (day, "marketing", "IN", "charged"): (1, money("0.8631"), 0, 0, "differs"),
        (day, "utility", "IN", "charged"): (0, 0, 2, money("0.23"), "differs"),
        (day, "marketing", "US", "charged"): (0, 0, 1, money("0.9"), "differs"),
    }


def test_message_without_a_price_counts_without_cost(business, db, day):
    deliver(business, day, pricing=None)
    deliver(business, day, pricing=PMP | {"category": "utility", "subtype": "new"})

    compare(db, business, point(day), point(day, category="UTILITY", cost="0.115"))

    assert rows(db, business) == {
        (day, "unknown", "IN", "charged"): (1, 0, 0, 0, "differs"),
        (day, "marketing", "IN", "charged"): (0, 0, 1, money("0.8631"), "differs"),
        (day, "utility", "IN", "charged"): (1, 0, 1, money("0.115"), "differs"),
    }


def test_corrected_entry_counts_once_as_it_is_now(business, db, day):
    wamid = deliver(business, day, pricing=None)
    business.told(status(wamid, "read", at(day, 13), pricing=PMP))

    compare(db, business, point(day))

    assert rows(db, business) == {
        (day, "marketing", "IN", "charged"): (1, money("0.8631"), 1, money("0.8631"), "equal")
    }
    assert len(business.table("public.usage_ledger")) == 3


PLACES = [
    pytest.param({"recipient_id": "919810000011"}, "IN", id="a phone"),
    pytest.param({"recipient_id": None, "recipient_user_id": "IN.123"}, "IN", id="a user id"),
    pytest.param(
        {"recipient_id": "14155550123", "recipient_user_id": "US.123"}, "US", id="a country without a card"
    ),
    pytest.param({"recipient_id": "14155550123"}, "ZZ", id="a phone of no card alone"),
]


@pytest.mark.parametrize(("recipient", "place"), PLACES)
def test_free_message_stands_where_its_recipient_is(business, db, day, recipient, place):
    deliver(business, day, pricing=FREE, **recipient)

    compare(db, business)

    assert list(rows(db, business)) == [(day, "service", place, "free")]


def test_ledger_of_another_account_or_organization_does_not_count(business, db, day):
    other = Business(db, fresh_org(db))
    deliver(other, day, count=2)
    deliver(business, day)

    compare(db, business, point(day))

    assert list(rows(db, business).values()) == [(1, money("0.8631"), 1, money("0.8631"), "equal")]
    assert rows(db, other) == {}


def test_comparing_twice_changes_nothing(business, db, day):
    deliver(business, day)
    query = "select md5(string_agg(t::text, ';' order by t.id)) from public.usage_reconciliations t where org_id = %s"

    first = compare(db, business, point(day, 2, "1.7262"))
    before = db.value(query, business.org_id)
    again = compare(db, business, point(day, 2, "1.7262"))

    assert again == first
    assert db.value(query, business.org_id) == before


def test_what_neither_side_has_any_more_is_settled(business, db, day):
    compare(db, business, point(day))
    compare(db, business)

    assert rows(db, business) == {(day, "marketing", "IN", "charged"): (0, 0, 0, 0, "equal")}


def test_late_status_settles_a_difference(business, db, day):
    compare(db, business, point(day))
    deliver(business, day)
    compare(db, business, point(day))

    assert list(rows(db, business).values()) == [(1, money("0.8631"), 1, money("0.8631"), "equal")]


# Days


def test_day_that_is_not_over_is_not_compared(business, db, day):
    now = day + timedelta(days=1)
    deliver(business, now, hour=0)

    done = compare(db, business, point(now), point(day), days=[str(day), str(now)])

    assert done["days"] == 1
    assert {key[0] for key in rows(db, business)} == {day}


def test_last_three_days_that_are_over_are_due(business, db, day):
    (due,) = claim(db, business)["accounts"]

    assert due["days"] == [str(day - timedelta(days=n)) for n in (2, 1, 0)]
    assert due["start"] == at(day - timedelta(days=2), 0)
    assert due["end"] == at(day + timedelta(days=1), 0)
    assert due["token"] == "EAAtoken"
    assert due["waba_id"] == business.waba


DUE = [
    pytest.param("2026-11-29", "2026-10-01", "2026-11-26", "2026-11-28", id="within a month"),
    pytest.param("2026-12-01", "2026-10-01", "2026-11-28", "2026-11-30", id="on the 1st: not yet"),
    pytest.param("2026-12-02", "2026-10-01", "2026-11-01", "2026-12-01", id="on the 2nd: the month before"),
    pytest.param("2026-12-02", "2026-11-01", "2026-11-29", "2026-12-01", id="but once"),
    pytest.param(
        "2026-12-09", "2026-10-01", "2026-11-01", "2026-12-08", id="late, when nobody came on the 2nd"
    ),
    pytest.param("2027-01-02", "2026-11-01", "2026-12-01", "2027-01-01", id="over the year"),
]


@pytest.mark.parametrize(("now", "done", "first", "last"), DUE)
def test_month_before_is_due_from_the_2nd_on(db, now, done, first, last):
    days = db.row("select lower(d), upper(d) - 1 from private.days_to_compare(%s, %s, null) d", now, done)

    assert [str(day) for day in days] == [first, last]


def test_whole_month_that_was_compared_is_not_due_again(business, db, day):
    first = day.replace(day=1)
    before = (first - timedelta(days=1)).replace(day=1)
    db.execute(
        "update private.reconciliation_runs set done_month = '2026-01-01' where org_id = %s",
        [business.org_id],
    )

    done = compare(db, business, month=f"{before:%Y-%m}")

    assert done["days"] == (first - before).days
    assert run_of(db, business)["done_month"] == str(before)


def test_month_is_compared_as_far_as_it_is_over(business, db, day):
    now = day + timedelta(days=1)
    claimed = claim(db, business, month=f"{now:%Y-%m}")

    if now.day == 1:
        assert "No day of" in claimed["skipped"][0]["words"]
    else:
        (due,) = claimed["accounts"]
        assert due["days"] == [str(now.replace(day=n)) for n in range(1, now.day)]


@pytest.mark.parametrize("month", ["2026-13", "2026-1", "x", "0000-01", ""])
def test_month_that_is_none_is_refused(business, db, month):
    query = "select worker.claim_reconciliations(org_id => %s, month => %s)"
    assert db.refusal(query, business.org_id, month).detail == "month_invalid"


def test_month_to_come_has_no_day_to_compare(business, db):
    (skipped,) = claim(db, business, month="2150-01")["skipped"]

    assert skipped["words"].startswith("No day of 2150-01 is over yet")
    assert run_of(db, business)["problem"] is None


ZONES = [
    pytest.param("America/New_York", date(2026, 3, 8), 23, id="the clocks go forward"),
    pytest.param("America/New_York", date(2026, 11, 1), 25, id="the clocks go back"),
    pytest.param("Africa/Cairo", date(2026, 4, 24), 23, id="midnight is skipped"),
    pytest.param("Atlantic/Azores", date(2026, 10, 25), 25, id="midnight comes twice"),
    pytest.param("Asia/Kolkata", date(2026, 10, 25), 24, id="no such thing in India"),
]


@pytest.mark.parametrize(("zone", "day", "hours"), ZONES)
def test_day_of_a_zone_has_its_own_length_and_all_its_messages(business, db, zone, day, hours):
    db.execute(
        "update public.whatsapp_accounts set time_zone = %s where org_id = %s", [zone, business.org_id]
    )
    begins, ends = (
        int(db.value("select extract(epoch from private.day_begins(%s, %s))", d, zone))
        for d in (day, day + timedelta(days=1))
    )
    for second in (begins - 1, begins, ends - 1, ends):
        business.told(status(f"wamid.{second}", "delivered", second, pricing=FREE))

    compare(
        db, business, {"start": begins, "volume": 2, "cost": "0", "category": "SERVICE", "type": "FREE_CUSTOMER_SERVICE", "country": "IN"},
        month=f"{day:%Y-%m}",
    )  # fmt: skip

    assert ends - begins == hours * 3600
    assert rows(db, business)[day, "service", "IN", "free"] == (2, 0, 2, 0, "equal")


def test_days_of_another_zone_are_not_compared(business, db, day):
    """Meta would have to cut its days where the account does; else every day would differ a little."""
    deliver(business, day)

    done = compare(db, business, point(day) | {"start": at(day, 0, "UTC")})

    assert not done["recorded"]
    assert "do not begin at midnight in Asia/Kolkata" in done["words"]
    assert rows(db, business) == {}


# Who compares, and when


def test_two_workers_never_have_one_account(business, db, day):
    first = claim(db, business)
    second = claim(db, business)
    assert (len(first["accounts"]), second["accounts"], second["busy"]) == (1, [], 1)

    db.execute(
        "update private.reconciliation_runs set lease_until = now() where org_id = %s", [business.org_id]
    )
    assert len(claim(db, business)["accounts"]) == 1, "the first one died"
    late = call(db, "record_reconciliation", org_id=business.org_id, account_id=business.account_id,
                lease=first["lease"], days=[str(day)], points=[point(day)])  # fmt: skip
    assert late == {"recorded": False}
    assert rows(db, business) == {}


def test_account_is_due_an_hour_after_it_was_connected_and_each_morning(business, db, day):
    made = call(db, "claim_reconciliations", batch=1000)["accounts"]
    assert business.waba not in {due["waba_id"] for due in made}
    db.execute("update private.reconciliation_runs set next_at = now() where org_id = %s", [business.org_id])
    assert db.value("select private.wake_reconciliation()") == ""
    compare(db, business, point(day))

    next_at = db.value("select next_at from private.reconciliation_runs where org_id = %s", business.org_id)
    morning = next_at.astimezone(ZoneInfo(INDIA))
    assert morning.date() == day + timedelta(days=2)
    assert 5 <= morning.hour <= 6


def test_comparing_an_old_month_by_hand_leaves_the_daily_run_due(business, db):
    before = run_of(db, business)["next_at"]

    compare(db, business, month="2026-01")

    assert run_of(db, business)["next_at"] == before
    assert run_of(db, business)["compared_at"] is None


def test_failure_keeps_what_was_there_says_why_and_waits_longer_each_time(business, db, day):
    compare(db, business, point(day))
    before = rows(db, business)
    waits = []
    for _ in range(9):
        done = compare(db, business, failure={"words": "Meta could not be reached."})
        assert done == {
            "recorded": False,
            "days": 3,
            "rows": 0,
            "differs": 0,
            "words": "Meta could not be reached.",
        }
        waits.append(
            db.value(
                "select next_at - now() from private.reconciliation_runs where org_id = %s", business.org_id
            )
        )

    assert rows(db, business) == before
    assert waits[0] < timedelta(minutes=13)
    assert timedelta(hours=7) < waits[-1] < timedelta(hours=14)
    assert run_of(db, business)["problem"] == "Meta could not be reached."
    query = "select words from public.whatsapp_health where org_id = %s and kind = 'reconciliation'"
    assert "Meta could not be reached." in db.value(query, business.org_id)

    compare(db, business, point(day))
    assert db.rows(query, business.org_id) == []
    assert (run_of(db, business)["problem"], run_of(db, business)["failures"]) == (None, 0)


BROKEN = [
    pytest.param({"cost": "NaN"}, id="no number"),
    pytest.param({"cost": None}, id="no cost"),
    pytest.param({"cost": "1e400"}, id="beyond all prices"),
    pytest.param({"volume": "-1"}, id="less than nothing"),
    pytest.param({"start": "yesterday"}, id="no instant"),
]


@pytest.mark.parametrize("broken", BROKEN)
def test_one_unreadable_point_leaves_all_days_as_they_were(business, db, day, broken):
    """A part of Meta's figures would look like a difference."""
    deliver(business, day)

    done = compare(db, business, point(day), point(day) | broken)

    assert done["words"] == "Meta's figures cannot be read."
    assert rows(db, business) == {}
    assert run_of(db, business)["lease"] is None


def test_account_whose_token_is_dead_asks_to_reconnect(business, db):
    done = compare(db, business, failure={"words": "Code 190.", "access_lost": True})

    assert done == {"recorded": False}
    assert business.account()["status"] == "reconnect"
    assert claim(db, business)["accounts"] == []


UNKNOWN = [
    pytest.param("time_zone", "time zone", id="zone"),
    pytest.param("currency", "currency", id="currency"),
]


@pytest.mark.parametrize(("column", "word"), UNKNOWN)
def test_account_of_which_too_little_is_known_is_skipped_in_words(business, db, column, word):
    db.execute(f"update public.whatsapp_accounts set {column} = null where org_id = %s", [business.org_id])
    db.execute("update private.reconciliation_runs set next_at = now() where org_id = %s", [business.org_id])

    claimed = claim(db, business)

    assert claimed["accounts"] == []
    assert word in claimed["skipped"][0]["words"]
    told = call(db, "reconciliation", org_id=business.org_id)["accounts"][0]
    assert word in told["problem"]
    later = db.value(
        "select next_at > now() + interval '23 hours' from private.reconciliation_runs where org_id = %s",
        business.org_id,
    )
    assert later
    db.execute(
        "update public.whatsapp_accounts set time_zone = 'Asia/Kolkata', currency = 'INR' where org_id = %s",
        [business.org_id],
    )
    assert len(claim(db, business)["accounts"]) == 1


def test_disconnected_account_is_not_compared_and_its_history_stays(business, db, day):
    compare(db, business, point(day))
    claimed = claim(db, business)
    call(db, "disconnect_whatsapp", org_id=business.org_id)

    late = call(db, "record_reconciliation", org_id=business.org_id, account_id=business.account_id,
                lease=claimed["lease"], days=[str(day)], points=[])  # fmt: skip

    assert late == {"recorded": False}
    assert claim(db, business)["accounts"] == []
    assert len(rows(db, business)) == 1


# People


@pytest.fixture
def admin(business, member):
    return member(business.org_id, "admin")


def review(db: Database, business: Business, note: str = "Sent by the old provider") -> Any:
    found = db.value("select id from public.usage_reconciliations where org_id = %s", business.org_id)
    return db.value("select public.review_difference(%s, %s, %s)", business.org_id, found, note)


def test_reviewed_difference_stays_reviewed_while_its_figures_stand(business, db, day, admin):
    compare(db, business, point(day))
    db.as_person(admin)
    seen = review(db, business, "  Sent by the old provider ")
    db.as_operator()
    compare(db, business, point(day))

    assert (seen["status"], seen["note"], seen["reviewed_by"]) == (
        "reviewed",
        "Sent by the old provider",
        str(admin.id),
    )
    assert seen["difference_cost"] == "0.863100"
    assert next(iter(rows(db, business).values()))[-1] == "reviewed"
    (audited,) = [
        a for a in business.table("public.audit_log") if a["action"] == "ledger.difference_reviewed"
    ]
    assert (audited["actor"], audited["object_id"]) == (str(admin.id), seen["id"])
    assert "old provider" not in str(audited["details"])


CHANGES = [
    pytest.param([(3, "2.5893")], "differs", id="other figures open it again"),
    pytest.param([], "equal", id="or settle it"),
]


@pytest.mark.parametrize(("points", "then"), CHANGES)
def test_reviewed_difference_that_changes_is_reviewed_no_more(business, db, day, admin, points, then):
    compare(db, business, point(day))
    db.as_person(admin)
    review(db, business)
    db.as_operator()

    compare(db, business, *(point(day, *figures) for figures in points))

    query = (
        "select status, reviewed_by, reviewed_at, note from public.usage_reconciliations where org_id = %s"
    )
    assert db.row(query, business.org_id) == (then, None, None, None)


def test_review_needs_a_note_and_a_difference(business, db, day, admin):
    deliver(business, day)
    compare(db, business, point(day))
    row = db.value("select id from public.usage_reconciliations where org_id = %s", business.org_id)
    query = "select public.review_difference(%s, %s, %s)"
    db.as_person(admin)

    assert db.refusal(query, business.org_id, row, " ").detail == "note_invalid"
    assert db.refusal(query, business.org_id, row, "x" * 1001).detail == "note_invalid"
    assert db.refusal(query, business.org_id, row, "Why?").detail == "nothing_differs"
    assert db.refusal(query, business.org_id, uuid4(), "Why?").detail == "difference_not_found"


def test_agent_reads_and_does_not_review(business, db, day, member):
    compare(db, business, point(day))
    row = db.value("select id from public.usage_reconciliations where org_id = %s", business.org_id)
    db.as_person(member(business.org_id, "agent"))

    told = db.value("select public.reconciliation(%s)", business.org_id)

    assert [d["id"] for d in told["differences"]] == [str(row)]
    refused = db.refusal("select public.review_difference(%s, %s, 'x')", business.org_id, row)
    assert refused.sqlstate == "PT403"
    assert db.refusal("update public.usage_reconciliations set note = 'x'").sqlstate == "42501"


def test_stranger_reads_and_reviews_nothing(business, db, day, person, org):
    compare(db, business, point(day))
    row = db.value("select id from public.usage_reconciliations where org_id = %s", business.org_id)
    stranger = person("stranger")
    own = org(stranger)
    db.as_person(stranger)

    assert db.rows("select 1 from public.usage_reconciliations") == []
    assert db.refusal("select public.reconciliation(%s)", business.org_id).sqlstate == "PT404"
    refused = db.refusal("select public.review_difference(%s, %s, 'x')", business.org_id, row)
    assert refused.sqlstate == "PT404"
    assert (
        db.refusal("select public.review_difference(%s, %s, 'x')", own, row).detail == "difference_not_found"
    )


def test_month_is_told_with_totals_and_what_is_open(business, db, day, admin):
    deliver(business, day, count=2)
    month = f"{day:%Y-%m}"
    compare(db, business, point(day, 2, "1.7262"), point(day, 1, "0.1150", category="UTILITY"), month=month)
    compare(db, business, point(date(2026, 1, 5)), month="2026-01")
    db.as_person(admin)

    told = db.value("select public.reconciliation(%s, %s)", business.org_id, month)

    (total,) = told["totals"]
    assert total == {
        "currency": "INR", "ours_messages": 2, "ours_cost": "1.726200", "meta_messages": 3, "meta_cost": "1.841200",
        "difference_messages": 1, "difference_cost": "0.115000", "days": 1, "equal": 1, "differs": 1, "reviewed": 0,
    }  # fmt: skip
    (difference,) = told["differences"]
    assert (difference["category"], difference["meta_cost"]) == ("utility", "0.115000")
    assert told["accounts"][0]["problem"] is None
    assert len(db.value("select public.reconciliation(%s)", business.org_id)["differences"]) == 2
