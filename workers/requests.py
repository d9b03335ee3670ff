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

log = structlog.stdlib.get_logger("workers.requests")

_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
_PROBES = frozenset({"health.healthz", "health.readyz"})
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
    bind_contextvars(request_id=g.request_id)


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
    log.info(
        "request",
        method=request.method,
        route=request.url_rule.rule if request.url_rule else None,
        status=response.status_code,
        ms=round((time.perf_counter() - g.began) * 1000, 1),
    )
    return response
