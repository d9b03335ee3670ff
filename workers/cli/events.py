"""`flow replay`: apply stored webhook events again."""

import click

from workers.cli.output import Result, progress, reports
from workers.cli.project import counts, database


@click.command()
@click.argument("event_id", type=click.IntRange(min=1), required=False)
@reports()
def replay(event_id: int | None) -> Result:
    """Apply one stored event again, or every event with unresolved dead letters.

    What was applied before changes nothing.
    """
    total: dict[str, int] = {}
    after = 0
    while True:
        done = counts(database().rpc("replay", event_id=event_id, after=after))
        remaining, after = done.pop("remaining", 0), done.pop("last_event_id", 0)
        total = {key: total.get(key, 0) + number for key, number in done.items()}
        if event_id is not None or not remaining or not done["events"]:
            return total
        progress(f"{total['events']} events replayed, {remaining} to go")


def register(flow: click.Group) -> None:
    """Add the command of this module."""
    flow.add_command(replay)
