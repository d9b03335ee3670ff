"""gunicorn's configuration, wherever Flow runs: `gunicorn --config python:workers.gunicorn workers.wsgi:app`.

gunicorn itself reads PORT (0.0.0.0 then; else 127.0.0.1:8000) and WEB_CONCURRENCY (processes; else one).
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol

from workers.telemetry.processes import child_exit, on_exit, on_starting

__all__ = ["child_exit", "on_exit", "on_starting", "post_worker_init"]

worker_class = "gthread"
threads = 16  # a request waits for Postgres or Meta, hardly ever for the processor
timeout = 120  # longer than a job's FLOW_JOB_SECONDS and its last call together
graceful_timeout = 30  # what is under way ends; what does not is the database's to hand out again
keepalive = (
    75  # longer than the proxy before it keeps a connection, so that it never meets one that just closed
)
forwarded_allow_ips = ""  # FLOW_TRUSTED_PROXIES alone says whether X-Forwarded-… is believed
control_socket_disable = True  # it would be one for all stacks of a person
# gunicorn's heartbeat is kept in memory: a disk that stalls must not look like a dead worker.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108


class Worker(Protocol):
    """The part of gunicorn's worker that is used here."""

    pid: int
    alive: bool
    keepalived_conns: Iterable[Any]
    wait_for_and_dispatch_events: Callable[[float], None]


def post_worker_init(worker: Worker) -> None:
    """Answer gunicorn when a worker has loaded the application and is about to serve."""
    wait = worker.wait_for_and_dispatch_events

    def wait_a_second_at_most(timeout: float) -> None:
        """Look again soon; while stopping close what is idle, or gunicorn sits out its grace period."""
        if not worker.alive:
            for connection in worker.keepalived_conns:
                connection.timeout = 0.0  # is over: gunicorn closes it in its next round
        wait(min(timeout, 1.0 if worker.alive else 0.1))

    worker.wait_for_and_dispatch_events = wait_a_second_at_most
    print(f"Ready: worker {worker.pid}", flush=True)  # the embedded stack's supervisor reads it
