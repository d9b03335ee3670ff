"""A pasted link is taken apart, never fetched; what Google answers is understood."""

from __future__ import annotations

import httpx
import pytest

from tests.http.recording import settings
from workers.errors import Refused
from workers.local.stack import StackFile
from workers.sheets.google import AccessLost, Failed, Google, TooOften, read_link

FILE = "1aB-cD_efGhIjKlMnOpQrStUvWxYz0123456789"


@pytest.mark.parametrize(
    ("link", "gid"),
    [
        (f"https://docs.google.com/spreadsheets/d/{FILE}/edit#gid=0", 0),
        (f"https://docs.google.com/spreadsheets/d/{FILE}/edit?gid=77#gid=77", 77),
        (f"https://docs.google.com/spreadsheets/u/1/d/{FILE}/edit?usp=sharing", None),
        (f"  https://docs.google.com/spreadsheets/d/{FILE}  ", None),
    ],
)
def test_a_sheets_link_names_its_file_and_tab(link, gid):
    assert (read_link(link).spreadsheet_id, read_link(link).gid) == (FILE, gid)


@pytest.mark.parametrize(
    "link",
    [
        "",
        FILE,
        f"http://docs.google.com/spreadsheets/d/{FILE}",
        f"https://docs.google.com.evil.example/spreadsheets/d/{FILE}",
        f"https://evil.example/https://docs.google.com/spreadsheets/d/{FILE}",
        f"https://user@docs.google.com/spreadsheets/d/{FILE}",
        f"https://docs.google.com:8443/spreadsheets/d/{FILE}",
        f"https://docs.google.com/spreadsheets/d/e/2PACX-{FILE}/pub?output=csv",
        f"https://docs.google.com/spreadsheets/d/{FILE}/../../x y",
        "https://docs.google.com/spreadsheets/d/short",
        f"https://docs.google.com/document/d/{FILE}",
        "https://169.254.169.254/latest/meta-data",
        "file:///etc/passwd",
        f"https://docs.google.com/spreadsheets/d/{'a' * 3000}",
    ],
)
def test_anything_else_is_refused(link):
    with pytest.raises(Refused) as refused:
        read_link(link)
    assert refused.value.detail == "link_invalid"


class Answers(httpx.BaseTransport):
    """Answers as told; remembers which hosts were asked."""

    def __init__(self, status: int, body: object, headers: dict[str, str] | None = None) -> None:
        self.status, self.body, self.headers = status, body, headers or {}
        self.hosts: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.hosts.append(request.url.host)
        if request.url.path == "/token":
            return httpx.Response(200, json={"access_token": "t", "expires_in": 3600})
        return httpx.Response(self.status, json=self.body, headers=self.headers)


def google(answers: Answers, key: str) -> Google:
    known = settings(
        google_service_account_email="flow@project.iam.gserviceaccount.com", google_service_account_key=key
    )
    return Google(httpx.Client(transport=answers), known)


@pytest.fixture(scope="module")
def key():
    return StackFile().google_service_key


def reason(word: str) -> dict[str, object]:
    return {"error": {"errors": [{"reason": word}]}}


@pytest.mark.parametrize(
    ("status", "body", "headers", "expected"),
    [
        (429, {}, {"Retry-After": "30"}, TooOften),
        (403, reason("userRateLimitExceeded"), {}, TooOften),
        (403, reason("insufficientFilePermissions"), {}, AccessLost),
        (404, reason("notFound"), {}, AccessLost),
        (404, "no object", {}, AccessLost),
        (400, reason("badRequest"), {}, Failed),
        (500, {}, {}, Failed),
        (200, "no object", {}, Failed),
        (302, {}, {"Location": "https://accounts.google.com"}, Failed),
        (200, {"name": "S", "version": "1", "trashed": True}, {}, AccessLost),
    ],
)
def test_what_google_answers_is_told_apart(key, status, body, headers, expected):
    answers = Answers(status, body, headers)

    with pytest.raises(expected):
        google(answers, key).file(FILE)

    assert set(answers.hosts) <= {"www.googleapis.com", "oauth2.googleapis.com"}


def test_cells_are_text_and_a_number_is_no_fraction(key):
    answers = Answers(200, {"values": [["a", 9810000011.0, 1.5, True, None, 3]]})

    (page,) = google(answers, key).rows(FILE, "It's")

    assert page == [["a", "9810000011", "1.5", "TRUE", "", "3"]]


def test_a_wrong_key_is_told_without_showing_it():
    known = settings(google_service_account_email="new@x.test", google_service_account_key="not a key SECRET")
    with pytest.raises(Failed) as failed:
        Google(httpx.Client(transport=Answers(200, {})), known).file(FILE)
    assert "SECRET" not in str(failed.value)
