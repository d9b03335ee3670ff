"""Templates are read from Meta whole, and what Meta says to a new one is told so that one can act on it."""

import json
from collections.abc import Callable

import httpx
import pytest

from tests.http.recording import RecordingDatabase, settings
from workers.errors import Refused
from workers.meta import templates
from workers.meta.graph import Graph

ORG, WABA, TOKEN = "00000000-0000-0000-0000-000000000001", "102290129340398", "EAAGcanary"
ACCESS = {
    "account_id": "a",
    "org_id": ORG,
    "waba_id": WABA,
    "token": TOKEN,
    "read_at": "2026-11-23T10:00:00Z",
}
LIST, DRAFT = f"GET {WABA}/message_templates", {"name": "hello", "language": "en", "components": []}
BEGUN = ACCESS | {
    "write_id": "w",
    "meta_id": "77",
    "draft": DRAFT | {"category": "UTILITY", "parameter_format": "NAMED"},
}
Answer = dict[str, object] | httpx.Response | Exception


class Meta:
    """Answers like Meta, and keeps every call."""

    def __init__(self, **answers: Answer) -> None:
        self.answers, self.calls = dict(answers), list[tuple[str, object]]()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        name = f"{request.method} {request.url.path.removeprefix('/v26.0/')}"
        self.calls.append(
            (name, json.loads(request.content) if request.content else dict(request.url.params))
        )
        assert request.headers["Authorization"] == f"Bearer {TOKEN}"
        answer = self.answers[name]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)

    def client(self) -> httpx.Client:
        return httpx.Client(transport=httpx.MockTransport(self))

    def graph(self) -> Graph:
        return Graph(self.client(), settings())


def error(code: int, subcode: int | None = None, status: int = 400, **more: object) -> httpx.Response:
    told = {"message": "Invalid parameter", "code": code, "error_subcode": subcode} | more
    return httpx.Response(
        status, json={"error": told}, headers={"Retry-After": "60"} if status == 429 else None
    )


# Reading ------------------------------------------------------------------------------------------------


def test_templates_of_an_account_are_stored_all_at_once():
    database = RecordingDatabase(account_access={"accounts": [ACCESS]}, store_templates={"templates": 2})
    meta = Meta(**{LIST: {"data": [{"name": "hello"}, {"name": "bye"}]}})

    assert templates.sync_templates(database, meta.graph(), ORG) == {"templates": 2}

    (stored,) = database.named("store_templates")
    assert stored == {
        "org_id": ORG,
        "account_id": "a",
        "templates": [{"name": "hello"}, {"name": "bye"}],
        "read_at": ACCESS["read_at"],
        "is_last": True,
    }


def test_many_templates_are_stored_in_parts_and_the_last_part_says_so():
    database = RecordingDatabase(account_access={"accounts": [ACCESS]})
    meta = Meta(**{LIST: {"data": [{"name": f"t{n}"} for n in range(1001)]}})

    assert templates.sync_templates(database, meta.graph(), ORG) == {"templates": 1001}

    parts = database.named("store_templates")
    assert [part["is_last"] for part in parts] == [False, False, True]
    assert [t["name"] for part in parts for t in part["templates"]] == [f"t{n}" for n in range(1001)]


UNREADABLE = [
    pytest.param(httpx.Response(500), 502, None, id="no answer"),
    pytest.param(httpx.ConnectError("away"), 502, None, id="away"),
    pytest.param(error(190, status=401), 422, 190, id="token refused"),
    pytest.param(error(80008, status=429), 422, 80008, id="too many calls"),
]


@pytest.mark.parametrize(("answer", "status", "code"), UNREADABLE)
def test_templates_that_cannot_be_read_whole_are_not_stored_and_the_database_knows_why(answer, status, code):
    database = RecordingDatabase(account_access={"accounts": [ACCESS]})

    with pytest.raises(Refused, match="reading the templates") as caught:
        templates.sync_templates(database, Meta(**{LIST: answer}).graph(), ORG)

    (failed,) = database.named("template_sync_failed")
    assert (caught.value.status, failed["code"]) == (status, code)
    assert failed["retry_seconds"] == (60 if code == 80008 else None)
    assert database.named("store_templates") == []


def test_templates_need_a_connected_account():
    with pytest.raises(Refused) as caught:
        templates.sync_templates(RecordingDatabase(account_access={"accounts": []}), Meta().graph(), ORG)

    assert caught.value.detail == "not_connected"


def test_the_job_reads_each_account_that_is_due_though_one_fails():
    other = ACCESS | {"account_id": "b", "waba_id": "9"}
    database = RecordingDatabase(
        claim_template_syncs=[{"accounts": [other]}, {"accounts": [ACCESS]}, {"accounts": []}],
        store_templates={"templates": 1},
    )
    meta = Meta(**{LIST: {"data": [{"name": "hello"}]}, "GET 9/message_templates": error(190, status=401)})

    counts = templates.run(database, meta.client(), settings())

    assert counts == {"accounts": 2, "templates": 1, "failed": 1, "more": False}
    assert [f["account_id"] for f in database.named("template_sync_failed")] == ["b"]


# Writing ------------------------------------------------------------------------------------------------

WRITES = [
    pytest.param("create", f"POST {WABA}/message_templates", BEGUN["draft"], id="create"),
    pytest.param(
        "edit", "POST 77", {"category": "UTILITY", "components": [], "parameter_format": "NAMED"}, id="edit"
    ),
    pytest.param(
        "delete", f"DELETE {WABA}/message_templates", {"name": "hello", "hsm_id": "77"}, id="delete"
    ),
]


@pytest.mark.parametrize(("action", "call", "sent"), WRITES)
def test_a_write_goes_to_meta_as_the_database_checked_it_and_its_answer_back(action, call, sent):
    database = RecordingDatabase(begin_template_write=BEGUN, finish_template_write={"status": "PENDING"})
    meta = Meta(**{call: {"id": "77", "status": "PENDING", "success": True}})

    assert templates.write(database, meta.graph(), action, ORG, DRAFT) == {"status": "PENDING"}

    assert meta.calls == [(call, sent)]
    assert database.named("finish_template_write") == [
        {"org_id": ORG, "write_id": "w", "outcome": "done", "answer": {"id": "77", "status": "PENDING"}}
    ]


def test_a_template_is_deleted_in_all_its_languages():
    begun = BEGUN | {"draft": {"name": "hello"}}
    database, meta = (
        RecordingDatabase(begin_template_write=begun),
        Meta(**{f"DELETE {WABA}/message_templates": {}}),
    )

    templates.write(database, meta.graph(), "delete", ORG, {"name": "hello"})

    assert meta.calls == [(f"DELETE {WABA}/message_templates", {"name": "hello"})]


USER_TITLE = {"error_user_title": "Variables", "error_user_msg": "Variables stand at the end."}
REFUSALS = [
    pytest.param(
        error(100, 2388299, **USER_TITLE),
        422,
        "template_refused",
        r"stand at the end.*2388299.*words before",
        id="known",
    ),
    pytest.param(
        error(100, 2388999, **USER_TITLE),
        422,
        "template_refused",
        "stand at the end.*submit it again",
        id="unknown",
    ),
    pytest.param(error(100, 2388024), 409, "template_exists", "another name", id="exists"),
    pytest.param(error(100, 2388019), 409, "template_limit", "delete some", id="too many templates"),
    pytest.param(error(190, status=401), 409, "not_connected", "connect WhatsApp again", id="token refused"),
    pytest.param(error(80008, status=429), 429, "template_limit", "no more calls", id="too many calls"),
]


@pytest.mark.parametrize(("answer", "status", "detail", "words"), REFUSALS)
def test_what_meta_refuses_says_why_and_what_to_do(answer, status, detail, words):
    database = RecordingDatabase(begin_template_write=BEGUN)

    with pytest.raises(Refused, match=words) as caught:
        templates.write(
            database, Meta(**{f"POST {WABA}/message_templates": answer}).graph(), "create", ORG, DRAFT
        )

    assert (caught.value.status, caught.value.detail) == (status, detail)
    assert (caught.value.retry_at is not None) == (status == 429)
    assert [f["outcome"] for f in database.named("finish_template_write")] == ["refused"]


LOST: list[Answer | Callable[[], Answer]] = [
    httpx.ReadTimeout("late"),
    httpx.Response(502),
    httpx.Response(200, json=[]),
    error(2, status=500),
]


@pytest.mark.parametrize("answer", LOST, ids=["timeout", "no answer", "nonsense", "an error of Meta's own"])
def test_a_lost_answer_is_told_as_such(answer):
    database = RecordingDatabase(begin_template_write=BEGUN)

    with pytest.raises(Refused, match="answer was lost") as caught:
        templates.write(
            database, Meta(**{f"POST {WABA}/message_templates": answer}).graph(), "create", ORG, DRAFT
        )

    assert caught.value.status == 502
    assert [f["outcome"] for f in database.named("finish_template_write")] == ["unknown"]


def test_meta_is_not_called_for_what_the_database_refuses():
    database, meta = RecordingDatabase(begin_template_write=Refused(422, "No.", "template_body")), Meta()

    with pytest.raises(Refused, match="No"):
        templates.write(database, meta.graph(), "create", ORG, DRAFT)

    assert meta.calls == []
