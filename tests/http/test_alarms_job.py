"""The job `alarms`: each channel is told by itself, signed and in words; one that fails hurts no other."""

from __future__ import annotations

import json
import smtplib
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.http.recording import RecordingDatabase, settings
from workers import alarms, mail
from workers.clients import named_hosts
from workers.errors import ProviderError, Refused, SettingsError
from workers.sandbox.inbox import Inbox, MailServer
from workers.settings import Settings

SECRET = "a-secret-of-the-receiver"
ONE = {
    "alarm_id": 7, "changes": 1, "rule": "telemetry_lost", "severity": "warning", "state": "open",
    "subject": "", "org_id": None, "words": "3 rows were lost.", "remedy": "Look at the log.",
    "since": "2026-11-29T10:00:00+00:00", "resolved_at": None,
}  # fmt: skip
OVER = ONE | {
    "alarm_id": 8,
    "state": "resolved",
    "resolved_at": "2026-11-29T10:20:00+00:00",
    "org_id": "an-org",
}


@pytest.fixture
def inbox() -> Iterator[tuple[Inbox, Settings]]:
    """A mail box on this machine, and the settings that lead to it and to a receiver of alarms."""
    box = Inbox(SECRET)
    with MailServer(box, 0) as server:
        server.start()
        yield box, settings(
            FLOW_SMTP_URL=f"smtp://127.0.0.1:{server.server_address[1]}", FLOW_MAIL_FROM="flow@example.test",
            FLOW_ALARM_MAIL_TO="operators@example.test", FLOW_ALARM_WEBHOOK_URL="https://hooks.example.test/T0/secret",
            FLOW_ALARM_WEBHOOK_SECRET=SECRET,
        )  # fmt: skip
        server.shutdown()


def telling(channel: str, *told: dict[str, Any]) -> dict[str, Any]:
    return {"channel": channel, "lease": "a-lease", "attempt": 1, "alarms": list(told)}


def database(*tellings: dict[str, Any]) -> RecordingDatabase:
    return RecordingDatabase(
        claim_alarm_news={"tellings": list(tellings)}, finish_alarm_news={"more": False, "next_at": None}
    )


def test_both_channels_are_told_what_the_receiver_can_believe_and_people_read(
    inbox: tuple[Inbox, Settings],
) -> None:
    box, known = inbox
    posted: list[httpx.Request] = []
    db = database(telling("webhook", ONE, OVER), telling("mail", ONE, OVER))
    http = httpx.Client(transport=httpx.MockTransport(lambda r: posted.append(r) or httpx.Response(200)))

    counts = alarms.run(db, http, known)

    assert counts == {"told": 4, "failed": 0, "more": False}
    [request] = posted
    assert box.is_signed(request.headers["X-Flow-Signature"], request.content)
    assert not box.is_signed(request.headers["X-Flow-Signature"], request.content + b" ")
    body = json.loads(request.content)
    [letter] = box.mails
    for text in (body["text"], letter["text"]):
        assert "ALARM (warning): 3 rows were lost." in text
        assert "→ Look at the log." in text
        assert "Over (warning)" in text
        assert "organization an-org" in text
        assert text.rstrip().endswith("/operations/alarms")
    assert [alarm["alarm_id"] for alarm in body["alarms"]] == [7, 8]
    assert (letter["to"], letter["subject"]) == (["operators@example.test"], "Flow: alarms, 1 open, 1 over")
    told = [{"alarm_id": 7, "changes": 1}, {"alarm_id": 8, "changes": 1}]
    assert [(done["told"], done["error"]) for done in db.named("finish_alarm_news")] == [(told, None)] * 2
    assert db.named("claim_alarm_news") == [{"channels": ["webhook", "mail"]}]


@pytest.mark.parametrize("answer", [500, 404, 302, None])
def test_a_receiver_that_fails_keeps_nobody_else_from_hearing(
    inbox: tuple[Inbox, Settings], answer: int | None
) -> None:
    box, known = inbox

    def receiver(request: httpx.Request) -> httpx.Response:
        if answer is None:
            raise httpx.ConnectTimeout("", request=request)
        return httpx.Response(answer)

    db = database(telling("webhook", ONE), telling("mail", ONE))

    counts = alarms.run(db, httpx.Client(transport=httpx.MockTransport(receiver)), known)

    assert counts == {"told": 1, "failed": 1, "more": False}
    failed, heard = db.named("finish_alarm_news")
    assert failed["error"] == ("receiver_unreachable" if answer is None else "receiver_refused")
    assert heard["error"] is None
    assert len(box.mails) == 1


def test_many_at_once_are_one_telling_that_counts_what_it_does_not_name(
    inbox: tuple[Inbox, Settings],
) -> None:
    many = [ONE | {"alarm_id": n, "subject": str(n)} for n in range(90)] + [
        ONE | {"alarm_id": 99, "severity": "critical", "words": "It burns."}
    ]

    text = alarms.text(inbox[1], [alarms.Alarm.model_validate(one) for one in many])

    assert text.splitlines()[1].startswith("• ALARM (critical): It burns.")
    assert "… and 71 more." in text


def test_the_same_news_have_the_same_id_so_that_a_repeat_is_known(inbox: tuple[Inbox, Settings]) -> None:
    box, known = inbox
    http = httpx.Client(transport=httpx.MockTransport(lambda r: httpx.Response(200)))
    for told in (ONE, ONE, ONE | {"changes": 2, "state": "acknowledged"}):
        alarms.run(database(telling("mail", told)), http, known)

    first, again, later = (letter["id"] for letter in box.mails)
    assert first == again != later


def test_nothing_is_set_up_and_nothing_is_told() -> None:
    db = database()

    assert alarms.run(db, httpx.Client(), settings()) == {"told": 0, "failed": 0, "more": False}
    assert db.named("claim_alarm_news") == [{"channels": []}]


def test_the_receiver_is_a_host_that_may_be_called_and_half_a_setup_is_refused(
    inbox: tuple[Inbox, Settings],
) -> None:
    assert "hooks.example.test" in named_hosts(inbox[1])
    assert "hooks.example.test" not in named_hosts(settings())
    for given in (
        {"FLOW_ALARM_WEBHOOK_URL": "https://hooks.example.test"}, {"FLOW_ALARM_MAIL_TO": "a@example.test"},
        {"FLOW_SMTP_URL": "smtp://mail.example.test"}, {"FLOW_ALARM_WEBHOOK_URL": "http://hooks.example.test"},
        {"FLOW_SMTP_URL": "https://mail.example.test"}, {"FLOW_MAIL_FROM": "a@example.test,b@example.test"},
    ):  # fmt: skip
        with pytest.raises(SettingsError):
            settings(**given)


# Mail


def test_a_mail_goes_to_one_address_and_its_subject_stays_one_line(inbox: tuple[Inbox, Settings]) -> None:
    box, known = inbox

    mail.send(
        known,
        "asha@example.test",
        "Hello\r\nBcc: all@example.test\n नमस्ते",
        ".\nWords\n.\n",
        "help@example.test",
    )

    [letter] = box.mails
    assert letter["to"] == ["asha@example.test"]
    assert letter["subject"] == "Hello Bcc: all@example.test नमस्ते"
    assert letter["text"].split() == [".", "Words", "."]
    assert letter["reply_to"] == "help@example.test"


@pytest.mark.parametrize(
    "to", ["", "nobody", "a@x.test, b@x.test", "a@x.test\nBcc: b@x.test", "Asha <a@x.test>"]
)
def test_what_is_no_single_address_is_refused(inbox: tuple[Inbox, Settings], to: str) -> None:
    with pytest.raises(Refused) as refused:
        mail.send(inbox[1], to, "Hello", "Words")

    assert refused.value.detail == "address_wrong"
    assert not inbox[0].mails


class PlainServer:
    """A mail server elsewhere that offers no TLS; it must never hear a password or a mail."""

    def __init__(self, *_: object, **__: object) -> None:
        self.heard: list[str] = []

    def __enter__(self) -> PlainServer:
        return self

    def __exit__(self, *_: object) -> None:
        assert self.heard == []

    def starttls(self, **_: object) -> None:
        raise smtplib.SMTPNotSupportedError("canary-words")

    def login(self, *_: object) -> None:
        self.heard.append("login")

    def send_message(self, *_: object) -> None:
        self.heard.append("mail")


def test_a_server_elsewhere_without_tls_hears_neither_password_nor_mail(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(smtplib, "SMTP", PlainServer)
    known = settings(
        FLOW_SMTP_URL="smtp://user:canary-pass@mail.example.test", FLOW_MAIL_FROM="flow@example.test"
    )

    with pytest.raises(ProviderError) as failed:
        mail.send(known, "asha@example.test", "Hello", "Words")

    assert failed.value.detail == "mail_failed"
    assert "canary" not in failed.value.message


def test_a_server_that_is_away_is_a_failure_of_the_supplier() -> None:
    known = settings(FLOW_SMTP_URL="smtp://127.0.0.1:9", FLOW_MAIL_FROM="flow@example.test")

    with pytest.raises(ProviderError):
        mail.send(known, "asha@example.test", "Hello", "Words")
    with pytest.raises(SettingsError):
        mail.send(settings(), "asha@example.test", "Hello", "Words")
