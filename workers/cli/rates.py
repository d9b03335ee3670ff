"""`flow rates`: Meta's rate cards, from files into the database.

What a file says of money goes to the database as the text it is. A rate written as a JSON number is not made
into text here: it is refused, because a number may have lost digits in the program that wrote the file.
"""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import click

from workers.cli.output import Refusal, Result, reports
from workers.cli.project import database
from workers.cli.wallet import money, rows_of, table
from workers.errors import FlowError

COLUMNS = (
    "market", "iso", "calling_codes", "currency", "category", "rate", "from", "to", "verified", "source",
    "note", "tier_from", "tier_to",
)  # fmt: skip
NEEDED = ("market", "currency", "category", "rate", "from")
FLAGS = {"true": True, "false": False, "": False}
CODES = {
    "iso": (re.compile(r"[A-Z]{2}"), "ISO country codes like IN"),
    "calling_codes": (re.compile(r"\+?[1-9][0-9]{0,6}"), "calling codes like 91"),
}
PATTERNS = {
    "currency": (re.compile(r"[A-Z]{3}"), "a currency like INR"),
    "category": (re.compile(r"[A-Za-z_-]+"), "a category like marketing"),
    "rate": (re.compile(r"[0-9]{1,6}(\.[0-9]{1,6})?"), 'an amount like "0.1150" with at most six decimals'),
    "tier_from": (re.compile(r"[1-9][0-9]{0,17}"), "a number of messages"),
    "tier_to": (re.compile(r"[1-9][0-9]{0,17}"), "a number of messages"),
}
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
PLACE = re.compile(r"rates\[([0-9]+)\]")


# JSON ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Written:
    """A JSON number with a fraction or an exponent, as it was written: never a float, nor sent anywhere."""

    digits: str


def read_json(text: str, what: str, slug: str) -> object:
    """Read strict JSON: no key twice, no NaN; numbers with a fraction stay what was written."""
    try:
        return json.loads(
            text, parse_float=Written, parse_constant=_no_constant, object_pairs_hook=_no_key_twice
        )
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise Refusal(f"{what} is not JSON ({place}: {error.msg}).", slug) from error
    except RecursionError as error:
        raise Refusal(f"{what} is nested too deeply.", slug) from error
    except ValueError as error:
        raise Refusal(f"{what} is not JSON ({error}).", slug) from error


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no number")


def _no_key_twice(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made: dict[str, object] = {}
    for key, value in pairs:
        if key in made:
            raise ValueError(f'"{key}" stands twice in one object')
        made[key] = value
    return made


def refuse_fractions(value: object, slug: str, place: str = "") -> None:
    """Refuse the first number that no JSON of ours can carry exactly, in the database's words."""
    match value:
        case Written():
            words = f'is a number: write it as text, "{value.digits}"'
            raise Refusal(f"{place or 'the file'}: {words}", slug)
        case dict():
            for key, part in value.items():
                refuse_fractions(part, slug, f"{place}.{key}" if place else str(key))
        case list():
            for n, part in enumerate(value):
                refuse_fractions(part, slug, f"{place}[{n}]")


# CSV -------------------------------------------------------------------------------------------------------


@dataclass
class Card:
    """The rates of one market in one currency, and the line of the file where each of them stands."""

    market: str
    currency: str
    codes: dict[str, list[str]]
    rates: list[dict[str, object]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)

    def as_json(self) -> dict[str, object]:
        """Give the card as worker.import_rates takes it."""
        known = {name: codes for name, codes in self.codes.items() if codes}
        return {"market": self.market, "currency": self.currency, **known, "rates": self.rates}


def read_csv(text: str) -> list[Card]:
    """Give a card for each market and currency of a file, in order; refuse the first wrong line."""
    lines = _records(text)
    number, first = next(lines, (1, []))
    heads = [head.strip().lower() for head in first]
    _check_heads(number, heads)
    cards: dict[tuple[str, str], Card] = {}
    markets: dict[str, dict[str, list[str]]] = {}
    for number, cells in lines:
        if len(cells) != len(heads):
            raise _wrong(number, f"has {len(cells)} columns, the header has {len(heads)}")
        given = dict(zip(heads, (cell.strip() for cell in cells), strict=True))
        _check(number, given)
        codes = markets.setdefault(given["market"].lower(), {name: [] for name in CODES})
        _add_codes(number, given, codes)
        card = cards.setdefault(
            (given["market"].lower(), given["currency"]), Card(given["market"], given["currency"], codes)
        )
        card.rates.append(_rate(given))
        card.lines.append(number)
    if not cards:
        raise _wrong(number, "is the last: there are no rates below the header")
    return list(cards.values())


def _records(text: str) -> Iterator[tuple[int, list[str]]]:
    """Give each record that is not blank, with the number of its first line."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    number = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield number, cells
            number = reader.line_num + 1
    except csv.Error as error:
        raise _wrong(number, f"is not CSV ({error})") from error


def _wrong(number: int, words: str) -> Refusal:
    return Refusal(f"Line {number} {words}. Nothing was imported.", "line_invalid")


def _check_heads(number: int, heads: list[str]) -> None:
    """Refuse a header that would leave out what somebody wrote."""
    for head in heads:
        if head not in COLUMNS:
            columns = ", ".join(COLUMNS)
            raise _wrong(number, f"(the header) names {head!r}; the columns are, with commas, {columns}")
        if heads.count(head) > 1:
            raise _wrong(number, f"(the header) names {head!r} twice")
    for name in NEEDED:
        if name not in heads:
            raise _wrong(number, f"(the header) lacks the column {name!r}")


def _check(number: int, given: Mapping[str, str]) -> None:
    for name in NEEDED:
        if not given[name]:
            raise _wrong(number, f"has no {name}")
    for name, (pattern, words) in PATTERNS.items():
        if given.get(name) and not pattern.fullmatch(given[name]):
            raise _wrong(number, f"has the {name} {given[name]!r}, which is not {words}")
    for name in ("from", "to"):
        if given.get(name) and not _is_day(given[name]):
            raise _wrong(number, f"has the day {given[name]!r} ({name}), which is not one like 2026-10-01")
    if given.get("verified", "").lower() not in FLAGS:
        raise _wrong(number, f"has {given['verified']!r} as verified, which is neither true nor false")


def _is_day(text: str) -> bool:
    try:
        return bool(DAY.fullmatch(text) and date.fromisoformat(text))
    except ValueError:
        return False


def _add_codes(number: int, given: Mapping[str, str], known: dict[str, list[str]]) -> None:
    """Note the codes of a line's market. Lines of one market say the same, or leave the cell blank."""
    for name, (pattern, words) in CODES.items():
        codes = [code for code in re.split(r"[;\s]+", given.get(name, "")) if code]
        if not all(pattern.fullmatch(code) for code in codes):
            raise _wrong(number, f"has the {name} {given[name]!r}, which are not {words}")
        if codes and known[name] and set(codes) != set(known[name]):
            raise _wrong(number, f"has another {name} for {given['market']} than a line before it")
        known[name][:] = codes or known[name]


def _rate(given: Mapping[str, str]) -> dict[str, object]:
    """Give a line as one of a card's rates; blank cells are absent."""
    card_wide = ("market", "currency", "verified", *CODES)
    rate: dict[str, object] = {name: text for name, text in given.items() if text and name not in card_wide}
    return rate | {"verified": FLAGS[given.get("verified", "").lower()]}


# Commands --------------------------------------------------------------------------------------------------


def read_file(path: Path) -> str:
    """Read a file of UTF-8, with or without byte order mark."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        raise Refusal(f"The file {path} does not exist.", "file_not_found") from error
    except OSError as error:
        raise Refusal(f"The file {path} cannot be read: {error.strerror}.", "file_unreadable") from error
    except UnicodeDecodeError as error:
        raise Refusal(
            f"The file {path} is not UTF-8 (byte {error.start + 1}): save it as UTF-8.", "file_not_utf8"
        ) from error
    if "\0" in text:
        raise Refusal(f"The file {path} holds a NUL: it is no text.", "file_not_utf8")
    return text


def import_cards(cards: list[Card]) -> Result:
    """Import one card after the other; a refusal names the line, and what was imported before it."""
    done: list[dict[str, object]] = []
    for card in cards:
        try:
            done.append(database().rpc("import_rates", card=card.as_json()))
        except FlowError as error:
            place = PLACE.match(error.message)
            where = f"Line {card.lines[int(place[1])]}" if place else f"{card.market} in {card.currency}"
            before = ", ".join(f"{one.market} in {one.currency}" for one in cards[: len(done)])
            words = f"{where}: {error.message}" if len(cards) > 1 or place else error.message
            if before:
                words = f"{words.rstrip('.')}. Imported already: {before}."
            raise Refusal(words, error.detail, error.retry_at) from error
    return done[0] if len(done) == 1 else {"cards": done}


def _imported(result: Result) -> Iterator[str]:
    counted = ("added", "replaced", "closed", "unchanged")
    for card in rows_of(result, "cards") or [result]:
        words = ", ".join(f"{card.get(name, 0)} {name}" for name in counted)
        priced = f"messages priced now: {card.get('priced', 0)}"
        yield f"{card.get('market')} in {card.get('currency')}: {words}; {priced}"


def _listed(result: Result) -> Iterator[str]:
    yield from table(
        ("Market", "Category", "Rate", "From", "To", "Verified", "Note"),
        [
            (one["market"], one["category"], money(one["rate"], one["currency"], least=4), one["from"],
             one.get("to"), "yes" if one.get("verified") else "no", one.get("note") or "")
            for one in rows_of(result, "rates")
        ],
        ("Rate",),
    )  # fmt: skip


@click.group()
def rates() -> None:
    """Look after Meta's rate cards."""


@rates.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@reports(lambda result: "\n".join(_imported(result)))
def import_rates(file: Path) -> Result:
    """Import FILE: a market's card as JSON, or, when its name ends in .csv, any number of markets as CSV.

    JSON: market, iso, calling_codes, currency, and rates: category, rate (as text), from, to, verified, note.
    CSV: a header with market, iso, calling_codes (several: with ; between them), currency, category, rate,
    from, to, verified, source, note, tier_from, tier_to, and a line for each rate.

    A rate for days that have one takes its place for what is not priced yet. Importing a file again changes
    nothing.
    """
    text = read_file(file)
    if file.suffix.lower() == ".csv":
        return import_cards(read_csv(text))
    card = read_json(text, f"The file {file}", "file_not_json")
    refuse_fractions(card, "rate_is_a_number")
    return database().rpc("import_rates", card=card)


@rates.command("list")
@click.option("--market", help="Only this market, for instance IN.")
@reports(lambda result: "\n".join(_listed(result)))
def list_rates(market: str | None) -> Result:
    """List the rates in force."""
    return database().rpc("rates", market=market)


def register(flow: click.Group) -> None:
    """Add the commands of this module."""
    flow.add_command(rates)
