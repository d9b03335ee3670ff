"""States of a subscription by what the supplier says, and what may be done by state and time."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest

from tests.database import Database, Person
from tests.sql.billing import Buyer, a_buyer, call, set_up


@pytest.fixture
def buyer(db: Database, org: Callable[..., UUID], person: Callable[..., Person]) -> Buyer:
    set_up(db)
    return a_buyer(db, org, person)


def notices(buyer: Buyer) -> list[str]:
    return [kind for (kind,) in buyer.db.rows("select kind from public.notifications where org_id = %s order by id", buyer.org_id)]  # fmt: skip


@pytest.mark.parametrize(
    ("word", "status", "today", "in_a_month"),
    [
        ("created", "incomplete", "free", "free"),
        ("authenticated", "trialing", "plan", "plan"),
        ("active", "active", "plan", "plan"),
        ("pending", "past_due", "plan", "plan"),
        ("halted", "past_due", "plan", "read_only"),
        ("paused", "paused", "plan", "read_only"),
        ("cancelled", "cancelled", "plan", "free"),
        ("completed", "ended", "plan", "free"),
        ("expired", "incomplete_expired", "free", "free"),
    ],
)  # fmt: skip
def test_word_of_the_supplier_gives_state_and_access(
    buyer: Buyer, word: str, status: str, today: str, in_a_month: str
) -> None:
    buyer.subscribes(status=None)
    paid = 1 if word in ("active", "paused", "cancelled", "completed") else 0

    told = buyer.told(word, paid_count=paid)

    assert (told["outcome"], told["status"], told["access"]) == ("applied", status, today)
    assert (buyer.access()[1], buyer.access(days=29)[1]) == (today, in_a_month)


@pytest.mark.parametrize("last", ["cancelled", "completed", "expired"])
def test_final_state_is_never_left(buyer: Buyer, last: str) -> None:
    buyer.subscribes(status=None)
    buyer.told(last)
    before = buyer.subscription()

    told = buyer.told("active", seen=buyer.now() + timedelta(hours=1))

    assert told["outcome"] == "final"
    assert buyer.subscription() | {"read_at": 0} == before | {"read_at": 0}


def test_older_news_is_ignored_and_the_same_again_is_harmless(buyer: Buyer) -> None:
    buyer.subscribes()
    before = buyer.subscription()

    assert buyer.told("pending", seen=buyer.now() - timedelta(minutes=1))["outcome"] == "stale"
    assert buyer.told("active")["outcome"] == "applied"
    assert buyer.subscription() == before


@pytest.mark.parametrize(
    ("more", "why"),
    [({"plan_provider_id": "plan_of_somebody"}, "plan_differs"), ({"quantity": "0"}, "quantity_invalid")],
)
def test_what_cannot_be_is_put_in_quarantine_and_cured_by_better_news(
    buyer: Buyer, more: dict[str, str], why: str
) -> None:
    buyer.subscribes()

    told = buyer.told("halted", **more)
    assert (told["outcome"], told["quarantine"], told["status"]) == ("quarantined", why, "active")
    assert buyer.told("dancing")["quarantine"] == "status_unknown"
    assert len(call(buyer.db, "billing_problems")["subscriptions"]) == 1
    buyer.told("active")
    assert buyer.subscription()["quarantine"] is None


def test_unknown_subscription_is_told_apart(db: Database, buyer: Buyer) -> None:
    entity = {"provider_id": "sub_nobody", "status": "active"}

    assert call(db, "apply_subscription", provider="razorpay", mode="test", entity=entity) == {"outcome": "unknown"}  # fmt: skip


def test_arrears_go_from_banner_by_grace_to_suspension_cancellation_and_notice(buyer: Buyer) -> None:
    buyer.subscribes()
    now = buyer.now()
    buyer.told("pending", current_start=now, current_end=now + timedelta(days=30))
    assert buyer.access() == ("past_due", "plan", "payment_failed")
    buyer.told("halted", current_start=now, current_end=now + timedelta(days=30))

    assert buyer.access(days=6.9) == ("past_due", "plan", "payment_halted")
    assert buyer.access(days=7) == ("suspended", "read_only", "suspended")
    assert buyer.access(days=30) == ("cancelled", "read_only", "cancelled_unpaid")
    assert buyer.access(days=90) == ("cancelled", "read_only", "deletion_notice")
    buyer.told("active", current_start=now, current_end=now + timedelta(days=30))
    assert buyer.access(days=8) == ("active", "plan", None)


def test_grace_does_not_begin_anew_each_time_it_is_read(buyer: Buyer) -> None:
    buyer.subscribes()
    buyer.told("halted")
    first = buyer.subscription()["grace_until"]

    buyer.told("halted", seen=buyer.now() + timedelta(days=3))

    assert buyer.subscription()["grace_until"] == first


def test_owner_is_told_of_each_step_once_and_the_end_is_asked_for(db: Database, buyer: Buyer) -> None:
    buyer.subscribes()
    buyer.told("pending")
    buyer.told("halted")

    call(db, "tend_billing")
    told = [notices(buyer)]
    for days in (8, 31, 95):
        db.execute(
            "update public.subscriptions set arrears_since = now() - %s, grace_until = now() + interval '7 days' - %s where org_id = %s",
            [timedelta(days=days), timedelta(days=days), buyer.org_id],
        )  # fmt: skip
        for _ in range(3):
            call(db, "tend_billing")
        told.append(notices(buyer)[sum(map(len, told)) :])

    assert told == [["billing_past_due", "billing_halted"], ["billing_suspended"], ["billing_cancelled"], ["billing_deletion"]]  # fmt: skip
    ends = db.rows("select params from private.billing_intents where org_id = %s and kind = 'subscription_cancel'", buyer.org_id)  # fmt: skip
    assert ends == [({"at_cycle_end": False},)]


def test_cancelled_for_arrears_stays_read_only_until_something_is_subscribed(buyer: Buyer) -> None:
    buyer.subscribes()
    now = buyer.now()
    buyer.told("halted", current_start=now - timedelta(hours=1))
    buyer.told("cancelled", current_start=now - timedelta(hours=1))
    assert buyer.access() == ("cancelled", "read_only", "cancelled_unpaid")

    buyer.subscribes("growth")
    if buyer.subscription("scheduled"):
        buyer.told("active", "scheduled")

    assert buyer.access()[:2] == ("active", "plan")


def test_halted_cycle_is_paid_by_link_and_the_next_one_needs_a_mandate(db: Database, buyer: Buyer) -> None:
    buyer.subscribes()
    assert buyer.is_refused("pay_arrears") == "nothing_due"
    now = buyer.now()
    buyer.told("halted", current_start=now, current_end=now + timedelta(days=30))
    asked = buyer.asks("pay_arrears")
    assert buyer.asks("pay_arrears")["intent_id"] == asked["intent_id"]
    buyer.works()

    told = buyer.pays(asked["charge"], link=buyer.links[asked["intent_id"]])

    assert (told["purpose"], told["outcome"], asked["charge"]) == ("arrears", "recorded", 235882)
    assert buyer.access(days=29) == ("past_due", "plan", "mandate_needed")
    assert buyer.access(days=31) == ("past_due", "plan", "payment_halted")
    assert buyer.access(days=38)[1] == "read_only"
    assert buyer.is_refused("pay_arrears") == "nothing_due"


def test_reconciliation_lists_what_was_not_read_for_an_hour_and_is_not_final(
    db: Database, buyer: Buyer
) -> None:
    buyer.subscribes()
    name = buyer.subscription()["provider_id"]

    def due() -> list[str]:
        return [s["provider_id"] for s in call(db, "due_billing_work")["subscriptions"] if s["provider_id"] == name]  # fmt: skip

    def an_hour_passes() -> None:
        db.execute("update public.subscriptions set read_at = now() - interval '61 minutes' where org_id = %s", [buyer.org_id])  # fmt: skip

    assert due() == []
    an_hour_passes()
    assert due() == [name]
    buyer.told("active")
    assert due() == []
    buyer.told("cancelled")
    an_hour_passes()
    assert due() == []
