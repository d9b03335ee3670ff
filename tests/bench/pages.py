"""`python -m tests.bench pages`: pages, search and changes under row level security, among millions of messages.

In a database of its own: time in Postgres alone, as EXPLAIN ANALYZE tells it. Prints, never fails on time.
"""

from __future__ import annotations

import hashlib
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from tests.cluster import STATE, Cluster
from tests.local.flow_command import free_port

MESSAGES = int(os.environ.get("FLOW_BENCH_PAGES", "5000000"))
ORGANIZATIONS = max(1, min(200, MESSAGES // 25_000))
THREADS = 1000  # conversations of each organization
Connection = psycopg.Connection[tuple[Any, ...]]


def main() -> None:
    """Make a cluster, fill it, measure, remove it."""
    with tempfile.TemporaryDirectory(prefix="flow-pages-") as folder:
        cluster = Cluster(Path(folder) / "data", free_port())
        try:
            cluster.start()
            cluster.database("pages", STATE)
            with psycopg.connect(cluster.dsn("supabase_admin", "pages"), autocommit=True) as admin:
                figures = {**fill(admin, MESSAGES), **measure(admin)}
        finally:
            cluster.stop()
    for name, value in figures.items():
        print(f"{name:<58} {value}")


def fill(admin: Connection, many: int, organizations: int = ORGANIZATIONS) -> dict[str, str]:
    """Write organizations, people, threads and messages as if they had come in over time; indexes afterwards."""
    began = time.perf_counter()
    note(f"filling {many:,} messages in {organizations} organizations")
    admin.execute("set session_replication_role = replica")
    admin.execute("set maintenance_work_mem = '256MB'")
    indexes = admin.execute(
        """select indexrelid::regclass::text, pg_get_indexdef(indexrelid) from pg_index
            where indrelid = 'public.messages'::regclass and not indisprimary"""
    ).fetchall()
    for name, _ in indexes:
        admin.execute(f"drop index {name}".encode())
    for statement in PEOPLE:
        admin.execute(statement, {"orgs": organizations, "threads": THREADS})
    admin.execute("analyze private.bench_threads")
    for first in range(1, many + 1, 500_000):
        admin.execute(
            MESSAGES_OF_A_YEAR,
            {
                "first": first,
                "last": min(many, first + 499_999),
                "many": many,
                "orgs": organizations,
                "threads": THREADS,
            },
        )
    filled = time.perf_counter()
    note("indexes")
    took: dict[str, float] = {}
    for name, definition in indexes:
        start = time.perf_counter()
        admin.execute(definition.encode())
        took[name] = time.perf_counter() - start
    for statement in AFTERWARDS:
        admin.execute(statement, {"threads": THREADS})
    admin.execute("set session_replication_role = origin")
    admin.execute("vacuum analyze")
    size = admin.execute(
        "select pg_size_pretty(pg_total_relation_size('public.messages')),"
        " pg_size_pretty(pg_relation_size('public.messages_search'))"
    ).fetchone()
    assert size
    return {
        "pages: messages, and seconds to write and to index them": (
            f"{many:,}, {filled - began:.0f} s, {time.perf_counter() - filled:.0f} s"
            f" (search {took['messages_search']:.0f} s)"
        ),
        "pages: size of messages, and of its search index": f"{size[0]}, {size[1]}",
    }


PEOPLE = (
    """insert into auth.users (id, email, raw_user_meta_data)
       select md5('person' || n)::uuid, 'bench' || n || '@flow.test', '{}' from generate_series(1, %(orgs)s) n""",
    "insert into public.organizations (id, name) select md5('org' || n)::uuid, 'Bench ' || n from generate_series(1, %(orgs)s) n",
    """insert into public.memberships (org_id, user_id, role, created_at)
       select md5('org' || n)::uuid, md5('person' || n)::uuid, 'owner', now() - interval '400 days'
         from generate_series(1, %(orgs)s) n""",
    """insert into public.whatsapp_accounts (org_id, id, waba_id)
       select md5('org' || n)::uuid, md5('account' || n)::uuid, '66' || lpad(n::text, 13, '0') from generate_series(1, %(orgs)s) n""",
    """insert into public.whatsapp_numbers (org_id, id, account_id, phone_number_id)
       select md5('org' || n)::uuid, md5('number' || n)::uuid, md5('account' || n)::uuid, '67' || lpad(n::text, 13, '0')
         from generate_series(1, %(orgs)s) n""",
    """insert into public.contacts (org_id, id, name, phone, email)
       select md5('org' || n)::uuid, md5('contact' || n || '.' || t)::uuid,
              (array['Ravi', 'Meena', 'Arjun', 'Fatima', 'Kiran'])[1 + t %% 5] || ' ' || (array['Shah', 'Patel', 'Iyer', 'Khan'])[1 + t %% 4] || ' ' || t,
              '+9198' || lpad((n * 1000 + t)::text, 8, '0'), 'buyer' || t || '@firm' || t %% 50 || '.example'
         from generate_series(1, %(orgs)s) n, generate_series(1, %(threads)s) t""",
    """insert into public.conversations (org_id, id, number_id, contact_id)
       select md5('org' || n)::uuid, md5('thread' || n || '.' || t)::uuid, md5('number' || n)::uuid, md5('contact' || n || '.' || t)::uuid
         from generate_series(1, %(orgs)s) n, generate_series(1, %(threads)s) t""",
    """create table private.bench_threads as
       select row_number() over (order by n, t) - 1 as i, md5('org' || n)::uuid as org_id,
              md5('thread' || n || '.' || t)::uuid as id, md5('contact' || n || '.' || t)::uuid as contact_id
         from generate_series(1, %(orgs)s) n, generate_series(1, %(threads)s) t""",
    "create unique index on private.bench_threads (i)",
)
# One message every few seconds for a year, the organizations in turn; many ask for the price, a tenth have no words.
MESSAGES_OF_A_YEAR = """
    insert into public.messages
           (org_id, conversation_id, contact_id, direction, kind, body, text, status, wamid, origin, at, sent_at)
    select t.org_id, t.id, t.contact_id, case when s.n %% 3 = 0 then 'outbound' else 'inbound' end, 'text',
           '{"type": "text", "text": {"body": "…"}}',
           case when s.n %% 10 > 0 then concat_ws(' ', case when s.n / %(orgs)s %% 5 = 1 then 'price' end,
             substr(md5((s.h & 4095)::text), 1, 6), substr(md5((s.h >> 12 & 4095)::text), 1, 4),
             substr(md5((s.h >> 9 & 63)::text), 1, 3), 'of', substr(md5((s.h >> 17 & 15)::text), 1, 4),
             case when s.n / %(orgs)s %% 25 = 3 then 'invoice' || s.n / %(orgs)s end) end,
           case when s.n %% 3 = 0 then 'delivered' else 'received' end, 'wamid.old.' || s.n,
           case when s.n %% 3 = 0 then 'person' else 'customer' end,
           now() - (%(many)s - s.n) * (interval '1 year' / %(many)s), now()
      from (select n, hashint4(n) & 2147483647 as h from generate_series(%(first)s, %(last)s) n) s
      join private.bench_threads t on t.i = s.n %% %(orgs)s * %(threads)s + s.h %% %(threads)s
     order by s.n
"""
AFTERWARDS = (
    """update public.conversations c
          set last_message_at = l.at, last_message_text = l.text, unread_count = l.n %% 3, status = case when l.n %% 7 = 0 then 'resolved' else 'open' end,
              assignee_id = case when l.n %% 4 = 0 then (select m.user_id from public.memberships m where m.org_id = c.org_id) end
         from (select org_id, conversation_id, max(at) as at, max(left(text, 160)) as text, count(*) as n from public.messages group by 1, 2) l
        where (c.org_id, c.id) = (l.org_id, l.conversation_id) and %(threads)s > 0""",
    # Read a while ago: the counting of what is unread has something to do.
    """insert into public.conversation_reads (org_id, conversation_id, user_id, read_to)
       select c.org_id, c.id, m.user_id, c.last_message_at - interval '60 days'
         from public.conversations c join public.memberships m using (org_id) where c.unread_count > 0 and %(threads)s > 0""",
    "insert into public.labels (org_id, id, name) select id, id, 'VIP' from public.organizations where %(threads)s > 0",
    """insert into public.conversation_labels (org_id, conversation_id, label_id)
       select org_id, id, org_id from public.conversations where hashtext(id::text) %% 20 = 0 and %(threads)s > 0""",
)


def measure(admin: Connection) -> dict[str, str]:
    """Time each question, asked by a member of a random organization, and without row level security."""
    note("asking")
    draw = random.Random(5)  # noqa: S311 (a choice, not a secret)
    words = [hashlib.md5(str(n).encode()).hexdigest()[:6] for n in range(4096)]  # noqa: S324 (words, no secrets)
    place = "now() - interval '1 day' * {days}, {id}"
    questions: dict[str, Callable[[], str]] = {
        "inbox, first page": lambda: "inbox(%(org)s)",
        "inbox, page far back": lambda: (
            f"inbox(%(org)s, before_at => now() - interval '1 day' * {draw.randrange(20, 200)})"
        ),
        "inbox, mine and unread": lambda: "inbox(%(org)s, assignee => 'me', unread_only => true)",
        "inbox, with a label": lambda: "inbox(%(org)s, label_id => %(org)s)",
        "conversation, first page": lambda: "conversation_messages(%(org)s, %(thread)s)",
        "conversation, page far back": lambda: (
            "conversation_messages(%(org)s, %(thread)s, 30, "
            + place.format(days=draw.randrange(10, 200), id=1)
            + ")"
        ),
        "conversation, around a message": lambda: (
            "conversation_messages(%(org)s, %(thread)s, around => %(message)s)"
        ),
        "timeline": lambda: "conversation_timeline(%(org)s, %(thread)s)",
        "search, rare word": lambda: (
            f"search_messages(%(org)s, 'invoice{draw.randrange(0, 25_000, 25) + 3}')"
        ),
        "search, some words": lambda: f"search_messages(%(org)s, '{draw.choice(words)} of')",
        "search, word of every fifth message": lambda: "search_messages(%(org)s, 'price')",
        "search, first letter": lambda: f"search_messages(%(org)s, '{draw.choice('abcdef')}')",
        "search people, name": lambda: "search_conversations(%(org)s, 'ravi sh')",
        "search people, phone": lambda: f"search_conversations(%(org)s, '{draw.randrange(1000, 9999)}')",
        "changes, nothing new": lambda: "changes(%(org)s, %(cursor)s)",
    }
    before = scans(admin)
    figures = {}
    for name, question in questions.items():
        times: dict[str, list[float]] = {"authenticated": [], "none": []}
        for turn in range(120):
            n = draw.randrange(1, ORGANIZATIONS + 1)
            given = about(admin, n, draw, with_cursor=name.startswith("changes"))
            query = question()
            for role, taken in times.items():
                for _ in range(2):
                    took = ask(admin, role, n, query, given)
                if turn >= 20:
                    taken.append(took)
        asked, owner = sorted(times["authenticated"]), sorted(times["none"])
        figures[f"{name}, p50 / p99 in Postgres"] = (
            f"{asked[50]:.2f} / {asked[98]:.2f} ms (row level security {asked[50] - owner[50]:+.2f})"
        )
    after = scans(admin)
    figures["sequential scans of messages and conversations meanwhile"] = str(after - before)
    return figures


def about(admin: Connection, n: int, draw: random.Random, *, with_cursor: bool) -> dict[str, Any]:
    """An organization, one of its threads, a message in that, and (for changes) a cursor."""
    row = admin.execute(
        """select md5('org' || %(n)s)::uuid, c.id, (select m.id from public.messages m where m.org_id = c.org_id
                    and m.conversation_id = c.id order by m.at offset 5 limit 1)
             from public.conversations c where c.org_id = md5('org' || %(n)s)::uuid and c.id = md5('thread' || %(n)s || '.' || %(t)s)::uuid""",
        {"n": n, "t": draw.randrange(1, THREADS + 1)},
    ).fetchone()
    assert row
    given = {"org": row[0], "thread": row[1], "message": row[2], "cursor": None}
    for _ in range(2 if with_cursor else 0):
        with admin.transaction():
            become(admin, "authenticated", n)
            told = admin.execute("select public.changes(%(org)s, %(cursor)s)", given).fetchone()
            assert told
            given["cursor"] = told[0]["cursor"]
    return given


def ask(admin: Connection, role: str, n: int, query: str, given: dict[str, Any]) -> float:
    """Give the milliseconds that Postgres took."""
    with admin.transaction():
        become(admin, role, n)
        plan = admin.execute(
            f"explain (analyze, timing off, format json) select * from public.{query}".encode(), given
        ).fetchone()
        assert plan
        took: float = plan[0][0]["Execution Time"]
        return took


def become(admin: Connection, role: str, n: int) -> None:
    """Act for the member of an organization."""
    admin.execute(
        "select set_config('role', %s, true), set_config('request.jwt.claims',"
        " jsonb_build_object('sub', md5('person' || %s)::uuid, 'role', 'authenticated')::text, true)",
        (role, n),
    )


def scans(admin: Connection) -> int:
    """How often a big table was read from end to end."""
    admin.execute("select pg_stat_force_next_flush()")
    found = admin.execute(
        "select sum(seq_scan)::int from pg_stat_user_tables where relid in ('public.messages'::regclass, 'public.conversations'::regclass)"
    ).fetchone()
    assert found
    return int(found[0])


def note(text: str) -> None:
    """Say what goes on."""
    print(f"… {text}", file=sys.stderr)


if __name__ == "__main__":
    main()
