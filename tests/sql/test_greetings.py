"""Who is greeted by itself, with which words, how often; and why somebody was not."""

import json
import threading

import pytest

from tests.business import Business, call, fresh_org, text

PHONE = "+919810000011"


@pytest.fixture
def greeter(business, db):
    """A business that greets its direct enquiries."""
    setting = {"template": "hello", "language": "en", "params": ["name", "product"], "on": True}
    call(db, "set_greeting", org_id=business.org_id, setting=setting)
    return business


def setting(business, **changes):
    given = {"template": "hello", "language": "en", "params": ["name", "product"], "on": True}
    return call(business.db, "set_greeting", org_id=business.org_id, setting=given | changes)


def enquire(business, *leads):
    """Store leads as a lead source does; a lead is of type W and from a mobile number unless told otherwise."""
    db = business.db
    source = db.value("select private.own_source(%s, 'manual')", business.org_id)
    items = [
        {
            "external_id": f"{number}.{db.value('select random()')}", "lead_type": "W", "product": "Kurta",
            "person": {"name": "Asha", "phone": PHONE, "phone_kind": "mobile"} | lead.pop("person", {}), **lead,
        }
        for number, lead in enumerate(dict(lead) for lead in leads or ({},))
    ]  # fmt: skip
    stored = db.value("select private.store_leads(%s, %s, %s)", business.org_id, source, json.dumps(items))
    assert stored["inserted"] == len(items), stored
    return stored["lead_ids"]


def greetings(business):
    return [m for m in business.table("public.messages", "id") if m["origin"] == "greeting"]


def skipped(business):
    return [
        a["details"]["reason"]
        for a in business.table("public.lead_activities", "id")
        if a["kind"] == "greeting_skipped"
    ]


# Which leads ----------------------------------------------------------------------------------------------------

TYPES = [
    ("W", True),
    ("P", True),
    ("WA", True),
    ("B", False),
    ("BIZ", False),
    ("w", False),
    ("NEW", False),
    (None, False),
    ("", False),
]


@pytest.mark.parametrize(("lead_type", "is_greeted"), TYPES, ids=[str(kind) for kind, _ in TYPES])
def test_direct_enquiries_calls_and_whatsapp_enquiries_are_greeted_and_no_others(
    greeter, lead_type, is_greeted
):
    enquire(greeter, {"lead_type": lead_type})

    assert len(greetings(greeter)) == is_greeted
    assert skipped(greeter) == []


def test_bought_leads_are_greeted_by_choice(greeter):
    setting(greeter, lead_types=["W", "B"])
    enquire(greeter, {"lead_type": "B"}, {"lead_type": "P", "person": {"phone": "+919810000022"}})

    assert [m["text"] for m in greetings(greeter)] == ["Hi Asha, about Kurta"]


def test_catalogue_views_cannot_be_chosen_nor_asked_for(greeter, db):
    refused = db.refusal(
        "select worker.set_greeting(%s, %s)",
        greeter.org_id,
        json.dumps({"template": "hello", "lead_types": ["W", "BIZ"]}),
    )
    assert (refused.sqlstate, refused.detail) == ("PT422", "lead_type_refused")
    forced = db.refusal(
        "update public.greeting_rules set lead_types = '{BIZ}' where org_id = %s", greeter.org_id
    )
    assert forced.sqlstate == "23514"

    enquire(greeter, {"lead_type": "BIZ", "greet": True})

    assert greetings(greeter) == []
    assert len(skipped(greeter)) == 1


ASKED = [
    (True, True, "X", True), (True, True, "W", True), (None, True, "X", False), (None, True, "W", True), (False, True, "W", False),
    (True, False, "W", True), (None, False, "W", False), (False, False, "W", False),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "is_on", "lead_type", "is_greeted"), ASKED)
def test_greeting_asked_for_or_forbidden_wins_over_the_settings(greeter, asked, is_on, lead_type, is_greeted):
    setting(greeter, on=is_on)

    enquire(greeter, {"greet": asked, "lead_type": lead_type})

    assert len(greetings(greeter)) == is_greeted
    assert skipped(greeter) == []


def test_without_settings_nobody_is_greeted_and_one_asked_for_says_why(business):
    enquire(business, {}, {"greet": True, "person": {"phone": "+919810000022"}})

    assert greetings(business) == []
    assert skipped(business) == ["No greeting is set up"]


@pytest.mark.parametrize(("days", "is_greeted"), [(0, True), (6, True), (8, False)])
def test_old_enquiries_are_stored_but_not_greeted(greeter, db, days, is_greeted):
    when = db.value("select to_jsonb(now() - make_interval(days => %s))", days)
    enquire(greeter, {"received_at": when})

    assert len(greetings(greeter)) == is_greeted
    assert skipped(greeter) == []


def test_lead_again_is_not_greeted_again(greeter, db):
    source = db.value("select private.own_source(%s, 'manual')", greeter.org_id)
    item = {"external_id": "same", "lead_type": "W", "person": {"phone": PHONE, "phone_kind": "mobile"}}
    for _ in range(3):
        db.value("select private.store_leads(%s, %s, %s)", greeter.org_id, source, json.dumps([item, item]))

    assert len(greetings(greeter)) == 1


# Which people ---------------------------------------------------------------------------------------------------

PEOPLE = [
    pytest.param({"phone_kind": "mobile"}, True, id="a mobile number"),
    pytest.param({"phone_kind": "fixed_line_or_mobile"}, True, id="perhaps a mobile number"),
    pytest.param({"phone_kind": "fixed_line"}, False, id="a landline"),
    pytest.param({"phone_kind": "other"}, False, id="a toll-free number"),
    pytest.param({"phone": None, "phone_kind": None, "email": "a@example.test"}, False, id="no number"),
    pytest.param({"phone": "12", "phone_kind": None}, False, id="no valid number"),
    pytest.param({"phone": "+442071838750", "phone_kind": None}, False, id="a number that nobody looked up"),
    pytest.param(
        {"phone": "+919876543210", "phone_kind": None},
        True,
        id="an Indian mobile number that nobody looked up",
    ),
]


@pytest.mark.parametrize(("person", "is_greeted"), PEOPLE)
def test_only_mobile_numbers_are_greeted(greeter, person, is_greeted):
    enquire(greeter, {"person": person})

    assert len(greetings(greeter)) == is_greeted
    assert skipped(greeter) == ([] if is_greeted else ["The contact has no mobile number"])


def test_number_that_nobody_looked_up_is_trusted_when_a_person_asks(greeter):
    enquire(greeter, {"greet": True, "person": {"phone": "+442071838750", "phone_kind": None}})

    assert len(greetings(greeter)) == 1


def test_whatsapp_user_is_greeted_whatever_the_number_looks_like(greeter):
    greeter.hear(text("w1", sender="912026050000"))

    enquire(greeter, {"person": {"phone": "+912026050000", "phone_kind": "fixed_line"}})

    assert len(greetings(greeter)) == 1


def test_person_who_opted_out_is_not_greeted_even_when_asked_for(greeter):
    greeter.hear(text("w1", "STOP"))

    enquire(greeter, {}, {"greet": True})

    assert greetings(greeter) == []
    assert skipped(greeter) == ["They asked not to receive messages"] * 2


def test_person_is_greeted_once_in_the_period_and_again_after_it(greeter, db):
    enquire(greeter)
    enquire(greeter, {}, {"greet": True})
    assert len(greetings(greeter)) == 1
    assert skipped(greeter) == ["They were greeted lately"] * 2

    greeter.let_pass(31 * 86400)
    enquire(greeter)

    assert len(greetings(greeter)) == 2


def test_two_leads_of_one_person_in_one_batch_are_greeted_once(greeter):
    enquire(greeter, {}, {}, {"person": {"phone": "+919810000022", "name": "Ravi"}})

    assert sorted(m["text"] for m in greetings(greeter)) == ["Hi Asha, about Kurta", "Hi Ravi, about Kurta"]
    assert skipped(greeter) == ["They were greeted lately"]


def test_two_leads_of_one_person_at_the_same_moment_are_greeted_once(lasting, connect):
    business = lasting()
    setting(business)
    lead = {"name": "Asha", "phone": PHONE, "phone_kind": "mobile", "greet": True}
    call(
        business.db, "add_lead", org_id=business.org_id, lead={**lead, "greet": False}
    )  # the contact is known already
    one, two = connect(), connect()

    def second():
        two.execute("select worker.add_lead(%s, %s)", [business.org_id, json.dumps(lead)])

    other = threading.Thread(target=second)
    with one.transaction():
        one.execute("select worker.add_lead(%s, %s)", [business.org_id, json.dumps(lead)])
        other.start()
        other.join(0.2)
        assert other.is_alive(), "the second waits for the first"
    other.join(10)

    assert len(greetings(business)) == 1
    assert skipped(business) == ["They were greeted lately"]


def test_organizations_greet_apart(greeter, db):
    second = Business(db, fresh_org(db, "Second"))
    enquire(second)
    enquire(greeter)

    assert len(greetings(greeter)) == 1
    assert greetings(second) == []


# Why not --------------------------------------------------------------------------------------------------------

TROUBLES = [
    pytest.param("update public.message_templates set status = 'PAUSED'", 'Template "hello" is not approved (PAUSED)', id="paused template"),
    pytest.param("update public.message_templates set status = 'DELETED'", 'Template "hello" is not approved (DELETED)', id="deleted template"),
    pytest.param("update public.message_templates set blocked_reason = 'too long'", 'Template "hello" is blocked: too long', id="blocked template"),
    pytest.param("update public.whatsapp_numbers set status = 'disconnected'", "The organization has no connected WhatsApp number", id="no number"),
]  # fmt: skip


@pytest.mark.parametrize(("trouble", "reason"), TROUBLES)
def test_lead_is_stored_and_its_timeline_says_why_it_was_not_greeted(greeter, db, trouble, reason):
    db.execute(f"{trouble} where org_id = %s", [greeter.org_id])

    enquire(greeter)

    assert greetings(greeter) == []
    assert skipped(greeter) == [reason]
    assert db.value("select greeted_at from public.contacts where org_id = %s", greeter.org_id) is None


def test_template_that_takes_other_values_by_now_greets_nobody(greeter, db):
    longer = {
        "id": "1", "name": "hello", "language": "en", "status": "APPROVED", "category": "MARKETING",
        "components": [{"type": "BODY", "text": "Hi {{1}}, about {{2}} in {{3}}"}],
    }  # fmt: skip
    call(db, "store_templates", org_id=greeter.org_id, account_id=greeter.account_id, templates=[longer])

    enquire(greeter)

    assert greetings(greeter) == []
    (reason,) = skipped(greeter)
    assert reason.startswith('Template "hello" takes 3 values')


def test_greeted_lead_names_its_message_in_the_timeline(greeter):
    (lead,) = enquire(greeter)

    (noted,) = [a for a in greeter.table("public.lead_activities") if a["kind"] == "greeting_queued"]
    (message,) = greetings(greeter)
    assert (noted["lead_id"], noted["details"]) == (lead, {"message_id": message["id"]})


# Words ----------------------------------------------------------------------------------------------------------

VALUES = [
    pytest.param(["name", "product"], {}, ["Asha", "Kurta"], id="as they are"),
    pytest.param(
        ["name", "product"],
        {"product": None, "title": "Blue kurta"},
        ["Asha", "Blue kurta"],
        id="the title for want of a product",
    ),
    pytest.param(
        ["name", "product"],
        {"product": None, "person": {"name": None}},
        ["there", "your enquiry"],
        id="empty fields",
    ),
    pytest.param(
        ["name|friend", "product|our shop"],
        {"product": " ", "person": {"name": None}},
        ["friend", "our shop"],
        id="words of one's own",
    ),
    pytest.param(["name|", "city|"], {"person": {"name": None}}, ["there", "-"], id="empty words"),
    pytest.param(
        ["company", "state"],
        {"person": {"company": "Rao & Co", "state": "Goa"}},
        ["Rao & Co", "Goa"],
        id="other fields",
    ),
    pytest.param(["phone", "organization"], {}, [PHONE, "Sharma Traders"], id="phone and organization"),
    pytest.param(
        ["name", "product"],
        {"product": "Blue\r\n\tkurta     with   lace"},
        ["Asha", "Blue kurta   with   lace"],
        id="cleaned for Meta",
    ),
    pytest.param(
        ["name", "product"], {"product": "x" * 500 + "\n" + "y" * 100}, ["Asha", "x" * 500], id="long"
    ),
    pytest.param(
        ["name", "product"],
        {"product": "{{1}} \\1 $1 'x' 🙏"},
        ["Asha", "{{1}} \\1 $1 'x' 🙏"],
        id="odd signs",
    ),
]


@pytest.mark.parametrize(("params", "lead", "values"), VALUES)
def test_values_come_from_the_lead_and_are_never_empty(greeter, params, lead, values):
    setting(greeter, params=params)

    enquire(greeter, lead)

    (message,) = greetings(greeter)
    sent = [p["text"] for p in message["body"]["template"]["components"][0]["parameters"]]
    assert sent == values
    assert message["text"] == f"Hi {values[0]}, about {values[1]}"


def test_named_template_gets_its_values_by_name(greeter):
    setting(greeter, template="named")

    enquire(greeter)

    (message,) = greetings(greeter)
    assert message["text"] == "Dear Asha, Kurta is ready"
    assert message["body"]["template"]["components"][0]["parameters"] == [
        {"type": "text", "parameter_name": "who", "text": "Asha"}, {"type": "text", "parameter_name": "what", "text": "Kurta"}]  # fmt: skip


def test_template_without_values_greets_without_any(greeter):
    setting(greeter, template="receipt", params=[])

    enquire(greeter)

    (message,) = greetings(greeter)
    assert "components" not in message["body"]["template"]


# Settings -------------------------------------------------------------------------------------------------------

REFUSED = [
    ({}, "template_missing"), ({"template": "nope", "params": []}, "template_unknown"), ({"template": "waiting", "params": []}, "template_not_approved"),
    ({"template": "hello", "params": ["name"]}, "template_parameters"), ({"template": "hello", "params": ["name", "shoe size"]}, "field_unknown"),
    ({"template": "hello", "params": ["name", "product"], "number": "1"}, "number_not_connected"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "detail"), REFUSED, ids=[f"{d} {g}" for g, d in REFUSED])
def test_setting_that_could_not_be_sent_is_refused(business, db, given, detail):
    assert (
        db.refusal("select worker.set_greeting(%s, %s)", business.org_id, json.dumps(given)).detail == detail
    )
    assert business.table("public.greeting_settings") == []


def test_what_a_change_does_not_name_stays(greeter):
    changed = call(greeter.db, "set_greeting", org_id=greeter.org_id, setting={"on": False})

    assert changed == {
        "on": False,
        "template": "hello",
        "language": "en",
        "params": ["name", "product"],
        "lead_types": ["W", "P", "WA"],
    }


def test_greeting_leaves_from_the_number_that_was_chosen(greeter, db):
    second = "770200000000777"
    call(db, "finish_connect", org_id=greeter.org_id, connection={
        "waba_id": greeter.waba, "token": "EAAtoken", "account": {}, "number": {"phone_number_id": second}})  # fmt: skip
    setting(greeter, number=second)

    enquire(greeter)

    (message,) = greeter.claim()["messages"]
    assert message["phone_number_id"] == second


def test_agents_cannot_change_the_greeting_and_admins_can(greeter, db, member):
    change = "select public.set_greeting(%s, '{\"on\": false}')"
    db.as_person(member(greeter.org_id, "agent"))
    assert db.refusal(change, greeter.org_id).sqlstate == "PT403"

    db.as_person(member(greeter.org_id, "admin"))
    assert db.value(change, greeter.org_id)["on"] is False
