"""Every case of Meta's that was recorded has the effect stated here; whatever the order, the repeats and the nonsense beside it."""

import itertools
import json
import random
import re

import pytest
from psycopg import Rollback

from tests.business import (
    NUMBER,
    PAYLOADS,
    TEMPLATES,
    WABA,
    Business,
    call,
    fresh_org,
    post,
    status,
    text,
    webhook,
)

ASHA, ASHA_ID, NEW_ID = "919810000011", "IN.40001000200030004", "IN.40001000200030099"
GREETING = {"id": "9", "name": "greeting_v1", "language": "en", "status": "PENDING", "category": "UTILITY", "components": []}  # fmt: skip
OUT = "wamid.FLOWTESTOUT{}=="
IN = "wamid.FLOWTEST{}=="


def payload(name):
    return json.loads((PAYLOADS / f"{name}.json").read_text())


@pytest.fixture
def shop(business, db):
    """A business with the template that the recorded cases name, in the portfolio that they name."""
    call(
        db,
        "store_templates",
        org_id=business.org_id,
        account_id=business.account_id,
        templates=[*TEMPLATES, GREETING],
    )
    db.execute(
        "update public.whatsapp_accounts set business_id = '990500000000001' where id = %s",
        [business.account_id],
    )
    return business


def find(business, what, key):
    """One row of the business as JSON."""
    db, org = business.db, business.org_id
    if what in ("message", "text"):
        return business.message(key)
    if what == "thread":
        return db.value("select to_jsonb(c) from public.conversations c where c.org_id = %s", org)
    if what == "contact":
        return business.contact(key)
    if what == "template":
        return db.value(
            "select (select to_jsonb(t) from public.message_templates t where t.org_id = %s and t.name = %s)",
            org,
            key,
        )
    if what == "finding":
        return db.value(
            "select (select to_jsonb(h) from public.whatsapp_health h where h.org_id = %s and h.kind = %s)",
            org,
            key,
        )
    return business.account() if what == "account" else business.number()


def received(n, kind, words, **more):
    return ("message", IN.format(n), {"direction": "inbound", "status": "received", "kind": kind, "text": words, **more})  # fmt: skip


def settled(n, word, **more):
    return ("message", OUT.format(n), {"status": word, **more})


# What each case does. Counted as (updates, applied, dead).
CASES = {
    "message_text": [received("0001TEX", "text", "Hi, is the blue kurta available in M?"), ("thread", "", {"unread_count": 1, "referral": None})],
    "message_text_reply_context": [received("0002TEX", "text", "Yes please", context_wamid=OUT.format("0001"))],
    "message_text_forwarded": [received("0003TEX", "text", "see this", context_wamid=None)],
    "message_text_ad_referral": [received("0004TEX", "text", "I saw your ad")],
    "message_text_product_context": [received("0005TEX", "text", "Price?", context_wamid=OUT.format("0002"))],
    "message_image": [received("0006IMA", "image", "my receipt")],
    "message_audio_voice": [received("0007AUD", "audio", None), ("thread", "", {"last_message_text": "audio"})],
    "message_video": [received("0008VID", "video", None)],
    "message_document": [received("0009DOC", "document", "quotation 12.pdf")],
    "message_sticker": [received("0010STI", "sticker", None)],
    "message_location": [received("0011LOC", "location", "Connaught Place, New Delhi")],
    "message_contacts": [received("0012CON", "contacts", "Ravi Kumar")],
    "message_button_template_quick_reply": [received("0013BUT", "button", "Yes, call me", context_wamid=OUT.format("0003"))],
    "message_interactive_button_reply": [received("0014INT", "interactive", "Book")],
    "message_interactive_list_reply": [received("0015INT", "interactive", "Evening")],
    "message_interactive_nfm_reply": [received("0016INT", "interactive", "Sent")],
    "message_reaction": [("message", OUT.format("0001"), {"reactions": {ASHA_ID: {"emoji": "👍", "at": 1795000119, "wamid": IN.format("0017REA")}}})],
    "message_reaction_removed": [("message", OUT.format("0001"), {"reactions": {ASHA_ID: {"emoji": None, "at": 1795000126, "wamid": IN.format("0018REA")}}})],
    "message_order": [received("0019ORD", "order", "Order: 2 × SKU-77. by Friday")],
    "message_system_number_changed": [("contact", ASHA, {"wa_id": "919810000099", "user_id": NEW_ID, "phone": "+919810000099"})],
    "message_system_user_id_changed": [("contact", ASHA_ID, {"user_id": NEW_ID})],
    "message_edit": [("parked", IN.format("0001TEX"), {"kind": "change"})],
    "message_revoke": [("parked", IN.format("0001TEX"), {"kind": "change"})],
    "message_unsupported": [received("0024UNS", "unsupported", "WhatsApp does not pass on this kind of message (poll_creation)")],
    "message_text_username_only": [received("0025TEX", "text", "hello"), ("contact", ASHA_ID, {"username": "meera.crafts", "wa_id": None, "name": "Meera"})],
    "value_level_errors": [],
    "status_sent_marketing": [settled("0100", "sent")],
    "status_delivered_marketing_regular": [settled("0100", "delivered")],
    "status_read_without_pricing": [settled("0100", "read", pricing=None)],
    "status_read_only_with_pricing": [settled("0101", "read")],
    "status_delivered_utility_in_window_regular": [settled("0102", "delivered")],
    "status_delivered_service_free_tier": [settled("0103", "delivered")],
    "status_delivered_service_regular": [settled("0104", "delivered")],
    "status_delivered_free_entry_point": [settled("0105", "delivered")],
    "status_delivered_marketing_lite_cost": [settled("0106", "delivered")],
    "status_failed_window_closed": [settled("0107", "failed", error_code=131047)],
    "status_failed_marketing_opt_out": [settled("0108", "failed", error_code=131050), ("person", f"+{ASHA}", {"opted_out_at": "2026-11-18T12:32:20+00:00"})],
    "status_failed_payment": [settled("0109", "failed", error_code=131042), ("number", "", {"status": "paused"})],
    "status_played": [settled("0110", "read")],
    "status_conversation_based_old": [settled("0111", "sent")],
    "template_status_approved": [("template", "greeting_v1", {"status": "APPROVED", "rejected_reason": None, "category": "UTILITY"})],
    "template_status_rejected": [("template", "greeting_v1", {"status": "REJECTED", "category": "MARKETING", "category_was": "UTILITY",
        "rejected_reason": "INVALID_FORMAT: Variables touch each other. Put words between them."})],
    "template_status_paused": [("template", "greeting_v1", {"status": "PAUSED", "rejected_reason": "Paused for 3 hours for low quality."}),
        ("finding", "template_status", {"level": "warning"})],
    "template_category_notice": [("template", "greeting_v1", {"category": "UTILITY", "category_at": None}),
        ("finding", "template_category", {"words": "Meta will count the template greeting_v1 (en) as MARKETING from 2026-11-19 on: its price changes"})],
    "template_category_changed": [("template", "greeting_v1", {"category": "MARKETING", "category_was": "UTILITY", "category_at": "2026-11-18T13:36:40+00:00"}),
        ("finding", "template_category", {"level": "warning"})],
    "template_quality_yellow": [("template", "greeting_v1", {"quality": "YELLOW"}), ("finding", "template_quality", None)],
    "account_update_partner_app_uninstalled": "unknown_account",
    "account_update_partner_added": [("account", "", {"status": "connected"})],
    "account_update_restriction": [("number", "", {"status": "paused", "paused_until": "2096-10-02T07:06:40+00:00"}), ("finding", "account_restriction", {"level": "problem"})],
    "account_update_disabled": [("number", "", {"status": "paused", "paused_until": None, "paused_reason": "Meta has disabled the account"}),
        ("finding", "disabled", {"level": "problem"})],
    "account_update_volume_tier": [("account", "", {"status": "connected"})],
    "account_alert_limit_deferred": [("finding", "alert_increased_capabilities_eligibility_deferred", {"level": "warning", "words": "Limits cannot be increased for your business."})],
    "account_review_approved": [("account", "", {"review_status": "APPROVED"}), ("finding", "review", None)],
    "business_capability_update": [("account", "", {"messaging_limit": 2000})],
    "phone_number_quality_throughput": [("number", "", {"messages_per_second": 1000}), ("account", "", {"messaging_limit": None})],
    "phone_number_name_approved": [("number", "", {"verified_name": "Flow Test Store", "name_status": "APPROVED"}), ("finding", "name", None)],
    "security_pin_changed": [("number", "", {"pin_credential_id": None}), ("finding", "pin", {"level": "warning"})],
    "user_preferences_stop": [("contact", ASHA, {"opted_out_at": "2026-11-18T11:11:40+00:00"})],
    "user_preferences_resume": [("contact", ASHA, {"opted_out_at": None})],
    "smb_message_echo_text": [("message", "wamid.FLOWTESTECHO0001==", {"direction": "outbound", "status": "sent", "origin": "phone", "text": "Will send it tomorrow",
        "pricing": None, "imported_at": None}), ("thread", "", {"unread_count": 0, "window_expires_at": None, "last_message_text": "Will send it tomorrow"})],
    "smb_app_state_sync_contact": [("person", f"+{ASHA}", {"name": "Asha Verma"})],
    "history_chunk": [("text", "wamid.FLOWTESTHIST0001==", {"direction": "inbound", "status": "received", "origin": "customer", "text": "old message"}),
        ("thread", "", {"unread_count": 0, "window_expires_at": None}), ("number", "", {"history_progress": 40})],
    "history_declined": [("finding", "history", {"level": "warning"}), ("number", "", {"history_progress": None})],
    "batch_two_tenants": "unknown_number",
}  # fmt: skip


def test_every_recorded_case_is_in_the_table():
    assert {path.stem for path in PAYLOADS.glob("*.json")} == set(CASES)
    assert len(CASES) == 64


@pytest.mark.parametrize("name", CASES)
def test_case_has_its_effect_and_a_repeat_has_none(shop, db, name):
    effects = CASES[name]
    sent = sorted(set(re.findall(r"wamid\.FLOWTESTOUT\d+==", json.dumps(payload(name)))))
    for message, wamid in zip(shop.send(*[f"+{ASHA}"] * len(sent)) if sent else [], sent, strict=True):
        db.execute("update public.messages set wamid = %s, status = 'sent' where (org_id, id) = (%s, %s)",
                   [wamid, shop.org_id, message])  # fmt: skip

    told = post(db, payload(name))
    again = post(db, payload(name))

    dead = 1 if isinstance(effects, str) else 0
    assert (told["dead"], again["dead"], told["kept"]) == (dead, dead, 0), db.rows(
        "select reason, detail from private.dead_letters where created_at = now()"
    )
    assert told["applied"] == told["updates"] - dead
    if dead:
        reason = "select distinct reason from private.dead_letters where created_at = now()"
        assert db.value(reason) == effects
        return
    for what, key, expected in effects:
        if what == "parked":
            rows = [r for r in shop.table("private.parked_updates") if r["wamid"] == key]
            assert [r["kind"] for r in rows] == ["change"]
            continue
        if what == "person":
            row = db.value("select to_jsonb(c) from public.contacts c where (c.org_id, c.phone) = (%s, %s)", shop.org_id, key)  # fmt: skip
        else:
            row = find(shop, what, key)
        assert row if expected is not None else row is None, (what, key)
        assert {k: row[k] for k in expected or {}} == (expected or {})


# Fields ---------------------------------------------------------------------------------------------------------


def field(name, value, at, waba=WABA):
    body = webhook({"field": name, "value": value}, waba=waba)
    body["entry"][0]["time"] = at
    return body


def template(**more):
    return {"message_template_id": 9, "message_template_name": "greeting_v1", "message_template_language": "en", **more}  # fmt: skip


T = 1795000000
SAID = [
    field("message_template_status_update", template(event="APPROVED", message_template_category="UTILITY"), T + 1),
    field("message_template_status_update", template(event="PAUSED"), T + 5),
    field("message_template_status_update", template(event="APPROVED"), T + 9),
    field("message_template_status_update", template(event="DISABLED", disable_info={"disable_date": "x"}), T + 9),
    field("template_category_update", template(previous_category="UTILITY", new_category="MARKETING"), T + 3),
    field("template_category_update", template(new_category="MARKETING", correct_category="UTILITY"), T + 2),
    field("message_template_quality_update", template(previous_quality_score="GREEN", new_quality_score="RED"), T + 4),
    field("message_template_quality_update", template(new_quality_score="GREEN"), T + 6),
    field("message_template_components_update", template(message_template_element="x"), T + 6),
    field("account_update", {"event": "PARTNER_REMOVED"}, T + 2),
    field("account_update", {"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "DISABLE"}}, T + 2),
    field("account_update", {"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "REINSTATE"}}, T + 4),
    field("account_update", {"event": "ACCOUNT_RESTRICTION", "restriction_info": [{"restriction_type": "RESTRICTED_BIZ_INITIATED_MESSAGING", "expiration": 4000000000}]}, T + 3),
    field("account_review_update", {"decision": "REJECTED"}, T + 1),
    field("account_review_update", {"decision": "APPROVED"}, T + 2),
    field("account_alerts", {"entity_type": "WABA", "entity_id": WABA, "alert_info": {"alert_severity": "CRITICAL", "alert_status": "ACTIVE", "alert_type": "OBA_X"}}, T + 1),
    field("account_alerts", {"entity_type": "WABA", "entity_id": WABA, "alert_info": {"alert_severity": "CRITICAL", "alert_status": "NONE", "alert_type": "OBA_X"}}, T + 2),
    field("business_capability_update", {"max_daily_conversations_per_business": 250}, T + 1),
    field("phone_number_quality_update", {"display_phone_number": "+91 11400-00001", "event": "ONBOARDING", "max_daily_conversations_per_business": "TIER_10K"}, T + 4),
    field("phone_number_name_update", {"display_phone_number": "911140000001", "decision": "DECLINED", "requested_verified_name": "B"}, T + 4),
    field("phone_number_name_update", {"display_phone_number": "911140000001", "decision": "APPROVED", "requested_verified_name": "A"}, T + 3),
    field("business_username_updates", {"display_phone_number": "911140000001", "username": "shop", "status": "approved"}, T + 1),
    field("business_username_updates", {"display_phone_number": "911140000001", "username": "shop", "context": "revoked"}, T + 4),
]  # fmt: skip
METADATA = {"display_phone_number": "911140000001", "phone_number_id": NUMBER}


def heard(n, words, at, sender="919810000044"):
    return {"from": sender, "id": f"wamid.h{n}", "timestamp": str(at), "type": "text", "text": {"body": words}}  # fmt: skip


def history(chunk, progress, *messages, thread="919810000044"):
    value = {"metadata": METADATA, "history": [{"metadata": {"phase": 1, "chunk_order": chunk, "progress": progress},
             "threads": [{"id": thread, "messages": list(messages)}]}]}  # fmt: skip
    return field("history", value, T)


def echo(item):
    return field("smb_message_echoes", {"metadata": METADATA, "message_echoes": [item]}, T)


def said(n, words, at, to="919810000044", **more):
    return {"from": "911140000001", "to": to, "id": f"wamid.e{n}", "timestamp": str(at), "type": "text", "text": {"body": words}, **more}  # fmt: skip


def book(name, at, action="add", phone="919810000055"):
    entry = {"type": "contact", "contact": {"full_name": name, "phone_number": phone}, "action": action, "metadata": {"timestamp": str(at)}}  # fmt: skip
    return field("smb_app_state_sync", {"metadata": METADATA, "state_sync": [entry]}, T)


PHONE = [
    history(1, 30, heard(1, "Hello", T - 9000), heard(2, "STOP", T - 8000)),
    history(2, 60, heard(3, "START", T - 7000), {**said(3, "ok", T - 6000), "history_context": {"status": "READ"}}),
    history(3, 100, {**said(4, "oh", T - 5000), "history_context": {"status": "ERROR"}}),
    echo(said(1, "first", T + 10)),
    echo(said(2, "second", T + 20)),
    echo({**said(8, "", T + 30), "type": "edit", "edit": {"original_message_id": "wamid.e2", "message": {"type": "text", "text": {"body": "second, better"}}}}),
    echo({**said(9, "", T + 40), "type": "revoke", "revoke": {"original_message_id": "wamid.e1"}}),
    book("Anil", T + 1), book("Anil Rao", T + 5, "edit"), book("", T + 9, "remove"),
]  # fmt: skip


def outcome(business):
    skip = {"id", "created_at", "updated_at", "conversation_id", "contact_id", "synced_at", "imported_at", "heard_at",
            "checked_at", "since", "credential_id", "disconnected_at", "at"}  # fmt: skip
    tables = ("public.contacts", "public.contact_identities", "public.conversations", "public.messages", "public.consent_events",
              "public.message_templates", "public.whatsapp_numbers", "public.whatsapp_accounts", "public.whatsapp_health",
              "private.field_marks", "private.parked_updates")  # fmt: skip
    return {
        table: sorted(
            json.dumps({k: v for k, v in row.items() if k not in skip and not str(row.get("key")).startswith("template:")}, sort_keys=True)
            for row in business.table(table)
        )
        for table in tables
    }  # fmt: skip


@pytest.mark.parametrize("events", [pytest.param(SAID, id="fields"), pytest.param(PHONE, id="phone app")])
def test_any_order_and_every_event_twice_end_in_the_same_rows(db, events):
    business = Business(db, fresh_org(db), waba=WABA, number=NUMBER)
    call(
        db,
        "store_templates",
        org_id=business.org_id,
        account_id=business.account_id,
        templates=[*TEMPLATES, GREETING],
    )
    chance, results = random.Random(7), []  # noqa: S311

    for n in range(8):
        told = list(events) if n == 0 else chance.sample(events * 2, len(events) * 2)
        with db.transaction() as once:
            for body in told:
                assert post(db, body)["dead"] == 0, db.rows("select reason, detail, item from private.dead_letters where created_at = now()")  # fmt: skip
            results.append(outcome(business))
            raise Rollback(once)

    for result in results[1:]:
        for table, rows in results[0].items():
            assert [row for row in result[table] if row not in rows] == [], table
            assert result[table] == rows, table


def test_newest_of_everything_stands(shop, db):
    for body in SAID:
        assert post(db, body)["dead"] == 0

    assert (shop.account()["messaging_limit"], shop.account()["review_status"]) == (10000, "APPROVED")
    number = shop.number()
    assert (number["name_status"], number["verified_name"], number["username"]) == ("DECLINED", "A", None)
    assert (number["status"], number["paused_reason"]) == ("paused", "Meta restricts the account")


WITHDRAWN = ["PARTNER_REMOVED", "PARTNER_APP_UNINSTALLED", "ACCOUNT_DELETED", "ACCOUNT_OFFBOARDED"]


@pytest.mark.parametrize("event", WITHDRAWN)
def test_access_that_meta_withdraws_asks_to_connect_again_once(shop, db, event):
    told = field(
        "account_update", {"event": event, "waba_info": {"waba_id": WABA}}, T, waba="990500000000999"
    )
    assert post(db, told)["dead"] == 0

    assert shop.account()["status"] == "reconnect"
    assert "connect" in shop.account()["status_reason"]
    shop.connect()
    assert post(db, told)["dead"] == 0
    assert shop.account()["status"] == "connected", "the same news again is no news"


def test_withdrawal_that_is_older_than_the_reconnection_changes_nothing(shop, db):
    post(db, field("account_update", {"event": "ACCOUNT_RECONNECTED"}, T + 8))
    assert post(db, field("account_update", {"event": "PARTNER_REMOVED"}, T + 2))["dead"] == 0

    assert shop.account()["status"] == "connected"


def test_ban_pauses_until_it_is_lifted_and_a_restriction_until_it_expires(shop, db):
    def ban(state, at):
        return field(
            "account_update", {"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": state}}, at
        )

    post(db, ban("SCHEDULE_FOR_DISABLE", T))
    assert shop.number()["status"] == "connected"
    post(db, ban("DISABLE", T + 1))
    assert shop.number()["status"] == "paused"
    post(db, ban("REINSTATE", T + 2))
    assert shop.number()["status"] == "connected"
    past = {"event": "ACCOUNT_RESTRICTION", "restriction_info": [{"restriction_type": "X", "expiration": T}]}
    post(db, field("account_update", past, T + 3))
    assert shop.number()["status"] == "connected"
    adding = [{"restriction_type": "RESTRICTED_ADD_PHONE_NUMBER_ACTION", "expiration": 4000000000}]
    post(db, field("account_update", {"event": "ACCOUNT_VIOLATION", "restriction_info": adding}, T + 4))
    assert shop.number()["status"] == "connected"


def test_name_that_is_approved_lets_the_number_go_on(shop, db):
    message = shop.sent()
    shop.told(status(f"wamid.{message}", "failed", T, 131037))
    assert shop.number()["status"] == "paused"

    post(db, payload("phone_number_name_approved"))

    assert shop.number()["status"] == "connected"


def test_changed_pin_voids_the_one_that_is_kept(business, db):
    connection = {"waba_id": WABA, "account": {"name": "Shop"}, "token": "EAAtoken", "pin": "123456",
                  "number": {"phone_number_id": NUMBER, "display_phone": "+91 11400 00001"}}  # fmt: skip
    call(db, "finish_connect", org_id=business.org_id, connection=connection)
    assert business.number()["pin_credential_id"]

    post(db, field("security", {"display_phone_number": "911140000001", "event": "PIN_RESET_REQUEST"}, T))
    assert business.number()["pin_credential_id"]
    post(db, payload("security_pin_changed"))
    assert business.number()["pin_credential_id"] is None


def test_queued_template_that_meta_pauses_is_refused_when_it_is_claimed(business, db):
    (message,) = business.send("+919810000011")
    paused = template(event="PAUSED") | {"message_template_name": "receipt"}
    post(db, field("message_template_status_update", paused, T))

    assert business.claim()["messages"] == []
    assert business.message(message)["status"] == "failed"


# Nobody's, not used, nonsense -----------------------------------------------------------------------------------

KEPT = ["calls", "flows", "automatic_events", "tracking_events", "payment_configuration_update", "group_lifecycle_update",
        "partner_solutions", "business_status_update", "account_settings_update", "standby"]  # fmt: skip


@pytest.mark.parametrize("name", KEPT)
def test_field_that_flow_does_not_use_is_kept_as_stored(shop, db, name):
    before = outcome(shop)
    told = post(db, field(name, {"x": 1}, T))

    assert (told["applied"], told["kept"], told["dead"]) == (0, 1, 0)
    assert outcome(shop) == before


HANDED = field(
    "messaging_handovers", {"recipient": {"phone_number_id": NUMBER}, "control_passed": {}}, T, waba="1"
)
NOBODYS = [
    pytest.param(field("account_review_update", {"decision": "APPROVED"}, T, waba="880199999999999"), "unknown_account", id="account"),
    pytest.param(field("phone_number_name_update", {"display_phone_number": "1", "decision": "APPROVED"}, T), "unknown_number", id="display number"),
    pytest.param(field("security", {"event": "PIN_CHANGED"}, T), "number_missing", id="no number"),
    pytest.param(field("history", {"metadata": {"phone_number_id": "770299999999999"}, "history": []}, T), "unknown_number", id="number id"),
    pytest.param(field("history", {"metadata": METADATA, "history": []}, T, waba="880199999999999"), "number_not_in_account", id="another's number"),
    pytest.param(field("account_alerts", {"entity_type": "BUSINESS", "entity_id": "1", "alert_info": {"alert_type": "x"}}, T), "unknown_account", id="another business"),
    pytest.param(field("messaging_handovers", {"recipient": {"phone_number_id": "9"}}, T), "unknown_number", id="handover"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "reason"), NOBODYS)
def test_field_of_nobody_is_put_aside_and_never_guessed(shop, db, body, reason):
    before = outcome(shop)
    told = post(db, body)

    assert (told["applied"], told["kept"], told["dead"]) == (0, 0, 1)
    assert db.value("select reason from private.dead_letters where event_id = %s", told["event_id"]) == reason
    assert outcome(shop) == before


def test_handover_of_our_number_is_kept(shop, db):
    assert post(db, HANDED)["kept"] == 1


def test_fields_of_a_disconnected_account_change_nothing(shop, db):
    call(db, "disconnect_whatsapp", org_id=shop.org_id)
    before = outcome(shop)
    for body in [*SAID, *PHONE]:
        told = post(db, body)
        assert (told["kept"], told["dead"]) == (1, 0), body

    assert outcome(shop) == before


ODD = [None, 7, "x", [], {}, [7], [{}], {"a": {"b": []}}, True]
HANDLED = sorted({body["entry"][0]["changes"][0]["field"] for body in [*SAID, *PHONE]} | {"security", "user_preferences"})  # fmt: skip


@pytest.mark.parametrize("name", HANDLED)
def test_values_of_wrong_types_are_put_aside_and_neighbours_go_through(shop, db, name):
    """Every member of every example of a field is replaced by nonsense, one at a time."""
    examples = [b["entry"][0]["changes"][0]["value"] for b in [*SAID, *PHONE, *map(payload, CASES)]
                if b["entry"][0]["changes"][0]["field"] == name][:3]  # fmt: skip
    spoiled = [value | {key: odd} for value in examples for key in value for odd in ODD]
    for example, odd in itertools.product(examples, ODD):
        for key, inner in example.items():
            if isinstance(inner, list) and inner and isinstance(inner[0], dict):
                spoiled += [example | {key: [inner[0] | {k: odd}]} for k in inner[0]]
            elif isinstance(inner, dict):
                spoiled += [example | {key: inner | {k: odd}} for k in inner]
    spoiled += ODD
    changes = [{"field": name, "value": value} for value in spoiled]
    good = shop.change({"messages": [text("good")]})

    told = post(db, webhook(*changes, good))

    assert told["updates"] == len(changes) + 1
    assert told["applied"] + told["kept"] + told["dead"] == told["updates"]
    assert told["dead"] > 0
    assert shop.message("good")["text"] == "Hi"
    letters = "select distinct reason from private.dead_letters where event_id = %s"
    assert {reason for (reason,) in db.rows(letters, told["event_id"])}


# The phone app --------------------------------------------------------------------------------------------------


def test_history_is_imported_without_setting_anything_going(shop, db):
    for body in PHONE:
        post(db, body)

    messages = {m["wamid"]: m for m in shop.table("public.messages") if m["wamid"] and m["wamid"][6] in "eh"}
    assert [messages[f"wamid.{n}"]["status"] for n in ("h1", "e3", "e4", "e1")] == ["received", "read", "failed", "sent"]  # fmt: skip
    assert [bool(messages[f"wamid.{n}"]["imported_at"]) for n in ("h1", "e3", "e1")] == [True, True, False]
    person = shop.contact("919810000044")
    thread = next(c for c in shop.table("public.conversations") if c["contact_id"] == person["id"])
    assert (thread["unread_count"], thread["window_expires_at"]) == (0, None)
    assert thread["last_message_text"] == "second, better"
    assert messages["wamid.e1"]["revoked_at"]
    assert person["opted_out_at"] is None
    assert [e["decision"] for e in shop.table("public.consent_events", "at")] == ["opt_out", "opt_in"]
    assert shop.number()["history_progress"] == 100
    assert not [m for m in shop.table("public.messages") if m["origin"] == "confirmation"]
    named = "select name from public.contacts where (org_id, phone) = (%s, '+919810000055')"
    assert db.value(named, shop.org_id) == "Anil Rao"


def test_history_of_the_last_day_leaves_the_window_open(shop, db):
    post(db, history(1, 5, heard(1, "STOP", shop.now() - 3600)))

    person = shop.contact("919810000044")
    window = "select window_expires_at > now() + interval '22 hours' from public.conversations where contact_id = %s"
    assert db.value(window, person["id"])
    assert person["opted_out_at"]
    assert not [m for m in shop.table("public.messages") if m["origin"] == "confirmation"]


def test_broken_echo_is_put_aside_and_the_ones_beside_it_are_shown(shop, db):
    broken = [7, {"id": "wamid.x"}, {**said(5, "a", T), "timestamp": "soon"}, {**said(6, "b", T), "to": None}]
    value = {"metadata": METADATA, "message_echoes": [*broken, said(1, "good", T)]}
    post(db, field("smb_message_echoes", value, T))

    assert shop.message("wamid.e1")["text"] == "good"
    assert db.value("select count(*) from private.dead_letters where created_at = now()") == 4


def test_name_from_the_address_book_only_fills_an_empty_one(shop, db):
    shop.hear(text("w1", sender="919810000055"), name="Profile")
    post(db, book("Anil", T))

    assert shop.contact("919810000055")["name"] == "Profile"


# Ads, previews, errors ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
def test_conversation_remembers_its_first_and_its_latest_ad(business, order):
    ads = [{**text(f"w{n}", at=T + n), "referral": {"source_type": "ad", "source_id": str(n)}} for n in range(3)]  # fmt: skip
    for n in order:
        business.hear(ads[n])

    (thread,) = business.table("public.conversations")
    assert (thread["referral"]["first"]["source_id"], thread["referral"]["latest"]["source_id"]) == ("0", "2")


def test_inbox_follows_edits_and_deletions_of_the_newest_message(business):
    def shown():
        return business.table("public.conversations")[0]["last_message_text"]

    def edit(n, of, words):
        new = {"type": "text", "text": {"body": words}}
        return {**text(f"e{n}"), "type": "edit", "edit": {"original_message_id": of, "message": new}}

    business.hear(text("w1", "one", T), text("w2", "two", T + 1))
    business.hear(edit(1, "w1", "uno"))
    assert shown() == "two"
    business.hear(edit(2, "w2", "dos"))
    assert shown() == "dos"
    business.hear({**text("r1"), "type": "revoke", "revoke": {"original_message_id": "w2"}})
    assert shown() == "This message was deleted"


def test_every_error_code_of_meta_has_its_action_words_and_remedy(db):
    actions = json.loads((PAYLOADS.parent / "meta_error_codes.json").read_text())
    known = {str(c): (a, w, r) for c, a, w, r in db.rows("select code, action, words, remedy from private.meta_error_codes")}  # fmt: skip

    assert {code: known.get(code, ("",))[0] for code in actions} == actions
    assert [code for code, (_, words, remedy) in known.items() if len(words) < 10 or len(remedy) < 10] == []


def test_member_reads_what_an_error_means(db, business):
    owner = db.value("select user_id from public.memberships where org_id = %s", business.org_id)
    db.execute("select set_config('request.jwt.claims', %s, true)", [json.dumps({"sub": str(owner), "role": "authenticated"})])  # fmt: skip

    told = {code: (words, remedy) for code, words, remedy in db.rows("select * from public.meta_errors(%s)", business.org_id)}  # fmt: skip

    assert told[131047] == ("The 24-hour window is closed: send a template instead", "Send a template; their answer opens the window.")  # fmt: skip


def test_number_is_heard_at_most_once_a_minute(business, db):
    business.hear(text("w1"))
    assert business.number()["heard_at"]
    db.execute("update public.whatsapp_numbers set heard_at = now() - interval '59 seconds' where id = %s", [business.number_id])  # fmt: skip
    before = business.number()["heard_at"]
    business.hear(text("w2"))
    assert business.number()["heard_at"] == before
