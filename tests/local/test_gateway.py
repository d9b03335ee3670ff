"""The embedded gateway answers as hosted Supabase does, whatever is thrown at it.

Every fault of @supabase/lite that workers/local/gateway repairs is a case: run this before moving its pins.
"""

from __future__ import annotations

import json
import socket
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest

from tests.local.gateway import RPC, Gateway, Person
from workers.local.node import SOURCE
from workers.local.node import find as find_node


@pytest.fixture(scope="module")
def vikram(gateway: Gateway) -> Person:
    return gateway.sign_up()


# calls of functions ---------------------------------------------------------------------------------------


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


# tables ---------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize(
    ("select", "found"),
    [
        ("id,gw_wholes!gw_part_of_whole(name)", [{"id": 10, "gw_wholes": {"name": "two"}}]),
        ("id,gw_wholes!gw_part_of_whole!inner(name)", [{"id": 10, "gw_wholes": {"name": "two"}}]),
    ],
)
def test_an_embedding_that_names_a_key_of_two_columns_joins_by_both(
    gateway: Gateway, asha: Person, select: str, found: object
) -> None:
    reply = gateway.send("GET", f"/rest/v1/gw_parts?select={select}", gateway.publishable, token=asha.token)

    assert reply.json() == found


def test_the_gateway_granted_nothing(gateway: Gateway) -> None:
    with psycopg.connect(gateway.database_url) as con:
        rows = con.execute(
            "select grantee, table_name, privilege_type from information_schema.role_table_grants"
            " where grantee in ('anon', 'service_role') and table_name = 'gw_notes'"
        ).fetchall()
    assert rows == []


# floods, large bodies, lost connections -------------------------------------------------------------------


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
            return gateway.client.get(
                "/rest/v1/gw_notes?select=id",
                timeout=30,
                headers={"apikey": gateway.publishable, "Authorization": f"Bearer {asha.token}"},
            ).status_code
        return gateway.client.post(
            RPC + "gw_args",
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
