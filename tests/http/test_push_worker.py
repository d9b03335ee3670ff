"""A push is encrypted and signed as the RFCs say, goes to known services only, and its answer is recorded."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric import ec

from tests.http.recording import settings
from tests.http.running_sandbox import RunningSandbox, running_sandbox
from workers.clients import outbound_client
from workers.push import job
from workers.push.encryption import b64url, encrypt, from_b64url
from workers.push.vapid import new_private_key, public_key
from workers.settings import Settings, SettingsError

PAYLOAD = {"kind": "new_message", "many": 3, "org_id": "5e0c", "organization": "सूर्या पंप", "lang": "hi"}
SET = {"flow_vapid_private_key": new_private_key(), "flow_vapid_subject": "mailto:ops@flow.test"}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with running_sandbox() as running:
        yield running


class Queue:
    """The database, as far as the job sees it: pushes to claim once, and what was recorded."""

    def __init__(self, *subscriptions: dict[str, Any]) -> None:
        self.waiting = [
            {"org_id": "5e0c", "push_id": number, "topic": "t", "urgency": "normal", "ttl": 60,
             "payload": PAYLOAD, "subscription": {"endpoint": given["endpoint"], **given["keys"]}}
            for number, given in enumerate(subscriptions)
        ]  # fmt: skip
        self.recorded: list[dict[str, Any]] = []

    def rpc(self, name: str, /, **args: Any) -> dict[str, Any]:
        if name == "record_pushes":
            self.recorded += args["results"]
            return {"recorded": len(args["results"])}
        claimed, self.waiting = self.waiting, []
        return {"lease": "lease", "pushes": claimed}

    def run(self, **given: Any) -> list[str]:
        """Run the job; the outcomes in order."""
        chosen = settings(**{**SET, "flow_push_hosts": "127.0.0.1", **given})
        with outbound_client(chosen) as http:
            job.run(self, http, chosen)  # type: ignore[arg-type]
        return [result["outcome"] for result in sorted(self.recorded, key=lambda result: result["push_id"])]


def browser(sandbox: RunningSandbox) -> dict[str, Any]:
    found: dict[str, Any] = sandbox.http.post("/_sandbox/push/subscriptions").json()
    return found


def came(sandbox: RunningSandbox, to: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = sandbox.http.get(f"/_sandbox/push/subscriptions/{to['id']}").json()
    return found


def test_the_encryption_is_that_of_rfc_8291_to_the_byte():
    sender = ec.derive_private_key(
        int.from_bytes(from_b64url("yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"), "big"), ec.SECP256R1()
    )

    body = encrypt(
        b"When I grow up, I want to be a watermelon",
        "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        "BTBZMqHH6r4Tts7J_aSIgg",
        sender=sender,
        salt=from_b64url("DGv6ra1nlYgDCS1FRnbzlw"),
    )

    assert b64url(body) == (
        "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6Tlz"
        "AC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
    )


def test_what_is_sent_arrives_as_it_was_and_under_its_signature(sandbox):
    to = browser(sandbox)

    assert Queue(to).run() == ["sent"]

    (one,) = came(sandbox, to)
    assert one["payload"] == PAYLOAD
    assert one["headers"] == {"TTL": "60", "Topic": "t", "Urgency": "normal"}


def test_what_services_answer_becomes_gone_a_retry_or_the_end(sandbox, caplog):
    ended, good = browser(sandbox), browser(sandbox)
    sandbox.http.delete(f"/_sandbox/push/subscriptions/{ended['id']}")
    unknown = good | {"endpoint": good["endpoint"] + "x"}
    broken = good | {"keys": {"p256dh": "B" * 87, "auth": "a" * 22}}
    with caplog.at_level(logging.DEBUG, "workers"):
        assert Queue(ended, unknown, broken).run() == ["gone", "gone", "gone"]
        date = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
        for status, after, outcome in (
            (429, "17", "retry"),
            (503, date, "retry"),
            (500, None, "retry"),
            (400, None, "refused"),
        ):
            sandbox.http.post("/_sandbox/push/faults", json={"status": status, "retry_after": after})
            queue = Queue(good)
            assert queue.run() == [outcome]
            waits = queue.recorded[0].get("after_seconds")
            assert (waits == 17) if after == "17" else (80 < waits <= 90) if after else waits is None
    assert came(sandbox, good) == []
    # Who knows an endpoint can write to the device; httpx itself is silenced by workers/logs.py.
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith("http")]
    assert not [words for words in ours if good["id"] in words]


@pytest.mark.parametrize(
    "endpoint",
    ["https://evil.test/x", "http://127.0.0.1:1/x", "https://fcm.googleapis.com:444/x", "https://[::1/x",
     "https://a@fcm.googleapis.com/x", "http://fcm.googleapis.com/x", "https://notify.windows.com.evil.test/x",
     "https://xnotify.windows.com/x"],
)  # fmt: skip
def test_a_host_that_no_setting_names_is_never_called(sandbox, endpoint):
    given = settings(**SET)  # the services of browsers, and no loopback
    asked: list[httpx.Request] = []
    transport = httpx.MockTransport(lambda request: asked.append(request) or httpx.Response(201))
    queue = Queue(browser(sandbox) | {"endpoint": endpoint})

    with httpx.Client(transport=transport) as http:
        job.run(queue, http, given)  # type: ignore[arg-type]

    assert asked == []
    assert queue.recorded[0]["outcome"] == "refused"


def test_known_services_are_called(sandbox):
    asked: list[str] = []
    transport = httpx.MockTransport(lambda request: asked.append(request.url.host) or httpx.Response(201))
    hosts = ["fcm.googleapis.com", "wns2-sg2p.notify.windows.com", "web.push.apple.com"]
    queue = Queue(*(browser(sandbox) | {"endpoint": f"https://{host}/x"} for host in hosts))

    with httpx.Client(transport=transport) as http:
        job.run(queue, http, settings(**SET))  # type: ignore[arg-type]

    assert sorted(asked) == sorted(hosts)


def test_without_a_key_nothing_is_claimed():
    assert Queue({"endpoint": "http://127.0.0.1:1/x", "keys": {"p256dh": "x", "auth": "x"}}).run(
        flow_vapid_private_key=None, flow_vapid_subject=None
    ) == []  # fmt: skip


def test_a_pair_of_keys_is_made_and_its_settings_are_checked():
    from workers.cli import flow  # noqa: PLC0415

    made = json.loads(CliRunner().invoke(flow, ["push", "keys", "--json"]).output)

    assert public_key(made["FLOW_VAPID_PRIVATE_KEY"]) == made["public_key"]
    with pytest.raises(SettingsError, match="FLOW_VAPID_SUBJECT is missing"):
        Settings.load({"FLOW_VAPID_PRIVATE_KEY": made["FLOW_VAPID_PRIVATE_KEY"]}, needs=())
    with pytest.raises(SettingsError, match="not a private key of Web Push"):
        Settings.load({"FLOW_VAPID_PRIVATE_KEY": "abc", "FLOW_VAPID_SUBJECT": "mailto:a@b.c"}, needs=())
