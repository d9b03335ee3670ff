"""`flow doctor`: look at everything Flow relies on, and say what to do about what is wrong."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click
import httpx

from workers.cli import doctor_business, doctor_installation
from workers.cli.context import settings_for_commands
from workers.cli.output import Refusal, Result, fail, print_json, refusal_from
from workers.cli.stack import data_option
from workers.clients import outbound_client
from workers.database import Database
from workers.errors import FlowError, ProviderError, Unavailable
from workers.local.contract import Finding, Target, checks
from workers.meta.graph import Graph
from workers.settings import Settings, SettingsError, is_loopback

MARKS = {"ok": "ok      ", "warning": "warning ", "error": "ERROR   "}


def findings(known: Settings) -> Iterator[Finding]:
    """Look at settings, Supabase, the database, the workers' own address and Meta."""
    yield from _settings(known)
    if known.supabase_url and known.supabase_publishable_key and known.supabase_secret_key:
        yield from checks(
            Target(
                known.supabase_url,
                known.secret("supabase_publishable_key"),
                known.secret("supabase_secret_key"),
                _secret(known, "flow_database_url"),
            )
        )
        yield from _database(known)
        with outbound_client(known) as http:
            yield from doctor_installation.sign_in(known, http)
    with outbound_client(known) as http:
        yield from _workers(known, http)
        yield from _meta(known, http)


def _secret(known: Settings, name: str) -> str | None:
    return known.secret(name) if getattr(known, name) else None


def _settings(known: Settings) -> Iterator[Finding]:
    try:
        known.require(*known.flow_workers)
    except SettingsError as error:
        for problem in error.problems:
            yield Finding(
                "error",
                problem,
                "Set it in the environment or in .env; .env.example tells where each value is found.",
            )
    else:
        yield Finding(
            "ok", f"The settings of these workers are complete: {', '.join(sorted(known.flow_workers))}"
        )
    if "jobs" in known.flow_workers and not known.flow_vapid_private_key:
        yield Finding(
            "warning",
            "FLOW_VAPID_PRIVATE_KEY is not given: nobody can have notifications on their devices",
            "Make one with `flow push keys`, and give FLOW_VAPID_SUBJECT too.",
        )
    if not known.flow_database_url:
        yield Finding(
            "warning",
            "FLOW_DATABASE_URL is not given: the database itself was not looked at",
            "Give the owner's connection string to this command.",
        )


def migrations_here() -> list[str]:
    """Give the versions that this release has: a package carries its own, a clone has supabase/migrations."""
    package = Path(__file__).parents[1]
    folder = (
        package / "migrations"
        if (package / "migrations").is_dir()
        else package.parent / "supabase" / "migrations"
    )
    return sorted(path.stem.split("_", 1)[0] for path in folder.glob("[0-9]*_*.sql"))


def _database(known: Settings) -> Iterator[Finding]:
    """What the database says of itself, through the API and, where allowed, directly."""
    database = Database(known)
    try:
        says = database.rpc("readiness")
    except Unavailable as error:
        if error.detail == "schema_outdated":  # anything else was told by the contract's checks
            yield Finding("error", "worker.readiness is missing", "Run `flow migrate`.")
        return
    except FlowError as error:
        yield Finding("error", f"worker.readiness cannot be called: {error.message}", "Run `flow migrate`.")
        return
    else:
        yield from doctor_installation.findings(database)
        yield from doctor_business.findings(database)
    finally:
        database.close()
    applied, here = _applied(known), migrations_here()
    missing = (
        [version for version in here if version not in applied]
        if applied is not None
        else [version for version in here if version > str(says.get("migration") or "")]
    )
    newer = [
        version for version in (applied or {str(says.get("migration") or "")}) if here and version > here[-1]
    ]
    if missing:
        yield Finding("error", f"Migrations are missing: {', '.join(missing)}", "Run `flow migrate`.")
    elif newer:
        yield Finding(
            "warning",
            f"The database is newer than this release (migration {max(newer)})",
            "Deploy the release that made it.",
        )
    else:
        yield Finding("ok", f"All {len(here)} migrations are applied")
    if says.get("configured"):
        yield Finding("ok", "The database knows where the workers are")
    else:
        yield Finding(
            "error",
            "The database does not know where the workers are, so it cannot wake them",
            "Run `flow migrate` with FLOW_PUBLIC_URL, FLOW_JOB_SECRET and FLOW_DATABASE_URL.",
        )
    yield from doctor_installation.vault(known)


def _applied(known: Settings) -> set[str] | None:
    rows = doctor_installation.query(known, "select version from supabase_migrations.schema_migrations")
    return None if rows is None else {str(version) for (version,) in rows}


def _workers(known: Settings, http: httpx.Client) -> Iterator[Finding]:
    """The workers' own address, as the database and Meta reach it."""
    base = known.flow_public_url
    if not base:
        return
    try:
        health = http.get(f"{base}/healthz")
    except (httpx.HTTPError, FlowError) as error:
        yield Finding(
            "error",
            f"The workers do not answer at {base} ({type(error).__name__})",
            "Start them, and check FLOW_PUBLIC_URL.",
        )
        return
    if health.status_code != httpx.codes.OK:
        yield Finding(
            "error",
            f"{base}/healthz answers HTTP {health.status_code}",
            "Check FLOW_PUBLIC_URL: something else answers there.",
        )
        return
    yield Finding("ok", f"The workers answer at {base}")
    if is_loopback(base) and not is_loopback(known.supabase_url or base):
        yield Finding(
            "error",
            "The workers are on this machine, but the database is not: it cannot reach them",
            "Give the public address in FLOW_PUBLIC_URL.",
        )
    secret = _secret(known, "flow_job_secret")
    if secret and "jobs" in known.flow_workers:
        # A name that no job has: with the right secret it is unknown, without it is refused. Nothing runs.
        try:
            stranger = http.post(f"{base}/jobs/doctor").status_code
            own = http.post(f"{base}/jobs/doctor", headers={"Authorization": f"Bearer {secret}"}).status_code
        except httpx.HTTPError as error:
            yield Finding(
                "error", f"{base}/jobs does not answer ({type(error).__name__})", "Look at the workers' log."
            )
            return
        if (stranger, own) == (httpx.codes.UNAUTHORIZED, httpx.codes.NOT_FOUND):
            yield Finding("ok", "The job address takes the job secret, and nothing else")
        elif own == httpx.codes.UNAUTHORIZED:
            yield Finding(
                "error",
                "The workers refuse FLOW_JOB_SECRET",
                "Start the workers with the same FLOW_JOB_SECRET as here.",
            )
        else:
            yield Finding(
                "error",
                f"{base}/jobs answers HTTP {stranger} without and {own} with the secret, not 401 and 404",
                "Check FLOW_WORKERS (it must include jobs) and FLOW_PUBLIC_URL.",
            )


def _meta(known: Settings, http: httpx.Client) -> Iterator[Finding]:
    if not (known.meta_app_id and known.meta_app_secret):
        if "meta" in known.flow_workers:
            yield Finding(
                "warning",
                "Meta was not asked: META_APP_ID or META_APP_SECRET is missing",
                "Copy both from the app's dashboard (Settings → Basic).",
            )
        return
    token = f"{known.meta_app_id}|{known.secret('meta_app_secret')}"
    try:
        data = Graph(http, known).get("debug_token", token, input_token=token).get("data")
    except ProviderError as error:
        yield Finding(
            "error",
            f"Meta refuses the app's id and secret, or cannot be reached: {error.message}",
            "Check META_APP_ID, META_APP_SECRET and META_GRAPH_URL.",
        )
        return
    # Meta answers this only to an app that has proved itself; what it says of the token adds the app's id.
    if isinstance(data, dict) and str(data.get("app_id", known.meta_app_id)) == known.meta_app_id:
        yield Finding("ok", "Meta knows the app by its id and secret")
    else:
        yield Finding(
            "error",
            "Meta does not take the app's id and secret for a valid pair",
            "Check META_APP_ID and META_APP_SECRET.",
        )


def _human(found: list[Finding]) -> str:
    lines = [
        f"{MARKS[one.level]}{one.what}"
        + (f"\n        → {one.remedy}" if one.remedy and one.level != "ok" else "")
        for one in found
    ]
    count = Counter(one.level for one in found)
    return "\n".join([*lines, f"{count['ok']} ok, {count['warning']} warnings, {count['error']} errors"])


@click.command()
@data_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
def doctor(data: Path | None, as_json: bool) -> None:
    """Look at everything Flow relies on; exit status 1 when something is wrong.

    Changes nothing. With FLOW_DATABASE_URL (the embedded stack always has it) it also makes a few functions
    and a bucket of its own, tries them, and removes them.
    """
    try:
        found = _found(data)
    except Exception as error:  # noqa: BLE001 (as output.reports: a command's failure becomes words)
        fail(refusal_from(error), as_json=as_json)
        return
    is_ok = all(one.level != "error" for one in found)
    result: Result = {"ok": is_ok, "findings": [one.as_dict() for one in found]}
    if as_json:
        print_json(result)
    else:
        click.echo(_human(found))
    if not is_ok:
        sys.exit(1)


def _found(data: Path | None) -> list[Finding]:
    try:
        known = settings_for_commands(data, needs=())
    except Refusal as refusal:
        remedy = (
            "Correct it in the environment or in .env."
            if refusal.detail == "settings_invalid"
            else "Run `flow doctor` where `flow up` was run, or with --data, or with the project's settings."
        )
        return [Finding("error", sentence, remedy) for sentence in refusal.message.splitlines()]
    return list(findings(known))


def register(flow: click.Group) -> None:
    """Add the commands of this module."""
    flow.add_command(doctor)
