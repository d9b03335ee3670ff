"""P22: card data never touches Flow; nothing at the border of payment suppliers has a field it fits in."""

import importlib
import json
import pkgutil
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import BaseModel

import workers.api as api
import workers.billing as billing
from tests.database import Database
from tests.http.recording import RecordingDatabase, settings
from tests.http.test_billing_webhook import CONFIGURED, FILE, RAZORPAY_URL, raw, signed
from tests.sql.billing import call
from workers import create_app
from workers.billing.provider import Entity
from workers.billing.razorpay import Razorpay

INSTRUMENT = re.compile(
    r"(^|_)(card|pan|cvv|cvc|csc|expiry|exp_month|exp_year|last4|vpa|upi|iban|ifsc|account_number|bank|pin|otp|token)s?($|_)"
)
ROOT = Path(__file__).parents[2]
CARD = {
    "id": "card_1", "number": "4111111111111111", "cvv": "737", "expiry_month": 12, "name": "ASHA K",
    "last4": "1111",
    "iin": "411111", "network": "Visa",
}  # fmt: skip

SECRETS = ("4111111111111111", "ASHA K", "asha@bank", "card_border", "+919812345678", "asha.k@example.net")
TABLES = """
    select format('%I.%I', schemaname, tablename) from pg_tables where schemaname in ('public', 'private')
"""


def with_instruments(body: Any) -> Any:
    """An event as a supplier may send it, with a card, a handle and the person's address in each entity."""
    made = json.loads(json.dumps(body))
    for part in made["payload"].values():
        part["entity"] |= {
            "card": CARD, "card_id": "card_border", "vpa": "asha@bank", "upi": {"vpa": "asha@bank"},
            "email": "asha.k@example.net", "contact": "+919812345678", "token": {"card": CARD},
            "customer_details": {"name": "ASHA K", "contact": "+919812345678"},
        }  # fmt: skip
    return made


def models(package: Any) -> list[type[BaseModel]]:
    for found in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{found.name}")

    def below(model: type[BaseModel]) -> list[type[BaseModel]]:
        return [sub for child in model.__subclasses__() for sub in (child, *below(child))]

    return [model for model in below(BaseModel) if model.__module__.startswith(f"{package.__name__}.")]


def test_P22_payment_models_have_no_field_for_what_somebody_pays_with() -> None:
    found = {model: list(model.model_fields) for model in models(billing)}

    assert len(found) > 25
    assert [(m.__name__, f) for m, fields in found.items() for f in fields if INSTRUMENT.search(f)] == []


def test_P22_payment_entities_take_no_further_field() -> None:
    for model in Entity.__subclasses__():
        assert model.model_config["extra"] == "forbid"


@pytest.mark.parametrize("package", [api], ids=["the API of people"])
def test_P22_no_payment_instrument_is_accepted_from_people(package: Any) -> None:
    found = {model: list(model.model_fields) for model in models(package)}

    # A login's one-time code and a WhatsApp number's PIN are no means of payment.
    fields = {f for fields in found.values() for f in fields if INSTRUMENT.search(f)} - {"pin", "token"}
    assert fields == set()


def test_P22_card_in_a_payment_webhook_is_neither_stored_nor_handed_on() -> None:
    body = json.loads(json.dumps(FILE["events"][3]["body"]))
    payment = body["payload"]["payment"]["entity"]
    payment |= {"card": CARD, "card_id": "card_1", "token": {"card": CARD}, "upi": {"vpa": "asha@bank"}}
    body["payload"]["card"] = {"entity": CARD}
    database = RecordingDatabase(store_payment_event={"is_new": True, "id": 1, "status": "received"})

    reply = (
        create_app(settings(**CONFIGURED), database=database)
        .test_client()
        .post(RAZORPAY_URL, data=raw(body), headers=signed(raw(body)))
    )
    client = Razorpay(httpx.Client(), settings(RAZORPAY_KEY_ID="rzp_test_x", RAZORPAY_KEY_SECRET="k"))
    named = client.named_in(body, datetime.now(UTC)).model_dump_json()

    assert reply.status_code == 200
    kept = json.dumps(database.named("store_payment_event"))
    for secret in ("4111", "737", "ASHA K", "1111", "Visa", "asha@bank", "card_1"):
        assert secret not in kept + named


def test_P22_subscription_that_is_paid_leaves_no_card_anywhere_in_the_database(db: Database) -> None:
    """Every event of the life of a subscription, with all that a supplier may send along, into all tables."""
    stored = [with_instruments(event["body"]) for event in FILE["events"]]
    recording = RecordingDatabase(store_payment_event={"is_new": True, "id": 1, "status": "received"})
    http = create_app(settings(**CONFIGURED), database=recording).test_client()
    for body in stored:
        assert http.post(RAZORPAY_URL, data=raw(body), headers=signed(raw(body))).status_code == 200
    handed_on = recording.named("store_payment_event")
    for n, event in enumerate(handed_on):
        call(db, "store_payment_event", **event | {"event_id": f"border_{n}"})
    # The same again, as if the worker had taken nothing out: the database does so by itself.
    for n, body in enumerate(stored):
        unread = handed_on[n] | {"event_id": f"unread_{n}", "body": body}
        call(db, "store_payment_event", **unread)

    assert db.value("select count(*) from private.payment_events where body is not null") == 2 * len(stored)
    assert len(stored) > 10
    assert all(secret in json.dumps(stored) for secret in SECRETS)
    found = [
        (table, secret)
        for (table,) in db.rows(TABLES)
        for secret in SECRETS
        if db.value(f"select exists (select from {table} t where strpos(t::text, %s) > 0)", secret)
    ]
    assert found == []


def test_P22_no_column_of_the_database_is_for_what_somebody_pays_with(db: Database) -> None:
    columns = db.rows(
        """
        select table_name, column_name from information_schema.columns
         where table_schema in ('public', 'private') and table_name ~
               '(payment|subscription|invoice|refund|billing|coupon|plan|wallet)'
        """
    )

    assert len(columns) > 150
    # The wallet's token makes a top-up one, however often it is told.
    assert [one for one in columns if INSTRUMENT.search(one[1])] == [("wallet_entries", "token")]


def test_P22_no_page_of_flow_or_of_its_payment_sandbox_asks_for_a_card() -> None:
    pages = [*ROOT.glob("workers/dashboard/static/**/*.js"), *ROOT.glob("workers/sandbox/razorpay*.py")]
    asked = re.compile(r"(cc-number|cc-csc|cc-exp|card[-_ ]?number|cvv|cvc\b)", re.IGNORECASE)

    assert len(pages) > 50
    assert [p.name for p in pages if "vendor" not in p.parts and asked.search(p.read_text("utf-8"))] == []
