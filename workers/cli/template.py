"""`flow template`: the message templates that Meta holds for an organization."""

from uuid import UUID

import click

from workers.cli.output import Result, reports
from workers.cli.project import database, graph, org_option
from workers.meta import connect as meta


@click.group()
def template() -> None:
    """Read message templates from Meta."""


@template.command()
@org_option
@reports(lambda done: f"Templates: {done['templates']}")
def sync(org_id: UUID) -> Result:
    """Read all templates of the organization's connected accounts."""
    return meta.sync_templates(database(), graph(), str(org_id))


def register(flow: click.Group) -> None:
    """Add the commands of this module."""
    flow.add_command(template)
