"""A wallet: topped up, held at the claim, settled at the delivery; who pays what, sees and sets it."""

import json
import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest

from tests.business import Business, Json, Maker, call, status
from tests.database import Database
from tests.sql.money import (
    MARKETING,
    UTILITY,
    ZERO,
    amounts,
    bill,
    close,
    costing,
    deliver,
    price,
    settle,
    statement,
    this_month,
)
from tests.sql.wallets import ASHA, HELLO, delivered, holds, ids, movements, spending, top_up, wallet


def is_true(business: Business) -> None:
    """What is held is the sum of the holds, and the balance that of the movements."""
    balance, held = wallet(business)
    kept = "select coalesce(sum(amount), 0) from private.spend_holds where org_id = %s"
    assert held == business.db.value(kept, business.org_id)
    assert balance == sum((amount for _, amount, *_ in movements(business)), ZERO)
    assert held >= 0


# Top-ups --------------------------------------------------------------------------------------------------


def test_first_top_up_makes_a_prepaid_wallet_and_is_noted(business: Business, db: Database) -> None:
    told = top_up(business, "499.50", note=" UPI 4711 ")

    assert told == {
        "org_id": str(business.org_id), "prepaid": True, "allow_negative": False, "balance": "499.500000", "held": "0.000000",
        "available": "499.500000", "daily_cap": None, "monthly_cap": None, "spent_today": "0.000000",
        "spent_this_month": "0.000000", "warnings": [],
    }  # fmt: skip
    (row,) = business.table("public.wallet_entries")
    assert (row["kind"], row["month"], row["messages"], row["note"]) == (
        "topup",
        this_month(db),
        None,
        "UPI 4711",
    )
    (noted,) = [a for a in business.table("public.audit_log") if a["action"] == "wallet.topped_up"]
    assert (noted["details"], noted["actor_role"]) == ({"amount": "499.50"}, "worker")


def test_top_ups_add_up(business: Business) -> None:
    for amount in ("0.01", "1", "999999999.99"):
        top_up(business, amount)

    assert wallet(business) == (Decimal("1000000001.00"), 0)
    assert [m[3] for m in movements(business)] == [Decimal("0.01"), Decimal("1.01"), Decimal("1000000001.00")]


def test_same_token_is_the_same_top_up(business: Business) -> None:
    token, other = str(uuid4()), str(uuid4())

    told = [top_up(business, amount, token=t) for amount, t in (("10", token), ("10", token), ("99", token), ("10", other))]  # fmt: skip

    assert [t["balance"] for t in told] == ["10.000000"] * 3 + ["20.000000"]
    assert len(movements(business)) == 2
    assert len([a for a in business.table("public.audit_log") if a["action"] == "wallet.topped_up"]) == 2


def test_same_token_at_the_same_time_is_one_top_up(lasting: Maker, connect: Callable[[], Database]) -> None:
    business, token = lasting(), str(uuid4())
    connections = [connect() for _ in range(8)]
    troubles: list[BaseException] = []

    def pay(db: Database) -> None:
        try:
            call(db, "top_up", org_id=business.org_id, amount="10", token=token)
        except BaseException as trouble:  # noqa: BLE001
            troubles.append(trouble)

    threads = [threading.Thread(target=pay, args=(db,)) for db in connections]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert troubles == []
    assert movements(business) == [("topup", 10, None, 10)]


@pytest.mark.parametrize(
    "amount",
    ["0", "0.00", "-5", "1.005", "1e3", "1,000", "₹5", " 5", "", ".5", "5.", "1000000000", "NaN", "५", None],
)
def test_amount_that_is_none_is_refused(business: Business, db: Database, amount: str | None) -> None:
    refusal = db.refusal("select worker.top_up(%s, %s)", business.org_id, amount)

    assert (refusal.sqlstate, refusal.detail) == ("PT422", "amount_invalid")
    assert business.table("public.wallets") == []


def test_unknown_organization_has_no_wallet(db: Database) -> None:
    for function in ("top_up(gen_random_uuid(), '5')", "wallet(gen_random_uuid())", "spending(gen_random_uuid())",
                     "set_wallet(gen_random_uuid(), '{}')", "set_spending_caps(gen_random_uuid(), '{}')"):  # fmt: skip
        assert db.refusal(f"select worker.{function}").sqlstate == "PT404"


@pytest.mark.parametrize("change", ["update public.wallet_entries set note = 'x' where org_id = %s",
                                    "delete from public.wallet_entries where org_id = %s", "truncate public.wallet_entries"])  # fmt: skip
def test_movements_are_changed_by_nobody(prepaid: Business, db: Database, change: str) -> None:
    refusal = db.refusal(change, *([prepaid.org_id] if "%s" in change else []))

    assert (refusal.sqlstate, refusal.detail) == ("PT405", "append_only")


@pytest.mark.parametrize(("settings", "detail"), [
    ({"prepaid": "yes"}, "field_invalid"), ({"allow_negative": 1}, "field_invalid"), ({"balance": "5"}, "field_unknown"), ([], "field_invalid"),
])  # fmt: skip
def test_setting_that_means_nothing_is_refused(
    business: Business, db: Database, settings: Any, detail: str
) -> None:
    refusal = db.refusal("select worker.set_wallet(%s, %s)", business.org_id, json.dumps(settings))

    assert (refusal.sqlstate, refusal.detail) == ("PT422", detail)
    assert business.table("public.wallets") == []


def test_operator_sees_the_newest_movements(prepaid: Business) -> None:
    for n in range(25):
        top_up(prepaid, "1", note=f"No. {n}")

    told = call(prepaid.db, "wallet", org_id=prepaid.org_id)

    assert [e["note"] for e in told["entries"]] == [f"No. {n}" for n in range(24, 4, -1)]
    assert (
        told["entries"][0].items()
        >= {"amount": "1.000000", "balance_after": "35.000000", "kind": "topup"}.items()
    )
    assert told["balance"] == "35.000000"


# Held at the claim, settled at the delivery ---------------------------------------------------------------


def test_message_is_held_when_it_is_claimed_and_paid_when_it_is_delivered(
    prepaid: Business, db: Database
) -> None:
    (message,) = prepaid.send(ASHA, **HELLO)
    assert wallet(prepaid) == (10, 0)

    claim = prepaid.claim()

    assert ids(claim) == [message]
    cost = MARKETING + Decimal("0.10")
    assert holds(prepaid) == {message: cost}
    assert wallet(prepaid) == (10, cost)
    assert spending(prepaid)["available"] == "9.036900"
    prepaid.record(claim)
    delivered(prepaid, message, pricing=price("marketing"))
    assert wallet(prepaid) == (10, cost), "settled with the next sweep"
    settle(prepaid)
    assert wallet(prepaid) == (10 - cost, 0)
    assert holds(prepaid) == {}
    assert movements(prepaid)[1:] == [("usage", -cost, 1, 10 - cost)]
    assert prepaid.table("public.wallet_entries", "id")[-1]["month"] == this_month(db)
    is_true(prepaid)


def test_settling_again_takes_nothing_more(prepaid: Business) -> None:
    message = prepaid.sent(ASHA)
    delivered(prepaid, message, pricing=price("utility"))
    settle(prepaid)
    before = (wallet(prepaid), movements(prepaid))

    delivered(prepaid, message, pricing=price("utility"))
    delivered(prepaid, message, pricing=price("utility"), word="read")
    settle(prepaid)
    prepaid.db.execute("select private.sweep()")

    assert (wallet(prepaid), movements(prepaid)) == before


SETTLED = [
    pytest.param(price("utility", "free_customer_service"), "0", id="free"),
    pytest.param(price("utility", "free_entry_point"), "0", id="free entry point"),
    pytest.param(costing("0.05", "utility"), "0.15", id="cheaper than held"),
    pytest.param(costing("2.5", "utility"), "2.60", id="dearer than held"),
    pytest.param(price("marketing"), "0.9631", id="of another category"),
    pytest.param(costing("50", "utility"), "50.10", id="dearer than the wallet"),
]  # fmt: skip


@pytest.mark.parametrize(("pricing", "paid"), SETTLED)
def test_what_meta_asked_is_paid_and_the_rest_of_the_hold_is_free_again(
    prepaid: Business, pricing: Json, paid: str
) -> None:
    message = prepaid.sent(ASHA)
    assert holds(prepaid) == {message: UTILITY + Decimal("0.10")}

    delivered(prepaid, message, pricing=pricing)
    settle(prepaid)

    assert wallet(prepaid) == (10 - Decimal(paid), 0)
    assert holds(prepaid) == {}
    is_true(prepaid)


def test_refused_message_gives_its_hold_back(prepaid: Business) -> None:
    (message,) = prepaid.send(ASHA)
    prepaid.record(prepaid.claim(), "error", code=131026)
    assert prepaid.message(message)["status"] == "failed"

    prepaid.db.execute("select private.sweep()")

    assert (wallet(prepaid), holds(prepaid)) == ((10, 0), {})
    is_true(prepaid)


def test_message_that_failed_after_it_was_sent_gives_its_hold_back(prepaid: Business) -> None:
    message = prepaid.sent(ASHA)
    prepaid.told(status(f"wamid.{message}", "failed", prepaid.now(), code=131026))

    settle(prepaid)

    assert (wallet(prepaid), holds(prepaid)) == ((10, 0), {})


def test_message_delivered_after_it_failed_is_paid_without_its_hold(prepaid: Business) -> None:
    message = prepaid.sent(ASHA)
    prepaid.told(status(f"wamid.{message}", "failed", prepaid.now(), code=131026))
    settle(prepaid)
    delivered(prepaid, message, pricing=price("utility"))
    settle(prepaid)

    assert wallet(prepaid) == (10 - UTILITY - Decimal("0.10"), 0)
    is_true(prepaid)


def test_cancelled_message_gives_its_hold_back(prepaid: Business) -> None:
    (message,) = prepaid.send(ASHA)
    prepaid.record(prepaid.claim(), "not_sent")
    assert holds(prepaid) == {message: UTILITY + Decimal("0.10")}
    call(prepaid.db, "disconnect_whatsapp", org_id=prepaid.org_id)
    assert prepaid.message(message)["status"] == "cancelled"

    settle(prepaid)

    assert (wallet(prepaid), holds(prepaid)) == ((10, 0), {})


@pytest.mark.parametrize(
    "outcome", [{"outcome": "error", "code": 131000}, {"outcome": "not_sent"}, {"outcome": "released"}]
)
def test_message_that_is_tried_again_is_held_once(prepaid: Business, outcome: dict[str, Any]) -> None:
    (message,) = prepaid.send(ASHA)
    for _ in range(2):
        claim = prepaid.claim()
        assert ids(claim) == [message]
        prepaid.record(claim, **outcome)
        settle(prepaid)
        prepaid.let_pass(900)
        assert wallet(prepaid) == (10, UTILITY + Decimal("0.10"))

    prepaid.record(prepaid.claim())
    delivered(prepaid, message, pricing=price("utility"))
    settle(prepaid)
    assert wallet(prepaid) == (10 - UTILITY - Decimal("0.10"), 0)


def test_retry_is_paid_by_its_own_hold(prepaid: Business) -> None:
    """All that is left is held for this very message: that must not stand in its way."""
    (message,) = prepaid.send(ASHA, **HELLO)
    prepaid.record(prepaid.claim(), "not_sent")
    prepaid.let_pass(900)
    prepaid.db.execute("update public.wallets set balance = held where org_id = %s", [prepaid.org_id])

    assert ids(prepaid.claim()) == [message]
    assert spending(prepaid)["available"] == "0.000000"


def test_hold_ends_after_30_days_and_not_before(prepaid: Business, db: Database) -> None:
    prepaid.sent(ASHA)
    age = "update private.spend_holds set held_at = now() - %s::interval where org_id = %s"
    db.execute(age, ["30 days", prepaid.org_id])
    db.execute("select private.sweep()")
    assert len(holds(prepaid)) == 1

    db.execute(age, ["30 days 1 second", prepaid.org_id])
    db.execute("select private.sweep()")

    assert (wallet(prepaid), holds(prepaid)) == ((10, 0), {})


def test_message_delivered_after_its_hold_ended_is_paid_all_the_same(prepaid: Business, db: Database) -> None:
    message = prepaid.sent(ASHA)
    db.execute("update private.spend_holds set held_at = now() - interval '31 days' where org_id = %s", [prepaid.org_id])  # fmt: skip
    settle(prepaid)
    delivered(prepaid, message, pricing=price("utility"))
    settle(prepaid)

    assert wallet(prepaid) == (10 - UTILITY - Decimal("0.10"), 0)


def test_uncertain_message_is_held_and_held_once_when_it_is_sent_again(prepaid: Business) -> None:
    cost = UTILITY + Decimal("0.10")
    (message,) = prepaid.send(ASHA)
    prepaid.record(prepaid.claim(), "unknown")
    settle(prepaid)
    assert wallet(prepaid) == (10, cost)
    prepaid.let_pass(901)
    prepaid.db.execute("select private.sweep()")

    claim = prepaid.claim()

    assert ids(claim) == [message]
    assert (wallet(prepaid), holds(prepaid)) == ((10, cost), {message: cost})
    prepaid.record(claim)
    # Both copies arrive: each is charged, and the hold is given back once.
    callback = {"biz_opaque_callback_data": f"flow.{message}", "pricing": price("utility")}
    prepaid.told(status(f"wamid.{message}", "delivered", prepaid.now(), **callback))
    prepaid.told(status("wamid.first", "delivered", prepaid.now(), **callback))
    settle(prepaid)
    assert (wallet(prepaid), holds(prepaid)) == ((10 - 2 * cost, 0), {})
    is_true(prepaid)


def test_uncertain_message_that_is_given_up_gives_its_hold_back(prepaid: Business) -> None:
    (message,) = prepaid.send(ASHA)
    prepaid.record(prepaid.claim(), "unknown")
    call(prepaid.db, "resolve_uncertain", org_id=prepaid.org_id, message_id=message, decision="give_up")

    settle(prepaid)

    assert (wallet(prepaid), holds(prepaid)) == ((10, 0), {})


def test_message_without_a_price_stays_held_until_it_has_one(prepaid: Business) -> None:
    message = prepaid.sent(ASHA)
    delivered(prepaid, message)
    settle(prepaid)
    assert wallet(prepaid) == (10, UTILITY + Decimal("0.10"))

    delivered(prepaid, message, pricing=price("utility"), word="read")
    settle(prepaid)

    assert wallet(prepaid) == (10 - UTILITY - Decimal("0.10"), 0)


def test_hold_ends_when_the_price_came_before_the_send_was_recorded(prepaid: Business) -> None:
    """A status may overtake Meta's answer; the wallet must not wait 30 days for that message."""
    (message,) = prepaid.send(ASHA)
    claim = prepaid.claim()
    delivered(prepaid, message, pricing=price("utility"))
    settle(prepaid)
    prepaid.record(claim)
    settle(prepaid)

    assert (wallet(prepaid), holds(prepaid)) == ((10 - UTILITY - Decimal("0.10"), 0), {})


def test_hold_ends_by_the_callback_before_the_send_was_recorded(prepaid: Business) -> None:
    (message,) = prepaid.send(ASHA)
    claim = prepaid.claim()
    prepaid.told(status(f"wamid.{message}", "delivered", prepaid.now(), pricing=price("utility"),
                        biz_opaque_callback_data=f"flow.{message}"))  # fmt: skip
    settle(prepaid)
    prepaid.record(claim)
    settle(prepaid)

    assert (wallet(prepaid), holds(prepaid)) == ((10 - UTILITY - Decimal("0.10"), 0), {})


def test_correction_gives_back_and_takes_anew(prepaid: Business) -> None:
    message = prepaid.sent(ASHA)
    prepaid.told(status(f"wamid.{message}", "sent", pricing=price("marketing")))
    delivered(prepaid, message)
    settle(prepaid)
    assert wallet(prepaid)[0] == 10 - MARKETING - Decimal("0.10")

    delivered(prepaid, message, pricing=price("utility"), word="read")
    settle(prepaid)

    assert wallet(prepaid) == (10 - UTILITY - Decimal("0.10"), 0)
    assert movements(prepaid)[-1] == ("usage", MARKETING - UTILITY, 1, 10 - UTILITY - Decimal("0.10"))
    is_true(prepaid)


def test_messages_of_other_apps_are_paid_too(prepaid: Business) -> None:
    deliver(prepaid, price("marketing"), price("utility"), at=prepaid.now())
    settle(prepaid)

    assert wallet(prepaid) == (10 - MARKETING - UTILITY, 0)


def test_what_is_billed_in_dollars_is_not_taken_from_rupees(prepaid: Business, db: Database) -> None:
    db.execute("update public.whatsapp_accounts set currency = 'USD' where org_id = %s", [prepaid.org_id])
    deliver(prepaid, costing("2", currency="USD"), at=prepaid.now())
    settle(prepaid)

    assert wallet(prepaid) == (10, 0)
    assert spending(prepaid)["spent_today"] == "0.000000"


# Who pays what --------------------------------------------------------------------------------------------


def test_who_pays_meta_by_themselves_has_the_markup_held_and_nothing_else(business: Business) -> None:
    bill(business, meta_billing="customer", per_message="0.10")
    top_up(business, "10")
    message = business.sent(ASHA, **HELLO)
    assert holds(business) == {message: Decimal("0.10")}

    delivered(business, message, pricing=price("marketing"))
    settle(business)

    assert wallet(business) == (Decimal("9.90"), 0)


def test_without_markup_and_metas_bill_everything_goes_with_an_empty_wallet(business: Business) -> None:
    call(business.db, "set_wallet", org_id=business.org_id, settings={"prepaid": True})
    message = business.sent(ASHA, **HELLO)

    delivered(business, message, pricing=price("marketing"))
    settle(business)

    assert wallet(business) == (0, 0)
    assert movements(business) == []


@pytest.mark.parametrize("is_known", [False, True], ids=["no wallet", "a wallet that is not prepaid"])
def test_who_does_not_pay_in_advance_has_nothing_held_and_nothing_refused(
    business: Business, is_known: bool
) -> None:
    bill(business)
    if is_known:
        call(business.db, "set_wallet", org_id=business.org_id, settings={"prepaid": False})
    message = business.sent(ASHA)
    delivered(business, message, pricing=price("utility"))
    settle(business)

    assert business.message(message)["status"] == "delivered"
    assert business.table("private.spend_holds") == []
    assert business.table("public.wallet_entries") == []
    assert not is_known or wallet(business) == (0, 0)


def test_wallet_pays_from_the_day_it_is_prepaid(business: Business) -> None:
    bill(business)
    deliver(business, price("marketing"), at=business.now())
    settle(business)
    top_up(business, "5")
    deliver(business, price("utility"), at=business.now())
    settle(business)
    call(business.db, "set_wallet", org_id=business.org_id, settings={"prepaid": False})
    deliver(business, price("utility"), at=business.now())
    settle(business)

    assert wallet(business) == (5 - UTILITY, 0)


def test_allowed_to_go_below_zero_sends_on(prepaid: Business) -> None:
    call(prepaid.db, "set_wallet", org_id=prepaid.org_id, settings={"allow_negative": True})
    deliver(prepaid, costing("10"), at=prepaid.now())
    settle(prepaid)
    message = prepaid.sent(ASHA)
    unknown = prepaid.sent("+4915112345678")

    assert holds(prepaid) == {message: UTILITY + Decimal("0.10"), unknown: 0}
    delivered(prepaid, message, pricing=price("utility"))
    settle(prepaid)
    assert wallet(prepaid) == (-UTILITY - Decimal("0.10"), 0)
    assert spending(prepaid)["available"] == "-0.215000"


# In the statement -----------------------------------------------------------------------------------------


def test_statement_shows_the_wallet_and_charges_the_tax_no_second_time(
    prepaid: Business, db: Database
) -> None:
    month = this_month(db)
    message = prepaid.sent(ASHA)
    delivered(prepaid, message, pricing=price("utility"))
    settle(prepaid)

    told = statement(prepaid, month)

    assert told["wallet"] == {
        "prepaid": True, "opening": "0.000000", "topups": "10.000000", "usage": "0.215000", "closing": "9.785000", "tax_included": True,
    }  # fmt: skip
    assert (told["billed"], told["taxable"], told["igst"]) == ("0.215000", "0.22", "0.04")


def test_wallet_of_a_month_opens_with_what_the_month_before_left(prepaid: Business, db: Database) -> None:
    """Money that came in the month that runs is not of the month before, whatever is settled then."""
    last = db.value("select to_char(date_trunc('month', private.india_day(now())::timestamp) - interval '1 month', 'YYYY-MM')")  # fmt: skip
    deliver(prepaid, costing("4"), at=f"{last}-15T12:00")

    closed = close(prepaid, last)["wallet"]
    deliver(prepaid, costing("1"), at=f"{last}-15T12:00")
    settle(prepaid)
    open_ = statement(prepaid, this_month(db))["wallet"]

    assert amounts(closed, "opening", "topups", "usage", "closing") == (0, 0, 4, -4)
    assert amounts(open_, "opening", "topups", "usage", "closing") == (-4, 10, 1, 5)
    assert statement(prepaid, last)["wallet"] == closed
    assert wallet(prepaid)[0] == Decimal(open_["closing"])


def test_statement_of_a_month_has_what_the_next_settling_takes(prepaid: Business, db: Database) -> None:
    last = db.value("select to_char(date_trunc('month', private.india_day(now())::timestamp) - interval '1 month', 'YYYY-MM')")  # fmt: skip
    deliver(prepaid, costing("4"), costing("0.5"), at=f"{last}-15T12:00")

    told = close(prepaid, last)

    assert Decimal(told["wallet"]["usage"]) == Decimal(told["billed"]) == Decimal("4.5")
    settle(prepaid)
    assert Decimal(told["wallet"]["closing"]) == Decimal("-4.5")  # the top-up is of this month
    assert wallet(prepaid) == (Decimal("5.5"), 0)
