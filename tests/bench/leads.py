"""`python -m tests.bench leads`: board, lists, search and changes to many leads, among a million leads in 200 organizations.

In a database of its own, asked by members under row level security: time in Postgres alone, as EXPLAIN ANALYZE tells
it. Prints, never fails on time. One organization more has a twentieth of the leads, to show what a big one feels.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from tests.bench.pages import ask, become, note
from tests.cluster import STATE, Cluster
from tests.local.flow_command import free_port

LEADS = int(os.environ.get("FLOW_BENCH_LEADS", "1000000"))
ORGANIZATIONS = 200
BIG = ORGANIZATIONS + 1
BAR = 50.0  # milliseconds that a search may take
Connection = psycopg.Connection[tuple[Any, ...]]

SETTING = (
    """insert into auth.users (id, email, raw_user_meta_data)
       select md5('person' || n)::uuid, 'leads' || n || '@flow.test', '{}' from generate_series(1, %(orgs)s) n""",
    "insert into public.organizations (id, name) select md5('org' || n)::uuid, 'Bench ' || n from generate_series(1, %(orgs)s) n",
    """insert into public.memberships (org_id, user_id, role)
       select md5('org' || n)::uuid, md5('person' || n)::uuid, 'owner' from generate_series(1, %(orgs)s) n""",
    """insert into public.lead_sources (org_id, id, kind, name)
       select md5('org' || n)::uuid, md5('source' || n)::uuid, 'indiamart', 'IndiaMART' from generate_series(1, %(orgs)s) n""",
    "insert into public.tags (org_id, id, name) select id, id, 'Urgent' from public.organizations where %(orgs)s > 0",
    """create table private.bench_words as
       select n, substr(md5('w' || n), 1, 3 + n %% 6) as word from generate_series(0, 4095) n where %(orgs)s > 0""",
)
# Four leads of five are of a person of their own; names and firms repeat, words of a message are common and rare.
PEOPLE = """
    insert into public.contacts (org_id, id, name, phone, company, city)
    select md5('org' || %(n)s)::uuid, md5('contact' || %(n)s || '.' || t)::uuid,
           (array['Ravi', 'Meena', 'Arjun', 'Fatima', 'Kiran', 'Suresh', 'Deepa'])[1 + t %% 7] || ' '
             || (array['Shah', 'Patel', 'Iyer', 'Khan', 'Nair'])[1 + t %% 5] || ' ' || initcap(substr(md5('p' || t), 1, 5)),
           '+9198' || lpad((%(n)s * 40009 + t * 7)::text, 8, '0'),
           initcap(substr(md5('f' || t %% 997), 1, 6)) || (array[' Traders', ' Industries', ' Pumps'])[1 + t %% 3], 'Surat'
      from generate_series(1, %(people)s) t
"""
LEADS_OF_ONE = """
    insert into public.leads (org_id, id, contact_id, source_id, source_kind, external_id, lead_type, stage_id, owner_id, title, product,
                              message, received_at, value, currency, custom)
    select s.org, md5('lead' || %(n)s || '.' || s.t)::uuid, md5('contact' || %(n)s || '.' || 1 + s.t %% %(people)s)::uuid, md5('source' || %(n)s)::uuid,
           'indiamart', s.t::text, (array['W', 'B', 'P'])[1 + s.t %% 3], s.stages[1 + s.h %% cardinality(s.stages)],
           case when s.t %% 4 = 0 then md5('person' || %(n)s)::uuid end, 'Requirement for ' || w1.word, initcap(w1.word) || ' pump',
           'I want to buy ' || w1.word || ' ' || w2.word || ', ' || w3.word || ' pieces, price for ' || w4.word || '. Kindly quote invoice' || s.t
             || ' with delivery to ' || w5.word || ' and call me back on this number.',
           now() - s.t * (interval '365 days' / %(leads)s), case when s.t %% 3 = 0 then 1000 + s.t end, case when s.t %% 3 = 0 then 'INR' end,
           case when s.t %% 10 = 0 then jsonb_build_object('colour', w5.word) else '{}' end
      from (select t, md5('org' || %(n)s)::uuid as org, hashint4(t) & 2147483647 as h,
                   (select array_agg(id order by position) from public.pipeline_stages where org_id = md5('org' || %(n)s)::uuid) as stages
              from generate_series(1, %(leads)s) t) s
      join private.bench_words w1 on w1.n = s.h & 255 join private.bench_words w2 on w2.n = s.h >> 8 & 4095
      join private.bench_words w3 on w3.n = s.h >> 12 & 63 join private.bench_words w4 on w4.n = s.h >> 3 & 1023
      join private.bench_words w5 on w5.n = s.h >> 16 & 511
"""
TAGGED = """
    insert into public.lead_tags (org_id, lead_id, tag_id)
    select l.org_id, l.id, l.org_id from public.leads l where hashtext(l.id::text) % 20 = 0
"""


def main() -> None:
    """Make a cluster, fill it, measure, remove it."""
    with tempfile.TemporaryDirectory(prefix="flow-leads-") as folder:
        cluster = Cluster(Path(folder) / "data", free_port())
        try:
            cluster.start()
            cluster.database("leads", STATE)
            with psycopg.connect(cluster.dsn("supabase_admin", "leads"), autocommit=True) as admin:
                figures = {**fill(admin, LEADS), **measure(admin)}
        finally:
            cluster.stop()
    for name, value in figures.items():
        print(f"{name:<58} {value}")


def fill(admin: Connection, many: int) -> dict[str, str]:
    """Write organizations, people and leads as intake does, triggers and all."""
    began = time.perf_counter()
    note(f"filling {many:,} leads in {ORGANIZATIONS} organizations, and {many // 20:,} in one")
    admin.execute("set maintenance_work_mem = '256MB'")
    for statement in SETTING:
        admin.execute(statement.encode(), {"orgs": BIG})
    # Greetings have a benchmark of their own.
    admin.execute("alter table public.leads disable trigger leads_are_greeted")
    for n in range(1, BIG + 1):
        leads = many // 20 if n == BIG else many // ORGANIZATIONS
        given = {"n": n, "people": max(1, leads * 4 // 5), "leads": leads}
        for statement in (PEOPLE, LEADS_OF_ONE):
            admin.execute(statement.encode(), given)
    admin.execute(TAGGED)
    filled = time.perf_counter()
    admin.execute("alter table public.leads enable trigger leads_are_greeted")
    admin.execute("vacuum analyze")
    size = admin.execute(
        "select pg_size_pretty(pg_total_relation_size('public.leads')), pg_size_pretty(pg_total_relation_size('private.lead_words'))"
    ).fetchone()
    assert size
    return {
        "leads: written with their words, and each took": f"{many * 21 // 20:,}, {(filled - began) * 1e6 / many / 1.05:.0f} µs",
        "leads: size of leads, and of their words": f"{size[0]}, {size[1]}",
    }


def measure(admin: Connection) -> dict[str, str]:
    """Time each question, asked by a member of a random organization, then by one of the big one."""
    draw = random.Random(6)  # noqa: S311 (a choice, not a secret)
    words = [
        str(word)
        for (word,) in admin.execute(
            "select word from private.bench_words where n < 4096 order by n"
        ).fetchall()
    ]
    questions: dict[str, Callable[[], str]] = {
        "list, newest": lambda: "lead_list(%(org)s)",
        "board": lambda: "board(%(org)s)",
        "board, mine": lambda: """board(%(org)s, filter => '{"owner": "me"}')""",
        "board, with a tag": lambda: (
            """board(%(org)s, filter => jsonb_build_object('tags', jsonb_build_array(%(org)s)))"""
        ),
        "list, page far back": lambda: (
            f"lead_list(%(org)s, before_at => now() - interval '1 day' * {draw.randrange(20, 300)})"
        ),
        "list, by name, from the middle": lambda: (
            """lead_list(%(org)s, sort => 'a_to_z', after => jsonb_build_object('name', 'kiran', 'contact_id', %(org)s, 'received_at', now(), 'id', %(org)s))"""
        ),
        "list, highest value": lambda: "lead_list(%(org)s, sort => 'highest')",
        "list, without a value": lambda: (
            """lead_list(%(org)s, sort => 'highest', after => jsonb_build_object('value', null, 'received_at', now() - interval '100 days', 'id', %(org)s))"""
        ),
        "list, a type of a month": lambda: (
            """lead_list(%(org)s, '{"type": "B", "received_from": "yesterday"}')"""
        ),
        "list, a custom field": lambda: (
            f"""lead_list(%(org)s, '{{"custom": {{"colour": "{words[draw.randrange(512)]}"}}}}')"""
        ),
        "list, a word": lambda: f"""lead_list(%(org)s, '{{"text": "{words[draw.randrange(1024)]}"}}')""",
        "search, rare word": lambda: (
            f"search_leads(%(org)s, 'invoice{draw.randrange(1, LEADS // ORGANIZATIONS)}')"
        ),
        "search, some words": lambda: f"search_leads(%(org)s, 'pump {words[draw.randrange(256)]}')",
        "search, word of every lead": lambda: "search_leads(%(org)s, 'requirement')",
        "search, name": lambda: "search_leads(%(org)s, 'meena pat')",
        "search, name and word": lambda: f"search_leads(%(org)s, 'arjun {words[draw.randrange(1024)]}')",
        "search, phone": lambda: f"search_leads(%(org)s, '{draw.randrange(10000, 99999)}')",
        "search, misspelt firm": lambda: "search_leads(%(org)s, 'industreis')",
        "search, part of a word": lambda: (
            f"search_leads(%(org)s, '{words[draw.randrange(5, 4096, 6)][1:7]}')"
        ),
        "search, nothing like it": lambda: "search_leads(%(org)s, 'zyxwvuts')",
    }
    figures = {}
    base = 0.0  # the first question, and what the others are ratios to
    note("asking")
    for name, question in questions.items():
        small = sorted(once(admin, draw.randrange(1, ORGANIZATIONS + 1), question()) for _ in range(120))
        big = sorted(once(admin, BIG, question()) for _ in range(20))
        base = base or small[60]
        figures[f"{name}, p50 / p99"] = (
            f"{small[60]:.2f} / {small[118]:.2f} ms, {small[60] / base:.1f} ×"
            f" (big organization {big[10]:.1f} / {big[19]:.1f}){verdict(name, small[118])}"
        )
    note("changing")
    figures["5,000 leads moved at once, and taken back"] = changing(admin)
    return figures


def verdict(name: str, took: float) -> str:
    """Say whether a search took no longer than it may."""
    if not name.startswith("search"):
        return ""
    return f", within {BAR:.0f} ms" if took <= BAR else f", NOT WITHIN {BAR:.0f} ms"


def once(admin: Connection, n: int, query: str) -> float:
    """Ask twice, so that the second finds warm what a dashboard finds warm."""
    row = admin.execute("select md5('org' || %s)::uuid", (n,)).fetchone()
    assert row
    ask(admin, "authenticated", n, query, {"org": row[0]})
    return ask(admin, "authenticated", n, query, {"org": row[0]})


def changing(admin: Connection) -> str:
    """Move 5,000 leads of the big organization and take it back."""
    with admin.transaction():
        become(admin, "authenticated", BIG)
        began = time.perf_counter()
        done = admin.execute(
            """select public.bulk_leads(o.id, 'move', jsonb_build_object('stage_id', (select id from public.pipeline_stages where org_id = o.id and name = 'Won')),
                      array(select id from public.leads where org_id = o.id order by received_at desc limit 5000))
                 from public.organizations o where o.id = md5('org' || %s)::uuid""",
            (BIG,),
        ).fetchone()
        moved = time.perf_counter()
        assert done
        admin.execute("select public.undo_bulk(md5('org' || %s)::uuid, %s)", (BIG, done[0]["undo_token"]))
        return f"{moved - began:.2f} s ({done[0]['changed']:,} changed), {time.perf_counter() - moved:.2f} s"


if __name__ == "__main__":
    main()
