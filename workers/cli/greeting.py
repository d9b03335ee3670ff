"""`flow greeting`: the message that new leads get by themselves."""

from uuid import UUID

import click

from workers.cli.output import Result, reports
from workers.cli.project import database, graph, org_option
from workers.errors import FlowError
from workers.meta import connect as meta


@click.group()
def greeting() -> None:
    """Decide how new leads are greeted."""


@greeting.command("set")
@org_option
@click.option("--template", required=True, help="Name of the template.")
@click.option("--language", required=True, help="Language of the template, for instance en.")
@click.option(
    "--param", "fields", multiple=True, metavar="FIELD",
    help="Field of the lead for each value of the body, in order: name, product, …",
)  # fmt: skip
@click.option(
    "--on/--off",
    "is_on",
    default=None,
    help="Whether new leads are greeted; without either it stays, at first on.",
)
@reports()
def set_greeting(
    org_id: UUID, template: str, language: str, fields: tuple[str, ...], *, is_on: bool | None
) -> Result:
    """Choose the template that greets new leads, and switch greeting on or off."""
    setting: dict[str, object] = {"template": template, "language": language, "params": list(fields)}
    if is_on is not None:
        setting["on"] = is_on
    try:
        return database().rpc("set_greeting", org_id=str(org_id), setting=setting)
    except FlowError as error:
        if error.detail != "template_unknown":
            raise
    meta.sync_templates(database(), graph(), str(org_id))  # made at Meta since the last sync, perhaps
    return database().rpc("set_greeting", org_id=str(org_id), setting=setting)


def register(flow: click.Group) -> None:
    """Add the commands of this module."""
    flow.add_command(greeting)
