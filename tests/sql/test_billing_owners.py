"""What an owner asks for: subscribe, change, end, pause, top up."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

import workers.billing
from tests.database import Database, Person
from tests.sql.billing import Buyer, a_buyer, call, set_up


@pytest.fixture
def buyer(db: Database, org: Callable[..., UUID], person: Callable[..., Person]) -> Buyer:
    set_up(db)
    return a_buyer(db, org, person)


def kinds(intents: list[dict[str, object]]) -> list[object]:
    return [intent["kind"] for intent in intents]


def test_subscribing_is_an_intent_first_and_a_page_to_authorize_then(buyer: Buyer) -> None:
    told = buyer.asks("start_subscription", "growth", 1)

    assert (told["pay_now"], told["charge"], told["needs_confirmation"], told["start_at"]) == (589882, 589882, False, None)  # fmt: skip
    assert buyer.asks("billing_intent", UUID(told["intent_id"]))["status"] == "open"
    assert buyer.asks("start_subscription", "growth", 1)["intent_id"] == told["intent_id"], (
        "asked twice is one"
    )
    (intent,) = buyer.works()
    params = intent["params"]
    assert (params["quantity"], params["total_count"], params["start_at"], params["addons"]) == (
        1,
        120,
        None,
        [],
    )
    assert params["notes"] == {"flow_intent": told["intent_id"], "flow_org_id": str(buyer.org_id)}
    assert (params["plan"]["amount_gross"], params["customer"]) == (589882, {"id": None, "name": "Sharma Traders", "email": "a@b.test"})  # fmt: skip
    seen = buyer.asks("billing_intent", UUID(told["intent_id"]))
    assert (seen["status"], seen["short_url"][:8]) == ("done", "https://")
    buyer.told("active", customer_id="cust_1")
    state = buyer.asks("billing_state")
    assert (state["status"], state["access"], state["plan"]["code"], state["subscription"]["next_charge"]) == ("active", "plan", "growth", 589882)  # fmt: skip
    assert buyer.is_refused("start_subscription", "starter", 1) == "subscribed_already"


def test_what_is_missing_is_said_before_anything_is_charged(
    db: Database, org: Callable[..., UUID], person: Callable[..., Person]
) -> None:
    owner = person("owner")
    buyer = Buyer(db, org(owner), owner)
    db.execute("update private.payment_providers set is_default = false")
    assert buyer.is_refused("start_subscription", "growth", 1) == "billing_not_configured"
    set_up(db)
    assert buyer.is_refused("start_subscription", "growth", 1) == "billing_account_missing"
    buyer.bill_to()
    assert buyer.is_refused("start_subscription", "platinum", 1) == "plan_unknown"
    assert buyer.is_refused("start_subscription", "growth", 2) == "quantity_invalid"
    assert buyer.is_refused("start_subscription", "growth", 1, "NOPE") == "coupon_invalid"
    assert buyer.is_refused("top_up_wallet", 9_999) == "amount_invalid"
    for wish in ("cancel_subscription", "pause_subscription", "resume_subscription"):
        assert buyer.is_refused(wish) == "not_subscribed"
    assert buyer.asks("start_subscription", "growth-yearly", 1)["needs_confirmation"] is True


def test_first_subscription_begins_after_a_trial_and_a_later_one_does_not(buyer: Buyer) -> None:
    told = buyer.asks("start_subscription", "trial", 1)
    assert told["pay_now"] == 0
    (intent,) = buyer.works()
    assert intent["params"]["start_at"] is not None
    buyer.told("authenticated", start_at=buyer.now() + timedelta(days=14), paid_count=0)
    assert buyer.access() == ("trialing", "plan", None)
    buyer.asks("cancel_subscription", False)
    buyer.told("cancelled", paid_count=0, current_end=None)
    assert buyer.access() == ("cancelled", "free", None)

    assert buyer.asks("start_subscription", "trial", 1)["start_at"] is None


def test_coupons_cycles_are_paid_at_once_and_debits_begin_after_them(db: Database, buyer: Buyer) -> None:
    call(
        db,
        "save_coupon",
        coupon={"code": "half", "percent": "50", "cycles": 3, "plans": ["starter"], "max_uses": 1},
    )
    assert buyer.is_refused("start_subscription", "growth", 1, "HALF") == "coupon_invalid"

    told = buyer.asks("start_subscription", "starter", 1, " half ")

    net = 99950 * 3
    assert told["pay_now"] == net * 118 // 100
    (intent,) = buyer.works()
    assert intent["params"]["addons"] == [{"name": "Flow Starter, first cycles", "amount": told["pay_now"], "currency": "INR"}]  # fmt: skip
    assert buyer.pays(told["pay_now"] - 1)["quarantine"] == "amount_differs"
    assert buyer.pays(told["pay_now"])["purpose"] == "upfront"
    assert buyer.pays(told["pay_now"])["quarantine"] == "amount_differs", "it is paid once"
    (invoice,) = buyer.invoices()
    assert (invoice["taxable"], invoice["total"]) == (net, told["pay_now"])
    buyer.told("authenticated", paid_count=0, current_end=None, current_start=None)
    assert buyer.access() == ("trialing", "plan", None)
    assert buyer.pays(235882)["purpose"] == "subscription"
    buyer.told("cancelled", paid_count=0, current_end=None, current_start=None)
    assert buyer.access()[1] == "plan", "what was paid holds"


def test_upgrade_pays_the_daily_difference_holds_at_once_and_is_followed_by_a_new_mandate(
    buyer: Buyer,
) -> None:
    buyer.subscribes("starter")  # 20 of 30 days are left
    preview = buyer.asks("preview_plan_change", "growth", 1)
    told = buyer.asks("change_plan", "growth", 1)

    assert {k: told[k] for k in preview} == preview
    assert (told["direction"], told["days_left"], told["days"], told["charge_net"]) == ("up", 20, 30, 200000)
    assert told["charge"] == 236000
    assert buyer.asks("entitlements")["seats"]["limit"] == 3, "not before it is paid"
    buyer.works()
    assert buyer.pays(told["charge"], link=buyer.links[told["intent_id"]])["purpose"] == "proration"
    assert buyer.asks("entitlements")["seats"]["limit"] == 10
    (create,) = buyer.works()
    assert create["params"]["start_at"] is not None
    assert create["params"]["plan"]["code"] == "growth"
    buyer.told("authenticated", "scheduled", start_at=buyer.now() + timedelta(days=20), paid_count=0)
    (end,) = buyer.works()
    assert (end["kind"], end["params"]["at_cycle_end"]) == ("subscription_cancel", True)
    assert buyer.access() == ("active", "plan", "ends")
    buyer.told("cancelled", current_end=buyer.now())
    assert buyer.subscription("scheduled") == {}, "it takes the place at once"
    buyer.told("active")
    assert (buyer.access(), buyer.asks("billing_state")["plan"]["code"]) == (
        ("active", "plan", None),
        "growth",
    )


def test_difference_that_nobody_pays_changes_nothing_and_is_replaced_by_the_next(buyer: Buyer) -> None:
    buyer.subscribes("starter")
    first = buyer.asks("change_plan", "growth", 1)
    buyer.works()

    buyer.asks("change_plan", "seat", 9)

    assert buyer.asks("billing_intent", UUID(first["intent_id"]))["status"] == "void"
    assert "payment_link_cancel" in kinds(buyer.works())
    assert buyer.subscription()["granted_plan_id"] is None


def test_downgrade_costs_nothing_and_comes_with_the_next_cycle(buyer: Buyer) -> None:
    buyer.subscribes("growth")

    told = buyer.asks("change_plan", "starter", 1)

    assert (told["direction"], told["charge"], told["starts_at"]) == ("down", 0, buyer.subscription()["current_end"])  # fmt: skip
    assert kinds(buyer.works()) == ["subscription_create"]
    buyer.told("authenticated", "scheduled", paid_count=0)
    assert buyer.is_refused("change_plan", "seat", 2) == "change_scheduled"
    assert buyer.asks("entitlements")["seats"]["limit"] == 10
    assert buyer.is_refused("change_plan", "growth", 1) == "nothing_to_change"


def test_cancelling_holds_until_the_end_of_the_cycle_and_is_asked_for_once(buyer: Buyer) -> None:
    buyer.subscribes("starter")
    told = [buyer.asks("cancel_subscription") for _ in range(2)]

    assert told[0] == told[1]
    assert told[0]["until"] == buyer.subscription()["current_end"]
    assert kinds(buyer.works()) == ["subscription_cancel"]
    assert buyer.access() == ("active", "plan", "ends")
    buyer.told("cancelled")
    assert (buyer.access(days=19)[1], buyer.access(days=21)[1]) == ("plan", "free")


def test_subscription_that_nobody_began_to_make_ends_without_the_supplier(buyer: Buyer) -> None:
    told = buyer.asks("start_subscription", "starter", 1)
    buyer.asks("cancel_subscription", False)

    assert buyer.works() == []
    assert buyer.asks("billing_intent", UUID(told["intent_id"]))["status"] == "void"
    assert buyer.access() == (None, "free", None)


def test_replaced_subscription_that_is_authorized_late_is_ended(buyer: Buyer) -> None:
    buyer.subscribes("starter", status=None)
    old = buyer.subscription()["provider_id"]
    buyer.subscribes("growth")

    entity = {"provider_id": old, "status": "active", "fetched_at": buyer.now().isoformat()}
    for _ in range(2):
        call(buyer.db, "apply_subscription", provider="razorpay", mode="test", entity=entity)

    ends = buyer.db.rows("select params from private.billing_intents where org_id = %s and kind = 'subscription_cancel'", buyer.org_id)  # fmt: skip
    assert len(ends) == 1
    assert buyer.asks("billing_state")["plan"]["code"] == "growth"


def test_pause_and_resume_but_not_what_the_customer_paused(buyer: Buyer) -> None:
    buyer.subscribes("starter")
    buyer.asks("pause_subscription")
    assert kinds(buyer.works()) == ["subscription_pause"]
    buyer.told("paused")
    assert buyer.is_refused("pause_subscription") == "not_subscribed"
    buyer.asks("resume_subscription")
    assert kinds(buyer.works()) == ["subscription_resume"]
    buyer.told("paused", paused_by="customer")
    assert buyer.is_refused("resume_subscription") == "only_customer_resumes"


def test_intent_is_tried_again_with_patience_and_a_final_no_is_told(buyer: Buyer) -> None:
    told = buyer.asks("start_subscription", "starter", 1)
    (first,) = call(buyer.db, "claim_billing_intents")["intents"]
    assert call(buyer.db, "claim_billing_intents")["intents"] == []
    again = call(buyer.db, "finish_billing_intent", id=first["id"], result={"error": "GATEWAY_ERROR"})
    assert again["status"] == "open"
    assert call(buyer.db, "claim_billing_intents")["intents"] == []
    buyer.db.execute("update private.billing_intents set next_at = now()")
    (second,) = call(buyer.db, "claim_billing_intents")["intents"]
    assert (second["id"], second["attempts"]) == (first["id"], 2)

    call(
        buyer.db,
        "finish_billing_intent",
        id=first["id"],
        result={"error": "BAD_REQUEST_ERROR", "final": True},
    )

    seen = buyer.asks("billing_intent", UUID(told["intent_id"]))
    assert (seen["status"], seen["error"]) == ("failed", "BAD_REQUEST_ERROR")
    assert buyer.asks("start_subscription", "starter", 1)["intent_id"] != told["intent_id"]


def test_only_owners_touch_billing_and_members_see_what_is_allowed(
    db: Database, buyer: Buyer, member: Callable[..., Person]
) -> None:
    admin = Buyer(db, buyer.org_id, member(buyer.org_id, "admin"))

    assert admin.is_refused("billing_state") == "role_too_low"
    assert admin.is_refused("top_up_wallet", 100_000) == "role_too_low"
    assert admin.asks("entitlements")["send"]["allowed"] is True


def test_plans_are_versions_that_never_change(db: Database, buyer: Buyer) -> None:
    buyer.subscribes("starter")
    same = call(db, "import_plans", file={"gst_percent": "18", "plans": [{"code": "starter", "name": "Starter", "amount_net": 199900, "features": {"seats": 3, "numbers": 1, "leads_per_month": 2}}]})  # fmt: skip
    dearer = call(db, "import_plans", file={"gst_percent": "18", "plans": [{"code": "starter", "name": "Starter", "amount_net": 1300000, "features": {"seats": None}}]})  # fmt: skip

    assert [(p["version"], p["is_new"]) for p in same["plans"] + dearer["plans"]] == [(1, False), (2, True)]
    assert dearer["plans"][0]["warnings"] == ["above_mandate_limit"]
    assert buyer.pays(235882)["outcome"] == "recorded", "who subscribed keeps their price"
    assert db.refusal("update private.subscription_plans set amount_net = 1, amount_gross = 1").detail == "append_only"  # fmt: skip
    assert buyer.asks("list_plans")["plans"][0]["features"] == {"seats": None}


def test_default_plans_stay_within_a_frictionless_debit(db: Database) -> None:
    file = json.loads((Path(workers.billing.__file__).parent / "plans.json").read_text())

    told = call(db, "import_plans", file=file)["plans"]

    assert [p["code"] for p in told if p["warnings"]] == []
    assert {"free", "starter", "growth"} <= {p["code"] for p in told}
