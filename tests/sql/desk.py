"""A sales desk for tests: leads of an organization, calls of its people as they make them, and time that passes."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.database import Database, Person, Refusal

Json = dict[str, Any]


@dataclass
class Desk:
    """One organization and the people who work in it."""

    db: Database
    org_id: UUID
    owner: Person
    join: Callable[..., Person]
    people: dict[str, Person] = field(default_factory=dict)

    def hire(self, *names: str, role: str = "agent") -> list[Person]:
        """Take people on."""
        for name in names:
            self.people[name] = self.join(self.org_id, role)
        return [self.people[name] for name in names]

    def statement(self, name: str, args: Json) -> tuple[str, Json]:
        """The statement that calls a function of people, and its values."""
        given = ", ".join(f"{key} => %({key})s" for key in ["org_id", *args])
        values = {k: json.dumps(v) if isinstance(v, dict) else v for k, v in args.items()}
        return f"select public.{name}({given})", {"org_id": self.org_id} | values

    def ask(self, name: str, who: Person | None = None, /, **args: Any) -> Any:
        """Call a function as a person does; the owner unless told who."""
        query, values = self.statement(name, args)
        with self.db.operating():
            self.db.as_person(who or self.owner)
            return self.db.execute(query.encode(), values).fetchone()[0]  # type: ignore[index]

    def refused(self, name: str, who: Person | None = None, /, **args: Any) -> Refusal:
        """The refusal that a call must end in."""
        query, values = self.statement(name, args)
        with self.db.operating():
            self.db.as_person(who or self.owner)
            with pytest.raises(psycopg.Error) as caught, self.db.transaction():
                self.db.execute(query.encode(), values)
        told = caught.value.diag
        return Refusal(
            told.sqlstate or "",
            told.message_primary or "",
            told.message_detail or "",
            told.message_hint or "",
        )

    def lead(self, name: str = "Asha", **given: Any) -> str:
        """A lead as a source hands it in; `given` may say what of the person is known."""
        kept = ("phone", "company", "email", "state", "city")
        person = {"name": name} | {k: given.pop(k) for k in kept if k in given}
        return self.leads([{"external_id": uuid4().hex, "person": person, "raw": {}} | given])[0]

    def leads(self, items: list[Json]) -> list[str]:
        """Leads as a source hands them in, typed by hand as far as sources are asked for."""
        source = self.db.value("select private.own_source(%s, 'manual')", self.org_id)
        stored: Json = self.db.value(
            "select private.store_leads(%s, %s, %s)", self.org_id, source, json.dumps(items)
        )
        return [str(i) for i in stored["lead_ids"]]

    def assign(self) -> int:
        """Have the rules look at what waits."""
        given: int = self.db.value("select private.assign_waiting()")
        return given

    def owner_of(self, lead: str) -> UUID | None:
        """Who has a lead."""
        who: UUID | None = self.db.value("select owner_id from public.leads where id = %s", lead)
        return who

    def told(self, who: Person, kind: str | None = None) -> list[Json]:
        """What a person was told, the oldest first."""
        rows = self.db.rows(
            "select to_jsonb(n) from public.notifications n where org_id = %s and user_id = %s order by id",
            self.org_id, who.id,
        )  # fmt: skip
        return [row for (row,) in rows if kind in (None, row["kind"])]

    def timeline(self, lead: str) -> list[str]:
        """The kinds of what happened to a lead, in order."""
        return [
            k
            for (k,) in self.db.rows(
                "select kind from public.lead_activities where lead_id = %s order by id", lead
            )
        ]
