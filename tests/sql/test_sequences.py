"""Sequences: step after step to somebody who does not answer; whatever they say or want ends it."""

from functools import partial
from uuid import uuid4

import pytest

from tests.business import Business, call, text
from tests.sql.outreach import Desk, at_once

ASHA, RAVI = "+919810000011", "+919810000022"
STEPS = [
    {"after_hours": 2, "template": "receipt", "language": "en"},
    {"after_days": 3, "template": "hello", "language": "en", "params": ["name|there", "product"]},
]


def person(business, phone=ASHA, **more):
    given = {"name": "Asha", "phone_kind": "mobile"} | more
    return business.db.value(
        "insert into public.contacts (org_id, phone, name, phone_kind) values (%s, %s, %s, %s) returning id::text",
        business.org_id, phone, *given.values(),
    )  # fmt: skip


def enquiry(business, contact, source=None, **more):
    given = {"kind": "manual", "type": "W", "greet": None, "age": "0 days"} | more
    source = source or business.db.value("select private.own_source(%s, 'manual')::text", business.org_id)
    return business.db.value(
        """
        insert into public.leads (org_id, contact_id, source_id, source_kind, external_id, lead_type, greet_requested, received_at, stage_id, product)
        values (%s, %s, %s, %s, %s, %s, %s, now() - %s::interval, private.first_stage(%s), 'Kurta') returning id::text
        """,
        business.org_id, contact, source, given["kind"], str(uuid4()), given["type"], given["greet"], given["age"], business.org_id,
    )  # fmt: skip


@pytest.fixture
def desk(business, member):
    """The admin's."""
    return Desk(business, member(business.org_id, "admin"))


@pytest.fixture
def agent(business, member):
    """An agent's."""
    return Desk(business, member(business.org_id, "agent"))


@pytest.fixture
def sequence(desk):
    """A sequence of two steps for people who are put into it by hand."""
    return desk.ask("save_sequence", sequence={"name": "Follow up", "steps": STEPS})["sequence_id"]


def let_pass(business, hours):
    business.let_pass(hours * 3600)
    business.db.execute(
        "update public.sequence_enrollments set due_at = due_at - make_interval(hours => %s) where org_id = %s",
        [hours, business.org_id],
    )


def release(business):
    return business.db.value("select private.release_sequences()")


def standing(business):
    return [
        (e["state"], e["next_step"], e["reason"])
        for e in business.table("public.sequence_enrollments", "started_at, id")
    ]


def outbound(business):
    return [
        m
        for m in business.table("public.messages", "id")
        if m["direction"] == "outbound" and m["origin"] != "confirmation"
    ]


def leave(business):
    """What is in the outbox leaves."""
    claim = business.claim()
    business.record(claim)
    return [m["message_id"] for m in claim["messages"]]


def test_steps_leave_one_after_the_other_and_then_it_is_done(business, agent, sequence):
    contact = person(business)
    lead = enquiry(business, contact)
    agent.ask("enroll_contact", sequence_id=sequence, contact_id=contact, lead_id=lead)

    assert release(business) == 0
    let_pass(business, 2)
    business.db.execute("select private.sweep()")
    assert release(business) == 0
    assert len(leave(business)) == 1
    let_pass(business, 71)
    assert release(business) == 0
    let_pass(business, 1)
    assert release(business) == 1
    leave(business)
    let_pass(business, 24)
    release(business)

    assert [(m["text"], m["origin"], m["status"]) for m in outbound(business)] == [
        ("Paid.", "sequence", "sent"), ("Hi Asha, about Kurta", "sequence", "sent"),
    ]  # fmt: skip
    assert standing(business) == [("done", 3, None)]
    assert agent.ask("list_sequences")[0]["people"] == {"active": 0, "done": 1, "stopped": 0, "waiting": 0}


def reply(business, *_):
    business.hear(text("w1", sender=ASHA.lstrip("+"), at=business.now()))


def opt_out(business, *_):
    business.db.execute(
        "select private.record_consent(%s, (select id from public.contacts where org_id = %s), now(), 'opt_out', 'meta', '{}', 'x')",
        [business.org_id, business.org_id],
    )


def close(kind):
    def happens(business, *_):
        business.db.execute(
            "update public.leads l set stage_id = s.id from public.pipeline_stages s where s.org_id = l.org_id and s.kind = %s and l.org_id = %s",
            [kind, business.org_id],
        )

    return happens


def stop(business, agent):
    (enrollment,) = business.table("public.sequence_enrollments")
    agent.ask("stop_enrollment", enrollment_id=enrollment["id"])


ENDS = [
    pytest.param(reply, "They have replied", id="reply"),
    pytest.param(opt_out, "They asked not to receive messages", id="opt-out"),
    pytest.param(close("won"), "The lead was won or lost", id="won"),
    pytest.param(close("lost"), "The lead was won or lost", id="lost"),
    pytest.param(stop, "A member stopped it", id="by hand"),
]


@pytest.mark.parametrize("in_outbox", [False, True], ids=["waiting", "in the outbox"])
@pytest.mark.parametrize(("happens", "reason"), ENDS)
def test_whatever_they_say_or_want_ends_it(business, agent, sequence, happens, reason, in_outbox):
    contact = person(business)
    enquiry(business, contact)
    agent.ask("enroll_contact", sequence_id=sequence, contact_id=contact)
    if in_outbox:
        let_pass(business, 2)
        assert release(business) == 1

    happens(business, agent)

    assert [(state, why) for state, _, why in standing(business)] == [("stopped", reason)]
    let_pass(business, 200)
    assert release(business) == 0
    assert leave(business) == []
    assert [m["status"] for m in outbound(business)] == ["cancelled"] * in_outbox


def test_who_wrote_before_is_not_one_who_answered(business, agent, sequence):
    business.hear(text("w1", sender=ASHA.lstrip("+"), at=business.now() - 100))
    agent.ask("enroll_contact", sequence_id=sequence, contact_id=business.contact(ASHA.lstrip("+"))["id"])

    let_pass(business, 2)

    assert release(business) == 1


def test_new_leads_of_the_source_come_in_by_themselves(business, desk, db):
    source = db.value("select private.own_source(%s, 'manual')::text", business.org_id)
    desk.ask("save_sequence", sequence={"name": "New", "source": source, "steps": STEPS})
    cases = [
        ({}, True), ({"type": "BIZ"}, False), ({"greet": False}, False), ({"age": "8 days"}, False), ({"age": "8 days", "greet": True}, True),
        ({"kind": "upload"}, False), ({"kind": "upload", "greet": True}, True),
    ]  # fmt: skip
    wanted = {}
    for n, (given, comes) in enumerate(cases):
        contact = person(business, f"+9198100001{n:02d}")
        enquiry(business, contact, **given)
        wanted[contact] = comes
    unreachable = person(business, None)
    enquiry(business, unreachable)
    again = next(iter(wanted))
    enquiry(business, again)

    enrolled = [e["contact_id"] for e in business.table("public.sequence_enrollments")]

    assert sorted(enrolled) == sorted(contact for contact, comes in wanted.items() if comes)


def test_who_is_in_it_stays_where_they_are(business, agent, sequence):
    contact = person(business)
    first = agent.ask("enroll_contact", sequence_id=sequence, contact_id=contact)
    let_pass(business, 2)
    release(business)

    second = agent.ask("enroll_contact", sequence_id=sequence, contact_id=contact)

    assert (second["enrollment_id"], second["next_step"]) == (first["enrollment_id"], 2)


def test_refusals_of_enrolling(business, agent, sequence):
    asha, nobody = person(business), person(business, None)
    lead = enquiry(business, asha)
    args = {"sequence_id": sequence, "contact_id": asha}
    assert agent.refusal("enroll_contact", **args | {"contact_id": nobody}) == (
        "PT422",
        "contact_without_address",
    )
    assert agent.refusal("enroll_contact", **args | {"sequence_id": uuid4()}) == ("PT404", "sequence_unknown")
    assert agent.refusal("enroll_contact", **args | {"contact_id": nobody, "lead_id": lead}) == (
        "PT404",
        "lead_unknown",
    )
    close("won")(business)
    assert agent.refusal("enroll_contact", **args | {"lead_id": lead}) == ("PT409", "lead_closed")
    business.db.execute("update public.contacts set opted_out_at = now() where id = %s", [asha])
    assert agent.refusal("enroll_contact", **args) == ("PT422", "contact_opted_out")
    assert agent.refusal("stop_enrollment", enrollment_id=uuid4()) == ("PT404", "enrollment_unknown")
    assert agent.refusal("save_sequence", sequence={})[0] == "PT403"


BAD = [
    pytest.param({"name": "x", "steps": []}, "field_missing", id="no steps"),
    pytest.param({"name": "x", "steps": STEPS * 6}, "too_many", id="too many steps"),
    pytest.param({"name": "x", "steps": [STEPS[0] | {"after_hours": 0}]}, "wait_invalid", id="at once"),
    pytest.param({"name": "x", "steps": [STEPS[0] | {"after_days": 1}]}, "wait_invalid", id="hours and days"),
    pytest.param({"name": "x", "steps": [STEPS[1] | {"after_days": 91}]}, "wait_invalid", id="too long"),
    pytest.param(
        {"name": "x", "steps": [STEPS[0] | {"template": "waiting"}]},
        "template_not_approved",
        id="not approved",
    ),
    pytest.param(
        {"name": "x", "steps": [STEPS[1] | {"params": []}]}, "template_parameters", id="a value is missing"
    ),
    pytest.param({"steps": STEPS}, "field_missing", id="no name"),
]


@pytest.mark.parametrize(("given", "detail"), BAD)
def test_what_could_not_be_sent_is_no_sequence(business, desk, given, detail):
    assert desk.refusal("save_sequence", sequence=given) == ("PT422", detail)
    assert business.table("public.sequences") == []


def pause(business, desk, sequence):
    business.db.execute(
        "update public.message_templates set status = 'PAUSED' where org_id = %s", [business.org_id]
    )


def recategorize(business, desk, sequence):
    business.db.execute(
        "update public.message_templates set category = 'AUTHENTICATION' where name = 'receipt' and org_id = %s",
        [business.org_id],
    )


def switch_off(business, desk, sequence):
    desk.ask("save_sequence", sequence_id=sequence, sequence={"on": False})


WAITS = [
    pytest.param(pause, 'Template "receipt" is not approved (PAUSED)', id="template paused"),
    pytest.param(recategorize, 'Meta changed the price class of template "receipt": save the sequence again to accept it', id="price class"),
    pytest.param(switch_off, "The sequence is switched off", id="switched off"),
]  # fmt: skip


@pytest.mark.parametrize(("happens", "problem"), WAITS)
def test_step_that_cannot_go_waits_with_words_until_it_can(business, desk, agent, sequence, happens, problem):
    agent.ask("enroll_contact", sequence_id=sequence, contact_id=person(business))
    let_pass(business, 2)
    happens(business, desk, sequence)

    assert release(business) == 0
    (waiting,) = business.table("public.sequence_enrollments")
    assert (waiting["state"], waiting["next_step"], waiting["problem"]) == ("active", 1, problem)
    business.db.execute(
        "update public.message_templates set status = 'APPROVED', category = 'UTILITY' where name = 'receipt' and org_id = %s",
        [business.org_id],
    )
    desk.ask("save_sequence", sequence_id=sequence, sequence={"on": True})

    assert release(business) == 1


def test_quiet_hours_put_a_step_off(business, agent, sequence, db):
    agent.ask("enroll_contact", sequence_id=sequence, contact_id=person(business))
    let_pass(business, 2)
    db.execute(
        "insert into public.greeting_settings (org_id, quiet_from, quiet_to) select id, to_char(now() at time zone time_zone, 'HH24:MI'),"
        " to_char((now() + interval '2 hours') at time zone time_zone, 'HH24:MI') from public.organizations where id = %s",
        [business.org_id],
    )

    assert release(business) == 0
    due = db.value(
        "select due_at - now() from public.sequence_enrollments where org_id = %s", business.org_id
    )
    assert 7000 < due.total_seconds() <= 7200


def test_cap_takes_a_step_back_and_it_is_tried_again(business, agent, sequence):
    agent.ask("enroll_contact", sequence_id=sequence, contact_id=person(business))
    call(business.db, "set_spending_caps", org_id=business.org_id, caps={"daily": "0"})
    let_pass(business, 2)
    release(business)

    assert leave(business) == []
    (taken_back,) = business.table("public.sequence_enrollments")
    assert (taken_back["next_step"], taken_back["state"]) == (1, "active")
    assert taken_back["problem"].startswith("The daily cap of ₹0.00 is reached")
    call(business.db, "set_spending_caps", org_id=business.org_id, caps={"daily": None})
    let_pass(business, 1)
    assert release(business) == 1
    assert len(leave(business)) == 1


def test_next_step_waits_for_the_one_before_to_leave(business, agent, sequence):
    agent.ask("enroll_contact", sequence_id=sequence, contact_id=person(business))
    let_pass(business, 2)
    release(business)
    let_pass(business, 100)

    assert release(business) == 0
    leave(business)
    let_pass(business, 1)
    assert release(business) == 1


def test_two_contacts_that_turn_out_to_be_one_are_in_it_once(business, agent, sequence):
    business.hear(text("w1", sender=ASHA.lstrip("+"), at=business.now() - 50))
    business.hear(text("w2", sender=None, user="IN.2", at=business.now() - 40))
    for contact in business.table("public.contacts"):
        agent.ask("enroll_contact", sequence_id=sequence, contact_id=contact["id"])

    business.db.execute(
        "select private.merge_contacts(org_id, min(id::text)::uuid, max(id::text)::uuid) from public.contacts where org_id = %s group by org_id",
        [business.org_id],
    )
    let_pass(business, 2)

    assert release(business) == 1
    assert sorted(state for state, _, _ in standing(business)) == ["active", "stopped"]


def test_three_sweeps_at_once_send_each_step_once(lasting, connect):
    business: Business = lasting()
    with business.db.transaction():
        business.db.execute(
            """
            with s as (insert into public.sequences (org_id, name) values (%(org)s, 'All') returning org_id, id),
                 k as (insert into public.sequence_steps select org_id, id, 1, '1 hour', 'receipt', 'en', '{"body": []}', 'UTILITY' from s),
                 c as (insert into public.contacts (org_id, phone, phone_kind)
                       select %(org)s, '+9197' || lpad(n::text, 8, '0'), 'mobile' from generate_series(1, 150) n returning org_id, id)
            insert into public.sequence_enrollments (org_id, sequence_id, contact_id, due_at) select c.org_id, s.id, c.id, now() from c, s
            """,
            {"org": business.org_id},
        )

    def sweep(db):
        for _ in range(6):
            db.execute("select private.release_sequences(40)")

    assert at_once(*(partial(sweep, connect()) for _ in range(3))) == [None] * 3

    assert business.db.row(
        "select count(*), count(distinct contact_id) from public.messages where org_id = %s and origin = 'sequence'",
        business.org_id,
    ) == (150, 150)
    assert {step for _, step, _ in standing(business)} == {2}
