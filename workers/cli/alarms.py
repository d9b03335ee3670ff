"""`flow alarms`: what is wrong with Flow as a whole or for an organization, and who looks after it."""

from typing import Any, cast

import click

from workers.cli.output import Result, reports
from workers.cli.project import database


@click.group()
def alarms() -> None:
    """See the alarms, and say that you look after one."""


@alarms.command("list")
@reports(lambda found: _table(found) or "No alarm.")
@click.option("--over", is_flag=True, help="Those that are over, not those that are open.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 500))
def list_alarms(over: bool, limit: int) -> Result:
    """List the alarms, the newest first."""
    return database().rpc("alarms", is_over=over, most=limit)


@alarms.command()
@click.argument("alarm_id", type=click.IntRange(1))
@reports(lambda alarm: f"Noted: {alarm['words']}\n  → {alarm['remedy']}")
def ack(alarm_id: int) -> Result:
    """Say that you look after the alarm ALARM_ID; whoever is told of alarms is told so."""
    return database().rpc("acknowledge_alarm", alarm_id=alarm_id)


def _table(found: Result) -> str:
    lines = []
    for alarm in cast("list[dict[str, Any]]", found["alarms"]):
        about = f"  organization {alarm['org_id']}" if alarm["org_id"] else ""
        lines.append(
            f"{alarm['alarm_id']:>6}  {alarm['severity']:8}  {alarm['state']:12}  "
            f"{alarm['since'][:16].replace('T', ' ')}  {alarm['rule']}{about}\n        {alarm['words']}"
        )
    return "\n".join(lines)


def register(flow: click.Group) -> None:
    """Add the commands of this module."""
    flow.add_command(alarms)
