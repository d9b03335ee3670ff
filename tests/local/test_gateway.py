"""The embedded gateway answers as hosted Supabase does, whatever is thrown at it.

Every fault of @supabase/lite that workers/local/gateway repairs is a case: run this before moving its pins.
"""

from __future__ import annotations

import base64
import json
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import psycopg
import pytest

from workers.local.node import SOURCE
from workers.local.node import find as find_node

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


@pytest.fixture(scope="module")
def gateway(stack: SimpleNamespace) -> Iterator[Gateway]:
    gateway = Gateway(stack)
    with psycopg.connect(gateway.database_url, autocommit=True) as con:
        con.execute(SETUP)
    gateway.send("GET", "/_system/introspect", gateway.secret)
    yield gateway
    gateway.client.close()
    with psycopg.connect(gateway.database_url, autocommit=True) as con:
        con.execute(TEARDOWN)


@pytest.fixture(scope="module")
def asha(gateway: Gateway) -> Person:
    return gateway.sign_up()


@pytest.fixture(scope="module")
def vikram(gateway: Gateway) -> Person:
    return gateway.sign_up()


# --- calls of functions ----------------------------------------------------------------------------


def test_jsonb_and_array_arguments_arrive_as_they_were_sent(gateway: Gateway) -> None:
    reply = gateway.call("gw_args", {"a": 1, "d": {"x": [1, "é'$$"]}, "c": [1, 2]})

    assert reply.status_code == 200
    assert reply.json() == {"a": 1, "c": [1, 2], "d": {"x": [1, "é'$$"]}, "t": "object"}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("'; drop table public.gw_notes; --", id="sql"),
        pytest.param("$$ $f$ $1", id="dollar quotes"),
        pytest.param("\\'\\\\", id="backslashes"),
        pytest.param("😀 नमस्ते \u2028", id="scripts"),
        pytest.param("x" * 100_000, id="long"),
    ],
)
def test_text_arguments_cannot_leave_their_quotes(gateway: Gateway, text: str) -> None:
    assert gateway.call("gw_args", {"a": 1, "d": text}).json()["d"] == text


@pytest.mark.parametrize("number", ["9007199254740993", "12345678901234567890.123456789", "1e-7", "-0.10"])
def test_numbers_keep_every_digit(gateway: Gateway, number: str) -> None:
    reply = gateway.call("gw_args", b'{"a": 1, "d": [%s]}' % number.encode())

    with psycopg.connect(gateway.database_url) as con:
        as_postgres_writes_it = con.execute(
            "select jsonb_build_array(%s::numeric)::text", [number]
        ).fetchone()
    assert as_postgres_writes_it is not None
    assert f'"d": {as_postgres_writes_it[0]}' in reply.text


def test_rows_are_written_as_postgres_writes_json(gateway: Gateway) -> None:
    reply = gateway.call("gw_rows", {"n": 1})

    assert reply.text == '[{"at":"2026-01-02T03:04:05+00:00","num":1.50,"big":9007199254740993}]'
    assert reply.headers["content-type"] == "application/json; charset=utf-8"


def test_no_rows_are_an_empty_list_and_void_is_204(gateway: Gateway) -> None:
    assert gateway.call("gw_rows", {"n": 0}).json() == []
    assert (gateway.call("gw_void").status_code, gateway.call("gw_void").content) == (204, b"")


def test_one_object_is_given_when_asked_for(gateway: Gateway) -> None:
    one = {"Accept": "application/vnd.pgrst.object+json"}

    assert gateway.call("gw_rows", {"n": 1}, **one).json()["num"] == 1.5
    assert gateway.call("gw_rows", {"n": 2}, **one).status_code == 406


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        pytest.param({"a": 1, "z": 1}, 404, "PGRST202", id="unknown argument"),
        pytest.param({}, 404, "PGRST202", id="missing argument"),
        pytest.param({"a": "x"}, 400, "22P02", id="wrong type"),
        pytest.param({"a": 99999999999}, 400, "22003", id="out of range"),
        pytest.param([1], 404, "PGRST202", id="a list"),
        pytest.param(b"{bad", 400, "PGRST102", id="broken"),
        pytest.param(b'{"a": 1, "d": tru}', 400, "PGRST102", id="broken value"),
        pytest.param(b'{"a": 1} x', 400, "PGRST102", id="tail"),
        pytest.param(b"\xff\xfe", 400, "PGRST102", id="not utf-8"),
        pytest.param(b'{"a": 1, "d": "\x00"}', 400, "PGRST102", id="nul"),
        pytest.param(b'{"a": 1, "d": "\\u0000"}', 400, "22P05", id="nul escape"),
        pytest.param(b'{"a": 1, "d": "\\ud800"}', 400, None, id="lone surrogate"),
        pytest.param(b'{"a": 1, "d": ' + b"[" * 200_000 + b"]" * 200_000 + b"}", 400, "54001", id="deep"),
        pytest.param(b'{"a": 1, "d": ' + b"[" * 200_000, 400, "PGRST102", id="deep and broken"),
    ],
)
def test_bad_arguments_are_the_callers_fault(
    gateway: Gateway, body: object, status: int, code: str | None
) -> None:
    reply = gateway.call("gw_args", body)

    assert reply.status_code == status, reply.text
    assert reply.json().keys() == {"code", "details", "hint", "message"}
    assert code is None or reply.json()["code"] == code


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("P0001", 400),
        ("FL001", 400),
        ("PT402", 402),
        ("PT409", 409),
        ("PT503", 503),
        ("42501", 403),
        ("23505", 409),
        ("23514", 400),
        ("40001", 500),
        ("57014", 500),
        ("53300", 503),
        ("XX000", 500),
    ],
)
def test_a_raised_code_becomes_postgrests_status(gateway: Gateway, code: str, status: int) -> None:
    reply = gateway.call("gw_fail", {"code": code})

    assert reply.status_code == status
    assert reply.json() == {"code": code, "details": "d", "hint": "h", "message": "m"}


def test_an_unknown_function_schema_and_path_are_refused(gateway: Gateway) -> None:
    assert gateway.call("gw_none").json()["code"] == "PGRST202"
    assert gateway.call("gw_void", Content_Profile="private").json()["code"] == "PGRST106"
    assert gateway.call("a/b").status_code == 404
    assert gateway.call("%ff").status_code == 400
    assert gateway.call('gw_who"(); drop').status_code == 404


def test_overloads_that_both_fit_are_ambiguous(gateway: Gateway) -> None:
    assert gateway.call("gw_over", {"a": 1}).status_code == 300


def test_one_unnamed_jsonb_takes_the_whole_body(gateway: Gateway) -> None:
    assert [gateway.call("gw_whole", body).json() for body in ({"a": 1}, [1], "x")] == [
        "object",
        "array",
        "string",
    ]


def test_wrong_content_types_are_refused_and_forms_are_read(gateway: Gateway) -> None:
    assert gateway.call("gw_who", b"<a/>", Content_Type="text/xml").status_code == 400
    form = gateway.call("gw_args", b"a=7&d=%7B%7D", Content_Type="application/x-www-form-urlencoded")
    assert form.json()["a"] == 7


def test_stable_functions_cannot_write(gateway: Gateway) -> None:
    assert gateway.call("gw_write").status_code in (400, 405)  # plpgsql, or the transaction, refuses


def test_a_function_sets_status_and_headers(gateway: Gateway) -> None:
    reply = gateway.call("gw_headers")

    assert (reply.status_code, reply.headers["x-flow"], reply.json()) == (202, "yes", 7)


def test_a_replaced_function_is_seen_at_once(gateway: Gateway) -> None:
    def make(argument: str, answer: int) -> None:
        with psycopg.connect(gateway.database_url, autocommit=True) as con:
            con.execute("drop function if exists worker.gw_new")
            con.execute(
                f"create function worker.gw_new({argument} int) returns int language sql as 'select {answer}'"
            )
            con.execute("grant execute on function worker.gw_new to service_role")

    make("a", 1)
    assert gateway.call("gw_new", {"a": 1}).json() == 1
    make("b", 2)
    assert gateway.call("gw_new", {"b": 1}).json() == 2
    with psycopg.connect(gateway.database_url, autocommit=True) as con:
        con.execute("drop function worker.gw_new")
    assert gateway.call("gw_new", {"b": 1}).status_code == 404


# --- who is asking ---------------------------------------------------------------------------------


def test_a_person_and_the_secret_key_have_their_roles_and_timeouts(gateway: Gateway, asha: Person) -> None:
    person = gateway.call("gw_who", key=gateway.publishable, token=asha.token).json()
    service = gateway.call("gw_who").json()

    assert (person["role"], person["uid"], person["timeout"], person["read_only"]) == (
        "authenticated",
        asha.id,
        "8s",
        "on",
    )
    assert (service["role"], service["uid"], service["timeout"]) == ("service_role", None, "8s")
    assert person["path"].split(", ")[0] in ("public", '"public"')


def test_sql_does_not_see_keys_and_tokens(gateway: Gateway, asha: Person) -> None:
    seen = gateway.call(
        "gw_who", key=gateway.publishable, token=asha.token, X_Forwarded_For="1.2.3.4"
    ).json()["headers"]

    assert seen["x-forwarded-for"] == "1.2.3.4"
    assert not {"apikey", "authorization", "cookie"} & seen.keys()


def test_the_statement_timeout_of_a_role_holds(gateway: Gateway, asha: Person) -> None:
    with psycopg.connect(gateway.database_url, autocommit=True) as con:
        con.execute("alter role authenticated set statement_timeout = '700ms'")
    try:
        time.sleep(2.2)  # the gateway reads a role's settings again after a second, beside a call
        gateway.call("gw_sleep", {"seconds": 0}, key=gateway.publishable, token=asha.token)
        time.sleep(0.3)
        start = time.monotonic()
        reply = gateway.call("gw_sleep", {"seconds": 5}, key=gateway.publishable, token=asha.token)
        assert (reply.status_code, reply.json()["code"]) == (500, "57014")
        assert time.monotonic() - start < 3
    finally:
        with psycopg.connect(gateway.database_url, autocommit=True) as con:
            con.execute("alter role authenticated set statement_timeout = '8s'")


def forged(
    token: str,
    header: dict[str, str] | None = None,
    claims: dict[str, str] | None = None,
    signature: str | None = None,
) -> str:
    head, body, sign = token.split(".")

    def changed(part: str, more: dict[str, str]) -> str:
        value = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        return base64.urlsafe_b64encode(json.dumps(value | more).encode()).decode().rstrip("=")

    return ".".join(
        [
            changed(head, header or {}) if header else head,
            changed(body, claims) if claims else body,
            sign if signature is None else signature,
        ]
    )


FORGERIES = {
    "other role": lambda t: forged(t, claims={"role": "service_role"}),
    "other person": lambda t: forged(t, claims={"sub": str(uuid4())}),
    "alg none": lambda t: forged(t, header={"alg": "none"}, signature=""),
    "alg none, signed": lambda t: forged(t, header={"alg": "none"}),
    "alg RS256": lambda t: forged(t, header={"alg": "RS256"}),
    "cut": lambda t: t[:-3],
    "changed": lambda t: t[:-6] + "AAAAAA",
    "one part": lambda _: "abc",
    "only dots": lambda _: "..",
    "not base64": lambda _: "%%.%%.%%",
    "half": lambda t: t.split(".")[0] + ".",
    "header is null": lambda t: "bnVsbA." + t.split(".", 1)[1],
    "long": lambda _: "a" * 20_000,
    "wrong key": lambda _: "sb_secret_wrong",
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES.keys())
@pytest.mark.parametrize("with_key", ["publishable", "secret"])
def test_forged_and_broken_tokens_are_401_everywhere(
    gateway: Gateway, asha: Person, forge: Any, with_key: str
) -> None:
    key, token = getattr(gateway, with_key), forge(asha.token)

    assert gateway.call("gw_who", key=key, token=token).status_code == 401
    assert gateway.send("GET", "/rest/v1/gw_notes", key, token=token).status_code == 401
    assert gateway.send("GET", "/auth/v1/user", key, token=token).status_code in (401, 403)


def test_signing_out_ends_the_token(gateway: Gateway) -> None:
    person = gateway.sign_up()
    assert gateway.call("gw_who", key=gateway.publishable, token=person.token).status_code == 200

    gateway.send("POST", "/auth/v1/logout?scope=global", gateway.publishable, {}, token=person.token)

    assert gateway.call("gw_who", key=gateway.publishable, token=person.token).status_code == 401
    assert (
        gateway.send("GET", "/rest/v1/gw_notes", gateway.publishable, token=person.token).status_code == 401
    )


WITHOUT_SESSION = [
    ("GET", "/rest/v1/", None),
    ("GET", "/rest/v1/gw_notes", None),
    ("HEAD", "/rest/v1/gw_notes", None),
    ("GET", "/rest/v1/gw_notes?limit=0", None),
    ("GET", "/rest/v1/gw_notes?id=in.()", None),
    ("GET", "/rest/v1/gw_notes?select=id", None),
    ("POST", "/rest/v1/gw_notes", []),
    ("POST", "/rest/v1/gw_notes", {}),
    ("POST", "/rest/v1/gw_notes", {"id": 1}),
    ("PATCH", "/rest/v1/gw_notes?id=eq.1", {}),
    ("PATCH", "/rest/v1/gw_notes?id=eq.1", {"n": 1}),
    ("DELETE", "/rest/v1/gw_notes?id=eq.1", None),
    ("DELETE", "/rest/v1/gw_notes?limit=0", None),
    ("PUT", "/rest/v1/gw_notes?id=eq.1", {"id": 1}),
    ("POST", RPC + "gw_void", {}),
    ("GET", RPC + "gw_who", None),
    ("HEAD", RPC + "gw_who", None),
    ("POST", RPC + "gw_rows?num=eq.1", {"n": 1}),
    ("TRACE", "/rest/v1/gw_notes", None),
    ("GET", "/rest/v1/rpc/", None),
    ("GET", "/auth/v1/user", None),
    ("GET", "/auth/v1/admin/users", None),
    ("POST", "/auth/v1/admin/users", {"email": "x@example.com"}),
]


@pytest.mark.parametrize(("method", "path", "body"), WITHOUT_SESSION)
@pytest.mark.parametrize("key", ["none", "wrong", "publishable"])
def test_without_a_session_there_is_always_a_4xx(
    gateway: Gateway, method: str, path: str, body: object, key: str
) -> None:
    reply = gateway.send(
        method,
        path,
        {"none": None, "wrong": "sb_publishable_wrong", "publishable": gateway.publishable}[key],
        body,
    )

    assert 400 <= reply.status_code < 500, reply.text
    assert "gw_notes" not in reply.text or "permission denied" in reply.text


def test_a_refusal_without_a_session_comes_from_postgres(gateway: Gateway) -> None:
    for reply in (
        gateway.send("GET", "/rest/v1/gw_notes", gateway.publishable),
        gateway.call("gw_void", key=gateway.publishable),
    ):
        assert (reply.status_code, reply.json()["code"]) == (401, "42501")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [row for row in WITHOUT_SESSION if "/gw_notes" in row[1] and row[0] != "TRACE"],
)
def test_the_secret_key_cannot_touch_tables(gateway: Gateway, method: str, path: str, body: object) -> None:
    reply = gateway.send(method, path, gateway.secret, body)

    assert reply.status_code == 403
    assert method == "HEAD" or reply.json()["code"] == "42501"


def test_worker_functions_are_for_the_secret_key_only(gateway: Gateway, asha: Person) -> None:
    profile = {"Content_Profile": "worker"}

    assert gateway.call("gw_void").status_code == 204
    assert gateway.call("gw_void", key=gateway.publishable, token=asha.token, **profile).status_code == 403
    assert gateway.call("gw_void", key=gateway.publishable, **profile).status_code == 401


def test_the_secret_key_is_refused_from_a_browser(gateway: Gateway) -> None:
    assert gateway.call("gw_who", User_Agent="Mozilla/5.0 (X11; Linux)").status_code == 401


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/_system/info",
        "/_system/config",
        "/_system/ping",
        "//_system/info",
        "/rest/v1/../../_system/info",
        "/rest/v1/%2e%2e/%2e%2e/_system/info",
        "/%5fsystem/info",
        "/_system/introspect",
        "/graphql/v1",
        "/pg/v1",
        "//rest/v1/gw_notes",
        "/REST/v1/gw_notes",
        "/auth/v1/../../_system/info",
    ],
)
@pytest.mark.parametrize("key", ["none", "publishable"])
def test_nothing_but_the_api_can_be_reached(gateway: Gateway, path: str, key: str) -> None:
    address = urlsplit(gateway.url)
    with socket.create_connection(
        (address.hostname or "", address.port or 0), 10
    ) as wire:  # httpx would tidy the path
        shown = f"apikey: {gateway.publishable}\r\n" if key == "publishable" else ""
        wire.sendall(
            f"GET {path} HTTP/1.1\r\nHost: {address.netloc}\r\n{shown}Connection: close\r\n\r\n".encode()
        )
        reply = b"".join(iter(lambda: wire.recv(65536), b""))

    assert reply.split()[1] in (b"401", b"404"), reply[:300]
    assert b"postgresql://" not in reply


def test_preflights_of_any_address_are_answered(gateway: Gateway) -> None:
    for path in ("/auth/v1/token", RPC + "gw_who", "/rest/v1/gw_notes", "/storage/v1/object/x"):
        reply = gateway.send(
            "OPTIONS",
            path,
            None,
            Origin="http://127.0.0.1:1",
            Access_Control_Request_Method="POST",
            Access_Control_Request_Headers="apikey,x-odd",
        )
        assert (reply.status_code, reply.headers["access-control-allow-origin"]) == (204, "*")
        assert "x-odd" in reply.headers["access-control-allow-headers"]


def test_answers_and_refusals_can_be_read_from_another_origin(gateway: Gateway, asha: Person) -> None:
    replies = [
        gateway.call("gw_who"),
        gateway.call("gw_fail", {"code": "P0001"}),
        gateway.send("GET", "/rest/v1/gw_notes", None),
        gateway.send("GET", "/rest/v1/gw_notes", gateway.publishable, token=asha.token),
        gateway.send("GET", "/none", None),
    ]

    assert {reply.headers["access-control-allow-origin"] for reply in replies} == {"*"}


# --- tables ----------------------------------------------------------------------------------------


def test_a_person_sees_only_own_rows_with_exact_values(
    gateway: Gateway, asha: Person, vikram: Person
) -> None:
    made = gateway.send(
        "POST",
        "/rest/v1/gw_notes",
        gateway.publishable,
        {"id": 1, "doc": {"n": 1, "list": [1, {"a": "b"}]}},
        token=asha.token,
        Prefer="return=representation",
    )

    assert made.status_code == 201, made.text
    for text in (
        '"at":"2026-01-02T03:04:05.6+00:00"',
        '"day":"2026-01-02"',
        '"n":1.50',
        '"big":9007199254740993',
        '"raw":"\\\\x00ff"',
    ):
        assert text in made.text
    assert made.json()[0]["doc"] == {"n": 1, "list": [1, {"a": "b"}]}
    assert gateway.send("GET", "/rest/v1/gw_notes", gateway.publishable, token=vikram.token).json() == []
    assert len(gateway.send("GET", "/rest/v1/gw_notes", gateway.publishable, token=asha.token).json()) == 1


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        pytest.param({"id": 2, "e": "bad"}, 400, "23514", id="check"),
        pytest.param({"id": 1}, 409, "23505", id="duplicate"),
        pytest.param({"id": 3, "owner": "00000000-0000-4000-8000-000000000000"}, 403, "42501", id="policy"),
        pytest.param({"id": "x"}, 400, "22P02", id="type"),
        pytest.param(b"{bad", 400, "PGRST102", id="broken"),
    ],
)
def test_a_failed_write_to_a_table_says_why(
    gateway: Gateway, asha: Person, body: object, status: int, code: str
) -> None:
    gateway.send("POST", "/rest/v1/gw_notes", gateway.publishable, {"id": 1}, token=asha.token)

    reply = gateway.send("POST", "/rest/v1/gw_notes", gateway.publishable, body, token=asha.token)

    assert (reply.status_code, reply.json()["code"]) == (status, code), reply.text


def test_the_gateway_granted_nothing(gateway: Gateway) -> None:
    with psycopg.connect(gateway.database_url) as con:
        rows = con.execute(
            "select grantee, table_name, privilege_type from information_schema.role_table_grants"
            " where grantee in ('anon', 'service_role') and table_name = 'gw_notes'"
        ).fetchall()
    assert rows == []


# --- people ----------------------------------------------------------------------------------------


def test_an_operator_makes_people_as_on_hosted(gateway: Gateway) -> None:
    email = f"Gw-{uuid4()}@Example.com"
    made = gateway.send(
        "POST",
        "/auth/v1/admin/users",
        gateway.secret,
        {"email": email, "password": "secret-123", "email_confirm": True, "user_metadata": {"name": "Asha"}},
        token=gateway.secret,
    )

    assert (made.status_code, made.json()["email"], made.json()["user_metadata"]["name"]) == (
        200,
        email.lower(),
        "Asha",
    )
    signed_in = gateway.send(
        "POST",
        "/auth/v1/token?grant_type=password",
        gateway.publishable,
        {"email": email, "password": "secret-123"},
    )
    assert signed_in.status_code == 200
    again = gateway.send(
        "POST", "/auth/v1/admin/users", gateway.secret, {"email": email.upper()}, token=gateway.secret
    )
    assert (again.status_code, again.json()["error_code"]) == (422, "email_exists")
    user_id = made.json()["id"]
    assert gateway.send("GET", f"/auth/v1/admin/users/{user_id}", gateway.secret).json()["id"] == user_id
    assert gateway.send("DELETE", f"/auth/v1/admin/users/{user_id}", gateway.secret).status_code == 200
    assert (
        gateway.call("gw_who", key=gateway.publishable, token=signed_in.json()["access_token"]).status_code
        == 401
    )
    assert gateway.send("GET", f"/auth/v1/admin/users/{user_id}", gateway.secret).status_code == 404


def test_the_client_library_makes_people(gateway: Gateway) -> None:
    supabase = pytest.importorskip("supabase")
    client = supabase.create_client(gateway.url, gateway.secret)
    email = f"gw-{uuid4()}@example.com"

    made = client.auth.admin.create_user({"email": email, "email_confirm": True})

    assert made.user.email == email
    with pytest.raises(Exception, match="already been registered"):
        client.auth.admin.create_user({"email": email})
    assert any(user.id == made.user.id for user in client.auth.admin.list_users(page=1, per_page=5))
    client.auth.admin.delete_user(made.user.id)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"null",
        {"email": 1},
        {"email": "nobody"},
        {},
        {"email": "a@example.com", "password": "x"},
        {"email": "a@example.com", "password": "x" * 73},
        {"email": "a@example.com", "user_metadata": []},
    ],
)
def test_impossible_people_are_refused(gateway: Gateway, body: object) -> None:
    assert gateway.send("POST", "/auth/v1/admin/users", gateway.secret, body).status_code in (400, 422)


def test_what_sign_up_knows_of_a_person_is_an_object_in_the_database(gateway: Gateway) -> None:
    email = f"gw-{uuid4()}@example.com"
    gateway.send(
        "POST",
        "/auth/v1/signup",
        gateway.publishable,
        {"email": email, "password": "secret-123", "data": {"name": "Asha"}},
    )

    with psycopg.connect(gateway.database_url) as con:
        row = con.execute(
            "select raw_user_meta_data ->> 'name', raw_app_meta_data ->> 'provider'"
            " from auth.users where email = %s",
            [email],
        ).fetchone()

    assert row == ("Asha", "email")


def test_people_cannot_make_people(gateway: Gateway, asha: Person) -> None:
    reply = gateway.send(
        "POST", "/auth/v1/admin/users", gateway.publishable, {"email": "x@example.com"}, token=asha.token
    )

    assert reply.status_code == 403


def test_sign_in_refresh_and_sign_out_work_with_the_client_library(gateway: Gateway) -> None:
    supabase = pytest.importorskip("supabase")
    person = gateway.sign_up()
    client = supabase.create_client(gateway.url, gateway.publishable)

    client.auth.sign_in_with_password({"email": person.email, "password": person.password})
    first = client.auth.get_session().access_token
    client.auth.refresh_session()
    assert client.rpc("gw_who", {}).execute().data["uid"] == person.id
    client.auth.sign_out()

    assert gateway.call("gw_who", key=gateway.publishable, token=first).status_code == 401


def test_google_sign_in_needs_no_google(gateway: Gateway) -> None:
    email = f"gw-{uuid4()}@example.com"
    start = gateway.client.get(f"/auth/v1/authorize?provider=google&apikey={gateway.publishable}")
    page = httpx.URL(start.headers["location"])

    shown = gateway.client.get(str(page))
    chosen = gateway.client.get(str(page.copy_merge_params({"email": email, "name": "Asha Rao"})))
    done = gateway.client.get(chosen.headers["location"])

    assert page.path == "/fake-google"
    assert 'type="email"' in shown.text
    token = httpx.QueryParams(httpx.URL(done.headers["location"]).fragment)["access_token"]
    person = gateway.send("GET", "/auth/v1/user", gateway.publishable, token=token).json()
    assert (person["email"], person["user_metadata"]["name"]) == (email, "Asha Rao")


def test_the_google_page_returns_people_nowhere_else(gateway: Gateway) -> None:
    for address in ("https://example.com/", "", "//example.com", "not an address"):
        reply = gateway.client.get("/fake-google", params={"redirect_uri": address, "email": "a@example.com"})
        assert reply.status_code == 400


# --- floods, large bodies, lost connections --------------------------------------------------------


def test_five_megabytes_go_through(gateway: Gateway) -> None:
    many = [{"id": i, "text": 'a "quoted" \\ text $$'} for i in range(80_000)]
    body = json.dumps({"other": "x" * 2_000_000, "body": many}).encode()
    assert len(body) > 5_000_000

    reply = gateway.call("gw_size", body)

    assert reply.json() == 2_080_000


def test_an_enormous_body_is_413(gateway: Gateway) -> None:
    reply = gateway.call("gw_args", b'{"a": 1, "d": "' + b"x" * (33 * 1024 * 1024) + b'"}')

    assert reply.status_code == 413


def test_fifty_calls_at_once_all_succeed(gateway: Gateway, asha: Person) -> None:
    def one(i: int) -> object:
        if i % 2:
            return httpx.get(
                f"{gateway.url}/rest/v1/gw_notes?select=id",
                timeout=30,
                headers={"apikey": gateway.publishable, "Authorization": f"Bearer {asha.token}"},
            ).status_code
        return httpx.post(
            gateway.url + RPC + "gw_args",
            json={"a": i, "d": {"i": i}},
            headers={"apikey": gateway.secret, "Content-Profile": "worker"},
            timeout=30,
        ).json()["d"]["i"]

    with ThreadPoolExecutor(50) as pool:
        got = list(pool.map(one, range(100)))

    assert got == [200 if i % 2 else i for i in range(100)]


def test_more_slow_calls_than_connections_are_refused_not_left_hanging(gateway: Gateway) -> None:
    def slow(_: int) -> int:
        return httpx.post(
            gateway.url + RPC + "gw_sleep",
            json={"seconds": 6.5},
            headers={"apikey": gateway.secret, "Content-Profile": "worker"},
            timeout=30,
        ).status_code

    start = time.monotonic()
    with ThreadPoolExecutor(25) as pool:
        statuses = list(pool.map(slow, range(25)))

    assert time.monotonic() - start < 15
    assert set(statuses) == {200, 504}
    assert gateway.call("gw_who").status_code == 200


def raw(gateway: Gateway, data: bytes) -> None:
    """Sends part of a request and goes away."""
    address = urlsplit(gateway.url)
    with socket.create_connection((address.hostname or "", address.port or 0), 10) as wire:
        wire.sendall(data)


def test_clients_that_go_away_harm_nobody(gateway: Gateway) -> None:
    head = (
        f"POST {RPC}gw_sleep HTTP/1.1\r\nHost: x\r\napikey: {gateway.secret}\r\n"
        "Content-Type: application/json\r\nContent-Profile: worker\r\n"
    )
    for _ in range(30):
        raw(gateway, f"{head}Content-Length: 100\r\n\r\n{{".encode())
        raw(gateway, f'{head}Content-Length: 16\r\n\r\n{{"seconds": 0.1}}'.encode())
        raw(gateway, b"POST " + b"\x00\xff" * 10)
        raw(
            gateway, f"GET /rest/v1/gw_notes HTTP/1.1\r\nHost: x\r\napikey: {gateway.secret}\r\n\r\n".encode()
        )
    time.sleep(1)

    assert gateway.call("gw_who").status_code == 200


def test_a_call_whose_backend_is_killed_is_503_and_the_next_succeeds(gateway: Gateway) -> None:
    replies: list[httpx.Response] = []
    calling = threading.Thread(
        target=lambda: replies.append(
            httpx.post(
                gateway.url + RPC + "gw_sleep",
                json={"seconds": 5},
                headers={"apikey": gateway.secret, "Content-Profile": "worker"},
                timeout=30,
            )
        )
    )
    calling.start()
    with psycopg.connect(gateway.database_url, autocommit=True) as con:
        for _ in range(100):
            rows = con.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'flow-rpc'"
                " and state = 'active' and query like '%gw_sleep%'"
            ).fetchall()
            if rows:
                break
            time.sleep(0.03)
    calling.join(20)

    assert (replies[0].status_code, replies[0].headers["retry-after"]) == (503, "1")
    assert [gateway.call("gw_who").status_code for _ in range(20)] == [200] * 20


def test_idle_connections_that_were_killed_are_replaced(gateway: Gateway, asha: Person) -> None:
    with psycopg.connect(gateway.database_url, autocommit=True) as con:
        con.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where usename in ('authenticator', 'lite_api')"
        )
    time.sleep(0.3)

    replies = [gateway.call("gw_who") for _ in range(20)]

    assert [reply.status_code for reply in replies] == [200] * 20, replies[0].text
    assert gateway.send("GET", "/rest/v1/gw_notes", gateway.publishable, token=asha.token).status_code == 200


def test_the_gateways_own_tests_pass() -> None:
    node, _ = find_node()

    done = subprocess.run([node, "--test"], cwd=SOURCE, capture_output=True, text=True, timeout=120)

    assert done.returncode == 0, done.stdout[-4000:]
