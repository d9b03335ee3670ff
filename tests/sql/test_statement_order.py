"""Months close in order, what comes late goes into the next, and many who close at once close once."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest

from tests.business import Business, Json, Maker, call, status, text
from tests.database import Database
from tests.sql.closing import IN_NOVEMBER, IN_OCTOBER, NOVEMBER, OCTOBER, SUMS, check, entries, lines
from tests.sql.money import (
    MARKETING,
    UTILITY,
    ZERO,
    amounts,
    bill,
    booked,
    close,
    costing,
    deliver,
    flow_delivers,
    ist,
    price,
    settle,
    statement,
    this_month,
)


def months(business: Business) -> list[str]:
    """The months that have a statement."""
    return [row["month"] for row in business.table("public.usage_statements", "month")]


# Late -----------------------------------------------------------------------------------------------------


def test_late_status_is_in_the_first_open_month_and_the_closed_one_stays(business: Business) -> None:
    bill(business)
    deliver(business, price("marketing"), at=IN_OCTOBER)
    closed = close(business, OCTOBER)
    deliver(business, price("utility"), price("utility"), None, at="2026-10-31T23:59:59")
    deliver(business, price("marketing"), at="2026-03-01T12:00")
    deliver(business, price("marketing"), at=IN_NOVEMBER)

    assert statement(business, OCTOBER) == closed
    assert lines(statement(business, NOVEMBER)) == {
        "marketing": (2, 2 * MARKETING, 0, 2 * MARKETING),
        "utility": (2, 2 * UTILITY, 0, 2 * UTILITY),
        "needs_review": (1, 0, 0, 0),
    }
    assert statement(business, "2026-03")["messages"] == 0
    assert statement(business, "2026-12")["messages"] == 0


def test_message_of_a_later_month_is_in_its_own(business: Business) -> None:
    close(business, OCTOBER)
    deliver(business, costing("1"), at="2026-12-31T23:59:59")

    assert [entry[-1] for entry in entries(business)] == ["2026-12"]


def test_price_that_changes_later_is_taken_back_under_the_old_category(business: Business) -> None:
    bill(business, percent="10")
    (wamid,) = flow_delivers(business, None, at=IN_OCTOBER)
    business.told(status(wamid, "sent", pricing=price("marketing")))
    closed = close(business, OCTOBER)
    assert lines(closed) == {"marketing": (1, MARKETING, Decimal("0.08631"), Decimal("0.94941"))}

    business.told(status(wamid, "read", ist(IN_NOVEMBER), pricing=price("utility")))

    assert statement(business, OCTOBER) == closed
    told = statement(business, NOVEMBER)
    assert lines(told) == {
        "marketing": (-1, -MARKETING, -Decimal("0.08631"), -Decimal("0.94941")),
        "utility": (1, UTILITY, Decimal("0.0115"), Decimal("0.1265")),
    }
    assert (told["messages"], Decimal(told["billed"])) == (0, Decimal("-0.82291"))
    assert sorted(entries(business)[-4:]) == [
        ("markup", -Decimal("0.08631"), "marketing", True, NOVEMBER), ("markup", Decimal("0.0115"), "utility", False, NOVEMBER),
        ("meta_cost", -MARKETING, "marketing", True, NOVEMBER), ("meta_cost", UTILITY, "utility", False, NOVEMBER),
    ]  # fmt: skip


def test_price_that_comes_later_takes_the_review_back(business: Business) -> None:
    (wamid,) = deliver(business, None, at=IN_OCTOBER)
    closed = close(business, OCTOBER)
    assert lines(closed) == {"needs_review": (1, 0, 0, 0)}

    business.told(status(wamid, "read", ist(IN_NOVEMBER), pricing=price("marketing")))

    assert statement(business, OCTOBER) == closed
    assert lines(statement(business, NOVEMBER)) == {
        "marketing": (1, MARKETING, 0, 0),
        "needs_review": (-1, 0, 0, 0),
    }


def test_price_that_turns_doubtful_later_is_taken_back_whole(business: Business) -> None:
    bill(business, per_message="0.10")
    (wamid,) = flow_delivers(business, price("marketing"), at=IN_OCTOBER)
    close(business, OCTOBER)

    business.told(status(wamid, "read", ist(IN_NOVEMBER), pricing=price("utility")))

    assert lines(statement(business, NOVEMBER)) == {
        "marketing": (-1, -MARKETING, -Decimal("0.10"), -MARKETING - Decimal("0.10")),
        "needs_review": (1, 0, 0, 0),
    }


def test_message_that_flow_turns_out_to_have_sent_gets_its_markup_in_the_open_month(
    business: Business,
) -> None:
    bill(business, per_message="0.10")
    (message,) = business.send("+919810000011")
    claim = business.claim()
    business.told(status(f"wamid.{message}", "delivered", ist(IN_OCTOBER), pricing=price("utility")))
    closed = close(business, OCTOBER)
    assert lines(closed) == {"utility": (1, UTILITY, 0, UTILITY)}

    business.record(claim)

    assert statement(business, OCTOBER) == closed
    assert lines(statement(business, NOVEMBER)) == {"utility": (0, 0, Decimal("0.10"), Decimal("0.10"))}


@pytest.mark.parametrize("moment", ["2026-10-14T12:00", "2026-09-30T12:00", "2026-10-01T00:00"])
def test_another_moment_alone_books_nothing_once_the_month_is_closed(business: Business, moment: str) -> None:
    bill(business, per_message="0.10")
    (wamid,) = flow_delivers(business, price("marketing"), at=IN_OCTOBER)
    closed = close(business, OCTOBER)
    before = entries(business)

    business.told(status(wamid, "read", ist(moment), pricing=price("marketing")))

    assert entries(business) == before
    assert statement(business, OCTOBER) == closed
    assert statement(business, NOVEMBER)["lines"] == []


def test_another_moment_moves_a_message_to_its_month_while_both_are_open(business: Business) -> None:
    (wamid,) = deliver(business, price("marketing"), at="2026-10-01T00:00:00")
    business.told(status(wamid, "read", ist("2026-09-30T23:59:59"), pricing=price("marketing")))

    assert statement(business, OCTOBER)["lines"] == []
    assert lines(statement(business, "2026-09")) == {"marketing": (1, MARKETING, 0, 0)}


def test_what_is_booked_and_taken_back_within_a_month_leaves_no_line(business: Business) -> None:
    (wamid,) = deliver(business, None, at=IN_OCTOBER)
    business.told(status(wamid, "sent", pricing=price("marketing")))
    business.told(status(wamid, "read", ist(IN_OCTOBER), pricing=price("utility")))

    told = close(business, OCTOBER)

    assert lines(told) == {"utility": (1, UTILITY, 0, 0)}
    assert [d["category"] for d in told["details"]] == ["utility"]


def test_correction_of_a_correction_goes_month_by_month(business: Business) -> None:
    bill(business)
    (wamid,) = deliver(business, None, at="2026-08-15T12:00")
    told = [close(business, "2026-08")]
    for month, word, said in [
        ("2026-09", "failed", price("utility")), ("2026-10", "sent", price("marketing")), ("2026-11", "read", costing("0.5")),
    ]:  # fmt: skip
        business.told(status(wamid, word, ist(f"{month}-10T12:00"), pricing=said))
        told.append(close(business, month) if month < "2026-11" else statement(business, month))

    assert [lines(one) for one in told] == [
        {"needs_review": (1, 0, 0, 0)},
        {"needs_review": (-1, 0, 0, 0), "utility": (1, UTILITY, 0, UTILITY)},
        {"utility": (-1, -UTILITY, 0, -UTILITY), "marketing": (1, MARKETING, 0, MARKETING)},
        {"marketing": (0, Decimal("0.5") - MARKETING, 0, Decimal("0.5") - MARKETING)},
    ]
    assert sum(Decimal(one["billed"]) for one in told) == booked(business) == Decimal("0.5")


# Order ----------------------------------------------------------------------------------------------------


def test_months_close_in_order(business: Business, db: Database) -> None:
    deliver(business, price("marketing"), at="2026-08-31T23:59:59")
    deliver(business, price("marketing"), at=IN_OCTOBER)

    for month in (OCTOBER, "2026-09"):
        refusal = db.refusal("select worker.close_month(%s, %s)", business.org_id, month)
        assert (refusal.sqlstate, refusal.detail) == ("PT409", "earlier_month_open")
        assert "2026-08" in refusal.message
    assert months(business) == []

    for month in ("2026-08", OCTOBER):
        close(business, month)
    assert months(business) == ["2026-08", OCTOBER]


def test_months_without_entries_close_with_a_later_one(business: Business, db: Database) -> None:
    deliver(business, price("marketing"), at=IN_OCTOBER)
    close(business, OCTOBER)

    before = statement(business, "2026-08")

    assert (before["closed"], before["closed_at"], before["lines"], before["total"]) == (
        True,
        None,
        [],
        "0.00",
    )
    assert close(business, "2026-08") == before
    assert months(business) == [OCTOBER]
    deliver(business, price("utility"), at="2026-08-15T12:00")
    assert statement(business, "2026-08") == before
    assert lines(statement(business, NOVEMBER)) == {"utility": (1, UTILITY, 0, 0)}


def test_month_that_is_not_over_stays_open_and_says_when_it_ends(business: Business, db: Database) -> None:
    month = this_month(db)
    end = db.value("select (date_trunc('month', now() at time zone 'Asia/Kolkata') + interval '1 month') at time zone 'Asia/Kolkata'")  # fmt: skip

    refusal = db.refusal("select worker.close_month(%s, %s)", business.org_id, month)
    later = db.refusal("select worker.close_month(%s, '2999-12')", business.org_id)

    assert (refusal.sqlstate, refusal.detail) == ("PT409", "month_not_over")
    assert month in refusal.message
    assert datetime.fromisoformat(refusal.hint.removeprefix("retry_at=")) == end.astimezone(UTC)
    assert later.detail == "month_not_over"
    assert months(business) == []
    last = db.value("select to_char(date_trunc('month', now() at time zone 'Asia/Kolkata') - interval '1 day', 'YYYY-MM')")  # fmt: skip
    assert close(business, last)["closed"]


def test_month_closed_again_is_as_it_was_closed(business: Business, db: Database) -> None:
    bill(business, per_message="0.10")
    flow_delivers(business, price("marketing"), None, at=IN_OCTOBER)
    first = close(business, OCTOBER)
    deliver(business, price("marketing"), at=IN_OCTOBER)
    db.execute("select pg_sleep(0.01)")

    assert close(business, OCTOBER) == first
    assert months(business) == [OCTOBER]
    assert [row["action"] for row in business.table("public.audit_log")].count("ledger.closed") == 1


def test_empty_month_closes_with_a_statement_of_nothing(business: Business) -> None:
    told = close(business, OCTOBER)

    assert (told["messages"], told["lines"], told["details"], told["others"]) == (0, [], [], [])
    assert amounts(told, *SUMS) == (ZERO,) * 9
    assert (told["meta_cost"], told["taxable"]) == ("0.000000", "0.00")
    assert months(business) == [OCTOBER]


@pytest.mark.parametrize(
    "month",
    [
        "2026-13",
        "2026-00",
        "0000-10",
        "26-10",
        "2026-1",
        "2026-10-01",
        "soon",
        "",
        None,
    ],
)
def test_month_that_is_none_is_refused(business: Business, db: Database, month: str | None) -> None:
    for function in ("close_month", "statement"):
        refusal = db.refusal(f"select worker.{function}(%s, %s)", business.org_id, month)
        assert (refusal.sqlstate, refusal.detail) == ("PT422", "month_invalid")


def test_unknown_organization_has_no_statement(db: Database) -> None:
    for function in ("close_month(gen_random_uuid(), '2026-10')", "statement(gen_random_uuid(), '2026-10')",
                     "check_ledger(gen_random_uuid())"):  # fmt: skip
        assert db.refusal(f"select worker.{function}").sqlstate == "PT404"


def test_closing_is_noted(business: Business) -> None:
    close(business, OCTOBER)

    (noted,) = [row for row in business.table("public.audit_log") if row["action"] == "ledger.closed"]
    assert (noted["object_type"], noted["object_id"], noted["actor_role"]) == (
        "usage_statement",
        OCTOBER,
        "worker",
    )


# At once --------------------------------------------------------------------------------------------------


def waits(db: Database, pid: int, thread: threading.Thread) -> bool:
    """Whether a connection comes to wait for a lock of another before its work is done."""
    query = "select coalesce(wait_event_type = 'Lock', false) from pg_stat_activity where pid = %s"
    while thread.is_alive():
        if db.value(query, pid):
            return True
        time.sleep(0.01)
    return False


def in_background(work: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    """Begin some work beside; its result, or what went wrong, comes into the list."""
    result: list[Any] = []

    def go() -> None:
        try:
            result.append(work())
        except BaseException as trouble:  # noqa: BLE001
            result.append(trouble)

    thread = threading.Thread(target=go)
    thread.start()
    return thread, result


def test_closing_waits_for_who_is_booking_and_counts_it(
    lasting: Maker, connect: Callable[[], Database]
) -> None:
    business, closer = lasting(), connect()
    with business.db.transaction():
        deliver(business, costing("1.5"), at=IN_OCTOBER)
        thread, result = in_background(
            lambda: call(closer, "close_month", org_id=business.org_id, month=OCTOBER)
        )
        assert waits(business.db, closer.info.backend_pid, thread)
        assert result == []
    thread.join(20)

    (told,) = result
    assert (told["closed"], told["messages"], told["meta_cost"]) == (True, 1, "1.500000")
    assert check(business)["ok"]


def test_booking_waits_for_who_is_closing_and_lands_in_the_next_month(
    lasting: Maker, connect: Callable[[], Database]
) -> None:
    business, closer = lasting(), connect()
    deliver(business, costing("1"), at=IN_OCTOBER)
    with closer.transaction():
        closed = call(closer, "close_month", org_id=business.org_id, month=OCTOBER)
        thread, result = in_background(lambda: deliver(business, costing("1.5"), at=IN_OCTOBER))
        assert waits(closer, business.db.info.backend_pid, thread)
        assert result == []
    thread.join(20)

    assert not isinstance(result[0], BaseException), result
    assert statement(business, OCTOBER) == closed
    assert [entry[-1] for entry in entries(business)] == [OCTOBER, NOVEMBER]
    assert lines(statement(business, NOVEMBER)) == {"marketing": (1, Decimal("1.5"), 0, 0)}
    settle(business)
    assert check(business)["ok"]


def test_closing_of_one_organization_holds_up_no_other(
    lasting: Maker, connect: Callable[[], Database]
) -> None:
    one, two, closer = lasting(), lasting(), connect()
    with closer.transaction():
        call(closer, "close_month", org_id=one.org_id, month=OCTOBER)
        two.db.execute("set lock_timeout = '2s'")
        deliver(two, costing("1"), at=IN_OCTOBER)

    assert [entry[-1] for entry in entries(two)] == [OCTOBER]
    settle(two)


def test_two_who_close_at_once_close_once(lasting: Maker, connect: Callable[[], Database]) -> None:
    business, others = lasting(), [connect() for _ in range(4)]
    deliver(business, costing("1"), at=IN_OCTOBER)

    begun = [
        in_background(lambda db=db: call(db, "close_month", org_id=business.org_id, month=OCTOBER))
        for db in others
    ]
    for thread, _ in begun:
        thread.join(20)

    told = [result for _, (result,) in begun]
    assert told == [told[0]] * 4
    assert told[0]["closed"]
    assert months(business) == [OCTOBER]


def test_bookings_amid_closings_are_each_in_one_month_and_none_is_lost(
    lasting: Maker, connect: Callable[[], Database]
) -> None:
    business, workers = lasting(), [connect() for _ in range(4)]
    closed: list[Json] = []

    def book(db: Database, n: int) -> None:
        mine = Business.__new__(Business)
        mine.__dict__ |= business.__dict__ | {"db": db}
        for month in ("07", "08", "09", "10"):
            for _ in range(5):
                deliver(mine, costing("0.01", ["utility", "marketing"][n % 2]), at=f"2026-{month}-15T12:00")

    begun = [in_background(lambda db=db, n=n: book(db, n)) for n, db in enumerate(workers)]
    for month in ("2026-07", "2026-08", "2026-09", "2026-10"):
        while not business.db.value(
            "select count(*) from public.usage_ledger where org_id = %s and statement_month = %s",
            business.org_id, month,
        ) and any(thread.is_alive() for thread, _ in begun):  # fmt: skip
            time.sleep(0.005)
        closed.append(close(business, month))
    for thread, _ in begun:
        thread.join(30)

    assert [result for _, result in begun] == [[None]] * 4
    settle(business)
    assert [statement(business, one["month"]) for one in closed] == closed
    whole = [*closed, statement(business, NOVEMBER)]
    assert sum(one["messages"] for one in whole) == 80
    assert sum(Decimal(one["meta_cost"]) for one in whole) == Decimal("0.80")
    assert check(business)["ok"]


def test_booking_of_a_transaction_that_began_before_the_closing_is_in_no_closed_month(
    lasting: Maker, connect: Callable[[], Database]
) -> None:
    """A rebuild sees one picture of the database from its first moment on, and replays what is missing."""
    business, closer = lasting(), connect()
    deliver(business, costing("1"), at=IN_OCTOBER)
    business.db.execute("begin isolation level repeatable read")
    business.db.execute("select count(*) from public.organizations")
    closed = call(closer, "close_month", org_id=business.org_id, month=OCTOBER)

    try:
        deliver(business, costing("5"), at=IN_OCTOBER)
        business.db.execute("commit")
    except psycopg.errors.SerializationFailure:
        business.db.execute("rollback")
        deliver(business, costing("5"), at=IN_OCTOBER)

    assert [entry[-1] for entry in entries(business)] == [OCTOBER, NOVEMBER]
    assert statement(business, OCTOBER) == closed
    settle(business)
    assert check(business)["ok"]


def test_closing_and_a_webhook_that_finds_two_people_to_be_one_wait_for_each_other_in_one_order(
    lasting: Maker, connect: Callable[[], Database]
) -> None:
    business, closer = lasting(), connect()
    (message,) = business.send("+919810000011")
    business.record(business.claim())
    business.told(status(f"wamid.{message}", "delivered", ist(IN_OCTOBER), pricing=price("utility")))
    business.hear(text("in1", at=business.now(), sender=None, user="IN.777"))

    with business.db.transaction():
        # One webhook does both: first the people, then the prices.
        business.hear(text("in2", at=business.now(), sender="919810000011", user="IN.777"))
        thread, result = in_background(
            lambda: call(closer, "close_month", org_id=business.org_id, month=OCTOBER)
        )
        waits(business.db, closer.info.backend_pid, thread)
        deliver(business, costing("1"), at=IN_OCTOBER)
    thread.join(20)

    assert not isinstance(result[0], BaseException), result
    assert result[0]["closed"]
