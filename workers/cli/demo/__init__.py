"""`flow demo`: the demo organization, and the main job driven through the running stack."""

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import click

from workers.cli.context import data_directory, settings_of_stack
from workers.cli.output import Refusal, Result, fail, print_json, progress, refusal_from
from workers.cli.stack import data_option
from workers.settings import Settings, is_loopback

if TYPE_CHECKING:
    from workers.sandbox.client import SandboxControl


def ensure_demo(settings: Settings) -> Result:
    """Make the demo organization of the stack with these settings, if it lacks anything; say how to sign in.

    Plans are put on offer too, if nobody sells anything there yet.

    Gives {} when the stack does not work with its own sandbox: nothing invented is sent anywhere else.
    """
    from workers.cli.demo.seed import AGENT, ORGANIZATION, OWNER, PASSWORD, Seed
    from workers.cli.demo.selling import ensure_selling

    sandbox = sandbox_of(settings)
    if sandbox is None:
        progress("META_GRAPH_URL and INDIAMART_URL are not this stack's sandbox: no demo organization.")
        return {}
    business, _ = Seed(settings, sandbox).plant()
    ensure_selling(settings)
    return {
        "org_id": business.org_id,
        "organization": ORGANIZATION,
        "email": OWNER,
        "agent": AGENT,
        "password": PASSWORD,
    }


def sandbox_of(settings: Settings) -> "SandboxControl | None":
    """Give the sandbox that a stack's workers talk to; None when they talk to anything else."""
    from workers.sandbox.client import SandboxControl

    urls = {settings.meta_graph_url, settings.indiamart_url}
    url = urls.pop()
    if urls or not is_loopback(url) or not is_loopback(str(settings.supabase_url)):
        return None
    sandbox = SandboxControl(url)
    return sandbox if sandbox.is_there() else None


@click.command()
@click.option(
    "--leads", type=click.IntRange(1, 10_000), default=5, show_default=True, help="How many buyers enquire."
)
@data_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
def demo(leads: int, data: Path | None, *, as_json: bool) -> None:
    """Drive the main job through the running stack, and time it.

    Buyers enquire at the sandbox's IndiaMART, are greeted on its WhatsApp, read, answer and get a reply. Exit
    status 0 only if every lead made the whole trip exactly once.
    """
    try:
        result = drive(data_directory(data), leads)
    except Exception as error:  # noqa: BLE001 (a command's failure becomes words here)
        fail(refusal_from(error), as_json=as_json)
    if as_json:
        print_json(result)
    else:
        click.echo(_words(result))
    sys.exit(0 if result["ok"] else 1)


def drive(data: Path, leads: int) -> Result:
    """Make the demo organization if need be, and send so many leads on their way."""
    from workers.cli.demo.enquiries import invent
    from workers.cli.demo.journey import ContactRow, Journey, Trip
    from workers.cli.demo.seed import Seed
    from workers.clients import outbound_client
    from workers.database import Database
    from workers.indiamart import job
    from workers.logs import configure_logs

    configure_logs("WARNING")
    settings = settings_of_stack(data)
    status = _status(data)
    sandbox_url = str(status["sandbox_url"])
    for name, url in (("META_GRAPH_URL", settings.meta_graph_url), ("INDIAMART_URL", settings.indiamart_url)):
        if urlsplit(url).netloc != urlsplit(sandbox_url).netloc:
            raise Refusal(
                f"{name} is {url}, not this stack's sandbox ({sandbox_url}). The demo writes to invented "
                "buyers, so it runs against the sandbox only: unset it, and start the stack again.",
                "not_the_sandbox",
            )
    sandbox = sandbox_of(settings)
    if sandbox is None:
        raise Refusal("The stack's sandbox does not answer: `flow up --detach` repairs it.", "sandbox_silent")
    business, desk = Seed(settings, sandbox).plant(switch_on=True)

    def known(phones: list[str]) -> set[str]:
        rows = desk.rows_among(ContactRow, "contacts", "phone", phones, org_id=business.org_id)
        return {row.phone for row in rows}

    trips = [Trip(enquiry) for enquiry in invent(leads, known)]
    with outbound_client(settings) as http:
        sync = partial(job.sync_now, Database(settings), http, settings, business.org_id)
        return Journey(desk, sandbox, sync, business, trips).run()


def _status(data: Path) -> Result:
    from workers.local import control

    status: Result = control.status(data)
    if not status["ready"]:
        raise Refusal(
            f"The stack in {data} does not run, or is not ready: start it with `flow up`.", "not_running"
        )
    return status


def _words(result: Result) -> str:
    waits = result["lead_to_greeting_ms"]
    said = [
        f"{result[key]} {key}" for key in ("stored", "greeted", "delivered", "read", "answered", "replied")
    ]
    lines = [f"{result['leads']} leads: {', '.join(said)}."]
    lines.append(f"Duplicates: {result['duplicates']}. Lost: {result['lost']}. {result['seconds']} seconds.")
    if isinstance(waits, dict) and waits["p50"] is not None:
        lines.append(
            "From the lead to the greeting at Meta: "
            + ", ".join(f"{k} {v} ms" for k, v in waits.items())
            + "."
        )
    lines.append(
        "Every lead made the whole trip, once." if result["ok"] else "Not every lead made the trip once."
    )
    return "\n".join(lines)


def register(flow: click.Group) -> None:
    """Add the command of this module."""
    flow.add_command(demo)
