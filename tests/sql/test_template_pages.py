"""What the pages of templates and greetings read: templates by name, prices by category, how greetings went."""

import json
from decimal import Decimal

import pytest

from tests.business import call
from tests.sql.test_greeting_rules import admin, save, templates  # noqa: F401 (fixtures)
from tests.sql.test_greetings import enquire, greetings, setting


@pytest.fixture
def asked(business, db, member):
    """Asks a public function as an agent of the business."""
    agent = member(business.org_id, "agent")

    def ask(name, **given):
        db.as_person(agent)
        args = "".join(f", {key} => %s" for key in given)
        values = [json.dumps(value) if isinstance(value, dict) else value for value in given.values()]
        told = db.value(f"select public.{name}(%s{args})", business.org_id, *values)
        db.as_operator()
        return told

    return ask


def store(business, *given):
    call(
        business.db, "store_templates", org_id=business.org_id, account_id=business.account_id,
        templates=list(given),
    )  # fmt: skip


def template(name, language="en", status="APPROVED", text="Hello", category="UTILITY"):
    components = [{"type": "HEADER", "format": "LOCATION"}, {"type": "body", "text": text}]
    return {"id": f"{name}-{language}", "name": name, "language": language, "status": status,
            "category": category, "components": components}  # fmt: skip


def test_languages_of_a_template_stand_together_and_pages_follow_each_other(business, asked):
    store(business, *(template(f"t{n}", language) for n in range(5) for language in ("en", "hi")))

    first = asked("list_templates", page_size=3)
    rest = asked("list_templates", page_size=3, after=first["next"])

    assert [t["name"] for t in first["templates"] + rest["templates"]] == ["t0", "t1", "t2", "t3", "t4"]
    assert [one["language"] for one in first["templates"][0]["languages"]] == ["en", "hi"]
    assert (first["counts"], rest["next"], "counts" in rest) == ({"approved": 5}, None, False)
    assert [(a["name"], a["problem"]) for a in first["accounts"]] == [("Shop", None)]
    assert first["accounts"][0]["read_at"] is not None


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ({"state": "approved"}, ["mixed", "offer"]),
        ({"state": "review"}, ["mixed"]),
        ({"state": "rejected"}, ["bad"]),
        ({"state": "stopped"}, ["blocked", "paused"]),
        ({"category": "marketing"}, ["offer"]),
        ({"query": "100%_ OFF"}, ["offer"]),
        ({"query": "hello", "state": "rejected"}, ["bad"]),
        ({"query": "no such word"}, []),
    ],
)
def test_templates_are_found_by_state_category_and_words(business, db, asked, wanted, names):
    store(
        business,
        template("offer", text="Now 100%_ off", category="MARKETING"),
        template("mixed"),
        template("mixed", "hi", "PENDING"),
        template("bad", status="REJECTED"),
        template("paused", status="PAUSED"),
        template("blocked"),
        template("old"),
    )
    db.execute(
        "update public.message_templates set blocked_reason = 'x' where org_id = %s and name = 'blocked'",
        [business.org_id],
    )
    db.execute(
        "update public.message_templates set status = 'DELETED' where org_id = %s and name = 'old'",
        [business.org_id],
    )

    assert [t["name"] for t in asked("list_templates", filter=wanted)["templates"]] == names


def test_the_price_of_each_category_is_its_rate_with_the_markup(business, db, asked):
    def rates():
        return {
            name: db.value(
                "select (private.rate_at('IN', %s, 'INR', current_date, clock_timestamp())).rate", name
            )
            for name in ("marketing", "utility", "authentication")
        }

    told = asked("template_prices")
    assert {name: Decimal(price) for name, price in told["prices"].items()} == rates()
    assert (told["country"], told["currency"]) == ("IN", "INR")

    db.execute(
        "insert into public.billing_plans (org_id, meta_billing, supply, gst_percent, markup)"
        " values (%s, 'customer', 'inter', 18, %s)",
        [business.org_id, json.dumps([{"from": "2020-01-01", "per_message": "0.05"}])],
    )
    dearer = {name: Decimal(price) for name, price in asked("template_prices")["prices"].items()}
    assert dearer == {name: rate + Decimal("0.05") for name, rate in rates().items()}
    assert set(asked("template_prices", country="ZZ")["prices"].values()) == {None}


def test_the_report_tells_what_became_of_each_greeting(business, db, asked):
    templates(business)
    setting(business)
    enquire(
        business,
        *({"person": {"phone": f"+91981000000{n}"}} for n in range(4)),
        {"person": {"phone": "+912228000000", "phone_kind": "fixed_line"}},
        {"lead_type": "BIZ", "person": {"phone": "+919810000009"}},
    )
    sent = [m["id"] for m in greetings(business)]
    for message, status in zip(sent, ("read", "delivered", "failed"), strict=False):
        db.execute(
            "update public.messages set status = %s where org_id = %s and id = %s",
            [status, business.org_id, message],
        )

    told = asked("greeting_report")

    assert told == {
        "days": 7, "leads": 6, "arrived": 2, "read": 1, "under_way": 1, "failed": 1,
        "skipped": [{"reason": "The contact has no mobile number", "leads": 1}],
    }  # fmt: skip
    db.execute(
        "update public.leads set received_at = now() - interval '8 days' where org_id = %s", [business.org_id]
    )
    assert asked("greeting_report")["leads"] == 0
    assert asked("greeting_report", days=31)["leads"] == 6


def test_greeting_is_switched_off_and_its_periods_are_set_whatever_became_of_the_template(
    business,
    db,
    admin,  # noqa: F811
):
    templates(business)
    setting(business)
    templates(business, {"status": "REJECTED"})

    def settle(**given):
        db.as_person(admin)
        answer = db.value("select public.set_greeting(%s, %s)", business.org_id, json.dumps(given))
        db.as_operator()
        return answer

    assert settle(repeat_days=3)["on"] is True
    assert settle(on=False)["on"] is False
    db.as_person(admin)
    refused = db.refusal("select public.set_greeting(%s, %s)", business.org_id, '{"on": true}')
    assert refused.detail == "template_not_approved"


def test_the_first_rule_waits_for_somebody_to_switch_the_greeting_on(business, db, admin, save):  # noqa: F811
    templates(business)
    db.as_person(admin)
    off = db.value("select public.set_greeting(%s, %s)", business.org_id, '{"on": false}')
    db.as_operator()
    save(lead_types=["W"])
    enquire(business)

    assert (off["on"], off["template"], greetings(business)) == (False, None, [])
