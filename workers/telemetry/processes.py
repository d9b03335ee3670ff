"""What gunicorn calls as its processes come and go: joins what they measure for Prometheus."""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import Protocol

_DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"  # prometheus-client reads it itself


class Worker(Protocol):
    """The part of gunicorn's worker that is used here."""

    pid: int


def on_starting(_server: object) -> None:
    """Before the first process begins: an empty folder for what they measure."""
    if given := os.environ.get(_DIRECTORY):
        shutil.rmtree(given, ignore_errors=True)
        os.makedirs(given, exist_ok=True)  # noqa: PTH103 (as it was given)
    else:
        os.environ[_DIRECTORY] = tempfile.mkdtemp(prefix="flow-metrics-")


def on_exit(_server: object) -> None:
    """After the last process: nothing is left of it."""
    shutil.rmtree(os.environ.get(_DIRECTORY, ""), ignore_errors=True)


def child_exit(_server: object, worker: Worker) -> None:
    """A process has gone: its gauges go, its counters stay."""
    from prometheus_client.multiprocess import mark_process_dead  # noqa: PLC0415 (after the folder is known)

    mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
