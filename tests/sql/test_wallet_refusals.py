"""Who has no money sends nothing, and many who send at once never overdraw."""

import json
import threading
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from tests.business import Business, Json, Maker, call, status, text
from tests.database import Database
from tests.sql.money import (
    SERVICE,
    UTILITY,
    ZERO,
    bill,
    booked,
    costing,
    deliver,
    people,
    price,
    settle,
)
from tests.sql.wallets import ASHA, HELLO, RAVI, holds, ids, movements, top_up, wallet

# Refused --------------------------------------------------------------------------------------------------


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


# At once --------------------------------------------------------------------------------------------------


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
    """96 messages from 8 numbers, and money for 37 of them: 0.15 each."""
    business = lasting(rate=100_000)
    numbers = [business]
    with business.db.transaction():
        numbers += [Business(business.db, business.org_id, rate=100_000) for _ in range(7)]
        bill(business, per_message="0.035")
        top_up(business, "5.60")
        queued = [m for number in numbers for m in number.send(*people(12))]
    assert len(queued) == 96
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
    assert len(refused) == 59
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
            for _ in range(4):
                db.execute("select private.sweep()")
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
