"""`flow migrate`: bring a database to the schema of this release."""

from pathlib import Path

import click

from workers.cli.context import settings_for_commands
from workers.cli.output import Refusal, Result, progress, reports
from workers.cli.stack import data_option


def _human(done: Result) -> str:
    applied = done["applied"]
    return (
        f"Applied: {', '.join(applied)}" if isinstance(applied, list) and applied else "Nothing was missing."
    )


@click.command()
@data_option
@reports(_human)
def migrate(data: Path | None) -> Result:
    """Apply what is missing of supabase/migrations to FLOW_DATABASE_URL, else to the running stack.

    Afterwards the database is told where the workers are (FLOW_PUBLIC_URL, FLOW_JOB_SECRET).
    """
    try:
        from workers.local import migrations  # psycopg is no dependency of the workers
    except ModuleNotFoundError as error:
        raise Refusal(
            "flow migrate needs psycopg: pip install 'psycopg[binary]'.", "psycopg_missing"
        ) from error
    known = settings_for_commands(data, needs=["flow_database_url"])
    dsn = known.secret("flow_database_url")
    applied = migrations.apply(dsn, progress)
    if known.flow_public_url and known.flow_job_secret:
        migrations.configure(dsn, known.flow_public_url, known.secret("flow_job_secret"))
    else:
        progress(
            "The database cannot wake the workers until FLOW_PUBLIC_URL and FLOW_JOB_SECRET are both given."
        )
    return {"applied": applied}


def register(flow: click.Group) -> None:
    """Add the commands of this module."""
    flow.add_command(migrate)
