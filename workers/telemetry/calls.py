"""The API sync log: each call to a provider, noted by the transport it goes through; and their webhooks.

No body is kept, and of a path only words that are in this file: whatever else stands in it becomes {id}. Of
an answer that is an error the code is read, on its way through, and the provider's id of the call. Whoever
calls a provider names it in the request's extensions, and where it counts its attempts, the attempt.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import httpx

from workers.telemetry import metrics, trace
from workers.telemetry.writer import Telemetry

_WORDS: Final = frozenset({
    # Meta
    "access_token", "attachments", "debug_token", "deregister", "me", "media", "message_templates",
    "messages", "oauth", "permissions", "phone_numbers", "register", "settings", "smb_app_data",
    "subscribed_apps", "uploads", "whatsapp_business",
    # IndiaMART
    "crm", "crmListing", "wservce",
    # Google
    "drive", "files", "spreadsheets", "token", "values",
    # Razorpay and Stripe
    "cancel", "checkout", "customers", "expire", "invoices", "items", "orders", "payment_links", "payments",
    "plans", "prices", "products", "refund", "refunds", "sessions", "subscriptions",
})  # fmt: skip
_VERSION: Final = re.compile(r"v[0-9]{1,3}(?:\.[0-9]{1,2})?")
_CODE: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9_.:/=+-]{1,200}")
_INDIAMART_CODE: Final = re.compile(r'"CODE"\s*:\s*"?([0-9]{3})')
_ID_HEADERS: Final = ("x-fb-trace-id", "request-id", "x-razorpay-request-id")
_READ: Final = 65_536
"""Bytes of an error that are looked at."""
_READ_OK: Final = 512
"""Bytes that are looked at of an answer whose body alone says whether it is an error."""


def template(path: str) -> str:
    """Give the template of a path: known words and versions as they are, all else as {id}."""
    parts = (part for part in path.split("/") if part)
    return "/" + "/".join(part if part in _WORDS or _VERSION.fullmatch(part) else "{id}" for part in parts)


class NotingTransport(httpx.BaseTransport):
    """Hands calls to another transport and notes those to providers."""

    def __init__(self, inner: httpx.BaseTransport, telemetry: Telemetry) -> None:
        self._inner, self._telemetry = inner, telemetry

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Make the call; raises as the transport does."""
        work, began = trace.work(), time.perf_counter()
        provider = request.extensions.get("provider")
        try:
            response = self._inner.handle_request(request)
        except httpx.TransportError as error:
            code = "timeout" if isinstance(error, httpx.TimeoutException) else "no_connection"
            self._note(provider, request, began, {"provider_code": code})
            raise
        finally:
            if work is not None:
                work.upstream_ms += (time.perf_counter() - began) * 1000
        self._read(provider, request, response, began)
        return response

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()

    def _read(
        self, provider: str | None, request: httpx.Request, response: httpx.Response, began: float
    ) -> None:
        took = time.perf_counter() - began
        ids = (response.headers.get(name, "") for name in _ID_HEADERS)
        row: dict[str, object] = {
            "status": response.status_code,
            "provider_request_id": next((given for given in ids if _REQUEST_ID.fullmatch(given)), None),
        }
        most = _READ if response.is_error else _READ_OK if provider == "indiamart" else 0
        if provider is None or not most:
            self._note(provider, request, began, row, took)
            return

        def done(body: bytes) -> None:
            self._note(provider, request, began, {**row, **_problem(provider, response, body)}, took)

        assert isinstance(response.stream, httpx.SyncByteStream)  # noqa: S101 (for the types)
        response.stream = _Overheard(response.stream, most, done)

    def _note(
        self,
        provider: str | None,
        request: httpx.Request,
        began: float,
        answer: dict[str, object],
        took: float | None = None,
    ) -> None:
        if provider is None:
            return
        took = time.perf_counter() - began if took is None else took
        endpoint = template(request.url.path)
        words = [part for part in endpoint.split("/") if part in _WORDS]
        key = request.headers.get("Idempotency-Key") or str(request.extensions.get("idempotency_key") or "")
        metrics.call(provider, answer.get("status"), answer.get("provider_code"))
        self._telemetry.note("calls", {
            "provider": provider,
            "operation": f"{request.method} {words[-1] if words else '{id}'}",
            "endpoint": endpoint,
            "duration_ms": round(took * 1000, 1),
            "attempt": request.extensions.get("attempt"),
            "idempotency_key": key if _REQUEST_ID.fullmatch(key) else None,
            "org_id": trace.organization(),
            **answer,
        })  # fmt: skip


class _Overheard(httpx.SyncByteStream):
    """A stream that passes through unchanged; at its end the first bytes of it are told."""

    def __init__(self, stream: httpx.SyncByteStream, most: int, done: Callable[[bytes], None]) -> None:
        self._stream, self._most, self._done = stream, most, done
        self._heard, self._is_open = bytearray(), True

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._stream:
            self._heard += chunk[: self._most - len(self._heard)]
            yield chunk

    def close(self) -> None:
        self._stream.close()
        if self._is_open:
            self._is_open = False
            self._done(bytes(self._heard))


def _problem(provider: str, response: httpx.Response, body: bytes) -> dict[str, object]:
    """Give what a provider's error object tells; {} where it is none."""
    try:
        read = httpx.Response(response.status_code, headers=response.headers, content=body)
        if provider == "indiamart":
            code = _INDIAMART_CODE.search(read.text)
            return {"provider_code": code[1]} if code and code[1][0] != "2" else {}
        answer: Any = read.json()
    except (httpx.HTTPError, ValueError, RecursionError):
        return {}
    error = answer.get("error") if isinstance(answer, dict) else None
    if not isinstance(error, dict):
        return {"provider_code": _coded(error)}
    told: dict[str, object] = {
        "provider_code": _coded(error.get("code") or error.get("type") or error.get("status")),
        "provider_subcode": _coded(
            error.get("error_subcode") or error.get("decline_code") or error.get("reason")
        ),
    }
    trace_id = error.get("fbtrace_id")
    if isinstance(trace_id, str) and _REQUEST_ID.fullmatch(trace_id):
        told["provider_request_id"] = trace_id
    return told


def _coded(value: object) -> str | None:
    text = str(value) if isinstance(value, str | int) else ""
    return text if _CODE.fullmatch(text) else None


def note_webhook(telemetry: Telemetry, provider: str, kind: str | None, sent_at: float | None) -> None:
    """Note a provider's webhook that was verified: its kind, and how long after its time it came."""
    lag = None if sent_at is None else max(0.0, time.time() - sent_at)
    metrics.webhook(provider, lag)
    telemetry.note("calls", {
        "direction": "in",
        "provider": provider,
        "operation": "webhook",
        "type": kind if kind and _CODE.fullmatch(kind) else None,
        "lag_ms": None if lag is None else round(lag * 1000),
    })  # fmt: skip
