"""`flow replay` and `flow rebuild`: stored webhook events applied again, or held against what is there."""

from pathlib import Path
from uuid import UUID

import click

from workers.cli.context import settings_for_commands
from workers.cli.output import Refusal, Result, progress, reports
from workers.cli.project import counts, database
from workers.cli.stack import data_option

REBUILDS = 3  # a correction may meet a webhook that changes the same row: then all is looked at once more


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


def _human(found: Result) -> str:
    if found["equal"]:
        return (
            f"{found['messages']} messages and {found['conversations']} conversations are what "
            f"{found['events']} stored events make of them."
        )
    parts = [
        f"{found[key]} {words}"
        for key, words in (
            ("wrong_messages", "messages differ"),
            ("missing_messages", "messages were missing"),
            ("messages_without_event", "messages have no event"),
            ("wrong_conversations", "conversations differ"),
        )
        if found[key]
    ]
    return f"{', '.join(parts)}; {found['corrected']} corrected."


@click.command()
@click.option("--org", "org_id", type=click.UUID, required=True, help="The organization.")
@click.option("--check", is_flag=True, help="Only compare, correct nothing.")
@data_option
@reports(_human)
def rebuild(org_id: UUID, data: Path | None, *, check: bool) -> Result:
    """Work out an organization's messages and conversations anew from the stored events, and compare.

    What differs is corrected unless --check is given; nothing is deleted. Needs FLOW_DATABASE_URL, or the
    stack that runs here.
    """
    try:
        import psycopg  # no dependency of the workers
    except ModuleNotFoundError as error:
        raise Refusal(
            "flow rebuild needs psycopg: pip install 'psycopg[binary]'.", "psycopg_missing"
        ) from error
    known = settings_for_commands(data, needs=["flow_database_url"])
    for _ in range(REBUILDS):
        try:
            with psycopg.connect(known.secret("flow_database_url"), connect_timeout=10) as connection:
                connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
                answer = connection.execute("select private.rebuild(%s, %s)", (org_id, not check)).fetchone()
                return dict(answer[0]) if answer else {}
        except psycopg.errors.SerializationFailure:
            progress("A webhook changed the same rows meanwhile; looking once more.")
        except psycopg.Error as error:
            raise Refusal(
                error.diag.message_primary or "The database cannot be reached.",
                error.diag.message_detail or "no_database",
            ) from None
    raise Refusal("The organization is too busy to be corrected now: try again later.", "busy")


def register(flow: click.Group) -> None:
    """Add the commands of this module."""
    flow.add_command(replay)
    flow.add_command(rebuild)
