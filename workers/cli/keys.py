"""`flow keys`: the keys that seal customers' tokens."""

import time

import click

from workers.cli.output import Refusal, Result, progress, reports
from workers.cli.project import counts, database

BATCH = 200
PATIENCE_SECONDS = 30.0


@click.group()
def keys() -> None:
    """Look after the keys that seal customers' tokens."""


@keys.command()
@reports()
def rotate() -> Result:
    """Make a new key and seal every token with it; sending goes on meanwhile."""
    key_id = counts(database().rpc("rotate_keys"))["key_id"]
    rotated = broken = 0
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while True:
        done = counts(database().rpc("rotate_credentials", batch=BATCH))
        rotated, broken = rotated + done["rotated"], broken + done.get("broken", 0)
        if not done["remaining"]:
            return {"key_id": key_id, "rotated": rotated, "broken": broken}
        progress(f"{rotated} tokens sealed anew, {done['remaining']} to go")
        if done["rotated"]:
            give_up_at = time.monotonic() + PATIENCE_SECONDS
        elif time.monotonic() > give_up_at:  # rows that something else holds locked
            raise Refusal(
                f"{done['remaining']} tokens are held by other work and keep the old key for now: "
                "run the command again.",
                "rotation_unfinished",
            )
        else:
            time.sleep(0.5)


def register(flow: click.Group) -> None:
    """Add the commands of this module."""
    flow.add_command(keys)
