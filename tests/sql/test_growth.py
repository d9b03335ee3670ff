"""docs/growth.md names everything that crosses organizations: what a distributed Postgres would ask a decision for."""

import re
from pathlib import Path

GUIDE = (Path(__file__).parents[2] / "docs" / "growth.md").read_text()
PLACES = {"reference", "local", "distributed by id"}
TABLES = """
    select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname in ('public', 'private') and c.relkind in ('r', 'p') and not c.relispartition
       and not exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'org_id')"""
UNIQUE = """
    select i.relname from pg_index x join pg_class i on i.oid = x.indexrelid join pg_class t on t.oid = x.indrelid
      join pg_namespace n on n.oid = t.relnamespace
      join pg_attribute a on a.attrelid = t.oid and a.attname = 'org_id'
     where x.indisunique and n.nspname in ('public', 'private') and not t.relispartition
       and not a.attnum = any (x.indkey)"""
FOREIGN = """
    select f.conrelid::regclass::text, f.confrelid::regclass::text from pg_constraint f
      join pg_attribute a on a.attrelid = f.conrelid and a.attname = 'org_id'
     where f.contype = 'f' and f.connamespace in ('public'::regnamespace, 'private'::regnamespace)
       and not a.attnum = any (f.conkey)"""


def listed(heading: str) -> dict[str, str]:
    """The first two cells of each row of the table under a heading."""
    section = GUIDE.split(f"### {heading}\n", 1)[1].split("\n#", 1)[0]
    return dict(re.findall(r"^\| `([\w.]+)` \| ([^|]+?) \|", section, re.MULTILINE))


def test_every_table_without_an_organization_has_its_place(db):
    places = listed("Tables of no organization")

    assert set(places) == {name for (name,) in db.rows(TABLES)}
    assert set(places.values()) == PLACES


def test_every_key_that_spans_organizations_is_named(db):
    assert set(listed("Keys that span organizations")) == {name for (name,) in db.rows(UNIQUE)}


def test_foreign_keys_without_the_organization_lead_to_reference_tables_and_accounts_only(db):
    places = listed("Tables of no organization")
    odd = [
        (table, target)
        for table, target in db.rows(FOREIGN)
        if places.get(target) != "reference" and target != "auth.users"
    ]

    assert odd == []
