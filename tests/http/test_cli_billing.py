"""Plans, suppliers, sellers and limits at the command line: what is sent, and what is refused in words."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.http.ledger_commands import ORG, Gateway, done, refused, run

PLANS = {"currency": "INR", "gst_percent": "18", "plans": [{"code": "growth", "amount_net": 499_900}]}
IMPORTED = {
    "plans": [
        {"code": "growth", "version": 2, "is_new": True, "amount_net": 499_900, "amount_gross": 589_882,
         "warnings": []},
        {"code": "growth-yearly", "version": 1, "is_new": False, "amount_net": 4_999_000,
         "amount_gross": 5_898_820, "warnings": ["above_mandate_limit"]},
    ]
}  # fmt: skip


def test_a_file_of_plans_goes_to_the_database_as_it_is(gateway: Gateway) -> None:
    gateway.answer("import_plans", IMPORTED)
    Path("plans.json").write_text(json.dumps(PLANS), encoding="utf-8")

    assert done("plans", "import", "plans.json") == IMPORTED
    assert gateway.asked == [("import_plans", {"file": PLANS})]


def test_people_read_what_became_of_plans_and_what_mandates_cannot_pay(gateway: Gateway) -> None:
    gateway.answer("import_plans", IMPORTED)
    Path("plans.json").write_text(json.dumps(PLANS), encoding="utf-8")

    shown = run("plans", "import", "plans.json").stdout

    assert "growth               2   ₹4,999.00   ₹5,898.82  new\n" in shown
    assert "₹58,988.20  as before" in shown
    assert "Warning: growth-yearly is above ₹15,000 with GST" in shown


def test_plans_are_listed_with_their_limits(gateway: Gateway) -> None:
    plan = {
        "code": "growth", "version": 1, "is_current": False, "name": "Growth", "period": "monthly",
        "amount_net": 499_900, "amount_gross": 589_882, "features": {"seats": 5, "numbers": None},
    }  # fmt: skip
    gateway.answer("subscription_plans", {"plans": [plan]})

    assert "seats 5, numbers any  not on offer" in run("plans", "list").stdout


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "is not JSON"),
        (b"[]", "is not a JSON object"),
        (b'{"a": 1.5}', "write it as text"),
        (b"\xff\xfe", "is not UTF-8"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused_before_the_database(
    gateway: Gateway, content: bytes, words: str
) -> None:
    Path("plans.json").write_bytes(content)

    assert words in refused("plans", "import", "plans.json")["message"]
    assert gateway.asked == []


SUPPLIERS = [
    ({"RAZORPAY_KEY_ID": "rzp_test_x", "RAZORPAY_KEY_SECRET": "k"}, "razorpay", "test"),
    ({"RAZORPAY_KEY_ID": "rzp_live_x", "RAZORPAY_KEY_SECRET": "k"}, "razorpay", "live"),
    ({"STRIPE_SECRET_KEY": "sk_live_x"}, "stripe", "live"),
]


@pytest.mark.parametrize(("given", "name", "mode"), SUPPLIERS)
def test_supplier_is_set_in_the_mode_of_its_key(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, given: dict[str, str], name: str, mode: str
) -> None:
    for setting, value in given.items():
        monkeypatch.setenv(setting, value)

    done("billing", "provider", name, "--account", "acc_1")

    expected = {"provider": name, "mode": mode, "account": "acc_1"}
    assert gateway.asked == [("set_payment_provider", expected)]


def test_supplier_without_its_key_is_refused_with_the_setting(gateway: Gateway) -> None:
    assert "STRIPE_SECRET_KEY is missing" in refused("billing", "provider", "stripe")["message"]
    assert gateway.asked == []


FILES = [("seller", "set_seller", {"legal_name": "Flow"}), ("coupon", "save_coupon", {"code": "DIWALI"})]


@pytest.mark.parametrize(("command", "function", "content"), FILES)
def test_seller_and_coupon_come_from_files(
    gateway: Gateway, command: str, function: str, content: dict[str, Any]
) -> None:
    Path("given.json").write_text(json.dumps(content), encoding="utf-8")

    done("billing", command, "given.json")

    assert gateway.asked == [(function, {command: content})]


def test_what_is_set_is_shown(gateway: Gateway) -> None:
    gateway.answer("payment_provider", {"provider": "razorpay", "mode": "test"})
    gateway.answer("seller", {"legal_name": "Flow"})

    assert done("billing", "show") == {
        "provider": "razorpay",
        "mode": "test",
        "seller": {"legal_name": "Flow"},
    }


LIMITS = [
    (("5",), {"value": 5, "until": None, "is_lifted": False}),
    (("5", "--until", "2026-12-31"), {"value": 5, "until": "2026-12-31T23:59:59Z", "is_lifted": False}),
    (("unlimited",), {"value": None, "until": None, "is_lifted": False}),
    (("plan",), {"value": None, "until": None, "is_lifted": True}),
]


@pytest.mark.parametrize(("given", "sent"), LIMITS)
def test_limit_is_granted_or_taken_back(
    gateway: Gateway, given: tuple[str, ...], sent: dict[str, Any]
) -> None:
    done("billing", "limit", "--org", ORG, "seats", *given)

    assert gateway.asked == [("set_entitlement", {"org_id": ORG, "key": "seats", **sent})]


def test_limit_that_is_no_number_is_wrong_use(gateway: Gateway) -> None:
    assert run("billing", "limit", "--org", ORG, "seats", "many").exit_code == 2
    assert gateway.asked == []


def test_usage_is_collected_as_told(gateway: Gateway) -> None:
    done("billing", "collect", "--org", ORG, "postpaid")

    assert gateway.asked == [("set_collection_mode", {"org_id": ORG, "collection_mode": "postpaid"})]


def test_problems_are_told_as_they_are(gateway: Gateway) -> None:
    gateway.answer("billing_problems", {"events": [{"id": 1, "error": "malformed"}], "payments": []})

    assert done("billing", "problems")["events"] == [{"id": 1, "error": "malformed"}]


@pytest.mark.parametrize(("more", "amount"), [((), None), (("--amount", "100"), 100)])
def test_payment_is_given_back_whole_or_in_part(
    gateway: Gateway, more: tuple[str, ...], amount: int | None
) -> None:
    gateway.answer("refund_payment", {"intent_id": "i", "amount": 100, "status": "open"})

    assert done("billing", "refund", "pay_1", *more)["status"] == "open"
    assert gateway.asked == [("refund_payment", {"payment_id": "pay_1", "amount": amount})]
    assert run("billing", "refund", "pay_1", "--amount", "0").exit_code == 2
