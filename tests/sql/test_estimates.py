"""What a message will cost, said before it is sent: at least and at most, and never a guess."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.business import Business, Json, call, fresh_org, status, text
from tests.database import Database, Person
from tests.sql.money import MARKETING, SERVICE, UTILITY, bill, deliver, people, price, settle

ASHA, RAVI = "+919810000011", "+919810000022"
GERMAN, EMIRATI = "+4915112345678", "+971501234567"
TEXT, RECEIPT = {"kind": "text"}, {"kind": "template", "template": "receipt", "language": "en"}
HELLO = {"kind": "template", "template": "hello", "language": "en"}
RANGE = ("low", "high", "meta_low", "meta_high", "markup_low", "markup_high", "billed_low", "billed_high")
HOUR = 3600


@pytest.fixture
def agent(business: Business, member: Callable[..., Person]) -> Person:
    """Somebody who works there."""
    return member(business.org_id)


ESTIMATE = "select public.estimate_messages(%s, %s, %s, %s, %s)"


def contact(business: Business, phone: str) -> UUID:
    """Somebody with a phone number."""
    found: UUID = business.db.value("select private.contact_for_sending(%s, %s)", business.org_id, phone)
    return found


def estimate(
    business: Business,
    who: Person,
    message: Json,
    *to: str | UUID,
    number: UUID | str | None = None,
    conversation: UUID | str | None = None,
) -> Json:
    """Estimate a message to phones, contacts or a conversation, as a member does."""
    contacts = [contact(business, one) if isinstance(one, str) else one for one in to]
    business.db.as_person(who)
    answer: Json = business.db.value(
        ESTIMATE, business.org_id, json.dumps(message), contacts or None, number, conversation
    )
    business.db.as_operator()
    return answer


def range_of(told: Json) -> tuple[Decimal, ...]:
    """All amounts, each of which must be text."""
    assert all(isinstance(told[name], str) for name in RANGE), told
    return tuple(Decimal(told[name]) for name in RANGE)


def metas(low: Decimal | int, high: Decimal | int, times: int = 1) -> tuple[Decimal, ...]:
    """The range of messages that only Meta asks for, and asks the customer."""
    return tuple(Decimal(x) * times for x in (low, high, low, high, 0, 0, 0, 0))


def used(business: Business, count: int, month: str = "now()") -> None:
    """So many free service messages of the month are used up."""
    business.db.execute(
        f"""
        insert into public.free_allowance (org_id, number_id, month, used)
        values (%s, %s, private.month_text((({month}) at time zone 'Asia/Kolkata')::date), %s)
        on conflict (org_id, number_id, month) do update set used = excluded.used
        """,
        [business.org_id, business.number_id, count],
    )


def write(business: Business, at: int, phone: str = ASHA, **more: object) -> None:
    """The customer writes."""
    business.hear(text(f"wamid.in.{uuid4().hex}", at=at, sender=phone.lstrip("+")) | more)


# Ranges -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "low"), [(0, 0), (1, 0), (999, 0), (1000, SERVICE), (1001, SERVICE)])
def test_service_message_may_be_free_within_the_first_thousand(
    business: Business, agent: Person, count: int, low: Decimal
) -> None:
    if count:
        used(business, count)

    told = estimate(business, agent, TEXT, ASHA)

    assert range_of(told) == metas(low, SERVICE)
    assert (told["category"], told["messages"], told["currency"]) == ("service", 1, "INR")


def test_thousand_is_of_the_number_and_the_month(db: Database, member: Callable[..., Person]) -> None:
    org_id = fresh_org(db)
    one, two = Business(db, org_id), Business(db, org_id)
    who = member(org_id)
    used(one, 1000)
    used(two, 1000, "now() - interval '32 days'")

    assert range_of(estimate(one, who, TEXT, ASHA, number=one.number_id)) == metas(SERVICE, SERVICE)
    assert range_of(estimate(one, who, TEXT, ASHA, number=two.number_id)) == metas(0, SERVICE)


def test_free_messages_that_meta_let_go_use_the_thousand_up(business: Business, agent: Person) -> None:
    used(business, 999)
    deliver(business, price("service", "free_customer_service"), at=business.now())
    settle(business)

    assert range_of(estimate(business, agent, TEXT, ASHA)) == metas(SERVICE, SERVICE)


@pytest.mark.parametrize("kind", ["text", "image", "document", "location", "interactive"])
def test_everything_but_a_template_is_a_service_message(business: Business, agent: Person, kind: str) -> None:
    assert estimate(business, agent, {"kind": kind}, ASHA)["category"] == "service"


@pytest.mark.parametrize(
    ("message", "category", "rate"), [(RECEIPT, "utility", UTILITY), (HELLO, "marketing", MARKETING)]
)
def test_template_costs_its_rate_inside_the_window_too(
    business: Business, agent: Person, message: Json, category: str, rate: Decimal
) -> None:
    """Since October 2026 utility templates are charged inside the customer service window."""
    outside = estimate(business, agent, message, ASHA)
    write(business, business.now() - 60)
    inside = estimate(business, agent, message, ASHA)

    assert outside == inside
    assert range_of(inside) == metas(rate, rate)
    assert inside["category"] == category


@pytest.mark.parametrize(("ago", "low"), [(60, 0), (72 * HOUR - 60, 0), (72 * HOUR + 60, MARKETING)])
def test_who_came_by_an_ad_may_be_written_to_free_of_charge_for_72_hours(
    business: Business, agent: Person, ago: int, low: Decimal
) -> None:
    ad = {"referral": {"source_type": "ad", "source_id": "120", "source_url": "https://fb.me/x"}}
    write(business, business.now() - ago, **ad)

    assert range_of(estimate(business, agent, HELLO, ASHA)) == metas(low, MARKETING)
    assert range_of(estimate(business, agent, HELLO, RAVI)) == metas(MARKETING, MARKETING)


@pytest.mark.parametrize(("since", "low"), [(60, 0), (72 * HOUR - 60, 0), (72 * HOUR, MARKETING)])
def test_free_entry_point_that_meta_opened_lasts_72_hours(
    business: Business, agent: Person, since: int, low: Decimal
) -> None:
    message = business.sent(ASHA)
    free = {"pricing": price("utility", "free_entry_point")}
    business.told(status(f"wamid.{message}", "delivered", business.now() - since, **free))
    settle(business)

    assert range_of(estimate(business, agent, HELLO, ASHA)) == metas(low, MARKETING)


@pytest.mark.parametrize("payer", ["customer", "flow"])
def test_plan_is_in_the_estimate_and_who_pays_meta_decides_what_is_billed(
    business: Business, agent: Person, payer: str
) -> None:
    bill(business, meta_billing=payer, percent="10", minimum="0.02")
    dear, some = Decimal("0.08631"), Decimal("0.02")

    marketing = estimate(business, agent, HELLO, ASHA)
    service = estimate(business, agent, TEXT, ASHA)

    whole = MARKETING + dear
    billed = whole if payer == "flow" else dear
    assert range_of(marketing) == (whole, whole, MARKETING, MARKETING, dear, dear, billed, billed)
    # What is free carries no markup.
    billed = SERVICE + some if payer == "flow" else some
    assert range_of(service) == (0, SERVICE + some, 0, SERVICE, 0, some, 0, billed)


def test_rule_of_the_category_counts(business: Business, agent: Person) -> None:
    bill(business, percent="10", categories={"utility": {"per_message": "0.01"}})

    assert estimate(business, agent, RECEIPT, ASHA)["markup_high"] == "0.010000"
    assert estimate(business, agent, HELLO, ASHA)["markup_high"] == "0.086310"


def test_plan_that_has_not_begun_counts_for_nothing_yet(
    business: Business, agent: Person, db: Database
) -> None:
    tomorrow = db.value("select (private.india_day(now()) + 1)::text")
    plan = {"meta_billing": "flow", "markup": [{"from": tomorrow, "per_message": "5"}]}
    call(db, "set_billing_plan", org_id=business.org_id, plan=plan)

    assert estimate(business, agent, RECEIPT, ASHA)["markup_high"] == "0.000000"


def test_estimate_is_what_the_ledger_then_books(business: Business, agent: Person, db: Database) -> None:
    bill(business, percent="33.3333", minimum="0.01")
    told = estimate(business, agent, HELLO, ASHA)
    message = business.sent(ASHA, template="hello", language="en", params=["a", "b"])
    business.told(status(f"wamid.{message}", "delivered", business.now(), pricing=price("marketing")))

    booked = dict(db.rows("select entry, amount from public.usage_ledger where org_id = %s", business.org_id))
    assert (Decimal(told["meta_high"]), Decimal(told["markup_high"])) == (
        booked["meta_cost"],
        booked["markup"],
    )
    assert Decimal(told["billed_high"]) == sum(booked.values())


def test_estimate_is_what_the_claim_then_holds(business: Business, agent: Person, db: Database) -> None:
    bill(business, percent="12.5")
    call(db, "top_up", org_id=business.org_id, amount="5")
    told = estimate(business, agent, RECEIPT, ASHA)
    business.send(ASHA)
    business.claim()

    assert db.value("select held from public.wallets where org_id = %s", business.org_id) == Decimal(
        told["billed_high"]
    )


# Not known --------------------------------------------------------------------------------------------------


def emirates(business: Business) -> None:
    """A market with a rate for marketing alone."""
    card = {"market": "Emirates", "iso": "AE", "calling_codes": ["971"], "currency": "INR",
            "rates": [{"category": "marketing", "rate": "3.25", "from": "2026-01-01"}]}  # fmt: skip
    call(business.db, "import_rates", card=card)


def unknown(told: Json) -> list[tuple[str, int]]:
    return [(r["reason"], r["messages"]) for r in told["reasons"]]


def test_market_without_a_card_has_no_estimate(business: Business, agent: Person) -> None:
    told = estimate(business, agent, RECEIPT, GERMAN)

    assert (told["messages"], told["unknown"], unknown(told)) == (1, 1, [("market_unknown", 1)])
    assert told["reasons"][0]["words"] == "no rate card covers the recipient's country"
    assert range_of(told) == metas(0, 0)


def test_category_without_a_rate_has_no_estimate(business: Business, agent: Person) -> None:
    emirates(business)

    assert unknown(estimate(business, agent, RECEIPT, EMIRATI)) == [("no_rate", 1)]
    assert range_of(estimate(business, agent, HELLO, EMIRATI)) == metas(Decimal("3.25"), Decimal("3.25"))


def test_account_without_a_zone_has_no_estimate(business: Business, agent: Person, db: Database) -> None:
    db.execute("update public.whatsapp_accounts set time_zone = null where org_id = %s", [business.org_id])

    told = estimate(business, agent, RECEIPT, ASHA)

    assert unknown(told) == [("zone_unknown", 1)]
    assert told["reasons"][0]["words"] == "the account's time zone is not known"


def test_account_in_a_currency_without_a_card_has_no_estimate(
    business: Business, agent: Person, db: Database
) -> None:
    db.execute("update public.whatsapp_accounts set currency = 'USD' where org_id = %s", [business.org_id])

    told = estimate(business, agent, RECEIPT, ASHA)

    assert (unknown(told), told["currency"]) == ([("no_rate", 1)], "USD")


def test_person_without_a_phone_is_of_the_country_of_their_id(business: Business, agent: Person) -> None:
    for user in ("IN.4000", "DE.4000"):
        business.hear(text(f"w.{user}", at=business.now(), sender=None, user=user))
    indian, german = (
        business.db.value("select contact_id from public.contact_identities where org_id = %s and value = %s", business.org_id, user)
        for user in ("IN.4000", "DE.4000")
    )  # fmt: skip

    assert range_of(estimate(business, agent, RECEIPT, indian)) == metas(UTILITY, UTILITY)
    assert unknown(estimate(business, agent, RECEIPT, german)) == [("market_unknown", 1)]


# Many -------------------------------------------------------------------------------------------------------


def test_audience_is_added_up_and_what_is_not_known_is_counted_apart(
    business: Business, agent: Person
) -> None:
    bill(business, per_message="0.10")
    emirates(business)
    told = estimate(business, agent, RECEIPT, *people(7), GERMAN, "+4915112345679", EMIRATI)

    one = UTILITY + Decimal("0.10")
    assert (told["messages"], told["unknown"]) == (10, 3)
    assert unknown(told) == [("market_unknown", 2), ("no_rate", 1)]
    assert range_of(told) == tuple(
        7 * x for x in (one, one, UTILITY, UTILITY, one - UTILITY, one - UTILITY, one, one)
    )


def test_markets_and_free_entry_points_are_told_apart_in_an_audience(
    business: Business, agent: Person
) -> None:
    emirates(business)
    write(business, business.now() - 60, referral={"source_type": "ad", "source_id": "1"})

    told = estimate(business, agent, HELLO, ASHA, RAVI, EMIRATI)

    low = MARKETING + Decimal("3.25")
    assert range_of(told) == metas(low, low + MARKETING)


def test_10000_people_are_estimated_at_once(business: Business, agent: Person, db: Database) -> None:
    contacts = [
        c for (c,) in db.rows(
            "insert into public.contacts (org_id, phone) select %s, '+9197' || lpad(n::text, 8, '0') from generate_series(1, 10000) n returning id",
            business.org_id,
        )
    ]  # fmt: skip

    told = estimate(business, agent, HELLO, *contacts)

    assert (told["messages"], told["high"]) == (10000, str(10000 * MARKETING) + "00")
    db.as_person(agent)
    refusal = db.refusal(ESTIMATE, business.org_id, json.dumps(HELLO), [*contacts, uuid4()], None, None)
    assert (refusal.sqlstate, refusal.detail) == ("PT422", "recipients_invalid")


# The wallet -------------------------------------------------------------------------------------------------


def test_wallet_is_asked_when_it_is_prepaid(business: Business, agent: Person, db: Database) -> None:
    bill(business)

    def fits(*to: str) -> bool | None:
        found: bool | None = estimate(business, agent, RECEIPT, *to)["fits_wallet"]
        return found

    def set_wallet(**settings: bool) -> None:
        call(db, "set_wallet", org_id=business.org_id, settings=settings)

    assert fits(ASHA) is None
    set_wallet(prepaid=False)
    assert fits(ASHA) is None
    set_wallet(prepaid=True)
    assert fits(ASHA) is False
    call(db, "top_up", org_id=business.org_id, amount="0.23")
    two, three = people(2), people(3)
    assert (fits(*two), fits(*three), fits(ASHA, GERMAN)) == (True, False, False)
    business.send(RAVI)
    business.claim()
    assert (fits(ASHA), fits(*two)) == (True, False), "what is held cannot be spent twice"
    set_wallet(allow_negative=True)
    assert (fits(*three), fits(GERMAN)) == (True, True)


def test_wallet_fits_what_is_billed_only(business: Business, agent: Person, db: Database) -> None:
    bill(business, meta_billing="customer", per_message="0.01")
    call(db, "top_up", org_id=business.org_id, amount="0.02")

    assert estimate(business, agent, HELLO, *people(2))["fits_wallet"] is True
    assert estimate(business, agent, HELLO, *people(3))["fits_wallet"] is False


def test_what_costs_nothing_fits_a_wallet_below_zero(business: Business, agent: Person, db: Database) -> None:
    call(db, "set_wallet", org_id=business.org_id, settings={"prepaid": True})
    db.execute("update public.wallets set balance = -1 where org_id = %s", [business.org_id])

    assert estimate(business, agent, HELLO, ASHA)["fits_wallet"] is True


def test_dollars_are_not_compared_with_rupees(business: Business, agent: Person, db: Database) -> None:
    call(db, "import_rates", card={"market": "India", "currency": "USD", "rates": [
        {"category": "utility", "rate": "0.0014", "from": "2025-07-01"}]})  # fmt: skip
    db.execute("update public.whatsapp_accounts set currency = 'USD' where org_id = %s", [business.org_id])
    bill(business)
    call(db, "top_up", org_id=business.org_id, amount="0.01")

    told = estimate(business, agent, RECEIPT, ASHA)

    assert (told["currency"], told["high"]) == ("USD", "0.001400")
    assert told["fits_wallet"] is not True


# Where to ---------------------------------------------------------------------------------------------------


def test_conversation_names_the_person_and_the_number(db: Database, member: Callable[..., Person]) -> None:
    org_id = fresh_org(db)
    one, two = Business(db, org_id), Business(db, org_id)
    who = member(org_id)
    used(two, 1000)
    write(two, two.now() - 60)
    thread = db.value("select id from public.conversations where org_id = %s", org_id)

    told = estimate(one, who, TEXT, conversation=thread)

    assert (told["messages"], range_of(told)) == (1, metas(SERVICE, SERVICE))
    assert estimate(one, who, TEXT, conversation=thread, number=two.number_id) == told


def test_estimate_changes_nothing(business: Business, agent: Person, db: Database) -> None:
    one = contact(business, ASHA)
    tables = ("conversations", "messages", "contacts", "wallets", "audit_log")
    before = [business.table(f"public.{name}") for name in tables]

    estimate(business, agent, HELLO, one)

    assert [business.table(f"public.{name}") for name in tables] == before


def test_answer_is_of_text(business: Business, agent: Person) -> None:
    bill(business, per_message="0.1")

    assert estimate(business, agent, TEXT, ASHA) == {
        "messages": 1, "category": "service", "currency": "INR", "low": "0.000000", "high": "0.215000", "meta_low": "0.000000",
        "meta_high": "0.115000", "markup_low": "0.000000", "markup_high": "0.100000", "billed_low": "0.000000",
        "billed_high": "0.215000", "unknown": 0, "reasons": [], "fits_wallet": None,
    }  # fmt: skip


# Refused ----------------------------------------------------------------------------------------------------

NOBODY = str(uuid4())


@pytest.mark.parametrize(("message", "given", "sqlstate", "detail"), [
    pytest.param(TEXT, {"contact_ids": []}, "PT422", "recipients_invalid", id="no one"),
    pytest.param(TEXT, {}, "PT422", "recipients_invalid", id="nobody named"),
    pytest.param(TEXT, {"conversation_id": NOBODY}, "PT404", "conversation_unknown", id="unknown conversation"),
    pytest.param(TEXT, {"number_id": NOBODY, "contact_ids": ["asha"]}, "PT404", "number_unknown", id="unknown number"),
    pytest.param(TEXT, {"conversation_id": "asha", "number_id": NOBODY}, "PT422", "number_of_another", id="number of another conversation"),
    pytest.param(RECEIPT | {"template": "none"}, {"contact_ids": ["asha"]}, "PT404", "template_unknown", id="unknown template"),
    pytest.param(RECEIPT | {"language": "hi"}, {"contact_ids": ["asha"]}, "PT404", "template_unknown", id="unknown language"),
    pytest.param({"kind": "template"}, {"contact_ids": ["asha"]}, "PT404", "template_unknown", id="template without a name"),
])  # fmt: skip
def test_what_cannot_be_estimated_is_refused(
    business: Business, db: Database, agent: Person, message: Json, given: Json, sqlstate: str, detail: str
) -> None:
    write(business, business.now() - 60)
    asha = contact(business, ASHA)
    thread = db.value("select id from public.conversations where org_id = %s", business.org_id)
    named: dict[str, Any] = {
        "contact_ids": [asha if c == "asha" else c for c in given["contact_ids"]] if "contact_ids" in given else None,
        "conversation_id": thread if given.get("conversation_id") == "asha" else given.get("conversation_id"),
    }  # fmt: skip
    db.as_person(agent)

    refusal = db.refusal(
        ESTIMATE, business.org_id, json.dumps(message), named["contact_ids"], given.get("number_id"), named["conversation_id"]
    )  # fmt: skip

    assert (refusal.sqlstate, refusal.detail) == (sqlstate, detail)
    assert refusal.message
    assert refusal.hint


def test_organization_without_a_number_has_no_estimate(
    business: Business, db: Database, agent: Person
) -> None:
    asha = contact(business, ASHA)
    call(db, "disconnect_whatsapp", org_id=business.org_id)
    db.as_person(agent)

    refusal = db.refusal(ESTIMATE, business.org_id, json.dumps(TEXT), [asha], None, None)

    assert (refusal.sqlstate, refusal.detail) == ("PT409", "number_not_connected")


def test_stranger_has_nothing_estimated(
    business: Business, db: Database, member: Callable[..., Person], org: Callable[..., UUID]
) -> None:
    write(business, business.now() - 60)
    asha = contact(business, ASHA)
    thread = db.value("select id from public.conversations where org_id = %s", business.org_id)
    theirs = org()
    other = Business(db, theirs)
    db.as_person(member(theirs, "owner"))

    for org_id, contacts, number, conversation in (
        (business.org_id, [asha], None, None),
        (theirs, None, None, thread),
        (theirs, [asha], business.number_id, None),
    ):
        refusal = db.refusal(ESTIMATE, org_id, json.dumps(TEXT), contacts, number, conversation)
        assert refusal.sqlstate == "PT404"
    db.as_operator()
    assert other.org_id == theirs


def test_contact_of_another_organization_is_unknown(
    business: Business, db: Database, member: Callable[..., Person], org: Callable[..., UUID]
) -> None:
    """Whom the organization does not know cannot be priced: that is said, not passed over."""
    asha = contact(business, ASHA)
    theirs = Business(db, org())
    ravi = contact(theirs, RAVI)
    db.as_person(member(theirs.org_id))

    for contacts in ([asha], [ravi, asha], [uuid4()]):
        refusal = db.refusal(ESTIMATE, theirs.org_id, json.dumps(RECEIPT), contacts, None, None)
        assert (refusal.sqlstate, refusal.detail) == ("PT404", "contact_unknown")


def test_person_named_twice_gets_one_message(business: Business, agent: Person) -> None:
    assert estimate(business, agent, RECEIPT, ASHA, ASHA)["messages"] == 1


@pytest.mark.parametrize("message", [{"kind": "banana"}, {}, [], None, {"kind": None}])
def test_message_that_is_none_is_refused(
    business: Business, db: Database, agent: Person, message: Any
) -> None:
    asha = contact(business, ASHA)
    db.as_person(agent)

    refusal = db.refusal(ESTIMATE, business.org_id, json.dumps(message), [asha], None, None)

    assert refusal.sqlstate == "PT422"
