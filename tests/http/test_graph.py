"""Whether a message left, and may be sent again, is decided by how far the request came."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from tests.http.recording import settings
from workers.clients import outbound_client
from workers.errors import FlowError, ProviderError
from workers.meta.graph import Graph, GraphError, Outcome

TOKEN = "EAAGcanary"
ERROR = {
    "error": {
        "message": "(#131047) Re-engagement message",
        "type": "OAuthException",
        "code": 131047,
        "error_subcode": 2494055,
        "error_data": {"messaging_product": "whatsapp", "details": "More than 24 hours have passed"},
        "fbtrace_id": "Az8",
    }
}


def graph_of(reply: httpx.Response | Exception, seen: list[httpx.Request] | None = None) -> Graph:
    def answer(request: httpx.Request) -> httpx.Response:
        if seen is not None:
            seen.append(request)
        if isinstance(reply, Exception):
            raise reply
        return reply

    return Graph(httpx.Client(transport=httpx.MockTransport(answer)), settings())


def send(reply: httpx.Response | Exception, seen: list[httpx.Request] | None = None) -> Outcome:
    return graph_of(reply, seen).send_message("106540352242922", TOKEN, {"type": "text"})


ACCEPTED = {"messaging_product": "whatsapp", "contacts": [{"wa_id": "1"}], "messages": [{"id": "wamid.X"}]}

ANSWERS = [
    pytest.param(httpx.Response(200, json=ACCEPTED), "accepted", id="message id"),
    pytest.param(httpx.Response(400, json=ERROR), "error", id="error object"),
    pytest.param(httpx.Response(500, json=ERROR), "error", id="error object with 500"),
    pytest.param(httpx.Response(200, json=ERROR), "error", id="error object with 200"),
    pytest.param(httpx.Response(429, text="slow down"), "error", id="4xx without error object"),
    pytest.param(httpx.Response(500, text="<html>"), "unknown", id="5xx without error object"),
    pytest.param(httpx.Response(502, json={"a": 1}), "unknown", id="5xx with other JSON"),
    pytest.param(httpx.Response(200, json={"messages": []}), "unknown", id="200 without message"),
    pytest.param(httpx.Response(200, json={"messages": [{"id": ""}]}), "unknown", id="200 with empty id"),
    pytest.param(httpx.Response(200, json=[1]), "unknown", id="200 with a list"),
    pytest.param(httpx.Response(200, text="ok"), "unknown", id="200 without JSON"),
    pytest.param(httpx.Response(200, text="[" * 100_000), "unknown", id="200 nested deeply"),
    pytest.param(httpx.Response(302, headers={"Location": "https://x"}), "unknown", id="redirect"),
    pytest.param(httpx.ReadTimeout("t"), "unknown", id="no answer in time"),
    pytest.param(httpx.WriteTimeout("t"), "unknown", id="stuck while sending"),
    pytest.param(httpx.ReadError("r"), "unknown", id="reset"),
    pytest.param(httpx.RemoteProtocolError("d"), "unknown", id="hung up without answer"),
    pytest.param(httpx.ConnectError("c"), "not_sent", id="could not connect"),
    pytest.param(httpx.ConnectTimeout("t"), "not_sent", id="could not connect in time"),
    pytest.param(httpx.PoolTimeout("t"), "not_sent", id="no free connection"),
]


@pytest.mark.parametrize(("reply", "outcome"), ANSWERS)
def test_send_has_the_outcome_that_its_answer_proves(reply, outcome):
    assert send(reply).outcome == outcome


def test_accepted_send_carries_the_message_id():
    assert send(httpx.Response(200, json=ACCEPTED)).as_result() == {
        "outcome": "accepted",
        "wamid": "wamid.X",
        "http_status": 200,
    }


def test_refused_send_carries_metas_words():
    reply = httpx.Response(400, json=ERROR, headers={"Retry-After": "30"})

    assert send(reply).as_result() == {
        "outcome": "error",
        "http_status": 400,
        "code": 131047,
        "subcode": 2494055,
        "title": "(#131047) Re-engagement message",
        "details": "More than 24 hours have passed",
        "retry_after": 30,
    }


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("5", 5), ("1.2", 2), ("-4", 0), ("999999999", 86_400), ("nan", None), ("inf", None), ("soon", None)],
)
def test_wait_that_meta_asks_for_is_bounded(header, seconds):
    assert send(httpx.Response(429, json=ERROR, headers={"Retry-After": header})).retry_after == seconds


def test_wait_may_be_an_instant():
    instant = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)

    assert (
        55 <= (send(httpx.Response(429, json=ERROR, headers={"Retry-After": instant})).retry_after or 0) <= 60
    )


@pytest.mark.parametrize("code", ["131047", 131047])
def test_error_code_may_be_text(code):
    assert send(httpx.Response(400, json={"error": {"code": code}})).code == 131047


@pytest.mark.parametrize(
    "error", [{"code": None}, {"code": [1]}, {"code": "x", "error_data": "y", "message": 7}]
)
def test_odd_error_objects_are_errors_without_a_code(error):
    outcome = send(httpx.Response(400, json={"error": error}))

    assert (outcome.outcome, outcome.code) == ("error", None)


def test_metas_words_cannot_break_the_batch_of_results():
    outcome = send(httpx.Response(400, text='{"error":{"code":1,"message":"a\\u0000b\\ud800c"}}'))

    assert outcome.title == "ab?c"


def test_token_travels_in_the_header_only():
    seen: list[httpx.Request] = []

    send(httpx.Response(200, json=ACCEPTED), seen)

    assert seen[0].headers["Authorization"] == f"Bearer {TOKEN}"
    assert str(seen[0].url) == "http://127.0.0.1:7/v26.0/106540352242922/messages"
    assert TOKEN not in seen[0].content.decode()
    assert json.loads(seen[0].content) == {"type": "text"}


@pytest.mark.parametrize("token", ["", "a b", "a\nb", "é"])
def test_unreadable_token_is_never_sent(token):
    seen: list[httpx.Request] = []

    outcome = graph_of(httpx.Response(200, json=ACCEPTED), seen).send_message("1", token, {})

    assert (outcome.outcome, outcome.code, seen) == ("error", 190, [])


def test_refused_call_raises_with_metas_words():
    with pytest.raises(GraphError) as caught:
        graph_of(httpx.Response(403, json=ERROR)).get("1", TOKEN)

    error = caught.value
    assert (error.code, error.subcode, error.http_status) == (131047, 2494055, 403)
    assert "More than 24 hours" in error.message


@pytest.mark.parametrize(
    "reply",
    [
        httpx.Response(500, text="x"),
        httpx.Response(200, json=[]),
        httpx.Response(301),
        httpx.ReadTimeout("t"),
    ],
)
def test_call_without_a_readable_answer_is_the_providers_failure(reply):
    with pytest.raises(ProviderError) as caught:
        graph_of(reply).get("1", TOKEN)

    assert not isinstance(caught.value, GraphError)


def paged(request: httpx.Request) -> httpx.Response:
    after = request.url.params.get("after")
    page = {None: (1, "c1"), "c1": (2, "c2"), "c2": (3, None)}[after]
    paging = {"cursors": {"after": page[1]}, "next": "https://evil.example/steal"} if page[1] else {}
    return httpx.Response(200, json={"data": [{"n": page[0]}, "odd"], "paging": paging})


def test_pages_follow_cursors_and_never_links():
    graph = Graph(httpx.Client(transport=httpx.MockTransport(paged)), settings())

    assert [item["n"] for item in graph.pages("1/message_templates", TOKEN, limit="1")] == [1, 2, 3]


def test_pages_end_when_the_cursor_stands_still():
    stuck = httpx.Response(200, json={"data": [{}], "paging": {"cursors": {"after": "c"}, "next": "x"}})

    assert len(list(graph_of(stuck).pages("1/x", TOKEN))) == 2


def test_calls_out_of_flow_refuse_plain_http_to_other_machines():
    with outbound_client(settings()) as http, pytest.raises(FlowError, match="without TLS"):
        http.get("http://203.0.113.9/")
