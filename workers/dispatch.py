"""Sends what the outbox holds: claim in SQL, call Meta concurrently, record in SQL.

The database decides what may leave, in which order, how fast, and what an answer means. This module only
keeps as many calls in the air as it may and reports each one. If it dies at any line, its leases run out
and the database treats the messages as uncertain.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

import httpx
import structlog
from pydantic import BaseModel

from workers.database import Database
from workers.errors import FlowError, Unavailable
from workers.meta.graph import Graph
from workers.settings import Settings
from workers.signals import Signals
from workers.telemetry.trace import carried, on_behalf

log = structlog.stdlib.get_logger(__name__)

LEASE_SECONDS = 30  # longer than a call to Meta can take (5 to connect, 20 to be answered), and its report
START_WITHIN = 1.0  # seconds from claim to call; after a disconnect nothing may start later than that
PATIENCE = 2.0  # how long to stay for a message that is due soon, rather than be woken again
LINGER = 0.15  # the database asks at most ten times a second: what comes right after a wake-up asked nobody
GATHER = 0.005  # a moment for answers that come together to be recorded together
LANDING = 0.2  # how long to wait for an answer before looking for more to send
RECORD_TRIES = 8

_turn = threading.Lock()
_asked = threading.Event()


class Claimed(BaseModel, extra="ignore"):
    """One message to send, as `worker.claim_messages` hands it out."""

    message_id: int
    org_id: str
    account_id: str
    phone_number_id: str
    payload: dict[str, object]


class Claim(BaseModel, extra="ignore"):
    """What one claim gave: messages under one lease, and when to ask again."""

    lease: str
    messages: list[Claimed]
    tokens: dict[str, str]
    wait_ms: int | None = None
    signals: bool = False


@dataclass
class Counts:
    """What a run did."""

    claimed: int = 0
    accepted: int = 0
    other: int = 0
    more: bool = False

    def as_answer(self) -> dict[str, object]:
        """Give the job's answer."""
        return {"claimed": self.claimed, "accepted": self.accepted, "other": self.other, "more": self.more}


@dataclass
class _Flight:
    lease: str
    message: Claimed


def run(database: Database, http: httpx.Client, settings: Settings) -> dict[str, object]:
    """Send until nothing is due or the job's time is up; `more` then asks for a continuation.

    One dispatcher a process: a wake-up that comes while it runs makes it look again before it ends.
    """
    counts = Counts()
    _asked.set()
    while _asked.is_set() and _turn.acquire(blocking=False):
        try:
            _asked.clear()
            _Dispatcher(database, Graph(http, settings), settings, counts).drain()
        finally:
            _turn.release()
    return counts.as_answer()


@dataclass
class _Dispatcher:
    database: Database
    graph: Graph
    settings: Settings
    counts: Counts
    in_air: dict[Future[dict[str, object]], _Flight] = field(default_factory=dict)
    signalling: Future[None] | None = None

    def drain(self) -> None:
        """Claim and send until the outbox has nothing due, or the time is up."""
        room = self.settings.flow_send_concurrency
        with ThreadPoolExecutor(room + 1, thread_name_prefix="send") as pool:
            try:
                self._fill(pool, room)
            finally:  # what is in the air is reported also when nothing more can be claimed
                while self.in_air:
                    self._land(LANDING)

    def _fill(self, pool: ThreadPoolExecutor, room: int) -> None:
        """Keep `room` calls in the air as long as messages are due."""
        deadline = time.monotonic() + self.settings.flow_job_seconds
        is_last_look = False
        while True:
            next_in: float | None = None
            if len(self.in_air) < room and time.monotonic() < deadline:
                claim = self._claim(room - len(self.in_air))
                self._launch(pool, claim)
                if claim.signals and (self.signalling is None or self.signalling.done()):
                    signals = Signals(self.database, self.graph)
                    self.signalling = pool.submit(carried(signals.drain), deadline)
                next_in = None if claim.wait_ms is None else claim.wait_ms / 1000
                if claim.messages:
                    is_last_look = False
                if not self.in_air:
                    if next_in is None or next_in > PATIENCE:
                        if is_last_look:
                            return
                        is_last_look, next_in = True, LINGER
                    if time.monotonic() + next_in < deadline:
                        time.sleep(max(next_in, GATHER))
                        continue
            if not self.in_air:
                self.counts.more = True
                return
            self._land(min(next_in or LANDING, LANDING))

    def _claim(self, batch: int) -> Claim:
        answer = self.database.rpc(
            "claim_messages",
            batch=batch,
            lease_seconds=LEASE_SECONDS,
            uncertain_after_seconds=self.settings.flow_uncertain_after_seconds,
        )
        return Claim.model_validate(answer)

    def _launch(self, pool: ThreadPoolExecutor, claim: Claim) -> None:
        claimed_at = time.monotonic()
        self.counts.claimed += len(claim.messages)
        for message in claim.messages:
            token = claim.tokens[message.account_id]
            future = pool.submit(carried(self._send), message, token, claimed_at)
            self.in_air[future] = _Flight(claim.lease, message)

    def _send(self, message: Claimed, token: str, claimed_at: float) -> dict[str, object]:
        if time.monotonic() - claimed_at > START_WITHIN:
            return {"outcome": "released"}
        try:
            sent = on_behalf(
                message.org_id, self.graph.send_message, message.phone_number_id, token, message.payload
            )
            return {**sent.as_result()}
        except FlowError as error:  # refused here, before anything left
            log.error("not sent", detail=error.detail)  # noqa: TRY400
            return {"outcome": "not_sent"}
        except Exception:  # one message must not take the answers of its neighbours with it
            log.exception("sending failed in an unforeseen way")
            return {"outcome": "unknown"}

    def _land(self, timeout: float) -> None:
        """Wait for answers and record them, lease by lease."""
        done, _ = wait(self.in_air, timeout, FIRST_COMPLETED)
        if done and len(done) < len(self.in_air):
            done, _ = wait(self.in_air, GATHER)
        landed: dict[str, list[dict[str, object]]] = defaultdict(list)
        for future in done:
            flight = self.in_air.pop(future)
            result = {
                "org_id": flight.message.org_id,
                "message_id": flight.message.message_id,
                **future.result(),
            }
            landed[flight.lease].append(result)
            accepted = result["outcome"] == "accepted"
            self.counts.accepted += accepted
            self.counts.other += not accepted
        for lease, results in landed.items():
            self._record(lease, results)

    def _record(self, lease: str, results: list[dict[str, object]]) -> None:
        """Report to the database, again if it cannot be reached: a lost report is an uncertain message."""
        for attempt in range(RECORD_TRIES):
            try:
                self.database.rpc(
                    "record_results",
                    lease=lease,
                    results=results,
                    uncertain_after_seconds=self.settings.flow_uncertain_after_seconds,
                )
            except Unavailable as error:
                log.warning("results not recorded yet", attempt=attempt, detail=error.detail)
                time.sleep(min(0.2 * 2**attempt, 5))
            except FlowError:
                if len(results) == 1:
                    log.exception("result refused")
                    break
                for result in results:  # one of them is at fault: the others are recorded without it
                    self._record(lease, [result])
                return
            else:
                return
        log.error("results not recorded; the leases will run out")
