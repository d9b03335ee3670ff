"""The API over real functions of a real database, in the one transaction of a test, rolled back."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import psycopg
from flask import Flask
from postgrest.exceptions import APIError

from tests.business import Business, text
from tests.database import Database
from tests.http.recording import settings
from workers import create_app
from workers import database as gateway
from workers.api.v1.routes import ROUTES
from workers.errors import from_api_error

SCOPES = [
    "contacts:read",
    "contacts:write",
    "conversations:read",
    "leads:read",
    "leads:write",
    "messages:send",
    "tasks:read",
    "tasks:write",
    "templates:read",
    "usage:read",
    "webhooks:manage",
]


class InTransaction(gateway.Database):
    """Calls `worker.*` as the workers' role on the test's connection; a refusal undoes its own call alone."""

    def __init__(self, db: Database) -> None:
        super().__init__(settings())
        self.db = db

    def rpc(self, name: str, /, **args: object) -> dict[str, Any]:
        """Call one function."""
        given = ", ".join(f"{key} => %({key})s" for key in args)
        values = {
            key: json.dumps(value) if isinstance(value, dict | list) else value for key, value in args.items()
        }
        self.db.as_service()
        try:
            with self.db.transaction():
                row = self.db.execute(f"select worker.{name}({given})", values).fetchone()
        except psycopg.Error as error:
            told = error.diag
            raise from_api_error(
                APIError(
                    {
                        "code": told.sqlstate,
                        "message": told.message_primary,
                        "details": told.message_detail,
                        "hint": told.message_hint,
                    }
                )
            ) from None
        finally:
            self.db.as_operator()
        assert row
        return row[0] or {}


class Api:
    """A business whose program calls the API with a key."""

    def __init__(self, db: Database, business: Business) -> None:
        self.db, self.business, self.org_id = db, business, business.org_id
        self.app: Flask = create_app(settings(FLOW_WORKERS="api"), database=InTransaction(db))
        self.http = self.app.test_client()
        self.key = self.new_key(SCOPES)

    def new_key(self, scopes: list[str]) -> str:
        """A key with these scopes."""
        made: dict[str, Any] = self.db.value(
            "select worker.create_api_key(%s, 'Program', %s)", self.org_id, scopes
        )
        return str(made["key"])

    def ask(self, method: str, path: str, body: Any = None, key: str | None = None, **headers: str) -> Any:
        """Ask with a key; the answer, which must have the shape that the table of routes promises."""
        answer = self.http.open(
            f"/api/v1{path}",
            method=method,
            data=None if body is None else json.dumps(body),
            base_url="http://127.0.0.1",
            headers={"Authorization": f"Bearer {key or self.key}", **headers},
        )
        bare = path.partition("?")[0]
        for route in ROUTES:
            pattern = re.sub(r"{\w+}", "[^/]+", route.path)
            is_its = (route.method, route.status) == (method, answer.status_code)
            if is_its and re.fullmatch(pattern, bare):
                route.answer.model_validate(answer.json)
        return answer

    def fill(self) -> dict[str, Any]:
        """Something of everything, and its ids by the name that paths have for them."""
        lead = self.ask("POST", "/leads", {"phone": "+919810000011", "name": "Asha", "product": "Pumps"}).json
        self.business.hear(text("wamid.in1", "Hello", at=int(time.time()), sender="919810000011"))
        (conversation, message) = self.db.row(
            "select conversation_id, id from public.messages where org_id = %s order by id desc limit 1",
            self.org_id,
        )
        task = self.ask(
            "POST",
            "/tasks",
            {"title": "Call", "lead_id": lead["lead_id"], "due_at": "2026-12-01T10:00:00+05:30"},
        )
        endpoint = self.ask(
            "POST", "/webhooks", {"url": "https://hooks.example.com/flow", "events": ["lead.created"]}
        )
        return {
            "lead_id": lead["lead_id"],
            "contact_id": lead["contact_id"],
            "conversation_id": str(conversation),
            "message_id": message,
            "task_id": task.json["task_id"],
            "endpoint_id": endpoint.json["endpoint_id"],
        }

    def refill(self) -> None:
        """Let the key ask as if it had not asked before."""
        self.db.execute("delete from private.paces")
