"""What there is to attack, from the catalogue: every table and view, and how to call every function."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from tests.database import Database

RELATIONS = """
    select n.nspname, c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = any (%s) and c.relkind in ('r', 'p', 'v', 'm', 'f') order by 1, 2
"""
FUNCTIONS = """
    select n.nspname, p.proname, p.proretset, p.pronargdefaults, coalesce(p.proargnames, '{}')::text[],
           array(select s.nspname || '.' || quote_ident(t.typname)
                   from unnest(p.proargtypes::oid[]) with ordinality u (id, i) join pg_type t on t.oid = u.id join pg_namespace s on s.oid = t.typnamespace order by u.i)
      from pg_proc p join pg_namespace n on n.oid = p.pronamespace
     where n.nspname = any (%s) and p.prorettype <> 'trigger'::regtype order by 1, 2
"""


@dataclass(frozen=True)
class Function:
    """A function, and how to call it."""

    schema: str
    name: str
    is_set: bool
    defaults: int
    args: dict[str, str]

    @property
    def optional(self) -> list[str]:
        """Which arguments may be left out: the last ones."""
        return list(self.args)[len(self.args) - self.defaults :]

    @property
    def foreign(self) -> list[str]:
        """Which arguments name something of an organization, beside the organization."""
        return [name for name in self.args if name.endswith("_id") and name not in OF_NOBODY]

    def values(self, ids: dict[str, Any]) -> dict[str, Any]:
        """Arguments that ask about these ids; the rest of them are harmless."""
        by_type = BY_TYPE | {"_uuid": [str(value) for value in ids.values() if isinstance(value, UUID)]}
        return {
            name: ids[name] if name in ids else HARMLESS.get(name, by_type.get(kind.split(".")[1]))
            for name, kind in self.args.items()
        }

    def call(self, ids: dict[str, Any]) -> tuple[str, list[Any]]:
        """The statement that calls it, and its arguments."""
        values = list(self.values(ids).values())
        names = [f'"{name}" => %s::{kind}' for name, kind in self.args.items()]
        return f"select * from {self.schema}.{self.name}({', '.join(names)})", values


# Of no organization: everybody who signed in may read it, and nobody may change it.
SHARED = ("public.rate_cards",)
OF_NOBODY = ("org_id", "before_id", "after_id", "event_id")
HARMLESS = {
    "role": "agent",
    "min_role": "agent",
    "status": "open",
    "decision": "give_up",
    "assignee": "given",
    "month": "2026-10",
    "dimension": "day",
    "email": "new@example.test",
    "query": "buyer",
    "sort": "newest",
}
BY_TYPE = {"text": "x", "int4": 1, "int8": 1, "bool": True, "jsonb": "{}", "interval": "1 day"}


def relations(db: Database, *schemas: str) -> list[str]:
    return [f"{schema}.{name}" for schema, name in db.rows(RELATIONS, list(schemas))]


def functions(db: Database, *schemas: str) -> list[Function]:
    return [
        Function(schema, name, is_set, defaults, dict(zip(names, types, strict=False)))
        for schema, name, is_set, defaults, names, types in db.rows(FUNCTIONS, list(schemas))
    ]


def key_of(relation: str) -> str:
    return {"public.organizations": "id", "public.profiles": "id"}.get(relation, "org_id")
