"""GST invoices: numbers without a gap, sums that are the charge to the paisa, rows that nobody changes."""

import json
import threading
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.database import Database, Person
from tests.sql.billing import Buyer, Json, a_buyer, call, set_up

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
ISSUE = 'select to_jsonb(private.issue_invoice(%s, \'top_up\', \'[{"description": "x", "quantity": 1}]\', %s, %s))'
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def buyer(db: Database, org: Callable[..., UUID], person: Callable[..., Person]) -> Buyer:
    set_up(db)
    return a_buyer(db, org, person)


def half_up(paise: Decimal) -> int:
    return int(paise.quantize(Decimal(1), ROUND_HALF_UP))


@QUICK
@given(
    net=st.integers(1, 10_000_000_00),
    percent=st.sampled_from(["18", "5", "12", "28", "0.25"]),
    same=st.booleans(),
)
def test_tax_is_rounded_half_up_to_the_paisa(db: Database, net: int, percent: str, same: bool) -> None:
    rate = Decimal(percent)
    half = half_up(net * rate / 200) if same else 0
    whole = 0 if same else half_up(net * rate / 100)

    assert db.row("select cgst, sgst, igst from private.gst_on(%s, %s, %s)", net, rate, same) == (half, half, whole)  # fmt: skip


@QUICK
@given(net=st.integers(1, 10_000_000_00), odd=st.integers(-3, 3), same=st.booleans())
def test_taxable_taxes_and_round_off_are_the_charge(
    db: Database, buyer: Buyer, net: int, odd: int, same: bool
) -> None:
    total = max(1, half_up(net * Decimal("1.18")) + odd)
    with db.transaction(force_rollback=True):
        db.execute(
            "update public.billing_accounts set state_code = %s where org_id = %s", ["29" if same else "27", buyer.org_id]
        )  # fmt: skip
        made = db.value(ISSUE, buyer.org_id, net, total)

    assert made["taxable"] + made["cgst"] + made["sgst"] + made["igst"] + made["round_off"] == made["total"] == total  # fmt: skip
    assert made["igst"] == 0 or made["cgst"] == 0
    assert made["cgst"] == made["sgst"]
    assert abs(made["round_off"]) <= 4
    assert (made["igst"] == 0) if same else (made["cgst"] == 0)


@QUICK
@given(parts=st.lists(st.integers(1, 100_000), min_size=1, max_size=5), net=st.integers(400_000, 90_000_000))
def test_credit_notes_of_a_whole_refund_are_the_invoice_tax_by_tax(
    db: Database, buyer: Buyer, parts: list[int], net: int
) -> None:
    with db.transaction(force_rollback=True):
        link = buyer.asks("top_up_wallet", 1_000_000)
        buyer.works()
        total = buyer.links[link["intent_id"]]["amount"]
        paid = buyer.pays(total, link=buyer.links[link["intent_id"]])
        refunds = [*parts, total - sum(parts)]
        for amount in refunds:
            entity = {"provider_id": f"rfnd_{uuid4()}", "payment_provider_id": paid["entity"]["provider_id"], "amount": amount, "status": "processed"}  # fmt: skip
            call(db, "record_refund", provider="razorpay", mode="test", entity=entity)
        invoice, *notes = buyer.invoices()
        wallet = db.value("select balance from public.wallets where org_id = %s", buyer.org_id)

    assert len(notes) == len(refunds)
    assert {note["series"] for note in notes} == {"FLCN"}
    assert [note["seq"] for note in notes] == list(range(notes[0]["seq"], notes[0]["seq"] + len(notes)))
    for name in ("taxable", "cgst", "sgst", "igst", "round_off", "total"):
        assert sum(note[name] for note in notes) == invoice[name]
    assert wallet == 0


@pytest.mark.parametrize(
    ("day", "year"), [("2026-04-01", "2627"), ("2027-03-31", "2627"), ("2027-04-01", "2728"), ("2099-12-31", "9900")]
)  # fmt: skip
def test_financial_year_runs_from_april_to_march(db: Database, day: str, year: str) -> None:
    assert db.value("select private.financial_year(%s)", day) == year


def test_number_is_as_printed_and_at_most_16_characters(db: Database) -> None:
    assert db.value("select private.invoice_number('FL', '2627', 1)") == "FL/2627/000001"
    assert len(db.value("select private.invoice_number('FLCN', '2627', 999999)")) == 16


def test_200_invoices_at_once_are_consecutive_also_where_some_are_rolled_back(
    dsn: str, connect: Callable[[], Database]
) -> None:
    first = connect()
    series = f"Q{uuid4().hex[0].upper()}"
    with first.transaction():
        owner = uuid4()
        first.execute("insert into auth.users (id, email) values (%s, %s)", [owner, f"{owner}@x.test"])
        org_id = first.value("select private.new_organization('Many', %s)", owner)
        call(first, "set_seller", seller={"legal_name": "S", "state_code": "29", "address": "x", "email": "s@x.test", "prefix": series})  # fmt: skip
    before = first.value("select coalesce(max(last), 0) from private.invoice_counters where series = %s", series)  # fmt: skip
    connections, troubles = [connect() for _ in range(8)], list[BaseException]()

    def issue(db: Database) -> None:
        try:
            for n in range(28):
                with db.transaction(force_rollback=n % 9 == 4):  # 25 of them stay
                    db.value(ISSUE, org_id, 1000 + n, 1180)
        except BaseException as trouble:  # noqa: BLE001
            troubles.append(trouble)

    threads = [threading.Thread(target=issue, args=(db,)) for db in connections]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(25)

    numbers = [n for (n,) in first.rows("select seq from public.invoices where org_id = %s order by seq", org_id)]  # fmt: skip
    assert troubles == []
    assert numbers == list(range(before + 1, before + 201))


@pytest.mark.parametrize(
    "change",
    ["update public.invoices set total = total + 1, round_off = round_off + 1 where org_id = %s", "delete from public.invoices where org_id = %s",
     "update public.invoices set buyer = '{}' where org_id = %s", "update public.invoices set number = 'FL/1' where org_id = %s"],
)  # fmt: skip
def test_issued_invoice_is_changed_by_nobody(db: Database, buyer: Buyer, change: str) -> None:
    db.value(ISSUE, buyer.org_id, 1000, 1180)

    assert db.refusal(change, buyer.org_id).detail == "append_only"


def test_einvoice_is_filled_in_once(db: Database, buyer: Buyer) -> None:
    made = db.value(ISSUE, buyer.org_id, 1000, 1180)["id"]
    fill = "select worker.set_einvoice(%s, %s, %s, 'ack', now(), 'qr')"

    assert db.value(fill, buyer.org_id, made, "irn-1")["irn"] == "irn-1"
    assert db.refusal(fill, buyer.org_id, made, "irn-2").detail == "append_only"


def check_digit(head: str) -> str:
    """By the rule of GSTN: factors 1 and 2 by turns, digits of the products in base 36 added."""
    total = 0
    for place, letter in enumerate(head):
        product = DIGITS.index(letter) * (2 if place % 2 else 1)
        total += product // 36 + product % 36
    return DIGITS[(36 - total % 36) % 36]


GSTINS = st.tuples(
    st.sampled_from(["01", "07", "27", "29", "36", "37", "38", "97"]), st.from_regex(r"[A-Z]{5}[0-9]{4}[A-Z][1-9A-Z]", fullmatch=True)
)  # fmt: skip


@QUICK
@given(parts=GSTINS, wrong=st.sampled_from(DIGITS))
def test_check_digit_of_a_gstin_is_the_only_one_that_fits(
    db: Database, parts: tuple[str, str], wrong: str
) -> None:
    head = parts[0] + parts[1] + "Z"
    right = check_digit(head)

    assert db.value("select private.gstin_is_valid(%s)", head + right)
    assert db.value("select private.gstin_is_valid(%s)", head + wrong) == (wrong == right)


@pytest.mark.parametrize(
    ("gstin", "is_valid"),
    [("27AAPFU0939F1ZV", True), ("27AAPFU0939F1ZO", False), ("38AAPFU0939F1Z" + check_digit("38AAPFU0939F1Z"), True),
     ("39AAPFU0939F1Z" + check_digit("39AAPFU0939F1Z"), False), ("27aapfu0939f1zv", False), ("", False), (None, False), ("27AAPFU0939F1ZV ", False)],
)  # fmt: skip
def test_gstin_is_told_from_what_only_looks_like_one(db: Database, gstin: str | None, is_valid: bool) -> None:
    assert db.value("select private.gstin_is_valid(%s)", gstin) is is_valid


@pytest.mark.parametrize(
    ("account", "slug"),
    [({"gstin": "27AAPFU0939F1ZO"}, "gstin_invalid"), ({"gstin": "27AAPFU0939F1ZV", "state_code": "29"}, "state_differs"), ({}, "field_missing"),
     ({"state_code": "99"}, "field_invalid"), ({"state_code": "29", "card": "4111"}, "field_unknown"), ({"state_code": "29", "address": ""}, "field_missing")],
)  # fmt: skip
def test_buyer_that_cannot_be_invoiced_is_refused(buyer: Buyer, account: Json, slug: str) -> None:
    whole = {"legal_name": "X", "address": "Y", "email": "a@b.test"} | account

    assert buyer.is_refused("set_billing_account", json.dumps(whole)) == slug


def test_place_of_supply_is_the_state_of_the_gstin(db: Database, buyer: Buyer) -> None:
    buyer.bill_to(gstin="27AAPFU0939F1ZV", state="27")
    made = db.value(ISSUE, buyer.org_id, 100000, 118000)

    assert (made["place_of_supply"], made["igst"], made["cgst"]) == ("27", 18000, 0)
    assert buyer.asks("get_invoice", made["id"])["place_of_supply"] == {"code": "27", "name": "Maharashtra"}


def test_pages_of_invoices_show_each_once(db: Database, buyer: Buyer) -> None:
    made = [db.value(ISSUE, buyer.org_id, 1000, 1180)["number"] for _ in range(5)]

    first = buyer.asks("list_invoices", None, 3)
    second = buyer.asks("list_invoices", first["next"], 3)

    assert [n["number"] for n in first["invoices"] + second["invoices"]] == made[::-1]
    assert second["next"] is None
