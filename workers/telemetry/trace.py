"""Whose work is going on: the trace (W3C), the request, the person; and how long it waited for others.

It stands in a context variable. Threads do not inherit that: `carried` takes it along.
"""

from __future__ import annotations

import contextvars
import re
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")

_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


@dataclass(slots=True)
class Work:
    """One request: whose it is, as far as its own rights decided that, and what it waited for."""

    request_id: str
    trace_id: str
    org_id: str | None = None
    user_id: str | None = None
    db_ms: float = 0
    db_calls: int = 0
    upstream_ms: float = 0

    @property
    def traceparent(self) -> str:
        """The header that takes the trace on, with a new span."""
        return f"00-{self.trace_id}-{secrets.token_hex(8)}-01"


_work: contextvars.ContextVar[Work | None] = contextvars.ContextVar("work", default=None)
_org: contextvars.ContextVar[str | None] = contextvars.ContextVar("org", default=None)


def begin(request_id: str, traceparent: str = "") -> Work:
    """Begin a request's work, in the trace that the caller is in, or in a new one."""
    given = _TRACEPARENT.fullmatch(traceparent)
    work = Work(request_id, given[1] if given else secrets.token_hex(16))
    _work.set(work)
    _org.set(None)
    return work


def work() -> Work | None:
    """Give the work that is going on; None outside of any."""
    return _work.get()


def organization() -> str | None:
    """Give the organization that a call is made for, where it is known."""
    now = _work.get()
    return _org.get() or (now.org_id if now else None)


def on_behalf(org_id: str | None, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call a function whose calls out of Flow are made for this organization."""
    before = _org.set(org_id)
    try:
        return function(*args, **kwargs)
    finally:
        _org.reset(before)


def carried(function: Callable[P, R]) -> Callable[P, R]:
    """Give the function as one that, in another thread, does this thread's work."""
    context = contextvars.copy_context()

    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        return context.copy().run(function, *args, **kwargs)

    return run


@contextmanager
def asking_database() -> Iterator[None]:
    """Count one call to the database, and the time it takes."""
    now = _work.get()
    began = time.perf_counter()
    try:
        yield
    finally:
        if now is not None:
            now.db_calls += 1
            now.db_ms += (time.perf_counter() - began) * 1000
