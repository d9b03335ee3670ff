"""`flow ledger reconcile`: the usage ledger held against Meta's own figures."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import click

from workers.cli.output import Refusal, Result, reports
from workers.cli.project import database, graph, org_option
from workers.meta import analytics


def _words(result: Any) -> Iterator[str]:
    yield f"Compared {result['compared_days']} days of {result['compared_accounts']} WhatsApp accounts."
    for total in result["totals"]:
        yield f"All that was compared: {_sides(total)}; {total['differs']} rows to review."
    for row in result["differences"]:
        yield f"{row['day']} {row['category']} {row['country']} ({row['kind']}): {_sides(row)}"
    yield from result["problems"]


def _sides(row: dict[str, Any]) -> str:
    meta, ours = (f"{row[f'{side}_messages']} for {row[f'{side}_cost']}" for side in ("meta", "ours"))
    return f"Meta {meta} {row['currency']}, the ledger {ours} {row['currency']}"


@click.command()
@org_option
@click.option("--month", help="YYYY-MM: all its days that are over; the last three days without it.")
@reports(lambda result: "\n".join(_words(result)))
def reconcile(org_id: UUID, month: str | None) -> Result:
    """Compare the ledger with what Meta counts and charges, and list the differences."""
    result: Any = analytics.reconcile(database(), graph(), str(org_id), month)
    if not result["compared_accounts"]:
        words = result["problems"] or ["The organization has no connected WhatsApp account."]
        raise Refusal(" ".join(words), "nothing_compared")
    return dict(result)


def register(group: click.Group) -> None:
    """Add the command to a group."""
    group.add_command(reconcile)
