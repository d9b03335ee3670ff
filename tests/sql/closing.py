"""Months that were closed, and how their statements are read."""

from typing import Any

from tests.business import Business, Json, call
from tests.sql.money import (
    amounts,
)

OCTOBER, NOVEMBER = "2026-10", "2026-11"

IN_OCTOBER, IN_NOVEMBER = "2026-10-15T12:00", "2026-11-15T12:00"

SUMS = ("meta_cost", "markup", "billed", "round_off", "taxable", "cgst", "sgst", "igst", "total")


def lines(told: Json) -> dict[str, tuple[Any, ...]]:
    """The lines of a statement: messages, Meta's cost, markup and what is billed."""
    return {
        line["category"]: (line["messages"], *amounts(line, "meta_cost", "markup", "billed"))
        for line in told["lines"]
    }


def entries(business: Business) -> list[tuple[Any, ...]]:
    """The ledger: entry, amount, category, whether it takes back, month."""
    return business.db.rows(
        "select entry, amount, category, reverses is not null, statement_month from public.usage_ledger"
        " where org_id = %s order by id",
        business.org_id,
    )


TABLES = ["public.usage_statements", "public.usage_statement_lines", "public.usage_ledger"]


def check(business: Business) -> Json:
    found: Json = call(business.db, "check_ledger", org_id=business.org_id)
    return found
