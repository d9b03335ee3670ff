"""What an organization may spend: top-ups, holds at the send, settling at the delivery, caps; and that nobody overdraws."""

import json
import threading
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.business import Business, Json, Maker, call, status, text
from tests.database import Database, Person
from tests.sql.money import (
    MARKETING,
    SERVICE,
    UTILITY,
    ZERO,
    amounts,
    bill,
    booked,
    close,
    costing,
    deliver,
    people,
    price,
    settle,
    statement,
    this_month,
)

ASHA, RAVI, MEENA = "+919810000011", "+919810000022", "+919810000033"
HELLO = {"template": "hello", "language": "en", "params": ["Asha", "kurta"]}


def top_up(business: Business, amount: str | None, **more: object) -> Json:
    """Put an amount into the wallet."""
    answer: Json = call(business.db, "top_up", org_id=business.org_id, amount=amount, **more)
    return answer


def spending(business: Business) -> Json:
    answer: Json = call(business.db, "spending", org_id=business.org_id)
    return answer


def wallet(business: Business) -> tuple[Decimal, Decimal]:
    """Balance and what is held."""
    found: tuple[Decimal, Decimal] = business.db.row(
        "select balance, held from public.wallets where org_id = %s", business.org_id
    )
    return found


def holds(business: Business) -> dict[int, Decimal]:
    """What is held for each message."""
    rows = business.db.rows(
        "select message_id, amount from private.spend_holds where org_id = %s and not is_over",
        business.org_id,
    )
    return dict(rows)


def movements(business: Business) -> list[tuple[Any, ...]]:
    """Every movement: kind, amount, messages, balance after it."""
    return business.db.rows(
        "select kind, amount, messages, balance_after from public.wallet_entries where org_id = %s order by id",
        business.org_id,
    )


def ids(claim: Json) -> list[int]:
    return [m["message_id"] for m in claim["messages"]]


def delivered(
    business: Business, *messages: int, pricing: Json | None = None, word: str = "delivered"
) -> None:
    """Meta tells that messages were delivered, now, with this price."""
    told = {"pricing": pricing} if pricing else {}
    business.told(*(status(f"wamid.{m}", word, business.now(), **told) for m in messages))


def is_true(business: Business) -> None:
    """What is held is the sum of the holds, and the balance that of the movements."""
    balance, held = wallet(business)
    kept = "select coalesce(sum(amount), 0) from private.spend_holds where org_id = %s"
    assert held == business.db.value(kept, business.org_id)
    assert balance == sum((amount for _, amount, *_ in movements(business)), ZERO)
    assert held >= 0


@pytest.fixture
def prepaid(business: Business) -> Business:
    """A business that has paid 10 rupees in advance, and for which Flow pays Meta."""
    bill(business, per_message="0.10")
    top_up(business, "10")
    return business


# Top-ups ----------------------------------------------------------------------------------------------------


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


# Held at the claim, settled at the delivery -----------------------------------------------------------------


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
    call(prepaid.db, "sweep")

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

    call(prepaid.db, "sweep")

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
    call(db, "sweep")
    assert len(holds(prepaid)) == 1

    db.execute(age, ["30 days 1 second", prepaid.org_id])
    call(db, "sweep")

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
    call(prepaid.db, "sweep")

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


# Who pays what ----------------------------------------------------------------------------------------------


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


# Refused ----------------------------------------------------------------------------------------------------


def test_message_that_the_wallet_cannot_pay_fails_with_both_amounts_and_is_sent_after_a_top_up(
    business: Business, db: Database
) -> None:
    bill(business, per_message="0.10")
    top_up(business, "0.96")
    (dear,) = business.send(ASHA, **HELLO)

    assert business.claim()["messages"] == []

    refused = business.message(dear)
    assert (refused["status"], refused["error_code"], refused["wamid"]) == ("failed", 0, None)
    assert (
        refused["error_message"] == "The wallet has ₹0.96 left and this message may cost ₹0.9631: top it up"
    )
    assert (wallet(business), business.table("private.spend_holds")) == ((Decimal("0.96"), 0), [])
    top_up(business, "0.01")
    (again,) = business.send(ASHA, **HELLO)
    assert ids(business.claim()) == [again]


def test_last_paisa_pays(business: Business) -> None:
    bill(business, minimum="0.135")
    top_up(business, "0.50")
    sent = business.send(*people(3))

    assert ids(business.claim()) == sent[:2]
    assert wallet(business) == (Decimal("0.50"), Decimal("0.50"))
    assert business.message(sent[2])["error_message"] == (
        "The wallet has ₹0.00 left and this message may cost ₹0.25: top it up"
    )


def test_cheaper_message_goes_where_a_dearer_one_does_not(business: Business) -> None:
    bill(business)
    top_up(business, "0.90")
    (first,) = business.send(people()[0])
    (dear,) = business.send(people()[0], **HELLO)
    (cheap,) = business.send(people()[0])

    assert ids(business.claim()) == [first, cheap]
    assert business.message(dear)["error_message"] == (
        "The wallet has ₹0.785 left and this message may cost ₹0.8631: top it up"
    )


def test_next_message_of_a_conversation_goes_on_after_a_refused_one(business: Business) -> None:
    bill(business)
    top_up(business, "0.50")
    (dear,) = business.send(ASHA, **HELLO)
    (cheap,) = business.send(ASHA)

    assert business.claim()["messages"] == []
    assert ids(business.claim()) == [cheap]
    assert business.message(dear)["status"] == "failed"


def unpriced(business: Business, why: str) -> str:
    """Somebody whom a message to has no price in advance."""
    business.db.execute("select private.import_rates(%s)", [json.dumps({
        "market": "Emirates", "iso": "AE", "calling_codes": ["971"], "currency": "INR",
        "rates": [{"category": "marketing", "rate": "3", "from": "2026-01-01"}],
    })])  # fmt: skip
    if why == "zone":
        business.db.execute(
            "update public.whatsapp_accounts set time_zone = null where org_id = %s", [business.org_id]
        )
    return {"market": "+4915112345678", "rate": "+971501234567"}.get(why, ASHA)


@pytest.mark.parametrize(("why", "words"), [
    ("template", "the template is not known"), ("market", "no rate card covers the recipient's country"), ("rate", "there is no rate for this category today"),
    ("zone", "the account's time zone is not known"),
])  # fmt: skip
def test_message_whose_price_is_not_known_is_refused_with_the_reason(
    prepaid: Business, why: str, words: str
) -> None:
    (message,) = prepaid.send(unpriced(prepaid, why))
    if why == "template":
        prepaid.db.execute("delete from public.message_templates where org_id = %s", [prepaid.org_id])

    assert prepaid.claim()["messages"] == []
    refused = prepaid.message(message)
    assert (refused["status"], refused["error_code"]) == ("failed", 0)
    assert (
        refused["error_message"] == f"Its price is not known in advance ({words}), and the wallet is prepaid"
    )
    assert wallet(prepaid) == (10, 0)


def test_message_that_costs_nothing_goes_though_the_wallet_is_below_zero(business: Business) -> None:
    """What is billed at most is nothing: there is nothing that the wallet could not pay."""
    top_up(business, "1")
    bill(business)
    deliver(business, costing("2"), at=business.now())
    settle(business)
    bill(business, meta_billing="customer")
    assert wallet(business) == (-1, 0)
    (message,) = business.send(ASHA)

    assert ids(business.claim()) == [message]


def test_refused_message_gives_its_place_among_metas_limit_back(business: Business) -> None:
    business.db.execute(
        "update public.whatsapp_accounts set messaging_limit = 1, business_id = '77' where org_id = %s", [business.org_id]
    )  # fmt: skip
    bill(business)
    top_up(business, "0.50")
    (dear,) = business.send(ASHA, **HELLO)
    assert business.claim()["messages"] == []
    assert business.message(dear)["status"] == "failed"
    assert business.table("private.tier_uses") == []
    (cheap,) = business.send(RAVI)

    assert ids(business.claim()) == [cheap]
    (use,) = business.table("private.tier_uses")
    assert use["message_id"] == cheap


def test_refused_message_takes_no_earlier_place_away(business: Business) -> None:
    """The person was written to today: the refusal of another message does not make that undone."""
    business.db.execute(
        "update public.whatsapp_accounts set messaging_limit = 1, business_id = '77' where org_id = %s", [business.org_id]
    )  # fmt: skip
    bill(business)
    top_up(business, "0.50")
    business.sent(ASHA)
    (dear,) = business.send(ASHA, **HELLO)
    assert business.claim()["messages"] == []
    assert business.message(dear)["status"] == "failed"

    assert len(business.table("private.tier_uses")) == 1


def test_message_that_waits_for_metas_limit_holds_nothing(prepaid: Business) -> None:
    prepaid.db.execute(
        "update public.whatsapp_accounts set messaging_limit = 0, business_id = '77' where org_id = %s", [prepaid.org_id]
    )  # fmt: skip
    (message,) = prepaid.send(ASHA)

    assert prepaid.claim()["messages"] == []
    assert prepaid.message(message)["status"] == "queued"
    assert prepaid.table("private.spend_holds") == []


def test_free_text_is_held_as_a_service_message(prepaid: Business) -> None:
    prepaid.hear(text("w1", at=prepaid.now() - 60))
    (message,) = prepaid.send(ASHA, text="Hello")

    prepaid.claim()

    assert holds(prepaid) == {message: SERVICE + Decimal("0.10")}, "it may be beyond the free 1,000"


def test_wallet_of_one_pays_for_no_other(db: Database, org: Callable[..., UUID]) -> None:
    rich, poor = Business(db, org()), Business(db, org())
    for business in (rich, poor):
        bill(business)
    top_up(rich, "100")
    call(db, "set_wallet", org_id=poor.org_id, settings={"prepaid": True})
    (goes,), (stays,) = rich.send(ASHA), poor.send(ASHA)

    claim = call(db, "claim_messages", batch=10, lease_seconds=60, uncertain_after_seconds=900)

    assert ids(claim) == [goes]
    assert poor.message(stays)["error_message"] == (
        "The wallet has ₹0.00 left and this message may cost ₹0.115: top it up"
    )
    assert (wallet(rich), wallet(poor)) == ((100, UTILITY), (0, 0))


def test_account_in_dollars_is_not_held_in_rupees(business: Business, db: Database) -> None:
    """A wallet is in rupees: an amount in another currency is neither set aside in it nor compared with it."""
    db.execute("select private.import_rates(%s)", [json.dumps({
        "market": "India", "currency": "USD", "rates": [{"category": "utility", "rate": "0.0014", "from": "2025-07-01"}]})])  # fmt: skip
    db.execute("update public.whatsapp_accounts set currency = 'USD' where org_id = %s", [business.org_id])
    bill(business)
    top_up(business, "10")
    (message,) = business.send(ASHA)

    business.claim()

    assert Decimal("0.0014") not in holds(business).values()
    assert business.message(message)["status"] in ("failed", "sending")


# Caps -------------------------------------------------------------------------------------------------------


def set_caps(business: Business, **caps: str | None) -> Json:
    answer: Json = call(business.db, "set_spending_caps", org_id=business.org_id, caps=caps)
    return answer


@pytest.fixture
def greeter(business: Business) -> Business:
    """A business that greets enquiries with a marketing template."""
    setting = {"template": "hello", "language": "en", "params": ["name", "product"], "on": True}
    call(business.db, "set_greeting", org_id=business.org_id, setting=setting)
    return business


def greet(business: Business, *phones: str) -> list[int]:
    """Enquiries come, and are greeted. Gives the greetings."""
    db = business.db
    source = db.value("select private.own_source(%s, 'manual')", business.org_id)
    items = [
        {"external_id": uuid4().hex, "lead_type": "W", "product": "Kurta", "person": {"name": "Asha", "phone": p, "phone_kind": "mobile"}}
        for p in phones
    ]  # fmt: skip
    before = {m["id"] for m in business.table("public.messages")}
    db.value("select private.store_leads(%s, %s, %s)", business.org_id, source, json.dumps(items))
    made = [m["id"] for m in business.table("public.messages", "id") if m["id"] not in before]
    assert len(made) == len(phones)
    return made


PERIODS = [("daily", "today", "daily"), ("monthly", "this month", "monthly")]


@pytest.mark.parametrize(("cap", "when", "word"), PERIODS)
def test_cap_stops_greetings_and_says_so(greeter: Business, cap: str, when: str, word: str) -> None:
    set_caps(greeter, **{cap: "2"})
    first, second, third = greet(greeter, *people(3))

    assert ids(greeter.claim()) == [first, second]

    refused = greeter.message(third)
    assert (refused["status"], refused["error_code"]) == ("cancelled", 0)
    assert (
        refused["error_message"]
        == f"The {word} cap of ₹2.00 is reached: nothing more goes out by itself {when}"
    )


@pytest.mark.parametrize(("cap", "when", "word"), PERIODS)
def test_cap_stops_confirmations_of_a_stop(business: Business, cap: str, when: str, word: str) -> None:
    set_caps(business, **{cap: "0.10"})
    business.hear(text("w1", "STOP", at=business.now()))
    (message,) = [m["id"] for m in business.table("public.messages") if m["origin"] == "confirmation"]

    assert business.claim()["messages"] == []

    assert business.message(message)["status"] == "cancelled"
    assert f"The {word} cap of ₹0.10 is reached" in business.message(message)["error_message"]


def test_cap_never_stops_a_person_nor_the_operator(
    business: Business, db: Database, member: Callable[..., Person]
) -> None:
    set_caps(business, daily="0", monthly="0")
    (operators,) = business.send(ASHA, **HELLO)
    business.hear(text("w1", at=business.now() - 60, sender=RAVI.lstrip("+")))
    thread = db.value(
        "select c.id from public.conversations c join public.contacts p on p.id = c.contact_id where c.org_id = %s and p.wa_id = %s",
        business.org_id, RAVI.lstrip("+"),
    )  # fmt: skip
    db.as_person(member(business.org_id))
    told = db.value("select public.send_text(%s, %s, 'Hello')", business.org_id, thread)
    db.as_operator()

    assert sorted(ids(business.claim())) == sorted([operators, told["message_id"]])


def test_what_a_person_sends_counts_towards_the_cap(greeter: Business) -> None:
    set_caps(greeter, daily="0.90")
    (persons,) = greeter.send(people()[0])
    greeter.claim()
    (greeting,) = greet(greeter, *people())

    assert greeter.claim()["messages"] == []
    assert greeter.message(persons)["status"] == "sending"
    assert greeter.message(greeting)["status"] == "cancelled"


def test_cap_is_reached_to_the_paisa(greeter: Business) -> None:
    bill(greeter, minimum="0.1369")  # 0.8631 + 0.1369 = 1
    set_caps(greeter, daily="2")
    greetings = greet(greeter, *people(3))

    assert ids(greeter.claim()) == greetings[:2]


def test_cap_counts_what_is_delivered_and_what_is_under_way_each_once(greeter: Business) -> None:
    """Between the delivery and the next sweep a message is in the ledger and still held: it must not count twice."""
    set_caps(greeter, daily="2")
    (first,) = greet(greeter, *people())
    greeter.record(greeter.claim())
    delivered(greeter, first, pricing=price("marketing"))
    (second,) = greet(greeter, *people())

    assert ids(greeter.claim()) == [second]


def test_cap_counts_both_parts_of_the_price_whoever_pays_meta(greeter: Business) -> None:
    bill(greeter, meta_billing="customer", minimum="0.1369")
    set_caps(greeter, daily="1.99")
    greetings = greet(greeter, *people(2))

    assert ids(greeter.claim()) == greetings[:1]
    assert holds(greeter) == {greetings[0]: 0}


def test_failed_greeting_makes_room_again(greeter: Business) -> None:
    set_caps(greeter, daily="1")
    greet(greeter, *people())
    greeter.record(greeter.claim(), "error", code=131026)
    (second,) = greet(greeter, *people())

    assert ids(greeter.claim()) == [second]


def test_spending_of_yesterday_is_not_todays(greeter: Business, db: Database) -> None:
    set_caps(greeter, daily="1", monthly="100")
    midnight = int(db.value("select extract(epoch from private.india_day(now())::timestamp at time zone 'Asia/Kolkata')::bigint"))  # fmt: skip
    deliver(greeter, costing("50"), at=midnight - 1)
    (message,) = greet(greeter, *people())

    assert ids(greeter.claim()) == [message]
    deliver(greeter, costing("0.5"), at=midnight)
    assert spending(greeter)["spent_today"] == "0.500000"
    settle(greeter)
    assert spending(greeter)["spent_today"] == "0.500000"


def test_spending_of_tomorrow_is_not_todays(business: Business, db: Database) -> None:
    """A status from the future is taken as given: it counts when its day comes, not on every day until then."""
    midnight = int(db.value("select extract(epoch from (private.india_day(now()) + 1)::timestamp at time zone 'Asia/Kolkata')::bigint"))  # fmt: skip
    deliver(business, costing("50"), at=midnight)
    deliver(business, costing("0.5"), at=midnight - 1)

    assert spending(business)["spent_today"] == "0.500000"
    settle(business)
    assert spending(business)["spent_today"] == "0.500000"


def test_spending_of_last_month_is_not_this_months(business: Business, db: Database) -> None:
    first = int(db.value("select extract(epoch from date_trunc('month', private.india_day(now())::timestamp) at time zone 'Asia/Kolkata')::bigint"))  # fmt: skip
    deliver(business, costing("50"), at=first - 1)
    deliver(business, costing("0.5"), at=first)

    assert spending(business)["spent_this_month"] == "0.500000"
    settle(business)
    assert spending(business)["spent_this_month"] == "0.500000"


def test_greeting_without_a_known_price_is_stopped_by_a_cap(greeter: Business) -> None:
    set_caps(greeter, monthly="100")
    (greeting,) = greet(greeter, "+971501234567")

    assert greeter.claim()["messages"] == []
    assert greeter.message(greeting)["error_message"] == (
        "Its price is not known in advance (no rate card covers the recipient's country), and spending is capped"
    )


def test_without_a_cap_nothing_is_stopped(greeter: Business) -> None:
    set_caps(greeter, daily="0")
    set_caps(greeter, daily=None)
    greetings = greet(greeter, *people(2))

    assert ids(greeter.claim()) == greetings
    assert greeter.table("private.spend_holds") == []


def test_greeting_that_the_wallet_cannot_pay_is_cancelled(greeter: Business) -> None:
    bill(greeter)
    call(greeter.db, "set_wallet", org_id=greeter.org_id, settings={"prepaid": True})
    (greeting,) = greet(greeter, ASHA)

    assert greeter.claim()["messages"] == []
    assert greeter.message(greeting)["status"] == "cancelled"
    assert "The wallet has ₹0.00 left" in greeter.message(greeting)["error_message"]


# Warnings ---------------------------------------------------------------------------------------------------


def warnings(business: Business) -> list[tuple[str, int]]:
    return [(w["period"], w["percent"]) for w in spending(business)["warnings"]]


def test_half_four_fifths_and_all_of_a_cap_are_warned_of_once_each(business: Business) -> None:
    set_caps(business, daily="10", monthly="20")
    seen = []
    for amount in ("4.999999", "0.000001", "3", "1.999999", "0.000001", "5", "5", "1"):
        deliver(business, costing(amount), at=business.now())
        settle(business)
        seen.append(warnings(business))

    half, most, whole = ("day", 50), ("day", 80), ("day", 100)
    assert seen == [
        [], [half], [half, most], [half, most], [half, most, whole, ("month", 50)], [half, most, whole, ("month", 50)],
        [half, most, whole, ("month", 50), ("month", 80), ("month", 100)],
        [half, most, whole, ("month", 50), ("month", 80), ("month", 100)],
    ]  # fmt: skip
    rows = business.table("public.spending_warnings", "period, percent")
    assert [(r["percent"], Decimal(str(r["cap"])), Decimal(str(r["spent"]))) for r in rows] == [
        (50, 10, Decimal(5)), (80, 10, Decimal(8)), (100, 10, Decimal(10)),
        (50, 20, Decimal(10)), (80, 20, Decimal(20)), (100, 20, Decimal(20)),
    ]  # fmt: skip


def test_nothing_spent_is_warned_of_by_no_cap(business: Business) -> None:
    set_caps(business, daily="0", monthly="0")
    deliver(business, price("utility", "free_entry_point"), at=business.now())
    settle(business)

    assert warnings(business) == []


def test_warning_of_yesterday_is_not_shown_today(business: Business, db: Database) -> None:
    set_caps(business, daily="1")
    deliver(business, costing("5"), at=business.now())
    settle(business)
    db.execute("update public.spending_warnings set begins = begins - 1 where org_id = %s", [business.org_id])

    assert warnings(business) == []


# Who sets and sees ------------------------------------------------------------------------------------------

CAPS = '{"daily": "100.50", "monthly": "2000"}'


def owner_of(db: Database, business: Business) -> Person:
    return Person(db.value("select user_id from public.memberships where org_id = %s and role = 'owner'", business.org_id), "o@example.test")  # fmt: skip


def test_owner_sets_caps_and_they_are_noted(business: Business, db: Database) -> None:
    db.as_person(owner_of(db, business))
    first = db.value("select public.set_spending_caps(%s, %s)", business.org_id, CAPS)
    second = db.value("select public.set_spending_caps(%s, %s)", business.org_id, '{"daily": null}')
    db.as_operator()

    assert (first["daily_cap"], first["monthly_cap"], first["prepaid"]) == ("100.50", "2000.00", False)
    assert (second["daily_cap"], second["monthly_cap"]) == (None, "2000.00")
    noted = [
        a["details"] for a in business.table("public.audit_log", "id") if a["action"] == "spending.caps_set"
    ]
    assert noted == [
        {"from": {"daily": None, "monthly": None}, "to": {"daily": "100.50", "monthly": "2000"}},
        {"from": {"daily": "100.50", "monthly": "2000.00"}, "to": {"daily": None}},
    ]


@pytest.mark.parametrize("role", ["agent", "admin"])
def test_nobody_but_the_owner_sets_caps(
    business: Business, db: Database, member: Callable[..., Person], role: str
) -> None:
    db.as_person(member(business.org_id, role))

    refusal = db.refusal("select public.set_spending_caps(%s, %s)", business.org_id, CAPS)

    assert refusal.sqlstate == "PT403"
    for change in (
        "update public.wallets set daily_cap = 1",
        "insert into public.wallets (org_id) values (gen_random_uuid())",
    ):
        assert db.refusal(change).sqlstate == "42501"
    db.as_operator()
    assert business.table("public.wallets") == []


@pytest.mark.parametrize(("caps", "detail"), [
    ('{"daily": 100}', "amount_invalid"), ('{"daily": "-1"}', "amount_invalid"), ('{"monthly": "1.005"}', "amount_invalid"),
    ('{"monthly": "1e5"}', "amount_invalid"), ('{"daily": ""}', "amount_invalid"), ('{"daily": true}', "amount_invalid"),
    ('{"weekly": "1"}', "field_unknown"), ("[]", "field_invalid"), ("null", "field_invalid"),
])  # fmt: skip
def test_cap_that_is_no_amount_is_refused(business: Business, db: Database, caps: str, detail: str) -> None:
    db.as_person(owner_of(db, business))

    refusal = db.refusal("select public.set_spending_caps(%s, %s)", business.org_id, caps)

    assert (refusal.sqlstate, refusal.detail) == ("PT422", detail)
    db.as_operator()
    assert business.table("public.wallets") == []


def test_members_see_their_wallet_and_strangers_do_not(
    prepaid: Business, db: Database, member: Callable[..., Person], org: Callable[..., UUID]
) -> None:
    expected = spending(prepaid)
    db.as_person(member(prepaid.org_id))
    assert db.value("select public.spending(%s)", prepaid.org_id) == expected
    assert db.value("select balance from public.wallets") == 10
    assert db.value("select amount from public.wallet_entries") == 10
    assert db.refusal("select worker.top_up(%s, '5')", prepaid.org_id).sqlstate == "42501"

    db.as_person(member(org(), "owner"))

    for function in ("spending(%s)", "set_spending_caps(%s, '{}')"):
        assert db.refusal(f"select public.{function}", prepaid.org_id).sqlstate == "PT404"
    for table in ("wallets", "wallet_entries", "spending_warnings"):
        assert db.rows(f"select * from public.{table}") == []


def test_amounts_of_an_organization_without_a_wallet_are_zero(business: Business) -> None:
    told = spending(business)

    assert (told["prepaid"], told["allow_negative"], told["daily_cap"]) == (False, False, None)
    assert amounts(told, "balance", "held", "available", "spent_today", "spent_this_month") == (ZERO,) * 5
    assert told["balance"] == "0.000000"


# In the statement -------------------------------------------------------------------------------------------


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


# At once ----------------------------------------------------------------------------------------------------


class Watch:
    """Looks at a wallet all the time, and keeps what it must never show."""

    LOOK = """
        select w.balance - w.held, w.held - (select coalesce(sum(s.amount), 0) from private.spend_holds s where s.org_id = w.org_id), w.balance
          from public.wallets w where w.org_id = %s
    """

    def __init__(self, db: Database, org_id: UUID) -> None:
        self.db, self.org_id, self.looks, self.wrong, self.is_over = db, org_id, 0, [], False
        self.thread = threading.Thread(target=self.go)
        self.thread.start()

    wrong: list[tuple[Any, ...]]

    def go(self) -> None:
        """Look until it is over."""
        while not self.is_over:
            left, astray, balance = self.db.row(self.LOOK, self.org_id)
            self.looks += 1
            if left < 0 or astray != 0 or balance < 0:
                self.wrong.append((left, astray, balance))
            time.sleep(0.002)

    def end(self) -> None:
        """Stop looking."""
        self.is_over = True
        self.thread.join(20)


def test_64_dispatchers_at_once_never_overdraw_and_all_adds_up_in_the_end(
    lasting: Maker, connect: Callable[[], Database]
) -> None:
    """200 messages from 8 numbers, and money for 37 of them: 0.15 each."""
    business = lasting(rate=100_000)
    numbers = [business]
    with business.db.transaction():
        numbers += [Business(business.db, business.org_id, rate=100_000) for _ in range(7)]
        bill(business, per_message="0.035")
        top_up(business, "5.60")
        queued = [m for number in numbers for m in number.send(*people(25))]
    assert len(queued) == 200
    watch = Watch(connect(), business.org_id)
    sent: list[tuple[int, str]] = []
    troubles: list[BaseException] = []
    start = threading.Barrier(64)

    def dispatch(db: Database) -> None:
        idle = 0
        try:
            start.wait(30)
            while idle < 3:
                claim = call(db, "claim_messages", batch=4, lease_seconds=60, uncertain_after_seconds=900)
                mine = [(m["message_id"], m["phone_number_id"]) for m in claim["messages"]]
                sent.extend(mine)
                if mine:
                    results = [{"org_id": str(business.org_id), "message_id": m, "outcome": "accepted", "wamid": f"wamid.{m}"} for m, _ in mine]  # fmt: skip
                    call(
                        db,
                        "record_results",
                        lease=claim["lease"],
                        results=results,
                        uncertain_after_seconds=900,
                    )
                left = db.value("select count(*) from public.messages where org_id = %s and status = 'queued'", business.org_id)  # fmt: skip
                idle = 0 if left else idle + 1
                time.sleep(0.02)
        except BaseException as trouble:  # noqa: BLE001
            troubles.append(trouble)

    def at_once(work: Callable[[Database], None], connections: list[Database]) -> None:
        threads = [threading.Thread(target=work, args=(db,)) for db in connections]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)

    connections = [connect() for _ in range(64)]
    at_once(dispatch, connections)

    assert troubles == []
    assert len(sent) == len({m for m, _ in sent}) == 37
    assert wallet(business) == (Decimal("5.60"), Decimal("5.55"))
    assert holds(business) == {m: Decimal("0.15") for m, _ in sent}
    refused = [m for m in business.table("public.messages") if m["status"] == "failed"]
    assert len(refused) == 163
    assert {m["error_message"] for m in refused} == {
        "The wallet has ₹0.05 left and this message may cost ₹0.15: top it up"
    }

    # They are delivered, some for less, some for nothing, and two fail, while others settle all the time.
    prices = [price("utility"), costing("0.05", "utility"), price("utility", "free_entry_point")]
    by_number: dict[str, list[Json]] = {}
    for n, (message, number) in enumerate(sorted(sent)):
        told = (
            {"word": "failed", "code": 131026} if n < 2 else {"word": "delivered", "pricing": prices[n % 3]}
        )
        by_number.setdefault(number, []).append(status(f"wamid.{message}", at=business.now(), **told))
    todo = list(by_number.items())

    def tell(db: Database) -> None:
        try:
            while todo:
                try:
                    number, statuses = todo.pop()
                except IndexError:
                    return
                of = next(one for one in numbers if one.phone_number_id == number)
                mine = Business.__new__(Business)
                mine.__dict__ |= of.__dict__ | {"db": db}
                for told in statuses:
                    mine.told(told)
        except BaseException as trouble:  # noqa: BLE001
            troubles.append(trouble)

    def sweep(db: Database) -> None:
        try:
            for _ in range(20):
                call(db, "sweep")
        except BaseException as trouble:  # noqa: BLE001
            troubles.append(trouble)

    threads = [threading.Thread(target=at_once, args=(work, some)) for work, some in ((tell, connections[:8]), (sweep, connections[8:12]))]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    settle(business)
    watch.end()

    assert troubles == []
    assert watch.wrong == []
    assert watch.looks > 50
    usage = booked(business, where="is_billed")
    assert usage > 0
    assert wallet(business) == (Decimal("5.60") - usage, 0)
    assert business.table("private.spend_holds") == []
    assert -sum(m[1] for m in movements(business) if m[0] == "usage") == usage
    assert usage == sum([(Decimal("0.15"), Decimal("0.085"), ZERO)[n % 3] for n in range(2, 37)], ZERO)
