"""Embedded Signup as the dashboard does it: over HTTP, as people who signed in, against the running stack."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.conftest import RunningStack
from tests.e2e.commands import Commands, eventually, hello
from workers.sandbox.client import SandboxControl


class Colleague:
    """Somebody in front of the dashboard."""

    def __init__(self, stack: RunningStack) -> None:
        self.stack = stack
        self.http = httpx.Client(timeout=60, trust_env=False)
        account = {"email": f"{uuid4().hex[:12]}@example.test", "password": "correct horse battery"}
        headers = {"apikey": stack.publishable_key}
        reply = self.http.post(f"{stack.api_url}/auth/v1/signup", json=account, headers=headers)
        self.headers = headers | {
            "Authorization": f"Bearer {reply.raise_for_status().json()['access_token']}"
        }

    def rpc(self, name: str, /, **given: object) -> Any:
        """A function of the database."""
        url = f"{self.stack.api_url}/rest/v1/rpc/{name}"
        return self.http.post(url, json=given, headers=self.headers).raise_for_status().json()

    def rows(self, table: str, **where: str) -> Any:
        """Rows that they may see."""
        url = f"{self.stack.api_url}/rest/v1/{table}"
        asked = {"select": "id,status,failed_step,problem,remedy"} | where
        return self.http.get(url, params=asked, headers=self.headers).raise_for_status().json()

    def post(self, action: str, **given: object) -> tuple[int, dict[str, Any]]:
        """An action of the workers: status and answer."""
        url = f"{self.stack.workers_url}/api/whatsapp/signup/{action}"
        reply = self.http.post(url, json=given, headers=self.headers)
        return reply.status_code, reply.json()


@pytest.fixture
def asha(stack: RunningStack) -> Iterator[Colleague]:
    colleague = Colleague(stack)
    yield colleague
    colleague.http.close()


@pytest.fixture
def org(asha: Colleague) -> str:
    return str(asha.rpc("create_organization", name="Kaveri Valves")["org_id"])


def test_a_business_connects_in_the_browser_and_goes_on_after_a_failure(
    stack: RunningStack, flow: Commands, asha: Colleague, org: str
) -> None:
    sandbox = SandboxControl(stack.sandbox_url)
    digits = str(uuid4().int)[:12]
    waba_id, phone_number_id = f"33{digits}", f"34{digits}"
    number = {"phone_number_id": phone_number_id, "display_phone": "+91 11400 00001", "registered": False}
    template = {"name": "hello", "language": "en", "body": "Hello {{1}}, about {{2}}."}
    sandbox.put_account({"waba_id": waba_id, "numbers": [number], "templates": [template]})
    sandbox.fault("error", endpoint="management", phone_number_id=phone_number_id, call="register")

    status, begun = asha.post("begin", org_id=org)
    assert status == 200, begun
    assert set(begun) == {"signup_id", "state", "expires_at", "app_id", "config_id", "graph_version"}
    closed = {
        "org_id": org,
        "state": begun["state"],
        "event": "FINISH",
        "code": sandbox.signup_code(waba_id),
        "waba_id": waba_id,
        "phone_number_id": phone_number_id,
    }
    stranger = Colleague(stack)
    assert stranger.post("finish", **closed)[0] == 404
    failed, problem = asha.post("finish", **closed)
    twice, used = asha.post("finish", **closed)

    assert (failed, problem["detail"]) == (422, "connect_register")
    assert (twice, used["detail"]) == (409, "state_used")
    (attempt,) = asha.rows("whatsapp_signups", org_id=f"eq.{org}")
    assert (attempt["id"], attempt["status"], attempt["failed_step"]) == (
        begun["signup_id"], "waiting", "register",
    )  # fmt: skip
    assert stranger.rows("whatsapp_signups") == []
    assert stranger.post("resume", org_id=org, signup_id=attempt["id"])[0] == 404

    resumed, connected = asha.post("resume", org_id=org, signup_id=attempt["id"])

    assert (resumed, connected["status"]) == (200, "connected")
    assert connected["display_phone"] == "+91 11400 00001"
    flow.done("template", "sync", "--org", org)
    flow.done("message", "send", "--org", org, "--batch-stdin", stdin=hello([1]))
    eventually(lambda: [send for send in sandbox.sends() if send.phone_number_id == phone_number_id])
    logged = "".join(path.read_text(errors="replace") for path in stack.data.rglob("*.log"))
    assert "/api/whatsapp/signup/finish" in logged
    (token,) = next(one["tokens"] for one in sandbox.accounts() if one["waba_id"] == waba_id)
    assert closed["code"] not in logged
    assert token not in logged


def test_without_a_session_nothing_begins(stack: RunningStack) -> None:
    for action in ("begin", "finish", "resume"):
        reply = httpx.post(f"{stack.workers_url}/api/whatsapp/signup/{action}", json={}, trust_env=False)
        assert (reply.status_code, reply.json()["detail"]) == (401, "not_signed_in")
