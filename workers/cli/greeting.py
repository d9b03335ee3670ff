"""`flow greeting`: the message that new leads get by themselves."""

from collections.abc import Iterator, Mapping
from typing import cast
from uuid import UUID

import click

from workers.cli.output import Result, reports
from workers.cli.project import database, graph, org_option
from workers.errors import FlowError
from workers.meta import templates as meta


@click.group()
def greeting() -> None:
    """Decide how new leads are greeted."""


@greeting.command("set")
@org_option
@click.option("--template", required=True, help="Name of the template.")
@click.option("--language", required=True, help="Language of the template, for instance en.")
@click.option(
    "--param", "fields", multiple=True, metavar="FIELD",
    help="Field of the lead for each value of the body, in order: name, product, …",
)  # fmt: skip
@click.option(
    "--on/--off",
    "is_on",
    default=None,
    help="Whether new leads are greeted; without either it stays, at first on.",
)
@reports()
def set_greeting(
    org_id: UUID, template: str, language: str, fields: tuple[str, ...], *, is_on: bool | None
) -> Result:
    """Choose the template that greets new leads, and switch greeting on or off."""
    setting: dict[str, object] = {"template": template, "language": language, "params": list(fields)}
    if is_on is not None:
        setting["on"] = is_on
    try:
        return database().rpc("set_greeting", org_id=str(org_id), setting=setting)
    except FlowError as error:
        if error.detail != "template_unknown":
            raise
    meta.sync_templates(database(), graph(), str(org_id))  # made at Meta since the last sync, perhaps
    return database().rpc("set_greeting", org_id=str(org_id), setting=setting)


@greeting.command("show")
@org_option
@reports(lambda result: "\n".join(_shown(result)))
def show(org_id: UUID) -> Result:
    """Show who is greeted how, in the order in which the rules are tried."""
    return database().rpc("greeting", org_id=str(org_id))


@greeting.command("dry-run")
@org_option
@click.option(
    "--leads",
    type=click.IntRange(1, 200),
    default=50,
    show_default=True,
    help="How many of the newest leads.",
)
@reports(lambda result: "\n".join(_rehearsed(result)))
def dry_run(org_id: UUID, leads: int) -> Result:
    """Tell what today's rules would have done with the newest leads; nothing is sent or stored."""
    return database().rpc("greeting_dry_run", org_id=str(org_id), page_size=leads)


@greeting.command("resume")
@org_option
@click.option("--rule", "rule_id", type=click.UUID, required=True, help="The rule's id, as `show` gives it.")
@reports()
def resume(org_id: UUID, rule_id: UUID) -> Result:
    """End the pause of a rule and accept its template as it is now, with what it costs now."""
    return database().rpc("resume_greeting", org_id=str(org_id), rule_id=str(rule_id))


def _list(result: Result, key: str) -> list[Mapping[str, object]]:
    return cast(list[Mapping[str, object]], result.get(key) or [])


def _shown(result: Result) -> Iterator[str]:
    yield f"Greeting is {'on' if result.get('on') else 'off'}."
    if result.get("quiet_from"):
        yield f"Quiet from {result['quiet_from']} to {result['quiet_to']} ({result['time_zone']})."
    for rule in _list(result, "rules"):
        types = ", ".join(cast(list[str], rule["lead_types"])) or "without a type"
        where = f"source {rule['source']}" if rule["source"] else "every source"
        state = "" if rule["on"] else " (off)"
        template = f"{rule['template']} ({rule['language']}), {rule['category']}"
        yield f"{rule['rule_id']}{state}  {types} from {where}: {template}"
        if rule["paused_reason"]:
            yield f"  paused: {rule['paused_reason']}"


def _rehearsed(result: Result) -> Iterator[str]:
    for lead in _list(result, "leads"):
        name = lead["name"] or lead["lead_id"]
        if not lead["greeted"]:
            yield f"- {name}: {lead['reason']}"
            continue
        blank = ", ".join(cast(list[str], lead["blank"]))
        yield f"+ {name}, {lead['send_at']}: {lead['text']}" + (f"  (no {blank})" if blank else "")
    costs = ", ".join(
        f"{count} {category}" for category, count in cast(Mapping[str, int], result["by_category"]).items()
    )
    yield f"{result['greeted']} greeted{f' ({costs})' if costs else ''}, {result['skipped']} not."


def register(flow: click.Group) -> None:
    """Add the commands of this module."""
    flow.add_command(greeting)
