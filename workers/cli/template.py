"""`flow template`: the message templates that Meta holds for an organization."""

import json
import sys
from typing import Any
from uuid import UUID

import click

from workers.cli.output import Refusal, Result, reports
from workers.cli.project import database, graph, org_option
from workers.meta import templates as meta


def _list(done: Result) -> str:
    rows = done["templates"]
    lines = [
        f"{row['name']}  {row['language']}  {row['status']}  {row['category']}"
        for row in (rows if isinstance(rows, list) else [])
    ]
    return "\n".join(lines) or "No templates: make one, or run `flow template sync`."


@click.group()
def template() -> None:
    """Read and write message templates at Meta."""


@template.command()
@org_option
@reports(lambda done: f"Templates: {done['templates']}")
def sync(org_id: UUID) -> Result:
    """Read all templates of the organization's connected accounts."""
    return meta.sync_templates(database(), graph(), str(org_id))


@template.command("list")
@org_option
@reports(_list)
def list_templates(org_id: UUID) -> Result:
    """List the templates as Flow knows them, with what each takes."""
    return database().rpc("list_templates", org_id=str(org_id))


@template.command()
@org_option
@click.option("--edit", is_flag=True, help="Change the template of this name and language instead.")
@reports(lambda done: f"Template {done['name']} ({done['language']}): {done['status']}")
def create(org_id: UUID, *, edit: bool) -> Result:
    """Submit a template to Meta's review: a JSON draft on standard input.

    The draft: name, language, category (MARKETING, UTILITY or AUTHENTICATION) and components, as Meta
    has them.
    """
    return meta.write(database(), graph(), "edit" if edit else "create", str(org_id), _draft())


@template.command()
@org_option
@click.option("--name", required=True, help="The template's name.")
@click.option("--language", help="Only this language; all of them without it.")
@reports(lambda done: f"Deleted: {done['deleted']}")
def delete(org_id: UUID, name: str, language: str | None) -> Result:
    """Delete a template at Meta; queued messages that use it are not sent."""
    draft = {"name": name} | ({"language": language} if language else {})
    return meta.write(database(), graph(), "delete", str(org_id), draft)


def _draft() -> dict[str, Any]:
    try:
        draft = json.loads(sys.stdin.buffer.read())
    except ValueError as error:
        raise Refusal("Standard input is not JSON: give the draft as one object.", "draft_invalid") from error
    if not isinstance(draft, dict):
        raise Refusal("The draft is not a JSON object.", "draft_invalid")
    return draft


def register(flow: click.Group) -> None:
    """Add the commands of this module."""
    flow.add_command(template)
