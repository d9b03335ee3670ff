"""Usage that becomes an invoice after its month, or was taken from the wallet; an organization that goes, and its books."""

from collections.abc import Callable
from uuid import UUID

import pytest

from tests.business import Business
from tests.database import Database, Person
from tests.sql.billing import Buyer, a_buyer, call, set_up
from tests.sql.deleting import ask, purge
from tests.sql.money import bill, close, costing, deliver, settle
from tests.sql.wallets import top_up


@pytest.fixture
def buyer(db: Database, org: Callable[..., UUID], person: Callable[..., Person]) -> Buyer:
    set_up(db)
    return a_buyer(db, org, person)


@pytest.fixture
def postpaid(db: Database, business: Business, member: Callable[..., Person]) -> Buyer:
    """A business for which Flow pays Meta, and which pays by invoice after the month."""
    set_up(db)
    bill(business, meta_billing="flow")
    made = Buyer(db, business.org_id, member(business.org_id, "owner"))
    made.bill_to()
    call(db, "set_collection_mode", org_id=business.org_id, collection_mode="postpaid")
    return made


def test_month_that_closes_is_invoiced_with_a_link_and_settled_by_its_payment(
    db: Database, business: Business, postpaid: Buyer
) -> None:
    deliver(business, costing("10.00"), costing("2.50"), at="2026-10-05T12:00")
    close(business, "2026-10")
    close(business, "2026-10")

    (invoice,) = postpaid.invoices()
    assert (invoice["purpose"], invoice["taxable"], invoice["total"], invoice["payment_id"]) == ("usage", 1250, 1476, None)  # fmt: skip
    assert (invoice["cgst"], invoice["sgst"], invoice["statement_month"]) == (113, 113, "2026-10")
    told = db.rows("select kind from public.notifications where org_id = %s and user_id = %s", postpaid.org_id, postpaid.owner.id)  # fmt: skip
    assert told == [("billing_invoice",)]
    (intent,) = postpaid.works()
    (unpaid,) = postpaid.asks("billing_state")["unpaid"]
    assert (unpaid["number"], unpaid["short_url"][:8]) == (invoice["number"], "https://")
    paid = postpaid.pays(1476, link=postpaid.links[intent["id"]])
    assert (paid["purpose"], paid["invoice_number"]) == ("usage", invoice["number"])
    assert len(postpaid.invoices()) == 1
    assert postpaid.asks("billing_state")["unpaid"] == []


def test_usage_that_was_taken_from_the_wallet_is_not_invoiced(
    db: Database, business: Business, postpaid: Buyer
) -> None:
    call(db, "set_collection_mode", org_id=business.org_id, collection_mode="wallet")
    top_up(business, "100")
    deliver(business, costing("10.00"), at="2026-10-05T12:00")
    settle(business)
    close(business, "2026-10")

    assert postpaid.invoices() == []
    assert db.value("select balance from public.wallets where org_id = %s", business.org_id) == 90


def test_deleted_organization_is_ended_at_the_supplier_and_its_books_stay(db: Database, buyer: Buyer) -> None:
    buyer.subscribes("starter")
    paid = buyer.pays(235882)
    number = paid["invoice_number"]
    ask(db, buyer.owner, buyer.org_id, now=True)

    ends = buyer.works()
    assert [(e["kind"], e["params"]["at_cycle_end"]) for e in ends] == [("subscription_cancel", False)]
    assert buyer.pays(235882)["quarantine"] == "organization_deleted"
    assert purge(db) is not None
    assert db.row("select number, buyer ->> 'legal_name' from public.invoices where org_id = %s", buyer.org_id) == (number, "Sharma Traders")  # fmt: skip
    assert db.value("select count(*) from public.billing_accounts where org_id = %s", buyer.org_id) == 0
