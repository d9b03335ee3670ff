"""The embedded gateway knows who is asking as hosted Supabase does, and people sign up, in and out."""

from __future__ import annotations

import base64
import json
import socket
import time
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import psycopg
import pytest

from tests.local.gateway import RPC, Gateway, Person

# who is asking --------------------------------------------------------------------------------------------


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
        assert time.monotonic() - start < 4.5
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


# people ---------------------------------------------------------------------------------------------------


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
