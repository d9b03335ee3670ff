"""What pg_cron and pg_net do on a hosted project, for the embedded stack only: run jobs, send requests.

python -m workers.local.scheduler, with FLOW_SCHEDULER_DSN: a superuser's connection string.
"""

import contextlib
import json
import os
import signal
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import psycopg
from psycopg import sql
from psycopg_pool import ConnectionPool

from workers.local.cron import is_due, is_in_seconds

Connection = psycopg.Connection[tuple[object, ...]]
Request = tuple[int, str, str, dict[str, str] | None, bytes | None, int]

TAKE = """
    delete from net.http_request_queue where id in (
      select id from net.http_request_queue order by id limit 200 for update skip locked)
    returning id, method, url, headers, body, timeout_milliseconds"""
FORGET = """
    delete from net._http_response where created < now() - interval '6 hours';
    delete from cron.job_run_details where end_time < now() - interval '1 day'"""
ANSWERED = """
    insert into net._http_response (id, status_code, content_type, headers, content, timed_out, error_msg)
    values (%s, %s, %s, %s, %s, %s, %s)"""
STARTED = """
    insert into cron.job_run_details (jobid, job_pid, database, username, command, status, start_time)
    values (%s, pg_backend_pid(), %s, %s, %s, 'running', now()) returning runid"""
ENDED = """
    update cron.job_run_details set status = %s, return_message = %s, end_time = clock_timestamp()
     where runid = %s"""


def log(sentence: str) -> None:
    """Write one line of the log."""
    print(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {sentence}", flush=True)


class Scheduler:
    """Two loops, each with a connection of its own that comes back after a restart of Postgres."""

    def __init__(self, dsn: str) -> None:
        self.dsn, self.stopping = dsn, threading.Event()
        self.senders = ThreadPoolExecutor(16, thread_name_prefix="net")
        self.runners = ThreadPoolExecutor(8, thread_name_prefix="cron")
        self.answers = ConnectionPool(
            dsn, min_size=1, max_size=4, open=True, kwargs={"autocommit": True}, reconnect_timeout=3600
        )
        self.last: dict[int, datetime] = {}
        self.running: set[int] = set()
        loops = (self._net, self._cron)
        self.threads = [threading.Thread(target=self._forever, args=(loop,), daemon=True) for loop in loops]

    def start(self) -> None:
        """Begin both loops."""
        for thread in self.threads:
            thread.start()

    def close(self) -> None:
        """End both loops; what is being sent or run may finish."""
        self.stopping.set()
        for thread in self.threads:
            thread.join(3)
        self.senders.shutdown(wait=True, cancel_futures=True)
        self.runners.shutdown(wait=True, cancel_futures=True)
        self.answers.close()

    def _forever(self, loop: Callable[[Connection], None]) -> None:
        while not self.stopping.is_set():
            try:
                with psycopg.connect(
                    self.dsn, autocommit=True, application_name="flow scheduler"
                ) as connection:
                    loop(connection)
            except psycopg.Error as error:  # Postgres is starting again
                log(f"{loop.__name__[1:]}: {str(error).strip()}")
                self.stopping.wait(0.5)

    # net: a row is visible, and NOTIFY arrives, only after the caller's commit. At most once, as pg_net.

    def _net(self, connection: Connection) -> None:
        connection.execute("listen flow_net")
        tidied = time.monotonic()
        while not self.stopping.is_set():
            rows: list[Request] = connection.execute(TAKE).fetchall()  # type: ignore[assignment]
            for row in sorted(rows):
                self.senders.submit(self._send, row)
            if time.monotonic() - tidied > 60:
                tidied = time.monotonic()
                connection.execute(FORGET)
            if not rows:
                for _ in connection.notifies(timeout=1, stop_after=1):  # also those that came meanwhile
                    pass

    def _send(self, request: Request) -> None:
        number, method, url, headers, body, milliseconds = request
        status: int | None = None
        kind = text = fault = None
        received: dict[str, str] = {}
        try:
            data = bytes(body) if body is not None else None
            call = urllib.request.Request(url, data=data, headers=headers or {}, method=method)  # noqa: S310
            try:
                response = urllib.request.urlopen(call, timeout=milliseconds / 1000)  # noqa: S310 (checked in SQL)
            except urllib.error.HTTPError as error:
                response = error
            with response:
                status, received = response.status, dict(response.headers)
                text = response.read().decode("utf-8", "replace").replace("\0", "")
                kind = response.headers.get("content-type")
        except Exception as error:  # noqa: BLE001 (whatever went wrong is the request's recorded outcome)
            fault = str(error)
        late = "timed out" in (fault or "").lower()
        with contextlib.suppress(psycopg.Error), self.answers.connection() as connection:
            connection.execute(ANSWERED, (number, status, kind, json.dumps(received), text, late, fault))

    # cron: one look a second; a job never overlaps itself, runs as its owner, and catches up on nothing.

    def _cron(self, connection: Connection) -> None:
        minute = datetime.now(UTC).replace(second=0, microsecond=0)
        jobs = "select jobid, schedule, command, username, database from cron.job where active"
        while not self.stopping.wait(1 - time.time() % 1):
            now = datetime.now(UTC)
            is_new_minute = now.replace(second=0, microsecond=0) > minute
            minute = now.replace(second=0, microsecond=0)
            for job, schedule, command, user, database in connection.execute(jobs).fetchall():
                assert isinstance(job, int)  # noqa: S101 (for the type checker)
                in_seconds = is_in_seconds(str(schedule))
                last = self.last.setdefault(job, now) if in_seconds else None
                if (
                    job in self.running
                    or not (in_seconds or is_new_minute)
                    or not is_due(str(schedule), now, last)
                ):
                    continue
                self.last[job] = now
                self.running.add(job)
                self.runners.submit(self._run, job, str(command), str(user), str(database))

    def _run(self, job: int, command: str, user: str, database: str) -> None:
        try:
            with psycopg.connect(self.dsn, autocommit=True, application_name="pg_cron") as connection:
                run = connection.execute(STARTED, (job, database, user, command)).fetchone()
                connection.execute(sql.SQL("set session authorization {}").format(sql.Identifier(user)))
                try:
                    outcome, note = "succeeded", connection.execute(command.encode()).statusmessage
                except psycopg.Error as error:
                    outcome, note = "failed", str(error)
                connection.execute("reset session authorization")
                connection.execute(ENDED, (outcome, note, run and run[0]))
        except psycopg.Error as error:
            log(f"cron job {job}: {str(error).strip()}")
        finally:
            self.running.discard(job)


def main() -> int:
    """Run until SIGTERM."""
    scheduler, told = Scheduler(os.environ["FLOW_SCHEDULER_DSN"]), threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: told.set())
    scheduler.start()
    print("Ready", flush=True)
    told.wait()
    scheduler.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
