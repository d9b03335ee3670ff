"""`python -m tests.bench export`: everything of an organization with a million messages.

Through a stack of its own, as in production: pages through the gateway, pieces and the archive through
Storage, the archive read again. The job is a process of its own, whose memory counts. Never fails on time.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

import psycopg

from tests.bench.pages import note
from tests.bench.webhooks import _flow

MESSAGES = int(os.environ.get("FLOW_BENCH_EXPORT", "1000000"))
PORT = int(os.environ.get("FLOW_BENCH_PORT", "7900"))
BUSINESS = """
insert into auth.users (id, email, raw_user_meta_data) values (md5('person')::uuid, 'export@flow.test', '{}');
create temporary table of (org uuid);
insert into of select private.new_organization('Bench', md5('person')::uuid);
insert into public.whatsapp_accounts (org_id, id, waba_id, currency, status, disconnected_at)
select org, md5('account')::uuid, '66000000000001', 'INR', 'disconnected', now() from of;
insert into public.whatsapp_numbers (org_id, id, account_id, phone_number_id, status, disconnected_at)
select org, md5('number')::uuid, md5('account')::uuid, '67000000000001', 'disconnected', now() from of;
select set_config('flow.importing', 'bench', false);
insert into public.contacts (org_id, id, name, phone)
select org, md5('contact' || n)::uuid, 'Buyer ' || n, '+9198' || lpad(n::text, 8, '0') from of, generate_series(1, 10000) n;
insert into public.conversations (org_id, id, number_id, contact_id)
select org, md5('thread' || n)::uuid, md5('number')::uuid, md5('contact' || n)::uuid from of, generate_series(1, 10000) n;
insert into public.messages (org_id, conversation_id, contact_id, direction, kind, body, text, status, wamid, origin, at, pricing)
select org, md5('thread' || n %% 10000 + 1)::uuid, md5('contact' || n %% 10000 + 1)::uuid,
       case when n %% 2 = 0 then 'inbound' else 'outbound' end, 'text',
       jsonb_build_object('text', jsonb_build_object('body', 'What is the price of ' || n || ' pumps? ' || md5(n::text))),
       'What is the price of ' || n || ' pumps? ' || md5(n::text), case when n %% 2 = 0 then 'received' else 'read' end,
       'wamid.HBgM' || md5('w' || n) || md5('x' || n), case when n %% 2 = 0 then 'customer' else 'person' end,
       now() - n * interval '1 second', case when n %% 2 = 1 then
         '{"delivered": {"type": "regular", "category": "utility", "pricing_model": "PMP"}}'::jsonb end
  from of, generate_series(1, %(messages)s) n;
insert into private.organization_exports (org_id) select org from of;
select set_config('flow.importing', '', false);
analyze;
"""
JOB = """
import resource, sys, time
from pathlib import Path
from workers.cli.context import settings_of_stack
from workers.clients import outbound_client
from workers.database import Database
from workers.rights.exporting import Worker
settings = settings_of_stack(Path(sys.argv[1])).model_copy(update={"flow_job_seconds": 600})
base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
worker, begun = Worker(Database(settings), outbound_client(settings), settings), time.monotonic()
worker.work(worker.claim())
used = resource.getrusage(resource.RUSAGE_SELF)
print(time.monotonic() - begun, used.ru_maxrss, base, used.ru_utime)
"""


def main() -> None:
    """Start a stack whose own jobs are off, fill it, measure, stop it."""
    os.environ["FLOW_WORKERS"] = "api"  # nothing but the process that is measured takes the export
    with tempfile.TemporaryDirectory(prefix="flow-bench-") as folder:
        status = _flow("up", "--detach", "--no-demo", "--data", folder, "--port", str(PORT), "--json")
        try:
            with psycopg.connect(status["database_url"], autocommit=True) as owner:
                note(f"filling {MESSAGES} messages")
                for statement in BUSINESS.split(";\n"):
                    if statement.strip():
                        owner.execute(statement.encode(), {"messages": MESSAGES})
                measure(owner, folder)
        finally:
            _flow("down", "--data", folder, "--json")


def measure(owner: psycopg.Connection[tuple[object, ...]], folder: str) -> None:
    """Let the job work once, and print what it took."""
    note("exporting")
    done = subprocess.run([sys.executable, "-c", JOB, folder], capture_output=True, text=True, check=True)
    seconds, peak, base, own = (float(word) for word in done.stdout.split()[-4:])
    row = owner.execute(
        "select status, error, rows, bytes, (select sum((p ->> 'bytes')::bigint) from jsonb_array_elements(parts) p), jsonb_array_length(parts),"
        " pieces from private.organization_exports"
    ).fetchone()
    assert row
    status, error, rows, size, packed, parts, pieces = row
    if status != "ready":
        raise SystemExit(f"the export is {status}: {error}\n{done.stderr}")
    figures = {
        "export": f"{status} {error or ''}",
        "rows, and their size as JSON": f"{rows}, {int(str(size)) / 1e6:.0f} MB",
        "archive (JSON and CSV)": f"{int(str(packed)) / 1e6:.0f} MB in {parts} part(s), by {pieces} pieces",
        "from the request to the archive read again": f"{seconds:.1f} s",
        "of it the job's own processor time": f"{own:.1f} s",
        "peak memory of the job's process": f"{peak / 1024:.0f} MB ({base / 1024:.0f} MB before it began)",
        "JSON in the database over archive": f"{int(str(size)) / int(str(packed)):.1f} x",
    }
    for name, value in figures.items():
        print(f"{name:<58} {value}")
