"""No statement is changed, none that would not add up is made, and each can be worked out again."""

from decimal import Decimal

import pytest

from tests.business import Business, status
from tests.database import Database
from tests.sql.closing import IN_NOVEMBER, IN_OCTOBER, OCTOBER, TABLES, check, lines
from tests.sql.money import (
    FREE_SERVICE,
    amounts,
    bill,
    booked,
    close,
    costing,
    deliver,
    flow_delivers,
    ist,
    price,
    statement,
)

# Nothing changes them -------------------------------------------------------------------------------------

CHANGES = [
    "update {} set {} = {} where org_id = %s", "delete from {} where org_id = %s", "truncate {} cascade",
]  # fmt: skip


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("change", CHANGES, ids=["update", "delete", "truncate"])
def test_what_is_booked_and_closed_is_changed_by_nobody(
    business: Business, db: Database, table: str, change: str
) -> None:
    deliver(business, price("marketing"), at=IN_OCTOBER)
    close(business, OCTOBER)
    before = business.table(table)
    column = "note" if table == "public.usage_ledger" else "month"
    given = [business.org_id] if "%s" in change else []

    refused = db.refusal(change.format(table, column, column), *given)

    assert db.value("select current_user") == "postgres"
    assert (refused.sqlstate, refused.detail) == ("PT405", "append_only")
    db.as_service()
    assert db.refusal(change.format(table, column, column), *given).sqlstate == "42501"
    db.as_operator()
    assert business.table(table) == before != []


# A statement that would not add up ------------------------------------------------------------------------


def corrupt(db: Database, function: str, old: str, new: str) -> None:
    """Put a mistake into a function, until the transaction ends."""
    source = db.value("select pg_get_functiondef(%s::regproc)", function)
    assert source.count(old) == 1, source
    db.execute(source.replace(old, new))


MISTAKES = [
    pytest.param("private.ledger_lines", "where l.org_id = ledger_lines.org_id and", "where l.id % 2 = 0 and l.org_id = ledger_lines.org_id and",
                 id="lines leave entries out"),
    pytest.param("private.ledger_lines", "where l.entry = 'markup'", "where l.entry <> 'markup'", id="lines take one for the other"),
    pytest.param("private.draft_statements", "sum(x.meta_cost)::", "(sum(x.meta_cost) + 0.000001)::", id="a millionth too much"),
    pytest.param("private.draft_statements", "sum(x.markup)::", "(sum(x.markup) * 2)::", id="markup twice"),
    pytest.param("private.draft_statements", "sum(x.billed)::", "(sum(x.billed) + 1)::", id="a rupee more is billed"),
    pytest.param("private.draft_statements", "sum(x.messages)::", "(sum(x.messages) + 1)::", id="a message more"),
]  # fmt: skip


def is_untouched(business: Business) -> bool:
    return not any(
        business.table(table)
        for table in (
            "public.usage_statements",
            "public.usage_statement_lines",
            "public.ledger_closings",
            "public.usage_days",
        )
    )


@pytest.mark.parametrize(("function", "old", "new"), MISTAKES)
def test_statement_that_does_not_add_up_is_refused_and_nothing_is_closed(
    business: Business, db: Database, function: str, old: str, new: str
) -> None:
    bill(business, per_message="0.10")
    flow_delivers(business, price("marketing"), price("utility"), at=IN_OCTOBER)
    corrupt(db, function, old, new)

    refusal = db.refusal("select worker.close_month(%s, %s)", business.org_id, OCTOBER)

    assert (refusal.sqlstate, refusal.detail) == ("PT500", "statement_does_not_add_up")
    assert OCTOBER in refusal.message
    assert is_untouched(business)
    assert "ledger.closed" not in [row["action"] for row in business.table("public.audit_log")]
    assert not statement(business, OCTOBER)["closed"]


WRONG_TAXES = [
    pytest.param("'total', v_taxable + 2 * v_half + v_whole", "'total', v_taxable + v_half + v_whole", "statement_total_adds_up", id="total"),
    pytest.param("v_taxable - billed", "v_taxable - billed + 0.01", "statement_is_rounded_by_half_a_paisa_at_most", id="round-off"),
    pytest.param("'cgst', v_half, 'sgst', v_half", "'cgst', v_half + 0.01, 'sgst', v_half - 0.01", "statement_tax_is_of_one_kind", id="uneven halves"),
    pytest.param("round(billed, 2)", "round(billed, 0)", "statement_is_rounded_by_half_a_paisa_at_most", id="rounded to rupees"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "constraint"), WRONG_TAXES)
def test_tax_that_does_not_add_up_is_refused_by_the_table_itself(
    business: Business, db: Database, old: str, new: str, constraint: str
) -> None:
    bill(business, supply="intra")
    deliver(business, costing("10.37"), at=IN_OCTOBER)
    corrupt(db, "private.taxed", old, new)

    refusal = db.refusal("select worker.close_month(%s, %s)", business.org_id, OCTOBER)

    assert refusal.sqlstate == "23514"
    assert constraint in refusal.message
    assert is_untouched(business)


# Recomputed -----------------------------------------------------------------------------------------------


def plant(business: Business, **changes: object) -> None:
    """Put an entry into the ledger that no booking would: a copy of the newest with some columns changed."""
    columns = [
        c for (c,) in business.db.rows(
            "select attname from pg_attribute where attrelid = 'public.usage_ledger'::regclass and attnum > 0"
            " and attname <> 'id' and not attisdropped"
        )
    ]  # fmt: skip
    taken = ", ".join(f"%({c})s" if c in changes else c for c in columns)
    business.db.execute(
        f"insert into public.usage_ledger ({', '.join(columns)}) select {taken} from public.usage_ledger"
        " where org_id = %(org)s order by id desc limit 1",
        changes | {"org": business.org_id},
    )


def a_history(business: Business) -> None:
    """Two closed months with corrections between them, and an open one."""
    bill(business, percent="7.5", minimum="0.03")
    wamids = flow_delivers(
        business, None, price("marketing"), price("utility"), FREE_SERVICE, at="2026-09-10T12:00"
    )
    deliver(business, price("marketing"), None, at="2026-09-30T23:59:59")
    close(business, "2026-09")
    business.told(status(wamids[0], "sent", pricing=price("marketing")))
    deliver(business, price("utility"), at="2026-09-11T12:00")
    deliver(business, price("service"), costing("0.000001"), at=IN_OCTOBER)
    close(business, OCTOBER)
    business.told(status(wamids[1], "read", ist(IN_OCTOBER), pricing=price("utility")))
    deliver(business, price("marketing"), at=IN_NOVEMBER)


def test_closed_months_recomputed_from_their_entries_are_the_same(business: Business, db: Database) -> None:
    a_history(business)

    found = check(business)

    assert (found["ok"], found["differences"], found["months"]) == (True, [], 2)
    assert found["entries"] == len(business.table("public.usage_ledger"))
    for month in ("2026-09", OCTOBER):
        told = statement(business, month)
        sums = [
            booked(business, where=f"statement_month = '{month}' and {which}")
            for which in ("entry = 'meta_cost'", "entry = 'markup'", "is_billed")
        ]
        assert amounts(told, "meta_cost", "markup", "billed") == tuple(sums)
        # By category, worked out another way than lines are.
        by_category = db.rows(
            """
            select case when needs_review then 'needs_review' else coalesce(category, 'unknown') end, sum(amount)
              from public.usage_ledger where org_id = %s and statement_month = %s group by 1
            """,
            business.org_id, month,
        )  # fmt: skip
        found_lines = {category: line[1] + line[2] for category, line in lines(told).items()}
        assert {c: a for c, a in by_category if c in found_lines} == found_lines


PLANTED = [
    pytest.param({"statement_month": OCTOBER, "amount": 1}, "statement_differs_from_entries", id="an entry in a closed month"),
    pytest.param({"statement_month": "2026-09", "is_billed": False, "amount": 0}, "statement_differs_from_entries", id="a free message in a closed month"),
    pytest.param({"version": 99}, "more_than_one_live_entry", id="booked twice"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "what"), PLANTED)
def test_check_finds_what_does_not_belong(business: Business, changes: dict[str, object], what: str) -> None:
    a_history(business)
    assert check(business)["ok"]

    plant(business, **({} if "version" in changes else {"wamid": "planted"}), **changes)

    found = check(business)
    assert not found["ok"]
    assert [difference["what"] for difference in found["differences"]] == [what]


def test_check_finds_what_was_taken_back_with_another_amount(business: Business) -> None:
    a_history(business)
    newest = business.table("public.usage_ledger", "id")[-1]["id"]

    plant(business, reverses=newest, amount=Decimal("-0.5"))

    found = check(business)
    assert [difference["what"] for difference in found["differences"]] == ["taken_back_with_another_amount"]


def test_check_finds_an_entry_in_a_month_that_was_closed_with_a_later_one(business: Business) -> None:
    a_history(business)

    plant(business, wamid="planted", statement_month="2026-05")

    assert not check(business)["ok"]
