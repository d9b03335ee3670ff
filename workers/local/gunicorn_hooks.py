"""gunicorn's configuration in the embedded stack: its log tells the supervisor when it is ready."""

from collections.abc import Callable
from typing import Protocol

control_socket_disable = True  # it would be one for all stacks of a person


class Worker(Protocol):
    """The part of gunicorn's worker that is used here."""

    pid: int
    wait_for_and_dispatch_events: Callable[[float], None]


def post_worker_init(worker: Worker) -> None:
    """Answer gunicorn when a worker has loaded the application and is about to serve."""
    wait = worker.wait_for_and_dispatch_events

    def wait_a_second_at_most(timeout: float) -> None:
        """Look again soon: while it stops, gunicorn would sit out its grace period over idle connections."""
        wait(min(timeout, 1.0))

    worker.wait_for_and_dispatch_events = wait_a_second_at_most
    print(f"Ready: worker {worker.pid}", flush=True)
