"""`flow account`: accounts of people."""

import click

from workers.cli.output import Result, reports
from workers.cli.project import database


@click.group()
def account() -> None:
    """Look after people's accounts."""


@account.command()
@click.argument("email")
@click.option("--yes", is_flag=True, help="Do not ask.")
@reports(lambda done: f"Closed; they had belonged to {done['organizations']} organization(s).")
def close(email: str, *, yes: bool) -> Result:
    """Close somebody's account, for whom asked for it without being able to sign in.

    Their memberships and sessions end at once; what they did stays without their name. An organization's only
    owner is refused: make somebody else an owner, or delete the organization.
    """
    if not yes:
        click.confirm(f"Close the account of {email}? This cannot be taken back.", abort=True, err=True)
    return database().rpc("close_account", email=email)


def register(flow: click.Group) -> None:
    """Add the commands of this module."""
    flow.add_command(account)
