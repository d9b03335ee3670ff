"""Who says stop is left alone, at once and once answered; what counts as saying so is the organization's to extend."""

import json

import pytest

from tests.business import Business, call, fresh_org, text

ASHA = "919810000011"


def act_as_owner(db, business):
    owner = db.value("select user_id from public.memberships where org_id = %s", business.org_id)
    claims = json.dumps({"sub": str(owner), "role": "authenticated"})
    db.execute("select set_config('request.jwt.claims', %s, true)", [claims])


def confirmations(business):
    return [m for m in business.table("public.messages", "id") if m["origin"] == "confirmation"]


def button(wamid, words, payload, kind="button"):
    pressed = {"text": words, "payload": payload} if kind == "button" else {"type": "button_reply", "button_reply": {"id": payload, "title": words}}  # fmt: skip
    return {"id": wamid, "from": ASHA, "timestamp": "1795000000", "type": kind, kind: pressed}


SAID = [("Stop all", "out"), ("OPT-OUT!!", "out"), ("stop\u200b", "out"), ("बन्द करो।", "out"), ("रोकें", "out"), ("Mat bhejo", "out"),
        ("(quit)", "out"), ("Opt in", "in"), ("चालू करो", "in"), ("shuru karo", "in"), ("do not stop", None), ("end of the month?", None)]  # fmt: skip


@pytest.mark.parametrize(("words", "decision"), SAID, ids=[words for words, _ in SAID])
def test_word_decides_in_any_spelling_and_a_sentence_does_not(business, words, decision):
    business.hear(text("w1", words))

    assert [e["decision"] for e in business.table("public.consent_events")] == (
        [f"opt_{decision}"] if decision else []
    )


PRESSED = [("Stop promotions", "x", "button", "opt_out"), ("No, thanks", "STOP", "button", "opt_out"), ("START", "x", "interactive", "opt_in"),
           ("No", "unsubscribe", "interactive", "opt_out"), ("Yes", "greet:yes", "button", None)]  # fmt: skip


@pytest.mark.parametrize(("words", "payload", "kind", "decision"), PRESSED)
def test_button_that_says_so_decides_with_the_whole_button_as_evidence(
    business, words, payload, kind, decision
):
    business.hear(button("w1", words, payload, kind))

    events = business.table("public.consent_events")
    assert [e["decision"] for e in events] == ([decision] if decision else [])
    assert not decision or payload in json.dumps(events[0]["evidence"])


def test_stop_is_confirmed_once_and_sent_in_spite_of_it(business):
    stop = text("w1", "STOP", at=business.now())
    for message in (stop, stop, text("w2", "stop", at=business.now()), text("w3", "STOP", at=business.now() - 5)):  # fmt: skip
        business.hear(message)

    (sent,) = confirmations(business)
    assert (sent["kind"], sent["status"]) == ("text", "queued")
    claimed = business.claim()["messages"]
    assert [m["message_id"] for m in claimed] == [sent["id"]]


def test_stop_that_comes_late_or_again_by_replay_is_obeyed_and_not_answered(business, db):
    told = business.hear(text("w1", "STOP", at=business.now() - 7200))
    call(db, "replay", event_id=told["event_id"])

    assert business.contact(ASHA)["opted_out_at"]
    assert confirmations(business) == []


def test_machine_that_answers_every_message_with_stop_and_start_gets_one_answer_a_day(business):
    for n in range(6):
        business.hear(text(f"w{n}", ("STOP", "START")[n % 2], at=business.now() - 100 + n))

    assert len(confirmations(business)) == 1


def test_organization_says_whether_and_how_a_stop_is_confirmed(business, db):
    act_as_owner(db, business)
    db.value("select public.set_opt_out_answer(%s, null, 'As you wish.')", business.org_id)
    business.hear(text("w1", "STOP", at=business.now()))
    assert [m["text"] for m in confirmations(business)] == ["As you wish."]

    act_as_owner(db, business)
    db.value("select public.set_opt_out_answer(%s, false)", business.org_id)
    business.hear(text("w2", "STOP", at=business.now(), sender="919810000012"))
    assert len(confirmations(business)) == 1
    act_as_owner(db, business)
    assert db.refusal("select public.set_opt_out_answer(%s, true, ' ')", business.org_id).detail == "text_invalid"  # fmt: skip


def test_words_of_the_organization_count_for_it_alone(business, db):
    other = Business(db, fresh_org(db, "Other"))
    act_as_owner(db, business)
    set_words = "select public.set_consent_words(%s, %s::text[], %s::text[])"

    told = db.value(set_words, business.org_id, ["Bas!", "No More"], ["Haan", "bas"])

    assert told == {"opt_out": ["bas", "no more"], "opt_in": ["haan"]}
    business.hear(text("w1", "no more."))
    other.hear(text("w1", "no more."))
    assert business.contact(ASHA)["opted_out_at"]
    assert other.contact(ASHA)["opted_out_at"] is None
    business.hear(text("w2", "HAAN", at=1795000005))
    assert business.contact(ASHA)["opted_out_at"] is None
    act_as_owner(db, business)
    for outs, ins, slug in ([[" . "], [], "word_invalid"], [["x" * 40], [], "word_invalid"], [[], ["stop"], "word_stops"],
                            [[f"w{n}" for n in range(101)], [], "words_too_many"]):  # fmt: skip
        assert db.refusal(set_words, business.org_id, outs, ins).detail == slug


def test_member_records_what_a_person_told_them(business, db):
    business.hear(text("w1", "STOP"))
    contact = business.contact(ASHA)["id"]
    act_as_owner(db, business)
    record = "select public.set_contact_consent(%s, %s::uuid, %s, %s)"

    assert db.refusal(record, business.org_id, contact, "opt_in", " ").detail == "evidence_missing"
    assert db.refusal(record, business.org_id, contact, "maybe", "x").detail == "decision_unknown"
    told = db.value(record, business.org_id, contact, "opt_in", "Signed the form in the shop")

    assert told == {"contact_id": contact, "opted_out_at": None}
    newest = business.table("public.consent_events", "id")[-1]
    assert (newest["source"], newest["evidence"]["words"]) == ("person", "Signed the form in the shop")
    assert db.value(record, business.org_id, contact, "opt_out", None)["opted_out_at"]
