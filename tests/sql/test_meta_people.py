"""Who wrote, under whichever ids, and what they consented to."""

import threading
import time

import pytest

from tests.business import Business, call, post, text, webhook
from tests.sql.ingest import ASHA, ASHA_ID, payload, reasons

# Identity -------------------------------------------------------------------------------------------------


def test_one_who_wrote_without_phone_then_with_it_is_one_contact(business):
    business.hear(text("w1", sender=None, user=ASHA_ID), name="Asha")
    business.hear(text("w2", sender=ASHA, user=ASHA_ID, at=1795000001))
    business.hear(text("w3", sender=ASHA, at=1795000002))

    (contact,) = business.table("public.contacts")
    (thread,) = business.table("public.conversations")
    assert (contact["wa_id"], contact["user_id"], contact["phone"]) == (ASHA, ASHA_ID, f"+{ASHA}")
    assert thread["unread_count"] == 3


def test_two_contacts_become_one_when_an_event_carries_both_ids(business, db):
    business.hear(text("w1", "by number", sender=ASHA, at=1795000005), name="Asha")
    business.hear(text("w2", "by id", sender=None, user=ASHA_ID, at=1795000003), name="Asha V")
    business.hear(text("w3", "STOP", sender=None, user=ASHA_ID, at=1795000004))
    assert len(business.table("public.contacts")) == 2

    business.hear(text("w4", "both", sender=ASHA, user=ASHA_ID, at=1795000001))

    (contact,) = business.table("public.contacts")
    (thread,) = business.table("public.conversations")
    assert (contact["wa_id"], contact["user_id"], contact["name"]) == (ASHA, ASHA_ID, "Asha")
    assert contact["opted_out_at"]
    assert (thread["unread_count"], thread["last_message_text"]) == (4, "by number")
    assert {m["contact_id"] for m in business.table("public.messages")} == {contact["id"]}
    assert {e["contact_id"] for e in business.table("public.consent_events")} == {contact["id"]}


def test_lead_with_a_phone_and_the_one_who_writes_from_it_are_one_contact(business, db):
    lead = call(db, "add_lead", org_id=business.org_id, lead={"name": "Ravi", "phone": f"+{ASHA}"})
    business.hear(text("w1", sender=None, user=ASHA_ID), name="ravi ⭐")
    business.hear(text("w2", sender=ASHA, user=ASHA_ID))

    (contact,) = business.table("public.contacts")
    assert (contact["name"], contact["user_id"]) == ("Ravi", ASHA_ID)
    assert (
        db.value("select contact_id::text from public.leads where id = %s", lead["lead_id"]) == contact["id"]
    )


NUMBER_CHANGED = [
    pytest.param(["old", "change", "new"], id="in order"),
    pytest.param(["new", "change", "old"], id="the new number is met first"),
    pytest.param(["change", "new", "old"], id="the news comes first"),
    pytest.param(["old", "new", "change"], id="the news comes last"),
]


@pytest.mark.parametrize("order", NUMBER_CHANGED)
def test_person_who_changes_number_stays_one_contact(business, db, order):
    changed = payload("message_system_number_changed")
    for step in order:
        if step == "old":
            business.hear(text("w1", sender=ASHA, user=ASHA_ID), name="Asha")
        elif step == "new":
            business.hear(
                text("w2", sender="919810000099", user="IN.40001000200030099", at=1795000200), name="Asha V"
            )
        else:
            assert post(db, changed)["dead"] == 0

    (contact,) = business.table("public.contacts")
    assert (contact["wa_id"], contact["user_id"], contact["phone"]) == (
        "919810000099",
        "IN.40001000200030099",
        "+919810000099",
    )
    assert contact["name"] == "Asha V"
    assert len(business.table("public.contact_identities")) == 4
    assert len(business.table("public.conversations")) == 1


def test_username_only_person_whose_id_changes_stays_one_contact(business, db):
    business.hear(text("w1", sender=None, user=ASHA_ID), name="Meera")

    post(db, payload("message_system_user_id_changed"))
    business.hear(text("w2", sender=None, user="IN.40001000200030099", at=1795000200))

    (contact,) = business.table("public.contacts")
    assert contact["user_id"] == "IN.40001000200030099"


def at_once(connect, first, then):
    """Post both, the second while the first is not committed: it finds what was before, and has to wait."""
    one, two = connect(), connect()
    answers = []
    with one.transaction():
        answers.append(post(one, first))
        other = threading.Thread(target=lambda: answers.append(post(two, then)))
        other.start()
        end = time.monotonic() + 10
        while not one.value("select cardinality(pg_blocking_pids(%s)) > 0", two.info.backend_pid):
            assert time.monotonic() < end, "the second does not wait for the first"
            time.sleep(0.01)
    other.join(10)
    assert [answer["dead"] for answer in answers] == [0, 0]


def heard(business, item):
    return webhook(business.change({"contacts": [], "messages": [item]}), waba=business.waba)


def number_change(business, wamid, number, at, **more):
    news = {"type": "user_changed_number", "wa_id": number, **more}
    item = {"from": ASHA, "id": wamid, "timestamp": str(at), "type": "system", "system": news}
    return heard(business, item | ({"from_user_id": ASHA_ID} if "user_id" in more else {}))


def id_change(business, wamid, user, at):
    news = {
        "type": "user_changed_user_id",
        "user_id": user,
        "body": f"User A changed from {ASHA_ID} to {user}",
    }
    return heard(business, {"id": wamid, "timestamp": str(at), "type": "system", "system": news})


NEW, NEW_ID = "919810000099", "IN.40001000200030099"

NEWCOMERS = [
    pytest.param((ASHA, None), lambda b: number_change(b, "w2", NEW, 1795000009), id="by number"),
    pytest.param(
        (ASHA, ASHA_ID), lambda b: number_change(b, "w2", NEW, 1795000009, user_id=NEW_ID), id="by both"
    ),
    pytest.param((None, ASHA_ID), lambda b: id_change(b, "w2", NEW_ID, 1795000009), id="by user id"),
]


@pytest.mark.parametrize(("ids", "news"), NEWCOMERS)
def test_newcomer_who_changes_at_the_moment_of_the_first_message_is_one_contact(lasting, connect, ids, news):
    """The message finds nobody; once it need not wait any more, its ids are former ones of somebody known."""
    business = lasting()

    at_once(connect, news(business), heard(business, text("w1", sender=ids[0], user=ids[1])))

    (contact,) = business.table("public.contacts")
    assert (contact["wa_id"], contact["user_id"]) == (ids[0] and NEW, ids[1] and NEW_ID)
    assert business.message("w1")["contact_id"] == contact["id"]


def test_id_change_that_comes_at_the_moment_of_the_first_message_is_followed(lasting, connect):
    """The news finds the new id alone; somebody becomes known by the old one while it waits."""
    business = lasting()
    business.hear(text("w1", sender=None, user=NEW_ID, at=1795000100))

    at_once(
        connect,
        heard(business, text("w2", sender=None, user=ASHA_ID)),
        id_change(business, "w3", NEW_ID, 1795000009),
    )

    (contact,) = business.table("public.contacts")
    assert contact["user_id"] == NEW_ID


def test_of_two_number_changes_at_the_same_moment_the_later_stands(lasting, connect):
    business = lasting()
    for n, number in enumerate([ASHA, NEW, "919810000088"]):
        business.hear(text(f"w{n}", sender=number, user=ASHA_ID))

    at_once(
        connect,
        number_change(business, "w4", NEW, 1795000009),
        number_change(business, "w3", "919810000088", 1795000005),
    )

    (contact,) = business.table("public.contacts")
    assert (contact["wa_id"], contact["phone"]) == (NEW, f"+{NEW}")


def test_message_of_one_who_is_merged_at_that_moment_is_kept(lasting, connect):
    """It finds the contact and the conversation that are about to go."""
    business = lasting()
    business.hear(text("w1", sender=None, user=ASHA_ID))
    business.hear(text("w2", sender=ASHA))

    at_once(
        connect,
        heard(business, text("w3", sender=ASHA, user=ASHA_ID)),
        heard(business, text("w4", sender=ASHA)),
    )

    (contact,) = business.table("public.contacts")
    assert business.message("w4")["contact_id"] == contact["id"]


MERGED = [
    pytest.param([(None, ASHA_ID), (ASHA, None), (NEW, None)],
                 lambda b: number_change(b, "w5", NEW, 1795000009), (NEW, ASHA_ID), id="number"),
    pytest.param([(ASHA, None), (None, ASHA_ID), (None, NEW_ID)],
                 lambda b: id_change(b, "w5", NEW_ID, 1795000009), (ASHA, NEW_ID), id="user id"),
]  # fmt: skip


@pytest.mark.parametrize(("known", "news", "ids"), MERGED)
def test_change_of_one_who_is_merged_at_that_moment_is_followed(lasting, connect, known, news, ids):
    """Whoever has the new number or id becomes one with the contact that is left, not with the one that went."""
    business = lasting()
    for n, (sender, user) in enumerate(known):
        business.hear(text(f"w{n}", sender=sender, user=user))

    at_once(connect, heard(business, text("w4", sender=ASHA, user=ASHA_ID)), news(business))

    (contact,) = business.table("public.contacts")
    assert (contact["wa_id"], contact["user_id"]) == ids


def test_contacts_that_merge_while_a_message_is_under_way_keep_its_answer(business):
    """Both have a lane; the answer finds the message in the one that is left."""
    business.hear(text("w1", sender=ASHA, at=business.now()))
    business.hear(text("w2", sender=None, user=ASHA_ID, at=business.now()))
    (a,) = business.send(f"+{ASHA}", text="one")
    claim_a = business.claim()
    (b,) = business.send(ASHA_ID, text="two")
    (c,) = business.send(ASHA_ID, text="three")
    claim_b = business.claim()

    business.hear(text("w3", sender=ASHA, user=ASHA_ID, at=business.now()))
    business.record(claim_a)
    business.record(claim_b)
    business.record(business.claim())

    assert [m["message_id"] for m in claim_a["messages"] + claim_b["messages"]] == [a, b]
    assert [business.message(m)["status"] for m in (a, b, c)] == ["sent", "sent", "sent"]
    assert len(business.table("private.send_lanes")) == 1


def test_newer_profile_name_wins_and_a_name_from_a_lead_stands(business, db):
    call(db, "add_lead", org_id=business.org_id, lead={"name": "Ravi Kumar", "phone": "+919810000022"})

    business.hear(text("w1", sender=ASHA, at=1795000009), name="Newer")
    business.hear(text("w2", sender=ASHA, at=1795000001), name="Older")
    business.hear(text("w3", sender="919810000022"), name="ravi 🔥")

    assert business.contact(ASHA)["name"] == "Newer"
    assert business.contact("919810000022")["name"] == "Ravi Kumar"


def test_two_profile_names_of_one_second_end_the_same_way_in_any_order(business):
    business.hear(text("w1", sender=ASHA), name="Aaa")
    business.hear(text("w2", sender=ASHA), name="Bbb")
    business.hear(text("w3", sender=ASHA, at=1795000001), name="Abc")

    assert business.contact(ASHA)["name"] == "Abc"


# Consent --------------------------------------------------------------------------------------------------

WORDS = [("STOP", "out"), (" stop. ", "out"), ("Unsubscribe!", "out"), ("बंद करो", "out"), ("band karo", "out"), ("ＳＴＯＰ", "out"),
         ("please stop calling me", None), ("stopped", None), ("START", "in"), ("शुरू करो", "in"), ("start date?", None)]  # fmt: skip


@pytest.mark.parametrize(("words", "decision"), WORDS, ids=[words for words, _ in WORDS])
def test_whole_word_stops_or_starts_and_a_sentence_does_neither(business, words, decision):
    business.hear(text("w1", words))

    decided = [e["decision"] for e in business.table("public.consent_events")]
    assert decided == ([f"opt_{decision}"] if decision else [])
    assert (business.contact(ASHA)["opted_out_at"] is not None) == (decision == "out")


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1)], ids=str)
def test_latest_word_stands_in_whatever_order_they_come(business, order):
    said = [text("w1", "STOP", 1795000001), text("w2", "START", 1795000002), text("w3", "STOP", 1795000003)]
    for i in order:
        business.hear(said[i])
    assert business.contact(ASHA)["opted_out_at"]
    assert len(business.table("public.consent_events")) == 3

    business.hear(text("w4", "START", 1795000004))

    assert business.contact(ASHA)["opted_out_at"] is None


@pytest.mark.parametrize("order", [("STOP", "START"), ("START", "STOP")], ids=str)
def test_stop_wins_over_start_of_the_same_second(business, order):
    for words in order:
        business.hear(text(f"w{words}", words))

    assert business.contact(ASHA)["opted_out_at"]


def preference(business: Business, value: object, at: object, sender: object = ASHA) -> dict:
    wish = {"wa_id": sender, "category": "marketing_messages", "value": value, "timestamp": at}
    change = business.change({"contacts": [], "user_preferences": [wish]})
    return webhook(change | {"field": "user_preferences"}, waba=business.waba)


@pytest.mark.parametrize("order", ["stop first", "resume first"])
def test_preference_told_to_whatsapp_is_consent_and_the_latest_stands(business, db, order):
    events = [preference(business, "resume", 1795000100), preference(business, "stop", 1795000900)]

    for body in reversed(events) if order == "stop first" else events:
        assert post(db, body)["dead"] == 0
        assert post(db, body)["dead"] == 0

    assert business.contact(ASHA)["opted_out_at"]
    assert db.value("select count(*) from public.consent_events where org_id = %s", business.org_id) == 2


@pytest.mark.parametrize(
    ("value", "at", "sender", "reason"),
    [
        pytest.param("stop", "soon", ASHA, "timestamp_invalid", id="no time"),
        pytest.param("stop", 1795000100, None, "sender_missing", id="nobody"),
    ],
)
def test_preference_that_cannot_be_read_is_put_aside(business, db, value, at, sender, reason):
    answer = post(db, preference(business, value, at, sender))

    assert answer["dead"] == 1
    assert db.value("select reason from private.dead_letters order by id desc limit 1") == reason


def test_preference_at_a_number_that_nobody_holds_waits_and_at_a_disconnected_one_is_only_kept(business, db):
    told = preference(business, "stop", 1795000900)
    db.value("select private.disconnect_whatsapp(%s, null)", business.org_id)

    assert post(db, told)["dead"] == 0
    assert business.table("public.consent_events") == []

    business.phone_number_id = "770299999999999"
    assert post(db, preference(business, "stop", 1795000900))["dead"] == 1
    assert reasons(db) == ["unknown_number"]


def test_two_words_at_the_same_moment_end_in_the_later_one(lasting, connect):
    """Two transactions, each blind to the other's word until it commits."""
    business = lasting()
    business.hear(text("w0", at=1795000000))
    contact = business.contact(ASHA)["id"]
    one, two = connect(), connect()
    consent = "select private.record_consent(%s, %s, to_timestamp(%s), %s, 'inbound', '{}', %s)"
    with one.transaction():
        one.execute(consent, [business.org_id, contact, 1795000009, "opt_out", "w2"])
        other = threading.Thread(
            target=two.execute, args=(consent, [business.org_id, contact, 1795000005, "opt_in", "w1"])
        )
        other.start()
        other.join(0.2)
    other.join(10)

    assert business.contact(ASHA)["opted_out_at"]


def test_consent_can_be_neither_changed_nor_removed(business, db):
    business.hear(text("w1", "STOP"))

    for statement in ("update public.consent_events set decision = 'opt_in'", "update public.consent_events set at = now()",
                      "delete from public.consent_events", "truncate public.consent_events"):  # fmt: skip
        assert db.refusal(statement).detail == "append_only"
