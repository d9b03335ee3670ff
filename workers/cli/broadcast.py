"""`flow broadcast`: what goes to many people; members make broadcasts, an operator looks and steers."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import cast
from uuid import UUID

import click

from workers.cli.output import Result, reports
from workers.cli.project import database, org_option
from workers.cli.wallet import money, rows_of, table

broadcast_option = click.option(
    "--broadcast", "broadcast_id", type=click.UUID, required=True, help="The broadcast, by its id."
)


def _instant(ctx: click.Context, param: click.Parameter, text: str | None) -> str | None:  # noqa: ARG001
    """Take an ISO 8601 instant; without an offset it is UTC."""
    try:
        at = datetime.fromisoformat(text) if text else None
    except ValueError:
        raise click.BadParameter(f"{text!r} is not an instant like 2026-12-01T09:30+05:30.") from None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).isoformat() if at else None


def _list_words(result: Result) -> Iterator[str]:
    found = rows_of(result, "broadcasts")
    if not found:
        yield "There are no broadcasts."
        return
    counts = [cast(Mapping[str, object], one["counts"]) for one in found]
    numbers = ("total", "waiting", "sent", "delivered", "read", "failed", "skipped", "replied")
    yield from table(
        ("broadcast", "name", "state", *numbers),
        [
            (one["broadcast_id"], one["name"], one["state"], one["total"], *(n.get(k) for k in numbers[1:]))
            for one, n in zip(found, counts, strict=True)
        ],
        numbers,
    )
    for one in found:
        if words := one.get("paused_reason") or one.get("waits_for"):
            yield f"{one['name']}: {words}"


def _preview_words(result: Result) -> Iterator[str]:
    currency = result.get("currency") or "INR"
    low, high = (money(result.get(key), currency) for key in ("low", "high"))
    yield f"{result.get('recipients')} of {result.get('audience')} people would get it; skipped are:"
    for key, words in (
        ("opted_out", "opted out"), ("no_number", "without a number"), ("duplicate", "twice in the list"),
    ):  # fmt: skip
        yield f"  {result.get(key)} {words}"
    takes = f"{result.get('minutes')} minutes and {result.get('days')} day(s)"
    yield f"It costs {low} to {high} before GST, and takes {takes}."
    if result.get("unknown"):
        yield f"The price of {result['unknown']} messages is not known."
    for key, words in (("wallet", "wallet"), ("daily_cap", "daily cap"), ("monthly_cap", "monthly cap")):
        if result.get(f"fits_{key}") is False:
            yield f"The {words} will stop it on the way."


@click.group()
def broadcast() -> None:
    """Look after templates that go to many people."""


@broadcast.command("list")
@org_option
@reports(lambda result: "\n".join(_list_words(result)))
def list_(org_id: UUID) -> Result:
    """Show the newest broadcasts, and what became of them."""
    return database().rpc("broadcasts", org_id=str(org_id))


@broadcast.command()
@org_option
@broadcast_option
@reports(lambda result: "\n".join(_preview_words(result)))
def preview(org_id: UUID, broadcast_id: UUID) -> Result:
    """Count who would get it now, who would not, and what it costs."""
    return database().rpc("preview_broadcast", org_id=str(org_id), broadcast_id=str(broadcast_id))


def _steer(org_id: UUID, broadcast_id: UUID, step: str, send_at: str | None = None) -> Result:
    given = {"org_id": str(org_id), "broadcast_id": str(broadcast_id), "step": step}
    return database().rpc("steer_broadcast", **given, **({"send_at": send_at} if send_at else {}))


def _said(word: str) -> Callable[[Result], str]:
    return lambda result: f"The broadcast {result.get('name')!r} is {word}."


@broadcast.command()
@org_option
@broadcast_option
@click.option(
    "--at", "send_at", callback=_instant, metavar="INSTANT", help="Not before this; at once without it."
)
@reports(_said("started"))
def start(org_id: UUID, broadcast_id: UUID, send_at: str | None) -> Result:
    """Start a draft; its recipients are fixed now."""
    return _steer(org_id, broadcast_id, "start", send_at)


@broadcast.command()
@org_option
@broadcast_option
@reports(_said("paused"))
def pause(org_id: UUID, broadcast_id: UUID) -> Result:
    """Hold a running broadcast, what is in the outbox included."""
    return _steer(org_id, broadcast_id, "pause")


@broadcast.command()
@org_option
@broadcast_option
@reports(_said("running again"))
def resume(org_id: UUID, broadcast_id: UUID) -> Result:
    """Let a paused broadcast go on, with its template as it is now."""
    return _steer(org_id, broadcast_id, "resume")


@broadcast.command()
@org_option
@broadcast_option
@reports(_said("cancelled"))
def cancel(org_id: UUID, broadcast_id: UUID) -> Result:
    """End a broadcast for good; who has not got it is skipped."""
    return _steer(org_id, broadcast_id, "cancel")


def register(flow: click.Group) -> None:
    """Add the commands of this module."""
    flow.add_command(broadcast)
