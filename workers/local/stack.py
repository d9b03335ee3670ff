"""One embedded stack: its data directory, its ports, and the secrets that were made for it."""

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from dotenv import dotenv_values
from pydantic import BaseModel, Field

from workers.local import StackError
from workers.push.vapid import new_private_key
from workers.settings import PUSH_HOSTS

DEFAULT_PORT = 7300
BLOCKED_PORTS = frozenset(
    (1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, *range(6665, 6670), 6679, 6697, 10080)
)
"""What no browser calls, as far as it is above 1023 (WHATWG Fetch, "port blocking")."""
PROCESSES = ("postgres", "storage", "gateway", "scheduler", "sandbox", "workers")


def _secret() -> str:
    return secrets.token_urlsafe(24)


def _long_secret() -> str:
    return secrets.token_urlsafe(48)


def private_key() -> str:
    """Make a service account's key, in one line as Google's JSON has it."""
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = made.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem.decode().replace("\n", "\\n")


class StackFile(BaseModel):
    """`stack.json`: what is decided once for a data directory. Keys that are new to it are made and added."""

    id: str = Field(default_factory=lambda: secrets.token_hex(8))
    port: int = DEFAULT_PORT
    admin_password: str = Field(default_factory=_secret)
    postgres_password: str = Field(default_factory=_secret)
    authenticator_password: str = Field(default_factory=_secret)
    gateway_password: str = Field(default_factory=_secret)
    storage_password: str = Field(default_factory=_secret)
    jwt_secret: str = Field(default_factory=_long_secret)
    google_secret: str = Field(default_factory=_secret)
    google_service_key: str = Field(default_factory=private_key)
    publishable_key: str = Field(default_factory=lambda: "sb_publishable_" + secrets.token_hex(16))
    secret_key: str = Field(default_factory=lambda: "sb_secret_" + secrets.token_hex(16))
    job_secret: str = Field(default_factory=_secret)
    meta_app_secret: str = Field(default_factory=lambda: secrets.token_hex(16))
    meta_verify_token: str = Field(default_factory=_secret)
    razorpay_key_secret: str = Field(default_factory=_secret)
    razorpay_webhook_secret: str = Field(default_factory=_secret)
    alarm_secret: str = Field(default_factory=_secret)
    vapid_private_key: str = Field(default_factory=new_private_key)


@dataclass(frozen=True)
class Stack:
    """Where everything of one embedded stack is."""

    data: Path
    file: StackFile

    @classmethod
    def open(cls, data: Path, port: int | None = None) -> "Stack":
        """Read a data directory, or make it; `port` is remembered in it."""
        data = data.expanduser().resolve()
        path = data / "stack.json"
        if not path.exists() and (data / "pgdata").exists():
            raise StackError(
                f"{data} has a database but no stack.json with its passwords: "
                "put the file back, or remove the directory.",
                "stack_file_missing",
            )
        try:
            old = path.read_text() if path.exists() else "{}"
            file = StackFile.model_validate_json(old)
        except ValueError as error:
            raise StackError(f"{path} cannot be read: {error}", "stack_file_unreadable") from error
        if port is not None:
            file.port = port
        if not 1024 <= file.port <= 65516:
            raise StackError(f"Port {file.port} is outside 1024 to 65516.", "port_invalid")
        stack = cls(data, file)
        if port is not None and (blocked := BLOCKED_PORTS.intersection(stack.ports.values())):
            raise StackError(
                f"Flow takes six ports from {file.port} on; no browser opens {min(blocked)}: choose another.",
                "port_blocked",
            )
        for folder in (data, stack.logs, stack.pids):
            folder.mkdir(parents=True, exist_ok=True)
        if json.loads(old) != file.model_dump():
            write_private(path, file.model_dump_json(indent=2))
        return stack

    @classmethod
    def find(cls, data: Path) -> "Stack | None":
        """Give the stack of a data directory, or None when there was never one."""
        return cls.open(data) if (data.expanduser() / "stack.json").exists() else None

    @property
    def logs(self) -> Path:
        return self.data / "logs"

    @property
    def pids(self) -> Path:
        return self.data / "pids"

    @property
    def ports(self) -> dict[str, int]:
        """Give the port of each process that listens, the workers' first."""
        names = ("workers", "gateway", "postgres", "storage", "sandbox", "mail")
        return {name: self.file.port + offset for offset, name in enumerate(names)}

    def url(self, process: str) -> str:
        """Give the loopback address of a process."""
        return f"http://127.0.0.1:{self.ports[process]}"

    def dsn(self, role: str) -> str:
        """Give the connection string of one of the roles that log in."""
        passwords = {
            "supabase_admin": self.file.admin_password,
            "postgres": self.file.postgres_password,
            "authenticator": self.file.authenticator_password,
            "lite_api": self.file.gateway_password,
            "supabase_storage_admin": self.file.storage_password,
        }
        return f"postgresql://{role}:{passwords[role]}@127.0.0.1:{self.ports['postgres']}/postgres"

    def settings(self, given: Mapping[str, str]) -> dict[str, str]:
        """Give the settings of this stack's workers; those `given` win over its sandbox's."""
        sandbox, public = self.url("sandbox"), self.url("workers")
        made = {
            "FLOW_PUBLIC_URL": public,
            "FLOW_REALTIME": "false",
            "FLOW_JOB_SECRET": self.file.job_secret,
            "FLOW_VAPID_PRIVATE_KEY": self.file.vapid_private_key,
            "FLOW_VAPID_SUBJECT": "mailto:flow@sandbox.test",
            "FLOW_PUSH_HOSTS": ",".join(("127.0.0.1", *PUSH_HOSTS)),
            "META_GRAPH_URL": sandbox,
            "META_SDK_URL": sandbox,
            "META_APP_ID": "100000000000001",
            "META_APP_SECRET": self.file.meta_app_secret,
            "META_VERIFY_TOKEN": self.file.meta_verify_token,
            "META_CONFIG_ID": "100000000000002",
            "INDIAMART_URL": sandbox,
            "GOOGLE_SHEETS_URL": sandbox,
            "GOOGLE_DRIVE_URL": sandbox,
            "GOOGLE_TOKEN_URL": f"{sandbox}/token",
            "GOOGLE_SERVICE_ACCOUNT_EMAIL": "flow@sandbox.iam.gserviceaccount.com",
            "GOOGLE_SERVICE_ACCOUNT_KEY": self.file.google_service_key,
            "RAZORPAY_URL": sandbox,
            "RAZORPAY_KEY_ID": "rzp_test_sandbox",
            "RAZORPAY_KEY_SECRET": self.file.razorpay_key_secret,
            "RAZORPAY_WEBHOOK_SECRET": self.file.razorpay_webhook_secret,
            "FLOW_SMTP_URL": f"smtp://127.0.0.1:{self.ports['mail']}",
            "FLOW_MAIL_FROM": "flow@sandbox.test",
            "FLOW_ALARM_MAIL_TO": "operators@sandbox.test",
            "FLOW_ALARM_WEBHOOK_URL": f"{sandbox}/alarms",
            "FLOW_ALARM_WEBHOOK_SECRET": self.file.alarm_secret,
        }
        if not given.get("INDIAMART_URL"):
            made["INDIAMART_MIN_INTERVAL_SECONDS"] = "5"
        own = {
            "SUPABASE_URL": self.url("gateway"),
            "SUPABASE_PUBLISHABLE_KEY": self.file.publishable_key,
            "SUPABASE_SECRET_KEY": self.file.secret_key,
            "FLOW_DATABASE_URL": self.dsn("postgres"),
        }
        return made | {k: v for k, v in given.items() if k in made or k.startswith(SETTINGS)} | own


SETTINGS = ("FLOW_", "META_", "INDIAMART_", "GOOGLE_", "RAZORPAY_", "STRIPE_", "SUPABASE_", "LOG_LEVEL")


def given_settings() -> dict[str, str]:
    """Read the settings that a person gave: ./.env, and the environment, which wins."""
    file = {k: v for k, v in dotenv_values(".env").items() if v}
    return file | {k: v for k, v in os.environ.items() if v}


def refuse_hosted_project(given: Mapping[str, str]) -> None:
    """Refuse to start beside a hosted project: nobody should take one for the other."""
    url = given.get("SUPABASE_URL", "")
    host = urlsplit(url).hostname or ""
    if url and host not in ("localhost", "127.0.0.1", "::1"):
        raise StackError(
            f"SUPABASE_URL names a project elsewhere ({host}): the embedded stack does not start beside it. "
            "Unset it here, or run the workers with gunicorn instead.",
            "hosted_project",
        )


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)
    part.replace(path)
