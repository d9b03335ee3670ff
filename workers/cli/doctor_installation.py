"""What `flow doctor` says of the installation itself: extensions, schedule, keys, buckets, sign-in."""

from __future__ import annotations

from collections.abc import Iterator

import httpx

from workers.database import Database
from workers.errors import FlowError
from workers.local.contract import Finding
from workers.settings import Settings, is_loopback

LEAST_POSTGRES = 17


def findings(database: Database) -> Iterator[Finding]:
    """Look at what the database has; of an older one the missing migrations are told elsewhere."""
    try:
        says = database.rpc("installation")
    except FlowError:
        return
    if says["postgres"] < LEAST_POSTGRES:
        yield Finding(
            "error",
            f"The database is Postgres {says['postgres']}",
            f"Upgrade the project to Postgres {LEAST_POSTGRES} (Settings → Infrastructure).",
        )
    for name in ("pgcrypto", "pg_trgm", "pg_cron", "pg_net", "supabase_vault"):
        if name not in says["missing"]:
            yield Finding("ok", f"{name} is there")
        elif name == "pg_cron":
            yield Finding(
                "error",
                "pg_cron is missing: chores and jobs do not run by themselves",
                "Switch it on under Database → Extensions, then run `flow install`; or run"
                " `flow tick --every 2` as a service.",
            )
        else:
            yield Finding(
                "error",
                f"{name} is missing",
                "Switch it on under Database → Extensions, then run `flow install`.",
            )
    if says["unscheduled"]:
        yield Finding(
            "error",
            f"pg_cron does not run: {', '.join(says['unscheduled'])}",
            "Run `flow install`: it schedules what is missing.",
        )
    elif "pg_cron" not in says["missing"]:
        yield Finding("ok", "pg_cron runs every chore")
    if says["failed_chores"]:
        named = ", ".join(f"{one['name']} ({one['sqlstate']})" for one in says["failed_chores"])
        yield Finding(
            "warning",
            f"Chores failed when they last ran: {named}",
            "Look at the database's log at that time; they run again when they are due.",
        )
    yield from _kept(says)


def _kept(says: dict[str, list[str]]) -> Iterator[Finding]:
    """Keys, buckets and indexes."""
    if says["lost_keys"]:
        yield Finding(
            "error",
            f"Vault lacks {', '.join(says['lost_keys'])}: credentials sealed with it do not open",
            "Put the secret back from a backup (`flow restore` into an empty installation), or have the"
            " accounts connected anew.",
        )
    else:
        yield Finding("ok", "Vault holds the keys of all credentials")
    if says["buckets"]:
        yield Finding(
            "error",
            f"Storage lacks private buckets: {', '.join(says['buckets'])}",
            "Make them in Storage, private, under these names.",
        )
    else:
        yield Finding("ok", "Storage has the private buckets")
    if says["broken_indexes"]:
        yield Finding(
            "warning",
            f"Indexes that were not finished: {', '.join(says['broken_indexes'])}",
            "Drop each with `drop index concurrently`, and make it again.",
        )


def query(known: Settings, statement: str) -> list[tuple[object, ...]] | None:
    """Ask the database directly; None when it cannot be asked."""
    if not known.flow_database_url:
        return None
    try:
        import psycopg
    except ModuleNotFoundError:
        return None
    try:
        with psycopg.connect(known.secret("flow_database_url"), connect_timeout=10) as connection:
            return list(connection.execute(statement.encode()))
    except psycopg.Error:
        return None


def vault(known: Settings) -> Iterator[Finding]:
    """Whether the database knows the same workers as the settings."""
    rows = query(
        known,
        "select name, decrypted_secret from vault.decrypted_secrets"
        " where name in ('flow_worker_url', 'flow_job_secret')",
    )
    if rows is None:
        return
    held: dict[object, object] = {row[0]: row[1] for row in rows}
    wanted = {
        "flow_worker_url": known.flow_public_url,
        "flow_job_secret": known.flow_job_secret and known.secret("flow_job_secret"),
    }
    differing = [name for name, value in wanted.items() if value and name in held and held[name] != value]
    if differing:
        yield Finding(
            "error",
            f"Vault holds another {' and another '.join(differing)} than the settings",
            "Run `flow install` with the right settings.",
        )
    elif held:
        yield Finding("ok", "Vault and the settings name the same workers")


def sign_in(known: Settings, http: httpx.Client) -> Iterator[Finding]:
    """How people may sign in, as Auth tells it to everybody."""
    key = {"apikey": known.secret("supabase_publishable_key")}
    try:
        answer = http.get(f"{known.supabase_url}/auth/v1/settings", headers=key)
        told = answer.json() if answer.is_success else {}
    except (httpx.HTTPError, FlowError, ValueError):
        told = {}
    if not isinstance(told, dict) or not isinstance(told.get("external"), dict):
        yield Finding(
            "error", "Auth does not tell its settings", "See that Auth runs, and check SUPABASE_URL."
        )
        return
    external = told["external"]
    if external.get("anonymous_users"):
        yield Finding(
            "error",
            "Anybody may sign in without a name",
            "Switch off anonymous sign-ins (Authentication → Sign-ups).",
        )
    if told.get("mailer_autoconfirm") and not is_loopback(known.supabase_url or ""):
        yield Finding(
            "error",
            "Addresses are taken without proof, and invitations rely on them",
            "Switch on Confirm email (Authentication → Providers → Email).",
        )
    ways = [name for name in ("email", "google") if external.get(name)]
    if "email" in ways:
        yield Finding("ok", f"People sign in by: {', '.join(ways)}")
    else:
        yield Finding(
            "error", "People cannot sign in by email", "Switch it on (Authentication → Providers → Email)."
        )
    if "google" not in ways:
        yield Finding(
            "warning",
            "Google sign-in is off",
            "Give the Google client's id and secret (Authentication → Providers → Google).",
        )
