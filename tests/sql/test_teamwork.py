"""Several people and one inbox: who answers, what is done, labels, notes, what each has read, and the pages of it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.business import Business, text
from tests.database import Database, Person

NOW = 1795000000
BUYERS = ("919810000011", "919810000012", "919810000013")


@pytest.fixture
def agent(business: Business, member: Callable[..., Person]) -> Person:
    return member(business.org_id, "agent")


@pytest.fixture
def colleague(business: Business, member: Callable[..., Person]) -> Person:
    return member(business.org_id, "agent")


@pytest.fixture
def threads(business: Business, agent: Person, colleague: Person) -> list[UUID]:
    """Three people wrote, the last one last; everybody had joined before."""
    business.db.execute("update public.memberships set created_at = '2020-01-01'")
    for turn, buyer in enumerate(BUYERS):
        business.hear(text(f"wamid.{turn}", f"Hello {turn}", NOW + turn, buyer), name=f"Buyer {turn}")
    found = "select id from public.conversations where org_id = %s order by last_message_at"
    return [one for (one,) in business.db.rows(found, business.org_id)]


def events(db: Database, thread: UUID) -> list[tuple[Any, ...]]:
    with db.operating():
        return db.rows(
            "select kind, actor, details from public.conversation_events where conversation_id = %s order by id", thread
        )  # fmt: skip


def inbox(db: Database, org_id: UUID, **given: object) -> list[UUID]:
    args = "".join(f", {name} => %s" for name in given)
    return [i for (i,) in db.rows(f"select id from public.inbox(%s{args})", org_id, *given.values())]


# Who answers, and whether it is done


def test_a_conversation_is_given_to_somebody_and_taken_back(
    business: Business, threads: list[UUID], agent: Person, colleague: Person
) -> None:
    db = business.db.as_person(agent)
    for who in (agent, agent, colleague, None):
        db.execute(
            "select public.assign_conversation(%s, %s, %s)",
            [business.org_id, threads[0], who.id if who else None],
        )

    assert events(db, threads[0]) == [
        ("assigned", agent.id, {"from": None, "to": str(agent.id)}),
        ("assigned", agent.id, {"from": str(agent.id), "to": str(colleague.id)}),
        ("assigned", agent.id, {"from": str(colleague.id), "to": None}),
    ]


def test_a_conversation_is_given_to_members_only(
    business: Business, threads: list[UUID], agent: Person, person: Callable[..., Person]
) -> None:
    stranger = person("stranger")
    db = business.db.as_person(agent)

    refused = db.refusal(
        "select public.assign_conversation(%s, %s, %s)", business.org_id, threads[0], stranger.id
    )

    assert (refused.sqlstate, refused.detail) == ("PT422", "not_a_member")


def test_a_new_message_opens_what_was_resolved_and_keeps_who_answers(
    business: Business, threads: list[UUID], agent: Person
) -> None:
    db = business.db.as_person(agent)
    db.execute("select public.assign_conversation(%s, %s, %s)", [business.org_id, threads[0], agent.id])
    for _ in range(2):
        db.execute("select public.resolve_conversation(%s, %s)", [business.org_id, threads[0]])
    assert threads[0] in inbox(db, business.org_id, status="resolved")
    db.execute("select set_config('request.jwt.claims', '', true)")

    business.hear(text("wamid.again", "One more thing", NOW + 100, BUYERS[0]))

    state = db.as_operator().row(
        "select status, assignee_id from public.conversations where id = %s", threads[0]
    )
    assert state == ("open", agent.id)
    assert [(kind, actor) for kind, actor, _ in events(db, threads[0])][1:] == [
        ("resolved", agent.id),
        ("reopened", None),
    ]


def test_a_conversation_is_opened_by_hand(business: Business, threads: list[UUID], agent: Person) -> None:
    db = business.db.as_person(agent)
    db.execute("select public.resolve_conversation(%s, %s)", [business.org_id, threads[0]])

    told = db.value("select public.reopen_conversation(%s, %s)", business.org_id, threads[0])

    assert (told["status"], told["was"]) == ("open", "resolved")


def test_who_leaves_leaves_conversations_to_nobody(
    business: Business, threads: list[UUID], agent: Person
) -> None:
    db = business.db.as_person(agent)
    db.execute("select public.assign_conversation(%s, %s, %s)", [business.org_id, threads[0], agent.id])
    db.as_operator().execute("delete from public.memberships where user_id = %s", [agent.id])

    assert events(db, threads[0])[-1][2] == {"from": str(agent.id), "to": None}


def test_of_two_who_assign_at_once_the_later_counts_and_both_are_told(
    lasting: Callable[..., Business], connect: Callable[[], Database]
) -> None:
    business = lasting()
    business.hear(text(f"wamid.{uuid4()}", sender=BUYERS[0]))
    thread = business.table("public.conversations")[0]["id"]
    people = [Person(uuid4(), "") for _ in range(6)]
    for one in people:
        business.db.execute(
            "insert into auth.users (id, email, raw_user_meta_data) values (%s, %s, '{}')",
            [one.id, f"{one.id}@example.test"],
        )
        business.db.execute(
            "insert into public.memberships (org_id, user_id, role) values (%s, %s, 'agent')",
            [business.org_id, one.id],
        )

    def assign(one: Person) -> None:
        db = connect()
        for _ in range(5):
            with db.transaction():
                db.as_person(one)
                db.execute("select public.assign_conversation(%s, %s, %s)", [business.org_id, thread, one.id])

    with ThreadPoolExecutor(len(people)) as pool:
        list(pool.map(assign, people))

    told = [details for _, _, details in events(business.db, thread)]
    assert {one["to"] for one in told} == {str(one.id) for one in people}
    assert [one["from"] for one in told] == [None, *(one["to"] for one in told[:-1])]
    assert business.table("public.conversations")[0]["assignee_id"] == told[-1]["to"]


def test_what_happened_is_never_changed(business: Business, threads: list[UUID], agent: Person) -> None:
    db = business.db.as_person(agent)
    db.execute("select public.resolve_conversation(%s, %s)", [business.org_id, threads[0]])
    db.as_operator()

    for change in (
        "update public.conversation_events set kind = 'reopened'",
        "delete from public.conversation_events",
    ):
        assert db.refusal(change).detail == "append_only"


# Labels


def test_a_label_is_one_however_it_is_capitalized(business: Business, agent: Person) -> None:
    db = business.db.as_person(agent)
    db.execute("select public.add_label(%s, ' Hot   lead ', '#FF0000')", [business.org_id])

    refused = db.refusal("select public.add_label(%s, 'HOT LEAD')", business.org_id)

    assert (refused.sqlstate, refused.detail) == ("PT409", "label_exists")
    assert db.row("select name, colour from public.labels") == ("Hot lead", "#ff0000")


@pytest.mark.parametrize(("name", "colour"), [("", "#000000"), ("x" * 41, "#000000"), ("Hot", "red")])
def test_a_label_has_a_name_and_a_colour(business: Business, agent: Person, name: str, colour: str) -> None:
    refused = business.db.as_person(agent).refusal(
        "select public.add_label(%s, %s, %s)", business.org_id, name, colour
    )

    assert refused.sqlstate == "PT422"


def test_labels_go_on_and_off_and_sort_the_inbox(
    business: Business, threads: list[UUID], agent: Person, member: Callable[..., Person]
) -> None:
    db = business.db.as_person(agent)
    label = db.value("select public.add_label(%s, 'Hot')", business.org_id)["label_id"]
    put = "select public.label_conversation(%s, %s, %s, %s)"
    changed = [
        db.value(put, business.org_id, threads[0], label, on)["changed"] for on in (True, True, False, False, True)
    ]  # fmt: skip

    assert changed == [True, False, True, False, True]
    assert [kind for kind, _, _ in events(db, threads[0])] == ["labelled", "unlabelled", "labelled"]
    assert inbox(db, business.org_id, label_id=label) == [threads[0]]
    assert db.value("select label_ids from public.inbox(%s) where id = %s", business.org_id, threads[0]) == [
        UUID(label)
    ]
    db.as_person(member(business.org_id, "admin"))
    assert db.value("select public.delete_label(%s, %s)", business.org_id, label)["conversations"] == 1
    assert inbox(db, business.org_id, label_id=label) == []


# Notes


def test_a_note_is_written_once_and_mentions_members(
    business: Business, threads: list[UUID], agent: Person, colleague: Person
) -> None:
    db = business.db.as_person(agent)
    token = uuid4()
    add = "select public.add_note(%s, %s, 'Ask @colleague', %s, %s)"
    first, again = (
        db.value(add, business.org_id, threads[0], [colleague.id], token)["note_id"] for _ in range(2)
    )
    refused = db.refusal(add, business.org_id, threads[0], [uuid4()], uuid4())

    assert first == again
    assert (refused.sqlstate, refused.detail) == ("PT422", "not_a_member")
    (told,) = db.value("select public.conversation_timeline(%s, %s)", business.org_id, threads[0])["notes"]
    assert (told["text"], told["author_id"], told["mentions"]) == (
        "Ask @colleague", str(agent.id), [str(colleague.id)],
    )  # fmt: skip


def test_a_note_is_changed_by_its_author_alone(
    business: Business, threads: list[UUID], agent: Person, colleague: Person
) -> None:
    db = business.db.as_person(agent)
    note = db.value("select public.add_note(%s, %s, 'First')", business.org_id, threads[0])["note_id"]
    db.execute("select public.edit_note(%s, %s, 'Second')", [business.org_id, note])
    db.as_person(colleague)
    for change in ("edit_note(%s, %s, 'Mine')", "delete_note(%s, %s)"):
        assert db.refusal(f"select public.{change}", business.org_id, note).detail == "note_of_somebody_else"
    db.as_person(agent)

    assert db.row("select text, edited_at is not null from public.conversation_notes") == ("Second", True)
    db.execute("select public.delete_note(%s, %s)", [business.org_id, note])
    assert db.value("select count(*) from public.conversation_notes") == 0


# What each has read


def unread(db: Database, org_id: UUID, thread: UUID) -> tuple[int, int]:
    mine, team = db.row(
        "select unread_by_me, unread_count from public.inbox(%s) where id = %s", org_id, thread
    )
    return mine, team


def test_each_member_has_unread_messages_of_their_own(
    business: Business, threads: list[UUID], agent: Person, colleague: Person
) -> None:
    db = business.db
    assert unread(db.as_person(agent), business.org_id, threads[0]) == (1, 1)
    db.execute("select public.mark_read(%s, %s)", [business.org_id, threads[0]])
    assert unread(db, business.org_id, threads[0]) == (0, 0)
    assert unread(db.as_person(colleague), business.org_id, threads[0]) == (1, 0)

    business.hear(text("wamid.more", "More", NOW + 50, BUYERS[0]))

    assert unread(db.as_person(agent), business.org_id, threads[0]) == (1, 1)
    assert unread(db.as_person(colleague), business.org_id, threads[0]) == (2, 1)


def test_unread_is_counted_to_99_and_not_from_before_somebody_joined(
    business: Business, threads: list[UUID], agent: Person, member: Callable[..., Person]
) -> None:
    business.hear(*(text(f"wamid.many.{i}", at=NOW + 10 + i, sender=BUYERS[0]) for i in range(120)))
    newcomer = member(business.org_id, "agent")

    assert unread(business.db.as_person(agent), business.org_id, threads[0])[0] == 99
    assert unread(business.db.as_person(newcomer), business.org_id, threads[0])[0] == 0


# Pages


def test_the_inbox_is_narrowed(
    business: Business, threads: list[UUID], agent: Person, colleague: Person
) -> None:
    db, org = business.db.as_person(agent), business.org_id
    db.execute("select public.assign_conversation(%s, %s, %s)", [org, threads[0], agent.id])
    db.execute("select public.assign_conversation(%s, %s, %s)", [org, threads[1], colleague.id])
    db.execute("select public.mark_read(%s, %s)", [org, threads[1]])
    with db.operating():
        db.execute(
            "update public.messages set needs_attention = true where conversation_id = %s", [threads[2]]
        )

    assert inbox(db, org) == threads[::-1]
    assert inbox(db, org, assignee="me") == [threads[0]]
    assert inbox(db, org, assignee="nobody") == [threads[2]]
    assert inbox(db, org, assignee="given") == [threads[1], threads[0]]
    assert inbox(db, org, assignee="given", assignee_id=colleague.id) == [threads[1]]
    assert inbox(db, org, unread_only=True) == [threads[2], threads[0]]
    assert inbox(db, org, attention_only=True) == [threads[2]]
    assert inbox(db, org, number_id=business.number_id) == threads[::-1]
    assert inbox(db, org, number_id=uuid4()) == []
    assert inbox(db, org, assignee="me", unread_only=True) == [threads[0]]
    assert db.refusal("select public.inbox(%s, assignee => 'you')", org).detail == "assignee_unknown"
    assert [i for (i,) in db.rows("select id from public.cards(%s, %s)", org, threads[:2])] == threads[:2]


def test_narrowed_pages_join_without_a_gap(business: Business, threads: list[UUID], agent: Person) -> None:
    db, seen = business.db.as_person(agent), []
    at: Any = None
    last: Any = None
    while page := db.rows(
        "select last_message_at, id from public.inbox(%s, 'open', 1, %s, %s, 'nobody')",
        business.org_id, at, last,
    ):  # fmt: skip
        ((at, last),) = page
        seen.append(last)

    assert seen == threads[::-1]


def test_a_thread_opens_around_a_message_and_catches_up(
    business: Business, threads: list[UUID], agent: Person
) -> None:
    # Five messages at each instant: the id breaks the ties.
    business.hear(*(text(f"wamid.t.{i:02}", at=NOW + 10 + i // 5, sender=BUYERS[0]) for i in range(40)))
    db, org = business.db.as_person(agent), business.org_id
    whole = db.rows("select at, id from public.conversation_messages(%s, %s, 100)", org, threads[0])
    page = "select at, id from public.conversation_messages(%s, %s, 10, "

    assert db.rows(page + "around => %s)", org, threads[0], whole[20][1]) == whole[15:25]
    assert db.rows(page + "after_at => %s, after_id => %s)", org, threads[0], *whole[20]) == whole[10:20]
    assert db.rows(page + "after_at => %s, after_id => %s)", org, threads[0], *whole[0]) == []
    assert db.rows(page + "around => %s)", org, threads[1], whole[20][1]) == []


# Two that become one


def test_a_merge_carries_notes_events_labels_and_what_was_read(
    business: Business, threads: list[UUID], agent: Person
) -> None:
    db, org = business.db.as_person(agent), business.org_id
    label = db.value("select public.add_label(%s, 'Hot')", org)["label_id"]
    for thread in threads[:2]:
        db.execute("select public.label_conversation(%s, %s, %s)", [org, thread, label])
        db.execute("select public.add_note(%s, %s, 'Note')", [org, thread])
        db.execute("select public.mark_read(%s, %s)", [org, thread])
    db.as_operator()
    one, other = (
        db.value("select contact_id from public.conversations where id = %s", thread)
        for thread in threads[:2]
    )

    db.execute("select private.merge_contacts(%s, %s, %s)", [org, one, other])

    (kept,) = db.row("select id from public.conversations where contact_id in (%s, %s)", one, other)
    counts = (
        f"(select count(*) from public.{table} where conversation_id = '{kept}')"
        for table in ("conversation_notes", "conversation_labels", "conversation_reads")
    )
    assert db.row(f"select {', '.join(counts)}") == (2, 1, 1)
    assert [kind for kind, _, _ in events(db, kept)] == ["labelled", "labelled", "merged"]
    assert unread(db.as_person(agent), org, kept)[0] == 0
