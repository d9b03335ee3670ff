"""A database that records its calls and answers as told, for tests of the border before it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workers.database import Database
from workers.settings import Settings

Reply = dict[str, Any] | Exception | Callable[..., dict[str, Any]]

ENVIRONMENT = {
    "SUPABASE_URL": "http://127.0.0.1:9",
    "SUPABASE_PUBLISHABLE_KEY": "sb_publishable_test",
    "SUPABASE_SECRET_KEY": "sb_secret_test",
    "FLOW_PUBLIC_URL": "http://127.0.0.1:8",
    "FLOW_WORKERS": "meta,jobs",
    "FLOW_TELEMETRY": "off",
    "FLOW_JOB_SECRET": "job-secret-of-the-tests",
    "META_GRAPH_URL": "http://127.0.0.1:7",
    "META_APP_ID": "880100000000009",
    "META_APP_SECRET": "flow_test_secret_0001",
    "META_VERIFY_TOKEN": "verify-me",
}


def settings(**changes: str) -> Settings:
    """Give settings for tests, with changes."""
    return Settings.load(ENVIRONMENT | changes)


class RecordingDatabase(Database):
    """Keeps what was called; answers from a table of names, the last answer again and again."""

    def __init__(self, **replies: Reply | list[Reply]) -> None:
        super().__init__(settings())
        self.calls: list[tuple[str, dict[str, object]]] = []
        self.replies = {
            name: reply if isinstance(reply, list) else [reply] for name, reply in replies.items()
        }

    def rpc(self, name: str, /, **args: object) -> dict[str, Any]:
        """Record the call and give the next answer."""
        self.calls.append((name, args))
        replies = self.replies.get(name, [{}])
        reply = replies.pop(0) if len(replies) > 1 else replies[0]
        if isinstance(reply, Exception):
            raise reply
        return reply(**args) if callable(reply) else reply

    def named(self, name: str) -> list[dict[str, object]]:
        """Give the arguments of each call of one function."""
        return [args for called, args in self.calls if called == name]
