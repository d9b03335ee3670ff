"""Whose an entry is, also after an account moved, and which month it belongs to."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

import pytest

from tests.business import Business, call, fresh_org
from tests.database import Database
from tests.sql.ledger import (
    ASHA,
    FREE,
    LATE_OCTOBER,
    MARKETING,
    NOVEMBER,
    NOW,
    OCTOBER,
    UTILITY,
    Row,
    W,
    account,
    cost,
    delivered,
    echo,
    ledger,
    markup,
    plan,
    read,
    said,
    sent,
    standing,
    tell,
)
from tests.sql.money import ist, price

# How it is told, and how it is read -----------------------------------------------------------------------


def closed(business: Business, month: str) -> None:
    """Close a month, as far as the ledger is concerned."""
    business.db.execute(
        "insert into public.ledger_closings (org_id, closed_through) values (%s, %s)"
        " on conflict (org_id) do update set closed_through = excluded.closed_through",
        [business.org_id, f"{month}-01"],
    )


# R24: whose message ---------------------------------------------------------------------------------------


def test_message_of_another_app_has_a_cost_and_no_markup(billed: Business) -> None:
    tell(billed, delivered(UTILITY))

    assert [(row.entry, row.amount) for row in ledger(billed)] == [("meta_cost", Decimal("0.115"))]


def test_markup_is_written_when_flow_learns_late_that_it_sent_the_message(billed: Business) -> None:
    (message,) = billed.send("+919810000011")
    claim = billed.claim()
    tell(billed, delivered(UTILITY, wamid=f"wamid.{message}"))
    rows = ledger(billed, f"wamid.{message}")
    assert [row.entry for row in rows] == ["meta_cost"]
    billed.record(claim)

    late = ledger(billed, f"wamid.{message}")
    assert late[:1] == rows
    assert [(row.entry, row.amount, row.message_id) for row in late[1:]] == [
        ("markup", Decimal("0.615"), message)
    ]
    billed.record(claim)
    assert ledger(billed, f"wamid.{message}") == late


def test_markup_is_written_when_the_answer_comes_after_its_lease_has_passed_to_another(
    billed: Business,
) -> None:
    (message,) = billed.send("+919810000011")
    claim = billed.claim()
    tell(billed, delivered(UTILITY, wamid=f"wamid.{message}"))
    billed.record(claim | {"lease": str(uuid4())})

    assert billed.message(message)["status"] == "delivered"
    assert markup(billed, f"wamid.{message}") == Decimal("0.615")


def test_markup_is_written_when_a_later_status_names_the_message(billed: Business) -> None:
    message = billed.sent()
    tell(billed, delivered(UTILITY))
    assert markup(billed) is None
    tell(billed, sent(biz_opaque_callback_data=f"flow.{message}"))

    assert markup(billed) == Decimal("0.615")


def test_callback_id_names_a_message_whose_answer_never_came(billed: Business) -> None:
    (message,) = billed.send("+919810000011")
    billed.record(billed.claim(), outcome="unknown")
    tell(billed, delivered(UTILITY, biz_opaque_callback_data=f"flow.{message}"))

    assert (billed.message(message)["wamid"], markup(billed)) == (W, Decimal("0.615"))


def test_message_that_went_out_twice_is_charged_twice(billed: Business) -> None:
    message = billed.sent()
    known = f"wamid.{message}"
    tell(
        billed, delivered(UTILITY, wamid=known, biz_opaque_callback_data=f"flow.{message}"),
        delivered(UTILITY, wamid="wamid.again", biz_opaque_callback_data=f"flow.{message}"),
    )  # fmt: skip

    for wamid in (known, "wamid.again"):
        assert (cost(billed, wamid).amount, markup(billed, wamid)) == (Decimal("0.115"), Decimal("0.615"))
        assert cost(billed, wamid).message_id == message


def test_callback_id_of_another_organizations_message_gives_no_markup(db: Database, billed: Business) -> None:
    other = Business(db, fresh_org(db, "Other"))
    plan(other)
    theirs = other.sent()
    tell(billed, delivered(UTILITY, biz_opaque_callback_data=f"flow.{theirs}"))

    assert [(row.entry, row.message_id) for row in ledger(billed)] == [("meta_cost", None)]
    assert ledger(other) == []


def test_wamid_of_another_organizations_message_gives_no_markup(db: Database, billed: Business) -> None:
    other = Business(db, fresh_org(db, "Other"))
    plan(other)
    theirs = f"wamid.{other.sent()}"
    tell(billed, delivered(UTILITY, wamid=theirs))

    assert [row.entry for row in ledger(billed)] == ["meta_cost"]
    assert ledger(other) == []


@pytest.mark.parametrize(
    "callback", ["flow.999999999999999999", "flow.", "flow.x", "{id}", "Flow.{id}", "flow.{id} ", "flow.-1"]
)
def test_callback_that_names_no_message_gives_no_markup(billed: Business, callback: str) -> None:
    told = callback.format(id=billed.sent())
    assert tell(billed, delivered(UTILITY, biz_opaque_callback_data=told))["dead"] == 0

    assert [row.entry for row in ledger(billed)] == ["meta_cost"]


def test_callback_id_of_a_message_that_was_received_gives_no_markup(billed: Business) -> None:
    billed.hear(
        {"from": ASHA, "id": "wamid.in", "timestamp": str(NOW), "type": "text", "text": {"body": "Hi"}}
    )
    inbound = billed.message("wamid.in")["id"]
    tell(billed, delivered(UTILITY, biz_opaque_callback_data=f"flow.{inbound}"))

    assert [row.entry for row in ledger(billed)] == ["meta_cost"]


# Disconnected, and moved ----------------------------------------------------------------------------------


def test_disconnected_number_is_charged_for_what_it_sent_and_for_nothing_else(
    db: Database, billed: Business
) -> None:
    wamid = f"wamid.{billed.sent()}"
    tell(billed, delivered(UTILITY, wamid="wamid.before"))
    call(db, "disconnect_whatsapp", org_id=billed.org_id)
    tell(
        billed,
        delivered(UTILITY, wamid=wamid),
        delivered(UTILITY, wamid="wamid.foreign"),
        read(MARKETING, wamid="wamid.before"),
    )

    assert (cost(billed, wamid).amount, markup(billed, wamid)) == (Decimal("0.115"), Decimal("0.615"))
    assert ledger(billed, "wamid.foreign") == []
    assert cost(billed, "wamid.before").review_reason == "conflicting_pricing"  # a message of its time


def test_paused_number_is_charged_like_any_other(db: Database, business: Business) -> None:
    db.execute(
        "update public.whatsapp_numbers set status = 'paused', paused_reason = 'x' where id = %s",
        [business.number_id],
    )
    tell(business, delivered(UTILITY))

    assert cost(business).amount == Decimal("0.115")


@pytest.fixture
def moved(db: Database) -> tuple[Business, Business, int, int]:
    """A number that moved from one organization to another: what each sent by it, the first before the move."""
    first = Business(db, fresh_org(db, "First"))
    plan(first)
    one, late = first.send("+919810000011", "+919810000022")
    claim = first.claim()
    first.record(claim, only=[one])
    call(db, "disconnect_whatsapp", org_id=first.org_id)
    second = Business(db, fresh_org(db, "Second"), waba=first.waba, number=first.phone_number_id)
    plan(second, {"markup": [{"from": "2020-01-01", "per_message": "3"}]})
    first.late = lambda: first.record(claim, only=[late])  # type: ignore[attr-defined]
    return first, second, one, late


def holders(wamid: str, *businesses: Business) -> list[int]:
    """Which of them have a live entry of the message."""
    return [n for n, business in enumerate(businesses) if standing(business, "meta_cost", wamid)]


def test_message_is_in_the_ledger_of_who_sent_it_though_the_number_moved(
    moved: tuple[Business, Business, int, int],
) -> None:
    first, second, one, _ = moved
    theirs = second.sent("+919810000033")
    tell(
        second,
        *(delivered(UTILITY, wamid=wamid) for wamid in (f"wamid.{one}", f"wamid.{theirs}", "wamid.foreign")),
    )

    assert holders(f"wamid.{one}", first, second) == [0]
    assert holders(f"wamid.{theirs}", first, second) == [1]
    assert holders("wamid.foreign", first, second) == [1]
    assert markup(first, f"wamid.{one}") == Decimal("0.615")
    assert markup(second, f"wamid.{theirs}") == Decimal(3)
    assert ledger(second, f"wamid.{one}") == ledger(first, f"wamid.{theirs}") == []


@pytest.mark.parametrize("is_named", [False, True], ids=["bare", "with the callback id"])
def test_message_whose_answer_comes_after_the_move_leaves_the_other_ledger(
    moved: tuple[Business, Business, int, int], is_named: bool
) -> None:
    first, second, _, late = moved
    wamid = f"wamid.{late}"
    callback = {"biz_opaque_callback_data": f"flow.{late}"} if is_named else {}
    tell(second, delivered(UTILITY, wamid=wamid, **callback))
    first.late()  # type: ignore[attr-defined]
    tell(second, read(UTILITY, wamid=wamid, **callback))

    assert holders(wamid, first, second) == [0]
    assert (markup(first, wamid), markup(second, wamid)) == (Decimal("0.615"), None)
    assert sum(row.amount for row in ledger(second, wamid)) == 0


def test_message_that_was_charged_before_the_move_is_not_charged_again_by_a_later_status(
    db: Database,
) -> None:
    first = Business(db, fresh_org(db, "First"))
    tell(first, delivered(UTILITY))
    call(db, "disconnect_whatsapp", org_id=first.org_id)
    second = Business(db, fresh_org(db, "Second"), waba=first.waba, number=first.phone_number_id)
    tell(second, read(UTILITY))

    assert holders(W, first, second) == [0]


# R27, R28: months -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "month"),
    [
        ("2026-10-31T23:59:59", "2026-10"),
        ("2026-11-01T00:00:00", "2026-11"),
        ("2026-12-31T23:59:59", "2026-12"),
        ("2028-02-29T12:00", "2028-02"),
    ],
)
@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/New_York", "Pacific/Auckland"])
def test_month_is_that_of_india(business: Business, zone: str, at: str, month: str) -> None:
    account(business, time_zone=zone)
    tell(business, delivered(MARKETING, ist(at)))

    assert cost(business).statement_month == month


def test_month_of_a_moment_beyond_the_year_9999_is_one(business: Business) -> None:
    tell(business, delivered(FREE, "999999999999"))
    assert cost(business).statement_month == "33658-09"


Brief = tuple[str, str, str | None, str, bool]


def brief(rows: list[Row]) -> list[Brief]:
    """What rows say, without what never differs."""
    return [
        (row.entry, f"{row.amount:.4f}", row.category, row.statement_month, row.reverses is not None)
        for row in rows
    ]


def test_new_message_of_a_closed_month_is_booked_as_itself_in_the_first_open_one(billed: Business) -> None:
    wamid = f"wamid.{billed.sent()}"
    closed(billed, "2026-11")
    tell(billed, delivered(UTILITY, OCTOBER, wamid))

    assert brief(ledger(billed)) == [
        ("markup", "0.0500", "utility", "2026-12", False), ("meta_cost", "0.1150", "utility", "2026-12", False),
    ]  # fmt: skip
    assert cost(billed, wamid).seconds == OCTOBER


def test_price_that_changes_after_the_closing_is_taken_back_and_booked_in_the_next_month(
    billed: Business,
) -> None:
    wamid = f"wamid.{billed.sent()}"
    tell(billed, sent(MARKETING, OCTOBER, wamid), delivered(at=OCTOBER, wamid=wamid))
    rows = ledger(billed)
    closed(billed, "2026-10")
    tell(billed, read(UTILITY, LATE_OCTOBER, wamid))

    assert ledger(billed)[:2] == rows
    assert brief(ledger(billed)) == [
        ("markup", "0.0963", "marketing", "2026-10", False), ("meta_cost", "0.8631", "marketing", "2026-10", False),
        ("markup", "-0.0963", "marketing", "2026-11", True), ("meta_cost", "-0.8631", "marketing", "2026-11", True),
        ("markup", "0.0500", "utility", "2026-11", False), ("meta_cost", "0.1150", "utility", "2026-11", False),
    ]  # fmt: skip


def test_price_that_comes_after_the_closing_takes_the_review_back_in_the_next_month(
    business: Business,
) -> None:
    tell(business, delivered(at=OCTOBER))
    closed(business, "2026-10")
    tell(business, read(MARKETING, LATE_OCTOBER))

    assert brief(ledger(business)) == [
        ("meta_cost", "0.0000", None, "2026-10", False), ("meta_cost", "0.0000", None, "2026-11", True),
        ("meta_cost", "0.8631", "marketing", "2026-11", False),
    ]  # fmt: skip
    assert [row.needs_review for row in ledger(business)] == [True, True, False]


def test_category_that_changes_alone_is_a_changed_price(business: Business) -> None:
    tell(business, sent(UTILITY, OCTOBER), delivered(at=OCTOBER))
    closed(business, "2026-10")
    tell(business, read(price("authentication"), LATE_OCTOBER))

    assert brief(ledger(business))[1:] == [
        ("meta_cost", "-0.1150", "utility", "2026-11", True), ("meta_cost", "0.1150", "authentication", "2026-11", False),
    ]  # fmt: skip


def test_correction_of_a_correction_goes_to_the_month_that_is_open_then(business: Business) -> None:
    tell(business, said("failed", MARKETING, OCTOBER), delivered(at=OCTOBER))
    closed(business, "2026-10")
    tell(business, sent(UTILITY, OCTOBER))
    closed(business, "2026-11")
    tell(business, read(FREE, OCTOBER))

    assert brief(ledger(business)) == [
        ("meta_cost", "0.8631", "marketing", "2026-10", False), ("meta_cost", "-0.8631", "marketing", "2026-11", True),
        ("meta_cost", "0.1150", "utility", "2026-11", False), ("meta_cost", "-0.1150", "utility", "2026-12", True),
        ("meta_cost", "0.0000", "utility", "2026-12", False),
    ]  # fmt: skip


def test_moment_alone_books_nothing_in_a_closed_month(billed: Business) -> None:
    wamid = f"wamid.{billed.sent()}"
    tell(billed, delivered(UTILITY, LATE_OCTOBER, wamid))
    rows = ledger(billed)
    closed(billed, "2026-10")
    for at in (LATE_OCTOBER - 60, OCTOBER, ist("2026-09-30T12:00")):
        tell(billed, read(UTILITY, at, wamid))
    assert ledger(billed) == rows

    # The moment is known all the same, where it changes the rate.
    tell(billed, said("played", at=ist("2025-06-30T12:00"), wamid=wamid))
    assert cost(billed, wamid).review_reason == "no_rate"


def test_moment_alone_moves_a_message_while_its_month_is_open(billed: Business) -> None:
    wamid = f"wamid.{billed.sent()}"
    tell(billed, delivered(MARKETING, NOVEMBER, wamid))
    tell(billed, read(MARKETING, LATE_OCTOBER, wamid))
    assert brief(ledger(billed)) == [
        ("markup", "0.1079", "marketing", "2026-11", False), ("meta_cost", "0.8631", "marketing", "2026-11", False),
        ("markup", "-0.1079", "marketing", "2026-11", True), ("meta_cost", "-0.8631", "marketing", "2026-11", True),
        ("markup", "0.0963", "marketing", "2026-10", False), ("meta_cost", "0.8631", "marketing", "2026-10", False),
    ]  # fmt: skip

    rows = ledger(billed)
    tell(billed, read(MARKETING, LATE_OCTOBER - 60, wamid))
    assert [row.statement_month for row in ledger(billed)[len(rows) :]] == ["2026-10"] * 4
    assert cost(billed, wamid).seconds == LATE_OCTOBER - 60


def test_moment_in_a_closed_month_leaves_a_message_of_the_open_one_where_it_is(business: Business) -> None:
    closed(business, "2026-10")
    tell(business, delivered(MARKETING, NOVEMBER))
    tell(business, read(MARKETING, OCTOBER))

    assert {row.statement_month for row in ledger(business)} == {"2026-11"}
    assert (cost(business).amount, cost(business).seconds) == (Decimal("0.8631"), OCTOBER)


def test_markup_that_is_due_late_is_booked_in_the_open_month_beside_the_closed_cost(billed: Business) -> None:
    (message,) = billed.send("+919810000011")
    claim = billed.claim()
    tell(billed, delivered(UTILITY, OCTOBER, f"wamid.{message}"))
    closed(billed, "2026-10")
    billed.record(claim)

    assert brief(ledger(billed)) == [
        ("meta_cost", "0.1150", "utility", "2026-10", False), ("markup", "0.0500", "utility", "2026-11", False),
    ]  # fmt: skip


def test_echo_after_the_closing_is_taken_back_in_the_open_month(business: Business) -> None:
    tell(business, delivered(MARKETING, OCTOBER))
    closed(business, "2026-10")
    echo(business)

    assert brief(ledger(business)) == [
        ("meta_cost", "0.8631", "marketing", "2026-10", False), ("meta_cost", "-0.8631", "marketing", "2026-11", True),
    ]  # fmt: skip


def test_closing_of_one_organization_says_nothing_of_another(db: Database, business: Business) -> None:
    other = Business(db, fresh_org(db, "Other"))
    closed(other, "2026-12")
    tell(business, delivered(MARKETING, OCTOBER))

    assert cost(business).statement_month == "2026-10"
