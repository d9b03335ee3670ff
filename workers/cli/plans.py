"""`flow plans`: what an organization can subscribe to, from a file into the database."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path

import click

from workers.cli.output import Refusal, Result, reports
from workers.cli.project import database
from workers.cli.rates import read_json, refuse_fractions
from workers.cli.wallet import money, rows_of, table

json_file = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))


def object_in(file: Path, what: str) -> Mapping[str, object]:
    """Read one JSON object from a file; amounts in it are whole paise. Raises Refusal."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refusal(f"{what} is not UTF-8.", "file_unreadable") from error
    given = read_json(text, what, "file_unreadable")
    refuse_fractions(given, "file_unreadable")
    if not isinstance(given, dict):
        raise Refusal(f"{what} is not a JSON object.", "file_unreadable")
    return given


def rupees(paise: object) -> str:
    """Give paise as people read them."""
    return money(str(Decimal(str(paise)) / 100)) if isinstance(paise, int) else "–"


def _imported(result: Result) -> Iterator[str]:
    yield from table(
        ("Plan", "Version", "Before GST", "With GST", ""),
        [
            (
                plan["code"],
                plan["version"],
                rupees(plan["amount_net"]),
                rupees(plan["amount_gross"]),
                "new" if plan.get("is_new") else "as before",
            )
            for plan in rows_of(result, "plans")
        ],
        ("Version", "Before GST", "With GST"),
    )
    for plan in rows_of(result, "plans"):
        if "above_mandate_limit" in str(plan.get("warnings")):
            yield (
                f"Warning: {plan['code']} is above ₹15,000 with GST: Indian cards and UPI are not debited "
                "for that without asking the customer each time."
            )


def _listed(result: Result) -> Iterator[str]:
    yield from table(
        ("Plan", "Version", "Name", "Period", "Before GST", "With GST", "Limits", ""),
        [
            (
                plan["code"],
                plan["version"],
                plan["name"],
                plan["period"],
                rupees(plan["amount_net"]),
                rupees(plan["amount_gross"]),
                _limits(plan.get("features")),
                "" if plan.get("is_current") else "not on offer",
            )
            for plan in rows_of(result, "plans")
        ],
        ("Version", "Before GST", "With GST"),
    )


def _limits(features: object) -> str:
    given = features if isinstance(features, dict) else {}
    return ", ".join(f"{key} {'any' if value is None else value}" for key, value in given.items())


@click.group()
def plans() -> None:
    """Look after what organizations can subscribe to."""


@plans.command("import")
@json_file
@reports(lambda result: "\n".join(_imported(result)))
def import_plans(file: Path) -> Result:
    """Put plans on offer; what changed becomes a new version, and who subscribed to the old one keeps it."""
    return database().rpc("import_plans", file=object_in(file, "The file of plans"))


@plans.command("list")
@reports(lambda result: "\n".join(_listed(result)))
def list_plans() -> Result:
    """Show every version of every plan."""
    return database().rpc("subscription_plans")


def register(flow: click.Group) -> None:
    """Add the commands of this module."""
    flow.add_command(plans)
