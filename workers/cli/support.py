"""`flow support`: the people of Flow who may be let in by an owner, and the tickets that they answer."""

import sys
from typing import Any, cast

import click

from workers.cli.output import Result, reports
from workers.cli.project import database

LISTS = ("waiting", "unassigned", "inquiries", "overdue", "unconfirmed", "settled")


@click.group()
def support() -> None:
    """Answer tickets; keep the list of people whom an organization can let look, for a time, at /support."""


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


def _queue(found: Result) -> str:
    lines = [
        f"{each['reference']}  {each['state']}  {each['urgency']}  "
        f"{'until ' + each['due_at'][:10] + '  ' if each['due_at'] else ''}"
        f"{each['organization'] or 'from outside'}  {each['subject']}"
        for each in cast("list[dict[str, Any]]", found["items"])
    ]
    late = [f"{found['overdue']} past their time"] if found["overdue"] else []
    return "\n".join(lines + late)


def _conversation(found: Result) -> str:
    said = [
        f"{each['at'][:16]}  {'note' if each['is_internal'] else each['side']}\n{each['body']}"
        for each in cast("list[dict[str, Any]]", found["messages"])
    ]
    return "\n\n".join([f"{found['reference']}  {found['state']}  {found['subject']}", *said])


@support.command()
@click.option("--list", "listed", type=click.Choice(LISTS), default="waiting", help="Which ones.")
@reports(lambda found: _queue(found) or "Nobody waits.")
def inbox(listed: str) -> Result:
    """Show the first 50 tickets and inquiries, the most urgent first."""
    return database().rpc("support_inbox", listed=listed)


@support.command()
@click.argument("reference")
@reports(_conversation)
def show(reference: str) -> Result:
    """Show what was written in the ticket REFERENCE (F-1001)."""
    return database().rpc("support_conversation", reference=reference)


@support.command()
@click.argument("reference")
@click.option("--note", is_flag=True, help="A note that only Flow's people see.")
@reports(lambda _: "Kept.")
def answer(reference: str, *, note: bool) -> Result:
    """Answer the ticket REFERENCE with the words on standard input."""
    words = sys.stdin.read()
    return database().rpc("support_answer", reference=reference, body=words, is_internal=note)


def register(flow: click.Group) -> None:
    """Add the commands of this module."""
    flow.add_command(support)
