"""`flow lead`: leads that are added by hand."""

from uuid import UUID

import click

from workers import phones
from workers.cli.output import Refusal, Result, reports
from workers.cli.project import database, org_option, organization_country


@click.group()
def lead() -> None:
    """Add leads by hand."""


@lead.command()
@org_option
@click.option("--name", required=True, help="The person's name.")
@click.option(
    "--phone",
    required=True,
    help="Their number; without country code it is one of the organization's country.",
)
@click.option("--email", help="Their e-mail address.")
@click.option("--company", help="Their firm.")
@click.option("--product", help="What they asked for.")
@click.option("--message", help="What they wrote.")
@click.option("--greet", is_flag=True, help="Greet them on WhatsApp now, whatever the settings say.")
@reports(lambda made: f"Lead {made['lead_id']} of contact {made['contact_id']}")
def add(org_id: UUID, phone: str, *, greet: bool, **given: str | None) -> Result:
    """Add one lead."""
    number = phones.parse(phone, organization_country(org_id))
    if number is None:
        raise Refusal(f"{phone!r} is not a valid telephone number.", "phone_invalid")
    fields: dict[str, object] = {key: value for key, value in given.items() if value is not None}
    fields |= {"phone": number.e164, "phone_given": phone, "phone_kind": number.kind}
    if greet:
        fields["greet"] = True
    return database().rpc("add_lead", org_id=str(org_id), lead=fields)


def register(flow: click.Group) -> None:
    """Add the commands of this module."""
    flow.add_command(lead)
