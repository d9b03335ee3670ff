"""`flow ledger`: what messages cost an organization, how it is billed, and its months."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from uuid import UUID

import click

from workers.cli.output import Refusal, Result, fail, print_json, progress, refusal_from, reports
from workers.cli.project import database, org_option
from workers.cli.rates import read_json, refuse_fractions
from workers.cli.wallet import NONE, amount_or_none, money, rows_of, spending_words, table

month_option = click.option("--month", metavar="YYYY-MM", required=True, help="The month, in India.")
file_type = click.Path(path_type=Path, dir_okay=False)
SUMS = {
    "meta_cost": "Meta's cost", "markup": "Markup", "billed": "Billed", "round_off": "Round-off",
    "taxable": "Taxable", "cgst": "CGST", "sgst": "SGST", "igst": "IGST", "total": "Total",
}  # fmt: skip


@click.group()
def ledger() -> None:
    """Look after an organization's usage ledger."""


# Plan ------------------------------------------------------------------------------------------------------


@ledger.command()
@org_option
@click.option("--show", is_flag=True, help="Print the plan in force; standard input is not read.")
@reports()
def plan(org_id: UUID, *, show: bool) -> Result:
    """Set how an organization is billed, or show it.

    Standard input is one JSON object:
    {"meta_billing": "customer" or "flow", "supply": "intra" or "inter", "gst_percent": "18", "markup":
    [{"from": "2026-10-01", "percent": "10", "per_message": "0.05", "minimum": "0.01", "categories": …}]}:
    amounts are text. It replaces the plan for what is not priced yet.
    """
    if show:
        return database().rpc("billing_plan", org_id=str(org_id))
    return database().rpc("set_billing_plan", org_id=str(org_id), plan=_read_plan())


def _read_plan() -> Mapping[str, object]:
    try:
        text = sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refusal("Standard input is not UTF-8.", "plan_not_json") from error
    if not text.strip():
        raise click.UsageError("Standard input is empty: give the plan as one JSON object, or --show.")
    given = read_json(text, "Standard input", "plan_not_json")
    if not isinstance(given, dict):
        raise Refusal("Standard input is not one JSON object.", "plan_not_json")
    refuse_fractions(given, "field_invalid", "plan")
    return given


# Months ----------------------------------------------------------------------------------------------------


@ledger.command()
@org_option
@month_option
@reports(lambda result: "\n".join(_statement_words(result)))
def close(org_id: UUID, month: str) -> Result:
    """Close a month that is over: its statement never changes again."""
    return database().rpc("close_month", org_id=str(org_id), month=month)


@ledger.command()
@org_option
@month_option
@click.option("--pdf", type=file_type, help="Write the statement to this file as PDF.")
@click.option("--csv", type=file_type, help="Write the statement to this file as CSV.")
@click.option("--force", is_flag=True, help="Write over files that exist.")
@reports(lambda result: "\n".join(_statement_words(result)))
def statement(org_id: UUID, month: str, pdf: Path | None, csv: Path | None, *, force: bool) -> Result:
    """Print a month's statement: a preview while the month is open."""
    wanted = {kind: path for kind, path in (("pdf", pdf), ("csv", csv)) if path is not None}
    if pdf is not None and pdf == csv:
        raise click.UsageError("--pdf and --csv name the same file.")
    for path in wanted.values():
        if path.exists() and not force:
            raise _exists(path)
    result = database().rpc("statement", org_id=str(org_id), month=month)
    documents = {path: _document(kind, result) for kind, path in wanted.items()}
    for path, content in documents.items():
        _write(path, content, over=force)
        progress(f"Written: {path}")
    return result


def _document(kind: str, result: Mapping[str, object]) -> bytes:
    from workers.billing import statement as documents

    known = documents.Statement.model_validate(result)
    return _bytes(documents.as_pdf(known) if kind == "pdf" else documents.as_csv(known))


def _bytes(content: bytes | str) -> bytes:
    return content.encode() if isinstance(content, str) else content


def _exists(path: Path) -> Refusal:
    return Refusal(f"The file {path} exists already: --force writes over it.", "file_exists")


def _write(path: Path, content: bytes, *, over: bool) -> None:
    try:
        with path.open("wb" if over else "xb") as file:
            file.write(content)
    except FileExistsError as error:
        raise _exists(path) from error
    except OSError as error:
        raise Refusal(f"The file {path} cannot be written: {error.strerror}.", "file_unwritable") from error


def _statement_words(result: Result) -> Iterator[str]:
    yield from _one_currency(result)
    for other in rows_of(result, "others"):
        yield ""
        yield from _one_currency(other)


def _one_currency(result: Result) -> Iterator[str]:
    currency = result.get("currency", "INR")
    state = f"closed {result.get('closed_at') or ''}".rstrip() if result.get("closed") else "open, a preview"
    yield f"{result.get('organization') or result.get('org_id')}, {result.get('month')}, {currency}: {state}"
    if lines := rows_of(result, "lines"):
        heads = ("Category", "Messages", "Meta's cost", "Markup", "Billed")
        rows = [
            (line["category"], line["messages"],
             *(money(line[name], currency, least=6) for name in ("meta_cost", "markup", "billed")))
            for line in lines
        ]  # fmt: skip
        yield from table(heads, rows, heads[1:])
    else:
        yield "No messages."
    sums = {words: money(result.get(name), currency) for name, words in SUMS.items()}
    wide, long = max(map(len, sums)), max(map(len, sums.values()))
    for words, amount in sums.items():
        yield f"{words:<{wide}}  {amount:>{long}}"
    payer = "Flow" if result.get("meta_billing") == "flow" else "the customer"
    yield f"GST {result.get('gst_percent')} %, {result.get('supply')}-state. Meta is paid by {payer}."
    if isinstance(wallet := result.get("wallet"), dict):
        names = ("opening", "topups", "usage", "closing")
        yield "Wallet: " + ", ".join(f"{name} {money(wallet.get(name), currency)}" for name in names) + "."


# Entries ---------------------------------------------------------------------------------------------------


@ledger.command()
@org_option
@month_option
@click.option("--wamid", help="Only this message, by Meta's id.")
@click.option("--review", "review_only", is_flag=True, help="Only what a person must look at.")
@reports(lambda result: "\n".join(_entries_words(result)))
def entries(org_id: UUID, month: str, wamid: str | None, *, review_only: bool) -> Result:
    """List what was booked for each message of a month, the newest first."""
    found: list[object] = []
    after: object = None
    while True:
        page = database().rpc(
            "ledger_entries",
            org_id=str(org_id), month=month, wamid=wamid, review_only=review_only, after=after,
        )  # fmt: skip
        found += page.get("messages") or []
        after = page.get("next")
        if after is None:
            return {"entries": found}
        progress(f"{len(found)} entries read")


def _entries_words(result: Result) -> Iterator[str]:
    found = rows_of(result, "entries")
    yield from table(
        ("Id", "At", "Message", "Category", "Type", "Meta's cost", "Markup", "To review"),
        [
            (one["id"], one.get("billable_at"), one.get("wamid"), one.get("category"),
             one.get("pricing_type"),
             money(one.get("meta_cost"), one.get("currency"), least=6),
             money(one.get("markup"), one.get("currency"), least=6),
             (one.get("review_reason") or "yes") if one.get("needs_review") else "")
            for one in found
        ],
        ("Id", "Meta's cost", "Markup"),
    )  # fmt: skip
    yield f"{len(found)} entries"


# Caps and checks -------------------------------------------------------------------------------------------


@ledger.command()
@org_option
@click.option("--daily", callback=amount_or_none, metavar="AMOUNT|none", help="Rupees a day, before GST.")
@click.option("--monthly", callback=amount_or_none, metavar="AMOUNT|none", help="Rupees a month, before GST.")
@reports(lambda result: "\n".join(spending_words(result)))
def caps(org_id: UUID, daily: str | None, monthly: str | None) -> Result:
    """Set or show spending caps: what messages may cost before automatic ones stop."""
    given = {
        name: None if amount == NONE else amount
        for name, amount in (("daily", daily), ("monthly", monthly))
        if amount is not None
    }
    if not given:
        return database().rpc("spending", org_id=str(org_id))
    return database().rpc("set_spending_caps", org_id=str(org_id), caps=given)


@ledger.command()
@org_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
def check(org_id: UUID, *, as_json: bool) -> None:
    """Work closed months out again from their entries; when something differs, exit status 1."""
    try:
        result: Result = database().rpc("check_ledger", org_id=str(org_id))
    except Exception as error:  # noqa: BLE001 (as output.reports: a command's failure becomes words)
        fail(refusal_from(error), as_json=as_json)
        return
    if as_json:
        print_json(result)
    else:
        click.echo("\n".join(_checked(result)))
    if result.get("ok") is not True:
        sys.exit(1)


def _checked(result: Result) -> Iterator[str]:
    for found in rows_of(result, "differences"):
        where = ", ".join(f"{name} {value}" for name, value in found.items() if name != "what")
        yield f"DIFFERS  {str(found.get('what')).replace('_', ' ')}: {where}"
    verdict = "all add up" if result.get("ok") is True else "they do not add up"
    yield f"Statements: {result.get('months')}, entries: {result.get('entries')}; {verdict}."


def register(flow: click.Group) -> None:
    """Add the commands of this module."""
    from workers.cli import ledger_reconcile

    ledger_reconcile.register(ledger)
    flow.add_command(ledger)
