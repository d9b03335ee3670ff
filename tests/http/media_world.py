"""Meta, Storage and a database for the tests of files: sandbox, Storage stand-in, the real functions."""

from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.business import Business, fresh_org
from tests.database import LIMITS, Database
from tests.http.recording import settings
from tests.http.running_sandbox import RunningSandbox, running_sandbox
from workers import database as gateway
from workers.clients import outbound_client
from workers.local.storage.app import Storage
from workers.media.download import Limits
from workers.media.job import Worker

CUSTOMER = "919810000011"
QUICK = Limits(connect=1, read=1, total=2, slowest=1 << 40, patience=0.5, pace=1024)
_timestamps = itertools.count(int(time.time()) - 1000)


class SqlDatabase(gateway.Database):
    """Calls `worker.*` as the role of the workers, without a gateway in between."""

    def __init__(self, dsn: str) -> None:
        super().__init__(settings())
        self.connection = psycopg.connect(dsn, autocommit=True, options=LIMITS)
        self.connection.execute("set role service_role")

    def rpc(self, name: str, /, **args: object) -> dict[str, Any]:
        """Call one function."""
        given = ", ".join(f"{key} => %({key})s" for key in args)
        plain = {k: json.dumps(v) if isinstance(v, list | dict) else v for k, v in args.items()}
        row = self.connection.execute(f"select worker.{name}({given})", plain).fetchone()
        assert row
        return row[0] or {}


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


class MediaWorld:
    """A business whose number is at the sandbox's Meta, and a bucket to keep its files in."""

    def __init__(self, dsn: str, db: Database, sandbox: RunningSandbox, storage_url: str) -> None:
        self.dsn, self.db, self.sandbox, self.storage_url = dsn, db, sandbox, storage_url
        self.business = self.another()
        self.http = outbound_client(settings())

    def another(self) -> Business:
        """Another business, of another organization."""
        with self.db.transaction():
            made = Business(self.db, fresh_org(self.db))
        number = {"phone_number_id": made.phone_number_id, "display_phone": "+91 11400 00001"}
        self.sandbox.control.put_account({"waba_id": made.waba, "token": "EAAtoken", "numbers": [number]})
        return made

    @property
    def settings(self) -> Any:
        """The settings of a worker here."""
        return settings(META_GRAPH_URL=self.sandbox.server.url, SUPABASE_URL=self.storage_url)

    def hear(self, kind: str, content: bytes, mime_type: str, *, business: Business | None = None,
             more: dict[str, Any] | None = None, **tricks: object) -> str:  # fmt: skip
        """Let a customer send a file; its message's id."""
        business = business or self.business
        kept = self.sandbox.control.keep_media(business.phone_number_id, content, mime_type, **tricks)
        wamid = f"wamid.{uuid4().hex}"
        business.hear(
            {"from": CUSTOMER, "id": wamid, "timestamp": str(next(_timestamps)), "type": kind,
             kind: kept | (more or {})}
        )  # fmt: skip
        return wamid

    def row(self, wamid: str) -> dict[str, Any]:
        """The row of a message's file."""
        found: dict[str, Any] = self.db.value(
            "select to_jsonb(f) from public.media f join public.messages m"
            " on (m.org_id, m.id) = (f.org_id, f.message_id) where m.wamid = %s",
            wamid,
        )
        return found

    def asked(self, row: dict[str, Any]) -> dict[str, Any]:
        """How often Meta was asked for a file."""
        return next(m for m in self.sandbox.control.media() if m["id"] == row["meta_id"])

    def run(self, limits: Limits = QUICK) -> dict[str, Any]:
        """Run the job once, as one worker."""
        database = SqlDatabase(self.dsn)
        try:
            with Worker(database, self.http, self.settings, limits) as worker:
                return worker.drain()
        finally:
            database.connection.close()

    def due(self, row: dict[str, Any]) -> None:
        """Let the time come for another try."""
        self.db.execute(
            "update public.media set next_at = now() where id = %s and next_at is not null", [row["id"]]
        )

    def forget(self) -> None:
        """Leave nothing to be tried again."""
        self.db.execute("update public.media set status = 'failed', next_at = null where status = 'pending'")

    def stored(self, row: dict[str, Any]) -> httpx.Response:
        """What is in the bucket under a row's name."""
        key = {"apikey": "sb_secret_test", "Authorization": "Bearer sb_secret_test"}
        return httpx.get(
            f"{self.storage_url}/storage/v1/object/media/{row['path']}", headers=key, trust_env=False
        )


@contextmanager
def media_world(dsn: str, folder: Path) -> Iterator[MediaWorld]:
    """Start it all; at the end, nothing of it is left for another worker."""
    keys = {"sb_secret_test": "service_role", "sb_publishable_test": "anon"}
    app = Storage(dsn, folder, "secret", keys, 100 << 20)
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with (
            running_sandbox() as sandbox,
            Database.connect(dsn, options=LIMITS, autocommit=True) as db,
        ):
            world = MediaWorld(dsn, db, sandbox, f"http://127.0.0.1:{server.server_port}")
            yield world
            world.http.close()
            db.execute("update public.media set status = 'failed', next_at = null where status = 'pending'")
    finally:
        server.shutdown()
        server.server_close()
        app.rows.pool.close()
