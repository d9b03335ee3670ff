"""The attacks of tests/promises/test_isolation.py, through the API that is open to the world."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID, uuid4

import httpx
import jwt
import pytest

from tests.conftest import RunningStack
from tests.database import Database
from tests.sql.attacks import Function, functions, key_of, relations
from tests.sql.planted import Planted, plant

NUMBERS = count(5001)


@dataclass(frozen=True)
class Api:
    """The gateway, and what there is to ask it for."""

    client: httpx.Client
    keys: dict[str, str]
    tables: list[str]
    views: set[str]
    functions: list[Function]
    planted: Planted
    tokens: dict[str, str]
    jwt_secret: str

    def ask(
        self, method: str, path: str, key: str | None, token: str | None = None, **more: Any
    ) -> httpx.Response:
        """Send one request with an API key and a session, or without."""
        headers = more.pop("headers", {})
        if key:
            headers["apikey"] = self.keys[key]
        if token:
            headers["Authorization"] = f"Bearer {token}"
        return self.client.request(method, path, headers=headers, **more)


@pytest.fixture(scope="module")
def api(stack: RunningStack) -> Iterator[Api]:
    """Organization A with something in every table, its owner, the owner of B, and a loner."""
    client = httpx.Client(base_url=stack.api_url, timeout=30)
    keys = {"publishable": stack.publishable_key, "secret": stack.secret_key}
    tokens, ids = {}, {}
    for who in ("owner", "stranger", "loner"):
        account = {"email": f"{who}.{uuid4().hex[:12]}@example.test", "password": "correct horse battery"}
        reply = client.post("/auth/v1/signup", json=account, headers={"apikey": keys["publishable"]})
        session = reply.raise_for_status().json()
        tokens[who], ids[who] = session["access_token"], UUID(session["user"]["id"])
    with Database.connect(stack.database_url) as db:
        a = db.value("select private.new_organization('A', %s)", ids["owner"])
        b = db.value("select private.new_organization('B', %s)", ids["stranger"])
        planted = plant(db, a, ids["owner"], next(NUMBERS))
        tables = [name.removeprefix("public.") for name in relations(db, "public")]
        views = {name for (name,) in db.rows("select viewname from pg_views where schemaname = 'public'")}
        found = functions(db, "public", "worker", "private")
    secret = json.loads((stack.data / "stack.json").read_text())["jwt_secret"]
    yield Api(client, keys, tables, views, found, planted, tokens, secret)
    client.close()
    with Database.connect(stack.database_url) as db:  # no worker does anything for them from now on
        db.execute("update public.organizations set deleted_at = now() where id = any (%s)", [[a, b]])


def everything(api: Api) -> list[tuple[str, str, dict[str, Any]]]:
    """Every request that one could make of a table or a function."""
    org_id = str(api.planted.org_id)
    asked: list[tuple[str, str, dict[str, Any]]] = []
    for table in api.tables:
        path, key = f"/rest/v1/{table}", key_of(f"public.{table}")
        where = {key: f"eq.{org_id}"}
        asked += [
            ("GET", path, {"params": {"select": key}}),
            ("GET", path, {"params": {"select": key} | where}),
        ]
        if table in api.views:
            continue  # they take no rows from anybody
        asked += [
            ("POST", path, {"json": {key: org_id}}),
            ("PATCH", path, {"params": where, "json": {key: org_id}}),
            ("DELETE", path, {"params": where}),
        ]
    for function in api.functions:
        values = {
            name: str(v) if isinstance(v, UUID) else v for name, v in function.values(api.planted.ids).items()
        }
        given = {name: {} if v == "{}" else v for name, v in values.items() if v is not None}
        asked.append(
            (
                "POST",
                f"/rest/v1/rpc/{function.name}",
                {"json": given, "headers": {"Content-Profile": function.schema}},
            )
        )
    return asked


def answers(api: Api, key: str | None, token: str | None, *, only: str = "") -> dict[str, httpx.Response]:
    return {
        f"{method} {path} {more.get('params', '')} {more.get('headers', '')}": api.ask(
            method, path, key, token, **more
        )
        for method, path, more in everything(api)
        if only in ("", more.get("headers", {}).get("Content-Profile", "public"))
    }


def let_through(found: dict[str, httpx.Response]) -> dict[str, tuple[int, str]]:
    return {
        asked: (reply.status_code, reply.text[:200])
        for asked, reply in found.items()
        if not 400 <= reply.status_code < 500
    }


def test_without_session_everything_is_refused(api: Api) -> None:
    assert let_through(answers(api, "publishable", None)) == {}


def test_without_key_everything_is_refused(api: Api) -> None:
    assert let_through(answers(api, None, None)) == {}


def test_secret_key_opens_no_table_and_no_function_of_people(api: Api) -> None:
    assert let_through(answers(api, "secret", None, only="public")) == {}
    assert let_through(answers(api, "secret", None, only="private")) == {}


@pytest.mark.parametrize("who", ["stranger", "loner"])
def test_session_of_an_outsider_gets_nothing(api: Api, who: str) -> None:
    found = answers(api, "publishable", api.tokens[who])

    faults = {asked: reply.text for asked, reply in found.items() if reply.status_code >= 500}
    leaks = {
        (asked, mark)
        for asked, reply in found.items()
        if reply.status_code < 400
        for mark in api.planted.marks
        if mark in reply.text
    }
    empty = ("[]", "")
    done = {
        asked: reply.text
        for asked, reply in found.items()
        if reply.status_code < 400
        and reply.text not in empty
        and str(api.planted.org_id) in str(reply.request.url) + reply.request.content.decode()
    }
    assert (faults, leaks, done) == ({}, set(), {})


def test_member_gets_what_is_theirs_by_the_same_requests(api: Api) -> None:
    """The requests above are no nonsense: the owner gets rows of every table by them."""
    where = {"org_id": f"eq.{api.planted.org_id}", "select": "org_id"}
    token = api.tokens["owner"]

    empty = [
        table
        for table in api.tables
        if table not in ("organizations", "profiles", "rate_cards")
        and table != "likely_duplicates"  # a job looks at planted pairs again, and drops those that are none
        and len(api.ask("GET", f"/rest/v1/{table}", "publishable", token, params=where).json()) == 0
    ]

    assert empty == []


def claims(**changes: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    base = {"role": "authenticated", "aud": "authenticated", "iat": now, "exp": now + timedelta(hours=1)}
    return base | changes


FORGED = [
    pytest.param(
        lambda api, sub: jwt.encode(claims(sub=sub), "x" * 48, "HS256"), id="signed with another secret"
    ),
    pytest.param(lambda api, sub: jwt.encode(claims(sub=sub), None, "none"), id="not signed"),
    pytest.param(
        lambda api, sub: jwt.encode(
            claims(sub=sub, exp=datetime.now(UTC) - timedelta(hours=1)), api.jwt_secret, "HS256"
        ),
        id="expired",
    ),
    pytest.param(
        lambda api, sub: jwt.encode(claims(sub=sub, role="service_role"), "x" * 48, "HS256"),
        id="a role of its own choice",
    ),
    pytest.param(lambda api, sub: api.tokens["owner"][:-4] + "AAAA", id="signature changed"),
    pytest.param(lambda api, sub: "nonsense", id="no token at all"),
]


@pytest.mark.parametrize("forge", FORGED)
def test_forged_or_expired_session_is_refused(api: Api, forge: Any) -> None:
    sub = jwt.decode(api.tokens["owner"], options={"verify_signature": False})["sub"]

    replies = [
        api.ask("GET", "/rest/v1/contacts", "publishable", forge(api, sub)),
        api.ask(
            "POST",
            "/rest/v1/rpc/inbox",
            "publishable",
            forge(api, sub),
            json={"org_id": str(api.planted.org_id)},
        ),
    ]

    assert [reply.status_code for reply in replies] == [401, 401]
