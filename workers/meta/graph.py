"""Meta's Graph API: a small typed client. The access token travels in the Authorization header only."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from http import HTTPStatus
from typing import IO, Any, Literal
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from workers.errors import ProviderError
from workers.retry_after import retry_after
from workers.settings import Settings

_MOST_PAGES = 100
_TEXT = 1_000
_UPLOAD_TIMEOUT = httpx.Timeout(60, connect=5)  # for one step of it, not for the whole
# "Unsupported post request": the object exists, the way of asking does not.
_NOT_THIS_WAY = 33
# Raised before a byte of the request left: safe to send again.
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)


class GraphError(ProviderError):
    """Meta refused the call."""

    detail = "meta_refused"

    def __init__(self, problem: Problem, http_status: int, retry_after: int | None = None) -> None:
        self.code, self.subcode = problem.code, problem.subcode
        self.title, self.details = problem.title, problem.details
        self.http_status, self.retry_after = http_status, retry_after
        said = self.details or self.title or "without a reason"
        super().__init__(f"Meta refused the call: {said} (code {self.code})")


class Problem(BaseModel):
    """Meta's error object, with what Flow keeps of it."""

    model_config = ConfigDict(frozen=True)

    code: int | None = None
    subcode: int | None = None
    title: str | None = None
    details: str | None = None

    @classmethod
    def of(cls, answer: object) -> Problem | None:
        """Give the error of an answer, or None when the answer holds none."""
        error = answer.get("error") if isinstance(answer, dict) else None
        if not isinstance(error, dict):
            return None
        data = error.get("error_data")
        details = data.get("details") if isinstance(data, dict) else error.get("error_user_msg")
        return cls(
            code=_whole(error.get("code")),
            subcode=_whole(error.get("error_subcode")),
            title=_text(error.get("message") or error.get("error_user_title")),
            details=_text(details),
        )


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one send: Meta's answer, or how far the request came without one."""

    outcome: Literal["accepted", "error", "unknown", "not_sent"]
    wamid: str | None = None
    http_status: int | None = None
    code: int | None = None
    subcode: int | None = None
    title: str | None = None
    details: str | None = None
    retry_after: int | None = None

    def as_result(self) -> dict[str, str | int]:
        """Give what `worker.record_results` takes, without what is not known."""
        return {key: value for key, value in asdict(self).items() if value is not None}


class _Sent(BaseModel, extra="ignore"):
    id: str

    @field_validator("id")
    @classmethod
    def _is_something(cls, value: str) -> str:
        if not value:
            raise ValueError("empty")
        return value


class _Accepted(BaseModel, extra="ignore"):
    messages: list[_Sent]


_META = {"provider": "meta"}


class Graph:
    """Calls Meta at the address and version of the settings."""

    def __init__(self, http: httpx.Client, settings: Settings) -> None:
        self._http = http
        self._base = settings.graph_base

    def get(self, path: str, token: str, **params: str) -> dict[str, Any]:
        """Read; raises GraphError, or ProviderError when Meta cannot be reached or understood."""
        return self._call("GET", path, token, params=params)

    def get_exact(self, path: str, token: str, **params: str) -> dict[str, Any]:
        """Read as `get` does, with every number that is not whole as a Decimal of just its digits."""
        return self._call("GET", path, token, params=params, parse_float=Decimal)

    def post(self, path: str, token: str, json: Mapping[str, object] | None = None) -> dict[str, Any]:
        """Write; raises as `get`."""
        return self._call("POST", path, token, json=json or {})

    def upload(self, phone_number_id: str, token: str, file: IO[bytes], filename: str, mime_type: str) -> str:
        """Hand a file to Meta, streaming it, and give its id there; raises as `get`."""
        answer = self._call(
            "POST",
            f"{quote(phone_number_id, safe='')}/media",
            token,
            data={"messaging_product": "whatsapp", "type": mime_type},
            files={"file": (filename, file, mime_type)},
            timeout=_UPLOAD_TIMEOUT,
        )
        try:
            return _Sent.model_validate(answer).id
        except ValidationError:
            raise ProviderError(
                "Meta took the file, but gave no id. Try again later.", detail="meta_unreadable"
            ) from None

    def delete(self, path: str, token: str) -> dict[str, Any]:
        """Remove; raises as `get`."""
        return self._call("DELETE", path, token)

    def upload_sample(self, app_id: str, token: str, content: bytes, mime_type: str) -> str:
        """Upload a template's sample file in one go; gives its handle. Raises as `get`."""
        session = self._call(
            "POST",
            f"{app_id}/uploads",
            token,
            params={"file_length": str(len(content)), "file_type": mime_type, "file_name": "sample"},
        )
        place = session.get("id")
        if not isinstance(place, str) or not place.startswith("upload:"):
            raise ProviderError("Meta opened no upload. Try again later.", detail="meta_unreadable")
        url, query = place.partition("?")[::2]
        try:
            response = self._http.post(
                f"{self._base}/{quote(url, safe=':=')}" + (f"?{query}" if query else ""),
                content=content,
                headers={"Authorization": f"OAuth {token}", "file_offset": "0"},
                extensions=_META,
            )
        except httpx.HTTPError as error:
            raise ProviderError(
                "Meta could not be reached. Try again later.", detail="meta_unreachable"
            ) from error
        answer = _json(response)
        if problem := Problem.of(answer):
            raise GraphError(problem, response.status_code, retry_after(response))
        handle = answer.get("h") if isinstance(answer, dict) else None
        if not isinstance(handle, str) or not handle:
            raise ProviderError("Meta gave no handle. Try again later.", detail="meta_unreadable")
        return handle

    def exchange_code(self, code: str, app_id: str, app_secret: str) -> str:
        """Give the token that an Embedded Signup's code stands for, once; raises as `get`.

        Code and secret travel in the body, where no log of addresses finds them; in the address only if Meta
        says that it takes no POST, and then the code is still good.
        """
        path = "oauth/access_token"
        given = {"client_id": app_id, "client_secret": app_secret, "code": code}
        try:
            answer = self._request("POST", path, data={**given, "grant_type": "authorization_code"})
        except GraphError as error:
            if error.subcode != _NOT_THIS_WAY:
                raise
            answer = self._request("GET", path, params=given)
        token = answer.get("access_token")
        if not isinstance(token, str) or not _is_header(token):
            raise ProviderError("Meta gave no access token for the code.", detail="meta_unreadable")
        return token

    def pages(self, path: str, token: str, **params: str) -> Iterator[dict[str, Any]]:
        """Read a list, following its cursors (never its ready-made links)."""
        after: str | None = None
        for _ in range(_MOST_PAGES):
            answer = self.get(path, token, **params, **({"after": after} if after else {}))
            items = answer.get("data")
            yield from (item for item in items if isinstance(item, dict)) if isinstance(items, list) else ()
            paging = answer.get("paging")
            paging = paging if isinstance(paging, dict) else {}
            cursors = paging.get("cursors")
            before, after = after, cursors.get("after") if isinstance(cursors, dict) else None
            if not paging.get("next") or not isinstance(after, str) or after == before:
                return

    def send_message(self, phone_number_id: str, token: str, payload: Mapping[str, object]) -> Outcome:
        """Send one message; never raises. Meta knows no idempotency key: never send an `unknown` again."""
        if not _is_header(token):
            return Outcome("error", code=190, title="The access token is unreadable")
        url = f"{self._base}/{quote(phone_number_id, safe='')}/messages"
        try:
            response = self._http.post(
                url,
                json=payload,
                headers=_bearer(token),
                # For the log of calls: by it the trace of a message finds the call.
                extensions={**_META, "idempotency_key": payload.get("biz_opaque_callback_data")},
            )
        except _NOT_SENT as error:
            return Outcome("not_sent", title=type(error).__name__)
        except httpx.HTTPError as error:
            return Outcome("unknown", title=type(error).__name__)
        return _outcome(response)

    def _call(
        self,
        method: str,
        path: str,
        token: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Mapping[str, object] | None = None,
        **form: Any,
    ) -> dict[str, Any]:
        if not _is_header(token):
            raise GraphError(Problem(code=190, title="The access token is unreadable"), 401)
        return self._request(method, path, params=params, json=json, headers=_bearer(token), **form)

    def _request(
        self, method: str, path: str, *, parse_float: Callable[[str], Any] | None = None, **given: Any
    ) -> dict[str, Any]:
        try:
            response = self._http.request(method, f"{self._base}/{path}", extensions=_META, **given)
        except httpx.HTTPError as error:
            raise ProviderError(
                "Meta could not be reached. Try again later.", detail="meta_unreachable"
            ) from error
        answer = _json(response, parse_float)
        if problem := Problem.of(answer):
            raise GraphError(problem, response.status_code, retry_after(response))
        if not response.is_success or not isinstance(answer, dict):
            raise ProviderError(
                f"Meta answered something unreadable (HTTP {response.status_code}). Try again later.",
                detail="meta_unreadable",
            )
        return answer


def _outcome(response: httpx.Response) -> Outcome:
    status, answer = response.status_code, _json(response)
    if problem := Problem.of(answer):
        return Outcome("error", http_status=status, retry_after=retry_after(response), **problem.model_dump())
    if response.is_success:
        try:
            wamid = _Accepted.model_validate(answer).messages[0].id
        except (ValidationError, IndexError):
            return Outcome("unknown", http_status=status, title="No message id in Meta's answer")
        return Outcome("accepted", wamid=wamid, http_status=status)
    if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return Outcome(
            "error", http_status=status, retry_after=retry_after(response), title="No error object"
        )
    return Outcome("unknown", http_status=status, title="No error object")


def _json(response: httpx.Response, parse_float: Callable[[str], Any] | None = None) -> object:
    try:
        answer: object = response.json(parse_float=parse_float)
    except (ValueError, RecursionError):
        return None
    return answer


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _is_header(token: str) -> bool:
    return bool(token) and all("!" <= letter <= "~" for letter in token)


def _whole(value: object) -> int | None:
    try:
        return int(value) if isinstance(value, int | str) else None
    except ValueError:
        return None


def _text(value: object) -> str | None:
    if not isinstance(value, str) or not value:
        return None
    # A lone surrogate or a NUL would make Postgres refuse the whole batch of results.
    return value.encode("utf-8", "replace").decode().replace("\0", "")[:_TEXT]
