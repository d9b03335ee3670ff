"""Quick replies: whose they are, and how their placeholders are filled."""

import json

import psycopg
import pytest

from tests.business import call, text

ASHA = "+919810000011"


@pytest.fixture
def people(business, member):
    """An admin and two agents."""
    return {
        "admin": member(business.org_id, "admin"),
        "asha": member(business.org_id, "agent"),
        "ravi": member(business.org_id, "agent"),
    }


@pytest.fixture
def save(business, db, people):
    """Saves a quick reply as somebody; gives it back, or the refusal."""

    def make(who="admin", reply_id=None, **reply):
        given = reply if reply_id else {"shortcut": "hi", "title": "Hello", "body": "Hi"} | reply
        query, args = (
            "select public.save_quick_reply(%s, %s, %s)",
            (business.org_id, json.dumps(given), reply_id),
        )
        db.as_person(people[who])
        try:
            with db.transaction():
                return db.value(query, *args)
        except psycopg.Error:
            return db.refusal(query, *args)
        finally:
            db.as_operator()

    return make


@pytest.fixture
def chat(business, db):
    """A conversation with somebody who enquired."""
    call(db, "add_lead", org_id=business.org_id, lead={
        "name": "Asha", "phone": ASHA, "company": "Rao & Co", "city": "Pune", "product": "Kurta", "greet": False})  # fmt: skip
    business.hear(text("w1"))
    (conversation,) = business.table("public.conversations")
    return conversation["id"]


def fill(business, reply, chat, who):
    business.db.as_person(who)
    try:
        return business.db.value(
            "select public.fill_quick_reply(%s, %s, %s)", business.org_id, reply["quick_reply_id"], chat
        )
    finally:
        business.db.as_operator()


FILLED = [
    ("Hi {name}", "Hi Asha", []),
    ("Hi {name|there}, {company} in {city}", "Hi Asha, Rao & Co in Pune", []),
    ("{product} for {state|your state}", "Kurta for your state", []),
    ("From {state}.", "From .", ["state"]),
    ("{phone} {organization}", f"{ASHA} Sharma Traders", []),
    ("{Name} {NAME}", "Asha Asha", []),
    ("{name|}{title|{}", "Asha{title|{}", []),
    ("no {} placeholder { here } {1}", "no {} placeholder { here } {1}", []),
    ("{agent}", "asha", []),
]


@pytest.mark.parametrize(("body", "words", "missing"), FILLED, ids=[f[0] for f in FILLED])
def test_placeholders_are_filled_from_the_conversation(
    business, db, save, chat, people, body, words, missing
):
    db.execute("update public.profiles set name = 'asha' where id = %s", [people["asha"].id])
    filled = fill(business, save(body=body), chat, people["asha"])

    assert filled == {"text": words, "media_id": None, "missing": missing}
    assert business.table("public.messages")[0]["direction"] == "inbound", "nothing is sent"


def test_braces_in_a_value_are_no_placeholder(business, db, save, chat, people):
    db.execute("update public.contacts set name = '{agent} \\1 {name}' where org_id = %s", [business.org_id])

    assert fill(business, save(body="Hi {name}!"), chat, people["asha"])["text"] == "Hi {agent} \\1 {name}!"


def test_filled_text_stays_within_what_whatsapp_takes(business, db, save, chat, people):
    reply = save(body="{name}" + "x" * 4090)
    db.execute("update public.contacts set name = %s where org_id = %s", ["n" * 6, business.org_id])
    assert len(fill(business, reply, chat, people["asha"])["text"]) == 4096

    db.execute("update public.contacts set name = %s where org_id = %s", ["n" * 7, business.org_id])
    db.as_person(people["asha"])
    refused = db.refusal(
        "select public.fill_quick_reply(%s, %s, %s)", business.org_id, reply["quick_reply_id"], chat
    )
    assert (refused.sqlstate, refused.detail) == ("PT422", "text_too_long")


REFUSED = [
    ({"body": "Hi {nmae}"}, "placeholder_unknown"), ({"body": ""}, "text_empty"), ({"body": "x" * 4097}, "text_too_long"),
    ({"shortcut": "two words"}, "shortcut_invalid"), ({"shortcut": ""}, "shortcut_invalid"), ({"shortcut": "x" * 33}, "shortcut_invalid"),
    ({"media_id": "6b0e5a3e-0000-4000-8000-000000000000"}, "media_unknown"),
]  # fmt: skip


@pytest.mark.parametrize(("reply", "detail"), REFUSED, ids=[f"{d} {str(g)[:30]}" for g, d in REFUSED])
def test_reply_that_could_not_be_used_is_refused(save, reply, detail):
    assert save(**reply).detail == detail


def test_refusal_names_the_placeholder(save):
    assert save(body="{name} {nmae|x} {shoe}").message == "There is no placeholder {nmae}, {shoe}"


def test_shared_replies_are_edited_by_admins_and_personal_ones_by_their_owner(
    business, db, save, chat, people
):
    shared = save("admin", shortcut="/Price")
    mine = save("asha", shortcut="mine", personal=True)
    assert (shared["shortcut"], shared["personal"], mine["personal"]) == ("price", False, True)

    assert save("asha", shortcut="other").sqlstate == "PT403"
    assert save("asha", shared["quick_reply_id"], body="Ha").sqlstate == "PT403"
    assert save("ravi", mine["quick_reply_id"], body="Ha").sqlstate == "PT404"
    assert save("admin", mine["quick_reply_id"], body="Ha").sqlstate == "PT404"
    assert save("asha", mine["quick_reply_id"], body="Better")["body"] == "Better"
    assert save("admin", shared["quick_reply_id"], title="Prices")["title"] == "Prices"

    db.as_person(people["ravi"])
    assert db.value("select array_agg(shortcut) from public.quick_replies") == ["price"]
    assert (
        db.refusal(
            "select public.fill_quick_reply(%s, %s, %s)", business.org_id, mine["quick_reply_id"], chat
        ).sqlstate
        == "PT404"
    )
    assert (
        db.refusal(
            "select public.delete_quick_reply(%s, %s)", business.org_id, shared["quick_reply_id"]
        ).sqlstate
        == "PT403"
    )
    db.as_person(people["asha"])
    db.execute("select public.delete_quick_reply(%s, %s)", [business.org_id, mine["quick_reply_id"]])
    db.as_person(people["admin"])
    db.execute("select public.delete_quick_reply(%s, %s)", [business.org_id, shared["quick_reply_id"]])
    assert db.value("select count(*) from public.quick_replies") == 0


def test_a_shortcut_means_one_thing(save):
    save("admin", shortcut="price")
    save("asha", shortcut="mine", personal=True)

    assert save("admin", shortcut="PRICE").detail == "shortcut_taken"
    assert save("asha", shortcut="price", personal=True).detail == "shortcut_taken"
    assert save("asha", shortcut="mine", personal=True).detail == "shortcut_taken"
    assert save("ravi", shortcut="mine", personal=True)["shortcut"] == "mine", "somebody else's is another"


def test_who_leaves_takes_their_own_replies_along(business, db, save, people):
    save("asha", shortcut="mine", personal=True)
    save("admin", shortcut="ours")

    db.execute("delete from public.memberships where user_id = %s", [people["asha"].id])

    assert [r["shortcut"] for r in business.table("public.quick_replies")] == ["ours"]
