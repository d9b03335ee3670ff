"""What belongs to a backup, asked of the catalogue: a table that is new tomorrow is in tomorrow's backup."""

from collections.abc import Iterable
from typing import Any

from psycopg import Connection, sql
from pydantic import BaseModel

Rows = Connection[tuple[Any, ...]]

# Tables of Flow and people's accounts, without partitions: a partitioned table is copied whole.
TABLES = """
    select n.nspname, c.relname,
           array(select a.attname from pg_attribute a
                  where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
                  order by a.attnum)
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p') and not c.relispartition
       and (n.nspname in ('public', 'private') or (n.nspname, c.relname) in (
         ('auth', 'users'), ('auth', 'identities'), ('auth', 'mfa_factors')))
     order by n.nspname = 'auth' desc, 1, 2"""
PARTITIONS = """
    select n.nspname, p.relname, c.relname, pg_get_expr(c.relpartbound, c.oid),
           obj_description(c.oid, 'pg_class')
      from pg_inherits i join pg_class c on c.oid = i.inhrelid and c.relispartition and c.relkind = 'r'
      join pg_class p on p.oid = i.inhparent join pg_namespace n on n.oid = p.relnamespace
     where n.nspname in ('public', 'private') order by 1, 2, 3"""
SEQUENCES = """
    select schemaname, sequencename, last_value from pg_sequences
     where schemaname in ('public', 'private') and last_value is not null order by 1, 2"""
SECRETS = """
    select name, description, decrypted_secret from vault.decrypted_secrets where starts_with(name, 'flow_')
     order by 1"""
OWN_SECRETS = ("flow_worker_url", "flow_job_secret")  # an installation's own: never restored over another's
FILES = """
    select o.bucket_id, o.name, o.metadata ->> 'mimetype' from storage.objects o
     where o.bucket_id = any (array['exports', 'imports', 'media']) order by 1, 2"""
HISTORY = "select version from supabase_migrations.schema_migrations order by 1"


class Table(BaseModel):
    """One table: its columns, and how many rows with which digest are in the backup."""

    schema_name: str
    name: str
    columns: list[str]
    rows: int = 0
    sha256: str = ""

    @property
    def key(self) -> str:
        return f"{self.schema_name}.{self.name}"

    @property
    def member(self) -> str:
        return f"tables/{self.key}"

    def named(self) -> sql.Identifier:
        """Give the name as SQL."""
        return sql.Identifier(self.schema_name, self.name)

    def listed(self) -> sql.Composed:
        """Give the columns as SQL."""
        return sql.SQL(", ").join(map(sql.Identifier, self.columns))


class Partition(BaseModel):
    """One partition, made again before its rows arrive."""

    schema_name: str
    parent: str
    name: str
    bound: str
    comment: str | None


class File(BaseModel):
    """One object of Storage."""

    bucket: str
    name: str
    mime_type: str
    size: int = 0
    sha256: str = ""

    @property
    def member(self) -> str:
        return f"files/{self.bucket}/{self.name}"


class Manifest(BaseModel):
    """`manifest.json`: what is in the backup, the last piece of it."""

    format: int = 1
    made_at: str
    release: str
    migrations: list[str]
    tables: list[Table]
    partitions: list[Partition]
    sequences: list[tuple[str, str, int]]
    secrets_sha256: str
    files: list[File]


def tables(connection: Rows) -> list[Table]:
    """Give the tables, people's accounts first."""
    return [Table(schema_name=s, name=n, columns=c) for s, n, c in connection.execute(TABLES)]


def partitions(connection: Rows) -> list[Partition]:
    """Give the partitions, but those that catch what fits nowhere: the migrations make them."""
    return [
        Partition(schema_name=s, parent=p, name=n, bound=b, comment=c)
        for s, p, n, b, c in connection.execute(PARTITIONS)
        if b != "DEFAULT"
    ]


def migrations(connection: Rows) -> list[str]:
    """Give the versions that were applied."""
    row = connection.execute("select to_regclass('supabase_migrations.schema_migrations')").fetchone()
    return [version for (version,) in connection.execute(HISTORY)] if row and row[0] else []


def missing_columns(wanted: Iterable[Table], here: Iterable[Table]) -> list[str]:
    """Give the columns of a backup that this database has no place for."""
    held = {table.key: set(table.columns) for table in here}
    return [
        f"{table.key}.{column}"
        for table in wanted
        if table.rows
        for column in table.columns
        if column not in held.get(table.key, set())
    ]
