"""A drill: an installation is backed up, restored into another that is empty, and works there."""

import io
import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from tests.database import Database
from tests.e2e.test_deletion import PASSWORD, Owner
from tests.local.flow_command import FLOW, Flow, free_port
from workers.backup import loading
from workers.settings import Settings
from workers.storage import Bucket

PASSPHRASE = "correct horse battery"
TOKEN = "EAAG-a-token-that-is-sealed"
# Tables at which the schedule works while nobody does anything, and what is noted of it.
AT_WORK = {
    "private.chores", "private.wakeups", "private.retention_runs", "private.isolation_checks",
    "private.credential_reads",
    "private.alarms", "private.api_calls", "private.error_events", "private.error_groups", "private.job_runs",
    "private.news", "private.page_views", "private.request_log",
    "private.telemetry_daily", "private.telemetry_losses", "private.paces",
}  # fmt: skip


@pytest.fixture
def target(stack, tmp_path: Path) -> Iterator[Flow]:
    """An installation with nobody in it, before the same outside: the sandbox knows the tokens."""
    flow = Flow(tmp_path / "data", free_port())
    flow.data.mkdir()
    if (stack.data / "sandbox.json").exists():
        (flow.data / "sandbox.json").write_bytes((stack.data / "sandbox.json").read_bytes())
    flow.up()
    yield flow
    flow.down()


def run(data: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [FLOW, *words, "--data", str(data), "--json"]
    return subprocess.run(command, cwd=data.parent, input=PASSPHRASE, capture_output=True, text=True)


@pytest.fixture
def old_day(stack) -> Iterator[str]:
    """A day of webhooks that the coming days' partitions do not cover, with one event."""
    day = datetime.now(UTC).date() - timedelta(days=5)
    name = f"private.webhook_events_{day:%Y%m%d}"
    with Database.connect(stack.database_url, autocommit=True) as db:
        db.execute(f"create table {name} (like private.webhook_events including all excluding identity)")
        db.execute(f"alter table {name} enable row level security")
        db.execute(
            f"alter table private.webhook_events attach partition {name}"
            f" for values from ('{day} 00:00Z') to ('{day + timedelta(days=1)} 00:00Z')"
        )
        db.execute(
            "insert into private.webhook_events (received_at, body) values (%s, 'kept')", [f"{day} 12:00Z"]
        )
        yield name
        db.execute(f"drop table {name}")


def test_an_installation_comes_back_from_its_backup(
    stack, target: Flow, old_day: str, tmp_path: Path
) -> None:
    owner = Owner(stack, "Restored Traders")
    path = f"{owner.org}/2026/11/{uuid4()}"
    with Database.connect(stack.database_url, autocommit=True) as db, httpx.Client(trust_env=False) as http:
        db.execute("select private.put_credential(%s, 'whatsapp_token', %s)", [owner.org, TOKEN])
        Bucket(http, owner.settings, "media").put(path, io.BytesIO(b"\x89PNG"), "image/png")

    made = run(stack.data, "backup", "--to", str(tmp_path / "backups"))
    assert made.returncode == 0, made.stderr
    file = Path(json.loads(made.stdout)["path"])
    assert file.stat().st_mode & 0o777 == 0o600
    for secret in (TOKEN, "Restored Traders", PASSPHRASE):
        assert secret.encode() not in file.read_bytes()
    done = run(target.data, "restore", "--from", str(file))

    assert done.returncode == 0, done.stderr
    there = Settings(_env_file=target.data / "settings.env")
    url = there.secret("flow_database_url")
    with loading.opened(file, PASSPHRASE) as (_, manifest), Database.connect(url) as db:
        for table in manifest.tables:
            if table.key not in AT_WORK:
                # More where the schedule has been at work since: the restore itself compared the counts.
                assert db.value(f"select count(*) from {table.key}") >= table.rows, table.key
        assert db.value(f"select body from {old_day}") == b"kept"
        assert db.value("select relrowsecurity from pg_class where oid = %s::regclass", old_day)
        assert db.value(
            "select private.unseal_credential(c) from private.credentials c where org_id = %s", owner.org
        ) == TOKEN  # fmt: skip
    answer = httpx.post(
        f"{there.supabase_url}/auth/v1/token",
        params={"grant_type": "password"},
        json={"email": owner.email, "password": PASSWORD},
        headers={"apikey": there.secret("supabase_publishable_key")},
        trust_env=False,
    )
    assert answer.status_code == 200, answer.text
    with httpx.Client(trust_env=False) as http:
        kept = io.BytesIO()
        Bucket(http, there, "media").get(path, kept)
    assert kept.getvalue() == b"\x89PNG"
    found = json.loads(run(target.data, "doctor").stdout)["findings"]
    wrong = [one["what"] for one in found if one["level"] == "error"]
    # What other tests broke at their suppliers is broken here, too.
    assert [what for what in wrong if not what.startswith(("WhatsApp of", "IndiaMART of"))] == []

    again = run(target.data, "restore", "--from", str(file))

    assert (again.returncode, json.loads(again.stdout)["error"]["detail"]) == (1, "not_empty")
