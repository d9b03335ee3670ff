"""What holds for every request: its id, TLS, the headers of its answer and its one line in the log."""

from __future__ import annotations

import re
import secrets
import time
import uuid

import structlog
from flask import Flask, Response, g, request
from structlog.contextvars import bind_contextvars, clear_contextvars

from workers.errors import Refused
from workers.logs import scrub_text
from workers.runtime import current
from workers.settings import is_loopback
from workers.telemetry import metrics, trace
from workers.telemetry.agents import LONGEST

log = structlog.stdlib.get_logger("workers.requests")

_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
_PROBES = frozenset({"health.healthz", "health.readyz"})
_UNNOTED = _PROBES | {"metrics.metrics"}
"""Asked by machines every few seconds: one row for each would tell nothing."""
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""What a method may be called in telemetry: anybody may send any word as one."""
_HSTS = "max-age=63072000; includeSubDomains"


def install(app: Flask) -> None:
    """Put what holds for every request into the app."""
    app.before_request(_begin)
    app.before_request(_refuse_plain_http)
    app.after_request(_finish)


def new_request_id() -> str:
    """Give a UUID of version 7: ids sort by time."""
    number = time.time_ns() // 1_000_000 << 80 | 7 << 76 | secrets.randbits(12) << 64
    return str(uuid.UUID(int=number | 2 << 62 | secrets.randbits(62)))


def _begin() -> None:
    g.began = time.perf_counter()
    clear_contextvars()
    given = request.headers.get("X-Request-ID", "")
    is_from_proxy = current().settings.flow_trusted_proxies > 0
    is_taken = is_from_proxy and _REQUEST_ID.fullmatch(given) and scrub_text(given) == given
    g.request_id = given if is_taken else new_request_id()
    work = trace.begin(g.request_id, request.headers.get("traceparent", ""))
    bind_contextvars(request_id=g.request_id, trace_id=work.trace_id)


def _is_local() -> bool:
    return is_loopback(request.remote_addr or "") and is_loopback(request.host)


def _refuse_plain_http() -> None:
    """Refuse what came without TLS from another machine; only the host's probes may, they learn nothing."""
    if request.endpoint in _PROBES or request.is_secure:
        return
    said = request.headers.get("X-Forwarded-Proto", "").split(",")[-1].strip().lower()
    if said == "http" or not _is_local():
        raise Refused(
            403,
            "Plain http is refused: use https. (Where TLS ends at a proxy, set FLOW_TRUSTED_PROXIES.)",
            "https_required",
        )


def _finish(response: Response) -> Response:
    headers = response.headers
    headers["X-Request-ID"] = g.request_id
    headers["X-Content-Type-Options"] = "nosniff"
    headers["X-Frame-Options"] = "DENY"
    headers["Referrer-Policy"] = "no-referrer"
    headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
    headers.setdefault("Cache-Control", "no-store")
    if request.is_secure and not is_loopback(request.host):
        headers["Strict-Transport-Security"] = _HSTS
    took = time.perf_counter() - g.began
    route = request.url_rule.rule if request.url_rule else None
    log.info(
        "request", method=request.method, route=route, status=response.status_code, ms=round(took * 1000, 1)
    )
    _note(response, route, took)
    return response


def _note(response: Response, route: str | None, took: float) -> None:
    """Note the request: how long it took and for whom; what it said stays with it."""
    work = trace.work()
    if work is None or request.endpoint in _UNNOTED:
        return
    method = request.method if request.method in _METHODS else "OTHER"
    metrics.request(route, method, response.status_code, took)
    if work.user_id:  # who has signed in may see what their page waits for
        waits = {"app": took * 1000, "db": work.db_ms, "meta": work.upstream_ms}
        response.headers["Server-Timing"] = ", ".join(f"{name};dur={ms:.1f}" for name, ms in waits.items())
    telemetry = current().telemetry
    telemetry.note("requests", {
        "method": method,
        "route": route,
        "status": response.status_code,
        "duration_ms": round(took * 1000, 1),
        "db_ms": round(work.db_ms, 1),
        "db_calls": work.db_calls,
        "upstream_ms": round(work.upstream_ms, 1),
        "bytes_out": response.calculate_content_length(),
        "org_id": work.org_id,
        "user_id": work.user_id,
        "user_agent": request.headers.get("User-Agent", "")[:LONGEST],
        "address": request.remote_addr or "",
    })  # fmt: skip
    telemetry.end_request()
