"""`flow sheet`: Google Sheets that Flow reads by itself."""

from typing import Any, cast
from uuid import UUID

import click

from workers.cli.output import Result, reports
from workers.cli.project import database, org_option, outside, settings
from workers.sheets import connecting, polling


@click.group()
def sheet() -> None:
    """Look after the Google Sheets of an organization."""


@sheet.command()
@org_option
@click.argument("link")
@reports(lambda made: f"Connected: {made['title']}, tab {made['tab']} (source {made['source_id']})")
def connect(org_id: UUID, link: str) -> Result:
    """Begin to read the sheet at LINK. You make sure that it is the organization's own."""
    return connecting.connect(database(), outside(), settings(), str(org_id), link, person=None)


@sheet.command()
@org_option
@click.option("--source", "source_id", type=click.UUID, help="Which sheet; the first without it.")
@reports(lambda run: str(run["outcome"]))
def sync(org_id: UUID, source_id: UUID | None) -> Result:
    """Read a sheet now; refused, with the time it may run, while it is read or a minute after."""
    return polling.sync_now(database(), outside(), settings(), org_id, source_id)


@sheet.command("list")
@org_option
@reports(lambda found: _table(found) or "No sheets.")
def list_sheets(org_id: UUID) -> Result:
    """List the sheets and how they stand."""
    return database().rpc("sheets", org_id=str(org_id))


@sheet.command()
@org_option
@click.argument("source_id", type=click.UUID)
@reports(lambda _: "Disconnected.")
def disconnect(org_id: UUID, source_id: UUID) -> Result:
    """Stop reading a sheet at once. Its leads stay."""
    return database().rpc("disconnect_source", org_id=str(org_id), source_id=str(source_id))


def _table(found: Result) -> str:
    sheets = cast("list[dict[str, Any]]", found["sheets"])
    return "\n".join(f"{one['source_id']}  {one['state']:14}  {one['name']}" for one in sheets)


def register(flow: click.Group) -> None:
    """Add the commands of this module."""
    flow.add_command(sheet)
