"""Money is decimal from the first digit to the last: no source knows a binary number."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.business import Business, post, webhook
from tests.database import Database
from tests.sql.catalogue import OURS
from tests.sql.ledger import UTILITY, W, delivered, from_phone, ledger, tell

ROOT = Path(__file__).parents[2]


# Never binary ---------------------------------------------------------------------------------------------

MONEY_SQL = sorted(path for path in (ROOT / "sql").glob("*.sql") if re.match("8[4-9]|9[0-8]", path.name))

SHEET = ROOT / "workers/billing/sheet.py"  # draws: millimetres and points are binary, amounts come as text

MONEY_PYTHON = sorted(
    {
        *ROOT.glob("workers/billing/**/*.py"), *ROOT.glob("workers/cli/ledger*.py"), *ROOT.glob("workers/cli/rates*.py"),
        *ROOT.glob("workers/cli/wallet*.py"), *ROOT.glob("workers/meta/analytics.py"),
    } - {SHEET}
)  # fmt: skip

BINARY_SQL = re.compile(r"\b(float[48]?|double\s+precision|real)\b(?!\s*\()", re.IGNORECASE)


def code_of(sql: str) -> str:
    """SQL without its comments and its texts, among them `comment on`."""
    return re.sub(r"'(?:[^']|'')*'|--[^\n]*", " ", sql)


@pytest.mark.parametrize("path", MONEY_SQL, ids=lambda path: path.name)
def test_sql_of_money_names_no_binary_number(path: Path) -> None:
    assert BINARY_SQL.findall(code_of(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "sql",
    ["select x::float", "v float8;", "a double  precision", "cast(x as REAL)", "returns float4"],
)
def test_search_for_binary_numbers_finds_them(sql: str) -> None:
    assert BINARY_SQL.findall(code_of(f"-- real\nselect 'a float' || {sql}")) != []
    assert len(MONEY_SQL) >= 10


BINARY = """
  select f.name from fn f
   where exists (select from unnest(coalesce(f.proallargtypes, f.proargtypes::oid[]) || f.prorettype) t
                  where t in ('real'::regtype, 'float8'::regtype, 'money'::regtype, 'real[]'::regtype, 'float8[]'::regtype, 'money[]'::regtype))
  union all
  select c.oid::regclass || '.' || a.attname from pg_class c
    join ns on ns.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
   where a.atttypid in ('real'::regtype, 'float8'::regtype, 'money'::regtype, 'real[]'::regtype, 'float8[]'::regtype, 'money[]'::regtype)
  union all
  select f.name from fn f
   cross join lateral (select f.prosrc || coalesce(pg_get_function_sqlbody(f.oid), '') as body) b
   where b.body ~* '\\m(usage_ledger|rate_cards|billing_plans|billing_facts|usage_statements|wallets|wallet_entries|spend_holds)\\M'
     -- Seconds are no money.
     and regexp_replace(b.body, '[^\n]*make_interval\\(secs[^\n]*', '', 'g') ~* '\\m(float[48]?|double precision|real)\\M'
"""


def test_no_function_type_or_column_holds_money_in_binary(db: Database) -> None:
    assert db.rows(OURS + BINARY) == []


@pytest.mark.parametrize(
    "breach",
    [
        "create function private.zz(amount float8) returns int language sql begin atomic select 1; end",
        "create function private.zz() returns real language sql begin atomic select 1::real; end",
        "create function private.zz(out a int, out b float8) language sql begin atomic select 1, 1::float8; end",
        "create type private.zz as (amount float8)",
        "create table private.zz (amounts float8[])",
        "create function private.zz() returns int language plpgsql as $$ begin return (select sum(amount)::float8::int from public.usage_ledger); end $$",
        "create function private.zz() returns int language sql begin atomic select sum(amount)::float8::int from public.usage_ledger; end",
    ],
)
def test_search_of_the_catalogue_finds_binary_numbers(db: Database, breach: str) -> None:
    db.execute(breach)

    ((name,),) = db.rows(OURS + BINARY)
    assert name.startswith("private.zz")


def binary_in(source: str) -> list[int]:
    """The lines of Python that name float, or read JSON without saying what its fractions become."""
    tree, lines = ast.parse(source), []
    # Text alone, or a class of the module that holds nothing else.
    exact = {"Decimal", "str"} | {
        node.name for node in tree.body if isinstance(node, ast.ClassDef)
        and {ast.unparse(field.annotation) for field in node.body if isinstance(field, ast.AnnAssign)} == {"str"}
    }  # fmt: skip
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(
            ("json.load", "json.loads", ".json")
        ):
            reads = [ast.unparse(given.value) for given in node.keywords if given.arg == "parse_float"]
            lines += [node.lineno] if not set(reads) & exact else []
        elif isinstance(node, ast.Name) and node.id == "float":
            lines.append(node.lineno)
    return lines


@pytest.mark.parametrize("path", MONEY_PYTHON, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_python_of_money_knows_no_float(path: Path) -> None:
    assert binary_in(path.read_text(encoding="utf-8")) == []


def test_sheet_that_draws_knows_no_amounts() -> None:
    assert not re.search("Decimal|numeric|round\\(", SHEET.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("source", "is_binary"),
    [
        ("float(x)", True), ("def f(a: float) -> None: ...", True), ("def f() -> list[float]: ...", True),
        ("json.loads(t, parse_float=float)", True), ("json.loads(t, parse_float=Other)", True), ("json.loads(t, parse_float=lambda t: t)", True),
        ("json.loads(t)", True), ("response.json()", True), ("class Other:\n  x: int\njson.loads(t, parse_float=Other)", True),
        ("json.loads(t, parse_float=Decimal)", False), ("json.loads(t, parse_float=str)", False), ("'never a float'", False), ("Decimal('1.5')", False),
        ("class Written:\n  digits: str\njson.loads(t, parse_float=Written)", False),
    ],
)  # fmt: skip
def test_search_for_float_finds_it(source: str, is_binary: bool) -> None:
    assert bool(binary_in(source)) == is_binary
    assert len(MONEY_PYTHON) >= 4


def test_echo_that_names_nobody_is_a_dead_letter_and_its_wamid_has_no_entry_all_the_same(
    business: Business,
) -> None:
    echo = {key: value for key, value in from_phone(W).items() if key not in ("to", "to_user_id")}
    change = business.change({"message_echoes": [echo]}, field="smb_message_echoes")

    post(business.db, webhook(change, waba=business.waba))
    tell(business, delivered(UTILITY))

    letters = "select reason from private.dead_letters where org_id = %s"
    assert business.db.rows(letters, business.org_id) == [("sender_missing",)]
    assert ledger(business) == []
