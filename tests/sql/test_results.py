"""What Meta's answers do to a message: certain, uncertain, late, repeated, or an error of its table."""

from uuid import uuid4

import pytest

from tests.business import Business, call, fresh_org, status
from tests.sql.sending import ASHA, RAVI, UNSURE, ids, write

# Uncertain ------------------------------------------------------------------------------------------------


def test_lease_that_runs_out_makes_the_message_uncertain_and_holds_the_next_for_60_seconds(business):
    first, second = business.send(ASHA, ASHA)
    business.claim()

    business.let_pass(61)
    assert business.claim()["messages"] == []
    assert business.message(first)["status"] == "uncertain"
    assert business.message(first)["settle_at"]
    business.let_pass(58)
    assert business.claim()["messages"] == []
    business.let_pass(3)
    assert ids(business.claim()) == [second]


def test_unknown_outcome_is_uncertain_at_once(business):
    first, second = business.send(ASHA, ASHA)
    business.record(business.claim(), "unknown")

    assert business.message(first)["status"] == "uncertain"
    assert business.claim()["messages"] == []
    business.let_pass(61)
    assert ids(business.claim()) == [second]


def test_status_that_names_our_callback_data_settles_an_uncertain_message_and_frees_its_lane(business):
    first, second = business.send(ASHA, ASHA)
    business.record(business.claim(), "unknown")

    business.told(status("wamid.found", "delivered", biz_opaque_callback_data=f"flow.{first}"))

    settled = business.message(first)
    assert (settled["status"], settled["wamid"], settled["settle_at"]) == ("delivered", "wamid.found", None)
    assert settled["error_message"] is None
    assert ids(business.claim()) == [second]


def test_unknown_status_settles_nothing(business):
    first, _ = business.send(ASHA, ASHA)
    business.record(business.claim(), "unknown")

    business.told(status("wamid.found", "teleported", biz_opaque_callback_data=f"flow.{first}"))

    assert business.message(first)["status"] == "uncertain"
    assert business.claim()["messages"] == []


def test_uncertain_template_is_sent_once_more_and_then_waits_for_a_person(business, db):
    (message,) = business.send(ASHA)
    business.record(business.claim(), "unknown")
    business.let_pass(UNSURE - 1)
    db.execute("select private.sweep()")
    assert business.message(message)["status"] == "uncertain"

    business.let_pass(2)
    db.execute("select private.sweep()")
    claim = business.claim()
    assert ids(claim) == [message]
    business.record(claim, "unknown")
    business.let_pass(UNSURE + 1)
    db.execute("select private.sweep()")

    assert business.message(message)["needs_attention"]
    assert business.claim()["messages"] == []


def test_uncertain_text_waits_for_a_person(business, db):
    write(business)
    (message,) = business.send(ASHA, text="Hello")
    business.record(business.claim(), "unknown")

    business.let_pass(UNSURE + 1)
    db.execute("select private.sweep()")

    waiting = business.message(message)
    assert (waiting["status"], waiting["needs_attention"]) == ("uncertain", True)
    assert business.claim()["messages"] == []


def test_person_decides_to_send_again_or_to_give_up(business, db, member):
    write(business)
    one, two = business.send(ASHA, RAVI)
    business.record(business.claim(), "unknown")
    agent = member(business.org_id)

    db.as_person(agent)
    db.value("select public.resolve_uncertain(%s, %s, 'resend')", business.org_id, one)
    db.value("select public.resolve_uncertain(%s, %s, 'give_up')", business.org_id, two)
    again = db.refusal("select public.resolve_uncertain(%s, %s, 'give_up')", business.org_id, two)
    db.as_operator()

    assert (again.sqlstate, again.detail) == ("PT409", "message_not_uncertain")
    assert ids(business.claim()) == [one]
    assert business.message(two)["status"] == "failed"
    assert business.message(two)["error_message"]


def test_message_that_was_given_up_counts_as_sent_when_a_trace_comes_after_all(business, db):
    one, two = business.send(ASHA, RAVI)
    claim = business.claim()
    business.record(claim, "unknown")
    for message in (one, two):
        call(db, "resolve_uncertain", org_id=business.org_id, message_id=message, decision="give_up")

    business.told(status(f"wamid.{one}", "sent", biz_opaque_callback_data=f"flow.{one}"))
    business.record(claim, "accepted", only=[two])

    for message in (one, two):
        late = business.message(message)
        assert (late["status"], late["failed_at"], late["error_code"], late["error_message"]) == (
            "sent",
            None,
            None,
            None,
        )


def test_decision_is_one_of_two_and_needs_an_uncertain_message_of_ones_own(business, db):
    (message,) = business.send(ASHA)
    stranger = fresh_org(db)

    for org, of, decision, detail in (
        (business.org_id, message, "resend", "message_not_uncertain"),
        (stranger, message, "resend", "message_not_uncertain"),
        (business.org_id, 0, "give_up", "message_not_uncertain"),
    ):
        assert db.refusal("select worker.resolve_uncertain(%s, %s, %s)", org, of, decision).detail == detail
    business.record(business.claim(), "unknown")
    assert (
        db.refusal("select worker.resolve_uncertain(%s, %s, 'maybe')", business.org_id, message).detail
        == "decision_unknown"
    )


# Late and repeated results --------------------------------------------------------------------------------


def test_acceptance_that_comes_after_the_lease_is_the_truth(business):
    first, second = business.send(ASHA, ASHA)
    claim = business.claim()
    business.let_pass(61)
    business.claim()
    business.let_pass(61)
    later = business.claim()
    assert ids(later) == [second]

    business.record(claim)

    assert business.message(first)["status"] == "sent"
    assert business.message(second)["status"] == "sending"
    business.record(later)
    assert business.message(second)["status"] == "sent"


def test_acceptance_after_a_resend_was_queued_stops_the_resend(business, db):
    (message,) = business.send(ASHA)
    claim = business.claim()
    business.let_pass(61)
    business.claim()
    business.let_pass(UNSURE)
    db.execute("select private.sweep()")
    assert business.message(message)["status"] == "queued"

    business.record(claim)

    assert business.claim()["messages"] == []
    assert business.message(message)["status"] == "sent"


REFUSED = [("error", {"code": 131026}, "failed"), ("error", {"code": 131016}, "queued"), ("not_sent", {}, "queued"),
           ("released", {}, "queued"), ("unknown", {}, "uncertain")]  # fmt: skip


@pytest.mark.parametrize(("outcome", "more", "becomes"), REFUSED, ids=[f"{o} {m}" for o, m, _ in REFUSED])
def test_refusal_that_comes_after_the_lease_is_believed_while_nobody_has_gone_on(
    business, outcome, more, becomes
):
    (message,) = business.send(ASHA)
    claim = business.claim()
    business.let_pass(61)
    business.claim()

    business.record(claim, outcome, **more)

    assert business.message(message)["status"] == becomes
    assert (business.message(message)["settle_at"] is not None) == (becomes == "uncertain")
    business.let_pass(61)
    assert ids(business.claim()) == ([message] if becomes == "queued" else [])


def test_refusal_of_a_stranger_lease_changes_nothing(business):
    (message,) = business.send(ASHA)
    claim = business.claim()

    business.record({**claim, "lease": str(uuid4())}, "error", code=131026)

    assert business.message(message)["status"] == "sending"


REPEATED = [("accepted", {}), ("error", {"code": 131026}), ("error", {"code": 131016}), ("error", {"code": 131042}), ("unknown", {}),
            ("released", {}), ("not_sent", {})]  # fmt: skip


@pytest.mark.parametrize(("outcome", "more"), REPEATED, ids=[f"{o} {m}" for o, m in REPEATED])
def test_results_recorded_again_change_nothing(business, outcome, more):
    business.send(ASHA, RAVI)
    claim = business.claim()
    assert business.record(claim, outcome, **more)["recorded"] == 2
    tables = (
        "public.messages",
        "private.send_lanes",
        "public.whatsapp_numbers",
        "private.number_lanes",
        "public.conversations",
    )
    before = [business.table(name) for name in tables]

    again = business.record(claim, outcome, **more)

    assert again == {"recorded": 0, "parked": 0}
    assert [business.table(name) for name in tables] == before


def test_repeated_refusal_does_not_touch_the_next_attempt(business):
    (message,) = business.send(ASHA)
    first = business.claim()
    business.record(first, "error", code=131016)
    business.let_pass(700)
    second = business.claim()

    business.record(first, "error", code=131026)

    assert business.message(message)["status"] == "sending"
    assert business.record(second)["recorded"] == 1


def test_two_messages_under_one_wamid_do_not_spoil_the_batch(business):
    one, two, three = business.send(ASHA, RAVI, "+919810000033")
    claim = business.claim()
    results = [{"org_id": str(business.org_id), "message_id": m, "outcome": "accepted", "wamid": w}
               for m, w in ((one, "wamid.same"), (two, "wamid.same"), (three, "wamid.other"))]  # fmt: skip

    call(business.db, "record_results", lease=claim["lease"], results=results, uncertain_after_seconds=UNSURE)

    assert [business.message(m)["status"] for m in (one, two, three)] == ["sent", "sending", "sent"]
    business.let_pass(61)
    business.claim()
    assert business.message(two)["status"] == "uncertain"


ODD_RESULTS = [{"code": 10**12}, {"code": -7}, {"code": 131016, "retry_after": 10**15}, {"http_status": 10**9}, {"title": "x" * 9000}, {},
               {"code": None, "http_status": None}]  # fmt: skip


@pytest.mark.parametrize("more", ODD_RESULTS, ids=lambda more: str(more)[:40])
def test_odd_error_is_recorded_and_spoils_no_neighbour(business, more):
    odd, fine = business.send(ASHA, RAVI)
    claim = business.claim()
    results = [{"org_id": str(business.org_id), "message_id": odd, "outcome": "error", **more},
               {"org_id": str(business.org_id), "message_id": fine, "outcome": "accepted", "wamid": "wamid.fine"},
               {"org_id": str(business.org_id), "message_id": 0, "outcome": "accepted", "wamid": "wamid.nobody"}]  # fmt: skip

    call(business.db, "record_results", lease=claim["lease"], results=results, uncertain_after_seconds=UNSURE)

    assert business.message(fine)["status"] == "sent"
    assert business.message(odd)["status"] in ("failed", "queued")


def test_results_never_reach_another_organizations_message(business, db):
    other = Business(db, fresh_org(db, "Other"))
    (theirs,) = other.send(RAVI)
    other.claim()
    (mine,) = business.send(ASHA)
    claim = business.claim()

    results = [
        {"org_id": str(business.org_id), "message_id": theirs, "outcome": "accepted", "wamid": "wamid.stolen"}
    ]
    call(db, "record_results", lease=claim["lease"], results=results, uncertain_after_seconds=UNSURE)

    assert other.message(theirs)["status"] == "sending"
    assert business.message(mine)["status"] == "sending"


# Errors ---------------------------------------------------------------------------------------------------


def all_codes(db):
    return db.rows(
        "select code, action, max_attempts, delay_scope from private.meta_error_codes order by code"
    )


def test_every_code_of_the_table_has_its_action(business, db):
    """Each to a person of their own, and each undone before the next."""
    codes = all_codes(db)
    assert len(codes) > 80
    expected = {"retry": "queued", "pause_number": "queued", "reauthorize": "queued"}
    for n, (code, action, _, scope) in enumerate(codes):
        with db.transaction(force_rollback=True):
            phone = f"+9198100{n:05d}"
            write(business, phone)
            (message,) = business.send(phone)

            business.record(business.claim(), "error", code=code, http_status=400)

            row = business.message(message)
            assert (row["status"], row["error_code"]) == (expected.get(action, "failed"), code), code
            assert row["error_message"], code
            assert (row["failed_at"] is None) == (row["status"] == "queued"), code
            assert business.number()["status"] == ("paused" if action == "pause_number" else "connected"), (
                code
            )
            assert business.account()["status"] == (
                "reconnect" if action == "reauthorize" else "connected"
            ), code
            assert (business.contact(phone.lstrip("+"))["opted_out_at"] is not None) == (
                action == "opt_out"
            ), code
            blocked = db.value(
                "select blocked_reason from public.message_templates where org_id = %s and name = 'receipt'",
                business.org_id,
            )
            assert (blocked is not None) == (action == "template_fix"), code
            lanes = db.row(
                "select blocked_until > now() from private.number_lanes where org_id = %s", business.org_id
            )[0]
            assert lanes == (action == "retry" and scope == "number"), code
            window = db.value(
                "select window_expires_at > now() from public.conversations where id = %s",
                row["conversation_id"],
            )
            assert window == (action != "window_closed"), code


UNLISTED = [
    (250, 403, "reauthorize", "queued"), (200005, 400, None, "failed"), (424242, 400, None, "failed"), (None, 400, None, "failed"),
    (None, 429, None, "queued"), (424242, 500, None, "queued"), (None, 503, None, "queued"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "http_status", "action", "becomes"), UNLISTED, ids=[f"{c} HTTP {h}" for c, h, _, _ in UNLISTED]
)
def test_code_that_is_not_listed_is_judged_by_its_range_and_by_http(
    business, code, http_status, action, becomes
):
    (message,) = business.send(ASHA)

    business.record(
        business.claim(), "error", code=code, http_status=http_status, title="Odd", details="very"
    )

    assert business.message(message)["status"] == becomes
    assert business.account()["status"] == ("reconnect" if action else "connected")
    assert business.message(message)["error_message"]


def test_attempts_are_bounded_by_the_table(business, db):
    for n, (code, action, most, _) in enumerate(all_codes(db)):
        if action != "retry":
            continue
        (message,) = business.send(f"+9198100{n:05d}")
        for attempt in range(most):
            business.let_pass(5000)
            claim = business.claim()
            assert ids(claim) == [message], (code, attempt)
            business.record(claim, "error", code=code)
        assert (business.message(message)["status"], business.message(message)["attempts"]) == (
            "failed",
            most,
        ), code


def test_delays_double_and_a_retry_after_is_kept(business, db):
    (message,) = business.send(ASHA)
    waits = []
    for _ in range(4):
        business.record(business.claim(), "error", code=131016)
        waits.append(
            float(
                db.value(
                    "select extract(epoch from next_at - now()) from private.send_lanes where org_id = %s",
                    business.org_id,
                )
            )
        )
        business.let_pass(1000)
    business.record(business.claim(), "error", code=131016, retry_after=77)

    for wait, about in zip(waits, (2, 4, 8, 16), strict=True):
        assert 0.7 * about <= wait <= 1.3 * about
    assert (
        db.value(
            "select extract(epoch from next_at - now()) from private.send_lanes where org_id = %s",
            business.org_id,
        )
        == 77
    )
    assert business.message(message)["attempts"] == 5


def test_speed_limit_of_the_number_holds_all_its_conversations(business):
    business.send(ASHA, RAVI)
    claim = business.claim(batch=1)
    business.record(claim, "error", code=130429, retry_after=5)

    assert business.claim()["messages"] == []
    business.let_pass(5.1)
    assert len(business.claim()["messages"]) == 2


def test_meta_unreachable_is_tried_for_a_day_and_uses_up_no_attempts(business):
    (message,) = business.send(ASHA)
    for _ in range(20):
        business.record(business.claim(), "not_sent")
        assert business.message(message)["status"] == "queued"
        assert 0 < business.claim()["wait_ms"] <= 60_000
        business.let_pass(61)
    assert business.message(message)["attempts"] == 0
    business.let_pass(86_400)

    business.record(business.claim(), "not_sent")

    assert business.message(message)["status"] == "failed"
    assert "reached" in business.message(message)["error_message"]


def test_released_message_is_due_at_once_as_if_never_claimed(business):
    (message,) = business.send(ASHA)
    business.record(business.claim(), "released")

    again = business.claim()

    assert ids(again) == [message]
    assert business.message(message)["attempts"] == 1
