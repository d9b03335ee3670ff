"""What keeps sends back for a while: Meta's messaging limit, pauses; and what becomes of sends whose answer was lost."""

import pytest

from tests.business import Business, call, fresh_org, text

ASHA, RAVI, MEENA, TARA = (f"+9198100000{n}" for n in (11, 22, 33, 44))
UNSURE = 900


def ids(claim):
    return [m["message_id"] for m in claim["messages"]]


def limit(business, people, portfolio="77001"):
    business.db.execute(
        "update public.whatsapp_accounts set messaging_limit = %s, business_id = %s where org_id = %s",
        [people, portfolio, business.org_id],
    )


def let_pass(business, seconds):
    business.let_pass(seconds)
    business.db.execute(
        "update private.tier_uses set at = at - make_interval(secs => %s) where org_id = %s",
        [seconds, business.org_id],
    )
    business.db.execute(
        "update private.tier_portfolios set slot_at = slot_at - make_interval(secs => %s) where org_id = %s",
        [seconds, business.org_id],
    )


def go(business):
    """Claim and record until nothing is due; gives what was sent."""
    sent = []
    while claimed := business.claim()["messages"]:
        sent += ids({"messages": claimed})
        business.record({"lease": claimed_lease(business), "messages": claimed})
    return sent


def claimed_lease(business):
    return business.db.value("select lease from private.send_lanes where org_id = %s and lease is not null limit 1", business.org_id)  # fmt: skip


def used(business):
    return [(p["portfolio"], p["used"]) for p in business.table("private.tier_portfolios")]


# Messaging limit --------------------------------------------------------------------------------------------


def test_4th_person_waits_until_the_first_falls_out_and_is_told_why(business):
    limit(business, 3)
    first = business.send(ASHA, RAVI, MEENA)
    assert go(business) == first
    let_pass(business, 3600)
    (fourth,) = business.send(TARA)

    assert go(business) == []

    waiting = business.message(fourth)
    assert (waiting["status"], waiting["error_code"], waiting["attempts"]) == ("queued", None, 0)
    assert waiting["error_message"].startswith("Meta's daily limit of 3 people is reached; goes on at ")
    assert used(business) == [("77001", 3)]
    let_pass(business, 82_000)
    assert go(business) == []
    let_pass(business, 801)
    assert go(business) == [fourth]
    assert business.message(fourth)["error_message"] is None
    assert used(business) == [("77001", 1)], "those of a day ago are gone"


def test_hour_at_which_it_goes_on_is_the_organizations(business, db):
    limit(business, 0)
    db.execute("update public.organizations set time_zone = 'Asia/Kolkata' where id = %s", [business.org_id])
    (message,) = business.send(ASHA)

    go(business)

    wanted = db.value("select to_char(now() at time zone 'Asia/Kolkata', 'HH24:MI')")
    assert business.message(message)["error_message"].endswith(f"goes on at {wanted}")


def test_person_counts_once_however_often_they_are_written_to(business):
    limit(business, 1)

    assert len(go(business)) == 0
    both = business.send(ASHA, ASHA)

    assert go(business) == both
    assert used(business) == [("77001", 1)]


def test_person_inside_the_window_does_not_count_and_is_never_held(business):
    limit(business, 0)
    business.hear(text("w1", at=business.now() - 60))
    messages = business.send(ASHA) + business.send(ASHA, text="Hello")

    assert go(business) == messages
    assert used(business) == []


def test_message_that_waits_goes_when_the_person_writes(business):
    limit(business, 0)
    asha, ravi = business.send(ASHA, RAVI)
    assert go(business) == []

    business.hear(text("w1", at=business.now()))

    assert go(business) == [asha]
    assert business.message(ravi)["status"] == "queued"


def test_message_that_waits_goes_when_the_limit_rises(business):
    limit(business, 1)
    first, *waiting = business.send(ASHA, RAVI, MEENA)
    assert go(business) == [first]

    limit(business, 3)

    assert sorted(go(business)) == waiting


def test_each_waiting_message_gets_a_place_of_its_own(business, db):
    """One free place must not wake everybody who waits."""
    limit(business, 2)
    go_first = business.send(ASHA, RAVI)
    assert go(business) == go_first
    db.execute(
        "update private.tier_uses set at = at - interval '1 hour' where org_id = %s and message_id = %s",
        [business.org_id, go_first[0]],
    )
    business.send(MEENA, TARA, "+919810000055")
    go(business)

    places = db.rows(
        """
        select round(extract(epoch from next_at - now()) / 3600) from private.send_lanes
         where org_id = %s and is_held order by 1
        """,
        business.org_id,
    )
    assert [int(hours) for (hours,) in places] == [23, 24, 24]
    assert business.claim()["messages"] == []


def test_person_who_got_nothing_does_not_count(business):
    limit(business, 1)
    (refused,) = business.send(ASHA)
    business.record(business.claim(), "error", code=131026)
    assert business.message(refused)["status"] == "failed"
    assert used(business) == [("77001", 0)]

    (undelivered,) = business.send(RAVI)
    assert go(business) == [undelivered]
    assert used(business) == [("77001", 1)]
    failed = {"id": f"wamid.{undelivered}", "status": "failed", "timestamp": str(business.now()), "recipient_id": "919810000022"}  # fmt: skip
    business.told(failed | {"errors": [{"code": 131026}]})

    assert used(business) == [("77001", 0)]
    (last,) = business.send(MEENA)
    assert go(business) == [last]


def test_limit_is_of_its_portfolio_and_unknown_limits_cost_nothing(db):
    small, other = Business(db, fresh_org(db, "Small")), Business(db, fresh_org(db, "Other"))
    limit(small, 0)
    (held,) = small.send(ASHA)
    (free,) = other.send(ASHA)

    claim = call(db, "claim_messages", batch=10, lease_seconds=60, uncertain_after_seconds=UNSURE)

    assert ids(claim) == [free]
    assert small.message(held)["status"] == "queued"
    assert other.table("private.tier_portfolios") == []
    assert "tier" not in claim["messages"][0]


# Pauses -----------------------------------------------------------------------------------------------------


def test_pause_is_of_its_number_alone(db):
    one, two = Business(db, fresh_org(db, "One")), Business(db, fresh_org(db, "Two"))
    one.send(ASHA)
    one.record(
        call(db, "claim_messages", batch=9, lease_seconds=60, uncertain_after_seconds=UNSURE),
        "error",
        code=131048,
    )
    (message,) = two.send(ASHA)

    assert one.number()["status"] == "paused"
    claim = call(db, "claim_messages", batch=9, lease_seconds=60, uncertain_after_seconds=UNSURE)
    assert ids(claim) == [message]


def test_admin_resumes_a_number_that_has_no_end_of_its_own_and_it_is_noted(business, db, member):
    (message,) = business.send(ASHA)
    business.record(business.claim(), "error", code=131031)
    business.let_pass(60)
    db.execute("select private.sweep()")
    assert (business.number()["status"], business.number()["paused_until"]) == ("paused", None)
    resume = "select public.resume_number(%s, %s)"

    db.as_person(member(business.org_id))
    assert db.refusal(resume, business.org_id, business.number_id).sqlstate == "PT403"
    db.as_person(member(business.org_id, "admin"))
    db.value(resume, business.org_id, business.number_id)
    again = db.refusal(resume, business.org_id, business.number_id)
    unknown = db.refusal(resume, business.org_id, business.org_id)
    db.as_operator()

    assert (again.detail, unknown.detail) == ("number_not_paused", "number_unknown")
    assert business.number()["status"] == "connected"
    assert ids(business.claim()) == [message]
    assert "number.resumed" in [row["action"] for row in business.table("public.audit_log")]


# Uncertain --------------------------------------------------------------------------------------------------

CHOICES = [
    # kind, choice, sent again?
    ("template", None, True), ("text", None, False),
    ("template", "ask_person", False), ("text", "ask_person", False),
    ("template", "resend_once", True), ("text", "resend_once", True),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "choice", "again"), CHOICES, ids=[f"{k} {c}" for k, c, _ in CHOICES])
def test_uncertain_message_is_settled_as_the_organization_chose(business, db, member, kind, choice, again):
    if choice:
        db.as_person(member(business.org_id, "admin"))
        other = {"template": "text", "text": "template"}[kind]
        contrary = {"ask_person": "resend_once", "resend_once": "ask_person"}[choice]
        setting = f'{{"uncertain_{kind}": "{choice}", "uncertain_{other}": "{contrary}"}}'
        db.value("select public.set_messaging_settings(%s, %s)", business.org_id, setting)
        db.as_operator()
    business.hear(text("w1", at=business.now() - 60))
    (message,) = business.send(ASHA) if kind == "template" else business.send(ASHA, text="Hello")
    business.record(business.claim(), "unknown")
    business.let_pass(UNSURE + 1)
    db.execute("select private.sweep()")

    assert ids(business.claim()) == ([message] if again else [])
    assert business.message(message)["needs_attention"] == (not again)


def test_uncertain_text_is_not_sent_again_once_the_window_has_closed(business, db, member):
    db.as_person(member(business.org_id, "admin"))
    db.value(
        "select public.set_messaging_settings(%s, %s)", business.org_id, '{"uncertain_text": "resend_once"}'
    )
    db.as_operator()
    business.hear(text("w1", at=business.now() - 60))
    (message,) = business.send(ASHA, text="Hello")
    business.record(business.claim(), "unknown")

    business.let_pass(86_400)
    db.execute("select private.sweep()")

    assert business.message(message)["needs_attention"]


WRONG = [('{"uncertain_text": "always"}', "setting_invalid"), ('{"uncertain_text": null}', "setting_invalid"), ('{"send_read_receipts": "no"}', "setting_invalid"),
         ('{"send_read_receipts": null}', "setting_invalid"), ('{"leads_from": "some"}', "setting_invalid"), ('{"colour": 1}', "setting_unknown"), ("[]", "setting_unknown"), ("null", "setting_unknown")]  # fmt: skip


@pytest.mark.parametrize(("setting", "detail"), WRONG, ids=[s for s, _ in WRONG])
def test_setting_that_means_nothing_is_refused(business, db, member, setting, detail):
    db.as_person(member(business.org_id, "admin"))

    refusal = db.refusal("select public.set_messaging_settings(%s, %s)", business.org_id, setting)
    db.as_operator()

    assert (refusal.sqlstate, refusal.detail) == ("PT422", detail)
    assert business.table("public.messaging_settings") == []


def test_settings_change_one_by_one_and_are_noted(business, db, member):
    db.as_person(member(business.org_id, "admin"))
    db.value(
        "select public.set_messaging_settings(%s, %s)", business.org_id, '{"uncertain_text": "resend_once"}'
    )
    found = db.value(
        "select public.set_messaging_settings(%s, %s)", business.org_id, '{"send_read_receipts": false}'
    )
    assert db.value("select public.set_messaging_settings(%s, '{}')", business.org_id) == found
    db.as_operator()

    assert found == {
        "uncertain_template": "resend_once",
        "uncertain_text": "resend_once",
        "send_read_receipts": False,
        "leads_from": "everyone",
    }
    assert [r["action"] for r in business.table("public.audit_log")].count("messaging.changed") == 2
