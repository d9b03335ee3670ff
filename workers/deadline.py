"""A deadline for a whole request, also while headers drip in: httpx bounds each read by itself."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any


class Cut:
    """The socket of a request, to be cut from outside: a timeout for reading starts anew with each byte."""

    def __init__(self) -> None:
        self.is_late = False
        self._stream: Any = None
        self._lock = threading.Lock()

    def watch(self, event: str, info: dict[str, Any]) -> None:
        """Remember the connection, as httpcore tells of it."""
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            with self._lock:
                self._stream = info["return_value"]
                is_late = self.is_late
            if is_late:
                self.now()

    def now(self) -> None:
        """Cut."""
        with self._lock:
            self.is_late = True
            stream = self._stream
        given = stream.get_extra_info("socket") if stream else None
        if isinstance(given, socket.socket):
            with suppress(OSError):
                socket.socket.shutdown(given, socket.SHUT_RDWR)


@contextmanager
def cut_after(seconds: float) -> Iterator[Cut]:
    """Give what a request is traced with (`extensions={"trace": cut.watch}`): after so long it is cut off."""
    cut = Cut()
    timer = threading.Timer(seconds, cut.now)
    timer.daemon = True
    timer.start()
    try:
        yield cut
    finally:
        timer.cancel()
