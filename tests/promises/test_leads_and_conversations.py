"""P02, P03, P05, P06, P08, P11, P14: what comes in is kept as given, shown as it stands, and greeted."""

import base64
import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from tests.business import call
from tests.database import Database, Person
from tests.sql.test_imports import COLUMNS, READING, Imports, item

BUYER = {
    "name": "Asha Rao",
    "phone": "+919810000011",
    "phone_given": "098100-00011",
    "email": "asha@example.test",
    "address": "14, MG Road, Pune",
    "city": "Pune",
    "state": "Maharashtra",
    "pincode": "411001",
}
ENQUIRY = {
    "external_id": "4411",
    "lead_type": "W",
    "title": "Ball valve",
    "message": "Need 40 pieces by Friday.\nCash on delivery?",
    "person": BUYER,
    "raw": {"UNIQUE_QUERY_ID": "4411", "SENDER_MOBILE": "098100-00011"},
}
CUSTOMER = "919810000099"


def value(db: Database, query: str, **args: Any) -> Any:
    row = db.execute(query.encode(), args).fetchone()
    assert row
    return row[0]


@pytest.fixture
def shop(db: Database, org: Callable[..., UUID]) -> UUID:
    """An organization with IndiaMART, a WhatsApp number and an approved template."""
    org_id = org()
    connected = value(
        db,
        """
        select worker.finish_connect(%(org)s, '{"waba_id": "771", "token": "a-token", "account": {},
          "number": {"phone_number_id": "881", "display_phone": "+91 11400 00001"}}')
        """,
        org=org_id,
    )
    value(
        db,
        """
        select worker.store_templates(%(org)s, %(account)s, '[{"id": "1", "name": "welcome", "language": "en",
          "status": "APPROVED", "components": [{"type": "BODY", "text": "Hello {{1}}"}]}]')
        """,
        org=org_id,
        account=connected["account_id"],
    )
    value(db, "select worker.connect_indiamart(%(org)s, 'a-key')", org=org_id)
    return org_id


def sync(db: Database, org_id: UUID) -> dict[str, Any]:
    claimed: dict[str, Any] = value(
        db, "select worker.claim_syncs(360, 60, 10, manual => true, org_id => %(org)s)", org=org_id
    )
    return claimed["syncs"][0]  # type: ignore[no-any-return]


def fetch(db: Database, org_id: UUID, *leads: dict[str, Any]) -> None:
    answer = {"outcome": "ok", "http_status": 200, "code": "200", "complete": True, "leads": leads}
    run = sync(db, org_id)["run_id"]
    value(db, "select worker.ingest_leads(%(run)s, %(answer)s)", run=run, answer=json.dumps(answer))


def deliver(db: Database, change: dict[str, Any]) -> None:
    """Meta delivers one webhook to the shop's number."""
    change = {"messaging_product": "whatsapp", "metadata": {"phone_number_id": "881"}} | change
    entry = {"id": "771", "changes": [{"field": "messages", "value": change}]}
    body = json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()
    value(db, "select worker.ingest_meta(%(body)s)", body=base64.b64encode(body).decode())


def test_P02_leads_arrive_through_the_indiamart_api_synchronized_spreadsheets_and_by_hand(
    db: Database, shop: UUID
) -> None:
    fetch(db, shop, ENQUIRY)
    synchronize(db, shop, item(2, 77))
    by_hand = json.dumps({"name": "Ravi", "phone": "+919810000012"})
    value(db, "select worker.add_lead(%(org)s, %(lead)s)", org=shop, lead=by_hand)

    kinds = db.rows("select source_kind from public.leads where org_id = %s order by 1", shop)

    assert kinds == [("indiamart",), ("manual",), ("sheet",)]


def synchronize(db: Database, org_id: UUID, *rows: dict[str, Any]) -> None:
    """A person connects a sheet and matches its columns; Flow reads it."""
    tab = json.dumps({"spreadsheet_id": "s" * 44, "gid": 1, "title": "Enquiries", "tab": "2026"})
    value(db, "select worker.connect_sheet(%(org)s, %(tab)s)", org=org_id, tab=tab)
    claimed = value(db, "select worker.claim_sheets(org_id => %(org)s, manual => true)", org=org_id)
    run = claimed["sheets"][0]["run_id"]
    begun = value(
        db,
        "select worker.begin_sheet_import(%(org)s, %(run)s, 9, %(sha)s)",
        org=org_id,
        run=run,
        sha="0" * 64,
    )
    imports = Imports(db, org_id)
    one = begun["import_id"]
    call(db, "import_uploaded", org_id=org_id, import_id=one)
    lease = imports.claim(one)["lease"]
    call(db, "record_import_reading", org_id=org_id, import_id=one, lease=lease, reading=READING)
    db.execute("update public.lead_imports set rows_total = %s where id = %s", [len(rows), one])
    imports.confirm(one, mapping=COLUMNS)
    lease = imports.claim(one)["lease"]
    imports.store(one, lease, list(rows))
    imports.finish(one, lease)


def test_P03_what_a_lead_says_is_kept_as_given(db: Database, shop: UUID) -> None:
    fetch(db, shop, ENQUIRY)

    lead = value(db, "select to_jsonb(l) from public.leads l where l.org_id = %(org)s", org=shop)
    contact = value(db, "select to_jsonb(c) from public.contacts c where c.org_id = %(org)s", org=shop)

    assert {key: contact[key] for key in BUYER} == BUYER
    assert {key: lead[key] for key in ("title", "message", "raw")} == {
        key: ENQUIRY[key] for key in ("title", "message", "raw")
    }


def test_P05_inbound_messages_are_stored(db: Database, shop: UUID) -> None:
    message = {"from": CUSTOMER, "id": "wamid.in", "timestamp": "1795400000", "type": "text"}

    deliver(db, {"messages": [message | {"text": {"body": "Is it in stock?"}}]})

    stored = db.row(
        "select direction, text, wamid, body from public.messages where org_id = %s",
        shop,
    )
    assert stored[:3] == ("inbound", "Is it in stock?", "wamid.in")
    assert stored[3]["text"] == {"body": "Is it in stock?"}


def test_P06_statuses_are_stored_and_sync_the_chat(db: Database, shop: UUID) -> None:
    items = json.dumps(
        [{"to": f"+{CUSTOMER}", "template": "welcome", "language": "en", "params": ["Asha"]}] * 2
    )
    sent = value(db, "select worker.send_messages(%(org)s, %(items)s)", org=shop, items=items)["message_ids"]
    db.execute(
        "update public.messages set status = 'sent', wamid = 'wamid.' || id where id = any (%s)", [sent]
    )

    def status(message: int, name: str, at: int, **more: Any) -> None:
        base = {"id": f"wamid.{message}", "status": name, "timestamp": str(at), "recipient_id": CUSTOMER}
        deliver(db, {"statuses": [base | more]})

    for at, name in enumerate(("sent", "delivered", "read"), start=1795400000):
        status(sent[0], name, at)
    status(sent[1], "failed", 1795400000, errors=[{"code": 131026, "title": "Message undeliverable"}])

    found = db.rows(
        """
        select status, extract(epoch from sent_at)::int, extract(epoch from delivered_at)::int,
               extract(epoch from read_at)::int, failed_at is not null, error_code
          from public.messages where id = any (%s) order by id
        """,
        sent,
    )
    assert found[0] == ("read", 1795400000, 1795400001, 1795400002, False, None)
    assert (found[1][0], *found[1][4:]) == ("failed", True, 131026)


def test_P08_pipelines_conversation_statuses_and_interactions_are_tracked(
    db: Database, shop: UUID, member: Callable[..., Person]
) -> None:
    fetch(db, shop, ENQUIRY)
    message = {"from": CUSTOMER, "id": "wamid.in", "timestamp": "1795400000", "type": "text"}
    deliver(db, {"messages": [message | {"text": {"body": "Is it in stock?"}}]})
    agent = member(shop, "agent")
    lead, version = db.row(
        "select id, version from public.leads where org_id = %s and external_id = '4411'", shop
    )
    (conversation,) = db.row("select id from public.conversations where org_id = %s", shop)
    ours = "select id from public.pipeline_stages where org_id = %(org)s order by position offset 1 limit 1"
    stage = value(db, ours, org=shop)

    db.as_person(agent)
    db.execute("select public.move_lead(%s, %s, %s, %s)", [shop, lead, stage, version])
    db.execute("select public.note_lead(%s, %s, 'Wants a discount')", [shop, lead])
    db.execute("select public.resolve_conversation(%s, %s)", [shop, conversation])

    activities = db.rows(
        "select kind, actor from public.lead_activities where lead_id = %s and actor is not null order by id",
        lead,
    )
    events = db.rows(
        "select kind, actor from public.conversation_events where conversation_id = %s and actor is not null",
        conversation,
    )
    status = db.value("select status from public.conversations where id = %s", conversation)
    assert activities == [("moved", agent.id), ("noted", agent.id)]
    assert (events, status) == ([("resolved", agent.id)], "resolved")


def test_P11_new_lead_gets_a_greeting_by_itself(db: Database, shop: UUID) -> None:
    setting = json.dumps({"template": "welcome", "language": "en", "params": ["name"], "on": True})
    value(db, "select worker.set_greeting(%(org)s, %(setting)s)", org=shop, setting=setting)

    fetch(db, shop, ENQUIRY)

    queued = db.rows("select origin, status, text from public.messages where org_id = %s", shop)
    assert queued == [("greeting", "queued", "Hello Asha Rao")]


def test_P14_concurrent_manual_syncs_are_locked_out(db: Database, shop: UUID) -> None:
    sync(db, shop)

    refused = db.refusal(
        "select worker.claim_syncs(360, 60, 10, manual => true, org_id => %s)",
        shop,
    )

    assert (refused.sqlstate, refused.detail) == ("PT409", "sync_running")
    assert refused.hint.startswith("retry_at=")
