"""One call of a payment supplier's API: time-outs, patience when it asks for it, and what went wrong, typed.

The key travels in the Authorization header only. A write without an answer is *unknown*, never simply
failed: suppliers have been seen to time out after they did what was asked.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from workers.billing.provider import (
    PaymentBusy,
    PaymentError,
    PaymentRefused,
    PaymentUnknown,
    PaymentUnreachable,
)
from workers.retry_after import retry_after

M = TypeVar("M", bound=BaseModel)

TIMEOUT: Final = httpx.Timeout(15, connect=5)
_PAUSES: Final = (0.4, 1.2)
"""Seconds, about, before the second and the third try of a call that was answered with 429."""
_LONGEST_WAIT: Final = 3600
# Raised before a byte of the request left.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


class Caller:
    """Calls one supplier at its address with its key."""

    def __init__(
        self, provider: str, http: httpx.Client, base: str, auth: httpx.Auth, headers: Mapping[str, str]
    ) -> None:
        self._provider = provider
        self._http, self._base, self._auth, self._headers = http, base, auth, dict(headers)

    def get(self, path: str, model: type[M], **params: str | int) -> M:
        """Read; raises PaymentError."""
        answer = self._call("GET", path, params={name: str(value) for name, value in params.items()})
        return _as(model, answer, is_write=False)

    def post(self, path: str, model: type[M], *, headers: Mapping[str, str] | None = None, **body: Any) -> M:
        """Write, with `json` or `data`; raises PaymentError."""
        return _as(model, self._call("POST", path, headers=headers, **body), is_write=True)

    def delete(self, path: str, model: type[M]) -> M:
        """Remove; raises PaymentError."""
        return _as(model, self._call("DELETE", path), is_write=True)

    def _call(self, method: str, path: str, headers: Mapping[str, str] | None = None, **given: Any) -> object:
        for attempt, pause in enumerate((*_PAUSES, None), 1):
            given["extensions"] = {"provider": self._provider, "attempt": attempt}
            try:
                return self._once(method, path, self._headers | dict(headers or {}), given)
            except PaymentBusy as busy:
                if pause is None or busy.seconds > pause * 2:
                    raise
                time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 (no secret)
        raise AssertionError

    def _once(self, method: str, path: str, headers: dict[str, str], given: dict[str, Any]) -> object:
        is_write = method != "GET"
        try:
            response = self._http.request(
                method, self._base + path, headers=headers, auth=self._auth, timeout=TIMEOUT, **given
            )
        except _NOT_SENT as error:
            raise PaymentUnreachable from error
        except httpx.HTTPError as error:
            raise _silent(is_write=is_write) from error
        answer = _json(response)
        if response.is_success and answer is not None:
            return answer
        raise _problem(response, answer, is_write=is_write)


def _silent(*, is_write: bool) -> PaymentError:
    return PaymentUnknown() if is_write else PaymentUnreachable()


def _problem(response: httpx.Response, answer: object, *, is_write: bool) -> PaymentError:
    status = response.status_code
    error = answer.get("error") if isinstance(answer, dict) else None
    error = error if isinstance(error, dict) else {}
    if status == 429:
        return PaymentBusy(retry_after(response, _LONGEST_WAIT) or 0)
    if status in (401, 403):
        return PaymentUnreachable("The payment supplier refuses Flow's key.", detail="payment_key_refused")
    code = str(error.get("code") or error.get("type") or "")
    # 409: the same refund is just being made. The two codes say that somebody behind the supplier failed.
    if not 400 <= status < 500 or status == 409 or code in ("GATEWAY_ERROR", "SERVER_ERROR") or not error:
        return _silent(is_write=is_write)
    return PaymentRefused(str(error.get("description") or error.get("message") or "no reason"), code or None)


def _json(response: httpx.Response) -> object:
    try:
        answer: object = response.json(parse_float=Decimal)
    except (ValueError, RecursionError):
        return None
    return answer


def _as(model: type[M], answer: object, *, is_write: bool) -> M:
    try:
        return model.model_validate(answer)
    except ValidationError as error:
        raise _silent(is_write=is_write) from error
