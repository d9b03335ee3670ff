"""Read receipts, typing and reactions: what is told to Meta, when it is tried again and when it is let go."""

import json

import pytest

from tests.business import call, text

ASHA = "919810000011"


@pytest.fixture
def thread(business, db):
    """A conversation with one message of the customer that nobody has read."""
    business.hear(text("wamid.asked", at=business.now() - 60))
    return db.value("select id from public.conversations where org_id = %s", business.org_id)


@pytest.fixture
def agent(business, member):
    return member(business.org_id)


@pytest.fixture
def ask(business, db, agent, thread):
    """Calls an RPC about the thread as an agent."""

    def rpc(name, *more):
        db.as_person(agent)
        try:
            given = ", ".join(["%s"] * (2 + len(more)))
            return db.value(f"select public.{name}({given})", business.org_id, thread, *more)
        finally:
            db.as_operator()

    return rpc


def claim(db):
    return call(db, "claim_signals", batch=20, lease_seconds=30)


def record(db, claimed, outcome="accepted", **more):
    results = [{"org_id": s["org_id"], "signal_id": s["signal_id"], "outcome": outcome, **more} for s in claimed["signals"]]  # fmt: skip
    return call(db, "record_signals", lease=claimed["lease"], results=results)["recorded"]


def payloads(claimed):
    return [s["payload"] for s in claimed["signals"]]


def let_pass(business, seconds):
    business.let_pass(seconds)
    moved = (
        "next_at = next_at - make_interval(secs => %s), created_at = created_at - make_interval(secs => %s)"
    )
    business.db.execute(
        f"update private.signals set {moved} where org_id = %s", [seconds, seconds, business.org_id]
    )


def ours(business):
    return business.message("wamid.asked")["reactions"]["business"]


def asked(business):
    return business.message("wamid.asked")["id"]


# Read receipts ----------------------------------------------------------------------------------------------


def test_reading_a_conversation_tells_meta_once_and_of_the_newest_message_only(business, db, ask):
    business.hear(text("wamid.newest", at=business.now() - 5))
    assert not business.claim()["signals"]
    ask("mark_read")
    ask("mark_read")

    assert business.claim()["signals"]
    claimed = claim(db)

    assert payloads(claimed) == [
        {"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.newest"}
    ]
    assert claimed["signals"][0]["phone_number_id"] == business.phone_number_id
    assert claimed["tokens"] == {business.account_id: "EAAtoken"}
    assert claim(db)["signals"] == []
    assert record(db, claimed) == 1
    assert not business.claim()["signals"]
    ask("mark_read")
    assert claim(db)["signals"] == []


def test_receipt_is_let_go_after_two_refusals(business, db, ask):
    ask("mark_read")

    for _ in range(2):
        claimed = claim(db)
        assert len(claimed["signals"]) == 1
        record(db, claimed, "unknown")
        assert claim(db)["signals"] == []
        let_pass(business, 60)

    assert claim(db)["signals"] == []
    assert business.table("private.signals") == []


def test_organization_may_keep_its_reading_to_itself_and_then_does_not_show_typing(business, db, ask, member):
    db.as_person(member(business.org_id, "admin"))
    off = '{"send_read_receipts": false}'
    setting = db.value("select public.set_messaging_settings(%s, %s)", business.org_id, off)
    db.as_operator()

    ask("mark_read")
    shown = ask("show_typing")

    assert setting == {
        "uncertain_template": "resend_once",
        "uncertain_text": "ask_person",
        "send_read_receipts": False,
        "leads_from": "everyone",
    }
    assert shown == {"shown": False}
    assert claim(db)["signals"] == []
    assert business.table("public.conversations")[0]["unread_count"] == 0


# Typing -----------------------------------------------------------------------------------------------------


def test_typing_is_told_at_most_once_in_10_seconds(business, db, ask):
    assert ask("show_typing") == ask("show_typing") == {"shown": True}

    claimed = claim(db)
    assert payloads(claimed) == [{"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.asked", "typing_indicator": {"type": "text"}}]  # fmt: skip
    record(db, claimed)
    ask("show_typing")
    assert claim(db)["signals"] == []
    let_pass(business, 11)
    ask("show_typing")
    assert len(claim(db)["signals"]) == 1


def test_typing_that_is_late_or_refused_is_let_go(business, db, ask):
    ask("show_typing")
    let_pass(business, 11)
    assert claim(db)["signals"] == []

    ask("show_typing")
    record(db, claim(db), "not_sent")
    let_pass(business, 5)

    assert claim(db)["signals"] == []


def test_typing_needs_an_open_window(business, db, ask):
    business.let_pass(86_400)

    assert ask("show_typing") == {"shown": False}
    assert claim(db)["signals"] == []


# Reactions --------------------------------------------------------------------------------------------------


def test_reaction_stands_at_once_and_is_told_with_the_address_and_taken_back_with_nothing(
    business, db, ask, agent
):
    told = []
    for emoji in ("👍", None):
        assert ask("react", asked(business), emoji) == {"message_id": asked(business), "emoji": emoji}
        assert ours(business)["emoji"] == emoji
        claimed = claim(db)
        told += payloads(claimed)
        record(db, claimed, wamid="wamid.reaction")

    assert told == [
        {"messaging_product": "whatsapp", "recipient_type": "individual", "to": ASHA, "type": "reaction",
         "reaction": {"message_id": "wamid.asked", "emoji": emoji}} for emoji in ("👍", "")
    ]  # fmt: skip
    assert (ours(business)["by"], ours(business)["wamid"]) == (str(agent.id), "wamid.reaction")
    assert "failed" not in ours(business)
    assert business.statuses() == []


EMOJI = ["👍", "❤️", "👍🏽", "👨‍👩‍👧", "🇮🇳", "1️⃣", "✅", "🏴󠁧󠁢󠁳󠁣󠁴󠁿"]
NO_EMOJI = ["x", "ok", "1", "👍👍", "👍 ", "🇮", "<b>", "‍", "️", "👍" + "🏽" * 8, "हाँ"]


def test_reaction_is_one_emoji(business, db, ask):
    for emoji in EMOJI:
        assert ask("react", asked(business), emoji)["emoji"] == emoji
    db.as_operator()
    for emoji in NO_EMOJI:
        assert not db.value("select private.is_one_emoji(%s)", emoji), emoji


def test_reaction_is_tried_5_times_and_then_says_why_it_failed(business, db, ask):
    ask("react", asked(business), "👍")

    for _ in range(5):
        claimed = claim(db)
        assert len(claimed["signals"]) == 1
        record(db, claimed, "error", code=131016, http_status=500)
        assert claim(db)["signals"] == []
        let_pass(business, 300)

    assert claim(db)["signals"] == []
    assert ours(business) == ours(business) | {
        "emoji": "👍",
        "failed": "WhatsApp is not available for the moment",
    }


def test_reaction_that_meta_refuses_is_not_tried_again(business, db, ask):
    ask("react", asked(business), "👍")

    record(db, claim(db), "error", code=131009, http_status=400)
    let_pass(business, 300)

    assert claim(db)["signals"] == []
    assert ours(business)["failed"] == "A value in the message is not valid"


def test_emoji_chosen_while_another_is_under_way_follows_it(business, db, ask):
    ask("react", asked(business), "👍")
    first = claim(db)
    ask("react", asked(business), "🎉")

    assert claim(db)["signals"] == []
    record(db, first, wamid="wamid.first")
    second = claim(db)

    assert [p["reaction"]["emoji"] for p in payloads(second)] == ["🎉"]
    assert ours(business)["emoji"] == "🎉"


def test_signal_of_a_dispatcher_that_died_is_claimed_again_and_its_late_answer_means_nothing(
    business, db, ask
):
    ask("react", asked(business), "👍")
    lost = claim(db)
    let_pass(business, 31)

    again = claim(db)

    assert len(again["signals"]) == 1
    assert record(db, lost, "error", code=131009) == 0
    assert record(db, again) == 1


def test_reaction_needs_an_open_window_when_asked_and_when_told(business, db, ask, agent, thread):
    message = asked(business)
    ask("react", message, "👍")
    business.let_pass(86_400)

    assert claim(db)["signals"] == []
    assert ours(business)["failed"] == "The 24-hour window is closed"
    db.as_person(agent)
    refusal = db.refusal("select public.react(%s, %s, %s, '👍')", business.org_id, thread, message)
    assert refusal.detail == "window_closed"


def test_reaction_is_to_a_message_of_the_conversation_that_meta_knows(business, db, agent, thread):
    (queued,) = business.send("+919810000011")
    (foreign,) = business.send("+919810000022")
    react = "select public.react(%s, %s, %s, %s)"
    db.as_person(agent)

    assert db.refusal(react, business.org_id, thread, queued, "👍").detail == "message_not_sent"
    assert db.refusal(react, business.org_id, thread, foreign, "👍").detail == "message_unknown"
    assert db.refusal(react, business.org_id, thread, queued, "no").sqlstate == "PT409"


# Halted -----------------------------------------------------------------------------------------------------


def test_disconnect_ends_signals_and_none_is_claimed(business, db, ask, agent, thread):
    message = asked(business)
    ask("mark_read")
    ask("react", message, "👍")
    call(db, "disconnect_whatsapp", org_id=business.org_id)

    assert claim(db)["signals"] == []

    assert business.table("private.signals") == []
    assert ours(business)["failed"] == "The WhatsApp number was disconnected"
    db.as_person(agent)
    refusal = db.refusal("select public.react(%s, %s, %s, '👍')", business.org_id, thread, message)
    assert refusal.detail == "number_not_connected"


def test_paused_number_keeps_its_reaction_until_it_resumes(business, db, ask):
    ask("react", asked(business), "👍")
    db.execute("update public.whatsapp_numbers set status = 'paused' where org_id = %s", [business.org_id])

    assert claim(db)["signals"] == []
    assert not business.claim()["signals"]
    db.execute("update public.whatsapp_numbers set status = 'connected' where org_id = %s", [business.org_id])
    let_pass(business, 61)
    assert len(claim(db)["signals"]) == 1


def test_token_that_meta_refuses_for_a_signal_stops_the_account_and_the_signal_waits(business, db, ask):
    ask("react", asked(business), "👍")
    ask("mark_read")

    record(db, claim(db), "error", code=190, http_status=401)

    assert business.account()["status"] == "reconnect"
    let_pass(business, 60)
    assert claim(db)["signals"] == []
    business.connect()
    let_pass(business, 61)
    assert "reaction" in [s["kind"] for s in claim(db)["signals"]]


def test_signals_of_contacts_that_become_one_stay(business, db, ask, thread):
    ask("react", asked(business), "👍")
    business.hear(text("wamid.old", at=business.now() - 30, sender="919810000022"))
    older = business.contact("919810000022")["id"]
    db.execute("update public.contacts set created_at = created_at - interval '1 day' where id = %s", [older])
    contact = business.contact(ASHA)["id"]

    db.execute("select private.merge_contacts(%s, %s, %s)", [business.org_id, contact, older])

    (claimed,) = claim(db)["signals"]
    assert claimed["payload"]["reaction"]["message_id"] == "wamid.asked"


def test_another_lease_and_odd_results_change_nothing(business, db, ask):
    ask("react", asked(business), "👍")
    claimed = claim(db)
    signal = claimed["signals"][0]["signal_id"]
    stranger = "00000000-0000-0000-0000-000000000000"

    assert record(db, {**claimed, "lease": stranger}, "error", code=131009) == 0
    odd = [{"org_id": stranger, "signal_id": signal, "outcome": "accepted"}, {"signal_id": None}, {}]
    assert call(db, "record_signals", lease=claimed["lease"], results=odd)["recorded"] == 0

    assert record(db, claimed, "error", code=10**12, http_status=-1, retry_after=10**9) == 1
    assert json.dumps(ours(business))
