"""The side of the job that starts the reading child, feeds it, and ends it when it takes too long."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Generator
from pathlib import Path
from typing import IO, Any

from workers.sheets.child import SECONDS, TOO_MUCH

_HOME = Path(__file__).parents[2]
_PASSED_ON = ("PATH", "SYSTEMROOT", "LD_LIBRARY_PATH", "VIRTUAL_ENV")  # no settings, no keys


class NotRead(Exception):  # noqa: N818 (read as a sentence)
    """The file could not be read, in words, with a slug."""

    def __init__(self, slug: str, words: str) -> None:
        super().__init__(words)
        self.slug, self.words = slug, words


def lines(told: dict[str, Any], seconds: float = SECONDS) -> Generator[dict[str, Any], None, None]:
    """Give what a child says about a file, line by line. Raises NotRead when it cannot be read.

    The time is that between two lines: while the caller stores one batch the child may wait.
    """
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    with subprocess.Popen(
        [sys.executable, "-m", "workers.sheets.child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # a traceback may hold cells
        cwd=_HOME,
        env=environment,
    ) as child:
        try:
            assert child.stdin  # noqa: S101 (a pipe, as asked for)
            assert child.stdout  # noqa: S101
            with contextlib.suppress(BrokenPipeError):
                child.stdin.write(json.dumps(told).encode() + b"\n")
                child.stdin.close()
            is_over = False
            while line := _line(child, child.stdout, seconds):
                answer: dict[str, Any] = json.loads(line)
                if error := answer.get("unreadable"):
                    raise NotRead(error["slug"], error["words"])
                is_over = "reading" in answer or "done" in answer
                yield answer
            if not is_over:
                raise _broken_off(child.wait())
        finally:
            child.kill()


def _line(child: subprocess.Popen[bytes], pipe: IO[bytes], seconds: float) -> bytes:
    """Read one line; a child that says none in time is ended, which ends its lines."""
    clock = threading.Timer(seconds, child.kill)
    clock.start()
    try:
        line = pipe.readline()
    finally:
        clock.cancel()
    return line if line.endswith(b"\n") else b""


def _broken_off(status: int) -> NotRead:
    if -status in (9, 24):  # killed by the clock, or by the limit of its processor time
        return NotRead(
            "too_slow", "Reading the file takes longer than a minute: split it into several files."
        )
    if -status in (6, 11) or status == 1:  # aborted, or no memory left for words
        return NotRead("too_much_memory", TOO_MUCH)
    return NotRead("broken_file", "The file cannot be read: save it anew as XLSX or CSV.")
