"""The main job through a running stack, and the operator's commands on the way."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import httpx
import pytest

from tests.local.flow_command import FLOW, NOT_INHERITED

EVERY_LEAD = ("leads", "stored", "greeted", "delivered", "read", "answered", "replied")
KEYS = {"ok", *EVERY_LEAD, "duplicates", "lost", "lead_to_greeting_ms", "seconds"}


class RunningStack(Protocol):
    """What these tests need of the fixture `stack`."""

    data: Path
    workers_url: str
    sandbox_url: str


Flow = Callable[..., tuple[int, dict[str, Any], str]]


@pytest.fixture
def flow(stack: RunningStack, tmp_path: Path) -> Flow:
    """Runs a flow command against the stack; gives exit status, JSON and standard error."""

    def run(*args: str, stdin: str = "") -> tuple[int, dict[str, Any], str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(NOT_INHERITED)}
        done = subprocess.run(
            [FLOW, *args, "--json"],
            input=stdin, capture_output=True, text=True, timeout=280, cwd=tmp_path,
            env=clean | {"FLOW_DATA": str(stack.data)},
        )  # fmt: skip
        return done.returncode, json.loads(done.stdout), done.stderr

    return run


@pytest.fixture
def org(flow: Flow) -> str:
    """An organization of its own."""
    owner = f"asha.{uuid4().hex[:12]}@example.com"
    status, made, _ = flow("org", "create", "Kaveri Valves", "--owner", owner)
    assert status == 0
    return str(made["org_id"])


class Business:
    """An account, a number and a template at the sandbox's Meta, of which Flow knows nothing yet."""

    def __init__(self, stack: RunningStack, **template: object) -> None:
        digits = str(uuid4().int)[:12]
        self.waba_id, self.phone_number_id, self.token = f"31{digits}", f"32{digits}", f"EAA{uuid4().hex}"
        self.sandbox = httpx.Client(base_url=f"{stack.sandbox_url}/_sandbox", timeout=10, trust_env=False)
        body = {"name": "hello", "language": "en", "body": "Hello {{1}}, about {{2}}."} | template
        self.sandbox.post(
            "/meta/accounts",
            json={
                "waba_id": self.waba_id, "token": self.token, "templates": [body],
                "numbers": [{"phone_number_id": self.phone_number_id, "display_phone": "+91 11400 00001"}],
            },
        ).raise_for_status()  # fmt: skip

    def connect(self, flow: Flow, org: str) -> tuple[int, dict[str, Any], str]:
        """Connect it to an organization."""
        return flow(
            "whatsapp", "connect", "--org", org, "--waba-id", self.waba_id,
            "--phone-number-id", self.phone_number_id, "--token-stdin", stdin=self.token + "\n",
        )  # fmt: skip


@pytest.fixture
def business(stack: RunningStack) -> Business:
    return Business(stack)


@pytest.mark.parametrize("leads", [25, 1])
def test_every_lead_makes_the_whole_trip_exactly_once(flow: Flow, leads: int) -> None:
    status, result, progress = flow("demo", "--leads", str(leads))

    assert (status, result["ok"]) == (0, True), progress
    assert set(result) == KEYS
    assert {result[key] for key in EVERY_LEAD} == {leads}
    assert (result["duplicates"], result["lost"]) == (0, 0)
    assert result["lead_to_greeting_ms"]["p95"] <= 5000
    assert "ms" in progress


def test_a_person_who_exists_keeps_the_password_and_gets_a_second_organization(flow: Flow) -> None:
    owner = f"ravi.{uuid4().hex[:12]}@example.com"

    _, first, _ = flow(
        "org", "create", "First", "--owner", owner, "--password-stdin", stdin="the-first-one\n"
    )
    status, second, said = flow(
        "org", "create", "Second", "--owner", owner.upper(), "--password-stdin", stdin="another-one\n"
    )

    assert status == 0
    assert first["owner_id"] == second["owner_id"]
    assert first["org_id"] != second["org_id"]
    assert "keeps the password" in said


def test_a_number_is_connected_greets_a_lead_and_is_disconnected(
    flow: Flow, org: str, business: Business
) -> None:
    connected = business.connect(flow, org)
    setting = flow(
        "greeting", "set", "--org", org, "--template", "hello", "--language", "en",
        "--param", "name", "--param", "product",
    )  # fmt: skip
    lead = flow("lead", "add", "--org", org, "--name", "Asha", "--phone", "90000 00001", "--greet")
    synced = flow("template", "sync", "--org", org)
    gone = flow("whatsapp", "disconnect", "--org", org, "--phone-number-id", business.phone_number_id)

    assert connected[0] == 0
    assert connected[1]["verified_name"]
    assert setting[:2] == (0, setting[1] | {"on": True, "template": "hello", "params": ["name", "product"]})
    assert lead[0] == 0
    assert {"lead_id", "contact_id"} <= set(lead[1])
    assert synced[1] == {"templates": 1}
    assert gone[1] == {"disconnected": 1}


def test_a_token_that_proves_nothing_connects_nothing_and_is_not_repeated(
    flow: Flow, org: str, business: Business
) -> None:
    business.token = "EAAsomebodyelses"

    status, answer, said = business.connect(flow, org)

    assert status == 1
    assert answer["error"]["message"]
    assert business.token not in json.dumps(answer) + said


def test_a_batch_is_queued_in_the_order_given(flow: Flow, org: str, business: Business) -> None:
    business.connect(flow, org)
    flow("template", "sync", "--org", org)
    lines = "".join(
        json.dumps(
            {"to": f"+919000{n:06d}", "template": "hello", "language": "en", "param": [f"No {n}", "pumps"]}
        )
        + "\n"
        for n in range(1200)
    )

    status, queued, said = flow("message", "send", "--org", org, "--batch-stdin", stdin=lines)

    assert status == 0, said
    assert len(set(queued["message_ids"])) == 1200
    assert queued["message_ids"] == sorted(queued["message_ids"])


def test_a_refused_message_names_its_line(flow: Flow, org: str, business: Business) -> None:
    business.connect(flow, org)
    flow("template", "sync", "--org", org)
    good = {"to": "+919000000007", "template": "hello", "language": "en", "param": ["Asha", "pumps"]}
    lines = "\n".join(json.dumps(line) for line in (good, good | {"param": ["Asha"]}))

    status, answer, _ = flow("message", "send", "--org", org, "--batch-stdin", stdin=lines)

    assert status == 1
    assert answer["error"]["message"].startswith("Line 2:")
    assert answer["error"]["detail"] == "template_parameters"


def test_named_values_fill_a_named_template(flow: Flow, org: str, stack: RunningStack) -> None:
    business = Business(stack, parameter_format="NAMED", body="Hello {{name}}, about {{product}}.")
    business.connect(flow, org)
    flow("template", "sync", "--org", org)

    status, queued, _ = flow(
        "message", "send", "--org", org, "--to", "+919000000008", "--template", "hello", "--language", "en",
        "--param", "product=Pump", "--param", "name=Asha",
    )  # fmt: skip

    assert status == 0
    assert queued["message_id"] > 0


def test_a_second_sync_too_soon_is_refused_with_the_time_it_may_run(
    flow: Flow, org: str, stack: RunningStack
) -> None:
    key = f"key-{uuid4().hex}"
    httpx.post(f"{stack.sandbox_url}/_sandbox/indiamart/keys", json={"key": key}, trust_env=False)
    flow("indiamart", "connect", "--org", org, "--key-stdin", stdin=key + "\n")

    answers = [flow("indiamart", "sync", "--org", org) for _ in range(2)]

    refused = [answer["error"] for status, answer, _ in answers if status == 1]
    assert refused
    assert {error["detail"] for error in refused} <= {"sync_too_soon", "sync_running"}
    assert refused[0]["retry_at"].endswith("Z")
    assert key not in json.dumps(answers)


def test_the_push_address_is_told_once_and_replaced_on_request(
    flow: Flow, org: str, stack: RunningStack
) -> None:
    first = flow("indiamart", "push", "--org", org)
    again = flow("indiamart", "push", "--org", org)
    rotated = flow("indiamart", "push", "--org", org, "--rotate")

    assert first[1]["url"].startswith(f"{stack.workers_url}/webhooks/indiamart/")
    assert again[1]["error"]["detail"] == "push_already_set_up"
    assert rotated[1]["url"] != first[1]["url"]
    body = {"CODE": 200, "STATUS": "SUCCESS", "RESPONSE": {"UNIQUE_QUERY_ID": "1", "QUERY_TYPE": "W"}}
    assert httpx.post(first[1]["url"], json=body, trust_env=False).status_code == 401
    assert httpx.post(rotated[1]["url"], json=body, trust_env=False).status_code == 200


def test_keys_rotate_while_their_tokens_are_in_use(flow: Flow, org: str, business: Business) -> None:
    business.connect(flow, org)

    status, rotated, _ = flow("keys", "rotate")

    assert status == 0
    assert rotated["key_id"] >= 1
    assert rotated["rotated"] >= 1
    assert flow("template", "sync", "--org", org)[0] == 0


def test_replay_applies_what_waits_and_refuses_an_unknown_event(flow: Flow) -> None:
    everything = flow("replay")
    unknown = flow("replay", "999999999999")

    assert everything[0] == 0
    assert {"events", "applied", "dead"} <= set(everything[1])
    assert unknown[1]["error"]["detail"] == "event_unknown"


def test_an_organizations_conversations_are_rebuilt(flow: Flow, org: str) -> None:
    status, counted, _ = flow("rebuild", "--org", org)

    assert status == 0
    assert counted


def test_migrate_finds_nothing_missing_in_a_running_stack(flow: Flow) -> None:
    assert flow("migrate")[:2] == (0, {"applied": []})


def test_an_unknown_organization_is_refused(flow: Flow) -> None:
    status, answer, _ = flow("template", "sync", "--org", str(uuid4()))

    assert status == 1
    assert answer["error"]["detail"]
