"""Every table, view, column, function and type keeps the rules of catalogue.py; a new one need not be listed here."""

import pytest

from tests.database import Database
from tests.sql.catalogue import OURS, RULES, Rule

EVERY_RULE = [pytest.param(rule, id=rule.says) for rule in RULES]


def offenders(db: Database, rule: Rule) -> list[str]:
    return sorted(str(name) for (name,) in db.rows(OURS + rule.offenders))


@pytest.mark.parametrize("rule", EVERY_RULE)
def test_rule_has_no_offenders(db: Database, rule: Rule) -> None:
    assert offenders(db, rule) == []


@pytest.mark.parametrize("rule", EVERY_RULE)
def test_rule_notices_its_breach(db: Database, rule: Rule) -> None:
    before = offenders(db, rule)

    db.execute(rule.breach.encode())

    assert len(offenders(db, rule)) > len(before)


def test_what_is_made_later_is_closed_to_everybody(db: Database) -> None:
    for schema in ("public", "private", "worker"):
        db.execute(f"create table {schema}.zz (id bigint generated always as identity)".encode())
        db.execute(f"create function {schema}.zz() returns int language sql as 'select 1'".encode())

    held = db.rows(OURS + "select role, privilege, name from acl where name ~ '\\.zz|^zz'")

    assert held == []


def test_catalogue_looks_at_everything_there_is(db: Database) -> None:
    """A query over our schemas that finds nothing would let every rule pass."""
    found = db.row(
        OURS
        + """
        select (select count(*) from tab where nspname = 'public') >= 19, (select count(*) from tab where nspname = 'private') >= 9,
               (select count(*) from rel where relkind = 'v') >= 1, (select count(*) from fn where nspname = 'worker') >= 25,
               (select count(*) from typ) >= 2, (select count(*) from pol) >= 20, (select count(*) from acl) >= 300
        """
    )

    assert found == (True,) * 7
