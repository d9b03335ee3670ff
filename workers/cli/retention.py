"""`flow retention`: what the next night would take of an organization, and legal holds that Flow sets."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import click

from workers.cli.output import Result, reports
from workers.cli.project import database, org_option
from workers.cli.wallet import table


def _dry_words(result: Result) -> str:
    counts: dict[str, Any] = dict(result)
    lines = [(name, found["rows"]) for name, found in counts.items() if name != "ok" and found["rows"]]
    return "\n".join(table(("Class", "Rows"), sorted(lines), ("Rows",))) if lines else "Nothing would go."


def _hold_words(result: Result) -> str:
    return f"The hold {result['hold_id']} {'is lifted' if result['is_lifted'] else 'stands'}."


@click.group()
def retention() -> None:
    """Look at what is cleared out, and hold what must be kept."""


@retention.command("dry-run")
@org_option
@reports(_dry_words)
def dry_run(org_id: UUID) -> Result:
    """Count what the next run of each class would take; nothing goes."""
    return database().rpc("retention_dry_run", org_id=str(org_id))


@retention.command()
@org_option
@click.option("--reason", required=True, help="Why, in words that the organization's owners read.")
@click.option("--contact", type=click.UUID, help="Hold one contact only; everything without it.")
@reports(_hold_words)
def hold(org_id: UUID, reason: str, contact: UUID | None) -> Result:
    """Keep what is there, whatever its age: for an order of an authority. Only `lift` ends it."""
    given = {"contact_id": str(contact)} if contact else {}
    return database().rpc("set_legal_hold", org_id=str(org_id), reason=reason, **given)


@retention.command()
@org_option
@click.option("--hold", "hold_id", type=click.UUID, required=True, help="As `hold` told it.")
@reports(_hold_words)
def lift(org_id: UUID, hold_id: UUID) -> Result:
    """End a hold, whoever set it."""
    return database().rpc("set_legal_hold", org_id=str(org_id), hold_id=str(hold_id))


def register(flow: click.Group) -> None:
    """Add the commands of this module."""
    flow.add_command(retention)
