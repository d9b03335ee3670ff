"""`flow indiamart`: an organization's IndiaMART account, pulled and pushed."""

import hashlib
import secrets
from uuid import UUID

import click

from workers.cli.output import Refusal, Result, reports
from workers.cli.project import database, org_option, outside, read_secret, settings
from workers.errors import Refused
from workers.indiamart import job
from workers.settings import is_loopback


@click.group()
def indiamart() -> None:
    """Look after an organization's IndiaMART account."""


@indiamart.command()
@org_option
@click.option("--key-stdin", is_flag=True, required=True, help="Read the CRM key from standard input.")
@click.option("--base-url", metavar="URL", help="Another scheme and host, on this machine: for tests.")
@reports(lambda source: f"Connected: source {source['source_id']}")
def connect(org_id: UUID, base_url: str | None, *, key_stdin: bool) -> Result:  # noqa: ARG001 (its presence counts)
    """Give an organization its IndiaMART key, the first or a new one."""
    if base_url is not None and not is_loopback(base_url):
        raise click.BadParameter("must be an address on this machine.", param_hint="--base-url")
    key = read_secret("the IndiaMART key")
    return database().rpc("connect_indiamart", org_id=str(org_id), key=key, base_url=base_url)


@indiamart.command()
@org_option
@reports()
def sync(org_id: UUID) -> Result:
    """Read new leads now; refused, with the time it may run, while IndiaMART's interval is not over."""
    run = job.sync_now(database(), outside(), settings(), org_id)
    if run is None:
        raise Refusal("The stored IndiaMART key cannot be read: connect again.", "key_unreadable")
    return run


@indiamart.command()
@org_option
@click.option("--rotate", is_flag=True, help="Make a new address; the old one stops working at once.")
@reports(lambda made: str(made["url"]))
def push(org_id: UUID, *, rotate: bool) -> Result:
    """Give the address to paste at IndiaMART as a Push API. It is shown once: Flow keeps only its hash."""
    settings().require("flow_public_url")
    if not rotate and has_push_address(org_id):
        raise Refusal(
            "Push is set up already, and its address cannot be shown again: --rotate makes a new one, "
            "and the old one stops working.",
            "push_already_set_up",
        )
    token = secrets.token_urlsafe(32)
    made = database().rpc(
        "rotate_push_token", org_id=str(org_id), token_sha256=hashlib.sha256(token.encode()).hexdigest()
    )
    return {"url": f"{settings().flow_public_url}/webhooks/indiamart/{token}", **made}


def has_push_address(org_id: UUID) -> bool:
    """Tell whether an organization has a push address."""
    try:
        return bool(database().rpc("indiamart_source", org_id=str(org_id)).get("has_push_token"))
    except Refused as refused:
        if refused.detail == "source_not_found":
            return False
        raise


def register(flow: click.Group) -> None:
    """Add the commands of this module."""
    flow.add_command(indiamart)
