"""`flow push`: notifications on people's devices."""

from __future__ import annotations

import click

from workers.cli.output import Result, reports
from workers.push.vapid import new_private_key, public_key


@click.group()
def push() -> None:
    """Look after notifications on people's devices."""


@push.command()
@reports()
def keys() -> Result:
    """Make a pair of keys. Keep the private one: with another, every device has to be added again."""
    private = new_private_key()
    return {"FLOW_VAPID_PRIVATE_KEY": private, "public_key": public_key(private)}


def register(flow: click.Group) -> None:
    """Add the commands of this module."""
    flow.add_command(push)
