"""P17: inquiries reach support and can be answered; who has no business with one sees nothing of it."""

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

import pytest
from psycopg.types.json import Jsonb

from tests.business import call
from tests.database import Database, Person

TOKEN = sha256(b"the secret link").hexdigest()
NOTE = "Only Flow reads this note"
PLANTED = (
    "+919810000011", "asha@example.com", "eyJhbGciOiJIUzI1NiJ9.e30.x", "EAAGm0PX4ZCps", "The pump is late",
)  # fmt: skip


@dataclass(frozen=True)
class World:
    """An organization with two agents, somebody of Flow, and a stranger with a business of their own."""

    db: Database
    org_id: UUID
    owner: Person
    agent: Person
    colleague: Person
    staff: Person
    stranger: Person
    other: UUID

    def ask(self, who: Person | None, query: str, *args: Any) -> Any:
        """What a function of people answers to somebody."""
        if who:
            self.db.as_person(who)
        else:
            self.db.as_anon()
        given = [Jsonb(arg) if isinstance(arg, dict) else arg for arg in args]
        return self.db.value(f"select public.{query}", *given)

    def open(self, who: Person, text: str = "It does not send", **more: object) -> str:
        ticket = {"subject": "Sending", "category": "problem", "text": text, **more}
        return str(self.ask(who, "open_ticket(%s, %s)", self.org_id, ticket)["ticket_id"])

    def read(self, who: Person, ticket: str) -> Any:
        return self.ask(who, "read_ticket(%s, %s)", self.org_id, ticket)

    def refused(self, who: Person, query: str, *args: Any) -> str:
        self.db.as_person(who)
        given = [Jsonb(arg) if isinstance(arg, dict) else arg for arg in args]
        return str(self.db.refusal(f"select public.{query}", *given).detail)

    def inquire(self, *, must_confirm: bool = False, visit: UUID | None = None, **more: Any) -> Any:
        """Somebody from outside writes: the answer of the worker's function."""
        inquiry = {
            "category": "grievance",
            "name": "Ravi",
            "email": "Ravi@example.com",
            "text": "I ask to be forgotten",
        }
        hashes = {"token_sha256": TOKEN, "network_sha256": "a" * 64, "address_sha256": "b" * 64} | more
        return call(
            self.db, "open_inquiry",
            visit=str(visit or uuid4()), inquiry=inquiry, must_confirm=must_confirm, **hashes,
        )  # fmt: skip


@pytest.fixture
def world(
    db: Database, org: Callable[..., UUID], person: Callable[..., Person], member: Callable[..., Person]
) -> World:
    owner, staff, stranger = person("owner"), person("staff"), person("stranger")
    org_id, other = org(owner), org(stranger, name="Other Traders")
    db.execute("select worker.set_support(%s, true)", [staff.email])
    return World(db, org_id, owner, member(org_id), member(org_id), staff, stranger, other)


def told(page: Any) -> list[tuple[str, str]]:
    return [(message["side"], message["body"]) for message in page["messages"]]


def test_P17_a_members_ticket_reaches_staff_and_their_answer_reaches_the_member(world: World) -> None:
    ticket = world.open(world.agent, urgency="high")

    (line,) = [t for t in world.ask(world.staff, "support_queue()")["items"] if t["id"] == ticket]
    assert (line["state"], line["urgency"], line["organization"]) == ("open", "high", "Sharma Traders")
    world.ask(world.staff, "change_ticket(%s, %s)", ticket, {"assignee_id": str(world.staff.id)})
    assert world.ask(world.staff, "support_queue('mine')")["items"][0]["id"] == ticket
    world.ask(world.staff, "answer_ticket(%s, 'Sign in once more')", ticket)

    listed = world.ask(world.agent, "my_tickets(%s)", world.org_id)["items"][0]
    assert (listed["state"], listed["is_unread"]) == ("waiting_for_you", True)
    news = world.ask(world.agent, "my_notifications(%s)", world.org_id)["items"][0]
    assert (news["kind"], news["ticket_id"], news["actor"]) == ("ticket_answered", ticket, None)
    page = world.read(world.agent, ticket)
    assert told(page) == [("person", "It does not send"), ("staff", "Sign in once more")]
    assert [message["name"] for message in page["messages"]][1] is None, "who of Flow answers is Flow's"
    assert not world.ask(world.agent, "my_tickets(%s)", world.org_id)["items"][0]["is_unread"]


def test_P17_a_reply_opens_again_what_was_solved_and_both_times_are_measured(world: World) -> None:
    ticket = world.open(world.agent)
    world.ask(world.staff, "answer_ticket(%s, 'Done')", ticket)
    world.ask(world.agent, "solve_ticket(%s, %s)", world.org_id, ticket)
    solved = world.ask(world.staff, "support_ticket(%s)", ticket)
    world.ask(world.agent, "reply_ticket(%s, %s, 'It is back')", world.org_id, ticket)
    world.ask(world.agent, "reply_ticket(%s, %s, 'It is back')", world.org_id, ticket)
    again = world.ask(world.staff, "support_ticket(%s)", ticket)

    assert (solved["state"], bool(solved["first_answer_at"]), bool(solved["solved_at"])) == (
        "solved",
        True,
        True,
    )
    assert (again["state"], again["solved_at"]) == ("waiting_for_us", None)
    assert told(again).count(("person", "It is back")) == 1, "sent twice it is one"


def test_P17_an_agents_ticket_is_seen_by_administrators_and_nobody_else(world: World) -> None:
    ticket = world.open(world.agent)

    assert world.read(world.owner, ticket)["id"] == ticket
    assert world.refused(world.colleague, "read_ticket(%s, %s)", world.org_id, ticket) == "ticket_not_found"
    assert (
        world.refused(world.colleague, "reply_ticket(%s, %s, 'x')", world.org_id, ticket)
        == "ticket_not_found"
    )
    assert world.ask(world.colleague, "my_tickets(%s)", world.org_id)["items"] == []
    assert world.refused(world.stranger, "read_ticket(%s, %s)", world.other, ticket) == "ticket_not_found"
    assert world.ask(world.stranger, "my_tickets(%s)", world.other)["items"] == []
    for query, *args in (
        ("support_queue()",), ("support_ticket(%s)", ticket), ("answer_ticket(%s, 'x')", ticket),
        ("change_ticket(%s, %s)", ticket, {"state": "closed"}), ("ask_ticket_access(%s)", ticket),
    ):  # fmt: skip
        assert world.refused(world.owner, query, *args) == "not_found", query


def test_P17_a_note_of_flows_people_is_shown_mailed_and_exported_to_nobody_else(world: World) -> None:
    ticket = world.open(world.agent)
    world.ask(world.staff, "answer_ticket(%s, %s, true)", ticket, NOTE)
    world.inquire()
    (outside,) = world.ask(world.staff, "support_queue('inquiries')")["items"]
    world.ask(world.staff, "answer_ticket(%s, %s, true)", outside["id"], NOTE)

    assert NOTE in str(world.ask(world.staff, "support_ticket(%s)", ticket))
    page = world.read(world.owner, ticket)
    assert (NOTE in str(page), page["state"]) == (False, "open")
    assert world.ask(world.agent, "my_notifications(%s)", world.org_id)["items"] == []
    world.db.as_operator()
    assert NOTE not in str(call(world.db, "inquiry", token_sha256=TOKEN))
    assert call(world.db, "claim_support_mails")["mails"] == []
    exported = "select worker.export_page(%s, 'private.ticket_messages', null, clock_timestamp())"
    assert (
        NOTE in str(world.db.value(exported, world.org_id)),
        "It does not send" in str(world.db.value(exported, world.org_id)),
    ) == (False, True)


def test_P17_staff_see_the_ticket_and_nothing_else_until_an_owner_lets_them_in(world: World) -> None:
    ticket = world.open(world.agent)
    world.ask(world.staff, "ask_ticket_access(%s)", ticket)
    assert world.refused(world.staff, "begin_support(%s)", world.org_id) == "organization_not_found"
    assert world.ask(world.owner, "my_notifications(%s)", world.org_id)["items"][0]["kind"] == "ticket_access"
    assert (
        world.refused(world.agent, "grant_ticket_access(%s, %s, 4)", world.org_id, ticket) == "role_too_low"
    )

    world.ask(world.owner, "grant_ticket_access(%s, %s, 4)", world.org_id, ticket)

    assert world.read(world.agent, ticket)["access"]["is_open"]
    assert world.ask(world.staff, "begin_support(%s)", world.org_id)["ends_at"]
    world.db.as_operator()
    done = (
        "select array_agg(action order by id) from public.audit_log"
        " where org_id = %s and action ~ '^(support|ticket)'"
    )
    assert world.db.value(done, world.org_id) == [
        "ticket.opened",
        "support.asked",
        "support.granted",
        "support.looked",
    ]


def test_P17_a_strangers_inquiry_reaches_the_queue_and_their_link_shows_the_answer(world: World) -> None:
    visit = uuid4()
    first, twice = (world.inquire(visit=visit) for _ in range(2))
    assert first == twice
    (line,) = [
        t for t in world.ask(world.staff, "support_queue('inquiries')")["items"] if t["id"] == str(visit)
    ]
    assert (line["reference"], line["is_public"], line["is_confirmed"]) == (first["reference"], True, False)
    world.ask(world.staff, "answer_ticket(%s, 'It is done')", visit)

    world.db.as_operator()
    page = call(world.db, "inquiry", token_sha256=TOKEN)
    assert (page["state"], told(page)[1]) == ("waiting_for_you", ("staff", "It is done"))
    assert world.db.value("select worker.inquiry(%s)", "c" * 64) is None
    call(world.db, "reply_inquiry", token_sha256=TOKEN, body="Thank you")
    assert call(world.db, "inquiry", token_sha256=TOKEN)["state"] == "waiting_for_us"


def test_P17_an_address_that_nobody_proved_waits_apart_and_is_forgotten(world: World) -> None:
    visit = uuid4()
    world.inquire(must_confirm=True, visit=visit)
    (mail,) = call(world.db, "claim_support_mails")["mails"]
    assert (mail["to"], mail["is_confirmation"]) == ("ravi@example.com", True)
    assert call(world.db, "claim_support_mails")["mails"] == [], "it comes again later, not at once"
    waiting = {t["id"] for t in world.ask(world.staff, "support_queue()")["items"]}
    assert str(visit) not in waiting
    assert world.refused(world.staff, "answer_ticket(%s, 'x')", visit) == "inquiry_unconfirmed"

    world.db.as_operator()
    call(world.db, "confirm_inquiry", token_sha256=TOKEN)
    assert str(visit) in {t["id"] for t in world.ask(world.staff, "support_queue()")["items"]}


def test_P17_inquiries_past_their_time_are_counted_and_seen(world: World) -> None:
    before = world.db.value("select private.overdue_inquiries()")
    world.inquire()
    world.db.execute(
        "update private.tickets set due_at = now() - interval '1 minute'"
        " where org_id is null and state = 'open'"
    )

    assert world.db.value("select private.overdue_inquiries()") == before + 1
    (late,) = world.ask(world.staff, "support_queue('overdue')")["items"]
    assert late["is_overdue"]
    world.ask(world.staff, "change_ticket(%s, %s)", late["id"], {"state": "solved"})
    world.db.as_operator()
    assert world.db.value("select private.overdue_inquiries()") == before


def test_P17_many_inquiries_of_one_address_or_member_are_too_many(world: World) -> None:
    answers = [world.inquire(token_sha256=sha256(bytes([n])).hexdigest())["too_many"] for n in range(5)]
    assert answers == [False, False, False, True, True]
    other = {"address_sha256": "e" * 64, "token_sha256": "f" * 64}
    assert not world.inquire(**other)["too_many"], "another address of the same network still may"

    for n in range(20):
        world.open(world.agent, f"Ticket {n}")
    assert (
        world.refused(
            world.agent,
            "open_ticket(%s, %s)",
            world.org_id,
            {"subject": "x", "category": "other", "text": "y"},
        )
        == "too_many_tickets"
    )


@pytest.mark.parametrize("secret", PLANTED)
def test_P17_diagnostics_let_no_words_phones_or_secrets_through(world: World, secret: str) -> None:
    keys = ("browser", "os", "route", "release", "language", "screen")
    lists = ("requests", "traces", "errors", "health")
    hostile = dict.fromkeys((*keys, "contents"), secret) | {key: [secret, {"deep": secret}] for key in lists}
    harmless = {"browser": "Chrome 142", "route": "/leads/:id", "errors": ["0123456789abcdef"]}
    first = world.open(world.agent, diagnostics=hostile)
    second = world.open(world.agent, diagnostics=hostile | harmless)

    assert world.read(world.agent, first)["diagnostics"] == {}
    assert world.ask(world.staff, "support_ticket(%s)", second)["diagnostics"] == harmless


def test_P17_words_and_people_of_an_inquiry_go_after_a_year_and_that_it_was_answered_stays(
    world: World,
) -> None:
    world.inquire()
    world.db.execute(
        "update private.tickets set state = 'closed', closed_at = now() - interval '13 months'"
        " where org_id is null"
    )
    for table in ("inquiry_people", "ticket_messages", "tickets"):
        expired = world.db.value(
            "select expired from private.retention_tables where table_name = %s and class = 'inquiries'",
            f"private.{table}",
        )
        old = expired.replace("$1", "now() - interval '1 year'")
        world.db.execute(f"delete from private.{table} t where {old}")

    left = [
        world.db.value(f"select count(*) from private.{table} {where}")
        for table, where in (
            ("inquiry_people", ""), ("ticket_messages", "where org_id is null"),
            ("tickets", "where org_id is null"),
        )
    ]  # fmt: skip
    assert left == [0, 0, 1]


def test_P17_operators_answer_by_reference(world: World) -> None:
    ticket = world.open(world.agent, urgency="urgent")
    world.db.as_operator()
    (line,) = [t for t in call(world.db, "support_inbox")["items"] if t["id"] == ticket]
    call(world.db, "support_answer", reference=line["reference"].lower(), body=NOTE, is_internal=True)
    call(world.db, "support_answer", reference=line["reference"], body="Done")

    assert told(call(world.db, "support_conversation", reference=line["reference"])) == [
        ("person", "It does not send"), ("staff", NOTE), ("staff", "Done"),
    ]  # fmt: skip
    assert told(world.read(world.agent, ticket))[1:] == [("staff", "Done")]
    world.db.as_operator()
    assert world.db.refusal("select worker.support_conversation('F-1; x')").detail == "ticket_not_found"


def test_P17_what_is_solved_is_closed_after_two_weeks_and_not_before(world: World) -> None:
    old, new = world.open(world.agent), world.open(world.agent, "Another")
    for ticket in (old, new):
        world.ask(world.agent, "solve_ticket(%s, %s)", world.org_id, ticket)
    world.db.as_operator()
    world.db.execute(
        "update private.tickets set changed_at = now() - interval '15 days' where id = %s", [old]
    )
    world.db.execute("select private.clean_up()")

    state = "select array_agg(state order by number) from private.tickets where org_id = %s"
    assert world.db.value(state, world.org_id) == ["closed", "solved"]


def test_P17_who_left_is_neither_told_nor_let_in(world: World) -> None:
    ticket = world.open(world.agent)
    world.db.as_operator()
    world.db.execute("delete from public.memberships where user_id = %s", [world.agent.id])
    world.ask(world.staff, "answer_ticket(%s, 'Done')", ticket)

    assert world.refused(world.agent, "read_ticket(%s, %s)", world.org_id, ticket) == "organization_not_found"
    assert told(world.read(world.owner, ticket))[1] == ("staff", "Done")
