"""Webhooks of a payment supplier: stored once, applied in any order and number to the same rows."""

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.database import Database, Person
from tests.sql.billing import SELLER, Buyer, Json, a_buyer, call

FILE = json.loads((Path(__file__).parents[1] / "payloads/razorpay_webhooks.json").read_text())
EVENTS = {event["name"]: event for event in FILE["events"]}
CODES = {"starter-m": "monthly", "growth-m": "monthly", "seat-m": "monthly", "growth-y": "yearly"}
TIMES = ("current_start", "current_end", "charge_at", "start_at", "ended_at")


def instant(seconds: int | None) -> str | None:
    return datetime.fromtimestamp(seconds, UTC).isoformat() if seconds else None


@pytest.fixture
def buyers(db: Database, org: Callable[..., UUID], person: Callable[..., Person]) -> dict[str, Buyer]:
    """The seed of the file: who subscribed to what, by the supplier's id."""
    call(db, "set_seller", seller=SELLER)
    call(db, "set_payment_provider", provider="razorpay", mode="test", account=FILE["account_id"])
    plans = [
        {"code": p["code"], "name": p["code"], "period": p["period"], "amount_net": p["net_paise"], "per_seat": p["code"] == "seat-m"}
        for p in FILE["seed"]["plans"]
    ]  # fmt: skip
    call(db, "import_plans", file={"gst_percent": "18", "plans": plans})
    ids = {p["code"]: p["id"] for p in call(db, "subscription_plans")["plans"]}
    for plan in FILE["seed"]["plans"]:
        call(db, "set_plan_provider", plan_id=ids[plan["code"]], provider="razorpay", mode="test", provider_plan=plan["provider_id"])  # fmt: skip
    made = {}
    for seed in FILE["seed"]["subscriptions"]:
        buyer = made[seed["provider_id"]] = a_buyer(db, org, person)
        db.execute(
            """
            insert into public.subscriptions (org_id, place, provider, mode, provider_id, plan_id, quantity, status, provider_status)
            values (%s, 'current', 'razorpay', 'test', %s, %s, %s, 'incomplete', 'created')
            """,
            [buyer.org_id, seed["provider_id"], ids[seed["plan"]], seed["quantity"]],
        )
    for order in FILE["seed"]["orders"]:
        db.execute(
            """
            insert into private.billing_intents (org_id, kind, provider, mode, purpose, amount_net, amount, status, order_id, provider_id, params)
            values (%s, 'payment_link', 'razorpay', 'test', 'top_up', %s, %s, 'done', %s, %s, '{"description": "Wallet"}')
            """,
            [made["sub_FXorg100000000"].org_id, order["net_paise"], order["gross_paise"], order["provider_id"], "plink_" + order["provider_id"]],
        )  # fmt: skip
    return made


def take(db: Database, event: Json) -> list[str]:
    """What the job does when the supplier does not answer: the entities of the body, as of their event."""
    payload = {name: held["entity"] for name, held in event["body"]["payload"].items()}
    at = instant(event["body"]["created_at"])
    outcomes = []
    if sub := payload.get("subscription"):
        entity = sub | {k: instant(sub.get(k)) for k in TIMES} | {
            "provider_id": sub["id"], "plan_provider_id": sub["plan_id"], "fetched_at": at,
        }  # fmt: skip
        outcomes.append(call(db, "apply_subscription", provider="razorpay", mode="test", entity=entity)["outcome"])  # fmt: skip
    if pay := payload.get("payment"):
        entity = {
            "provider_id": pay["id"], "order_id": pay["order_id"], "subscription_provider_id": (sub or {}).get("id"), "amount": pay["amount"],
            "currency": pay["currency"], "status": pay["status"], "method": pay["method"], "error_code": pay["error_code"], "captured_at": at,
        }  # fmt: skip
        outcomes.append(call(db, "record_payment", provider="razorpay", mode="test", entity=entity)["outcome"])  # fmt: skip
    if refund := payload.get("refund"):
        entity = {"provider_id": refund["id"], "payment_provider_id": refund["payment_id"], "amount": refund["amount"], "currency": "INR", "status": refund["status"]}  # fmt: skip
        outcomes.append(call(db, "record_refund", provider="razorpay", mode="test", entity=entity)["outcome"])
    return outcomes


def rows(db: Database, orgs: list[UUID]) -> list[Any]:
    """What must be the same whatever the order: all but running numbers and the instants of writing."""
    queries = (
        """select provider_id, provider_status, status, quantity, current_start, current_end, charge_at, paid_count, paid_until, ended_at, arrears_since, grace_until
             from public.subscriptions where org_id = any (%s) order by provider_id""",
        "select provider_id, status, amount, purpose, quarantine, refunded from public.payments where org_id = any (%s) order by provider_id",
        "select kind, purpose, taxable, cgst, igst, round_off, total from public.invoices where org_id = any (%s) order by kind, total",
        "select provider_id, status, amount from public.refunds where org_id = any (%s) order by provider_id",
    )
    return [db.rows(query, orgs) for query in queries]


@pytest.mark.parametrize("sequence", FILE["sequences"], ids=lambda s: s["name"])
def test_any_order_and_number_of_events_gives_the_same_rows(
    db: Database, buyers: dict[str, Buyer], sequence: Json
) -> None:
    final, seen = sequence["final"], []
    for seed in range(12):
        chance = random.Random(seed)  # noqa: S311
        order = list(sequence["events"])
        if seed:
            order += chance.choices(order, k=4)
            chance.shuffle(order)
        with db.transaction(force_rollback=True):
            waiting = list(order)
            for _ in range(4):  # what is not known yet is tried again
                waiting = [name for name in waiting if "unknown" in take(db, EVENTS[name])]
            assert waiting == []
            seen.append(rows(db, [buyer.org_id for buyer in buyers.values()]))
            if "subscription_status" in final:
                touched = EVENTS[sequence["events"][0]]["body"]["payload"]["subscription"]["entity"]["id"]
                assert buyers[touched].subscription()["status"] == final["subscription_status"]
            assert len([p for p in seen[-1][1] if p[1] != "failed"]) == final["payments_total"]
            assert len([n for n in seen[-1][2] if n[0] == "invoice"]) == final["tax_invoices_total"]
            assert len([n for n in seen[-1][2] if n[0] == "credit_note"]) == final.get(
                "credit_notes_total", 0
            )

    assert all(one == seen[0] for one in seen)


@pytest.mark.parametrize("name", ["cancelled_at_cycle_end", "all_cycles_used_completed", "customer_paused_in_upi_app", "retries_exhausted_halted", "seats_raised_international_card"])  # fmt: skip
def test_event_alone_gives_the_state_and_access_of_its_moment(
    db: Database, buyers: dict[str, Buyer], name: str
) -> None:
    event = EVENTS[name]
    take(db, event)

    buyer = buyers[event["body"]["payload"]["subscription"]["entity"]["id"]]
    access = db.value("select private.access(%s, %s)", buyer.org_id, instant(event["body"]["created_at"]))
    assert buyer.subscription()["status"] == event["expect"]["subscription_status"]
    assert access["access"] == event["expect"]["access"]


def test_top_up_is_credited_once_and_taken_back_by_its_refund(db: Database, buyers: dict[str, Buyer]) -> None:
    buyer = buyers["sub_FXorg100000000"]
    wallet = "select coalesce((select balance from public.wallets where org_id = %s), 0)"
    take(db, EVENTS["topup_failed_wrong_pin"])
    assert db.value(wallet, buyer.org_id) == 0
    assert [take(db, EVENTS["wallet_topup_captured"]) for _ in range(3)] == [["recorded"], ["unchanged"], ["unchanged"]]  # fmt: skip
    assert db.value(wallet, buyer.org_id) == 1000
    (invoice,) = buyer.invoices()
    assert (invoice["purpose"], invoice["taxable"], invoice["total"]) == ("top_up", 100000, 118000)

    refund = {"provider_id": "rfnd_1", "payment_provider_id": "pay_FXtopup1000000", "amount": 59000, "status": "processed"}  # fmt: skip
    for _ in range(2):
        call(db, "record_refund", provider="razorpay", mode="test", entity=refund)

    assert db.value(wallet, buyer.org_id) == 500


def store(
    db: Database, key: str | None, body: Json | None = None, kind: str = "subscription.charged"
) -> Json:
    body = body or {"account_id": FILE["account_id"], "event": kind}
    hashed = sha256(json.dumps(body).encode()).hexdigest()
    answer: Json = call(
        db, "store_payment_event", provider="razorpay", mode="test", event_id=key, type=kind, provider_ts=None, body_sha256=hashed, body=body
    )  # fmt: skip
    return answer


def test_event_is_stored_once_by_its_id_or_else_by_its_bytes(db: Database, buyers: dict[str, Buyer]) -> None:
    first, again = store(db, "ev_1"), store(db, "ev_1")
    nameless = [store(db, None)["is_new"] for _ in range(2)]

    assert (first["is_new"], again["is_new"], again["id"]) == (True, False, first["id"])
    assert nameless == [True, False]


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        ({"account_id": "acc_other"}, "payment.captured", "quarantined"),
        ({"event": "it names no account"}, "payment.captured", "quarantined"),
        ({"event": "signed, and no event"}, "malformed", "quarantined"),
        ({"account_id": "acc_FLowFixture001"}, "payout.processed", "ignored"),
        ({"account_id": "acc_FLowFixture001"}, "payment.captured", "received"),
    ],
)  # fmt: skip
def test_foreign_account_is_not_believed_and_unknown_type_is_ignored(
    db: Database, buyers: dict[str, Buyer], body: Json, kind: str, status: str
) -> None:
    assert store(db, "ev_2", body, kind)["status"] == status
    assert [e["event_id"] for e in call(db, "claim_payment_events")["events"]] == (["ev_2"] if status == "received" else [])  # fmt: skip


def test_event_is_handed_out_under_a_lease_tried_again_and_then_put_aside(
    db: Database, buyers: dict[str, Buyer]
) -> None:
    made = store(db, "ev_3")["id"]
    seen = []
    for _ in range(8):
        (event,) = call(db, "claim_payment_events")["events"]
        assert call(db, "claim_payment_events")["events"] == [], "it is leased"
        seen.append(call(db, "finish_payment_event", id=made, status="retry", error="subscription_unknown")["status"])  # fmt: skip
        db.execute("update private.payment_events set next_at = now() where id = %s", [made])

    assert seen == ["received"] * 7 + ["quarantined"]
    assert event["attempts"] == 8
    assert call(db, "claim_payment_events")["events"] == []
    assert [e["id"] for e in call(db, "billing_problems")["events"]] == [made]


def test_event_of_a_worker_that_died_is_handed_out_again(db: Database, buyers: dict[str, Buyer]) -> None:
    made = store(db, "ev_4")["id"]
    call(db, "claim_payment_events")
    db.execute("update private.payment_events set lease_until = now() where id = %s", [made])

    (event,) = call(db, "claim_payment_events")["events"]

    assert (event["id"], event["attempts"]) == (made, 2)
    assert call(db, "finish_payment_event", id=made, status="processed")["status"] == "processed"
    assert call(db, "finish_payment_event", id=made, status="failed")["status"] == "processed"


def test_means_of_payment_and_people_of_an_event_are_not_stored(
    db: Database, buyers: dict[str, Buyer]
) -> None:
    secret = {"card": {"last4": "4242", "name": "Asha"}, "card_id": "card_4242", "vpa": "asha@upi", "email": "asha@x.test", "contact": "+919810000011"}  # fmt: skip
    body = {"account_id": FILE["account_id"], "payload": {"payment": {"entity": {"id": "pay_1", "amount": 1, **secret}}, "odd": [secret]}}  # fmt: skip
    made = store(db, "ev_5", body)["id"]
    store(db, "ev_6", {"account_id": FILE["account_id"], "payload": [secret], "data": {"object": {"id": "x", **secret}, "previous": secret}})  # fmt: skip

    kept = db.value("select string_agg(body::text, '') from private.payment_events")

    assert [word for word in ("4242", "Asha", "asha@", "98100") if word in kept] == []
    (event, _) = call(db, "claim_payment_events")["events"]
    assert (event["id"], event["body"]["payload"]["payment"]["entity"]) == (
        made,
        {"id": "pay_1", "amount": 1},
    )


def test_payment_keeps_only_words_of_what_a_supplier_says(db: Database, buyers: dict[str, Buyer]) -> None:
    entity = {"provider_id": "pay_9", "subscription_provider_id": "sub_FXorg100000000", "amount": 235882, "currency": "INR", "status": "captured",
              "method": "card", "card": {"number": "4111111111111111"}, "vpa": "asha@upi"}  # fmt: skip
    call(db, "record_payment", provider="razorpay", mode="test", entity=entity)

    kept = str(db.rows("select to_jsonb(p) from public.payments p")) + str(db.rows("select to_jsonb(n) from public.invoices n"))  # fmt: skip
    assert "4111" not in kept
    assert "asha@upi" not in kept
    columns = "select column_name::text from information_schema.columns where table_schema in ('public', 'private') and column_name ~ '(card|cvv|vpa|iban|pan_|expiry)'"
    assert {name for (name,) in db.rows(columns)} <= {"card"}
