"""`flow whatsapp`: connect and disconnect an organization's WhatsApp numbers."""

from uuid import UUID

import click

from workers.cli.output import Result, progress, reports
from workers.cli.project import database, graph, org_option, read_secret, settings
from workers.meta import cleanup
from workers.meta import connect as meta


@click.group()
def whatsapp() -> None:
    """Connect and disconnect WhatsApp numbers."""


@whatsapp.command()
@org_option
@click.option("--waba-id", required=True, help="Meta's id of the WhatsApp Business account.")
@click.option("--phone-number-id", required=True, help="Meta's id of the number.")
@click.option("--token-stdin", is_flag=True, required=True, help="Read the access token from standard input.")
@reports(lambda number: f"Connected {number['display_phone']} ({number['verified_name']})")
def connect(org_id: UUID, waba_id: str, phone_number_id: str, *, token_stdin: bool) -> Result:  # noqa: ARG001
    """Connect a number: Meta must confirm that the token may manage and use it."""
    token = read_secret("the access token")
    number = meta.connect_number(
        database(), graph(), settings(), str(org_id), waba_id, phone_number_id, token
    )
    for warning in number.warnings:
        progress(warning)
    return number.model_dump()


@whatsapp.command()
@org_option
@click.option("--phone-number-id", help="Only this number; all of the organization's without it.")
@reports(lambda done: f"Disconnected: {done['disconnected']}")
def disconnect(org_id: UUID, phone_number_id: str | None) -> Result:
    """Stop all calls for a number at once, and end the subscription at Meta."""
    return cleanup.disconnect(database(), graph(), settings(), str(org_id), phone_number_id)


def register(flow: click.Group) -> None:
    """Add the commands of this module."""
    flow.add_command(whatsapp)
