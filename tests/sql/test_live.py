"""Who looks sees what changes: nothing is missed whatever the order of commits, and nobody else pays for it."""

import random
import threading
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.business import Business, text
from tests.database import Database, Person
from tests.sql.retaining import retain

BUYERS = [f"9198100000{n:02}" for n in range(20)]
REALTIME = """
    create schema realtime;
    create table realtime.sent (payload jsonb, event text, topic text, private boolean);
    create table realtime.messages (topic text, extension text);
    alter table realtime.messages enable row level security;
    create function realtime.topic() returns text language sql stable as
      $$ select nullif(current_setting('realtime.topic', true), '') $$;
    create function realtime.send(payload jsonb, event text, topic text, private boolean default true) returns void
      language sql as $$ insert into realtime.sent values (payload, event, topic, private) $$;
"""


class Screen:
    """Somebody who looks, on a connection of their own."""

    def __init__(self, db: Database, business: Business, page_size: int = 200) -> None:
        self.db, self.org_id, self.page_size = db, business.org_id, page_size
        owner = db.value("select user_id from public.memberships where org_id = %s limit 1", self.org_id)
        self.person, self.cursor = Person(owner, ""), None
        self.resets = 0

    def ask(self) -> dict[str, Any]:
        with self.db.transaction():
            self.db.as_person(self.person)
            told: dict[str, Any] = self.db.value(
                "select public.changes(%s, %s, %s)", self.org_id, self.cursor, self.page_size
            )
        self.cursor = told["cursor"]
        self.resets += "reset" in told
        return told

    def settle(self) -> None:
        """Ask until what began before this screen looked has ended."""
        for _ in range(200):
            self.ask()
            if ".s." in (self.cursor or ""):
                return
            time.sleep(0.05)
        pytest.fail("never settled")


@pytest.fixture
def busy(lasting: Callable[..., Business]) -> Business:
    business = lasting()
    business.hear(*(text(f"wamid.{uuid4()}", sender=buyer) for buyer in BUYERS))
    return business


@pytest.fixture
def screen(busy: Business, connect: Callable[[], Database]) -> Screen:
    return Screen(connect(), busy)


def test_first_everything_is_loaded_then_only_what_changed(busy: Business, screen: Screen) -> None:
    assert screen.ask()["reset"] is True
    screen.settle()
    assert screen.ask()["changes"] == []
    thread = busy.table("public.conversations", "created_at")[0]["id"]

    busy.hear(text(f"wamid.{uuid4()}", sender=BUYERS[0]))

    (told,) = screen.ask()["changes"]
    newest = busy.db.value("select max(id) from public.messages where org_id = %s", busy.org_id)
    of = busy.db.value("select conversation_id::text from public.messages where id = %s", newest)
    assert told == {"conversation_id": of, "kinds": ["added", "conversation"], "message_ids": [newest]}
    assert screen.ask()["changes"] == []
    assert thread is not None


def test_what_came_while_everything_was_loaded_for_the_first_time_is_told(
    busy: Business, screen: Screen, connect: Callable[[], Database]
) -> None:
    """A page loads its lists while it asks for its first cursor; somebody writes between the two."""
    screen.settle()
    busy.hear(text(f"wamid.{uuid4()}", sender=BUYERS[0]))
    (told,) = screen.ask()["changes"]
    late = Screen(connect(), busy)

    assert late.ask()["reset"] is True
    assert late.ask()["changes"] == [told]
    assert late.ask()["changes"] == []

    busy.db.execute(
        "update private.changes set at = at - interval '31 seconds' where org_id = %s", [busy.org_id]
    )
    later = Screen(connect(), busy)
    assert later.ask()["reset"] is True
    assert later.ask() == {"cursor": later.cursor, "changes": []}


def test_what_members_do_is_told(busy: Business, screen: Screen) -> None:
    screen.settle()
    thread = busy.table("public.conversations")[0]["id"]
    for action, kinds in {
        "resolve_conversation(%s, %s)": ["conversation", "event"],
        "add_note(%s, %s, 'Look')": ["note"],
        "mark_read(%s, %s)": ["conversation"],
    }.items():
        with screen.db.transaction():
            screen.db.as_person(screen.person).execute(f"select public.{action}", [busy.org_id, thread])

        assert screen.ask()["changes"] == [{"conversation_id": thread, "kinds": kinds}]


def test_nothing_is_written_down_while_nobody_looks(busy: Business) -> None:
    assert busy.table("private.changes") == []


def test_too_much_to_name_is_a_reset(busy: Business, connect: Callable[[], Database]) -> None:
    screen = Screen(connect(), busy, page_size=5)
    screen.settle()

    busy.hear(*(text(f"wamid.{uuid4()}", sender=buyer) for buyer in BUYERS))

    told = screen.ask()
    assert (told["changes"], told["reset"]) == ([], True)
    assert "reset" not in screen.ask()


@pytest.mark.parametrize(
    "cursor", ["nonsense", "", "1.5.5.s.5:3:", "1.1.1.s.1:1:", "0", "1.9.9.s.99999999999999999999:1:"]
)
def test_a_cursor_that_says_nothing_is_a_reset(screen: Screen, cursor: str) -> None:
    screen.settle()
    screen.cursor = cursor

    assert screen.ask()["reset"] is True


def test_who_was_away_too_long_loads_everything_again(
    busy: Business, screen: Screen, connect: Callable[[], Database]
) -> None:
    screen.settle()
    late, kept = screen.cursor or "", Screen(connect(), busy)
    # An hour old, though others have listened all the while.
    parts = late.split(".")
    screen.cursor = ".".join([*parts[:2], str(int(parts[2]) - 3400), *parts[3:]])
    assert screen.ask()["reset"] is True
    # Nobody listened for a while.
    busy.db.execute(
        "update private.listeners set until = now() + interval '50 seconds' where org_id = %s", [busy.org_id]
    )
    assert kept.ask()["reset"] is True
    screen.cursor = late
    assert screen.ask()["reset"] is True


def test_changes_are_kept_for_an_hour(busy: Business, screen: Screen) -> None:
    screen.settle()
    busy.hear(text(f"wamid.{uuid4()}", sender=BUYERS[0]))
    busy.db.execute(
        "update private.changes set at = at - interval '61 minutes' where org_id = %s", [busy.org_id]
    )
    busy.hear(text(f"wamid.{uuid4()}", sender=BUYERS[1]))
    retain(busy.db, "feed")

    assert len(screen.ask()["changes"]) == 1


def test_who_wrote_before_it_could_know_of_the_listener_is_made_up_for(
    busy: Business, screen: Screen, connect: Callable[[], Database]
) -> None:
    """A transaction that looks for listeners, finds none, and commits after the screen has loaded."""
    writer = connect()
    with writer.transaction():
        writer.execute(
            "update public.conversations set last_message_text = 'late' where org_id = %s", [busy.org_id]
        )
        screen.ask()
        assert "reset" not in screen.ask()
        assert screen.ask()["changes"] == []
    resets = screen.resets
    screen.settle()
    assert screen.resets == resets + 1
    assert "reset" not in screen.ask()


def test_no_change_is_missed_whatever_the_order_of_commits(
    busy: Business, screen: Screen, connect: Callable[[], Database]
) -> None:
    """Writers whose transactions overlap and end in another order than they began, some undone; a screen that polls."""
    screen.settle()
    resets = screen.resets
    threads = [one["id"] for one in busy.table("public.conversations")]
    committed: list[set[int]] = []
    failed: list[Exception] = []

    def write(seed: int, db: Database) -> None:
        draw, mine = random.Random(seed), set()  # noqa: S311 (a choice, not a secret)
        try:
            for _ in range(25):
                made: list[int] = []
                try:
                    with db.transaction():
                        for _ in range(draw.randint(1, 3)):
                            made += [i for (i,) in db.rows(WRITE, busy.org_id, threads[seed])]
                            time.sleep(draw.random() * 0.01)
                        if draw.random() < 0.2:
                            raise UndoneError
                    mine |= set(made)
                except UndoneError:
                    pass
        except Exception as error:  # noqa: BLE001 (told to the main thread)
            failed.append(error)
        committed.append(mine)

    writers = [threading.Thread(target=write, args=(seed, connect())) for seed in range(8)]
    for one in writers:
        one.start()
    seen: list[int] = []
    while any(one.is_alive() for one in writers):
        seen += [i for change in screen.ask()["changes"] for i in change.get("message_ids", [])]
    seen += [i for change in screen.ask()["changes"] for i in change.get("message_ids", [])]

    assert failed == []
    expected = set().union(*committed)
    assert len(expected) > 100
    assert set(seen) == expected
    assert len(seen) == len(expected), "told twice"
    assert screen.resets == resets


class UndoneError(Exception):
    """The writer changes its mind."""


WRITE = """
    insert into public.messages (org_id, conversation_id, contact_id, direction, kind, body, status, origin)
    select c.org_id, c.id, c.contact_id, 'inbound', 'text', '{}', 'received', 'customer'
      from public.conversations c where c.org_id = %s and c.id = %s returning id
"""


def test_where_realtime_is_ids_are_broadcast_to_the_organizations_channel(
    business: Business, member: Callable[..., Person], person: Callable[..., Person]
) -> None:
    db, agent = business.db, member(business.org_id, "agent")
    db.execute(REALTIME)
    business.hear(text("wamid.quiet"))
    assert db.value("select count(*) from realtime.sent") == 0
    db.as_person(agent).execute("select public.changes(%s)", [business.org_id])
    db.as_operator()

    business.hear(text("wamid.loud", "the secret words"))

    sent = db.rows("select payload, event, topic, private from realtime.sent")
    thread = business.table("public.conversations")[0]["id"]
    assert {(event, topic, private) for _, event, topic, private in sent} == {
        ("changes", f"org:{business.org_id}", True)
    }
    assert {(c["conversation_id"], c["kind"]) for p, *_ in sent for c in p["changes"]} == {
        (thread, "added"), (thread, "conversation"),
    }  # fmt: skip
    assert "secret" not in str(sent)


def test_only_members_may_listen_to_the_channel(
    business: Business, member: Callable[..., Person], person: Callable[..., Person]
) -> None:
    db, agent, stranger = business.db, member(business.org_id, "agent"), person("stranger")
    db.execute(REALTIME)
    db.execute("select private.open_channel()")
    db.execute(
        "grant usage on schema realtime to authenticated; grant execute on all functions in schema realtime to authenticated"
    )
    db.execute("grant select on realtime.messages to authenticated")
    db.execute("insert into realtime.messages values ('probe', 'broadcast'), ('probe', 'presence')")

    def hears(who: Person, topic: str | UUID) -> int:
        db.as_person(who).execute("select set_config('realtime.topic', %s, true)", [f"org:{topic}"])
        count: int = db.value("select count(*) from realtime.messages")
        return count

    assert hears(agent, business.org_id) == 1
    assert hears(agent, uuid4()) == 0
    assert hears(agent, "nonsense") == 0
    assert hears(stranger, business.org_id) == 0
