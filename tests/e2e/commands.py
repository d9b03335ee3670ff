"""An operator at the command line, and a business that has just come to Meta."""

import hashlib
import hmac
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import httpx
from dotenv import dotenv_values

from tests.warm import clean_environment, run_flow
from workers.sandbox.client import SandboxControl, Send

Json = dict[str, Any]
Answer = tuple[int, Json, str]


class RunningStack(Protocol):
    """What these tests need of a stack."""

    data: Path
    workers_url: str
    sandbox_url: str
    database_url: str


class Commands:
    """Runs flow commands against a stack; gives exit status, the one JSON object and standard error."""

    def __init__(self, stack: RunningStack, folder: Path) -> None:
        self.folder = folder
        self.env = clean_environment() | {"FLOW_DATA": str(stack.data)}

    def __call__(self, *words: str, stdin: str = "") -> Answer:
        done = run_flow([*words, "--json"], self.folder, self.env, stdin)
        answer = json.loads(done.stdout)
        assert isinstance(answer, dict), done.stdout
        return done.returncode, answer, done.stderr

    def done(self, *words: str, stdin: str = "") -> Json:
        """Run a command that must succeed; its answer."""
        status, answer, said = self(*words, stdin=stdin)
        assert status == 0, said
        return answer

    def refused(self, *words: str, stdin: str = "") -> Json:
        """Run a command that must be refused; its error."""
        status, answer, said = self(*words, stdin=stdin)
        assert status == 1, (answer, said)
        assert set(answer) == {"error"}
        error: Json = answer["error"]
        assert error["message"]
        assert error["detail"]
        return error

    def organization(self, name: str = "Kaveri Valves") -> str:
        """Make an organization with an owner of its own; its id."""
        return str(
            self.done("org", "create", name, "--owner", f"asha.{uuid4().hex[:12]}@example.com")["org_id"]
        )


class Business:
    """An account, a number and a template at the sandbox's Meta, of which Flow knows nothing yet."""

    def __init__(self, stack: RunningStack, **template: object) -> None:
        digits = str(uuid4().int)[:12]
        self.waba_id, self.phone_number_id, self.token = f"31{digits}", f"32{digits}", f"EAA{uuid4().hex}"
        self.sandbox = SandboxControl(stack.sandbox_url)
        body = {"name": "hello", "language": "en", "body": "Hello {{1}}, about {{2}}."} | template
        self.sandbox.put_account(
            {
                "waba_id": self.waba_id, "token": self.token, "templates": [body],
                "numbers": [{"phone_number_id": self.phone_number_id, "display_phone": "+91 11400 00001"}],
            }
        )  # fmt: skip

    def connect(self, flow: Commands, org: str) -> Answer:
        """Connect it to an organization."""
        return flow(
            "whatsapp", "connect", "--org", org, "--waba-id", self.waba_id,
            "--phone-number-id", self.phone_number_id, "--token-stdin", stdin=self.token + "\n",
        )  # fmt: skip

    def connected(self, flow: Commands, org: str) -> "Business":
        """Connect it, and read its templates."""
        status, answer, said = self.connect(flow, org)
        assert status == 0, (answer, said)
        flow.done("template", "sync", "--org", org)
        return self

    def heard(self, message: Json) -> Json:
        """What Meta posts when a customer has written a text to its number."""
        change = {
            "messaging_product": "whatsapp",
            "metadata": {"display_phone_number": "911140000001", "phone_number_id": self.phone_number_id},
            "contacts": [{"profile": {"name": f"Customer {message['from']}"}, "wa_id": message["from"]}],
            "messages": [{"timestamp": str(int(time.time())), "type": "text"} | message],
        }
        entry = {"id": self.waba_id, "changes": [{"field": "messages", "value": change}]}
        return {"object": "whatsapp_business_account", "entry": [entry]}

    def sends(self) -> list[Send]:
        """What Meta accepted from its number, in order."""
        return [send for send in self.sandbox.sends() if send.phone_number_id == self.phone_number_id]

    def times_sent(self) -> Counter[str | None]:
        """How often each of our messages was accepted, by its callback data."""
        return Counter(send.callback for send in self.sends())


class Meta:
    """Posts webhooks as Meta does: signed with the app's secret."""

    def __init__(self, stack: RunningStack) -> None:
        self.secret = str(dotenv_values(stack.data / "settings.env")["META_APP_SECRET"]).encode()
        self.http = httpx.Client(base_url=stack.workers_url, timeout=60, trust_env=False)

    def post(self, body: bytes | Json) -> int:
        """Post once; the answer's status."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        signature = hmac.digest(self.secret, raw, hashlib.sha256).hex()
        headers = {"X-Hub-Signature-256": f"sha256={signature}"}
        return self.http.post("/webhooks/meta", content=raw, headers=headers).status_code


def hello(people: Iterable[int]) -> str:
    """Lines for `flow message send --batch-stdin`: the template `hello` for each of these people."""
    line = {"template": "hello", "language": "en"}
    return "".join(
        json.dumps({"to": f"+9190{n:08d}", "param": [f"No {n}", "pumps"]} | line) + "\n" for n in people
    )


def eventually(holds: Callable[[], Any], seconds: float = 30, every: float = 0.05) -> Any:
    """Wait until something holds and give it; fail with the last answer when it never does."""
    end = time.monotonic() + seconds
    while not (found := holds()):
        assert time.monotonic() < end, f"not after {seconds} seconds: {found}"
        time.sleep(every)
    return found
