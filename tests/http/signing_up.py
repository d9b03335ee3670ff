"""A person who connects a business by Embedded Signup: the real database, and the sandbox's Meta."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import httpx

from tests.database import Database, Person
from tests.http.direct import DirectDatabase
from tests.http.recording import settings
from tests.http.running_sandbox import SECRET, RunningSandbox
from workers.meta import signup
from workers.meta.connect import Connected, Work, connect_number, go_on
from workers.meta.graph import Graph

WABA, PHONE = "880200000000001", "770300000000001"
NEW = {"phone_number_id": PHONE, "display_phone": "+91 11400 00001", "registered": False}


class Onboarding:
    """An admin before Flow, and a business at Meta of which Flow knows nothing yet."""

    def __init__(self, sandbox: RunningSandbox, db: Database, org_id: UUID, admin: Person) -> None:
        self.control, self.db, self.org_id, self.admin = sandbox.control, db, org_id, admin
        self.settings = settings(
            META_GRAPH_URL=sandbox.server.url, META_APP_ID="4406", META_APP_SECRET=SECRET, META_CONFIG_ID="77"
        )
        self.database = DirectDatabase(db)
        self.http = httpx.Client(timeout=10, trust_env=False)

    def share(self, *numbers: dict[str, Any], waba_id: str = WABA, **more: Any) -> None:
        """Make the business at Meta."""
        self.control.put_account({"waba_id": waba_id, "numbers": list(numbers), **more})

    @property
    def work(self) -> Work:
        return Work(self.database, Graph(self.http, self.settings), self.settings, str(self.org_id))

    def begin(self, who: Person | None = None) -> str:
        """Open Meta's window: its state."""
        asking = self.database.person(who or self.admin)
        return signup.begin(asking, self.settings, str(self.org_id)).state

    def finish(self, who: Person | None = None, *, state: str | None = None, **given: Any) -> Connected:
        """Close Meta's window well, and hand in what it gave."""
        if "code" not in given:
            given["code"] = self.control.signup_code(WABA)
        told = {"event": "FINISH", "waba_id": WABA, "phone_number_id": PHONE, **given}
        outcome = signup.Outcome(state=state or self.begin(who), **told)
        return signup.finish(self.work, self.database.person(who or self.admin), outcome)

    def resume(self, **chosen: str) -> Connected:
        """Continue the newest attempt."""
        return go_on(self.work, str(self.attempt["id"]), **chosen)

    def by_token(self, token: str, phone_number_id: str = PHONE) -> Connected:
        """Connect with a token given by hand."""
        work = self.work
        return connect_number(
            work.database, work.graph, work.settings, work.org_id, WABA, phone_number_id, token
        )

    @property
    def attempt(self) -> dict[str, Any]:
        """The attempt that changed last, as it is stored."""
        # All is one transaction to the clock, but each call is a subtransaction of its own.
        query = (
            "select to_jsonb(s) from public.whatsapp_signups s where org_id = %s"
            " order by xmin::text::bigint desc, cmin::text::bigint desc limit 1"
        )
        found: dict[str, Any] = self.db.value(query, self.org_id)
        return found

    def stored(self, table: str) -> list[dict[str, Any]]:
        """The rows of the organization in a table."""
        query = f"select to_jsonb(t) from {table} t where org_id = %s"
        return [row for (row,) in self.db.rows(query, self.org_id)]

    def opened(self, credential_id: str) -> str:
        """What a credential holds."""
        opened: str = self.db.value(
            "select private.open_credential(%s, %s, 'test')", self.org_id, credential_id
        )
        return opened

    def times(self, call: str) -> int:
        """How often Meta carried a call out, for instance `POST register`."""
        return self.control.counters().calls.get(call, 0)
