"""P19, P23, P24: secrets with marks go through all that Flow does, also what fails; all is searched.

A secret may be where it was typed and in the memory of the call that needs it: not in a row, a log, an error,
an answer, the address of a request or the arguments of a process. A customer's number is in the rows that are
about the customer, and in no log and no error.
"""

from __future__ import annotations

import io
import json
import re
import secrets
import zipfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
import structlog
from dotenv import dotenv_values

from tests.conftest import METRICS_TOKEN, RunningStack
from tests.database import Database
from tests.e2e.commands import Business, Commands, Meta, eventually
from workers.logs import configure_logs

# What the database keeps for itself and Flow's operator alone, and what it forgets within minutes.
OF_THE_PLATFORM = ("net.", "cron.", "pg_catalog.", "information_schema.")
RELATIONS = """
    select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where c.relkind = 'r' and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast') order by 1
"""
PHONE = f"9198{secrets.randbelow(10**8):08d}"


class Canary:
    """Secrets that nobody else has, and everything that was answered while they were used."""

    def __init__(self, stack: RunningStack, folder: Path, db: Database) -> None:
        self.stack, self.db = stack, db
        self.flow, self.business, self.meta = Commands(stack, folder), Business(stack), Meta(stack)
        self.http = httpx.Client(base_url=stack.workers_url, timeout=30, trust_env=False)
        self.answers: list[str] = []
        self.archive = folder / "export.zip"
        configured = dotenv_values(stack.data / "settings.env")
        self.secrets = {
            "the token of a WhatsApp account": self.business.token,
            "a token that Meta refuses": f"EAA{secrets.token_hex(16)}",
            "IndiaMART's key": f"key-{secrets.token_hex(16)}",
            "IndiaMART's key that is refused": f"key-{secrets.token_hex(16)}",
            "a person's password": f"word {secrets.token_hex(12)}",
            "the app's secret": str(configured["META_APP_SECRET"]),
            "the jobs' secret": str(configured["FLOW_JOB_SECRET"]),
            "the project's secret key": str(configured["SUPABASE_SECRET_KEY"]),
            "Razorpay's secret": str(configured["RAZORPAY_KEY_SECRET"]),
        }

    def command(self, *words: str, stdin: str = "") -> dict[str, object]:
        """Run a command, well or not; what it printed is kept."""
        status, answer, said = self.flow(*words, stdin=stdin)
        self.answers.append(f"{status} {json.dumps(answer)} {said}")
        return answer

    def ask(self, method: str, path: str, **more: object) -> httpx.Response:
        """Ask the workers; the answer is kept, with its headers."""
        answer = self.http.request(method, path, **more)  # type: ignore[arg-type]
        self.answers.append(f"{answer.status_code} {dict(answer.headers)} {answer.text}")
        return answer

    def use(self) -> str:
        """Do with them all that Flow does, and all that can go wrong; gives the organization."""
        known, business = self.secrets, self.business
        email = f"canary.{uuid4().hex[:10]}@example.com"
        made = self.command(
            "org", "create", "Canary Traders", "--owner", email, "--password-stdin",
            stdin=known["a person's password"] + "\n",
        )  # fmt: skip
        org = str(made["org_id"])
        connect = (
            "whatsapp", "connect", "--org", org, "--waba-id", business.waba_id,
            "--phone-number-id", business.phone_number_id, "--token-stdin",
        )  # fmt: skip
        for name in ("a token that Meta refuses", "the token of a WhatsApp account"):
            self.command(*connect, stdin=known[name] + "\n")
        self.command("template", "sync", "--org", org)
        self._read_indiamart(org)
        self._write(org)
        self._send(org)
        self._break_in(org, email)
        self.command("export", "--org", org, "--to", str(self.archive))
        self.command("keys", "rotate")
        self.command("doctor")
        self.command("whatsapp", "disconnect", "--org", org)
        self.ask("GET", "/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"})
        self._wait_for_telemetry()
        return org

    def _wait_for_telemetry(self) -> None:
        """What the workers noted of all this stands in the tables, too."""
        sent = "select 1 from private.api_calls where provider = 'meta' and operation = 'POST messages'"
        heard = "select 1 from private.request_log where route ~ '^/webhooks/indiamart/' and status = 400"
        ran = "select 1 from private.job_runs where job = 'dispatch'"
        for query in (sent, heard, ran):
            eventually(lambda asked=query: self.db.rows(asked))  # type: ignore[misc]

    def _read_indiamart(self, org: str) -> None:
        known = self.secrets
        self.business.sandbox.put_indiamart_key(known["IndiaMART's key"])
        for name in ("IndiaMART's key that is refused", "IndiaMART's key"):
            self.command("indiamart", "connect", "--org", org, "--key-stdin", stdin=known[name] + "\n")
            self.command("indiamart", "sync", "--org", org)
        pushed = self.command("indiamart", "push", "--org", org)
        address = str(pushed["url"])
        known["the address that IndiaMART pushes to"] = address.rsplit("/", 1)[1]
        self.answers.pop()  # where the address is told, once
        path = httpx.URL(address).path
        for body in ({"RESPONSE": {"SENDER_MOBILE": PHONE}}, {"CODE": 429, "MESSAGE": PHONE}):
            self.ask("POST", path, json=body)
        self.ask("POST", path, content=b'{"SENDER_MOBILE": "' + PHONE.encode())

    def _write(self, org: str) -> None:
        person = ("--name", "Asha Canary", "--phone", f"+{PHONE}")
        self.command("lead", "add", "--org", org, *person, "--greet")
        self.command("lead", "add", "--org", str(uuid4()), *person)
        self.command("lead", "add", "--org", org, "--name", PHONE, "--phone", "not a number")
        key = self.db.value(
            "select worker.create_api_key(%s, 'Website', array['leads:write']) ->> 'key'", org
        )
        self.secrets["a key of the API"] = key
        bearer = {"Authorization": f"Bearer {key}"}
        for body in ({"name": "Asha", "phone": f"+{PHONE}"}, {"name": 7, "phone": f"+{PHONE}"}, [PHONE]):
            self.ask("POST", "/api/v1/leads", json=body, headers=bearer)
        self.ask("POST", "/api/v1/leads", json={}, headers={"Authorization": f"Bearer {key[:-1]}"})

    def _send(self, org: str) -> None:
        business, to = self.business, ("message", "send", "--org", org, "--to", f"+{PHONE}")
        self.command(*to, "--text", "outside of the window")
        hello = ("--template", "hello", "--language", "en", "--param", "Asha", "--param", "pumps")
        sent = self.command(*to, *hello)
        eventually(business.sends)
        wamid = "select wamid from public.messages where id = %s and wamid is not null"
        eventually(lambda: self.db.rows(wamid, sent["message_id"]))
        self.meta.post(business.heard({"id": f"wamid.{uuid4().hex}", "from": PHONE, "text": {"body": PHONE}}))
        self.meta.post(business.heard({"id": 7, "from": PHONE, "text": {"body": ["broken"]}}))
        self.meta.post(b'{"object": "whatsapp_business_account", "from": "' + PHONE.encode())
        forged = {"X-Hub-Signature-256": "sha256=" + "0" * 64}
        self.ask("POST", "/webhooks/meta", json=business.heard({"id": "w", "from": PHONE}), headers=forged)

    def _break_in(self, org: str, email: str) -> None:
        known = self.secrets
        for secret in (known["the app's secret"], known["the jobs' secret"] + "x"):
            self.ask("POST", "/jobs/dispatch", headers={"Authorization": f"Bearer {secret}"})
            self.ask("GET", f"/webhooks/meta?hub.mode=subscribe&hub.verify_token={secret}&hub.challenge=1")
            self.ask("GET", f"/nowhere/{org}?token={secret}&phone={PHONE}")
        self.ask("POST", "/jobs/dispatch", headers={"Authorization": "Bearer " + known["the jobs' secret"]})
        for word in (known["a person's password"], known["a person's password"] + "?"):
            httpx.post(
                f"{self.stack.api_url}/auth/v1/token?grant_type=password",
                json={"email": email, "password": word},
                headers={"apikey": self.stack.publishable_key}, trust_env=False,
            )  # fmt: skip

    def rows(self) -> Iterator[tuple[str, str]]:
        """Every table with all that stands in it."""
        for (table,) in self.db.rows(RELATIONS):
            if not table.startswith(OF_THE_PLATFORM):
                yield table, self.db.value(f"select coalesce(string_agg(t::text, e'\\n'), '') from {table} t")

    def exported(self) -> Iterator[tuple[str, str]]:
        """Every file of the organization's export."""
        with zipfile.ZipFile(self.archive) as archive:
            for name in archive.namelist():
                yield f"the export: {name}", archive.read(name).decode(errors="replace")

    def logs(self) -> Iterator[tuple[str, str]]:
        """What every process of the stack has written, and the arguments it was started with."""
        for log in self.stack.data.rglob("*.log"):
            yield log.name, log.read_text(errors="replace")
        for process in Path("/proc").glob("[0-9]*"):
            try:
                arguments = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:  # it has ended
                continue
            if str(self.stack.data) in arguments or "workers" in arguments:
                yield "the arguments of a process", arguments


@pytest.fixture(scope="module")
def canary(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Canary]:
    with Database.connect(stack.database_url, autocommit=True) as db:
        made = Canary(stack, tmp_path_factory.mktemp("canary"), db)
        made.use()
        yield made
        made.http.close()


def forms(secret: str) -> tuple[str, ...]:
    """A secret as text, and as the bytes of a column show it."""
    return secret, secret.encode().hex()


def test_P23_no_row_of_any_table_holds_a_secret(canary: Canary) -> None:
    found = {
        (name, table)
        for table, text in canary.rows()
        for name, secret in canary.secrets.items()
        if any(form in text for form in forms(secret))
    }

    assert found == set()


def test_P24_no_log_no_argument_no_answer_and_no_export_holds_a_secret(canary: Canary) -> None:
    told = [*canary.logs(), *canary.exported(), *(("an answer", answer) for answer in canary.answers)]
    found = {
        (name, where) for where, text in told for name, secret in canary.secrets.items() if secret in text
    }

    assert len(told) > 100
    assert any("flow_provider_calls_total{" in text for _, text in told), "/metrics is among the answers"
    assert any(PHONE in text for where, text in told if where.endswith("contacts.jsonl")), "it is exported"
    assert found == set()


def test_P24_whatever_a_line_of_the_log_is_told_it_hides_tokens_keys_and_people() -> None:
    stream = io.StringIO()
    configure_logs("INFO", stream)
    told = ("EAAGm0PX4ZCpsBAKZCvB7canary", "sb_secret_N7UND0UgjKTVK", "+919876543210", "asha@example.test")

    structlog.get_logger("flow").info("told " + " ".join(told), token=told[0], deep={"said": told})
    configure_logs("INFO")

    assert json.loads(stream.getvalue())["level"] == "info"
    assert [word for word in told if word in stream.getvalue()] == []


def test_P19_customers_number_is_where_the_customer_is_and_in_no_log_or_error(canary: Canary) -> None:
    rows = {table for table, text in canary.rows() if any(form in text for form in forms(PHONE))}
    told = {(where, line) for where, text in canary.logs() for line in text.splitlines() if PHONE in line}
    errors = [answer for answer in canary.answers if PHONE in answer]

    tables = {re.sub(r"_([0-9]{8}|default)$", "", table) for table in rows}
    assert {"public.contacts", "public.messages", "private.webhook_events"} <= tables <= HOLD_PEOPLE
    assert told == set()
    assert errors == []


HOLD_PEOPLE = {
    "public.contacts", "public.contact_points", "public.contact_identities", "public.leads",
    "public.messages", "public.conversations",
    "private.lead_words", "private.billing_facts", "private.webhook_events", "private.dead_letters",
    "public.sync_runs",  # the beginning of an answer of IndiaMART's that could not be read
}  # fmt: skip
