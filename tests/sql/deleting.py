"""An owner asks for the deletion of an organization; and every step of the purge."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from tests.database import Database, Person
from tests.sql.planted import tenant_tables


def just_signed_in(db: Database, who: Person, seconds_ago: int = 10) -> None:
    """Act as somebody who proved who they are a moment ago, as their token tells."""
    db.as_person(who)
    claims = json.loads(db.value("select current_setting('request.jwt.claims')"))
    at = db.value("select extract(epoch from now())::bigint - %s", seconds_ago)
    claims["amr"] = [{"method": "password", "timestamp": at}]
    db.execute("select set_config('request.jwt.claims', %s, true)", [json.dumps(claims)])


def ask(
    db: Database,
    who: Person,
    org_id: UUID,
    name: str = "Sharma Traders",
    *,
    now: bool = False,
    is_meta_told: bool = True,
) -> dict[str, Any]:
    """Ask as an owner who has just signed in; the deletion as they are told. Then Meta hears of the disconnect."""
    just_signed_in(db, who)
    told: dict[str, Any] = db.value("select public.delete_organization(%s, %s, %s)", org_id, name, now)
    db.as_operator()
    if is_meta_told:
        tell_meta(db, org_id)
    return told


def tell_meta(db: Database, org_id: UUID) -> None:
    """End the cleanups of an organization, as the job does once Meta has heard."""
    db.execute(
        "select private.finish_cleanup(org_id, id, 'done', null) from private.meta_cleanups"
        " where org_id = %s and status = 'open'",
        [org_id],
    )


def purge(db: Database, batch: int = 5000) -> dict[str, Any] | None:
    """Every step until there is none; the certificate."""
    for _ in range(2000):
        step = db.value("select worker.purge_step(%s)", batch)
        if step.get("certificate") or step["deletion_id"] is None:
            return step.get("certificate")
    raise AssertionError(f"it does not end: {step}")


def rows_of(db: Database, org_id: UUID) -> dict[str, int]:
    """How many rows an organization has in each table."""
    return {
        table: db.value(f"select count(*) from {table} where org_id = %s", org_id)
        for table in tenant_tables(db)
    }


def contents_of(db: Database, org_id: UUID) -> dict[str, str]:
    """A digest of all rows of an organization, by table."""
    return {
        table: db.value(
            f"select md5(string_agg(t::text, '' order by t::text)) from {table} t where org_id = %s", org_id
        )
        for table in tenant_tables(db)
    }
