"""What tasks, assignment and reports leave behind: hours, an absence, a task, a group with its rule, a clock, a cost."""

from typing import Any
from uuid import UUID

from tests.database import Database


def plant_tasks(db: Database, org_id: UUID, member_id: UUID, ids: dict[str, Any]) -> dict[str, Any]:
    """Put something into each table of tasks, working hours, assignment, clocks and costs; everybody is told something."""
    given = {
        "org": org_id,
        "member": member_id,
        "lead": ids["lead_id"],
        "source": ids["source_id"],
        "contact": ids["contact_id"],
    }

    def add(query: str) -> Any:
        return db.execute(query, given).fetchone()[0]  # type: ignore[index]

    made = {
        "absence_id": add(
            """
            insert into public.absences (org_id, user_id, from_at, to_at)
            values (%(org)s, %(member)s, now(), now() + interval '1 day') returning id
            """
        ),
        "task_id": add(
            """
            insert into public.tasks (org_id, kind, title, lead_id, contact_id, due_at, created_by)
            values (%(org)s, 'call', 'Planted', %(lead)s, %(contact)s, now() + interval '1 day', %(member)s) returning id
            """
        ),
        "group_id": add("insert into public.assignment_groups (org_id, name) values (%(org)s, 'Planted') returning id"),
        "cost_id": add(
            """
            insert into public.source_costs (org_id, source_id, first_month, amount)
            values (%(org)s, %(source)s, '2026-10-01', 100) returning id
            """
        ),
    }  # fmt: skip
    given |= made
    made["assignment_rule_id"] = add(
        """
        insert into public.assignment_rules (org_id, position, name, target, group_id, is_on)
        values (%(org)s, 1, 'Planted', 'group', %(group_id)s, false) returning id
        """
    )
    for query in (
        "insert into public.working_hours (org_id, weekday, opens, closes) values (%(org)s, 1, 540, 1080)",
        "insert into public.holidays (org_id, day, name) values (%(org)s, '2026-08-15', 'Planted')",
        "insert into public.assignment_members (org_id, group_id, user_id) values (%(org)s, %(group_id)s, %(member)s)",
        "insert into private.assignment_queue (org_id, lead_id, due_at) values (%(org)s, %(lead)s, 'infinity')",
        "insert into public.lead_clocks (org_id, lead_id) values (%(org)s, %(lead)s) on conflict do nothing",
        """
        insert into public.notifications (org_id, user_id, kind, task_id)
        select m.org_id, m.user_id, 'task_assigned', %(task_id)s from public.memberships m where m.org_id = %(org)s
        """,
    ):
        db.execute(query, given)
    return made
