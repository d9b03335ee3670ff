"""`flow trace`: what happened to a message, a lead, a webhook or a request, step by step."""

from datetime import datetime
from typing import Any, cast

import click

from workers.cli.output import Refusal, Result, reports
from workers.cli.project import database

_OWN = ("at", "step", "kind", "id", "by", "by_id")


def _told(found: Result) -> str:
    blocks = []
    for one in cast("list[dict[str, Any]]", found["found"]):
        about = f" of organization {one['org_id']}" if one["org_id"] else ""
        lines = [f"{one['kind']} {one['id']}{about}", *map(_line, one["steps"])]
        lines += [f"  linked: {link['kind']} {link['id']}" for link in one["links"]]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def _line(step: dict[str, Any]) -> str:
    who = " ".join(str(step[key]) for key in ("by", "by_id") if step.get(key))
    notes = " ".join(f"{key}={value}" for key, value in step.items() if key not in _OWN)
    what = f"{step['kind']} {step['step']}"
    at = datetime.fromisoformat(step["at"]).isoformat(" ", "milliseconds")[:23]
    return f"  {at}  {what:24}  {who}  {notes}".rstrip()


@click.command()
@click.argument("thing", metavar="ID")
@reports(_told)
def trace(thing: str) -> Result:
    """Tell what happened to whatever has this ID, from its first step to its last.

    A message (its number, Meta's wamid), a lead, a webhook (its number), a request or a W3C trace.
    Neither contents nor people are shown.
    """
    found = database().rpc("trace", id=thing)
    if not found["found"]:
        raise Refusal("Nothing is kept that has this id.", "trace_empty")
    return found


def register(flow: click.Group) -> None:
    """Add the commands of this module."""
    flow.add_command(trace)
