"""Nothing in the ledger is ever changed, and many who write at once write once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from decimal import Decimal

import psycopg
import pytest

from tests.business import Business, Json, call, post, webhook
from tests.database import Database
from tests.sql.ledger import (
    MARKETING,
    NOW,
    OCTOBER,
    UTILITY,
    cost,
    delivered,
    ledger,
    markup,
    plan,
    read,
    sent,
    tell,
)

Maker = Callable[..., Business]


# Append-only ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "attempt",
    [
        "update public.usage_ledger set amount = 0",
        "update public.usage_ledger set note = 'x'",
        "update public.usage_ledger set statement_month = '2026-12', is_billed = false",
        "delete from public.usage_ledger",
        "truncate public.usage_ledger",
        "truncate public.usage_ledger cascade",
    ],
)
def test_ledger_is_append_only_for_its_owner_too(db: Database, business: Business, attempt: str) -> None:
    tell(business, delivered(MARKETING))
    rows = ledger(business)
    assert db.value("select tableowner from pg_tables where tablename = 'usage_ledger'") == db.value(
        "select current_user"
    )
    refusal = db.refusal(attempt)

    assert (refusal.sqlstate, refusal.detail) == ("PT405", "append_only")
    assert ledger(business) == rows


COPIED = (
    "org_id, wamid, entry, amount, currency, category, pricing_type, billable_at, needs_review, review_reason, reverses, statement_month,"
    " version, is_billed, account_id, number_id, source"
)


def copied(**other: str) -> str:
    """A statement that inserts a row like the first of the ledger, with other values."""
    columns = [other.get(column, column) for column in COPIED.split(", ")]
    return f"insert into public.usage_ledger ({COPIED}) select {', '.join(columns)} from public.usage_ledger where id = %s"


@pytest.mark.parametrize(
    ("other", "constraint"),
    [
        pytest.param({}, "ledger_entry_is_booked_once", id="two live rows"),
        pytest.param({"amount": "-amount"}, "ledger_amount_is_negative_only_when_it_reverses", id="negative amount"),
        pytest.param({"version": "99", "reverses": "id"}, "ledger_amount_is_negative_only_when_it_reverses", id="reversal with a positive amount"),
        pytest.param({"version": "99", "needs_review": "true"}, "ledger_review_has_a_reason_and_no_amount", id="review without a reason"),
        pytest.param({"version": "99", "needs_review": "true", "review_reason": "'no_rate'"}, "ledger_review_has_a_reason_and_no_amount", id="review with an amount"),
        pytest.param({"version": "99", "entry": "'tax'"}, "ledger_entry_kind_is_known", id="unknown kind"),
        pytest.param({"version": "99", "statement_month": "'2026-13'"}, "ledger_month_is_a_month", id="month that is none"),
        pytest.param({"version": "99", "reverses": "id + 999999", "amount": "-amount"}, "ledger_entry_reverses_one_of_its_organization", id="reversal of nothing"),
    ],
)  # fmt: skip
def test_table_itself_refuses_what_the_ledger_never_writes(
    db: Database, business: Business, other: dict[str, str], constraint: str
) -> None:
    tell(business, delivered(MARKETING))
    row = cost(business)
    refusal = db.refusal(copied(**other), row.id)

    assert constraint in refusal.message
    assert ledger(business) == [row]


def test_row_is_taken_back_once(db: Database, business: Business) -> None:
    tell(business, delivered(MARKETING))
    row = cost(business)
    db.execute(copied(reverses="id", amount="-amount"), [row.id])

    assert (
        "ledger_entry_is_taken_back_once"
        in db.refusal(copied(reverses="id", amount="-amount"), row.id).message
    )


# Many at once ---------------------------------------------------------------------------------------------


def at_once(connect: Callable[[], Database], *works: Callable[[Database], object]) -> None:
    """Let everybody work on a connection of their own, all from one moment on."""
    barrier = threading.Barrier(len(works))
    troubles: list[BaseException] = []

    def run(work: Callable[[Database], object], db: Database) -> None:
        try:
            barrier.wait(20)
            work(db)
        except BaseException as trouble:  # noqa: BLE001
            troubles.append(trouble)

    threads = [threading.Thread(target=run, args=(work, connect())) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert troubles == []


def posted(db: Database, body: Json) -> Json:
    """Hand a webhook to the database, after a deadlock once more and at most twice, as the worker does."""
    for left in (2, 1, 0):
        try:
            return post(db, body)
        except psycopg.errors.DeadlockDetected:
            if not left:
                raise
    raise AssertionError


def test_same_statuses_from_8_connections_at_once_give_one_live_entry_each(
    lasting: Maker, connect: Callable[[], Database]
) -> None:
    business = lasting()
    plan(business)
    ids = business.send(*(f"+91981000{n:04}" for n in range(12)))
    business.record(business.claim())
    wamids = [*(f"wamid.{message}" for message in ids), *(f"wamid.foreign.{n}" for n in range(12))]
    told = [
        one
        for n, wamid in enumerate(wamids)
        for one in (
            sent(MARKETING, NOW, wamid),
            delivered(None, NOW + 30 + n, wamid),
            read(UTILITY if n % 2 else None, NOW + 60, wamid),
        )
    ]

    def work(mine: int) -> Callable[[Database], object]:
        # Each in an order and in POSTs of its own.
        order = told[mine * 7 :] + told[: mine * 7]
        order = order[::-1] if mine % 2 else order
        size = (len(order), 9, 1, 25)[mine % 4]
        bodies = [
            webhook(business.change({"statuses": order[i : i + size]}), waba=business.waba)
            for i in range(0, len(order), size)
        ]
        return lambda db: [posted(db, body) for body in bodies]

    at_once(connect, *(work(mine) for mine in range(8)))

    assert business.table("private.dead_letters") == []
    for n, wamid in enumerate(wamids):
        row = cost(business, wamid)
        assert (row.category, row.amount) == (
            ("utility", Decimal("0.115")) if n % 2 else ("marketing", Decimal("0.8631"))
        )
        assert row.seconds == NOW + 30 + n
        expected = (Decimal("0.615") if n % 2 else Decimal("0.107888")) if n < 12 else None
        assert markup(business, wamid) == expected
    rows = ledger(business)
    tell(business, *told)
    assert ledger(business) == rows


def test_one_status_from_8_connections_at_once_is_one_row(
    lasting: Maker, connect: Callable[[], Database]
) -> None:
    business = lasting()
    for n in range(10):
        body = webhook(
            business.change({"statuses": [delivered(UTILITY, wamid=f"wamid.{n}")]}), waba=business.waba
        )
        at_once(connect, *([lambda db, body=body: post(db, body)] * 8))

    assert [(row.wamid, row.amount) for row in ledger(business)] == [
        (f"wamid.{n}", Decimal("0.115")) for n in range(10)
    ]


def test_answer_and_status_at_once_are_one_cost_and_one_markup(
    lasting: Maker, connect: Callable[[], Database]
) -> None:
    business = lasting()
    plan(business)
    for n in range(10):
        (message,) = business.send(f"+9198100{n:05}")
        claim = business.claim()
        results = [
            {
                "org_id": str(business.org_id),
                "message_id": message,
                "outcome": "accepted",
                "wamid": f"wamid.{message}",
            }
        ]
        body = webhook(
            business.change({"statuses": [delivered(UTILITY, wamid=f"wamid.{message}")]}), waba=business.waba
        )
        at_once(
            connect,
            lambda db, body=body: post(db, body),  # type: ignore[misc]
            lambda db, claim=claim, results=results: call(  # type: ignore[misc]
                db, "record_results", lease=claim["lease"], results=results, uncertain_after_seconds=900
            ),
        )

    # Stored at the same moment they do not see each other; what is swept up for the message is for its markup too.
    business.db.execute("select private.sweep()")
    for (message,) in business.db.rows("select id from public.messages where org_id = %s", business.org_id):
        assert business.message(message)["status"] == "delivered"
        assert sorted(row.entry for row in ledger(business, f"wamid.{message}")) == ["markup", "meta_cost"]
        assert markup(business, f"wamid.{message}") == Decimal("0.615")


def until_it_waits(db: Database, other: Database) -> None:
    """Wait until a connection waits for a lock of another."""
    for _ in range(400):
        if db.value("select cardinality(pg_blocking_pids(%s)) > 0", other.info.backend_pid):
            return
        time.sleep(0.01)
    raise AssertionError("it waits for nobody")


def test_booking_waits_for_a_closing_and_goes_to_the_next_month(
    lasting: Maker, connect: Callable[[], Database]
) -> None:
    business, closer, poster, watcher = lasting(), connect(), connect(), connect()
    body = webhook(business.change({"statuses": [delivered(UTILITY, OCTOBER)]}), waba=business.waba)
    thread = threading.Thread(target=post, args=(poster, body))
    with closer.transaction():
        closer.execute("select pg_advisory_xact_lock(private.ledger_lock(%s))", [business.org_id])
        closer.execute(
            "insert into public.ledger_closings (org_id, closed_through) values (%s, '2026-10-01')",
            [business.org_id],
        )
        thread.start()
        until_it_waits(watcher, poster)
        assert ledger(business, by=watcher) == []
    thread.join(20)

    (row,) = ledger(business)
    assert (row.seconds, row.statement_month, row.amount) == (OCTOBER, "2026-11", Decimal("0.115"))


def test_correction_waits_for_a_closing_and_leaves_the_closed_month_alone(
    lasting: Maker, connect: Callable[[], Database]
) -> None:
    business, closer, poster, watcher = lasting(), connect(), connect(), connect()
    tell(business, sent(MARKETING, OCTOBER), delivered(at=OCTOBER))
    body = webhook(business.change({"statuses": [read(UTILITY, OCTOBER - 60)]}), waba=business.waba)
    thread = threading.Thread(target=post, args=(poster, body))
    with closer.transaction():
        closer.execute("select pg_advisory_xact_lock(private.ledger_lock(%s))", [business.org_id])
        closer.execute(
            "insert into public.ledger_closings (org_id, closed_through) values (%s, '2026-10-01')",
            [business.org_id],
        )
        thread.start()
        until_it_waits(watcher, poster)
    thread.join(20)

    assert [(row.category, row.statement_month) for row in ledger(business)] == [
        ("marketing", "2026-10"), ("marketing", "2026-11"), ("utility", "2026-11"),
    ]  # fmt: skip


def test_plan_that_is_being_replaced_while_a_message_is_priced_reprices_nothing_later(
    lasting: Maker, connect: Callable[[], Database]
) -> None:
    business, poster = lasting(), connect()
    plan(business, {"markup": [{"from": "2020-01-01", "per_message": "1"}]})
    message = business.sent()
    wamid, operator = f"wamid.{message}", connect()
    body = webhook(business.change({"statuses": [delivered(UTILITY, wamid=wamid)]}), waba=business.waba)
    thread = threading.Thread(target=post, args=(poster, body))
    with operator.transaction():
        given = {"markup": [{"from": "2020-01-01", "per_message": "7"}]}
        call(operator, "set_billing_plan", org_id=business.org_id, plan=given)
        thread.start()
        thread.join(1)  # it may go on by the old plan, or wait for the new one
    thread.join(20)
    priced = markup(business, wamid)
    assert priced in (1, 7)
    tell(business, read(UTILITY, NOW - 60, wamid))

    assert cost(business, wamid).seconds == NOW - 60
    assert markup(business, wamid) == priced


def test_closing_of_one_organization_holds_up_no_other(
    lasting: Maker, connect: Callable[[], Database]
) -> None:
    business, other, closer = lasting(), lasting(), connect()
    with closer.transaction():
        closer.execute("select pg_advisory_xact_lock(private.ledger_lock(%s))", [other.org_id])
        business.db.execute("set lock_timeout = '2s'")
        assert tell(business, delivered(UTILITY))["dead"] == 0

    assert cost(business).amount == Decimal("0.115")
