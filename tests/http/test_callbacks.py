"""Meta's callbacks about a person: nothing runs before the signature holds; a deletion has a page."""

import base64
import hashlib
import hmac
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from tests.http.recording import ENVIRONMENT, RecordingDatabase, settings
from workers import create_app
from workers.meta.callback_words import WORDS

SECRET = ENVIRONMENT["META_APP_SECRET"].encode()
PERSON = {"algorithm": "HMAC-SHA256", "issued_at": 1_795_400_000, "user_id": "6600000000001"}
CODE = "0123456789abcdef0123456789abcdef"
DONE = {"requested_at": "2026-11-23T10:00:00+00:00", "accounts": 1, "done_at": "2026-11-23T10:00:00+00:00"}
# Signed apart from this code base: openssl dgst -sha256 -hmac secret -binary, in base64url.
RECORDED = (
    "eyJhbGdvcml0aG0iOiJITUFDLVNIQTI1NiIsImlzc3VlZF9hdCI6MTc5NTQwMDAwMCwidXNlcl9pZCI6IjY2MDAwMDAwMDAwMDEifQ"
)


def signed(payload: object = PERSON, secret: bytes = SECRET) -> str:
    encoded = base64.urlsafe_b64encode(json.dumps(payload).encode()).rstrip(b"=")
    signature = base64.urlsafe_b64encode(hmac.digest(secret, encoded, hashlib.sha256)).rstrip(b"=")
    return f"{signature.decode()}.{encoded.decode()}"


def client(**replies: Any) -> tuple[Any, RecordingDatabase]:
    database = RecordingDatabase(
        **{"deauthorize": {"accounts": 1}, "request_deletion": {"confirmation_code": CODE}} | replies
    )
    known = settings(META_APP_SECRET_PREVIOUS="the-secret-before", FLOW_PUBLIC_URL="https://flow.example")
    return create_app(known, database=database).test_client(), database


ADDRESSES = pytest.mark.parametrize("address", ["/meta/deauthorize", "/meta/data-deletion"])


@ADDRESSES
@pytest.mark.parametrize("secret", [SECRET, b"the-secret-before"], ids=["current", "previous"])
def test_person_that_meta_names_is_passed_on(address, secret):
    flow, database = client()

    answer = flow.post(address, data={"signed_request": signed(secret=secret)})

    assert answer.status_code == 200
    assert [args for _, args in database.calls] == [
        {"meta_user_id": "6600000000001", "issued_at": 1_795_400_000}
    ]


def test_deauthorization_and_deletion_are_not_confused():
    flow, database = client()

    flow.post("/meta/deauthorize", data={"signed_request": signed()})
    flow.post("/meta/data-deletion", data={"signed_request": signed()})

    assert [name for name, _ in database.calls] == ["deauthorize", "request_deletion"]


def encoded(payload: bytes) -> str:
    return base64.urlsafe_b64encode(payload).rstrip(b"=").decode()


def by(payload: str) -> str:
    """Sign whatever it is."""
    return f"{encoded(hmac.digest(SECRET, payload.encode(), hashlib.sha256))}.{payload}"


WRONG = [
    pytest.param({}, id="no form"),
    pytest.param({"signed_request": ""}, id="empty"),
    pytest.param({"signed_request": "a"}, id="no dot"),
    pytest.param({"signed_request": "."}, id="only a dot"),
    pytest.param({"signed_request": "a.b.c"}, id="three parts"),
    pytest.param({"signed_request": "é.ü"}, id="not ascii"),
    pytest.param({"signed_request": "\0.\0"}, id="zero bytes"),
    pytest.param({"signed_request": "." + encoded(json.dumps(PERSON).encode())}, id="unsigned"),
    pytest.param({"signed_request": signed(secret=b"another")}, id="another app's secret"),
    pytest.param({"signed_request": signed(secret=b"")}, id="no secret"),
    pytest.param({"signed_request": signed(PERSON | {"algorithm": "none"})}, id="no algorithm"),
    pytest.param({"signed_request": signed(PERSON | {"algorithm": "HMAC-SHA1"})}, id="a weaker algorithm"),
    pytest.param({"signed_request": signed(PERSON | {"algorithm": None})}, id="algorithm left out"),
    pytest.param({"signed_request": signed(PERSON | {"user_id": ""})}, id="nobody"),
    pytest.param({"signed_request": signed(PERSON | {"user_id": "1\0"})}, id="a zero byte in the id"),
    pytest.param({"signed_request": signed(PERSON | {"user_id": {"$ne": 1}})}, id="an object for an id"),
    pytest.param({"signed_request": signed(PERSON | {"issued_at": 10**30})}, id="an instant beyond time"),
    pytest.param({"signed_request": signed(PERSON | {"issued_at": None})}, id="no instant"),
    pytest.param({"signed_request": signed([PERSON])}, id="a list"),
    pytest.param({"signed_request": by(encoded(b"\xff\xfe"))}, id="signed, not utf-8"),
    pytest.param({"signed_request": by(encoded(b"[" * 30_000))}, id="signed, endlessly nested"),
    pytest.param({"signed_request": by("%%%")}, id="signed, not base64"),
    pytest.param({"signed_request": signed() + "A"}, id="one letter more"),
    pytest.param({"signed_request": signed().swapcase()}, id="letters changed"),
]  # fmt: skip


@ADDRESSES
@pytest.mark.parametrize("form", WRONG)
def test_whatever_is_not_signed_by_meta_is_refused_before_anything_runs(address, form):
    flow, database = client()

    answer = flow.post(address, data=form)

    assert answer.status_code in (400, 401)
    assert database.calls == []


@ADDRESSES
def test_other_bodies_are_refused(address):
    flow, database = client()

    answers = [
        flow.post(address, json={"signed_request": signed()}),
        flow.post(f"{address}?signed_request={signed()}"),
        flow.post(address, data=b"\xff" * 100, content_type="multipart/form-data; boundary=x"),
        flow.post(address, data={"signed_request": "x" * 100_000}),
    ]

    assert [a.status_code for a in answers] == [400, 400, 400, 413]
    assert database.calls == []


def test_signature_is_over_the_encoded_payload_and_not_over_its_content():
    payload = json.dumps(PERSON).encode()
    wrong = f"{encoded(hmac.digest(SECRET, payload, hashlib.sha256))}.{encoded(payload)}"
    flow, database = client()

    assert flow.post("/meta/deauthorize", data={"signed_request": wrong}).status_code == 401
    assert database.calls == []


def test_recorded_request_is_taken():
    known = settings(META_APP_SECRET="secret")
    database = RecordingDatabase(deauthorize={"accounts": 0})
    signature = "2aMeAVPGXxctxAtL8mxE1Jyz4cLmVMNjTd-1Jf8cKxE"

    answer = create_app(known, database=database).test_client().post(
        "/meta/deauthorize", data={"signed_request": f"{signature}.{RECORDED}"}
    )  # fmt: skip

    assert answer.status_code == 200


def test_deletion_answers_where_to_look_and_the_code():
    flow, _ = client()

    answer = flow.post("/meta/data-deletion", data={"signed_request": signed()})

    assert answer.get_json() == {
        "url": f"https://flow.example/meta/data-deletion/{CODE}",
        "confirmation_code": CODE,
    }


class Page(HTMLParser):
    """What a page holds: tags, the language, the texts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: dict[str, str | None] = {}
        self.words: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes.update({f"{tag} {name}": value for name, value in attrs})

    def handle_data(self, data: str) -> None:
        self.words.append(data.strip())


def test_page_tells_a_person_what_became_of_the_request():
    flow, database = client(deletion_status=DONE)

    answer = flow.get(f"/meta/data-deletion/{CODE}")

    page = Page(answer.get_data(as_text=True))
    assert answer.status_code == 200
    assert answer.mimetype == "text/html"
    assert (page.attributes["html lang"], page.tags.count("h1"), page.tags.count("main")) == ("en", 1, 1)
    assert any("request of 23-11-2026 is done" in words for words in page.words)
    assert "Your data is deleted" in page.words
    assert CODE in page.words
    assert database.named("deletion_status") == [{"confirmation_code": CODE}]
    # Under the strict policy nothing inline runs or paints: there is nothing of it.
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert not {"script", "style", "img"} & set(page.tags)
    assert not [name for name in page.attributes if re.search(r" (on\w+|style)$", name)]


@pytest.mark.parametrize(
    ("found", "title"),
    [
        (DONE, "आपका डेटा मिटा दिया गया है"),
        (DONE | {"done_at": None}, "आपका डेटा मिटाया जा रहा है"),
        (DONE | {"accounts": 0}, "आपका कोई डेटा नहीं रखा है"),
        ({}, "अनुरोध नहीं मिला"),
    ],
)
def test_page_is_there_in_hindi_too(found, title):
    flow, _ = client(deletion_status=found)

    answer = flow.get(f"/meta/data-deletion/{CODE}", headers={"Accept-Language": "hi-IN,hi;q=0.9"})

    page = Page(answer.get_data(as_text=True))
    assert page.attributes["html lang"] == "hi"
    assert title in page.words
    assert "Read in English" in page.words


def test_style_of_the_page_is_served_where_only_webhooks_are():
    alone = settings(FLOW_WORKERS="meta")
    flow = create_app(alone, database=RecordingDatabase(deletion_status=DONE)).test_client()

    href = Page(flow.get(f"/meta/data-deletion/{CODE}").get_data(as_text=True)).attributes["link href"]

    assert flow.get(href).mimetype == "text/css"


def test_both_languages_say_the_same():
    assert WORDS["en"].keys() == WORDS["hi"].keys()
    for name, words in WORDS["en"].items():
        assert ("{day}" in words) == ("{day}" in WORDS["hi"][name]), name


def test_somebody_whom_flow_did_not_know_is_told_so_under_a_code_of_their_own():
    flow, _ = client(deletion_status=DONE | {"accounts": 0})

    answer = flow.get(f"/meta/data-deletion/{CODE}")

    page = Page(answer.get_data(as_text=True))
    assert answer.status_code == 200
    assert "Nothing of you is held" in page.words
    assert CODE in page.words


@pytest.mark.parametrize("code", [CODE, "x", "0" * 31, "0" * 33, "%27", "<script>", "A" * 32, CODE + "%00"])
def test_unknown_code_is_a_404_that_repeats_nothing(code):
    flow, database = client(deletion_status={})

    answer = flow.get(f"/meta/data-deletion/{code}")

    assert answer.status_code == 404
    assert code not in answer.get_data(as_text=True) or code == "x"
    assert len(database.calls) == (code == CODE)
