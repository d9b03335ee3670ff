"""What can go wrong, who can put it right, and how it is told.

* FlowError                 a fault of ours: HTTP 500
  + SettingsError           the operator, by changing a setting
  + Refused                 the caller: the database, or a border, said no, and says why (HTTP 4xx)
  + Unavailable             nobody here: the database or its gateway cannot answer now (HTTP 503)
    + Busy                  others needed the same rows: the call was undone whole
  + ProviderError           nobody here: Meta, IndiaMART, … failed or could not be reached (HTTP 502)
    + GraphError            (workers.meta.graph) Meta answered with an error object

A message is for people, `detail` is the slug that code matches on; over HTTP they travel as a problem
document (RFC 9457) with the keys `message`, `detail` and, where there is a time to try again, `retry_at`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus

import structlog
from flask import Flask, Response, current_app, g, json
from postgrest.exceptions import APIError
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

log = structlog.stdlib.get_logger(__name__)

LISTENERS = "flow_errors"
"""Where an app keeps who is told of unforeseen errors."""

_OWN_CODE = re.compile(r"PT([1-5][0-9]{2})")
_RETRY_AT = re.compile(r"retry_at=(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?Z)")
# Classes of SQLSTATE that say «not now» rather than «no».
_NOT_NOW = ("08", "53", "55", "57", "58")
# A conflict of serializable transactions, a deadlock, a lock that did not come free in time.
_BUSY = ("40001", "40P01", "55P03")


class FlowError(Exception):
    """Something went wrong inside Flow."""

    status = 500
    detail = "internal_error"

    def __init__(self, message: str | None = None, *, detail: str | None = None) -> None:
        self.message = message or (type(self).__doc__ or "").splitlines()[0]
        self.detail = detail or type(self).detail
        self.retry_at: str | None = None
        self.headers: Mapping[str, str] = {}
        """What the answer says besides."""
        super().__init__(self.message)


class SettingsError(FlowError):
    """Settings are missing or wrong."""

    detail = "settings"

    def __init__(self, problems: Sequence[str] | str) -> None:
        self.problems = [problems] if isinstance(problems, str) else list(problems)
        super().__init__("\n".join(self.problems))


class Refused(FlowError):  # noqa: N818 (read as a sentence)
    """The request was refused."""

    status = 400
    detail = "refused"

    def __init__(
        self,
        status: int = 400,
        message: str | None = None,
        detail: str | None = None,
        retry_at: str | None = None,
    ) -> None:
        super().__init__(message, detail=detail)
        self.status = status
        self.retry_at = retry_at


class Unavailable(FlowError):  # noqa: N818 (read as a sentence)
    """The database cannot be reached just now. Try again in a moment."""

    status = 503
    detail = "database_unavailable"

    def __init__(
        self, message: str | None = None, *, detail: str | None = None, is_brief: bool = False
    ) -> None:
        super().__init__(message, detail=detail)
        self.is_brief = is_brief
        """Whether the same call may well succeed at once: a dropped connection."""


class Busy(Unavailable):
    """The database was busy. Try again."""

    detail = "busy"


class ProviderError(FlowError):
    """A service outside Flow failed. Try again later."""

    status = 502
    detail = "provider_failed"


def from_api_error(error: APIError) -> FlowError:
    """Turn what PostgREST (or a gateway before it) answered into one of ours."""
    code = error.code or ""
    message = error.message or None
    if own := _OWN_CODE.fullmatch(code):
        return _own_refusal(int(own[1]), message, error)
    if code in _BUSY:
        return Busy()
    if len(code) == 5 and code[:2] in _NOT_NOW:
        return Unavailable(detail="timeout" if code == "57014" else None)
    if code in ("PGRST301", "PGRST302", "PGRST303"):
        return Refused(401, "Your session has ended. Sign in again.", "not_signed_in")
    if code in ("PGRST106", "PGRST202", "42883"):
        return Unavailable(
            "The database lacks a function that Flow calls. Run `flow migrate`.", detail="schema_outdated"
        )
    if code.startswith("PGRST"):
        return Unavailable()
    if code == "42501":
        return Refused(403, "You are not allowed to do this.", "not_allowed")
    if code == "23505":
        return Refused(409, "This exists already.", "already_exists")
    if code == "23503":
        return Refused(409, "Something that this refers to does not exist.", "missing_reference")
    if code[:2] in ("22", "23") and len(code) == 5:
        return Refused(400, message, "invalid_value")
    if code == "P0001":
        return Refused(400, message)
    if code in ("401", "403", ""):
        return Unavailable(
            "The database's gateway refused Flow's key. Check SUPABASE_URL and SUPABASE_SECRET_KEY.",
            detail="key_refused",
        )
    if code == "413":
        return Refused(413, "The request is too large for the database's gateway.", "too_large")
    if code.isdecimal() and len(code) == 3:
        return Unavailable(is_brief=code in ("502", "503", "504"))
    return FlowError("The database failed in a way Flow does not know.", detail=f"sqlstate_{code}")


def _own_refusal(status: int, message: str | None, error: APIError) -> FlowError:
    slug = error.details if isinstance(error.details, str) and error.details else None
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Unavailable(message, detail=slug)
    retry_at = _RETRY_AT.search(error.hint or "")
    return Refused(status, message, slug, retry_at[1] if retry_at else None)


def problem(
    status: int,
    message: str,
    detail: str,
    retry_at: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Give one problem document."""
    document: dict[str, str | int] = {
        "type": "about:blank",
        "title": _phrase(status),
        "status": status,
        "message": message,
        "detail": detail,
    }
    if retry_at:
        document["retry_at"] = retry_at
    if request_id := g.get("request_id"):
        document["request_id"] = request_id
    response = Response(json.dumps(document), status, content_type="application/problem+json")
    for name, value in (headers or {}).items():
        response.headers[name] = value
    if retry_at:
        response.headers["Retry-After"] = str(_seconds_until(retry_at))
    return response


def install_error_handlers(app: Flask) -> None:
    """Answer every error, Flow's, Werkzeug's and the unforeseen, with a problem document."""
    app.register_error_handler(FlowError, _answer_own)
    app.register_error_handler(HTTPException, _answer_http)
    app.register_error_handler(Exception, _answer_unforeseen)


def _answer_own(error: FlowError) -> Response:
    if type(error) in (FlowError, SettingsError):
        return _answer_unforeseen(error)
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        log.warning("request failed", detail=error.detail, error=error.message)
    return problem(error.status, error.message, error.detail, error.retry_at, error.headers)


def _answer_http(error: HTTPException) -> BaseResponse:
    status = error.code or 500
    if error.response is not None or status < HTTPStatus.BAD_REQUEST:  # a redirect is no error
        return error.get_response()
    message = _HTTP_SENTENCES.get(status) or error.description or _phrase(status)
    kept = {name: value for name, value in error.get_headers() if name in ("Allow", "Retry-After")}
    return problem(status, message, _phrase(status).lower().replace(" ", "_").replace("-", "_"), headers=kept)


def _answer_unforeseen(error: Exception) -> Response:
    log.error("unforeseen error", exc_info=error, error_type=type(error).__name__)
    for tell in current_app.extensions.get(LISTENERS, ()):
        tell(error)
    return problem(500, "Something went wrong inside Flow.", "internal_error")


_HTTP_SENTENCES = {
    400: "The request cannot be read.",
    404: "There is nothing at this address.",
    405: "This address does not take that method.",
    413: "The request is too large.",
    415: "The request is of a type that this address does not take.",
}


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


def _seconds_until(instant: str) -> int:
    return max(0, math.ceil((datetime.fromisoformat(instant) - datetime.now(UTC)).total_seconds()))
