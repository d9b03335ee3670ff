"""What the embedded stack consists of: each process, its environment, and how it tells it is ready."""

import os
import signal
import sys
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from workers.local import migrations
from workers.local.node import environment as node_environment
from workers.local.postgres import ENVIRONMENT, Postgres
from workers.local.stack import Stack

Say = Callable[[str], None]

# lite's own read only request.jwt.claim.*, and it writes them at every start; hosted reads both.
AUTH_FUNCTIONS = """
    create or replace function auth.uid() returns uuid language sql stable as $$ select coalesce(
      nullif(current_setting('request.jwt.claim.sub', true), ''),
      nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid $$;
    create or replace function auth.role() returns text language sql stable as $$ select coalesce(
      nullif(current_setting('request.jwt.claim.role', true), ''),
      nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role') $$;
    create or replace function auth.email() returns text language sql stable as $$ select coalesce(
      nullif(current_setting('request.jwt.claim.email', true), ''),
      nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'email') $$;
    create or replace function auth.jwt() returns jsonb language sql stable as $$ select coalesce(
      nullif(current_setting('request.jwt.claim', true), ''),
      nullif(current_setting('request.jwt.claims', true), ''))::jsonb $$;
"""


@dataclass
class Service:
    """One process of the stack."""

    name: str
    command: list[str]
    env: Mapping[str, str]
    needs: tuple[str, ...] = ()
    ready_word: bytes = b"Ready"
    stop_with: signal.Signals = signal.SIGTERM
    user: tuple[int, int] | None = None
    may_start: Callable[[], bool] = field(default=lambda: True)
    is_ready: Callable[[int], bool] | None = None  # instead of ready_word in its log
    once_ready: Callable[[Say], None] = field(default=lambda _: None)  # what the others wait for as well


def services(
    stack: Stack, given: Mapping[str, str], node: tuple[Path, Path], postgres: Postgres
) -> list[Service]:
    """Give the services in the order in which they start; they stop in reverse."""
    settings = stack.settings(given)
    made = [
        _postgres(postgres),
        _storage(stack),
        _gateway(stack, settings, *node),
        Service(
            "scheduler",
            [sys.executable, "-m", "workers.local.scheduler"],
            os.environ | {"FLOW_SCHEDULER_DSN": stack.dsn("supabase_admin")},
            needs=("gateway",),
        ),
    ]
    port = str(stack.ports["sandbox"])
    command = [
        sys.executable,
        "-m",
        "workers.sandbox",
        "--port",
        port,
        "--state",
        str(stack.data / "sandbox.json"),
        "--mail-port",
        str(stack.ports["mail"]),
    ]
    made.append(Service("sandbox", command, os.environ | settings))
    made.append(_workers(stack, settings))
    return made


def _postgres(postgres: Postgres) -> Service:
    def prepare(say: Say) -> None:
        if postgres.bootstrap():
            say("made roles, schemas and stand-ins")

    return Service(
        "postgres",
        postgres.command(),
        ENVIRONMENT,
        stop_with=signal.SIGINT,  # fast shutdown
        user=postgres.user,
        may_start=postgres.may_start,
        is_ready=postgres.is_ready,
        once_ready=prepare,
    )


def _storage(stack: Stack) -> Service:
    folder = stack.data / "storage"
    keys = {
        "FLOW_STORAGE_DSN": stack.dsn("supabase_storage_admin"),
        "FLOW_JWT_SECRET": stack.file.jwt_secret,
        "SUPABASE_PUBLISHABLE_KEY": stack.file.publishable_key,
        "SUPABASE_SECRET_KEY": stack.file.secret_key,
    }
    command = [sys.executable, "-m", "workers.local.storage", str(stack.ports["storage"]), str(folder)]
    return Service("storage", command, os.environ | keys, needs=("postgres",))


def _gateway(stack: Stack, settings: Mapping[str, str], node: Path, folder: Path) -> Service:
    site, own = settings["FLOW_PUBLIC_URL"], stack.url("gateway")
    env = node_environment(node) | {
        "LITE_TELEMETRY": "0",
        "NODE_NO_WARNINGS": "1",
        "FLOW_API_PORT": str(stack.ports["gateway"]),
        "FLOW_API_CALLBACK": f"{own}/auth/v1/callback",
        "FLOW_SITE_URL": site,
        "FLOW_SITE_URLS": f"{site}/**",
        "FLOW_LITE_DB_URL": stack.dsn("lite_api"),
        "FLOW_RPC_DB_URL": stack.dsn("authenticator"),
        "FLOW_JWT_SECRET": stack.file.jwt_secret,
        "FLOW_GOOGLE_SECRET": stack.file.google_secret,
        "FLOW_FAKE_GOOGLE": "1",
        "FLOW_STORAGE_URL": stack.url("storage"),
        "SUPABASE_PUBLISHABLE_KEY": stack.file.publishable_key,
        "SUPABASE_SECRET_KEY": stack.file.secret_key,
    }
    program = folder / "node_modules/@supabase/lite/dist/cli/index.js"
    start = ["start", "--no-admin", "--config", str(folder / "config.toml")]

    def prepare(say: Say) -> None:
        ask(stack, "/auth/v1/health")
        with psycopg.connect(stack.dsn("supabase_admin")) as connection:
            connection.execute(AUTH_FUNCTIONS)
        if applied := migrations.apply(stack.dsn("postgres"), say):
            say(f"applied {len(applied)} migrations")
        ask(stack, "/_system/introspect")  # makes the gateway read the new tables
        migrations.configure(stack.dsn("postgres"), stack.url("workers"), settings["FLOW_JOB_SECRET"])

    return Service(
        "gateway",
        [str(node), "--import", (folder / "preload.mjs").as_uri(), str(program), *start],
        env,
        needs=("postgres",),
        ready_word=b"Ready in",
        once_ready=prepare,
    )


def _workers(stack: Stack, settings: Mapping[str, str]) -> Service:
    command = [sys.executable, "-m", "gunicorn", "--config", "python:workers.gunicorn"]
    more = ["--bind", f"127.0.0.1:{stack.ports['workers']}", "--workers", "2", "--graceful-timeout", "8"]
    return Service(
        "workers",
        [*command, *more, "workers.wsgi:app"],
        os.environ | settings,
        needs=("gateway",),
    )


def ask(stack: Stack, path: str, process: str = "gateway", seconds: float = 10) -> bytes:
    """Ask a process of the stack for a page, with the secret key."""
    headers = {"apikey": stack.file.secret_key}
    request = urllib.request.Request(stack.url(process) + path, headers=headers)  # noqa: S310 (loopback)
    with urllib.request.urlopen(request, timeout=seconds) as response:  # noqa: S310
        body: bytes = response.read()
    return body
