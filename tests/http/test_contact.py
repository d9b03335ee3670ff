"""/contact: inquiries of people without an account; mails that prove an address and tell of answers."""

from __future__ import annotations

import re
import smtplib
from typing import Any, ClassVar

import pytest

from tests.http.recording import RecordingDatabase, settings
from workers import create_app, inquiries
from workers.forms import guard

MAIL = {"flow_smtp_url": "smtp://127.0.0.1:2525", "flow_mail_from": "flow@example.com"}
GIVEN = {"category": "erasure", "name": "Ravi", "email": "Ravi@example.com", "text": "Forget me"}
OPENED = {"too_many": False, "reference": "F-1001", "due_at": "2026-12-29T10:00:00+00:00"}


def client_of(database: RecordingDatabase, **changes: str) -> Any:
    return create_app(settings(flow_workers="api", **changes), database=database).test_client()


@pytest.fixture(autouse=True)
def _slow_people(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "FASTEST", 0)


def send(client: Any, **changes: str) -> Any:
    page = client.get("/contact")
    visit = re.search(r'name="visit" value="([^"]+)"', page.text)
    assert visit
    return client.post("/contact", data=GIVEN | {"visit": visit[1]} | changes)


def test_the_link_is_shown_where_no_mail_can_be_sent_and_the_database_gets_hashes() -> None:
    database = RecordingDatabase(open_inquiry=OPENED)
    reply = send(client_of(database))
    (asked,) = database.named("open_inquiry")

    token = re.search(r"/contact/([0-9a-f]{64})", reply.text)
    assert token
    assert "F-1001" in reply.text
    assert asked["token_sha256"] == inquiries.hash_of(token[1])
    assert asked["must_confirm"] is False
    assert "Ravi@example.com" not in str({k: v for k, v in asked.items() if k != "inquiry"})
    assert reply.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'self'")


def test_where_mail_is_set_up_the_link_goes_by_mail_alone() -> None:
    database = RecordingDatabase(open_inquiry=OPENED)
    reply = send(client_of(database, **MAIL))

    assert database.named("open_inquiry")[0]["must_confirm"] is True
    assert re.search(r"/contact/[0-9a-f]{64}", reply.text) is None
    assert "we are mailing you a link" in reply.text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"website": "spam"}, "sent very fast"),
        ({"visit": "forged"}, "open too long"),
        ({"email": "nobody"}, "not an e-mail"),
        ({"category": "gossip"}, "choose what it is about"),
        ({"text": "x" * 5001}, "too long"),
        ({"name": ""}, "fill this in"),
    ],
)
def test_what_is_no_inquiry_is_shown_again_and_kept_nowhere(changes: dict[str, str], words: str) -> None:
    database = RecordingDatabase(open_inquiry=OPENED)
    reply = send(client_of(database), **changes)

    assert reply.status_code in (400, 422)
    assert words in reply.text
    assert database.calls == []


def test_what_is_sent_at_once_is_a_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "FASTEST", 60)
    database = RecordingDatabase(open_inquiry=OPENED)

    assert "sent very fast" in send(client_of(database)).text
    assert database.calls == []


def test_too_many_are_told_so_and_keep_what_they_wrote() -> None:
    reply = send(client_of(RecordingDatabase(open_inquiry={"too_many": True})))

    assert reply.status_code == 429
    assert "Forget me" in reply.text


def test_the_secret_link_shows_the_answer_and_takes_a_reply() -> None:
    inquiry = {
        "reference": "F-1001", "category": "erasure", "state": "waiting_for_you", "due_at": OPENED["due_at"],
        "messages": [{"id": 1, "at": OPENED["due_at"], "side": "staff", "body": "<b>Done</b>", "name": None}],
    }  # fmt: skip
    database = RecordingDatabase(inquiry=inquiry, reply_inquiry={"too_many": False})
    client = client_of(database)

    assert "&lt;b&gt;Done&lt;/b&gt;" in client.get("/contact/abc").text
    assert client.post("/contact/abc", data={"text": "Thanks"}).status_code == 303
    assert database.named("reply_inquiry") == [{"token_sha256": inquiries.hash_of("abc"), "body": "Thanks"}]
    assert client_of(RecordingDatabase()).get("/contact/abc").status_code == 404


def test_looking_at_a_mailed_link_confirms_nothing_pressing_does() -> None:
    inquiry = {
        "reference": "F-1001", "category": "other", "state": "unconfirmed", "due_at": OPENED["due_at"],
        "messages": [],
    }  # fmt: skip
    database = RecordingDatabase(inquiry=inquiry)
    client = client_of(database)

    client.get("/contact/abc")
    assert database.named("confirm_inquiry") == []
    client.post("/contact/abc", data={"confirm": "1"})
    assert database.named("confirm_inquiry") == [{"token_sha256": inquiries.hash_of("abc")}]


class Server:
    """A mail server that keeps what it takes; some addresses it does not take."""

    sent: ClassVar[list[Any]] = []

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def send_message(self, mail: Any) -> None:
        if "later" in mail["To"]:
            raise smtplib.SMTPServerDisconnected("Connection unexpectedly closed")
        self.sent.append(mail)


def test_mails_say_where_and_never_what_and_a_refused_one_comes_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(smtplib, "SMTP", Server)
    monkeypatch.setattr(Server, "sent", [])
    made = settings(**MAIL)
    token = inquiries.token_of(made, "t1")
    due = {
        "ticket_id": "t1", "reference": "F-1001", "is_public": True, "is_confirmation": True,
        "token_sha256": inquiries.hash_of(token),
    }  # fmt: skip
    answered = due | {"ticket_id": "t2", "is_public": False, "is_confirmation": False}
    mails = [
        due | {"message_id": 1, "to": "ravi@example.com"},
        due | {"message_id": 2, "to": "later@example.com"},
        due | {"message_id": 3, "to": "ravi@example.com", "token_sha256": "0" * 64},
        answered | {"message_id": 4, "to": "asha@example.com"},
        due | {"message_id": 5, "to": None},
        due | {"message_id": 6, "to": "no address"},
    ]  # fmt: skip
    database = RecordingDatabase(claim_support_mails={"mails": mails})

    assert inquiries.run(database, None, made) == {"sent": 3, "failed": 1, "more": False}  # type: ignore[arg-type]
    assert [done["message_id"] for done in database.named("finish_support_mail")] == [1, 3, 4, 5, 6]
    first, stale, member = (mail.get_content() for mail in Server.sent)
    assert f"{made.flow_public_url}/contact/{token}" in first
    assert "/contact/" not in stale
    assert f"{made.flow_public_url}/help/t2" in member


def test_without_a_mail_server_nothing_waits_for_one() -> None:
    database = RecordingDatabase(
        claim_support_mails={
            "mails": [
                {
                    "message_id": 1, "ticket_id": "t1", "reference": "F-1", "is_public": False,
                    "is_confirmation": False, "to": "asha@example.com",
                }
            ]
        }
    )  # fmt: skip

    assert inquiries.run(database, None, settings()) == {"sent": 0, "failed": 0, "more": False}  # type: ignore[arg-type]
    assert database.named("finish_support_mail") == [{"message_id": 1}]
