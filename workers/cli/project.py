"""What commands share: the project they talk to, its functions, and secrets on standard input."""

import functools
import sys
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

import click
import httpx
from supabase import Client, create_client
from supabase.lib.client_options import SyncClientOptions

from workers.cli.context import settings_for_commands
from workers.clients import outbound_client
from workers.database import Database
from workers.logs import configure_logs
from workers.meta.graph import Graph
from workers.settings import Settings, is_loopback

org_option = click.option("--org", "org_id", type=click.UUID, required=True, help="The organization's id.")


@functools.cache
def settings(data: Path | None = None) -> Settings:
    """Give the settings of the project that commands talk to: SUPABASE_URL's, else the running stack's."""
    configure_logs("WARNING")
    return settings_for_commands(data)


@functools.cache
def database() -> Database:
    """Give the project's worker functions, called with the secret key."""
    return Database(settings())


@functools.cache
def outside() -> httpx.Client:
    """Give the client for calls to Meta and IndiaMART."""
    return outbound_client(settings())


def graph() -> Graph:
    """Give Meta's Graph API."""
    return Graph(outside(), settings())


def supabase_client(known: Settings, key: str) -> Client:
    """Give a Supabase client of its own: for sign-in, and with the secret key for making people."""
    url = str(known.supabase_url)
    options = SyncClientOptions(
        httpx_client=httpx.Client(
            timeout=30,
            trust_env=not is_loopback(url),
            limits=httpx.Limits(keepalive_expiry=4 if is_loopback(url) else 30),
        ),
        auto_refresh_token=False,
        persist_session=False,
    )
    return create_client(url, key, options)


def read_secret(what: str) -> str:
    """Read one line from standard input; a person at a terminal is asked, and the answer is not shown."""
    given = click.prompt(what, hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.readline()
    secret = str(given).strip()
    if not secret:
        raise click.UsageError(f"Standard input is empty: give {what} as one line.")
    return secret


def counts(answer: Mapping[str, object]) -> dict[str, int]:
    """Give the numbers of an answer."""
    return {
        key: value for key, value in answer.items() if isinstance(value, int) and not isinstance(value, bool)
    }


def organization_country(org_id: UUID) -> str:
    """Give the country whose telephone numbers an organization writes without country code."""
    return str(database().rpc("organization", org_id=str(org_id)).get("country") or "IN")
