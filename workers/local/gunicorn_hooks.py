"""gunicorn's configuration in the embedded stack: its log tells the supervisor when it is ready."""

from typing import Protocol

control_socket_disable = True  # it would be one for all stacks of a person


class Worker(Protocol):
    """The part of gunicorn's worker that is used here."""

    pid: int


def post_worker_init(worker: Worker) -> None:
    """Answer gunicorn when a worker has loaded the application and is about to serve."""
    print(f"Ready: worker {worker.pid}", flush=True)
