"""Money: one row and one invoice a payment; what does not fit waits in quarantine and pays for nothing."""

import threading
from collections.abc import Callable
from uuid import UUID, uuid4

import pytest

from tests.database import Database, Person
from tests.sql.billing import PLANS, Buyer, Json, a_buyer, call, set_up


@pytest.fixture
def buyer(db: Database, org: Callable[..., UUID], person: Callable[..., Person]) -> Buyer:
    set_up(db)
    return a_buyer(db, org, person)


def test_debit_is_booked_once_whatever_tells_of_it(buyer: Buyer) -> None:
    buyer.subscribes()

    told = [buyer.pays(235882, name="pay_once") for _ in range(4)]

    assert [t["outcome"] for t in told] == ["recorded"] + ["unchanged"] * 3
    assert {t["invoice_number"] for t in told} == {buyer.invoices()[0]["number"]}
    (invoice,) = buyer.invoices()
    assert (invoice["taxable"], invoice["cgst"], invoice["sgst"], invoice["round_off"]) == (199900, 17991, 17991, 0)  # fmt: skip


@pytest.mark.parametrize(
    ("amount", "currency", "outcome", "why"),
    [(235881, "INR", "quarantined", "amount_differs"), (1_000_000, "INR", "quarantined", "amount_differs"),
     (235882, "USD", "quarantined", "currency_differs"), (100, "INR", "mandate_check", None), (500, "INR", "mandate_check", None),
     (501, "INR", "quarantined", "amount_differs")],
)  # fmt: skip
def test_wrong_amount_or_currency_is_neither_invoiced_nor_believed(
    buyer: Buyer, amount: int, currency: str, outcome: str, why: str | None
) -> None:
    buyer.subscribes()
    paid_until = buyer.subscription()["paid_until"]

    told = buyer.pays(amount, currency=currency)

    assert (told["outcome"], told["quarantine"], told["invoice_id"]) == (outcome, why, None)
    assert buyer.invoices() == []
    assert buyer.subscription()["paid_until"] == paid_until
    problems = call(buyer.db, "billing_problems")["payments"]
    assert len([p for p in problems if p["org_id"] == str(buyer.org_id)]) == (1 if why else 0)


@pytest.mark.parametrize(
    ("order", "status"),
    [(("failed", "captured"), "captured"), (("captured", "failed"), "captured"), (("authorized", "failed"), "failed"),
     (("captured", "authorized", "created"), "captured"), (("created", "failed", "captured", "refunded", "captured"), "refunded")],
)  # fmt: skip
def test_status_only_goes_on_and_failed_never_overwrites_captured(
    buyer: Buyer, order: tuple[str, ...], status: str
) -> None:
    buyer.subscribes()

    for word in order:
        told = buyer.pays(235882, name="pay_1", status=word)

    assert told["status"] == status
    assert len(buyer.invoices()) == (1 if "captured" in order else 0)


def test_amount_that_changes_under_one_id_is_not_believed(buyer: Buyer) -> None:
    buyer.subscribes()
    buyer.pays(235882, name="pay_1", status="authorized")

    told = buyer.pays(1, name="pay_1")

    assert (told["outcome"], told["quarantine"]) == ("quarantined", "amount_differs")
    assert buyer.db.value("select amount from public.payments where provider_id = 'pay_1'") == 235882


def test_payment_of_nothing_we_know_is_told_apart_and_a_shapeless_one_refused(
    db: Database, buyer: Buyer
) -> None:
    entity: Json = {"provider_id": "pay_x", "amount": 100, "currency": "INR", "status": "captured", "subscription_provider_id": "sub_x", "order_id": "o"}  # fmt: skip
    record = "select worker.record_payment('razorpay', 'test', %s::jsonb)"

    assert call(db, "record_payment", provider="razorpay", mode="test", entity=entity) == {"outcome": "unknown"}  # fmt: skip
    for wrong in ('{"amount": 1.5}', '{"amount": -1}', '{"status": "dancing"}', '{"currency": null}', '{"provider_id": ""}'):  # fmt: skip
        assert db.refusal(f"select worker.record_payment('razorpay', 'test', %s::jsonb || '{wrong}')", '{"provider_id": "p", "amount": 1, "currency": "INR", "status": "captured"}').detail == "payment_invalid"  # fmt: skip
    assert db.value(record, '{"provider_id": "p", "amount": 1, "currency": "INR", "status": "captured"}') == {"outcome": "unknown"}  # fmt: skip


def test_quantity_and_odd_paise_are_in_the_round_off(db: Database, buyer: Buyer) -> None:
    call(db, "import_plans", file=PLANS | {"plans": [{"code": "odd", "name": "Odd", "amount_net": 49903, "per_seat": True}]})  # fmt: skip
    buyer.subscribes("odd", 7)

    told = buyer.pays(58886 * 7)

    (invoice,) = buyer.invoices()
    assert told["outcome"] == "recorded"
    assert (invoice["taxable"], invoice["total"], invoice["lines"][0]["quantity"]) == (349321, 412202, 7)
    assert invoice["cgst"] == invoice["sgst"] == 31439
    assert invoice["round_off"] == 3


def test_quarantine_for_want_of_a_seller_is_cured_by_telling_again(db: Database, buyer: Buyer) -> None:
    buyer.subscribes()
    db.execute("create temp table kept as table private.billing_sellers")
    db.execute(
        "alter table private.billing_sellers disable trigger user; delete from private.billing_sellers"
    )

    assert buyer.pays(235882, name="pay_1")["quarantine"] == "seller_missing"
    db.execute("insert into private.billing_sellers overriding system value select * from kept")
    assert buyer.pays(235882, name="pay_1")["outcome"] == "recorded"
    assert len(buyer.invoices()) == 1


def test_link_is_paid_once_and_a_second_payment_waits_to_be_given_back(buyer: Buyer) -> None:
    asked = buyer.asks("top_up_wallet", 100_000)
    buyer.works()
    link = buyer.links[asked["intent_id"]]

    first, second = buyer.pays(118_000, link=link), buyer.pays(118_000, link=link)

    assert (first["purpose"], first["wallet_credit"]) == ("top_up", 100_000)
    assert (second["outcome"], second["quarantine"]) == ("quarantined", "paid_already")
    assert buyer.db.value("select balance from public.wallets where org_id = %s", buyer.org_id) == 1000
    assert buyer.asks("billing_intent", asked["intent_id"])["is_paid"] is True


def test_two_payments_of_a_link_told_by_eight_at_once_are_one_invoice(
    dsn: str, connect: Callable[[], Database], person: Callable[..., Person]
) -> None:
    first = connect()
    with first.transaction():
        owner = uuid4()
        first.execute("insert into auth.users (id, email) values (%s, %s)", [owner, f"{owner}@x.test"])
        org_id = first.value("select private.new_organization('At once', %s)", owner)
        call(first, "set_seller", seller={"legal_name": "S", "state_code": "29", "address": "x", "email": "s@x.test"})  # fmt: skip
        intent = first.value(
            """
            insert into private.billing_intents (org_id, kind, provider, mode, purpose, amount_net, amount, status, order_id, params)
            values (%s, 'payment_link', 'razorpay', 'test', 'top_up', 10000, 11800, 'done', %s, '{"description": "x"}') returning id
            """,
            org_id, f"order_{owner}",
        )  # fmt: skip
    connections, told = [connect() for _ in range(8)], list[tuple[str, str | None]]()

    def tell(db: Database, name: str) -> None:
        entity = {"provider_id": name, "order_id": f"order_{owner}", "amount": 11800, "currency": "INR", "status": "captured"}  # fmt: skip
        answer = call(db, "record_payment", provider="razorpay", mode="test", entity=entity)
        told.append((answer["outcome"], answer["quarantine"]))

    threads = [threading.Thread(target=tell, args=(db, f"pay_{intent}_{n % 2}")) for n, db in enumerate(connections)]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert sorted(set(told)) == [("quarantined", "paid_already"), ("recorded", None), ("unchanged", None)]
    assert (told.count(("recorded", None)), told.count(("unchanged", None))) == (1, 3)
    assert first.value("select count(*) from public.invoices where org_id = %s", org_id) == 1
    assert first.value("select balance from public.wallets where org_id = %s", org_id) == 100


def test_refund_needs_its_payment_fits_it_and_is_booked_once(db: Database, buyer: Buyer) -> None:
    buyer.subscribes()
    entity: Json = {
        "provider_id": "rfnd_1",
        "payment_provider_id": "pay_1",
        "amount": 235882,
        "status": "pending",
    }

    def tell(**more: object) -> Json:
        answer: Json = call(db, "record_refund", provider="razorpay", mode="test", entity=entity | more)
        return answer

    assert tell()["outcome"] == "unknown"
    buyer.pays(235882, name="pay_1")
    assert tell(amount=235883)["outcome"] == "quarantined"
    assert tell()["credit_note_id"] is None
    done = tell(status="processed")
    assert tell(status="processed") == done | {"outcome": "unchanged"}
    assert tell(status="failed")["status"] == "processed"
    assert tell(provider_id="rfnd_2", amount=1, status="processed")["outcome"] == "quarantined"
    assert db.row("select status, refunded from public.payments where provider_id = 'pay_1'") == ("refunded", 235882)  # fmt: skip
    assert [n["kind"] for n in buyer.invoices()] == ["invoice", "credit_note"]
    assert buyer.subscription()["status"] == "active"
