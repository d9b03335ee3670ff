"""Tasks: who is to do what until when, what is due today, and reminders that come once whatever happens."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.business import Business
from tests.database import Database, Person
from tests.sql.desk import Desk, Json
from tests.sql.retaining import retain


def soon(desk: Desk, words: str) -> str:
    """An instant that long from now, as the browser would write it."""
    at: str = desk.db.value("select (now() + %s::interval)::text", words)
    return at


@pytest.fixture
def call(desk: Desk) -> Callable[..., Json]:
    """Adds a task of the owner's, due in an hour."""
    lead = desk.lead()

    def add(title: str = "Call back", due: str = "1 hour", **given: Any) -> Json:
        task: Json = desk.ask(
            "add_task", task={"lead_id": lead, "title": title, "due_at": soon(desk, due)} | given
        )
        return task

    return add


def test_task_is_on_a_lead_for_who_adds_it_and_in_its_timeline(desk: Desk) -> None:
    lead = desk.lead("Asha", product="Pumps", phone="+919810000011")

    task = desk.ask(
        "add_task",
        task={"lead_id": lead, "title": "  Call \n back ", "kind": "call", "due_at": soon(desk, "1 hour")},
    )

    told = {
        k: task[k]
        for k in ("title", "kind", "name", "phone", "about", "status", "version", "is_overdue", "assignee_id")
    }
    assert told == {
        "title": "Call back", "kind": "call", "name": "Asha", "phone": "+919810000011", "about": "Pumps", "status": "open",
        "version": 1, "is_overdue": False, "assignee_id": str(desk.owner.id),
    }  # fmt: skip
    assert desk.timeline(lead) == ["received", "task_added"]


def test_task_on_a_contact_alone_is_found_by_contact_and_so_are_those_on_its_leads(desk: Desk) -> None:
    lead = desk.lead()
    contact = str(desk.db.value("select contact_id from public.leads where id = %s", lead))
    for on in ({"contact_id": contact}, {"lead_id": lead}):
        desk.ask("add_task", task=on | {"title": "Write", "due_at": soon(desk, "1 day")})

    found = desk.ask("task_list", filter={"contact": contact})["tasks"]

    assert [t["contact_id"] for t in found] == [contact, contact]
    assert [t["lead_id"] for t in found if t["lead_id"]] == [lead]


def test_same_request_twice_is_one_task(desk: Desk) -> None:
    lead, token = desk.lead(), uuid4()
    task = {"lead_id": lead, "title": "Visit", "due_at": soon(desk, "1 day")}

    first, second = (desk.ask("add_task", task=task, client_token=token) for _ in range(2))

    assert first == second
    assert desk.timeline(lead).count("task_added") == 1


@pytest.mark.parametrize(
    ("change", "slug"),
    [
        pytest.param({"title": " "}, "field_invalid", id="no title"),
        pytest.param({"title": "x" * 201}, "field_invalid", id="title too long"),
        pytest.param({"kind": "fly"}, "field_invalid", id="unknown kind"),
        pytest.param({"due_at": "infinity"}, "field_invalid", id="never due"),
        pytest.param({"due_at": "tomorrowish"}, "field_invalid", id="no time"),
        pytest.param({"remind_minutes": 99999}, "field_invalid", id="reminder too early"),
        pytest.param({"remind_minutes": -1}, "field_invalid", id="reminder after it is due"),
        pytest.param({"assignee_id": "00000000-0000-0000-0000-000000000001"}, "not_a_member", id="assignee is a stranger"),
        pytest.param({"assignee_id": "me"}, "field_invalid", id="no id"),
        pytest.param({"lead_id": None}, "lead_or_contact", id="on nothing"),
        pytest.param({"contact_id": "00000000-0000-0000-0000-000000000001"}, "lead_or_contact", id="on two things"),
        pytest.param({"lead_id": "00000000-0000-0000-0000-000000000001"}, "lead_not_found", id="on no lead of ours"),
        pytest.param({"colour": "red"}, "field_unknown", id="unknown field"),
    ],
)  # fmt: skip
def test_task_that_makes_no_sense_is_refused(desk: Desk, change: Json, slug: str) -> None:
    task = {"lead_id": desk.lead(), "title": "Call", "due_at": soon(desk, "1 hour")} | change

    assert desk.refused("add_task", task=task).detail == slug


def test_done_reopened_cancelled_say_who_and_when_and_twice_is_once(
    desk: Desk, call: Callable[..., Json]
) -> None:
    task = call()

    done = desk.ask("set_task_status", task_id=task["id"], version=1, status="done")
    again = desk.ask("set_task_status", task_id=task["id"], version=2, status="done")
    opened = desk.ask("set_task_status", task_id=task["id"], version=2, status="open")
    cancelled = desk.ask("set_task_status", task_id=task["id"], version=3, status="cancelled")

    assert (done["closed_by"], done["closed_at"] is not None) == (str(desk.owner.id), True)
    assert again == done
    assert (opened["closed_at"], opened["closed_by"], cancelled["version"]) == (None, None, 4)
    assert desk.timeline(task["lead_id"])[1:] == [
        "task_added",
        "task_done",
        "task_reopened",
        "task_cancelled",
    ]


def test_second_of_two_who_change_a_task_is_told(desk: Desk, call: Callable[..., Json]) -> None:
    task = call()
    desk.ask("change_task", task_id=task["id"], version=1, change={"title": "Call again"})

    refusal = desk.refused("change_task", task_id=task["id"], version=1, change={"kind": "write"})

    assert (refusal.sqlstate, refusal.detail, refusal.hint) == ("PT409", "task_changed", "version=2")


def test_day_shows_what_is_overdue_what_is_left_of_today_and_what_comes(
    desk: Desk, call: Callable[..., Json]
) -> None:
    # The day ends when it ends in India, whatever the clock of the server.
    ends = desk.db.value(
        "select (((now() at time zone 'Asia/Kolkata')::date + 1)::timestamp at time zone 'Asia/Kolkata')"
    )
    desk.hire("ravi")
    call("late", "-1 hour")
    call("just today", due_at=str(desk.db.value("select %s - interval '1 millisecond'", ends)))
    call("just tomorrow", due_at=str(ends))
    call("somebody else's", assignee_id=str(desk.people["ravi"].id))
    closed = call("done already")
    desk.ask("set_task_status", task_id=closed["id"], version=1, status="done")

    day = desk.ask("my_day")

    assert {k: [t["title"] for t in day[k]["tasks"]] for k in ("overdue", "today", "next")} == {
        "overdue": ["late"], "today": ["just today"], "next": ["just tomorrow"],
    }  # fmt: skip
    assert [day[k]["count"] for k in ("overdue", "today", "next")] == [1, 1, 1]
    assert day["time_zone"] == "Asia/Kolkata"


def test_list_pages_through_every_task_once_also_those_due_at_one_moment(
    desk: Desk, call: Callable[..., Json]
) -> None:
    at = soon(desk, "1 hour")
    made = {call(f"task {n}", due_at=at)["id"] for n in range(7)}

    seen: list[str] = []
    page: Json = {"next": {}}
    while page["next"] is not None:
        page = desk.ask("task_list", filter={"assignee": "me"}, page_size=3, **page["next"])
        seen += [t["id"] for t in page["tasks"]]

    assert (len(seen), set(seen)) == (7, made)


def test_reminder_comes_before_it_is_due_and_once(desk: Desk, call: Callable[..., Json]) -> None:
    task = call(due="10 minutes", remind_minutes=15)
    call("not yet", due="30 minutes", remind_minutes=15)
    call("never", due="-1 hour", remind_minutes=None)

    for _ in range(3):
        desk.db.execute("select private.remind_tasks()")

    assert [(n["kind"], n["task_id"]) for n in desk.told(desk.owner)] == [("task_due", task["id"])]


def test_clock_that_goes_back_does_not_remind_twice(desk: Desk, call: Callable[..., Json]) -> None:
    task = call(due="-1 minute")
    desk.db.execute("select private.remind_tasks()")

    # Even a scheduler that has forgotten, as after a restore, finds the moment told.
    desk.db.execute("update public.tasks set reminded_at = null where id = %s", [task["id"]])
    desk.db.execute("select private.remind_tasks()")

    assert len(desk.told(desk.owner)) == 1


def test_snoozed_task_rings_again_once_and_stays_due(desk: Desk, call: Callable[..., Json]) -> None:
    task = call(due="-1 minute")
    desk.db.execute("select private.remind_tasks()")

    snoozed = desk.ask("snooze_task", task_id=task["id"], until=soon(desk, "1 hour"))
    desk.db.execute("select private.remind_tasks()")
    before = len(desk.told(desk.owner))
    desk.db.execute("update public.tasks set remind_at = now() where id = %s", [task["id"]])
    for _ in range(2):
        desk.db.execute("select private.remind_tasks()")

    assert (before, len(desk.told(desk.owner)), snoozed["due_at"]) == (1, 2, task["due_at"])


def test_closed_task_does_not_ring_and_opened_again_not_for_what_has_passed(
    desk: Desk, call: Callable[..., Json]
) -> None:
    task = call(due="-1 minute")
    desk.ask("set_task_status", task_id=task["id"], version=1, status="done")
    desk.db.execute("select private.remind_tasks()")
    desk.ask("set_task_status", task_id=task["id"], version=2, status="open")

    desk.db.execute("select private.remind_tasks()")

    assert desk.told(desk.owner) == []
    assert desk.refused("snooze_task", task_id=task["id"], until="2020-01-01").detail == "until_invalid"


def test_task_moved_to_later_rings_anew(desk: Desk, call: Callable[..., Json]) -> None:
    task = call(due="-1 minute")
    desk.db.execute("select private.remind_tasks()")
    changed = desk.ask(
        "change_task", task_id=task["id"], version=1, change={"due_at": soon(desk, "-30 seconds")}
    )

    desk.db.execute("select private.remind_tasks()")

    assert changed["reminded_at"] is None
    assert len(desk.told(desk.owner)) == 2


def test_task_of_nobody_waits_with_its_reminder_for_who_takes_it(
    desk: Desk, call: Callable[..., Json]
) -> None:
    (ravi,) = desk.hire("ravi")
    task = call(due="-1 minute", assignee_id=None)
    desk.db.execute("select private.remind_tasks()")
    desk.ask("change_task", task_id=task["id"], version=1, change={"assignee_id": str(ravi.id)})

    desk.db.execute("select private.remind_tasks()")

    assert [n["kind"] for n in desk.told(ravi)] == ["task_assigned", "task_due"]
    assert desk.told(desk.owner) == []


def test_who_leaves_has_no_open_tasks_and_they_are_listed_as_left_behind(
    desk: Desk, call: Callable[..., Json]
) -> None:
    (ravi,) = desk.hire("ravi")
    task = call("open", assignee_id=str(ravi.id))
    done = call("done", assignee_id=str(ravi.id))
    desk.ask("set_task_status", task_id=done["id"], version=1, status="done")

    desk.ask("remove_member", user_id=ravi.id)

    (left,) = desk.ask("task_list", filter={"assignee": "left"})["tasks"]
    assert (left["id"], left["assignee_id"], left["former_assignee_id"]) == (task["id"], None, str(ravi.id))
    assert [t["id"] for t in desk.ask("task_list", filter={"assignee": "nobody"})["tasks"]] == [task["id"]]
    assert "task_handed_back" in desk.timeline(task["lead_id"])
    desk.ask("change_task", task_id=task["id"], version=1, change={"assignee_id": str(desk.owner.id)})
    assert desk.ask("task_list", filter={"assignee": "left"})["tasks"] == []


def test_two_contacts_that_become_one_keep_their_tasks(desk: Desk) -> None:
    one, two = (
        desk.db.value("insert into public.contacts (org_id, name) values (%s, 'A') returning id", desk.org_id)
        for _ in "ab"
    )
    for contact in (one, two):
        desk.ask(
            "add_task", task={"contact_id": str(contact), "title": "Visit", "due_at": soon(desk, "1 day")}
        )

    desk.db.execute("select private.merge_contacts(%s, %s, %s)", [desk.org_id, one, two])

    kept = desk.db.value("select id from public.contacts where org_id = %s", desk.org_id)
    assert len(desk.ask("task_list", filter={"contact": str(kept)})["tasks"]) == 2


# Notifications


def test_member_reads_their_own_notifications_only(desk: Desk, call: Callable[..., Json]) -> None:
    ravi, meena = desk.hire("ravi", "meena")
    for who in (ravi, ravi, meena):
        call(assignee_id=str(who.id))

    mine = desk.ask("my_notifications", ravi)
    with desk.db.operating():
        desk.db.as_person(ravi)
        seen = desk.db.rows("select distinct user_id from public.notifications")
    done = desk.ask(
        "read_notifications", ravi, ids=[n["id"] for n in desk.told(meena)] + [mine["items"][0]["id"]]
    )

    assert (mine["unread"], len(mine["items"]), seen) == (2, 2, [(ravi.id,)])
    assert (mine["items"][0]["title"], mine["items"][0]["name"]) == ("Call back", "Asha")
    assert done == {"read": 1, "unread": 1}
    assert desk.ask("my_notifications", meena)["unread"] == 1
    assert desk.ask("read_notifications", ravi) == {"read": 1, "unread": 0}
    assert desk.ask("my_notifications", ravi, only_unread=True)["items"] == []


def test_notifications_come_page_by_page_and_are_forgotten_after_90_days(
    desk: Desk, call: Callable[..., Json]
) -> None:
    (ravi,) = desk.hire("ravi")
    for n in range(5):
        call(f"task {n}", assignee_id=str(ravi.id))

    first = desk.ask("my_notifications", ravi, page_size=3)
    second = desk.ask("my_notifications", ravi, page_size=3, before_id=first["next"])
    desk.db.execute(
        "update public.notifications set at = now() - interval '91 days' where id = %s",
        [second["items"][0]["id"]],
    )
    retain(desk.db, "notifications")

    assert [n["title"] for n in first["items"] + second["items"]] == [f"task {n}" for n in (4, 3, 2, 1, 0)]
    assert (second["next"], len(desk.told(ravi))) == (None, 4)


def test_mention_in_a_note_is_told_once_and_not_to_who_wrote_it(
    business: Business, member: Callable[..., Person]
) -> None:
    db = business.db
    ravi, meena = member(business.org_id), member(business.org_id)
    thread = db.value(
        "select private.open_conversation(%s, %s, private.resolve_contact(%s, '{\"name\": \"A\"}'))",
        business.org_id, business.number_id, business.org_id,
    )  # fmt: skip
    with db.operating():
        db.as_person(ravi)
        note = db.value(
            "select public.add_note(%s, %s, 'Look', %s)", business.org_id, thread, [ravi.id, meena.id]
        )["note_id"]
        for mentions in ([], [meena.id]):
            db.execute(
                "select public.edit_note(%s, %s, 'Look', %s::uuid[])", [business.org_id, note, mentions]
            )

    told = db.rows(
        "select user_id, kind, note_id::text, conversation_id from public.notifications where org_id = %s",
        business.org_id,
    )
    assert told == [(meena.id, "mention", note, thread)]


# At once


def test_schedulers_at_once_remind_each_task_once(
    connect: Callable[[], Database], lasting: Callable[..., Business]
) -> None:
    business = lasting()
    db, many = connect(), 200
    owner: UUID = db.value("select user_id from public.memberships where org_id = %s", business.org_id)
    contact = db.value(
        "insert into public.contacts (org_id, name) values (%s, 'Crowd') returning id", business.org_id
    )
    db.execute(
        """
        insert into public.tasks (org_id, kind, title, contact_id, assignee_id, due_at, remind_minutes, remind_at, reminders)
        select %s, 'call', 'Task ' || n, %s, %s, now(), 0, now(), 1 from generate_series(1, %s) n
        """,
        [business.org_id, contact, owner, many],
    )

    def run(db: Database) -> None:
        for _ in range(12):
            db.execute("select private.remind_tasks(25)")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, [connect() for _ in range(4)]))

    told = db.rows(
        "select task_id, count(*) from public.notifications where org_id = %s group by 1", business.org_id
    )
    assert (len(told), {count for _, count in told}) == (many, {1})
