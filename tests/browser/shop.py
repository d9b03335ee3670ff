"""A business of its own for a test of the dashboard: people who sign in, a number, customers who write."""

from __future__ import annotations

import itertools
import time
from uuid import UUID, uuid4

from tests.database import Database
from tests.e2e.commands import Business, Commands, Json, RunningStack, eventually

PASSWORD = "a long enough password"
_people = itertools.count(time.time_ns() // 1_000_000 % 10**6 * 100)


class Shop:
    """One organization, connected to the sandbox's Meta, with an owner; more people join by `join`."""

    def __init__(
        self, stack: RunningStack, flow: Commands, database: Database, *, name: str = "Sunrise Pumps"
    ) -> None:
        self.stack, self.flow, self.db = stack, flow, database
        self.owner = f"owner.{uuid4().hex[:10]}@example.com"
        self.org = str(
            flow.done(
                "org", "create", name, "--owner", self.owner, "--password-stdin", stdin=PASSWORD + "\n"
            )["org_id"]
        )
        self.business = Business(stack).connected(flow, self.org)

    def join(self, role: str = "agent") -> str:
        """A new member who can sign in; their e-mail address."""
        email = f"{role}.{uuid4().hex[:10]}@example.com"
        other = self.flow.done(
            "org", "create", "Elsewhere", "--owner", email, "--password-stdin", stdin=PASSWORD + "\n"
        )
        self.db.execute(
            "insert into public.memberships (org_id, user_id, role, created_at)"
            " values (%s, %s, %s, '2000-01-01')",
            [self.org, other["owner_id"], role],
        )
        return email

    def new_phone(self) -> str:
        """The digits of a phone number that nobody has."""
        return f"9198{next(_people) % 10**8:08d}"

    def hear(self, text: str = "Hello", sender: str | None = None, message: Json | None = None) -> str:
        """Let a customer write, and wait until Flow has heard it; their number's digits."""
        sender = sender or self.new_phone()
        said = {"message": message} if message else {"text": text}
        wamid = self.business.sandbox.inbound(self.business.phone_number_id, sender, **said)
        heard = "select exists (select from public.messages where org_id = %s and wamid = %s)"
        eventually(lambda: self.db.value(heard, self.org, wamid))
        return sender

    def add_lead(self, name: str = "Ravi Patel", phone: str | None = None, **fields: str) -> UUID:
        """Add a lead by hand; its id."""
        words = [word for key, value in fields.items() for word in (f"--{key}", value)]
        added = self.flow.done(
            "lead",
            "add",
            "--org",
            self.org,
            "--name",
            name,
            "--phone",
            phone or f"+{self.new_phone()}",
            *words,
        )
        return UUID(str(added["lead_id"]))
