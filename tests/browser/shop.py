"""A business of its own for a test of the dashboard: people who sign in, a number, customers who write."""

from __future__ import annotations

import itertools
import time
from uuid import UUID, uuid4

import httpx

from tests.database import Database
from tests.e2e.commands import Business, Commands, Json, RunningStack, eventually
from workers import database
from workers.cli.org import People
from workers.meta.connect import connect_number
from workers.meta.graph import Graph
from workers.meta.templates import sync_templates
from workers.settings import Settings

PASSWORD = "a long enough password"
_people = itertools.count(time.time_ns() // 1_000_000 % 10**6 * 100)


class Shop:
    """One organization, connected to the sandbox's Meta, with an owner; more people join by `join`."""

    def __init__(
        self, stack: RunningStack, flow: Commands, owners: Database, *, name: str = "Sunrise Pumps"
    ) -> None:
        self.stack, self.flow, self.db = stack, flow, owners
        self._settings = Settings(_env_file=stack.data / "settings.env")  # type: ignore[call-arg]
        self.workers = database.Database(self._settings)
        """The functions of the schema `worker`."""
        self._people = People(self._settings)
        self.owner = f"owner.{uuid4().hex[:10]}@example.com"
        self.owner_id = self._people.ensure(self.owner, PASSWORD)
        self.org = str(self._people.create_organization(name, self.owner_id)["org_id"])
        self.business = Business(stack)
        self._connect()

    def _connect(self) -> None:
        business = self.business
        with httpx.Client(trust_env=False) as http:
            graph = Graph(http, self._settings)
            connect_number(
                self.workers, graph, self._settings,
                self.org, business.waba_id, business.phone_number_id, business.token,
            )  # fmt: skip
            sync_templates(self.workers, graph, self.org)

    def join(self, role: str = "agent") -> str:
        """A new member who can sign in; their e-mail address."""
        email = f"{role}.{uuid4().hex[:10]}@example.com"
        self.db.execute(
            "insert into public.memberships (org_id, user_id, role) values (%s, %s, %s)",
            [self.org, self._people.ensure(email, PASSWORD), role],
        )
        return email

    def new_phone(self) -> str:
        """The digits of a phone number that nobody has."""
        return f"9198{next(_people) % 10**8:08d}"

    def hear(self, text: str = "Hello", sender: str | None = None, message: Json | None = None) -> str:
        """Let a customer write, and wait until Flow has heard it; their number's digits."""
        sender = sender or self.new_phone()
        said = {"message": message} if message else {"text": text}
        wamid = self.business.sandbox.inbound(self.business.phone_number_id, sender, **said)  # type: ignore[arg-type]
        heard = "select exists (select from public.messages where org_id = %s and wamid = %s)"
        eventually(lambda: self.db.value(heard, self.org, wamid))
        return sender

    def send(self, to: str, **item: object) -> int:
        """Queue a message to a customer, as `flow message send` does; its id."""
        sent = self.workers.rpc("send_messages", org_id=self.org, items=[{"to": f"+{to}", **item}])
        return int(sent["message_ids"][0])

    def add_lead(self, name: str = "Ravi Patel", phone: str | None = None, **fields: object) -> UUID:
        """Add a lead by hand; its id."""
        lead = {"name": name, "phone": phone or f"+{self.new_phone()}", "phone_kind": "mobile", **fields}
        return UUID(str(self.workers.rpc("add_lead", org_id=self.org, lead=lead)["lead_id"]))
