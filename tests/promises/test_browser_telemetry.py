"""P07: what browsers tell of their pages and errors is captured, scrubbed, and nothing more."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from flask.testing import FlaskClient
from playwright.sync_api import expect

from tests.browser.conftest import database, flow, shop, window  # noqa: F401 (fixtures)
from tests.browser.shop import Shop
from tests.browser.window import Window
from tests.database import Database, Person
from tests.e2e.commands import eventually
from tests.http.direct import DirectDatabase
from tests.http.recording import settings
from workers.app import build
from workers.database import Person as Asking
from workers.errors import Refused

PHONE, TOKEN = "+91 98765 43210", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmVk"
VIEW = {
    "kind": "view",
    "at": 1.0,
    "route": "/inbox/:id",
    "navigation": "route",
    "visible_ms": 1200,
    "lcp_ms": 900,
}
ERROR = {
    "kind": "error", "at": 1.0, "type": "TypeError", "message": "x is undefined", "route": "/inbox",
    "frames": [{"file": "pages/inbox/page.js", "line": 3, "function": "Inbox", "in_app": True}],
    "source": "page.js:3:1",
}  # fmt: skip


class Here(DirectDatabase):
    """The real functions; somebody is known by their token."""

    def __init__(self, connection: Database, people: dict[str, Person]) -> None:
        super().__init__(connection)
        self.people = people

    def as_person(self, jwt: str) -> Asking:
        """The functions of somebody with this token."""
        if jwt not in self.people:
            raise Refused(401, "Sign in first.", "not_signed_in")
        return self.person(self.people[jwt])


@pytest.fixture
def asha(person: Callable[..., Person]) -> Person:
    return person("Asha")


@pytest.fixture
def ours(org: Callable[..., UUID], asha: Person) -> UUID:
    return org(asha)


@pytest.fixture
def client(db: Database, asha: Person) -> FlaskClient:
    """The API, to which Asha says `asha`."""
    return build(settings(FLOW_WORKERS="api"), Here(db, {"asha": asha}), None).test_client()


def tell(
    client: FlaskClient, *items: object, org_id: object = None, who: str | None = "asha", **headers: str
) -> int:
    """Send a report; the status of the answer."""
    signed = {"Authorization": f"Bearer {who}"} if who else {}
    agent = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 Chrome/140.0.0.0 Mobile Safari/537.36"
    report = {"org_id": str(org_id) if org_id else None, "release": "0123abcd", "items": list(items)}
    answer = client.post("/api/telemetry", json=report, headers={"User-Agent": agent, **signed, **headers})
    return answer.status_code


def noted(db: Database, table: str, columns: str) -> list[tuple[Any, ...]]:
    db.as_operator()
    return db.rows(f"select {columns} from private.{table} order by id")


def as_staff(db: Database, who: Person) -> Database:
    db.as_operator().execute(
        "insert into private.support_staff (user_id) values (%s) on conflict do nothing", [who.id]
    )
    return db.as_person(who)


# What is captured


def test_P07_of_a_page_view_these_things_are_noted_and_nothing_more(db: Database, asha: Person) -> None:
    told = {one["table"]: one for one in db.as_person(asha).value("select public.what_is_recorded()")}

    views = told["page_views"]
    assert {field["name"] for field in views["fields"]} == {
        "occurred_at", "org_id", "user_id", "trace_id", "release", "route", "navigation", "visible_ms",
        "load_ms", "ttfb_ms", "lcp_ms", "inp_ms", "cls", "ip_prefix", "os", "browser", "device",
    }  # fmt: skip
    assert views["keeps"] == {"months": 0, "days": 30, "hours": 0}
    assert {name for name, one in told.items() if one["is_of_somebody"]} == {
        "request_log", "page_views", "error_events", "api_calls", "audit_log"
    }  # fmt: skip


def test_P07_what_a_browser_tells_is_noted_with_who_told_it(
    db: Database, client: FlaskClient, ours: UUID, asha: Person
) -> None:
    assert tell(client, VIEW, ERROR, org_id=ours) == 204

    columns = "org_id, user_id, route, visible_ms, lcp_ms, cls, os, browser, ip_prefix::text, release"
    assert noted(db, "page_views", columns) == [
        (ours, asha.id, "/inbox/:id", 1200, 900, None, "Android", "Chrome Mobile", "127.0.0.0/24", "0123abcd")
    ]  # fmt: skip
    assert noted(db, "error_events", "org_id, user_id, side, type, message, route") == [
        (ours, asha.id, "browser", "TypeError", "x is undefined", "/inbox")
    ]
    assert db.value("select count from private.error_groups") == 1


def test_P07_who_and_for_whom_is_decided_by_the_session_alone(
    db: Database, client: FlaskClient, ours: UUID, org: Callable[..., UUID], asha: Person
) -> None:
    theirs = org(name="Others")

    for who, org_id in (("asha", theirs), ("forged", ours), (None, ours)):
        assert tell(client, VIEW, ERROR, org_id=org_id, who=who) == 204

    assert noted(db, "error_events", "org_id, user_id") == [(None, asha.id), (None, None), (None, None)]
    assert noted(db, "page_views", "org_id, user_id") == [(None, asha.id)]  # of nobody there are none


HOSTILE: list[Any] = [
    {**VIEW, "org_id": str(uuid4())},
    {**VIEW, "user_id": str(uuid4())},
    {**VIEW, "route": "/leads/5f0c"},
    {**VIEW, "route": "/inbox?q=ravi"},
    {**VIEW, "visible_ms": -1},
    {**VIEW, "visible_ms": "1"},
    {**VIEW, "cls": float("inf")},
    {**VIEW, "navigation": "teleport"},
    {**ERROR, "message": "x" * 1001},
    {**ERROR, "frames": [{"file": "a.js", "locals": {"name": "Ravi"}}]},
    {**ERROR, "frames": [{"file": "a.js"}] * 21},
    {**ERROR, "trace_id": "' or 1=1"},
    {**ERROR, "at": "now"},
    {**ERROR, "kind": "body"},
    {}, [], None, "x", 7,
]  # fmt: skip


def test_P07_a_hostile_item_is_refused_and_its_neighbours_go_through(
    db: Database, client: FlaskClient
) -> None:
    assert tell(client, *HOSTILE, VIEW) == 204

    assert len(noted(db, "page_views", "route")) == 1
    assert noted(db, "error_events", "type") == []


def test_P07_the_database_refuses_by_itself_what_no_table_takes(db: Database, asha: Person) -> None:
    items = [{**VIEW, "route": "/leads/5f0c"}, {**ERROR, "frames": "x"}, VIEW]

    answer = db.value("select worker.record_browser(%s, null, '{}', %s)", asha.id, json.dumps(items))

    assert answer == {"recorded": 1, "refused": 2}


@pytest.mark.parametrize("field", ["message", "type", "source", "file", "function"])
def test_P07_tokens_and_telephone_numbers_in_an_error_are_hidden(
    db: Database, client: FlaskClient, field: str
) -> None:
    secret = f"No {PHONE} for {TOKEN}"
    frame = {"file": "a.js", "function": "f"}
    error = {**ERROR, field: secret} if field in ERROR else {**ERROR, "frames": [{**frame, field: secret}]}

    assert tell(client, error) == 204

    (row,) = noted(db, "error_events", "to_jsonb(error_events)::text")
    (group,) = db.rows("select to_jsonb(g)::text from private.error_groups g")
    assert "[hidden]" in row[0]
    assert not [part for part in (PHONE, "98765", TOKEN, "eyJ") if part in row[0] + group[0]]


@pytest.mark.parametrize(("days_off", "hours_kept"), [(-400, -24), (400, 0), (-0.5, -12)])
def test_P07_a_clock_that_is_wrong_is_believed_a_day_at_most(
    db: Database, client: FlaskClient, days_off: float, hours_kept: int
) -> None:
    at = (time.time() + days_off * 86_400) * 1000

    assert tell(client, {**VIEW, "at": at}, {**ERROR, "at": at}) == 204

    for table in ("page_views", "error_events"):
        ((off,),) = noted(db, table, "extract(epoch from occurred_at - clock_timestamp())")
        assert abs(float(off) - hours_kept * 3600) < 60


def test_P07_a_report_that_is_too_large_is_refused_and_one_that_is_none_changes_nothing(
    db: Database, client: FlaskClient
) -> None:
    assert client.post("/api/telemetry", data=b"x" * 16_384).status_code == 204
    assert client.post("/api/telemetry", data=b"x" * 16_385).status_code == 413
    assert tell(client, *[VIEW] * 21) == 204
    for body in (b"", b"[]", b"{", b"\xff", b'{"items": []}', b"[" * 9000):
        assert client.post("/api/telemetry", data=body).status_code == 204

    assert noted(db, "page_views", "id") == []


# Who may say no


@pytest.mark.parametrize("header", ["Sec-GPC", "DNT"])
def test_P07_a_browser_that_wants_no_tracking_is_heard(
    db: Database, client: FlaskClient, header: str
) -> None:
    assert tell(client, VIEW, ERROR, **{header: "1"}) == 204

    assert noted(db, "page_views", "id") == []
    assert len(noted(db, "error_events", "id")) == 1


def test_P07_a_person_who_does_not_want_it_is_asked_by_the_database_itself(
    db: Database, client: FlaskClient, ours: UUID, asha: Person
) -> None:
    tell(client, VIEW, org_id=ours)
    assert db.as_person(asha).value("select public.set_page_views(false)")["page_views"] is False

    tell(client, VIEW, ERROR, org_id=ours)
    told = db.as_service().value(
        "select worker.record_browser(%s, %s, '{}', %s)", asha.id, ours, json.dumps([VIEW])
    )

    assert told == {"recorded": 0, "refused": 0}
    assert noted(db, "page_views", "user_id, ip_prefix") == [(None, None)]  # the one before names nobody now
    assert len(noted(db, "error_events", "id")) == 1
    assert db.as_person(asha).value("select public.set_page_views(true)")["page_views"] is True
    tell(client, VIEW, org_id=ours)
    assert len(noted(db, "page_views", "id")) == 2


@pytest.mark.parametrize(("kind", "many"), [("person", 60), ("network", 600), ("organization", 5000)])
def test_P07_nobody_floods_it(
    db: Database, client: FlaskClient, ours: UUID, asha: Person, kind: str, many: int
) -> None:
    tell(client, VIEW, org_id=ours)
    kind = f"browser_{kind}"
    left = db.as_operator().value("select left_at from private.paces where kind = %s", kind)
    db.execute(
        "update private.paces set left_at = 0, seen_at = now() + interval '1 minute' where kind = %s", [kind]
    )

    assert left == many - 1
    assert tell(client, VIEW, org_id=ours) == 429
    assert len(noted(db, "page_views", "id")) == 1
    if kind == "person":
        assert tell(client, ERROR, who=None) == 204


# What becomes of it


def test_P07_an_error_that_was_resolved_is_open_again_when_it_comes_back(
    db: Database, client: FlaskClient, asha: Person
) -> None:
    def state_of() -> tuple[Any, ...]:
        (row,) = db.as_operator().rows(
            "select state, count, reopened_at is not null from private.error_groups"
        )
        return row

    def settle(state: str) -> None:
        as_staff(db, asha).value("select public.settle_error(%s, %s)", fingerprint, state)

    tell(client, ERROR)
    fingerprint = db.as_operator().value("select fingerprint from private.error_groups")
    settle("resolved")
    tell(client, {**ERROR, "at": (time.time() - 3600) * 1000})  # it was on its way
    assert state_of() == ("resolved", 2, False)
    db.execute("update private.error_groups set settled_at = now() - interval '1 hour'")
    tell(client, {**ERROR, "at": time.time() * 1000})
    assert state_of() == ("open", 3, True)
    settle("ignored")
    db.as_operator().execute("update private.error_groups set settled_at = now() - interval '1 hour'")
    tell(client, {**ERROR, "at": time.time() * 1000})

    assert state_of() == ("ignored", 4, False)
    assert as_staff(db, asha).value("select public.operations_errors('open')")["items"] == []
    (item,) = db.value("select public.operations_errors('ignored', 'browser')")["items"]
    one = db.value("select public.operations_error(%s)", fingerprint)
    assert (item["count"], one["people"], len(one["events"])) == (4, 1, 4)
    assert one["events"][0]["frames"][0]["file"] == "pages/inbox/page.js"


OPERATORS = [
    "public.operations_errors()", "public.operations_error('x')", "public.settle_error('x', 'open')",
    "public.operations_performance()",
]  # fmt: skip


@pytest.mark.parametrize("call", OPERATORS)
def test_P07_what_operators_see_is_not_there_for_others(
    db: Database, ours: UUID, asha: Person, call: str
) -> None:
    db.as_person(asha)

    assert db.refusal(f"select {call}").detail == "not_found"
    if "'x'" not in call:
        assert as_staff(db, asha).value(f"select {call}")


def test_P07_figures_of_whole_days_say_what_the_rows_said(db: Database, asha: Person) -> None:
    db.execute(
        """
        with day as (select (current_date - 2)::timestamptz + n * interval '1 minute' as at, n
                       from generate_series(1, 100) n),
        requests as (insert into private.request_log (occurred_at, method, route, status, duration_ms)
                     select at, 'GET', '/api/x', case when n <= 5 then 503 else 200 end, n from day),
        calls as (insert into private.api_calls (occurred_at, provider, operation, status, duration_ms)
                  select at, 'meta', 'POST messages',
                         case when n <= 7 then null when n <= 9 then 400 else 200 end, n from day),
        jobs as (insert into private.job_runs (occurred_at, job, duration_ms, outcome)
                 select at, 'media', n, case when n = 1 then 'failed' else 'done' end from day)
        insert into private.page_views (occurred_at, route, navigation, visible_ms, lcp_ms, cls)
        select at, case when n <= 98 then '/inbox' else '/' || repeat('x', n - 90) end,
               case when n <= 10 then 'return' else 'route' end, n * 1000, n * 10, n / 1000.0 from day
        """
    )
    db.execute(  # names that a browser made up
        "insert into private.page_views (occurred_at, route, navigation, visible_ms)"
        " select (current_date - 2)::timestamptz,"
        " '/made-up-' || translate(n::text, '0123456789', 'abcdefghij'), 'route', 1"
        " from generate_series(1, 120) n"
    )
    db.execute("set local timezone = 'UTC'")
    db.execute("select private.roll_up_telemetry(), private.roll_up_telemetry()")

    told = as_staff(db, asha).value("select public.operations_performance('week')")

    (request,), (call,), (job,) = told["requests"], told["calls"], told["jobs"]
    assert (request["name"], request["count"], request["failed"]) == ("GET /api/x", 100, 5)
    assert (call["count"], call["failed"], call["p95"], call["p99"]) == (100, 9, 88.0, 91.7)
    assert (job["name"], job["failed"], job["max"]) == ("media", 1, 100)
    page = told["pages"][0]
    assert (page["name"], page["count"], page["lcp"], page["cls"]) == ("/inbox", 88, 740, 0.074)
    recent = db.as_operator().rows(
        "select name, count, failed, p50, max"
        " from private.recent_performance(current_date - interval '2 days') where name = 'GET /api/x'"
    )
    assert recent == [("GET /api/x", 100, 5, 50, 100)]
    names = db.rows(
        "select name, count from private.telemetry_daily where kind = 'page' and outcome = 'opened'"
    )
    assert (len(names), dict(names)["/inbox"], dict(names)["(other)"]) == (101, 88, 23)


def test_P07_administrators_see_the_calls_made_for_them_and_no_others(
    db: Database, ours: UUID, org: Callable[..., UUID], asha: Person
) -> None:
    theirs = org(name="Others")
    for n, (whose, status) in enumerate([(ours, 200), (ours, 400), (theirs, 500), (ours, None), (None, 500)]):
        db.execute(
            "insert into private.api_calls"
            " (occurred_at, org_id, provider, operation, status, duration_ms, provider_code)"
            " values (now() - %s * interval '1 minute', %s, 'meta', 'POST messages', %s, 12, '131047')",
            [n, whose, status],
        )
    db.as_person(asha)

    first = db.value("select public.api_call_log(%s, page_size => 2)", ours)
    rest = db.value(
        "select public.api_call_log(%s, 'all', %s, %s, 2)",
        ours,
        first["next"]["before_at"],
        first["next"]["before_id"],
    )
    failed = db.value("select public.api_call_log(%s, 'failures')", ours)

    assert [item["status"] for item in first["items"] + rest["items"]] == [200, 400, None]
    assert rest["next"] is None
    assert [(item["status"], item["code"]) for item in failed["items"]] == [(400, "131047"), (None, "131047")]


# In a browser

VITALS = """
() => performance.getEntriesByType("resource").some(({ name }) => name.endsWith("/vendor/vitals.js"))
"""
BREAK = """
() => {
  const { version } = document.documentElement.dataset
  const broken = (said) => Object.assign(new TypeError(said), { stack:
    `TypeError: ${said}\\n    at Bubble (${location.origin}/static/${version}/pages/inbox/bubble.js:7:3)` })
  setTimeout(() => { throw broken("No call to %s with %s") })
  setTimeout(() => { throw broken("The same again, at once") })
  dispatchEvent(new ErrorEvent("error", { message: "Script error." }))
  const foreign = new Error("Not ours")
  foreign.stack = "Error: Not ours\\n    at inject (chrome-extension://abc/content.js:1:1)"
  dispatchEvent(new ErrorEvent("error", { message: "Not ours", error: foreign }))
}
"""


def test_P07_errors_and_pages_of_a_real_browser_arrive_and_a_person_switches_the_pages_off(
    shop: Shop,  # noqa: F811
    window: Callable[..., Window],  # noqa: F811
) -> None:
    shop.hear("Is the pump in stock?")
    opened = window(shop.owner)
    opened.expect_fault("No call to|The same again")
    opened.page.wait_for_function(VITALS)
    opened.page.locator(".thread").first.click()
    expect(opened.page.get_by_role("combobox", name="Message")).to_be_visible()
    opened.page.evaluate(BREAK % (PHONE, TOKEN))
    opened.page.get_by_role("link", name="Settings").click()
    opened.go("/settings/account")
    views = (
        "select route, navigation, lcp_ms, load_ms, org_id::text, trace_id from private.page_views"
        " where user_id = %s order by occurred_at"
    )
    seen = eventually(lambda: shop.db.rows(views, shop.owner_id))
    errors = shop.db.rows(
        "select e.message, e.route, e.org_id::text, e.frames -> 0 ->> 'file', e.trace_id, g.count"
        " from private.error_events e join private.error_groups g using (fingerprint) where e.user_id = %s",
        shop.owner_id,
    )  # fmt: skip

    assert [(route, org_id) for route, *_, org_id, _ in seen] == [
        ("/inbox", shop.org), ("/inbox/:id", shop.org), ("/settings", shop.org)
    ]  # fmt: skip
    assert (seen[0][1], seen[0][2] > 0, seen[0][3] > 0) == ("navigate", True, True)
    ((*said, trace_id, count),) = errors
    assert said == ["No call to [hidden] with [hidden]", "/inbox/:id", shop.org, "pages/inbox/bubble.js"]
    assert (trace_id, count) == (seen[1][-1], 1)

    with opened.page.expect_response("**/rpc/set_page_views"):
        opened.page.get_by_label("Note which pages I open").uncheck()
    expect(opened.page.get_by_text("Your pages are no longer noted.")).to_be_visible()
    opened.go("/settings/recorded")
    expect(opened.page.get_by_role("heading", name="Pages you open")).to_be_visible()
    opened.go("/leads")
    assert shop.db.rows(views, shop.owner_id) == []


def test_P07_pages_are_noted_where_their_speed_cannot_be_measured(
    shop: Shop,  # noqa: F811
    window: Callable[..., Window],  # noqa: F811
) -> None:
    opened = window(shop.owner, at="")
    opened.expect_fault("vitals.js net::ERR_FAILED|Failed to load resource: net::ERR_FAILED")
    opened.page.route("**/vendor/vitals.js", lambda route: route.abort())
    with opened.page.expect_event("requestfailed"):
        opened.go("/leads")
    opened.go("/settings")

    views = "select route, lcp_ms, ttfb_ms, load_ms > 0 from private.page_views where user_id = %s"
    assert eventually(lambda: shop.db.rows(views, shop.owner_id)) == [("/leads", None, None, True)]
    errors = "select count(*) from private.error_events where user_id = %s"
    assert shop.db.value(errors, shop.owner_id) == 0


def test_P07_flows_own_people_see_what_went_wrong_and_settle_it(
    shop: Shop,  # noqa: F811
    window: Callable[..., Window],  # noqa: F811
) -> None:
    shop.db.execute("select worker.set_support(%s, true)", [shop.owner])
    kind = f"Broken{uuid4().hex[:8]}\u202eError"
    error = {
        "type": kind,
        "message": "x" * 900,
        "frames": [{"file": "workers/media/job.py", "line": 7, "function": "run"}],
    }
    shop.db.execute("select private.note_error(%s, 'server')", [json.dumps(error)])
    shop.db.execute(
        "insert into private.api_calls"
        " (org_id, provider, operation, endpoint, status, duration_ms, provider_code)"
        " values (%s, 'meta', 'POST messages', '/{id}/messages', 400, 88, '131047')",
        [shop.org],
    )
    opened = window(shop.owner, "phone", theme="dark", lang="hi")
    opened.go("/operations/performance")
    expect(opened.page.get_by_role("heading", name="जॉब", exact=True)).to_be_visible()
    faults = opened.overflows() + opened.axe()

    opened.page.get_by_role("link", name="गड़बड़ियाँ").click()
    opened.page.get_by_role("button", name=kind).click()
    dialog = opened.page.get_by_role("dialog")
    expect(dialog.get_by_text("workers/media/job.py:7 run")).to_be_visible()
    faults += opened.overflows()
    dialog.get_by_role("button", name="सुलझ गई").click()
    expect(opened.page.get_by_role("button", name=kind)).to_have_count(0)
    opened.go("/settings/log")
    opened.page.get_by_role("tab", name="दूसरी सेवाओं की कॉल").click()
    opened.page.get_by_role("button", name="POST messages").first.click()
    expect(opened.page.get_by_role("dialog").get_by_text("131047")).to_be_visible()

    assert faults + opened.overflows() + opened.axe() == []
    assert shop.db.value("select state from private.error_groups where type = %s", kind) == "resolved"
    shop.db.execute("select worker.set_support(%s, false)", [shop.owner])
