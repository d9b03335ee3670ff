"""`python -m tests.bench ledger`: the usage page and the close of a month, among a million ledger entries.

In a database of its own: time in Postgres alone. Prints, never fails on time.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg

from tests.bench.pages import note
from tests.cluster import STATE, Cluster
from tests.local.flow_command import free_port

ENTRIES = int(os.environ.get("FLOW_BENCH_LEDGER", "1000000"))
Connection = psycopg.Connection[tuple[Any, ...]]

# One organization with three numbers: half of its messages cost and carry a markup, the others are free. Twenty
# templates, five people and four sources of leads, all in the last month that is over.
BUSINESS = (
    "insert into auth.users (id, email, raw_user_meta_data) select md5('person' || n)::uuid, 'ledger' || n || '@flow.test', '{}'"
    " from generate_series(1, 5) n",
    "insert into public.organizations (id, name) values (md5('org')::uuid, 'Bench')",
    "insert into public.memberships (org_id, user_id, role) select md5('org')::uuid, md5('person' || n)::uuid, 'owner'"
    " from generate_series(1, 5) n",
    "insert into public.whatsapp_accounts (org_id, id, waba_id, currency, time_zone)"
    " values (md5('org')::uuid, md5('account')::uuid, '66000000000001', 'INR', 'Asia/Kolkata')",
    "insert into public.whatsapp_numbers (org_id, id, account_id, phone_number_id) select md5('org')::uuid, md5('number' || n)::uuid,"
    " md5('account')::uuid, '6700000000000' || n from generate_series(1, 3) n",
    "insert into public.pipelines (org_id, id, name, position) values (md5('org')::uuid, md5('pipeline')::uuid, 'Sales', 1)",
    "insert into public.pipeline_stages (org_id, id, pipeline_id, name, position)"
    " values (md5('org')::uuid, md5('stage')::uuid, md5('pipeline')::uuid, 'New', 1)",
    "insert into public.lead_sources (org_id, id, kind, name) select md5('org')::uuid, md5('source' || n)::uuid,"
    " (array['indiamart', 'manual', 'whatsapp', 'form'])[n], 'Source ' || n from generate_series(1, 4) n",
    "insert into public.contacts (org_id, id, name, phone) select md5('org')::uuid, md5('contact' || n)::uuid, 'Buyer ' || n,"
    " '+9198' || lpad(n::text, 8, '0') from generate_series(1, 10000) n",
    "insert into public.leads (org_id, id, contact_id, source_id, source_kind, external_id, stage_id, received_at)"
    " select md5('org')::uuid, md5('lead' || n)::uuid, md5('contact' || n)::uuid, md5('source' || 1 + n %% 4)::uuid, 'manual', n::text,"
    " md5('stage')::uuid, %(begin)s::timestamptz - interval '1 day' from generate_series(1, 10000) n",
    "insert into public.conversations (org_id, id, number_id, contact_id) select md5('org')::uuid, md5('thread' || n)::uuid,"
    " md5('number' || 1 + n %% 3)::uuid, md5('contact' || n)::uuid from generate_series(1, 10000) n",
    """insert into public.messages (org_id, id, conversation_id, contact_id, direction, kind, body, text, status, wamid, origin, sender_id, at)
       overriding system value
       select md5('org')::uuid, n, md5('thread' || 1 + n %% 10000)::uuid, md5('contact' || 1 + n %% 10000)::uuid, 'outbound', 'template',
              jsonb_build_object('template', jsonb_build_object('name', 'offer' || n %% 20)), 'Hello', 'delivered', 'wamid.' || n, 'person',
              md5('person' || 1 + n %% 5)::uuid, %(begin)s::timestamptz + n * (interval '30 days' / %(messages)s)
         from generate_series(1, %(messages)s) n""",
    """insert into public.usage_ledger (org_id, wamid, entry, amount, currency, category, pricing_type, billable_at, statement_month, version, is_billed,
                                        account_id, number_id, message_id, source, market, time_zone, rate, rate_verified)
       select m.org_id, m.wamid, e.entry, e.amount, 'INR', case when m.id %% 2 = 1 then 'service' when m.id %% 4 = 0 then 'utility' else 'marketing' end,
              case when m.id %% 2 = 0 then 'regular' else 'free_customer_service' end, m.at, private.month_text(private.india_day(m.at)), 1,
              e.entry = 'markup', md5('account')::uuid, md5('number' || 1 + m.id %% 3)::uuid, m.id,
              case when e.entry = 'markup' then 'markup' when m.id %% 2 = 0 then 'card' else 'free' end, 'IN', 'Asia/Kolkata',
              case when m.id %% 2 = 0 then 0.115 end, true
         from public.messages m
        cross join lateral (select 'meta_cost' as entry, case when m.id %% 2 = 0 then 0.115 else 0 end as amount
                            union all select 'markup', 0.0115 where m.id %% 2 = 0) e
        where m.org_id = md5('org')::uuid and %(messages)s > 0""",
    "insert into private.usage_pending (org_id, ledger_id) select org_id, id from public.usage_ledger where %(messages)s > 0",
)


def main() -> None:
    """Make a cluster, fill it, measure, remove it."""
    with tempfile.TemporaryDirectory(prefix="flow-ledger-") as folder:
        cluster = Cluster(Path(folder) / "data", free_port())
        try:
            cluster.start()
            cluster.database("ledger", STATE)
            with psycopg.connect(cluster.dsn("supabase_admin", "ledger"), autocommit=True) as admin:
                figures = measure(admin)
        finally:
            cluster.stop()
    for name, value in figures.items():
        print(f"{name:<58} {value}")


def measure(admin: Connection) -> dict[str, str]:
    """Fill, sum up, and time what people and the close of the month wait for."""
    messages = ENTRIES * 2 // 3  # half of them with two entries
    row = admin.execute(
        "select date_trunc('month', now() at time zone interval '05:30' - interval '1 month') at time zone interval '05:30'"
    ).fetchone()
    assert row
    note(f"filling {ENTRIES:,} ledger entries")
    admin.execute("set session_replication_role = replica")
    for statement in BUSINESS:
        admin.execute(statement.encode() if "%(" in statement else statement.encode().replace(b"%%", b"%"),
                      {"begin": row[0], "messages": messages} if "%(" in statement else None)  # fmt: skip
    admin.execute("set session_replication_role = origin")
    admin.execute("analyze")
    note("summing up")
    began = time.perf_counter()
    while summed := admin.execute("select private.settle_usage(batch => 50000)").fetchone():
        if not summed[0]:
            break
    took = time.perf_counter() - began
    admin.execute("vacuum analyze")
    figures = {"usage: entries, summed up and settled in": f"{ENTRIES:,}, {took:.0f} s"}
    month = admin.execute(
        "select private.month_text(private.india_day(%s::timestamptz + interval '3 days'))", (row[0],)
    ).fetchone()
    assert month
    note("asking")
    for name, query in {
        "usage page of the month": "select public.usage(md5('org')::uuid, %s)",
        "usage by template": "select public.usage_by(md5('org')::uuid, %s, 'template')",
        "usage by source of lead": "select public.usage_by(md5('org')::uuid, %s, 'source')",
        "messages behind it, first page": "select public.usage_messages(md5('org')::uuid, %s)",
    }.items():
        times = sorted(ask(admin, query, month[0]) for _ in range(40))
        figures[f"{name}, p50 / p99"] = f"{times[20]:.1f} / {times[-1]:.1f} ms"
    note("closing the month")
    began = time.perf_counter()
    admin.execute("select worker.close_month(md5('org')::uuid, %s)", month)
    figures["closing the month"] = f"{time.perf_counter() - began:.2f} s"
    return figures


def ask(admin: Connection, query: str, month: str) -> float:
    """Give the milliseconds that a member waits for Postgres."""
    with admin.transaction():
        admin.execute(
            "select set_config('role', 'authenticated', true), set_config('request.jwt.claims',"
            " jsonb_build_object('sub', md5('person1')::uuid, 'role', 'authenticated')::text, true)"
        )
        began = time.perf_counter()
        admin.execute(query.encode(), (month,)).fetchone()
        return (time.perf_counter() - began) * 1000


if __name__ == "__main__":
    main()
    sys.exit(0)
