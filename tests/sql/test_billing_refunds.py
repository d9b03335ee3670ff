"""Money given back by the operator: once, never more than was paid, with a credit note; and a change that is ended."""

from collections.abc import Callable
from uuid import UUID

import pytest

from tests.database import Database, Person
from tests.sql.billing import Buyer, Json, a_buyer, call, set_up


@pytest.fixture
def buyer(db: Database, org: Callable[..., UUID], person: Callable[..., Person]) -> Buyer:
    set_up(db)
    made = a_buyer(db, org, person)
    made.subscribes()
    made.pays(235882, name="pay_1")
    return made


def refund(db: Database, amount: int | None = None, payment: str = "pay_1") -> Json:
    answer: Json = call(db, "refund_payment", payment_id=payment, amount=amount)
    return answer


def refusal(db: Database, amount: int | None = None, payment: str = "pay_1") -> str:
    return db.refusal("select worker.refund_payment(%s, %s)", payment, amount).detail


def supplier_gives_back(db: Database, name: str) -> Json:
    """The supplier does what is wanted; gives what it was asked."""
    (intent,) = call(db, "claim_billing_intents")["intents"]
    entity = {
        "provider_id": name, "payment_provider_id": intent["params"]["payment_provider_id"],
        "amount": intent["params"]["amount"], "currency": "INR", "status": "processed",
    }  # fmt: skip
    call(db, "finish_billing_intent", id=intent["id"], result={"provider_id": name, "entity": entity})
    asked: Json = intent["params"]
    return asked


def test_refund_asked_twice_is_one_and_has_its_credit_note(db: Database, buyer: Buyer) -> None:
    first, again = refund(db), refund(db)
    asked = supplier_gives_back(db, "rfnd_1")
    done = refund(db)

    assert first["intent_id"] == again["intent_id"] == done["intent_id"] == asked["idempotency_key"]
    assert (first["amount"], first["status"], done["status"]) == (235882, "open", "done")
    assert call(db, "claim_billing_intents")["intents"] == []
    assert [(n["kind"], n["total"]) for n in buyer.invoices()] == [
        ("invoice", 235882),
        ("credit_note", 235882),
    ]
    told = "select count(*) from public.audit_log where org_id = %s and action = 'payment.refund_asked'"
    assert db.value(told, buyer.org_id) == 1


def test_refunds_in_parts_are_never_more_than_was_paid(db: Database, buyer: Buyer) -> None:
    assert refund(db, 100000)["amount"] == 100000
    assert refusal(db, 135883) == "amount_invalid"
    supplier_gives_back(db, "rfnd_1")
    assert refund(db, 135882)["amount"] == 135882
    supplier_gives_back(db, "rfnd_2")

    assert refusal(db, 1) == "refunded_already"
    assert db.row("select status, refunded from public.payments where provider_id = 'pay_1'") == ("refunded", 235882)  # fmt: skip


def test_only_money_that_came_is_given_back(db: Database, buyer: Buyer) -> None:
    buyer.pays(235882, name="pay_failed", status="failed")

    assert refusal(db, payment="pay_failed") == "payment_unknown"
    assert refusal(db, payment="pay_nobody") == "payment_unknown"
    assert refusal(db, 0) == "amount_invalid"


def test_ending_a_subscription_drops_the_change_that_was_to_follow(buyer: Buyer) -> None:
    buyer.asks("change_plan", "growth-yearly", 1)
    buyer.works()
    buyer.told("authenticated", place="scheduled")
    assert buyer.subscription()["cancel_at_end"]

    buyer.asks("cancel_subscription")

    assert buyer.subscription("scheduled") == {}
    ended = [i["kind"] for i in buyer.works()]
    assert ended.count("subscription_cancel") == 2


@pytest.mark.parametrize(
    ("change", "is_woken"),
    [
        ("update public.subscriptions set read_at = now() where provider_id is not null", False),
        ("update public.subscriptions set read_at = now() - interval '2 hours'", True),
        (
            "update private.billing_intents set read_at = now() - interval '2 hours' where kind = 'payment_link'",
            True,
        ),
        (
            "update public.payments set read_at = now() - interval '2 hours', quarantine = 'amount_unexpected'",
            True,
        ),
    ],
)
def test_what_was_not_read_for_an_hour_wakes_the_job(
    db: Database, buyer: Buyer, change: str, is_woken: bool
) -> None:
    buyer.asks("top_up_wallet", 10000)
    buyer.works()
    woken = "select asked_at from private.wakeups where job = 'billing'"
    db.execute(change)
    db.execute("update private.wakeups set asked_at = now() - interval '1 day' where job = 'billing'")
    before = db.value(woken)

    db.execute("select private.wake_billing()")

    assert (db.value(woken) != before) == is_woken
