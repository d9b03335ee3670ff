"""Which migrations are refused because they would stop an installation in use, and how the others are applied."""

import re
from pathlib import Path

import psycopg
import pytest

from tests.cluster import Cluster
from tests.migrations import BASELINE, refused, released
from workers.local import StackError, migrations
from workers.local.migrations import OUTSIDE

REFUSED = {
    "adding-field-with-default": "alter table public.leads add column token uuid not null default gen_random_uuid();",
    "adding-required-field": "alter table public.leads add column rank int not null;",
    "require-concurrent-index-creation": "create index leads_by_city on public.leads (org_id, city);",
    "require-concurrent-index-deletion": "drop index public.leads_by_city;",
    "changing-column-type": "alter table public.messages alter column id type text;",
    "adding-not-nullable-field": "alter table public.leads alter column city set not null;",
    "constraint-missing-not-valid": "alter table public.leads add constraint city_is_short check (length(city) < 99);",
    "adding-foreign-key-constraint":
        "alter table public.leads add constraint lead_has_a_city foreign key (city) references public.cities (id);",
    "disallowed-unique-constraint": "alter table public.leads add constraint one_lead_a_city unique (org_id, city);",
    "renaming-column": "alter table public.leads rename column city to town;",
    "renaming-table": "alter table public.leads rename to enquiries;",
    "ban-drop-column": "alter table public.leads drop column city;",
    "ban-drop-table": "drop table public.leads;",
    "ban-drop-not-null": "alter table public.leads alter column name drop not null;",
    "concurrently":
        "create index concurrently leads_by_city on public.leads (org_id, city);",
    "one-statement": f"{OUTSIDE}\ncreate index concurrently a on public.leads (city); analyze public.leads;",
}  # fmt: skip
ALLOWED = [
    "alter table public.leads add column rank int; comment on column public.leads.rank is 'x';",
    "alter table public.leads add column is_rare boolean not null default false;",
    "alter table public.leads add constraint city_is_short check (length(city) < 99) not valid;",
    "alter table public.leads validate constraint city_is_short;",
    "create table public.cities (id int primary key, name text not null); create index on public.cities (name);",
    f"{OUTSIDE}\ncreate index concurrently leads_by_city on public.leads (org_id, city);",
    "create or replace function private.f() returns int language sql set search_path = '' as $$ select 1 $$;",
]


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What is said of all of them at once."""
    folder = tmp_path_factory.mktemp("migrations")
    for rule, text in REFUSED.items():
        (folder / f"{rule}.sql").write_text(text)
    for number, text in enumerate(ALLOWED):
        (folder / f"allowed{number}.sql").write_text(text)
    return refused(sorted(folder.glob("*.sql")))


@pytest.mark.parametrize("rule", REFUSED)
def test_what_locks_or_breaks_a_database_in_use_is_refused(said: list[str], rule: str) -> None:
    assert [line for line in said if line.startswith(f"{rule}.sql:") and f" {rule}: " in line]


def test_what_does_neither_passes(said: list[str]) -> None:
    assert [line for line in said if line.startswith("allowed")] == []


def test_migrations_after_the_baseline_pass() -> None:
    assert refused(released()) == []
    assert re.fullmatch(r"\d{14}", BASELINE)


def test_a_migration_waits_a_moment_for_a_table_in_use_and_gives_up_leaving_nothing(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "none").mkdir()
    dsn = cluster.database("in_use", tmp_path / "none")
    (tmp_path / "2_change.sql").write_text(
        "create table public.also (id int); alter table public.busy add x int"
    )
    (tmp_path / "3_index.sql").write_text(f"{OUTSIDE}\ncreate index concurrently busy_x on public.busy (x)")
    monkeypatch.setattr(migrations, "LOCK_TIMEOUT", "set lock_timeout = '50ms'")
    said: list[str] = []
    with psycopg.connect(dsn) as somebody, psycopg.connect(dsn, autocommit=True) as looking:
        looking.execute("create table public.busy (id int)")
        somebody.execute("lock table public.busy in access share mode")
        with pytest.raises(StackError, match="lock timeout"):
            migrations.apply(dsn, said.append, tmp_path, pause=0.01)
        assert looking.execute("select to_regclass('public.also')").fetchone() == (None,)
        assert sum("waits for a table" in line for line in said) == migrations.TRIES - 1
        somebody.rollback()

        assert migrations.apply(dsn, said.append, tmp_path) == ["2", "3"]

        valid = looking.execute(
            "select indisvalid from pg_index where indexrelid = 'public.busy_x'::regclass"
        )
        assert valid.fetchone() == (True,)
