"""A seller's year at IndiaMART: buyers, a supplier with all its faults, a runner that dies, people who enter keys."""

import heapq
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from itertools import count
from random import Random
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs
from uuid import UUID

import httpx
import pytest
from flask import Flask

from tests.http.recording import settings
from tests.sql.indiamart_model import DAY, Call, Model, Span
from tests.sql.virtual_clock import Killed, VirtualDatabase
from workers.indiamart import job
from workers.indiamart.leads import IST, to_items
from workers.sandbox import indiamart as supplier_api
from workers.sandbox import indiamart_state
from workers.sandbox.app import Config, Sandbox, create_sandbox
from workers.sandbox.leads import query_time
from workers.sandbox.models import IndiaMartFault, IndiaMartKey

MINUTE, HOUR = 60, 3600
LATEST = 6 * DAY - 2 * HOUR
"""How late a lead may appear and must still be found."""
NOTHING, HELD = supplier_api.NOTHING, supplier_api.HELD
FAULTS = {  # what the sandbox can spoil, and what that leaves open
    "server_error": "supplier_error", "http_500": "supplier_error", "html_502": "supplier_error",
    "html_200": "no_answer", "malformed": "no_answer", "more_records": "incomplete",
}  # fmt: skip
KEY_REASONS = {
    supplier_api.INCORRECT: "key_incorrect",
    supplier_api.EXPIRED: "key_expired",
    supplier_api.REPLACED: "key_replaced",
}


class Supplier(httpx.BaseTransport):
    """The sandbox's IndiaMART behind a line that breaks; keeps what each call really came to."""

    def __init__(self, app: Flask, random: Random, now: Callable[[], int]) -> None:
        self.line = httpx.WSGITransport(app=app)
        self.sandbox: Sandbox = app.extensions["sandbox"]
        self.state = self.sandbox.indiamart
        self.random, self.now = random, now
        self.fault_rate = 0.0
        self.faults: list[str] = []
        self.is_out = False
        self.is_silent_about_holding = random.random() < 0.5
        self.last: Call | None = None
        self.called: list[tuple[int, str]] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Answer one call, or break it."""
        asked = parse_qs(request.url.query.decode())
        window = (_read(asked["start_time"][0]), _read(asked["end_time"][0]))
        key = asked["glusr_crm_key"][0]
        self.called.append((self.now(), key))
        fault = self._fault()
        if fault == "refused":
            self.last = Call(window, "no_answer")
            raise httpx.ConnectError("refused", request=request)
        if fault in ("soft", "burst") and self.state.keys[key].state == "live":
            self._another_program_calls(key, fault)
        if fault in FAULTS:
            self.sandbox.indiamart_faults.add(IndiaMartFault(kind=fault))  # type: ignore[arg-type]
        answer = self.line.handle_request(request)
        body = answer.read()
        if fault == "timeout":
            self.last = Call(window, "no_answer")
            raise httpx.ReadTimeout("answered, but too late", request=request)
        if answer.status_code == 200 and fault not in FAULTS:
            body = self._embellish(json.loads(body))
        self.last = self._meaning(window, answer.status_code, body)
        return httpx.Response(answer.status_code, headers={"Content-Type": "application/json"}, content=body)

    def _fault(self) -> str | None:
        if self.is_out:
            return self.random.choice(["http_500", "refused", "timeout", "html_502", "server_error"])
        if self.random.random() >= self.fault_rate:
            return None
        if not self.faults:  # dealt like cards, so that a short year sees each of them
            self.faults = [*FAULTS, "refused", "timeout", "soft", "burst"]
            self.random.shuffle(self.faults)
        return self.faults.pop()

    def _another_program_calls(self, key: str, fault: str) -> None:
        known = self.state.keys[key]
        if fault == "soft":
            known.answered_at = self.now()
        else:
            for _ in range(6):
                self.state.may_call(known, self.now())

    def _embellish(self, body: dict[str, Any]) -> bytes:
        """Rows repeated with other words; and of a new key, sometimes no hint that older leads are held back."""
        if body["CODE"] == 204 and self.is_silent_about_holding:
            body["MESSAGE"] = NOTHING
        if body["CODE"] == 200 and self.random.random() < 0.1:
            again = dict(self.random.choice(body["RESPONSE"]))
            again["SUBJECT"] += ", repeated"
            body["RESPONSE"].append(again)
        return json.dumps(body).encode()

    def _meaning(self, window: Span, status: int, body: bytes) -> Call:
        try:
            told = json.loads(body)
        except ValueError:
            return Call(window, "supplier_error" if status >= 500 else "no_answer")
        rows = tuple(told.get("RESPONSE") or ())
        match told["CODE"]:
            case 200:
                return Call(window, None if len(rows) >= told["TOTAL_RECORDS"] else "incomplete", rows)
            case 204:
                return Call(window, "not_released" if told["MESSAGE"] == HELD else None)
            case 429:
                return Call(window, "key_blocked" if "APP_AUTH_FAILURE_CODE" in told else "quota")
            case 401:
                return Call(window, KEY_REASONS[told["MESSAGE"]])
            case 400:
                return Call(window, "flow_fault")
        return Call(window, "supplier_error")


def _read(given: str) -> int:
    found = re.fullmatch(r"(\d\d-[A-Z][a-z]{2}-\d{4})(\d\d:\d\d:\d\d)", given)
    assert found, given
    return int(
        datetime.strptime(" ".join(found.groups()), "%d-%b-%Y %H:%M:%S").replace(tzinfo=IST).timestamp()
    )


class World:
    """Everything that happens, in order, to one organization."""

    def __init__(
        self,
        database: VirtualDatabase,
        supplier: Supplier,
        random: Random,
        org_id: UUID,
        *,
        leads_a_day: float,
    ) -> None:
        self.database, self.supplier, self.random, self.org_id = database, supplier, random, org_id
        self.http = httpx.Client(transport=supplier)
        self.settings = settings(INDIAMART_URL="http://127.0.0.1:9")
        self.model = Model()
        self.now = int(database.now)
        self.events: list[tuple[int, int, Callable[[], None]]] = []
        self.order, self.numbers = count(), count(1)
        self.leads_a_day = leads_a_day
        self.buyers: dict[
            str, tuple[int, int]
        ] = {}  # a lead's id: its own time, and when the supplier had it
        self.is_down = False
        self.is_calm = False
        self.kill_rate = 0.025
        self.key_is_coming = False
        self.reasons: Counter[str] = Counter()
        self.token = "a-token-of-the-year"
        self.key = self.entered = ""

    def at(self, when: float, happens: Callable[[], None]) -> None:
        """Let something happen at a time."""
        heapq.heappush(self.events, (int(when), next(self.order), happens))

    def run_until(self, end: int) -> None:
        """Let everything happen that is due until then."""
        while self.events and self.events[0][0] <= end:
            when, _, happens = heapq.heappop(self.events)
            self.now = max(self.now, when)
            self.database.now = self.now
            happens()
        self.now = self.database.now = end

    # Buyers -----------------------------------------------------------------------------------------------

    def enquire(self, when: int, *, by_push: bool = True) -> None:
        """A buyer enquires: the supplier lists it at once, or late; pushes it once, late, twice or never."""
        number, r = next(self.numbers), self.random
        late = r.choice([0, 0, 0, 0, r.randint(0, MINUTE), r.randint(0, 5 * HOUR), r.randint(0, LATEST)])
        lead = {
            "UNIQUE_QUERY_ID": str(3_000_000_000 + number), "QUERY_TYPE": r.choice(["W", "B", "WA"]),
            "QUERY_TIME": query_time(when), "SENDER_NAME": f"Buyer {number}",
            "SENDER_MOBILE": f"+91-90000{r.randint(0, number):05d}", "SUBJECT": f"Wish {number}", "SENDER_COUNTRY_ISO": "IN",
        }  # fmt: skip
        self.buyers[lead["UNIQUE_QUERY_ID"]] = (when, when + late)
        self.at(
            when + late, lambda: self.supplier.state.add_leads(self.supplier.state.keys[self.key], [lead])
        )
        if r.random() < 0.08:
            self.at(when + late + r.randint(1, 3 * DAY), lambda: self._reword(lead))
        if by_push and r.random() < 0.75:
            for _ in range(r.choice([1, 1, 1, 2])):
                self.at(
                    when + r.choice([0, r.randint(0, MINUTE), r.randint(0, 2 * DAY)]),
                    lambda: self._push(dict(lead)),
                )

    def _reword(self, lead: dict[str, str]) -> None:
        """The supplier has other words for a lead it told already, or even another person."""
        lead["SUBJECT"] += ", reworded"
        if self.random.random() < 0.3:
            lead |= {"QUERY_TYPE": "P", "SENDER_MOBILE": f"+91-90001{self.random.randint(0, 99_999):05d}"}

    def _push(self, lead: dict[str, str]) -> None:
        if self.is_down:
            if self.random.random() < 0.5:
                self.at(self.now + HOUR, lambda: self._push(lead))
            return
        self._endanger()
        is_kept = self.database.reply_is_lost
        try:
            self.database.rpc(
                "push_leads", token_sha256=sha256(self.token.encode()).hexdigest(), items=to_items([lead])
            )
        except Killed:
            self.at(self.now + 10 * MINUTE, lambda: self._push(lead))  # no 200: it comes again
            if not is_kept:
                return
        self.model.store(self.now, self.model.pushed, (lead,))

    # The runner -------------------------------------------------------------------------------------------

    def _endanger(self) -> None:
        """Perhaps let the next call of the database die at some row, or its reply be lost."""
        if self.random.random() < self.kill_rate and not self.is_calm:
            self.database.reply_is_lost = self.random.random() < 0.25
            if not self.database.reply_is_lost:
                self.database.rows_to_live = self.random.randint(1, 9)

    def wake(self) -> None:
        """The job runs, unless everything is down."""
        if self.is_down:
            return
        self._endanger()
        try:
            claimed = self._claim()
        except Killed:
            return
        for sync in claimed:
            answer = job._call(self.http, self.settings, sync)
            call = self.supplier.last
            assert call
            self.reasons[call.reason or "complete"] += 1
            fate = self.random.random() if not self.is_calm else 1.0
            if fate < self.kill_rate / 2:
                continue  # died with the answer in its hands
            if fate < self.kill_rate:
                later = self.now + self.random.choice([100, HOUR, 30 * HOUR, 3 * DAY])
                self.at(later, lambda s=sync, a=answer, c=call: self._hand_in(s, a, c))  # type: ignore[misc]
                continue
            self._hand_in(sync, answer, call)

    def _claim(self) -> list[job.Sync]:
        """Claim; a reply that is lost was committed all the same, and the model knows."""
        lost, self.database.reply_is_lost = self.database.reply_is_lost, False
        syncs = job._claim(self.database, self.settings)
        self.model.reap(self.now, job.LEASE_SECONDS)
        for sync in syncs:
            window = (int(sync.window_from.timestamp()), int(sync.window_to.timestamp()))
            self.model.claim(self.now, str(sync.run_id), window, job.LEASE_SECONDS)
        if lost:
            raise Killed
        return syncs

    def _hand_in(self, sync: job.Sync, answer: Any, call: Call) -> None:
        self._endanger()
        self.database.runner_survives = self.random.random() < 0.3
        lost = self.database.reply_is_lost and not self.database.runner_survives
        try:
            job._finish(self.database, sync, answer)
        except Killed:
            if not lost:
                return
        self.model.commit(self.now, str(sync.run_id), call)
        if (call.reason or "").startswith("key_") and call.reason != "key_blocked" and not self.key_is_coming:
            self.key_is_coming = True
            self.at(self.now + self.random.randint(HOUR, 3 * DAY), lambda: self.enter_key(make=True))

    # People -----------------------------------------------------------------------------------------------

    def enter_key(self, *, make: bool) -> None:
        """The owner generates a key, unless there is a newer one already, and enters it."""
        if make and (not self.key or self.supplier.state.keys[self.key].state != "live"):
            self.generate_key()
        self.database.rpc("connect_indiamart", org_id=str(self.org_id), key=self.key)
        if self.key != self.entered:  # the same key again is nothing new
            self.model.key_at = self.now
        self.entered, self.key_is_coming = self.key, False

    def generate_key(self) -> None:
        """Somebody generates a key at IndiaMART: the one before is dead, and older leads are held back."""
        self.key = f"key-{next(self.numbers)}"
        self.supplier.state.put_key(IndiaMartKey(key=self.key, seller="seller", created_at=self.now))

    def go_down(self, *, down: bool) -> None:
        """The workers stop, or come back."""
        self.is_down = down

    def go_out(self, *, out: bool) -> None:
        """The supplier fails altogether, or is well again."""
        self.supplier.is_out = out


@contextmanager
def simulated_world(dsn: str, seed: int, start: datetime, *, leads_a_day: float) -> Iterator[World]:
    """Make a world at a time; its supplier's clock, its database's and its own are one."""
    random = Random(seed)  # noqa: S311 (repeatable on purpose)
    database = VirtualDatabase(dsn, start.astimezone(UTC).timestamp())
    app = create_sandbox(Config(indiamart_interval=300.0))
    clock = SimpleNamespace(time=lambda: float(database.now), sleep=lambda _seconds: None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(supplier_api, "time", clock)
        patch.setattr(indiamart_state, "time", clock)
        patch.setattr(job, "_PAUSES", (0, 0, 0))
        patch.setattr(job, "_log", lambda _run: None)
        owner = UUID(int=random.getrandbits(128), version=4)
        database.ask("insert into auth.users (id, email) values (%s, %s)", owner, f"{owner}@example.test")
        ((org_id,),) = database.ask("select private.new_organization('A year', %s)", owner)
        supplier = Supplier(app, random, lambda: int(database.now))
        try:
            yield World(database, supplier, random, org_id, leads_a_day=leads_a_day)
        finally:
            app.extensions["sandbox"].webhooks.stop()
            database.close()
