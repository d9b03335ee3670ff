"""Greetings by source and lead type, in the person's language, outside quiet hours; their pauses and their rehearsal."""

import json
import threading
from datetime import datetime
from uuid import UUID

import pytest

from tests.business import call, text
from tests.sql.test_greetings import PHONE, enquire, greetings, setting, skipped

TAMIL = [
    {"id": "11", "name": "hello", "language": "en", "status": "APPROVED", "category": "MARKETING",
     "components": [{"type": "BODY", "text": "Hi {{1}}, about {{2}}"}]},
    {"id": "12", "name": "hello", "language": "ta", "status": "APPROVED", "category": "MARKETING",
     "components": [{"type": "BODY", "text": "Vanakkam {{1}}, {{2}}"}]},
    {"id": "2", "name": "receipt", "language": "en", "status": "APPROVED", "category": "UTILITY",
     "components": [{"type": "BODY", "text": "Paid."}]},
]  # fmt: skip


@pytest.fixture
def admin(business, db, member):
    """An admin of the business, to act as."""
    return member(business.org_id, "admin")


@pytest.fixture
def save(business, db, admin):
    """Saves a rule as an admin and gives it back."""

    def make(rule_id=None, **rule):
        given = rule if rule_id else {"template": "receipt", "language": "en"} | rule
        db.as_person(admin)
        saved = db.value(
            "select public.save_greeting_rule(%s, %s, %s)", business.org_id, json.dumps(given), rule_id
        )
        db.as_operator()
        return saved

    return make


@pytest.fixture
def quiet(business, db, admin):
    """Sets the quiet hours as an admin."""

    def make(start, end):
        db.as_person(admin)
        db.value("select public.set_quiet_hours(%s, %s, %s)", business.org_id, start, end)
        db.as_operator()

    return make


def templates(business, *changes):
    """What Meta has now: the usual ones, each changed as told."""
    given = [
        t | dict(changes[0]) if t["name"] == "hello" and t["language"] == "en" and changes else t
        for t in TAMIL
    ]
    call(
        business.db,
        "store_templates",
        org_id=business.org_id,
        account_id=business.account_id,
        templates=given,
    )
    told(business)


def told(business):
    for (template,) in business.db.rows(
        "select id from public.message_templates where org_id = %s", business.org_id
    ):
        business.db.execute("select private.template_changed(%s, %s)", [business.org_id, template])


def rule_of(business):
    (rule,) = business.table("public.greeting_rules")
    return rule


def manual(business):
    return str(business.db.value("select private.own_source(%s, 'manual')", business.org_id))


def source(business, kind, name="Another"):
    return business.db.value(
        "insert into public.lead_sources (org_id, kind, name) values (%s, %s, %s) returning id",
        business.org_id, kind, name,
    )  # fmt: skip


def enquire_at(business, source_id, **lead):
    item = {"external_id": "x", "lead_type": "W", "product": "Kurta",
            "person": {"name": "Asha", "phone": PHONE, "phone_kind": "mobile"}}  # fmt: skip
    return business.db.value(
        "select private.store_leads(%s, %s, %s)", business.org_id, source_id, json.dumps([item | lead])
    )["lead_ids"]


# Rules ----------------------------------------------------------------------------------------------------------


def test_first_rule_that_fits_wins_and_the_default_comes_last(business, db, save, admin):
    setting(business)
    first = save(source=manual(business), lead_types=["W"])
    second = save(template="named", params=["name", "product"])
    enquire(business)
    enquire(business, {"lead_type": "P", "person": {"phone": "+919810000022"}})

    db.as_person(admin)
    order = [UUID(second["rule_id"]), UUID(first["rule_id"])]
    db.execute("select public.order_greeting_rules(%s, %s)", [business.org_id, order])
    db.as_operator()
    enquire(business, {"person": {"phone": "+919810000033"}})
    for rule in (first, second):
        save(rule["rule_id"], on=False)
    enquire(business, {"person": {"phone": "+919810000044"}})

    assert [m["text"] for m in greetings(business)] == [
        "Paid.", "Dear Asha, Kurta is ready", "Dear Asha, Kurta is ready", "Hi Asha, about Kurta",
    ]  # fmt: skip


def test_rule_for_one_source_leaves_the_others_alone(business, save):
    save(source=str(source(business, "form")), lead_types=[])

    enquire(business)
    enquire(business, {"lead_type": None, "person": {"phone": "+919810000022"}})

    assert greetings(business) == []
    assert skipped(business) == []


def test_rule_without_types_is_for_leads_without_one(business, save):
    form = source(business, "form")
    save(source=str(form), lead_types=[])

    enquire_at(business, form, lead_type=None)
    enquire_at(
        business,
        form,
        lead_type="B",
        external_id="y",
        person={"phone": "+919810000022", "phone_kind": "mobile"},
    )

    assert [m["text"] for m in greetings(business)] == ["Paid."]


@pytest.mark.parametrize("kind", ["sheet", "upload"])
@pytest.mark.parametrize(("ticked", "is_greeted"), [(None, False), (False, False), (True, True)])
def test_sheets_and_files_are_greeted_only_when_ticked(business, kind, ticked, is_greeted):
    setting(business)

    enquire_at(business, source(business, kind), greet=ticked)

    assert len(greetings(business)) == is_greeted


def test_rules_never_take_catalogue_views_and_buy_leads_by_choice_only(business, db, save, admin):
    save(lead_types=["B"])
    enquire(business, {"lead_type": "B"})
    enquire(business, {"lead_type": "BIZ", "person": {"phone": "+919810000022"}})
    assert len(greetings(business)) == 1

    db.as_person(admin)
    rule = json.dumps({"template": "receipt", "lead_types": ["W", "BIZ"]})
    refused = db.refusal("select public.save_greeting_rule(%s, %s)", business.org_id, rule)
    assert (refused.sqlstate, refused.detail) == ("PT422", "lead_type_refused")


REFUSED = [
    ({}, "template_missing"), ({"template": "nope"}, "template_unknown"), ({"template": "waiting"}, "template_not_approved"),
    ({"template": "hello", "params": ["name"]}, "template_parameters"), ({"template": "receipt", "delay_minutes": 43201}, "delay_invalid"),
    ({"template": "hello", "mapping": {"body": ["name", "shoe"]}}, "field_unknown"), ({"template": "receipt", "mapping": "x"}, "mapping_invalid"),
    ({"template": "receipt", "languages": {"Goa": 3}}, "languages_invalid"), ({"template": "receipt", "source": "x"}, "source_not_found"),
    ({"template": "receipt", "number": "1"}, "number_not_connected"), ({"template": "receipt", "delay_minutes": "soon"}, "delay_invalid"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "detail"), REFUSED, ids=[f"{d} {g}" for g, d in REFUSED])
def test_rule_that_could_not_greet_is_refused(business, db, admin, rule, detail):
    db.as_person(admin)

    assert (
        db.refusal("select public.save_greeting_rule(%s, %s)", business.org_id, json.dumps(rule)).detail
        == detail
    )


def test_two_leads_from_two_sources_at_the_same_moment_are_one_greeting(lasting, connect):
    business = lasting()
    setting(business)
    lead = {"name": "Asha", "phone": PHONE, "phone_kind": "mobile"}
    call(business.db, "add_lead", org_id=business.org_id, lead={**lead, "greet": False})
    sources = [source(business, "form", name) for name in ("one", "two")]
    item = json.dumps([{"external_id": "1", "lead_type": "W", "person": lead}])
    one, two = connect(), connect()

    def second():
        two.execute("select private.store_leads(%s, %s, %s)", [business.org_id, sources[1], item])

    other = threading.Thread(target=second)
    with one.transaction():
        one.execute("select private.store_leads(%s, %s, %s)", [business.org_id, sources[0], item])
        other.start()
        other.join(0.2)
    other.join(10)

    assert len(greetings(business)) == 1
    assert skipped(business) == ["They were greeted lately"]


# Languages ------------------------------------------------------------------------------------------------------

STATES = [
    pytest.param("Tamil Nadu", {}, "Vanakkam Asha, Kurta", id="their language"),
    pytest.param(" tamil nadu ", {}, "Vanakkam Asha, Kurta", id="however it is written"),
    pytest.param("Kerala", {}, "Hi Asha, about Kurta", id="another state"),
    pytest.param("Goa", {}, "Hi Asha, about Kurta", id="a language that the template does not have"),
    pytest.param(None, {}, "Hi Asha, about Kurta", id="no state"),
    pytest.param("Tamil Nadu", {"status": "REJECTED"}, "Hi Asha, about Kurta", id="not approved"),
    pytest.param("Tamil Nadu", {"category": "UTILITY"}, "Hi Asha, about Kurta", id="another class of price"),
    pytest.param("Tamil Nadu", {"components": [{"type": "BODY", "text": "Vanakkam {{1}}"}]}, "Hi Asha, about Kurta", id="other values"),
]  # fmt: skip


@pytest.mark.parametrize(("state", "change", "words"), STATES)
def test_language_follows_the_state_as_far_as_it_can_be_sent(business, save, state, change, words):
    given = [t | change if t["language"] == "ta" else t for t in TAMIL]
    call(
        business.db,
        "store_templates",
        org_id=business.org_id,
        account_id=business.account_id,
        templates=given,
    )
    save(template="hello", params=["name", "product"], languages={"Tamil Nadu": "ta", "Goa": "kok"})

    enquire(business, {"person": {"state": state}})

    assert [m["text"] for m in greetings(business)] == [words]


# Quiet hours ----------------------------------------------------------------------------------------------------

NIGHTS = [
    pytest.param("2026-11-23 20:00+05:30", "21:00", "08:00", "Asia/Kolkata", None, id="before"),
    pytest.param("2026-11-23 21:00+05:30", "21:00", "08:00", "Asia/Kolkata", "2026-11-24 08:00+05:30", id="as they begin"),
    pytest.param("2026-11-23 23:59+05:30", "21:00", "08:00", "Asia/Kolkata", "2026-11-24 08:00+05:30", id="before midnight"),
    pytest.param("2026-11-24 00:00+05:30", "21:00", "08:00", "Asia/Kolkata", "2026-11-24 08:00+05:30", id="midnight"),
    pytest.param("2026-11-24 07:59:59+05:30", "21:00", "08:00", "Asia/Kolkata", "2026-11-24 08:00+05:30", id="the last second"),
    pytest.param("2026-11-24 08:00+05:30", "21:00", "08:00", "Asia/Kolkata", None, id="as they end"),
    pytest.param("2026-11-23 14:00+05:30", "13:00", "15:30", "Asia/Kolkata", "2026-11-23 15:30+05:30", id="in the daytime"),
    pytest.param("2026-11-23 12:59+05:30", "13:00", "15:30", "Asia/Kolkata", None, id="before those"),
    pytest.param("2026-12-31 23:00+05:30", "21:00", "08:00", "Asia/Kolkata", "2027-01-01 08:00+05:30", id="over the year"),
    # New York: the clock goes from 2 to 3 on 2026-03-08, and from 2 back to 1 on 2026-11-01.
    pytest.param("2026-03-08 00:30-05:00", "22:00", "07:00", "America/New_York", "2026-03-08 07:00-04:00", id="the short night"),
    pytest.param("2026-03-08 00:30-05:00", "22:00", "02:30", "America/New_York", "2026-03-08 03:30-04:00", id="an end that does not exist"),
    pytest.param("2026-11-01 00:30-04:00", "22:00", "07:00", "America/New_York", "2026-11-01 07:00-05:00", id="the long night"),
    pytest.param("2026-11-01 01:45-04:00", "22:00", "01:30", "America/New_York", None, id="the first of two quarters to two"),
    pytest.param("2026-07-01 23:00+01:00", "22:00", "07:00", "Europe/London", "2026-07-02 07:00+01:00", id="summer"),
    pytest.param("2026-12-01 23:00+00:00", "22:00", "07:00", "Europe/London", "2026-12-02 07:00+00:00", id="winter"),
]  # fmt: skip


@pytest.mark.parametrize(("at", "start", "end", "zone", "then"), NIGHTS)
def test_quiet_hours_end_by_the_wall_clock(db, at, start, end, zone, then):
    ends = db.value("select private.after_quiet(%s, %s, %s, %s)", at, start, end, zone)

    assert ends == datetime.fromisoformat(then or at)


def around_now(business, before, after):
    """Times of day around this moment, in the organization's time zone."""
    return business.db.row(
        """
        select to_char((now() at time zone o.time_zone) + %s::interval, 'HH24:MI'),
               to_char((now() at time zone o.time_zone) + %s::interval, 'HH24:MI')
          from public.organizations o where o.id = %s
        """,
        before, after, business.org_id,
    )  # fmt: skip


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/New_York", "Pacific/Auckland"])
def test_greeting_that_falls_into_quiet_hours_waits_for_their_end(business, db, quiet, zone):
    setting(business)
    db.execute("update public.organizations set time_zone = %s where id = %s", [zone, business.org_id])
    start, end = around_now(business, "-1 hour", "2 hours")
    quiet(start, end)

    (lead,) = enquire(business)

    assert greetings(business) == []
    (waiting,) = business.table("public.scheduled_messages")
    assert (waiting["status"], waiting["origin"], waiting["text"]) == (
        "waiting",
        "greeting",
        "Hi Asha, about Kurta",
    )
    at = db.value(
        "select to_char(send_at at time zone %s, 'HH24:MI') from public.scheduled_messages where org_id = %s",
        zone,
        business.org_id,
    )
    assert at == end
    (noted,) = [a for a in business.table("public.lead_activities") if a["kind"] == "greeting_scheduled"]
    assert (noted["lead_id"], noted["details"]["scheduled_id"]) == (lead, waiting["id"])


def test_time_zone_that_does_not_exist_loses_no_lead(business, db, quiet):
    setting(business)
    quiet("21:00", "08:00")
    db.execute("update public.organizations set time_zone = 'Mars/Olympus' where id = %s", [business.org_id])

    assert len(enquire(business)) == 1
    assert skipped(business) == ["The greeting could not be made ready (22023)"]


@pytest.mark.parametrize(
    ("start", "end"),
    [("21:00", None), (None, "8:00"), ("24:00", "08:00"), ("21:00", "21:00"), ("9pm", "08:00")],
)
def test_quiet_hours_that_are_none_are_refused(business, db, admin, start, end):
    db.as_person(admin)

    refused = db.refusal("select public.set_quiet_hours(%s, %s, %s)", business.org_id, start, end)

    assert (refused.sqlstate, refused.detail) == ("PT422", "quiet_hours_invalid")


# Delays, and what happens meanwhile -----------------------------------------------------------------------------


@pytest.fixture
def delayed(business, save):
    """A business whose greeting waits for ten minutes, with one that waits."""
    save(delay_minutes=10)
    enquire(business)
    (waiting,) = business.table("public.scheduled_messages")
    assert waiting["status"] == "waiting"
    return business


def release(business):
    business.db.execute("select private.release_scheduled()")
    (settled,) = business.table("public.scheduled_messages")
    return settled


def test_delayed_greeting_leaves_when_its_time_has_come(delayed):
    assert release(delayed)["status"] == "waiting"

    delayed.let_pass(601)
    settled = release(delayed)

    (message,) = greetings(delayed)
    assert (settled["status"], settled["message_id"], message["text"]) == ("sent", message["id"], "Paid.")


def test_delayed_greeting_that_would_leave_in_quiet_hours_waits_on(delayed, quiet):
    quiet(*around_now(delayed, "-1 hour", "2 hours"))
    delayed.let_pass(601)

    assert release(delayed)["status"] == "waiting"
    assert greetings(delayed) == []


def stop(business, db):
    business.hear(text("w9", "STOP", at=business.now()))


def answer(business, db):
    business.hear(text("w9", "Is this you?", at=business.now()))


def write(business, db):
    business.send("+919810000011")


def switch_off(business, db):
    db.execute("update public.greeting_settings set is_on = false where org_id = %s", [business.org_id])


def rule_off(business, db):
    db.execute("update public.greeting_rules set is_on = false where org_id = %s", [business.org_id])


def disconnect(business, db):
    call(db, "disconnect_whatsapp", org_id=business.org_id)


def dearer(business, db):
    db.execute(
        "update public.message_templates set category = 'MARKETING' where org_id = %s", [business.org_id]
    )
    told(business)


MEANWHILE = [
    pytest.param(stop, "They asked not to receive messages", id="opted out"),
    pytest.param(answer, "They have written meanwhile", id="answered"),
    pytest.param(write, "Somebody has written to them meanwhile", id="somebody wrote"),
    pytest.param(switch_off, "The greeting was switched off", id="switched off"),
    pytest.param(rule_off, "The greeting was switched off", id="rule off"),
    pytest.param(disconnect, "The number of this conversation is not connected", id="disconnected"),
    pytest.param(
        dearer,
        'The greeting is paused: Meta changed template "receipt": utility → marketing, which costs more per message',
        id="dearer",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("happens", "reason"), MEANWHILE)
def test_waiting_greeting_gives_way_to_what_happens_meanwhile(delayed, db, happens, reason):
    delayed.let_pass(601)
    happens(delayed, db)

    settled = release(delayed)

    assert (settled["status"], settled["problem"]) == ("cancelled", reason)
    assert greetings(delayed) == []
    assert skipped(delayed) == [reason]
    assert db.value("select greeted_at from public.contacts where org_id = %s", delayed.org_id) is None


def test_switching_off_cancels_what_waits_at_once(delayed, save):
    (rule,) = delayed.table("public.greeting_rules")
    save(rule["id"], on=False)

    (waiting,) = delayed.table("public.scheduled_messages")
    assert waiting["status"] == "cancelled"


# Pauses ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["PAUSED", "REJECTED", "DISABLED"])
def test_template_that_meta_holds_back_pauses_the_greeting_until_it_is_approved_again(business, status):
    templates(business)
    setting(business)

    templates(business, {"status": status})
    paused = rule_of(business)
    enquire(business)
    templates(business)
    resumed = rule_of(business)
    enquire(business, {"person": {"phone": "+919810000022"}})

    reason = f'Template "hello" is not approved ({status})'
    assert (paused["paused_for"], paused["paused_reason"], skipped(business)) == ("status", reason, [reason])
    assert paused["paused_at"] is not None
    assert (resumed["paused_for"], resumed["paused_reason"], resumed["paused_at"]) == (None, None, None)
    assert len(greetings(business)) == 1


def test_dearer_template_waits_until_somebody_accepts_it(business, db, admin):
    templates(business, {"category": "UTILITY"})
    setting(business)

    templates(business, {"category": "MARKETING"})
    told(business)
    enquire(business)
    words = 'Meta changed template "hello": utility → marketing, which costs more per message'
    assert skipped(business) == [f"The greeting is paused: {words}"]
    assert setting(business)["paused_reason"] == words, "saving it again accepts nothing"

    rule = rule_of(business)["id"]
    db.as_person(admin)
    accepted = db.value("select public.resume_greeting(%s, %s)", business.org_id, rule)
    db.as_operator()
    told(business)
    enquire(business, {"person": {"phone": "+919810000022"}})

    assert (accepted["category"], accepted["paused_reason"]) == ("MARKETING", None)
    assert len(greetings(business)) == 1
    seen = [
        a["action"] for a in business.table("public.audit_log", "id") if a["object_type"] == "greeting_rule"
    ]
    assert seen == ["greeting.paused", "greeting.resumed"]


def test_dearer_template_of_which_nobody_told_greets_nobody_either(business, db):
    templates(business, {"category": "UTILITY"})
    setting(business)
    db.execute("alter table public.message_templates disable trigger user")
    db.execute(
        "update public.message_templates set category = 'MARKETING' where org_id = %s", [business.org_id]
    )

    enquire(business)

    assert greetings(business) == []
    assert skipped(business) == [
        'Meta changed template "hello": utility → marketing, which costs more per message'
    ]


def test_template_that_cannot_be_sent_is_not_resumed(business, db, admin):
    templates(business)
    setting(business)
    templates(business, {"status": "REJECTED"})
    rule = rule_of(business)["id"]

    db.as_person(admin)
    refused = db.refusal("select public.resume_greeting(%s, %s)", business.org_id, rule)

    assert (refused.sqlstate, refused.detail) == ("PT422", "template_not_approved")


# The rehearsal --------------------------------------------------------------------------------------------------


def rehearse(business, page_size=50):
    return call(business.db, "greeting_dry_run", org_id=business.org_id, page_size=page_size)


def test_rehearsal_tells_who_would_get_what_and_why_others_would_not(business):
    enquire(
        business,
        {"person": {"phone": "+919810000001", "name": None}},
        {"person": {"phone": "+919810000002"}, "product": None},
        {"person": {"phone": "+919810000003"}, "lead_type": "B"},
        {"person": {"phone": "+919810000004"}, "lead_type": "BIZ"},
        {"person": {"phone": "+912026050000", "phone_kind": "fixed_line"}},
        {"person": {"phone": "+919810000006"}, "greet": False},
        {"person": {"phone": "+919810000007"}, "received_at": "2026-01-01T00:00:00Z"},
    )
    later = business.db.value("select to_jsonb(now() + interval '1 minute')")
    enquire(business, {"person": {"phone": "+919810000002"}, "received_at": later})
    setting(business, on=False, params=["name|friend", "product"])

    told_of = rehearse(business)

    words = {(lead["text"], tuple(lead["blank"])) for lead in told_of["leads"] if lead["greeted"]}
    assert words == {("Hi friend, about Kurta", ("name",)), ("Hi Asha, about your enquiry", ("product",))}
    assert (told_of["on"], told_of["greeted"], told_of["skipped"], told_of["by_category"]) == (
        False,
        2,
        6,
        {"MARKETING": 2},
    )
    reasons = {lead["reason"] for lead in told_of["leads"] if not lead["greeted"]}
    assert reasons == {
        "No rule greets leads of the type B from this source", "Catalogue views are never greeted", "The contact has no mobile number",
        "Whoever added the lead did not want it greeted", "The enquiry was too old when it came", "They were greeted lately",
    }  # fmt: skip


def test_rehearsal_shows_the_words_that_stand_in(business):
    enquire(business, {"person": {"name": None}})
    setting(business, params=["name|friend", "product"])

    (lead,) = rehearse(business)["leads"]

    assert (lead["text"], lead["blank"], lead["category"]) == (
        "Hi friend, about Kurta",
        ["name"],
        "MARKETING",
    )


def test_rehearsal_looks_at_a_lead_as_when_it_came(business, quiet, db):
    setting(business)
    enquire(business)
    quiet(*around_now(business, "-1 hour", "2 hours"))

    (lead,) = rehearse(business)["leads"]

    assert lead["greeted"], "its own greeting does not stand in its way"
    assert lead["send_at"] > db.value("select to_jsonb(now())")


def test_rehearsal_writes_nothing_and_is_for_admins(business, db, admin, member):
    setting(business)
    enquire(business, {}, {"person": {"phone": "+919810000022"}})
    counted = "select (select count(*) from public.messages), (select count(*) from public.lead_activities), (select count(*) from public.audit_log)"
    before = db.row(counted)

    db.as_person(admin)
    asked = db.value("select public.greeting_dry_run(%s)", business.org_id)
    db.as_person(member(business.org_id, "agent"))
    refused = db.refusal("select public.greeting_dry_run(%s)", business.org_id)
    db.as_operator()

    assert len(asked["leads"]) == 2
    assert refused.sqlstate == "PT403"
    assert db.row(counted) == before
    assert db.value(
        "select bool_and(provolatile = 's') from pg_proc where proname in ('greeting_dry_run', 'rehearse_greetings')"
    )


def test_rehearsal_takes_the_newest_leads(business):
    setting(business)
    enquire(business, *({"person": {"phone": f"+9198100000{n}"}} for n in range(10, 15)))

    assert len(rehearse(business, 3)["leads"]) == 3


# What is shown --------------------------------------------------------------------------------------------------


def test_operator_sees_the_settings_and_the_rules_in_order(business, db, save, quiet):
    setting(business)
    save(source=manual(business), delay_minutes=15)
    quiet("21:00", "08:00")

    shown = call(db, "greeting", org_id=business.org_id)

    assert {k: v for k, v in shown.items() if k != "rules"} == {
        "on": True, "repeat_days": 30, "max_age_days": 7, "quiet_from": "21:00", "quiet_to": "08:00",
        "time_zone": "Asia/Kolkata", "waiting": 0,
    }  # fmt: skip
    assert [(r["template"], r["default"], r["delay_minutes"]) for r in shown["rules"]] == [
        ("receipt", False, 15),
        ("hello", True, 0),
    ]


def test_periods_can_be_set(business, db):
    call(
        db,
        "set_greeting",
        org_id=business.org_id,
        setting={"template": "receipt", "repeat_days": 0, "max_age_days": 1},
    )
    enquire(business)
    enquire(business)

    assert len(greetings(business)) == 2


def test_agents_change_no_rule(business, db, member):
    setting(business)
    rule = rule_of(business)["id"]
    db.as_person(member(business.org_id, "agent"))

    for asked in (
        "delete_greeting_rule(%s, %s)",
        "resume_greeting(%s, %s)",
        "save_greeting_rule(%s, '{}', %s)",
    ):
        assert db.refusal(f"select public.{asked}", business.org_id, rule).sqlstate == "PT403"
