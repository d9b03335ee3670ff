"""The stored events alone say what every message and conversation must look like: worked out anew, it is the same."""

import random
from collections.abc import Iterator

import psycopg
import pytest

from tests.business import Business, fresh_org, post, status, text
from tests.database import LIMITS, Database
from tests.sql.test_meta_order import events_of, in_posts


@pytest.fixture(scope="module")
def lively(dsn: str) -> Iterator[Business]:
    """A business with a lively history, on a connection with one picture of the database; rolled back."""
    with Database.connect(dsn, options=LIMITS) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        yield a_lively_history(connection)
        connection.rollback()


@pytest.fixture
def db(lively: Business) -> Iterator[Database]:
    """The connection of the lively business; what a test does is rolled back to its history."""
    with lively.db.transaction(force_rollback=True):
        yield lively.db


@pytest.fixture
def business(lively: Business, db: Database) -> Business:
    """The business with a lively history."""
    return lively


def a_lively_history(db: Database) -> Business:
    """Two businesses share the posts, one is looked at."""
    chance = random.Random(7)  # noqa: S311
    businesses = [Business(db, fresh_org(db, name)) for name in ("One", "Two")]
    events = []
    for side, each in enumerate(businesses):
        ids = each.send(*[f"+9198{side * 1000 + n % 25:06d}00" for n in range(30)])
        outbound = [f"wamid.out.{side}.{n}" for n in range(30)]
        for message, wamid in zip(ids, outbound, strict=True):
            db.execute(
                "update public.messages set wamid = %s, status = 'sent' where id = %s", [wamid, message]
            )
        events += events_of(side, each, outbound, chance)[:300]
    chance.shuffle(events)
    for body in in_posts(events + events[:50], iter(lambda: chance.choice([1, 3, 20]), 0)):
        post(db, body)
    return businesses[0]


def rebuild(business: Business, *, correct: bool = True) -> dict:
    return business.db.value("select private.rebuild(%s, %s)", business.org_id, correct)


def test_a_lively_history_is_worked_out_anew_and_is_what_is_there(business):
    before = business.table("public.messages", "id"), business.table("public.conversations", "id")
    found = rebuild(business)
    assert found["equal"], found["examples"]
    assert found["messages"] > 100
    assert found["events"] > 50
    assert found["corrected"] == 0
    assert before == (
        business.table("public.messages", "id"),
        business.table("public.conversations", "id"),
    )


def test_a_rebuild_leaves_nothing_of_its_shadow_behind(business):
    tables = ("public.organizations", "public.messages", "public.contacts", "private.dead_letters")
    before = [business.db.value(f"select count(*) from {table}") for table in tables]
    rebuild(business)
    assert [business.db.value(f"select count(*) from {table}") for table in tables] == before


def test_what_was_changed_behind_the_events_is_found_and_put_right(business):
    db = business.db
    whole = business.table("public.messages", "id"), business.table("public.conversations", "id")
    damage = [
        "update public.messages set status = 'read', read_at = now() where org_id = %s and status = 'delivered'",
        "update public.messages set text = 'forged' where org_id = %s and edits is not null",
        "update public.messages set reactions = null where org_id = %s and reactions is not null",
        "update public.conversations set window_expires_at = now() where org_id = %s",
        "update public.conversations set last_message_text = 'forged' where org_id = %s",
    ]
    for statement in damage:
        assert db.execute(statement, [business.org_id]).rowcount > 0, statement
    only_told = rebuild(business, correct=False)
    assert not only_told["equal"]
    assert only_told["corrected"] == 0
    assert only_told["wrong_messages"] > 0 < only_told["wrong_conversations"]
    found = rebuild(business)
    assert found["corrected"] == found["wrong_messages"] + found["wrong_conversations"]
    assert (business.table("public.messages", "id"), business.table("public.conversations", "id")) == whole
    assert rebuild(business)["equal"]


def test_a_lost_message_is_brought_back_from_its_event(business):
    db = business.db
    lost = db.value(
        "select wamid from public.messages where org_id = %s and direction = 'inbound' order by id limit 1",
        business.org_id,
    )
    row = business.message(lost)
    db.execute("delete from public.messages where org_id = %s and wamid = %s", [business.org_id, lost])
    found = rebuild(business)
    assert (found["missing_messages"], found["equal"]) == (1, False)
    kept = {key: value for key, value in row.items() if key not in ("id", "created_at")}
    back = business.message(lost)
    assert {key: back[key] for key in kept} == kept
    assert rebuild(business)["missing_messages"] == 0


def test_a_message_without_an_event_is_told_and_never_deleted(business):
    db = business.db
    db.execute(
        """
        insert into public.messages (org_id, conversation_id, contact_id, direction, kind, body, status, wamid, origin)
        select org_id, id, contact_id, 'inbound', 'text', '{}', 'received', 'wamid.forged', 'customer'
          from public.conversations where org_id = %s limit 1
        """,
        [business.org_id],
    )
    found = rebuild(business)
    assert found["messages_without_event"] == 1
    assert business.message("wamid.forged")["text"] is None


def test_what_came_in_while_disconnected_stays_out(db):
    business = Business(db, fresh_org(db))
    business.hear(text("wamid.before"))
    stays = db.value("select clock_timestamp()")
    db.execute("select worker.disconnect_whatsapp(%s)", [business.org_id])
    # One transaction has one now(): the history is moved apart by hand, as it would be.
    moved = {
        "public.messages": "created_at", "private.webhook_events": "received_at",
    }  # fmt: skip
    for table, column in moved.items():
        db.execute(f"update {table} set {column} = {column} - interval '2 hours'")
    with_trigger_off = "alter table public.audit_log {} trigger audit_log_forbid_change"
    db.execute(with_trigger_off.format("disable"))
    db.execute(
        """
        update public.audit_log set at = at - case action when 'whatsapp.connected' then interval '3 hours'
                                                          else interval '1 hour' end where org_id = %s
        """,
        [business.org_id],
    )
    db.execute(with_trigger_off.format("enable"))
    assert business.hear(text("wamid.meanwhile"))["kept"] == 1
    db.execute("update private.webhook_events set received_at = received_at - interval '30 minutes' "
               "where received_at > %s - interval '1 hour'", [stays])  # fmt: skip
    business.connect()
    business.hear(text("wamid.after"))
    found = rebuild(business)
    assert found["equal"], found["examples"]
    assert found["messages"] == 2


def test_a_status_of_another_organizations_message_does_not_reach_the_shadow(db):
    mine, theirs = Business(db, fresh_org(db, "Mine")), Business(db, fresh_org(db, "Theirs"))
    message = theirs.sent()
    theirs.told(status(f"wamid.{message}", "read"))
    mine.hear(text("wamid.mine"))
    assert rebuild(mine)["equal"]
    assert rebuild(mine)["messages"] == 1


def test_a_rebuild_wants_one_picture_of_the_database(dsn):
    with Database.connect(dsn, options=LIMITS) as connection:
        told = connection.refusal("select private.rebuild(%s)", fresh_org(connection))
        connection.rollback()
    assert told.detail == "isolation_too_low"


def test_an_organization_without_whatsapp_is_rebuilt_from_nothing(db):
    found = db.value("select private.rebuild(%s)", fresh_org(db))
    assert found["equal"]
    assert (found["events"], found["messages"]) == (0, 0)
