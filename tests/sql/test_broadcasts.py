"""Broadcasts: one template to many, each once, behind whatever people write, and never past a limit or a stop."""

import json
from functools import partial
from uuid import uuid4

import pytest

from tests.business import Business, call, fresh_org, status, text
from tests.sql.outreach import RECEIPT, Desk, at_once

ASHA, RAVI, MEENA, TARA = (f"+9198100000{n}" for n in (11, 22, 33, 44))


def people(business, *phones, **more):
    """Contacts with these numbers."""
    given = {"phone_kind": "mobile", "name": "Somebody", "city": None, "state": None} | more
    return [
        business.db.value(
            "insert into public.contacts (org_id, phone, phone_kind, name, city, state) values (%s, %s, %s, %s, %s, %s) returning id::text",
            business.org_id, phone, *given.values(),
        )
        for phone in phones
    ]  # fmt: skip


def crowd(business, count):
    """Many contacts at once."""
    business.db.execute(
        "insert into public.contacts (org_id, phone, phone_kind) select %s, '+9197' || lpad(n::text, 8, '0'), 'mobile' from generate_series(1, %s) n",
        [business.org_id, count],
    )


@pytest.fixture
def desk(business, member):
    """The admin's desk of the business whose work is rolled back."""
    return Desk(business, member(business.org_id, "admin"))


def release(business, batch=250):
    return business.db.value("select private.release_broadcasts(%s)", batch)


def go(business):
    """Release, claim and record until nothing more leaves."""
    sent = []
    while True:
        released = release(business)
        business.let_pass(6)
        while (claim := business.claim())["messages"]:
            sent += [m["message_id"] for m in claim["messages"]]
            business.record(claim)
        if not released:
            return sent


def outbound(business):
    return [m for m in business.table("public.messages", "id") if m["direction"] == "outbound"]


# Before it starts -----------------------------------------------------------------------------------------------


def test_preview_counts_who_is_meant_and_who_is_skipped_and_what_it_costs(business, desk):
    people(business, ASHA, RAVI)
    people(business, MEENA, phone_kind="fixed_line")
    people(business, None)
    (out,) = people(business, TARA)
    business.db.execute(
        "select private.record_consent(%s, %s, now(), 'opt_out', 'person', '{}', 'x')", [business.org_id, out]
    )
    business.db.execute(
        "insert into public.contacts (org_id, wa_id, created_at) values (%s, %s, now() + interval '1 second')",
        [business.org_id, ASHA.lstrip("+")],
    )

    told = desk.ask("preview_broadcast", broadcast=RECEIPT)

    counted = {
        k: told[k] for k in ("audience", "recipients", "no_number", "opted_out", "duplicate", "unknown")
    }
    assert counted == {
        "audience": 6,
        "recipients": 2,
        "no_number": 2,
        "opted_out": 1,
        "duplicate": 1,
        "unknown": 0,
    }
    assert (told["category"], told["currency"], told["low"], told["high"]) == (
        "UTILITY",
        "INR",
        "0.230000",
        "0.230000",
    )
    assert [(m["messages"], m["high"]) for m in told["markets"]] == [(2, "0.230000")]
    assert (told["fits_wallet"], told["fits_daily_cap"], told["days"]) == (None, None, 1)


def test_preview_says_whether_wallet_and_caps_fit_and_how_many_days_it_takes(business, desk):
    crowd(business, 300)
    call(business.db, "set_billing_plan", org_id=business.org_id, plan={"meta_billing": "flow"})
    call(business.db, "top_up", org_id=business.org_id, amount="10")
    call(business.db, "set_spending_caps", org_id=business.org_id, caps={"daily": "100", "monthly": "20"})
    business.db.execute(
        "update public.whatsapp_accounts set messaging_limit = 250 where org_id = %s", [business.org_id]
    )

    told = desk.ask("preview_broadcast", broadcast_id=desk.draft())

    assert (told["fits_wallet"], told["fits_daily_cap"], told["fits_monthly_cap"]) == (False, True, False)
    assert (told["daily_limit"], told["days"]) == (250, 2)


def lead(business, contact, **fields):
    given = {"lead_type": "W", "received_at": "2026-11-01T00:00:00Z"} | fields
    source = business.db.value("select private.own_source(%s, 'manual')", business.org_id)
    return business.db.value(
        """
        insert into public.leads (org_id, contact_id, source_id, source_kind, external_id, lead_type, received_at, stage_id, greet_requested)
        values (%s, %s, %s, 'manual', %s, %s, %s, private.first_stage(%s), false) returning id::text
        """,
        business.org_id, contact, source, str(uuid4()), given["lead_type"], given["received_at"], business.org_id,
    )  # fmt: skip


def test_filter_takes_who_fits_all_of_it(business, desk):
    asha, ravi = people(business, ASHA, RAVI, city="Pune ", state="Maharashtra")
    (meena,) = people(business, MEENA, city="Surat", state="Gujarat")
    lead(business, asha)
    lead(business, meena, lead_type="P", received_at="2026-10-01T00:00:00Z")
    business.hear(text("w1", sender=RAVI.lstrip("+"), at=business.now() - 40 * 86400))
    stage = business.db.value("select private.first_stage(%s)::text", business.org_id)
    source = business.db.value("select private.own_source(%s, 'manual')::text", business.org_id)

    def meant(**given):
        rows = business.db.rows(
            "select contact_id::text from private.broadcast_audience(%s, %s)",
            business.org_id,
            json.dumps(given),
        )
        return {c for (c,) in rows}

    assert meant() == {asha, ravi, meena}
    assert meant(city="pune") == {asha, ravi}
    assert meant(state=["gujarat", "kerala"]) == {meena}
    assert meant(stage_id=stage, source_id=source) == {asha, meena}
    assert meant(lead_type="W") == {asha}
    assert meant(received_from="2026-09-30", received_to="2026-10-02") == {meena}
    assert meant(lead_type="W", received_to="2026-10-02") == set(), "of one and the same lead"
    assert meant(owner_id=str(uuid4())) == set()
    assert meant(has_replied=True) == {ravi}
    assert meant(has_replied=False, city="pune") == {asha}
    assert meant(not_written_for_days=41) == {asha, meena}
    assert meant(not_written_for_days=39) == {asha, ravi, meena}
    assert meant(contact_ids=[asha, str(uuid4())]) == {asha}


REFUSED = [
    pytest.param({"name": ""}, "field_missing", id="no name"),
    pytest.param({"template": "nope"}, "template_unknown", id="no such template"),
    pytest.param({"template": "waiting"}, "template_not_approved", id="not approved"),
    pytest.param({"template": "hello", "params": ["name"]}, "template_parameters", id="a value is missing"),
    pytest.param({"params": ["salary"]}, "field_unknown", id="no such field"),
    pytest.param({"filter": {"planet": "x"}}, "field_unknown", id="no such filter"),
    pytest.param({"filter": {"stage_id": "1; drop table"}}, "filter_invalid", id="no id"),
    pytest.param({"filter": {"contact_ids": [1]}}, "filter_invalid", id="ids are no text"),
    pytest.param({"filter": {"received_from": "soon"}}, "filter_invalid", id="no instant"),
    pytest.param({"filter": {"not_written_for_days": 0}}, "filter_invalid", id="no days"),
    pytest.param({"filter": {"has_replied": "yes"}}, "field_invalid", id="not true or false"),
    pytest.param({"hurry": True}, "field_unknown", id="unknown field"),
]  # fmt: skip


@pytest.mark.parametrize(("given", "detail"), REFUSED)
def test_what_cannot_be_sent_is_refused_before_there_is_a_draft(business, desk, given, detail):
    assert desk.refusal("create_broadcast", broadcast=RECEIPT | given) == ("PT422", detail)
    assert business.table("public.broadcasts") == []


def test_same_token_is_one_broadcast(business, desk):
    token = uuid4()

    first, second = (desk.ask("create_broadcast", broadcast=RECEIPT, client_token=token) for _ in range(2))

    assert first["broadcast_id"] == second["broadcast_id"]
    assert len(business.table("public.broadcasts")) == 1


def test_nobody_to_write_to_and_a_moment_that_passed_are_refused(business, desk):
    made = desk.draft()
    assert desk.refusal("start_broadcast", broadcast_id=made) == ("PT422", "audience_empty")
    people(business, ASHA)
    assert desk.refusal("start_broadcast", broadcast_id=made, send_at="2020-01-01") == (
        "PT422",
        "send_at_passed",
    )
    assert desk.shown(made)["state"] == "draft"


# Sending --------------------------------------------------------------------------------------------------------


def test_each_gets_it_once_and_what_became_of_each_is_counted(business, desk):
    people(business, ASHA, RAVI, MEENA, TARA)
    made = desk.started()
    first, second, third, _fourth = go(business)
    at = business.now()

    business.told(
        status(f"wamid.{first}", "delivered", at),
        status(f"wamid.{second}", "read", at),
        status(f"wamid.{third}", "failed", at, code=131026),
    )

    told = desk.shown(made)
    assert (told["state"], told["total"]) == ("done", 4)
    assert desk.counts(made) == {"delivered": 1, "read": 1, "failed": 1, "sent": 1}
    assert {m["origin"] for m in outbound(business)} == {"broadcast"}
    (failed,) = desk.ask("broadcast_outcomes", broadcast_id=made, outcome="failed")
    assert (failed["message_id"], failed["error_code"]) == (third, 131026)
    assert release(business) == 0
    assert len(outbound(business)) == 4
    assert desk.refusal("start_broadcast", broadcast_id=made) == ("PT409", "broadcast_done")


def test_values_come_from_the_contact_and_its_newest_lead(business, desk):
    (asha,) = people(business, ASHA, name="Asha")
    lead(business, asha, received_at="2026-10-01T00:00:00Z")
    newest = lead(business, asha, received_at="2026-11-01T00:00:00Z")
    business.db.execute("update public.leads set product = 'Kurta' where id = %s", [newest])

    desk.started(template="hello", params=["name|there", "product"])
    go(business)

    assert [m["text"] for m in outbound(business)] == ["Hi Asha, about Kurta"]


def test_recipients_are_those_of_the_start(business, desk):
    people(business, ASHA)
    made = desk.started()
    people(business, RAVI)

    go(business)

    assert desk.shown(made)["total"] == 1
    assert len(outbound(business)) == 1


def test_outcomes_are_paged(business, desk):
    crowd(business, 7)
    made = desk.started()
    seen, after = [], None
    while page := desk.ask(
        "broadcast_outcomes", broadcast_id=made, outcome="waiting", after_id=after, page_size=3
    ):
        seen += [p["contact_id"] for p in page]
        after = seen[-1]

    assert len(seen) == len(set(seen)) == 7


def test_who_answers_within_a_week_has_replied(business, desk):
    people(business, ASHA, RAVI)
    made = desk.started()
    go(business)

    business.hear(text("w1", sender=ASHA.lstrip("+"), at=business.now() + 1))
    business.hear(text("w2", sender=RAVI.lstrip("+"), at=business.now() + 8 * 86400))

    assert desk.counts(made) == {"sent": 2, "replied": 1}
    (replied,) = desk.ask("broadcast_outcomes", broadcast_id=made, outcome="replied")
    assert replied["phone"] == ASHA


def test_it_waits_for_its_moment_and_for_the_end_of_quiet_hours(business, desk, db):
    people(business, ASHA)
    made = desk.draft()
    later = db.value("select now() + interval '1 hour'")
    desk.ask("start_broadcast", broadcast_id=made, send_at=later)
    assert release(business) == 0
    db.execute("update public.broadcasts set next_at = now() where org_id = %s", [business.org_id])
    zone, hour = db.row(
        "select time_zone, to_char(now() at time zone time_zone, 'HH24:MI') from public.organizations where id = %s",
        business.org_id,
    )
    until = db.value("select to_char((now() + interval '2 hours') at time zone %s, 'HH24:MI')", zone)
    db.execute(
        "insert into public.greeting_settings (org_id, quiet_from, quiet_to) values (%s, %s, %s)",
        [business.org_id, hour, until],
    )

    assert release(business) == 0
    assert desk.shown(made)["waits_for"] == f"Quiet hours until {until}"
    db.execute(
        "update public.greeting_settings set quiet_from = null, quiet_to = null where org_id = %s",
        [business.org_id],
    )
    db.execute("update public.broadcasts set next_at = now() where org_id = %s", [business.org_id])

    assert release(business) == 1


# Limits ---------------------------------------------------------------------------------------------------------


def test_outbox_holds_seconds_of_work_and_a_person_is_never_behind_it(business, desk, db):
    business.db.execute(
        "update public.whatsapp_numbers set messages_per_second = 80 where org_id = %s", [business.org_id]
    )
    crowd(business, 600)
    desk.started()

    assert release(business) == 240, "five seconds at three fifths of 80 a second"
    assert release(business) == 0
    (mine,) = business.send(ASHA)

    assert mine in [m["message_id"] for m in business.claim(batch=4)["messages"]]
    due = db.value(
        "select max(next_at) - now() from private.send_lanes where org_id = %s and lease is null",
        business.org_id,
    )
    assert due.total_seconds() < 5.1


def test_tenth_of_metas_daily_limit_is_left_for_people(business, desk):
    business.db.execute(
        "update public.whatsapp_accounts set messaging_limit = 20 where org_id = %s", [business.org_id]
    )
    crowd(business, 30)
    made = desk.started()

    assert len(go(business)) == 18
    (mine,) = business.send(ASHA)
    assert [m["message_id"] for m in business.claim()["messages"]] == [mine]

    told = desk.shown(made)
    assert told["state"] == "running"
    assert told["waits_for"].startswith(
        "Meta's daily limit of 20 people, of which a tenth is left for you, is reached; goes on at "
    )
    business.db.execute(
        "update private.tier_uses set at = at - interval '25 hours' where org_id = %s", [business.org_id]
    )
    business.db.execute("update public.broadcasts set next_at = now() where org_id = %s", [business.org_id])
    assert release(business) == 12


def test_cap_stops_it_and_it_goes_on_where_it_was(business, desk):
    people(business, ASHA, RAVI, MEENA)
    call(business.db, "set_spending_caps", org_id=business.org_id, caps={"daily": "0.30"})
    made = desk.started()

    assert len(go(business)) == 2

    told = desk.shown(made)
    assert (told["state"], told["paused_for"]) == ("paused", "spending")
    assert told["paused_reason"] == "The daily cap of ₹0.30 is reached: nothing more goes out by itself today"
    assert desk.counts(made) == {"sent": 2, "waiting": 1}
    call(business.db, "set_spending_caps", org_id=business.org_id, caps={"daily": None})
    desk.ask("resume_broadcast", broadcast_id=made)
    assert len(go(business)) == 1
    assert desk.counts(made) == {"sent": 3}


def test_empty_wallet_stops_it(business, desk):
    people(business, ASHA, RAVI)
    call(business.db, "set_billing_plan", org_id=business.org_id, plan={"meta_billing": "flow"})
    call(business.db, "top_up", org_id=business.org_id, amount="0.20")
    made = desk.started()

    go(business)

    assert desk.shown(made)["paused_reason"].startswith("The wallet has ₹")
    assert desk.counts(made) == {"sent": 1, "waiting": 1}


# Stops ----------------------------------------------------------------------------------------------------------


def template(business, **change):
    ((column, value),) = change.items()
    business.db.execute(
        f"update public.message_templates set {column} = %s where org_id = %s and name = 'receipt'",
        [value, business.org_id],
    )


def recategorized(business):
    template(business, category="MARKETING")
    release(business)


def paused_number(business):
    business.db.execute(
        "update public.whatsapp_numbers set status = 'paused', paused_reason = 'Quality is low' where org_id = %s",
        [business.org_id],
    )
    release(business)


STOPS = [
    pytest.param(lambda b: template(b, status="PAUSED"), "template", 'Template "receipt" is not approved (PAUSED)', id="template paused"),
    pytest.param(lambda b: template(b, blocked_reason="Meta refuses it"), "template", 'Template "receipt" is blocked: Meta refuses it', id="blocked"),
    pytest.param(recategorized, "category", 'Meta changed template "receipt": utility → marketing, which costs more per message', id="category"),
    pytest.param(paused_number, "number", "The number is paused: Quality is low", id="number paused"),
    pytest.param(lambda b: call(b.db, "disconnect_whatsapp", org_id=b.org_id), "number", "The number is not connected", id="disconnected"),
]  # fmt: skip


@pytest.mark.parametrize(("happens", "kind", "words"), STOPS)
def test_what_goes_wrong_pauses_it_at_once_and_loses_nobody(business, desk, happens, kind, words):
    people(business, ASHA, RAVI)
    made = desk.started()
    assert release(business, 1) == 1

    happens(business)
    assert desk.shown(made)["state"] == "paused"
    business.let_pass(10)
    business.claim()

    told = desk.shown(made)
    assert (told["state"], told["paused_for"], told["paused_reason"]) == ("paused", kind, words)
    assert not [m for m in outbound(business) if m["status"] not in ("cancelled", "queued")]
    if kind != "category":
        assert desk.refusal("resume_broadcast", broadcast_id=made) == ("PT409", f"{kind}_in_the_way")
    else:
        desk.ask("resume_broadcast", broadcast_id=made)
        assert len(go(business)) == 2
        assert desk.shown(made)["category"] == "MARKETING"


def test_pause_holds_back_what_is_in_the_outbox_and_resume_sends_it_once(business, desk):
    people(business, ASHA, RAVI)
    made = desk.started()
    release(business)
    desk.ask("pause_broadcast", broadcast_id=made)
    business.let_pass(10)

    assert business.claim()["messages"] == []
    assert desk.counts(made) == {"waiting": 2}
    assert release(business) == 0
    desk.ask("resume_broadcast", broadcast_id=made)

    assert len(go(business)) == 2
    assert sorted(m["status"] for m in outbound(business)) == ["cancelled", "cancelled", "sent", "sent"]
    assert desk.counts(made) == {"sent": 2}


def test_cancel_skips_whoever_has_not_got_it(business, desk):
    people(business, ASHA, RAVI, MEENA)
    made = desk.started()
    release(business, 2)
    business.let_pass(10)
    claim = business.claim(batch=1)
    desk.ask("cancel_broadcast", broadcast_id=made)
    business.record(claim)

    assert business.claim()["messages"] == []
    assert desk.counts(made) == {"sent": 1, "skipped": 2}
    assert desk.shown(made)["skipped"] == {"cancelled": 2}
    for step in ("start", "pause", "resume", "cancel"):
        assert desk.refusal(f"{step}_broadcast", broadcast_id=made) == ("PT409", "broadcast_cancelled")


@pytest.mark.parametrize("template", ["hello", "receipt"])
def test_who_opts_out_meanwhile_gets_nothing_of_any_category(business, desk, template):
    people(business, ASHA, RAVI)
    made = desk.started(template=template, params=["name", "product"] if template == "hello" else [])
    release(business, 1)
    (first,) = outbound(business)
    phones = {c["id"]: c["wa_id"] or c["phone"].lstrip("+") for c in business.table("public.contacts")}
    for n, phone in enumerate(phones.values()):
        business.hear(text(f"w{n}", "STOP", sender=phone, at=business.now()))
    business.let_pass(10)

    claim = business.claim()
    release(business)

    assert first["id"] not in [m["message_id"] for m in claim["messages"]]
    assert desk.shown(made)["skipped"] == {"opted_out": 2}
    assert [m["status"] for m in outbound(business) if m["origin"] == "broadcast"] == ["cancelled"]


def test_lost_answer_is_never_sent_again_by_itself(business, desk):
    people(business, ASHA)
    made = desk.started()
    release(business)
    claim = business.claim()
    business.record(claim, "unknown")
    assert desk.counts(made) == {"uncertain": 1}

    business.let_pass(1000)
    business.db.execute("select private.settle_uncertain()")

    assert business.claim()["messages"] == []
    (message,) = outbound(business)
    assert (message["status"], message["needs_attention"]) == ("uncertain", True)
    release(business)
    assert desk.shown(made)["state"] == "done"
    business.told(
        status("wamid.late", "delivered", business.now(), biz_opaque_callback_data=f"flow.{message['id']}")
    )
    assert desk.counts(made) == {"delivered": 1}


def test_person_may_send_an_uncertain_one_again(business, desk):
    people(business, ASHA)
    made = desk.started()
    release(business)
    business.record(business.claim(), "unknown")
    business.let_pass(1000)
    business.db.execute("select private.settle_uncertain()")
    release(business)
    (message,) = outbound(business)

    call(
        business.db, "resolve_uncertain", org_id=business.org_id, message_id=message["id"], decision="resend"
    )

    assert [m["message_id"] for m in business.claim()["messages"]] == [message["id"]]
    assert desk.counts(made) == {"queued": 1}


MERGES = [
    pytest.param(0, {"waiting": 1}, id="both wait"),
    pytest.param(1, {"queued": 1}, id="one is in the outbox"),
    pytest.param(2, {"queued": 1}, id="both are in the outbox"),
]


@pytest.mark.parametrize(("released", "left"), MERGES)
def test_two_contacts_that_turn_out_to_be_one_get_it_once(business, desk, released, left):
    business.hear(text("w1", sender=ASHA.lstrip("+"), at=business.now() - 50))
    business.hear(text("w2", sender=None, user="IN.2", at=business.now() - 40))
    made = desk.started()
    if released:
        release(business, released)

    business.hear(text("w3", sender=ASHA.lstrip("+"), user="IN.2", at=business.now()))

    assert len(business.table("public.contacts")) == 1
    assert desk.counts(made) == left
    assert [m["error_message"] for m in outbound(business) if m["status"] == "cancelled"] == (
        ["The same person gets this broadcast already"] if released == 2 else []
    )
    assert desk.shown(made)["total"] == 1
    assert len(go(business)) == 1
    assert desk.counts(made) == {"sent": 1}


def test_sweep_lets_broadcasts_go(business, desk, db):
    people(business, ASHA)
    desk.started()

    db.execute("select private.sweep()")

    assert [m["origin"] for m in outbound(business)] == ["broadcast"]


def test_one_broadcast_in_trouble_holds_up_no_other(business, desk, db):
    people(business, ASHA)
    bad, good = desk.started(name="Bad"), desk.started(name="Good")
    db.execute('update public.broadcasts set mapping = \'{"body": ["x"]}\' where id = %s', [bad])

    go(business)

    assert (desk.shown(bad)["state"], desk.shown(good)["state"]) == ("paused", "done")


def test_agents_see_broadcasts_and_start_none(business, desk, db, member):
    people(business, ASHA)
    made = desk.draft()
    db.as_person(member(business.org_id, "agent"))

    assert db.value("select public.list_broadcasts(%s)", business.org_id)[0]["broadcast_id"] == made
    assert (
        db.value("select public.preview_broadcast(%s, broadcast_id => %s)", business.org_id, made)[
            "recipients"
        ]
        == 1
    )
    for step in ("start", "pause", "resume", "cancel"):
        assert (
            db.refusal(f"select public.{step}_broadcast(%s, %s)", business.org_id, made).sqlstate == "PT403"
        )
    assert db.refusal("select public.create_broadcast(%s, '{}')", business.org_id).sqlstate == "PT403"


def test_operator_looks_and_steers(business, desk, db):
    people(business, ASHA)
    made = desk.draft()
    given = {"org_id": business.org_id, "broadcast_id": made}

    assert call(db, "preview_broadcast", **given)["recipients"] == 1
    for step, state in (
        ("start", "running"),
        ("pause", "paused"),
        ("resume", "running"),
        ("cancel", "cancelled"),
    ):
        assert call(db, "steer_broadcast", **given, step=step)["state"] == state
    assert [b["state"] for b in call(db, "broadcasts", org_id=business.org_id)["broadcasts"]] == ["cancelled"]
    refused = db.refusal("select worker.steer_broadcast(%s, %s, 'hurry')", business.org_id, made)
    assert (refused.sqlstate, refused.detail) == ("PT422", "step_unknown")


# At once --------------------------------------------------------------------------------------------------------


def broadcast(business, count):
    """A broadcast that runs, made by the operator."""
    with business.db.transaction():
        crowd(business, count)
        return business.db.value(
            """
            insert into public.broadcasts (org_id, name, number_id, template_name, language, mapping, category)
            values (%s, 'All', %s, 'receipt', 'en', '{"body": []}', 'UTILITY') returning id
            """,
            business.org_id, business.number_id,
        )  # fmt: skip


def start(db, business, made):
    return db.value("select private.steer_broadcast(%s, %s, 'start')", business.org_id, made)


def test_two_thousand_get_it_once_though_two_start_it_and_four_sweep(lasting, connect):
    business = lasting()
    made = broadcast(business, 2000)
    first, second = connect(), connect()

    started = at_once(lambda: start(first, business, made), lambda: start(second, business, made))
    assert sorted(isinstance(s, Exception) for s in started) == [False, True]

    def sweep(db):
        for _ in range(20):
            db.execute("select private.release_broadcasts(250)")
            if not db.value(
                "select exists (select from public.broadcast_recipients where org_id = %s and outcome = 'waiting')",
                business.org_id,
            ):
                return

    swept = at_once(*(partial(sweep, connect()) for _ in range(4)))

    assert swept == [None] * 4
    messages, contacts, tokens = business.db.row(
        "select count(*), count(distinct contact_id), count(distinct client_token) from public.messages where org_id = %s and status = 'queued'",
        business.org_id,
    )
    assert (messages, contacts, tokens) == (2000, 2000, 2000)


def test_sweep_waits_for_nobody_and_comes_back_for_who_was_busy(lasting, connect):
    business = lasting()
    made = broadcast(business, 3)
    start(business.db, business, made)
    busy = connect()
    with busy.transaction():
        busy.execute(
            "select from public.contacts where org_id = %s order by id limit 1 for update", [business.org_id]
        )
        assert release(business) == 2

    assert release(business) == 1


def test_one_organizations_broadcast_does_not_hold_up_another(db, business, desk):
    crowd(business, 400)
    desk.started()
    other = Business(db, fresh_org(db))
    people(other, ASHA)
    made = broadcast(other, 1)
    start(db, other, made)

    release(business, 100)

    assert len(outbound(business)) == 100
    assert len(outbound(other)) == 2


def test_cancel_and_a_claim_at_the_same_moment_leave_nobody_waiting(lasting, connect):
    business = lasting()
    made = broadcast(business, 2)
    start(business.db, business, made)
    assert release(business) == 2
    business.let_pass(10)
    call(business.db, "set_spending_caps", org_id=business.org_id, caps={"daily": "0"})
    one, other = connect(), connect()

    def cancel():
        return one.value("select private.steer_broadcast(%s, %s, 'cancel')", business.org_id, made)

    def claim():
        return call(other, "claim_messages", batch=100, lease_seconds=60, uncertain_after_seconds=900)

    done = at_once(cancel, claim)

    assert not [d for d in done if isinstance(d, Exception)]
    left = business.db.rows(
        "select distinct outcome from public.broadcast_recipients where org_id = %s", business.org_id
    )
    assert "waiting" not in {outcome for (outcome,) in left}
