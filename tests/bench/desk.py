"""`python -m tests.bench.desk`: reports, task lists and assignment, among a million leads in 200 organizations.

Leads as `tests.bench.leads` fills them, with the history of their stages, clocks and tasks. Reports are asked for a
whole year by members under row level security: time in Postgres alone. Prints, never fails on time.
"""

from __future__ import annotations

import json
import random
import tempfile
import time
from pathlib import Path

import psycopg

from tests.bench.leads import BIG, LEADS, ORGANIZATIONS, Connection, fill, once
from tests.bench.pages import note
from tests.cluster import STATE, Cluster
from tests.local.flow_command import free_port

WORK = (
    """insert into public.lead_activities (org_id, lead_id, at, kind, details)
       select l.org_id, l.id, l.received_at + interval '1 hour', 'moved', jsonb_build_object('from', f.id, 'to', l.stage_id)
         from public.leads l join public.pipeline_stages f on f.org_id = l.org_id and f.position = 1 where l.stage_id <> f.id""",
    """insert into public.lead_clocks (org_id, lead_id, greeted_at, replied_at, replied_by, working_seconds)
       select l.org_id, l.id, l.received_at + interval '3 seconds', l.received_at + make_interval(secs => abs(hashtext(l.id::text)) % 9000),
              l.owner_id, abs(hashtext(l.id::text)) % 3000 from public.leads l where hashtext(l.id::text) % 3 <> 0""",
    """insert into public.tasks (org_id, kind, title, lead_id, assignee_id, due_at, remind_minutes, remind_at, reminded_at, status, closed_at)
       select l.org_id, 'call', 'Call', l.id, m.user_id, l.received_at + interval '20 days', 0, l.received_at + interval '20 days', now(),
              case when l.received_at > now() - interval '30 days' then 'open' else 'done' end, case when l.received_at > now() - interval '30 days' then null else now() end
         from public.leads l join public.memberships m on m.org_id = l.org_id where hashtext(l.id::text) % 4 = 0""",
    """insert into public.source_costs (org_id, source_id, first_month, months, amount)
       select s.org_id, s.id, date_trunc('month', now() - interval '10 months')::date, 12, 50000 from public.lead_sources s""",
    "analyze public.lead_activities, public.lead_clocks, public.tasks",
)  # fmt: skip
YEAR = "from_day => (now() - interval '360 days')::date, to_day => now()::date"
QUESTIONS = {
    "speed to lead of a year, by source": f"speed_to_lead(%(org)s, {YEAR})",
    "speed to lead of a year, by person": f"speed_to_lead(%(org)s, {YEAR}, dimension => 'person')",
    "leads of a year, by source": f"lead_report(%(org)s, {YEAR})",
    "leads of a year, by person": f"lead_report(%(org)s, {YEAR}, dimension => 'person')",
    "leads lost in a year, by reason": f"lead_report(%(org)s, {YEAR}, dimension => 'lost_reason')",
    "stage funnel of a year": f"stage_funnel(%(org)s, {YEAR})",
    "cost and return of sources, a year": "source_returns(%(org)s, to_char(now() - interval '11 months', 'YYYY-MM'), to_char(now(), 'YYYY-MM'))",
    "a person's day": "my_day(%(org)s)",
    "tasks, all open": "task_list(%(org)s)",
    "unassigned for too long": "unassigned_leads(%(org)s)",
    "notifications": "my_notifications(%(org)s)",
}


def main() -> None:
    """Make a cluster, fill it, measure, remove it."""
    with tempfile.TemporaryDirectory(prefix="flow-desk-") as folder:
        cluster = Cluster(Path(folder) / "data", free_port())
        try:
            cluster.start()
            cluster.database("desk", STATE)
            with psycopg.connect(cluster.dsn("supabase_admin", "desk"), autocommit=True) as admin:
                fill(admin, LEADS)
                for statement in WORK:
                    admin.execute(statement.encode())
                figures = measure(admin) | intake(admin)
        finally:
            cluster.stop()
    for name, value in figures.items():
        print(f"{name:<58} {value}")


def measure(admin: Connection) -> dict[str, str]:
    """Time each report, asked by members of random organizations, then by one of the big one."""
    draw, figures = random.Random(6), {}  # noqa: S311 (a choice, not a secret)
    note("asking")
    for name, question in QUESTIONS.items():
        small = sorted(once(admin, draw.randrange(1, ORGANIZATIONS + 1), question) for _ in range(40))
        big = sorted(once(admin, BIG, question) for _ in range(5))
        figures[f"{name}, p50 / max"] = (
            f"{small[20]:.1f} / {small[-1]:.1f} ms (big organization {big[2]:.0f})"
        )
    return figures


def intake(admin: Connection) -> dict[str, str]:
    """What rules cost intake, and what giving its leads away takes."""
    figures = {}
    org = admin.execute("select md5('org1')::uuid").fetchone()
    source = admin.execute("select md5('source1')::uuid").fetchone()
    assert org
    assert source
    for turn, word in enumerate(("without rules", "with rules")):
        began = time.perf_counter()
        for part in range(20):
            items = [
                {
                    "external_id": f"{turn}.{part}.{n}",
                    "person": {"phone": f"+9199{turn}{part:02d}{n:05d}"},
                    "raw": {},
                }
                for n in range(1000)
            ]
            admin.execute("select private.store_leads(%s, %s, %s)", [org[0], source[0], json.dumps(items)])
        figures[f"20,000 leads stored {word}"] = f"{time.perf_counter() - began:.1f} s"
        admin.execute(
            "insert into public.assignment_rules (org_id, position, name, target, user_id, outside_hours)"
            " values (%s, %s, 'All', 'member', md5('person1')::uuid, 'assign')",
            [org[0], turn],
        )
    began, given = time.perf_counter(), 1
    while given:
        row = admin.execute("select private.assign_waiting()").fetchone()
        assert row
        given = row[0]
    figures["20,000 leads given to people"] = f"{time.perf_counter() - began:.1f} s"
    return figures


if __name__ == "__main__":
    main()
