"""What is done or cancelled, the last first, page by page; and one task by itself."""

from __future__ import annotations

from uuid import uuid4

from tests.sql.desk import Desk, Json


def closed(desk: Desk, many: int, status: str = "done", **given: object) -> list[str]:
    """Tasks that were closed one after the other, a minute apart; the ids, the last first."""
    lead, ids = desk.lead(), []
    for number in range(many):
        task: Json = {"lead_id": lead, "title": f"Call {number}", "due_at": "2030-01-01T10:00:00Z"} | given
        added = desk.ask("add_task", task=task)
        desk.ask("set_task_status", task_id=added["id"], version=1, status=status)
        desk.db.execute(
            "update public.tasks set closed_at = now() - interval '1 day' + make_interval(mins => %s)"
            " where org_id = %s and id = %s",
            [number, desk.org_id, added["id"]],
        )
        ids.append(str(added["id"]))
    return ids[::-1]


def test_closed_tasks_come_the_last_first_each_once_over_all_pages(desk: Desk) -> None:
    ids = closed(desk, 5)
    seen: list[str] = []
    page: Json = {"next": {}}
    while page["next"] is not None:
        page = desk.ask("closed_tasks", page_size=2, **page["next"])
        seen += [task["id"] for task in page["tasks"]]

    assert seen == ids


def test_a_filter_chooses_among_closed_tasks_and_open_ones_are_never_there(desk: Desk) -> None:
    done = closed(desk, 1, kind="call")
    cancelled = closed(desk, 1, "cancelled", assignee_id=None)
    task = {"lead_id": desk.lead(), "title": "Open", "due_at": "2030-01-01T10:00:00Z"}
    desk.ask("add_task", task=task)

    def ids(**asked: object) -> list[str]:
        return [found["id"] for found in desk.ask("closed_tasks", filter=asked)["tasks"]]

    assert ids() == ids(assignee="me") == ids(kind="call") == done
    assert ids(status="cancelled") == ids(status="cancelled", assignee="nobody") == cancelled
    assert ids(kind="visit") == []
    assert desk.refused("closed_tasks", filter={"status": "open"}).detail == "field_invalid"


def test_one_task_is_read_by_its_id_and_one_that_is_not_there_is_refused(desk: Desk) -> None:
    (task,) = closed(desk, 1)

    assert desk.ask("get_task", task_id=task)["title"] == "Call 0"
    assert desk.refused("get_task", task_id=str(uuid4())).detail == "task_not_found"
