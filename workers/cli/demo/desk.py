"""A signed-in person's desk: what they may read and do through the API, and nothing else. RLS decides."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar
from uuid import UUID, uuid4

from postgrest.exceptions import APIError
from pydantic import BaseModel
from supabase_auth.errors import AuthApiError

from workers.cli.output import Refusal
from workers.cli.project import supabase_client
from workers.database import Database
from workers.errors import from_api_error
from workers.settings import Settings

Row = TypeVar("Row", bound=BaseModel)

AT_ONCE = 100  # keys in one request: short addresses, and answers far from the API's 1,000 rows
LONGEST_ANSWER = 1000


class Desk:
    """One person's session."""

    def __init__(self, settings: Settings, email: str, password: str) -> None:
        settings.require("supabase_publishable_key")
        client = supabase_client(settings, settings.secret("supabase_publishable_key"))
        try:
            session = client.auth.sign_in_with_password({"email": email, "password": password}).session
        except AuthApiError as error:
            raise Refusal(f"{email} could not sign in: {error.message}", "sign_in_failed") from error
        if session is None:
            raise Refusal(f"{email} could not sign in.", "sign_in_failed")
        self._person = Database(settings).as_person(session.access_token)

    def rpc(self, name: str, /, **args: object) -> dict[str, object]:
        """Call one of the dashboard's functions."""
        return self._person.rpc(name, **args)

    def rows(self, shape: type[Row], table: str, *, order: str = "id", **equal: object) -> list[Row]:
        """Give the rows whose columns equal what is given."""
        return self._read(shape, table, order, equal)

    def rows_among(
        self, shape: type[Row], table: str, key: str, values: Iterable[object], **equal: object
    ) -> list[Row]:
        """Give the rows that have one of the values in a column, and equal the rest."""
        found: list[Row] = []
        for some in _parts([str(value) for value in values]):
            found += self._read(shape, table, "id", equal, (key, some))
        return found

    def reply(self, org_id: UUID, conversation_id: UUID, text: str) -> int:
        """Queue a free text in a conversation; give the message's id."""
        answer = self.rpc(
            "send_text",
            org_id=str(org_id),
            conversation_id=str(conversation_id),
            body=text,
            client_token=str(uuid4()),
        )
        return int(str(answer["message_id"]))

    def _read(
        self,
        shape: type[Row],
        table: str,
        order: str,
        equal: dict[str, object],
        among: tuple[str, list[str]] | None = None,
    ) -> list[Row]:
        rows: list[Row] = []
        while True:
            query = self._person.client.table(table).select(",".join(shape.model_fields))
            for column, value in equal.items():
                query = query.eq(column, str(value))
            if among:
                query = query.in_(*among)
            try:
                page = query.order(order).range(len(rows), len(rows) + LONGEST_ANSWER - 1).execute().data
            except APIError as error:
                raise from_api_error(error) from error
            rows += [shape.model_validate(row) for row in page]
            if len(page) < LONGEST_ANSWER:
                return rows


def _parts(values: list[str]) -> Iterator[list[str]]:
    rest = iter(values)
    while some := list(islice(rest, AT_ONCE)):
        yield some
