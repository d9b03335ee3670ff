"""What the tests of broadcasts and sequences share: a member's desk, and what many do at once."""

import json
import threading
from collections.abc import Callable
from typing import Any

from tests.business import Business
from tests.database import Person

RECEIPT = {"name": "News", "template": "receipt", "language": "en"}


class Desk:
    """A member of a business, and what they do."""

    def __init__(self, business: Business, who: Person) -> None:
        self.business, self.db, self.who = business, business.db, who

    def _call(self, name: str, args: dict[str, Any]) -> tuple[str, list[Any]]:
        values = [json.dumps(v) if isinstance(v, dict) else v for v in args.values()]
        given = ", ".join(["%s", *(f"{key} => %s" for key in args)])
        return f"select public.{name}({given})", [self.business.org_id, *values]

    def ask(self, name: str, **args: Any) -> Any:
        """Call an RPC as the member."""
        query, values = self._call(name, args)
        self.db.as_person(self.who)
        answer = self.db.value(query, *values)
        self.db.as_operator()
        return answer

    def refusal(self, name: str, **args: Any) -> tuple[str, str]:
        """What an RPC is refused with."""
        query, values = self._call(name, args)
        self.db.as_person(self.who)
        told = self.db.refusal(query, *values)
        self.db.as_operator()
        return told.sqlstate, told.detail

    def draft(self, **given: Any) -> str:
        """A broadcast of receipts, unless told otherwise."""
        made: str = self.ask("create_broadcast", broadcast=RECEIPT | given)["broadcast_id"]
        return made

    def started(self, **given: Any) -> str:
        """The same, started."""
        made = self.draft(**given)
        self.ask("start_broadcast", broadcast_id=made)
        return made

    def shown(self, broadcast: str) -> dict[str, Any]:
        """How a broadcast stands."""
        shown: dict[str, Any] = self.ask("list_broadcasts", broadcast_id=broadcast)[0]
        return shown

    def counts(self, broadcast: str) -> dict[str, int]:
        """How many came to what."""
        return {outcome: n for outcome, n in self.shown(broadcast)["counts"].items() if n}


def at_once(*tasks: Callable[[], Any]) -> list[Any]:
    """Run tasks in threads that begin together; gives what each came to, an exception included."""
    start = threading.Barrier(len(tasks))
    done: list[Any] = [None] * len(tasks)

    def run(n: int, task: Callable[[], Any]) -> None:
        start.wait(10)
        try:
            done[n] = task()
        except Exception as error:  # noqa: BLE001 (the test looks at it)
            done[n] = error

    threads = [threading.Thread(target=run, args=item) for item in enumerate(tasks)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return done
