"""A business that both sides know: the real functions of the database, and a Meta that answers like Meta."""

from typing import Any
from uuid import uuid4

from tests.business import Business, call, fresh_org
from tests.database import Database
from tests.http.running_sandbox import RunningSandbox


class Shop(Business):
    """A business whose account the sandbox's Meta knows, connected by a person."""

    def __init__(self, db: Database, meta: RunningSandbox, person: str | None, **more: Any) -> None:
        self.token, self.person = f"EAA{uuid4().hex}", person
        super().__init__(db, fresh_org(db), **more)
        meta.control.put_account(
            {"waba_id": self.waba, "token": self.token, "user_id": person or "77", "subscribed": True,
             "templates": [{"name": "receipt", "language": "en", "body": "Paid."}],
             "numbers": [{"phone_number_id": self.phone_number_id, "display_phone": "+91 11400 00001",
                          "messages_per_second": 1000}]}
        )  # fmt: skip

    def connect(self) -> Any:
        """Connect, or connect again."""
        number = {"phone_number_id": self.phone_number_id, "display_phone": "+91 11400 00001",
                  "messages_per_second": self.rate}  # fmt: skip
        answer = call(
            self.db, "finish_connect", org_id=self.org_id,
            connection={"waba_id": self.waba, "account": {"currency": "INR"}, "token": self.token,
                        "number": number, "meta_user_id": self.person},
        )  # fmt: skip
        self.account_id, self.number_id = answer["account_id"], answer["number_id"]
        return answer
