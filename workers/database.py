"""The one way from a worker to Postgres: functions of the schema `worker`, called through supabase-py.

A process has one client and one connection pool, made at the first call (so after a fork). What the database
undid whole is called again here. A call whose answer was lost may have been carried out, and only the caller
knows whether twice is harmless: they say so with `insist`.
"""

from __future__ import annotations

import base64
import json
import os
import re
import threading
import time
from typing import Any

import httpx
from postgrest.exceptions import APIError
from structlog.contextvars import get_contextvars
from supabase import Client, create_client
from supabase.lib.client_options import SyncClientOptions

from workers.errors import Busy, FlowError, Refused, Unavailable, from_api_error
from workers.settings import Settings, is_loopback
from workers.telemetry import trace

USER_AGENT = "flow-workers/1"
_PAUSES = (0.05, 0.25)  # seconds, before a call is made for the second and the third time
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TOKEN = re.compile(r"[\w-]+\.[\w-]+\.[\w-]+")


class Database:
    """Calls `worker.*` with the secret key; makes clients for signed-in people. Threads may share it."""

    def __init__(self, settings: Settings, *, seconds: float = 10, connections: int = 64) -> None:
        settings.require("supabase_url", "supabase_secret_key")
        self._settings = settings
        self._seconds, self._connections = seconds, connections
        self._lock = threading.Lock()
        self._process = 0
        self._pool: httpx.Client | None = None
        self._worker: Functions | None = None

    def rpc(self, name: str, /, **args: object) -> dict[str, Any]:
        """Call `worker.<name>` and give its JSON object ({} for null and void).

        Raises Refused when the function says no, Unavailable when the database cannot answer.
        """
        worker = self._worker
        if worker is None or self._process != os.getpid():
            worker = self._connect()
        return worker.rpc(name, **args)

    def insist(self, name: str, /, **args: object) -> dict[str, Any]:
        """As rpc, for what may be carried out twice: after a dropped connection again, at most twice."""
        for pause in _PAUSES:
            try:
                return self.rpc(name, **args)
            except Unavailable as error:
                if not error.is_brief:
                    raise
            time.sleep(pause)
        return self.rpc(name, **args)

    def as_person(self, jwt: str) -> Person:
        """Give the API as a signed-in person sees it, where RLS decides; Refused when it is no token."""
        if not _TOKEN.fullmatch(jwt):
            raise Refused(401, "Sign in first.", "not_signed_in")
        key = self._settings.secret("supabase_publishable_key")
        if self._worker is None or self._process != os.getpid():
            self._connect()
        client = self._client(key, {"Authorization": f"Bearer {jwt}"})
        return Person(client, _subject(jwt))

    def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        with self._lock:
            if self._pool is not None and self._process == os.getpid():
                self._pool.close()
            self._pool = self._worker = None

    def _connect(self) -> Functions:
        with self._lock:
            if self._worker is None or self._process != os.getpid():
                self._pool = _pool(str(self._settings.supabase_url), self._seconds, self._connections)
                client = self._client(self._settings.secret("supabase_secret_key"), {})
                self._worker = Functions(client, "worker")
                self._process = os.getpid()
            return self._worker

    def _client(self, key: str, headers: dict[str, str]) -> Client:
        options = SyncClientOptions(
            headers={"User-Agent": USER_AGENT, **headers},
            httpx_client=self._pool,
            auto_refresh_token=False,
            persist_session=False,
            postgrest_client_retry=False,
        )
        return create_client(str(self._settings.supabase_url), key, options)


class Functions:
    """The functions of one schema, with the errors of this code base.

    Calls go through the pool and with the headers of the supabase client, but not through its query builder,
    which takes half as long again as the call itself and hides the HTTP status of an error.
    """

    def __init__(self, client: Client, schema: str) -> None:
        api = client.schema(schema)
        self._pool = api.session
        self._url = f"{api.base_url}/rpc/"
        self._headers = httpx.Headers({**api.headers, "Content-Type": "application/json"})

    def rpc(self, name: str, /, **args: object) -> dict[str, Any]:
        """Call one function and give its JSON object ({} for null and void).

        The victim of a deadlock was undone whole: it is called again, at most twice.
        """
        for pause in _PAUSES:
            try:
                return self._call(name, args)
            except Busy:
                time.sleep(pause)
        return self._call(name, args)

    def _call(self, name: str, args: dict[str, object]) -> dict[str, Any]:
        headers = self._headers
        if request_id := get_contextvars().get("request_id"):
            headers = headers.copy()
            headers["X-Request-ID"] = request_id
            if work := trace.work():
                headers["traceparent"] = work.traceparent
        try:
            with trace.asking_database():
                response = self._pool.post(self._url + name, content=json.dumps(args), headers=headers)
        except httpx.TimeoutException as error:
            raise Unavailable(detail="timeout") from error
        except httpx.TransportError as error:
            raise Unavailable(is_brief=True) from error
        try:
            answer = json.loads(response.content) if response.content else None
        except (ValueError, RecursionError):
            answer = response  # whatever it is, it is no answer of PostgREST
        if response.is_success and isinstance(answer, dict | None):
            return answer or {}
        if response.is_success:
            raise FlowError(f"The database function {name} gave something other than an object.")
        raise from_api_error(_api_error(response.status_code, answer))


def _api_error(status: int, answer: object) -> APIError:
    """Give the error as the library would; without a code of its own, its code is the HTTP status."""
    error = answer if isinstance(answer, dict) else {}
    code = error.get("code")
    return APIError({**error, "code": code if isinstance(code, str) and code else str(status)})


class Person(Functions):
    """The functions of the schema `public`, called as a signed-in person."""

    def __init__(self, client: Client, subject: str | None = None) -> None:
        super().__init__(client, "public")
        self.client = client
        """The client itself, for reading views and tables."""
        self._subject = subject

    def rpc(self, name: str, /, **args: object) -> dict[str, Any]:
        """Call one function; what the database let through tells whose request this is."""
        answer = super().rpc(name, **args)
        if work := trace.work():
            work.user_id = self._subject
            work.org_id = str(args["org_id"]) if args.get("org_id") else work.org_id
        return answer


def _subject(jwt: str) -> str | None:
    """Give whom a token names. It is believed only once the database has taken the token."""
    payload = jwt.split(".")[1]
    try:
        named = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["sub"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return named if isinstance(named, str) and _UUID.fullmatch(named) else None


def _pool(url: str, seconds: float, connections: int) -> httpx.Client:
    return httpx.Client(
        timeout=httpx.Timeout(seconds, connect=min(seconds, 5)),
        transport=httpx.HTTPTransport(
            http1=True,
            http2=False,
            retries=1,  # of connecting only: nothing was sent yet
            limits=httpx.Limits(
                max_connections=connections,
                max_keepalive_connections=connections,
                # The local gateway, as Node does, hangs up after 5 idle seconds.
                keepalive_expiry=4 if is_loopback(url) else 30,
            ),
        ),
        follow_redirects=False,
        trust_env=False,
    )
