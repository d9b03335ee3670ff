"""`flow support`: the people of Flow who may be let in by an owner. By itself it opens nothing."""

from typing import Any, cast

import click

from workers.cli.output import Result, reports
from workers.cli.project import database


@click.group()
def support() -> None:
    """Keep the list of people whom an organization can let look, for a time, at /support."""


@support.command()
@click.argument("email")
@reports(lambda _: "They see nothing, until an owner lets support look: then at /support of the dashboard.")
def add(email: str) -> Result:
    """Take the person with the address EMAIL into support. They have signed in to Flow before."""
    return database().rpc("set_support", email=email, is_staff=True)


@support.command()
@click.argument("email")
@reports(lambda _: "Out of support: whatever they could see is closed.")
def remove(email: str) -> Result:
    """Take the person with the address EMAIL out of support, at once."""
    return database().rpc("set_support", email=email, is_staff=False)


@support.command("list")
@reports(lambda found: _table(found) or "Nobody.")
def list_staff() -> Result:
    """Name everybody who is of support."""
    return database().rpc("support_staff")


def _table(found: Result) -> str:
    staff = cast("list[dict[str, Any]]", found["staff"])
    return "\n".join(f"{person['added_at'][:10]}  {person['email']}" for person in staff)


def register(flow: click.Group) -> None:
    """Add the commands of this module."""
    flow.add_command(support)
