"""Google Sheets, read as Flow's service account: whose a file is, whether it changed, a tab's values.

Only GOOGLE_SHEETS_URL, GOOGLE_DRIVE_URL and GOOGLE_TOKEN_URL are ever called; a link that somebody pastes is
taken apart and never fetched. (developers.google.com: Sheets API v4, Drive API v3, OAuth 2.0)
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeVar
from urllib.parse import quote

import httpx
import jwt
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from workers.errors import ProviderError, Refused
from workers.retry_after import retry_after
from workers.settings import Settings

SCOPES: Final = (
    "https://www.googleapis.com/auth/spreadsheets.readonly "
    "https://www.googleapis.com/auth/drive.metadata.readonly"
)
PAGE_ROWS: Final = 5_000
LAST_COLUMN: Final = "GR"  # the 200th
_LINK: Final = re.compile(
    r"https://docs\.google\.com/spreadsheets/(?:u/\d{1,2}/)?d/(?!e/)([A-Za-z0-9_-]{20,100})(?:[/?#]|$)"
)
_GID: Final = re.compile(r"[#?&]gid=(\d{1,15})(?:&|#|$)")
_TOO_OFTEN: Final = frozenset({"rateLimitExceeded", "userRateLimitExceeded", "RATE_LIMIT_EXCEEDED"})
_TIMEOUT: Final = httpx.Timeout(30, connect=5)
_GOOGLE: Final = {"provider": "google"}
Given = TypeVar("Given", bound=BaseModel)
_tokens: dict[str, tuple[str, float]] = {}
_lock = threading.Lock()


class AccessLost(ProviderError):  # noqa: N818 (read as a sentence)
    """Flow may not read this sheet any more, or it is gone."""

    detail = "access_lost"


class TooOften(ProviderError):  # noqa: N818 (read as a sentence)
    """Google allows no more calls for a moment."""

    detail = "rate_limited"

    def __init__(self, seconds: int | None) -> None:
        super().__init__()
        self.seconds = seconds


class Failed(ProviderError):  # noqa: N818 (read as a sentence)
    """Google did not answer properly."""

    detail = "google_failed"

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.answered = status
        """The HTTP status, if there was an answer."""


class _Answer(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel, extra="ignore")


class _User(_Answer):
    email_address: str = ""


class File(_Answer):
    """What Drive tells of a file."""

    name: str = ""
    version: str = ""
    trashed: bool = False
    mime_type: str = ""
    owners: list[_User] = []
    sharing_user: _User | None = None

    @property
    def people(self) -> set[str]:
        """Who owns it or has shared it with Flow, in lower case."""
        known = [*self.owners, *([self.sharing_user] if self.sharing_user else [])]
        return {user.email_address.lower() for user in known if user.email_address}


class Tab(_Answer):
    """One tab."""

    sheet_id: int
    title: str
    hidden: bool = False


class _Sheet(_Answer):
    properties: Tab


class _Spreadsheet(_Answer):
    sheets: list[_Sheet] = []


class _Values(_Answer):
    values: list[list[str | int | float | bool | None]] = Field([])


@dataclass(frozen=True)
class Link:
    """What a pasted address names."""

    spreadsheet_id: str
    gid: int | None


def read_link(pasted: str) -> Link:
    """Take a pasted address apart. Raises Refused for anything but a sheet's."""
    text = pasted.strip()
    found = _LINK.match(text)
    if not found or len(text) > 2_000 or any(ch.isspace() for ch in text):
        raise Refused(
            422,
            "This is not the link of a Google Sheet. Copy it from the browser's address bar: "
            "https://docs.google.com/spreadsheets/d/…",
            "link_invalid",
        )
    gid = _GID.search(text)
    return Link(found[1], int(gid[1]) if gid else None)


class Google:
    """Calls Google's APIs as the service account."""

    def __init__(self, http: httpx.Client, settings: Settings) -> None:
        if not settings.google_service_account_email or not settings.google_service_account_key:
            raise Refused(
                409,
                "Google Sheets are not set up: the operator gives GOOGLE_SERVICE_ACCOUNT_EMAIL and "
                "GOOGLE_SERVICE_ACCOUNT_KEY.",
                "sheets_not_set_up",
            )
        self._http, self._settings = http, settings
        self.address = settings.google_service_account_email
        """With whom people share their sheets."""

    def file(self, spreadsheet_id: str) -> File:
        """Give what Drive tells of a file. Raises AccessLost, TooOften, Failed."""
        fields = "name,version,trashed,mimeType,owners(emailAddress),sharingUser(emailAddress)"
        url = f"{self._settings.google_drive_url}/drive/v3/files/{quote(spreadsheet_id, safe='')}"
        file = self._get(url, File, fields=fields, supportsAllDrives="true")
        if file.trashed:
            raise AccessLost("The sheet is in the bin: take it out again.")
        return file

    def tabs(self, spreadsheet_id: str) -> list[Tab]:
        """Give the tabs of a file. Raises as `file`."""
        fields = "sheets.properties(sheetId,title,hidden)"
        found = self._get(self._sheet_url(spreadsheet_id), _Spreadsheet, fields=fields)
        return [sheet.properties for sheet in found.sheets]

    def rows(self, spreadsheet_id: str, tab: str) -> Iterator[list[list[str]]]:
        """Give the rows of a tab, 5,000 at a time, cells as text; nothing after the last filled row."""
        start = 1
        while True:
            title = tab.replace("'", "''")
            cells = quote(f"'{title}'!A{start}:{LAST_COLUMN}{start + PAGE_ROWS - 1}", safe="")
            found = self._get(
                f"{self._sheet_url(spreadsheet_id)}/values/{cells}", _Values,
                valueRenderOption="UNFORMATTED_VALUE", dateTimeRenderOption="FORMATTED_STRING",
            )  # fmt: skip
            yield [[_text(cell) for cell in row] for row in found.values]
            if len(found.values) < PAGE_ROWS:
                return
            start += PAGE_ROWS

    def _sheet_url(self, spreadsheet_id: str) -> str:
        return f"{self._settings.google_sheets_url}/v4/spreadsheets/{quote(spreadsheet_id, safe='')}"

    def _get(self, url: str, model: type[Given], **query: str) -> Given:
        try:
            answer = self._http.get(
                url,
                params=query,
                headers={"Authorization": f"Bearer {self._token()}"},
                timeout=_TIMEOUT,
                extensions=_GOOGLE,
            )
        except httpx.HTTPError as error:
            raise Failed("Google could not be reached.") from error
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            _tokens.pop(self.address, None)
        _check(answer)
        try:
            return model.model_validate_json(answer.content)
        except ValidationError as error:
            raise Failed("Google answered something unreadable.", answer.status_code) from error

    def _token(self) -> str:
        with _lock:
            token, until = _tokens.get(self.address, ("", 0.0))
            if until > time.time():
                return token
            token, seconds = self._ask_for_token()
            _tokens[self.address] = token, time.time() + seconds - 120
            return token

    def _ask_for_token(self) -> tuple[str, int]:
        now, url = int(time.time()), self._settings.google_token_url
        claims = {"iss": self.address, "scope": SCOPES, "aud": url, "iat": now, "exp": now + 3600}
        key = self._settings.secret("google_service_account_key").replace("\\n", "\n")
        try:
            assertion = jwt.encode(claims, key, "RS256")
        except (ValueError, TypeError, jwt.PyJWTError):
            raise Failed("GOOGLE_SERVICE_ACCOUNT_KEY is not a private key.") from None
        form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}
        try:
            answer = self._http.post(url, data=form, timeout=_TIMEOUT, extensions=_GOOGLE)
            answer.raise_for_status()
            given = answer.json()
            return str(given["access_token"]), int(given.get("expires_in", 3600))
        except (httpx.HTTPError, ValueError, KeyError, TypeError):
            raise Failed("Google gave Flow's service account no token.") from None


def _check(answer: httpx.Response) -> None:
    if answer.is_success:
        return
    try:
        error = answer.json()["error"]
        reasons = {item.get("reason") for item in error.get("errors", []) + error.get("details", [])}
    except (ValueError, KeyError, TypeError, AttributeError):
        reasons = set()
    status = answer.status_code
    if status == httpx.codes.TOO_MANY_REQUESTS or reasons & _TOO_OFTEN:
        raise TooOften(retry_after(answer))
    if status in (httpx.codes.FORBIDDEN, httpx.codes.NOT_FOUND):
        raise AccessLost("Flow may not read this sheet any more, or it is gone: share it again.")
    raise Failed(f"Google answered with status {status}.", status)


def _text(cell: str | float | bool | None) -> str:
    """Give a cell as text: 9810000011.0 is a phone number, not a fraction."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    return str(cell)
