"""The log of what came in: each organization sees its own webhooks, runs and files, what failed, and can try it again."""

import json

import pytest

from tests.business import Business, fresh_org, post, status, text, webhook


@pytest.fixture
def admin(member, business):
    return member(business.org_id, "admin")


def log(db, who, org_id, **args):
    db.as_person(who)
    told = db.value("select public.sync_log(%s, %s, %s, %s, %s, %s)", org_id,
                    *(args.get(name, default) for name, default in (("source", None), ("show", "news"), ("before_at", None), ("before_key", None), ("page_size", 50))))  # fmt: skip
    db.as_operator()
    return told


def trace(db, who, org_id, item):
    db.as_person(who)
    told = db.value("select public.event_trace(%s, %s, %s)", org_id, item["event_id"], item["at"])
    db.as_operator()
    return told


def break_messages(db, words="the table is closed for repairs"):
    """Let storing a message fail, for what is the item's fault and no passing trouble."""
    db.execute(
        f"""
        create function private.broken() returns trigger language plpgsql as $$ begin raise '{words}' using errcode = '23514'; end $$;
        create trigger broken before insert on public.messages for each row when (new.text like 'Broken%%') execute function private.broken();
        """
    )


def mend_messages(db):
    db.execute("drop trigger broken on public.messages; drop function private.broken()")


def age(db, org_id):
    """A minute passes for what failed."""
    db.execute(
        "update private.dead_letters set created_at = created_at - interval '1 minute' where org_id = %s",
        [org_id],
    )


def test_a_webhook_is_in_the_log_with_what_it_held_and_how_late_it_came(db, business, admin):
    business.hear(
        text("wamid.1", "Hello", at=business.now() - 90), text("wamid.2", "Price?", at=business.now() - 5)
    )

    [item] = log(db, admin, business.org_id)["items"]

    assert (item["source"], item["state"], item["messages"], item["statuses"], item["dead"]) == (
        "whatsapp", "ok", 2, 0, 0,
    )  # fmt: skip
    assert 80 <= item["lag_seconds"] <= 100
    told = trace(db, admin, business.org_id, item)
    assert [update["item"]["text"]["body"] for update in told["updates"]] == ["Hello", "Price?"]
    assert all(update["message_id"] and update["conversation_id"] for update in told["updates"])
    assert told["failures"] == []


def test_what_fails_is_told_with_its_reason_and_a_replay_brings_it_in(db, business, admin):
    break_messages(db)
    business.hear(text("wamid.1", "Hello"), text("wamid.2", "Broken one"))
    [item] = log(db, admin, business.org_id, show="failures")["items"]
    assert (item["state"], item["dead"]) == ("partly", 1)
    [failure] = trace(db, admin, business.org_id, item)["failures"]
    assert failure["words"] == "the table is closed for repairs"
    assert failure["item"]["text"]["body"] == "Broken one"
    mend_messages(db)
    age(db, business.org_id)

    db.as_person(admin)
    told = db.value("select public.replay_event(%s, %s, %s)", business.org_id, item["event_id"], item["at"])
    db.as_operator()

    assert told["dead"] == 0
    assert sorted(row["text"] for row in business.table("public.messages")) == ["Broken one", "Hello"]
    [item] = log(db, admin, business.org_id)["items"]
    assert (item["state"], item["replayed_at"] is None) == ("ok", False)
    assert log(db, admin, business.org_id, show="failures")["items"] == []
    assert db.value(
        "select count(*) from public.audit_log where org_id = %s and action = 'event.replayed'",
        business.org_id,
    )


def test_a_replay_that_fails_again_says_so_and_waits_before_the_next(db, business, admin):
    break_messages(db)
    business.hear(text("wamid.2", "Broken one"))
    [item] = log(db, admin, business.org_id)["items"]
    assert item["state"] == "failed"
    again = ("select public.replay_event(%s, %s, %s)", [business.org_id, item["event_id"], item["at"]])
    db.as_person(admin)
    assert db.refusal(again[0], *again[1]).detail == "replay_too_soon"
    db.as_operator()
    age(db, business.org_id)

    db.as_person(admin)
    assert db.value(again[0], *again[1])["dead"] == 1
    db.as_operator()

    [failure] = trace(db, admin, business.org_id, item)["failures"]
    assert failure["attempts"] == 2
    mend_messages(db)
    age(db, business.org_id)
    db.as_person(admin)
    assert db.value(again[0], *again[1])["dead"] == 0
    assert db.refusal(again[0], *again[1]).detail == "nothing_to_replay"


def test_a_body_for_two_organizations_shows_each_only_its_own(db, business, admin, member):
    other = Business(db, fresh_org(db), waba="700000000000001", number="700000000000002")
    neighbour = member(other.org_id, "admin")
    ours = webhook(business.change({"messages": [text("wamid.1", "For us")]}), waba=business.waba)
    theirs = webhook(other.change({"messages": [text("wamid.2", "For them")]}), waba=other.waba)

    post(db, {**ours, "entry": ours["entry"] + theirs["entry"]})

    for who, of, body in ((admin, business, "For us"), (neighbour, other, "For them")):
        [item] = log(db, who, of.org_id)["items"]
        assert item["messages"] == 1
        told = trace(db, who, of.org_id, item)
        assert [update["item"]["text"]["body"] for update in told["updates"]] == [body]
        assert told["count"] == 1
    [theirs_item] = log(db, neighbour, other.org_id)["items"]
    db.execute("delete from private.event_effects where org_id = %s", [business.org_id])
    db.as_person(admin)
    refused = db.refusal(
        "select public.event_trace(%s, %s, %s)", business.org_id, theirs_item["event_id"], theirs_item["at"]
    )
    assert refused.detail == "event_unknown"


def test_whoever_had_the_number_before_sees_nothing_of_it_now(db, business, admin, member):
    business.sent()
    db.as_person(admin)
    db.execute("select public.disconnect_whatsapp(%s)", [business.org_id])
    db.as_operator()
    later = Business(db, fresh_org(db), waba=business.waba, number=business.phone_number_id)
    newcomer = member(later.org_id, "admin")
    before = len(log(db, admin, business.org_id, show="all")["items"])

    post(
        db, webhook(later.change({"statuses": [status("wamid.of.theirs", "delivered")]}), waba=business.waba)
    )

    assert len(log(db, admin, business.org_id, show="all")["items"]) == before
    assert log(db, newcomer, later.org_id)["items"] == [], "statuses alone are no news"
    [item] = log(db, newcomer, later.org_id, show="all")["items"]
    assert item["statuses"] == 1


def test_news_of_a_template_are_in_the_log_of_who_has_the_account(db, business, admin):
    change = {
        "field": "message_template_status_update",
        "value": {"event": "REJECTED", "message_template_id": 77, "message_template_name": "hello", "message_template_language": "en", "reason": "NONE"},
    }  # fmt: skip
    post(db, webhook(change, waba=business.waba))

    [item] = log(db, admin, business.org_id)["items"]

    assert item["fields"] == ["message_template_status_update"]


def test_the_log_is_paged_without_loss_whatever_came_at_the_same_instant(db, business, admin):
    for n in range(7):  # one transaction: one instant
        business.hear(text(f"wamid.{n}", f"Number {n}"))

    seen, page = [], {}
    while page is not None:
        told = log(db, admin, business.org_id, page_size=3, **page)
        seen += [item["event_id"] for item in told["items"]]
        page = told["next"]

    assert len(seen) == len(set(seen)) == 7


def test_runs_and_files_stand_beside_webhooks_and_empty_runs_only_among_all(db, business, admin):
    business.hear(text("wamid.1", "Hello"))
    source = db.value(
        "insert into public.lead_sources (org_id, kind, name, key_sha256) values (%s, 'indiamart', 'IndiaMART', 'x') returning id",
        business.org_id,
    )
    for outcome, received in (("empty", 0), ("ok", 3), ("key_rejected", 0)):
        db.execute(
            "insert into public.sync_runs (org_id, source_id, kind, finished_at, outcome, received, inserted) values (%s, %s, 'live', now(), %s, %s, %s)",
            [business.org_id, source, outcome, received, received],
        )

    def kinds(**args):
        return sorted(
            (item["source"], item["state"]) for item in log(db, admin, business.org_id, **args)["items"]
        )

    assert kinds() == [("indiamart", "failed"), ("indiamart", "ok"), ("whatsapp", "ok")]
    assert kinds(show="all") == [
        ("indiamart", "failed"), ("indiamart", "ok"), ("indiamart", "ok"), ("whatsapp", "ok"),
    ]  # fmt: skip
    assert kinds(show="failures") == [("indiamart", "failed")]
    assert kinds(source="whatsapp") == [("whatsapp", "ok")]


@pytest.mark.parametrize("is_escaped", [False, True], ids=["as it is", "with slashes escaped, as Meta does"])
def test_the_trace_of_a_message_names_the_webhooks_that_told_of_it(db, business, member, is_escaped):
    agent = member(business.org_id, "agent")
    sent = business.sent()
    wamid = "wamid.HBgM/OTE5ODEw/MDA=="
    db.execute("update public.messages set wamid = %s where id = %s", [wamid, sent])
    told = [status(wamid, word, business.now()) for word in ("sent", "delivered")]
    body = json.dumps(webhook(business.change({"statuses": told}), waba=business.waba))
    post(db, (body.replace("/", "\\/") if is_escaped else body).encode())
    business.told(status("wamid.another", "read", business.now()))

    db.as_person(agent)
    told = db.value("select public.message_trace(%s, %s)", business.org_id, sent)

    assert len(told["webhooks"]) == 1
    assert (told["wamid"], told["file"]) == (wamid, None)
    assert db.refusal("select public.message_trace(%s, 1)", business.org_id).detail == ("message_not_found")


def test_events_and_what_they_held_leave_together_when_their_days_are_over(db, business, admin):
    business.hear(text("wamid.1", "Hello"))

    dropped = db.value("select private.roll_webhook_events(-1)")

    days = {name[-8:] for name in dropped if name.startswith("-")}
    for day in days:
        assert {f"-webhook_events_{day}", f"-event_effects_{day}"} <= set(dropped)
    db.as_person(admin)
    assert json.dumps(db.value("select public.sync_log(%s)", business.org_id))


def test_a_conversation_put_back_among_the_unread_stays_there_until_somebody_reads_it(db, business, member):
    agent = member(business.org_id, "agent")
    business.hear(text("wamid.1", "Hello"))
    [conversation] = business.table("public.conversations")
    db.as_person(agent)
    for statement, unread in (("mark_read", 0), ("mark_unread", 1), ("mark_unread", 1), ("mark_read", 0)):
        db.execute(f"select public.{statement}(%s, %s)", [business.org_id, conversation["id"]])
        assert (
            db.value("select unread_count from public.conversations where id = %s", conversation["id"])
            == unread
        )
