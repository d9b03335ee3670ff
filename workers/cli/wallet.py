"""`flow wallet`: prepaid balances; and how the commands about money take amounts and show them.

An amount is text from end to end. Nothing here computes with one: the database does.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import cast
from uuid import UUID, uuid4

import click

from workers.cli.output import Refusal, Result, reports
from workers.cli.project import database, org_option
from workers.errors import Unavailable

NONE = "none"
on_or_off = click.Choice(["on", "off"])
_GIVEN = re.compile(r"[0-9]+(\.[0-9]{1,6})?")
_SHOWN = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?")
_LAKHS = re.compile(r"(?<=\d)(?=(\d\d)+\d$)")
_THOUSANDS = re.compile(r"(?<=\d)(?=(\d{3})+$)")


def amount_given(ctx: click.Context, param: click.Parameter, text: str | None) -> str | None:  # noqa: ARG001
    """Take an amount such as 500 or 499.50 as the text it is; anything else is wrong use."""
    if text is None or _GIVEN.fullmatch(text):
        return text
    raise click.BadParameter(f"{text!r} is not an amount like 500 or 499.50 (at most six decimals).")


def amount_or_none(ctx: click.Context, param: click.Parameter, text: str | None) -> str | None:
    """Take an amount, or the word none."""
    return text if text == NONE else amount_given(ctx, param, text)


def money(amount: object, currency: object = "INR", least: int = 2) -> str:
    """Give an amount as people read it, with all its decimals and at least so many: ₹12,34,567.1150."""
    parts = _SHOWN.fullmatch(str(amount))
    if parts is None:
        return "–" if amount is None else str(amount)
    sign, whole, decimals = parts[1], parts[2], (parts[3] or "").rstrip("0").ljust(least, "0")
    if currency == "INR":
        return f"{sign}₹{_LAKHS.sub(',', whole)}.{decimals}"
    return f"{sign}{currency} {_THOUSANDS.sub(',', whole)}.{decimals}"


def table(heads: Sequence[str], rows: Sequence[Sequence[object]], numbers: Sequence[str] = ()) -> list[str]:
    """Give lines with aligned columns; the columns named in `numbers` are aligned at the right."""
    words = [list(heads), *([("–" if cell is None else str(cell)) for cell in row] for row in rows)]
    widths = [max(len(row[n]) for row in words) for n in range(len(heads))]
    return [
        "  ".join(
            cell.rjust(width) if head in numbers else cell.ljust(width)
            for cell, head, width in zip(row, heads, widths, strict=True)
        ).rstrip()
        for row in words
    ]


def rows_of(result: Result, key: str) -> list[Mapping[str, object]]:
    """Give a list of objects that a result holds."""
    return cast(list[Mapping[str, object]], result.get(key) or [])


def spending_words(result: Result) -> Iterator[str]:
    """Word a wallet, the caps, and what was spent; all of it in rupees before GST."""
    if result.get("prepaid"):
        short = "is sent all the same" if result.get("allow_negative") else "is refused"
        yield f"Prepaid: what the balance cannot pay {short}."
    else:
        yield "Not prepaid."
    sums = [
        ("Balance", money(result.get("balance"))),
        ("Held for messages on their way", money(result.get("held"))),
        ("Available", money(result.get("available"))),
        ("Spent today", money(result.get("spent_today"))),
        ("Daily cap", _cap(result.get("daily_cap"))),
        ("Spent this month", money(result.get("spent_this_month"))),
        ("Monthly cap", _cap(result.get("monthly_cap"))),
    ]
    wide, long = max(len(name) for name, _ in sums), max(len(amount) for _, amount in sums)
    for name, amount in sums:
        yield f"{name:<{wide}}  {amount:>{long}}"
    for warning in rows_of(result, "warnings"):
        reached = f"{warning['percent']} % of {money(warning['cap'])} a {warning['period']}"
        yield f"Warning: {reached} was reached at {warning['at']}."


def _cap(amount: object) -> str:
    return NONE if amount is None else money(amount)


def _wallet_words(result: Result) -> Iterator[str]:
    yield from spending_words(result)
    if entries := rows_of(result, "entries"):
        yield ""
        yield from table(
            ("At", "Kind", "Amount", "Balance", "Note"),
            [
                (one["at"], one["kind"], money(one["amount"], least=6),
                 money(one["balance_after"], least=6), one.get("note") or "")
                for one in entries
            ],
            ("Amount", "Balance"),
        )  # fmt: skip


@click.group()
def wallet() -> None:
    """Look after an organization's prepaid balance."""


@wallet.command()
@org_option
@reports(lambda result: "\n".join(_wallet_words(result)))
def show(org_id: UUID) -> Result:
    """Show the balance, the caps, what was spent, and the newest movements."""
    return database().rpc("wallet", org_id=str(org_id))


@wallet.command()
@org_option
@click.option(
    "--amount", callback=amount_given, metavar="AMOUNT", required=True, help="Rupees before GST: 500, 499.50."
)
@click.option("--note", help="What the movement is to be remembered by: an invoice, a receipt.")
@click.option("--token", type=click.UUID, help="The same token twice is one top-up; a new one without it.")
@reports(lambda result: "\n".join(spending_words(result)))
def topup(org_id: UUID, amount: str, note: str | None, token: UUID | None) -> Result:
    """Put an amount into the wallet."""
    token = token or uuid4()
    try:
        done = database().rpc("top_up", org_id=str(org_id), amount=amount, note=note, token=str(token))
    except Unavailable as error:
        raise Refusal(
            f"{error.message} Whether the amount was put in is not known: run it again with --token {token}, "
            "which cannot put it in twice.",
            error.detail,
        ) from error
    return {**done, "token": str(token)}


@wallet.command("set")
@org_option
@click.option("--prepaid", type=on_or_off, help="Whether messages are paid from the wallet.")
@click.option("--allow-negative", type=on_or_off, help="Whether the balance may fall below zero.")
@reports(lambda result: "\n".join(spending_words(result)))
def set_wallet(org_id: UUID, prepaid: str | None, allow_negative: str | None) -> Result:
    """Decide how the wallet works; what is not given stays as it is."""
    given = (("prepaid", prepaid), ("allow_negative", allow_negative))
    settings = {name: word == "on" for name, word in given if word is not None}
    if not settings:
        raise click.UsageError("Give --prepaid or --allow-negative.")
    return database().rpc("set_wallet", org_id=str(org_id), settings=settings)


def register(flow: click.Group) -> None:
    """Add the commands of this module."""
    flow.add_command(wallet)
