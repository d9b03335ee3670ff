"""`flow apikey`: the keys with which an organization's own programs come in."""

from typing import Any, cast
from uuid import UUID

import click

from workers.api.v1.routes import ROUTES
from workers.cli.output import Result, reports
from workers.cli.project import database, org_option

SCOPES = sorted({route.scope for route in ROUTES if route.scope})


@click.group()
def apikey() -> None:
    """Look after the API keys of an organization."""


@apikey.command()
@org_option
@click.argument("name")
@click.option(
    "--scope", "scopes", type=click.Choice(SCOPES), multiple=True, default=("leads:write",), show_default=True
)
@reports(lambda made: f"{made['key']}\nThis is the only time that the key is shown.")
def create(org_id: UUID, name: str, scopes: tuple[str, ...]) -> Result:
    """Make a key for the program NAME. It is printed once: Flow keeps only its hash."""
    return database().rpc("create_api_key", org_id=str(org_id), name=name, scopes=list(scopes))


@apikey.command("list")
@org_option
@reports(lambda found: _table(found) or "No keys.")
def list_keys(org_id: UUID) -> Result:
    """List the keys, the newest first."""
    return database().rpc("api_keys", org_id=str(org_id))


@apikey.command()
@org_option
@click.argument("key_id", type=click.UUID)
@reports(lambda made: f"{made['key']}\nThe old key works until {made['old_expires_at']}.")
def rotate(org_id: UUID, key_id: UUID) -> Result:
    """Make a new key in place of an old one, which works for one more day."""
    return database().rpc("rotate_api_key", org_id=str(org_id), api_key_id=str(key_id))


@apikey.command()
@org_option
@click.argument("key_id", type=click.UUID)
@reports(lambda key: f"Revoked {key['key_id']}")
def revoke(org_id: UUID, key_id: UUID) -> Result:
    """End a key at once."""
    return database().rpc("revoke_api_key", org_id=str(org_id), api_key_id=str(key_id))


def _table(found: Result) -> str:
    keys = cast("list[dict[str, Any]]", found["keys"])
    return "\n".join(
        f"{key['key_id']}  …{key['hint']}  {key['state']:8}  {' '.join(key['scopes'])}  {key['name']}"
        for key in keys
    )


def register(flow: click.Group) -> None:
    """Add the commands of this module."""
    flow.add_command(apikey)
