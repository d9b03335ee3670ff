"""The embedded gateway, and how to call it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import httpx

RPC = "/rest/v1/rpc/"

SETUP = Path(__file__).with_name("gateway.sql").read_text(encoding="utf-8")

TEARDOWN = SETUP[: SETUP.index("create table")]


class Gateway:
    """A running gateway, and how to call it."""

    def __init__(self, stack: SimpleNamespace) -> None:
        self.url: str = stack.api_url
        self.publishable: str = stack.publishable_key
        self.secret: str = stack.secret_key
        self.database_url: str = stack.database_url
        self.client = httpx.Client(base_url=self.url, timeout=30)

    def send(
        self,
        method: str,
        path: str,
        key: str | None,
        body: object = None,
        token: str | None = None,
        **headers: str,
    ) -> httpx.Response:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if key is not None:
            sent["apikey"] = key
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        if isinstance(body, bytes):
            return self.client.request(
                method, path, headers={"Content-Type": "application/json"} | sent, content=body
            )
        return (
            self.client.request(method, path, headers=sent, json=body)
            if body is not None
            else self.client.request(method, path, headers=sent)
        )

    def call(self, name: str, body: object = None, key: str | None = None, **more: Any) -> httpx.Response:
        """Call a function: of `worker` with the secret key alone, else of `public`."""
        is_service = key in (None, self.secret) and "token" not in more
        profile = {"Content_Profile": "worker" if is_service else "public"}
        return self.send(
            "POST", RPC + name, key or self.secret, {} if body is None else body, **profile | more
        )

    def sign_up(self) -> Person:
        email, password = f"gw-{uuid4()}@example.com", "secret-123"
        session = self.send(
            "POST", "/auth/v1/signup", self.publishable, {"email": email, "password": password}
        ).json()
        return Person(
            email, password, session["user"]["id"], session["access_token"], session["refresh_token"]
        )


class Person:
    """Somebody with a session."""

    def __init__(self, email: str, password: str, user_id: str, token: str, refresh_token: str) -> None:
        self.email, self.password, self.id, self.token, self.refresh_token = (
            email,
            password,
            user_id,
            token,
            refresh_token,
        )
