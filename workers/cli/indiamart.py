"""`flow indiamart`: an organization's IndiaMART account, pulled and pushed."""

from typing import cast
from uuid import UUID

import click

from workers.cli.output import Refusal, Result, reports
from workers.cli.project import database, org_option, outside, read_secret, settings
from workers.errors import Refused
from workers.indiamart import connecting, job
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
    return connecting.connect(database(), str(org_id), key, base_url)


@indiamart.command()
@org_option
@reports()
def sync(org_id: UUID) -> Result:
    """Read new leads now; refused, with the time it may run, while IndiaMART's interval is not over."""
    run = job.sync_now(database(), outside(), settings(), org_id)
    if run is None:
        raise Refusal("The stored IndiaMART key cannot be read: connect again.", "key_unreadable")
    return run


def _in_words(told: Result) -> str:
    findings = cast("list[dict[str, str]]", told["findings"])
    return "\n".join([str(told["summary"]), *(f"{one['words']} {one['remedy']}" for one in findings)])


@indiamart.command()
@org_option
@reports(_in_words)
def status(org_id: UUID) -> Result:
    """Tell what was fetched completely, what is missing and why, and how the key and push stand."""
    return database().rpc("indiamart_status", org_id=str(org_id))


@indiamart.command()
@org_option
@click.option("--rotate", is_flag=True, help="Make a new address; the old one stops working at once.")
@reports(lambda made: str(made["url"]))
def push(org_id: UUID, *, rotate: bool) -> Result:
    """Give the address to paste at IndiaMART as a Push API. It is shown once: Flow keeps only its hash."""
    try:
        return connecting.push_address(database(), settings(), str(org_id), may_replace=rotate)
    except Refused as refused:
        if refused.detail == "push_already_set_up":
            raise Refusal(f"{refused.message} --rotate makes it.", refused.detail) from refused
        raise


def register(flow: click.Group) -> None:
    """Add the commands of this module."""
    flow.add_command(indiamart)
