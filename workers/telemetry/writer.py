"""The queue between a request and the tables: bounded, emptied in batches by a thread, never in the way.

* thread: a thread, made after the fork, writes every two seconds or 200 rows; what is left goes at the exit.
* inline: rows are written at the end of the request they are of, for hosts that freeze between requests;
  after a failure nobody waits again for half a minute.
* off: nothing is noted.

What does not fit, or is not taken in time, is dropped and counted; the next batch tells how much.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, Literal

import structlog

from workers.database import Database
from workers.settings import Settings
from workers.telemetry import errors, metrics, trace
from workers.telemetry.agents import finish_request

log = structlog.stdlib.get_logger(__name__)

Kind = Literal["requests", "calls", "jobs", "errors"]
Row = dict[str, object]

ROOM: Final = 1000
BATCH: Final = 200
EVERY: Final = 2.0
PATIENCE: Final = 0.5
"""Seconds that a batch may take."""
REST: Final = 30.0
"""Seconds without a try after one that failed, where a request would have to wait for it."""
_FINISH: Final[dict[str, Callable[[Row], Row]]] = {"requests": finish_request}
"""What is left to do to a row, off the request's path."""


class Telemetry:
    """Takes rows from any thread and writes them. Nothing that it does raises."""

    def __init__(self, settings: Settings, database: Database | None = None) -> None:
        # A host that only serves pages may have no key to the database: it writes nothing.
        can_write = database is not None or (settings.supabase_url and settings.supabase_secret_key)
        self.mode = settings.flow_telemetry if can_write else "off"
        self._release = settings.release
        self._settings, self._database = settings, database
        self._lock = threading.Lock()
        self._forget()

    def _forget(self) -> None:
        self._rows: deque[tuple[Kind, Row]] = deque()
        self._wake = threading.Event()
        self._process = 0
        self._untold = 0
        self._rests_until = 0.0

    def note(self, kind: Kind, row: Row) -> None:
        """Take one row: when, in which request and trace, and which release is added."""
        if self.mode == "off":
            return
        if (work := trace.work()) is not None:
            row = {"request_id": work.request_id, "trace_id": work.trace_id, **row}
        row = {"occurred_at": datetime.now(UTC).isoformat(), "release": self._release, **row}
        with self._lock:
            if self._process != os.getpid() and not self._start():
                self._drop(1)
                return
            if len(self._rows) >= ROOM:
                self._drop(1)
                return
            self._rows.append((kind, row))
            if len(self._rows) >= BATCH:
                self._wake.set()

    def note_error(self, error: BaseException) -> None:
        """Take an error that nobody foresaw."""
        try:
            row = errors.row_of(error)
        except Exception:  # noqa: BLE001 (an error whose own words fail)
            row = {"type": type(error).__name__, "message": ""}
        self.note("errors", row)

    def end_request(self) -> None:
        """Write what the request noted, where no thread does."""
        if self.mode != "inline":
            return
        if time.monotonic() < self._rests_until:
            with self._lock:
                self._drop(len(self._rows))
                self._rows.clear()
        elif not self.flush():
            self._rests_until = time.monotonic() + REST

    def flush(self) -> bool:
        """Write all there is; True when it was taken. What comes behind a batch that failed is dropped."""
        while rows := self._next():
            if not self._write(rows):
                with self._lock:
                    self._drop(len(self._rows))
                    self._rows.clear()
                return False
        return True

    def _start(self) -> bool:
        """Begin in this process: after a fork, with a queue and a thread of its own; False when it cannot."""
        self._forget()
        try:
            if self.mode == "thread":
                threading.Thread(target=self._run, name="telemetry", daemon=True).start()
            atexit.register(self.flush)
        except RuntimeError:  # no thread can be had, or the process is ending
            return False
        self._process = os.getpid()
        return True

    def _run(self) -> None:
        while True:
            self._wake.wait(EVERY)
            self._wake.clear()
            rows = self._next()
            while rows and (self._write(rows) and len(self._rows) >= BATCH):
                rows = self._next()

    def _next(self) -> list[tuple[Kind, Row]]:
        with self._lock:
            return [self._rows.popleft() for _ in range(min(BATCH, len(self._rows)))]

    def _write(self, rows: list[tuple[Kind, Row]]) -> bool:
        untold, batch = self._untold, dict[str, object]()
        try:
            for kind, row in rows:
                finish = _FINISH.get(kind)
                listed = batch.setdefault(kind, [])
                assert isinstance(listed, list)  # noqa: S101 (for the types)
                listed.append(finish(row) if finish else row)
            answer = self._connected().rpc("record_telemetry", rows={**batch, "dropped": untold})
        except Exception as error:  # noqa: BLE001 (whatever it is, the work goes on)
            with self._lock:
                self._drop(len(rows))
            log.warning("telemetry dropped", rows=len(rows), error_type=type(error).__name__)
            return False
        with self._lock:
            self._untold -= untold
        if refused := answer.get("refused"):
            log.warning("telemetry refused", rows=refused)
        return True

    def _connected(self) -> Database:
        """Give the functions of the database over a small pool of their own, with little patience."""
        if self._database is None:
            self._database = Database(self._settings, seconds=PATIENCE, connections=2)
        return self._database

    def _drop(self, rows: int) -> None:
        self._untold += rows
        metrics.dropped(rows)
