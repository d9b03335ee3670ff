"""`flow install`: make a Supabase project an installation of Flow, or see what it still lacks."""

from pathlib import Path
from urllib.parse import quote

import click

from workers.cli.context import settings_for_commands
from workers.cli.output import Refusal, Result, progress, reports
from workers.cli.project import read_secret
from workers.cli.stack import data_option
from workers.settings import Settings

WORDS = {"there": "ok      ", "done": "done    ", "missing": "missing ", "blocked": "BY HAND "}


def _human(done: Result) -> str:
    steps, by_hand = done["steps"], done["by_hand"]
    assert isinstance(steps, list)  # noqa: S101 (for the type checker)
    assert isinstance(by_hand, list)  # noqa: S101
    lines = [f"{WORDS[step['state']]}{step['name']:<16}{step['note']}" for step in steps]
    lines += ["", "What only a person can do:"]
    lines += [f"  {row['where']}\n      {row['what']}: {row['value']}" for row in by_hand]
    return "\n".join([*lines, "", "Then start the workers (docs/deploy.md), and run: flow doctor"])


@click.command()
@data_option
@click.option(
    "--project", metavar="REF", help="A hosted project; the database's password is read from standard input."
)
@click.option(
    "--database-url-stdin", is_flag=True, help="Read the owner's connection string from standard input."
)
@click.option("--check", is_flag=True, help="Only look; change nothing.")
@reports(_human)
def install(data: Path | None, project: str | None, *, database_url_stdin: bool, check: bool) -> Result:
    """Check the database, apply the migrations, and set what the database itself can: safe to run again.

    FLOW_PUBLIC_URL and FLOW_JOB_SECRET come from the environment or ./.env, FLOW_DATABASE_URL too unless an
    option says where from. A failure half-way leaves what was done; the next run goes on from there. It
    prints what a person must still paste at Supabase, Meta, Google and Razorpay.
    """
    known = _known(data, project, database_url_stdin=database_url_stdin)
    try:
        import psycopg  # no dependency of the workers

        from workers.cli.installing import Installer, by_hand
    except ModuleNotFoundError as error:
        raise Refusal(
            "flow install needs psycopg: pip install 'nanocon-flow[operator]'.", "psycopg_missing"
        ) from error
    try:
        connection = psycopg.connect(known.secret("flow_database_url"), autocommit=True, connect_timeout=15)
    except psycopg.OperationalError as error:
        raise Refusal(
            "The database does not answer, or refuses the password. A project's own address needs IPv6;"
            " without it give the string under Connect → Session pooler with --database-url-stdin.",
            "database_unreachable",
        ) from error
    steps = []
    with connection:
        for step in Installer(connection, known, check=check).steps():
            progress(f"{WORDS[step.state]}{step.name}  {step.note}".rstrip())
            steps.append(step)
    return {
        "complete": all(step.state in ("there", "done") for step in steps),
        "steps": [step.as_dict() for step in steps],
        "by_hand": by_hand(known),
    }


def _known(data: Path | None, project: str | None, *, database_url_stdin: bool) -> Settings:
    if project and database_url_stdin:
        raise click.UsageError("Give --project or --database-url-stdin, not both.")
    if project and not (project.isascii() and project.isalnum()):
        raise click.UsageError("A project's reference has letters and digits only (Settings → General).")
    more = {}
    if project:
        password = quote(read_secret("the database's password"), safe="")
        host = f"db.{project}.supabase.co"
        more["FLOW_DATABASE_URL"] = f"postgresql://postgres:{password}@{host}:5432/postgres?sslmode=require"
        more["SUPABASE_URL"] = f"https://{project}.supabase.co"
    elif database_url_stdin:
        more["FLOW_DATABASE_URL"] = read_secret("the owner's connection string")
    return settings_for_commands(data, needs=("flow_database_url",), more=more)


def register(flow: click.Group) -> None:
    """Add the commands of this module."""
    flow.add_command(install)
