"""The API for an organization's programs: its document, and what is really answered for every operation."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.config import (
    ChecksConfig,
    PositiveDataAcceptanceConfig,
    ProjectConfig,
    ProjectsConfig,
    SchemathesisConfig,
)
from schemathesis.generation import GenerationMode

from tests.business import Business, fresh_org
from tests.database import Database
from tests.http.api_world import Api
from workers.api.v1.events import EVENTS
from workers.api.v1.routes import ROUTES

# What is right by the document may still be refused for what the organization is or has.
REFUSED = ["2xx", "402", "404", "409", "422"]
EXAMPLES = 2


@pytest.fixture
def api(db: Database, business: Business) -> Api:
    return Api(db, business)


def operations(api: Api) -> list[Any]:
    """The operations of the document that the app serves, removals last."""
    accepts = ChecksConfig(positive_data_acceptance=PositiveDataAcceptanceConfig(expected_statuses=REFUSED))
    project = ProjectConfig(checks=accepts, base_url="https://flow.test")
    config = SchemathesisConfig(projects=ProjectsConfig(default=project))
    schema = schemathesis.openapi.from_dict(api.ask("GET", "/openapi.json").json, config=config)
    schema.app = lambda environ, start: api.app(environ | {"wsgi.url_scheme": "https"}, start)
    found = [result.ok() for result in schema.get_all_operations()]
    return sorted(found, key=lambda operation: operation.method == "delete")


def test_every_operation_answers_as_the_document_says(api: Api) -> None:
    ids, asked = api.fill(), set()
    for operation in operations(api):
        own = {parameter.name: ids[parameter.name] for parameter in operation.path_parameters}
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

            @settings(
                max_examples=EXAMPLES, deadline=None, database=None, derandomize=True,
                phases=[Phase.generate], suppress_health_check=list(HealthCheck),
            )  # fmt: skip
            @given(operation.as_strategy(mode, path_parameters=own))
            def ask(case: schemathesis.Case) -> None:
                api.refill()
                asked.add(case.operation.label)
                case.call_and_validate(headers={"Authorization": f"Bearer {api.key}"})

            ask()
    assert len(asked) == len(ROUTES)


def test_routes_scopes_and_events_are_those_that_the_database_knows(db: Database) -> None:
    known = db.rows("select name, scope, is_write from private.api_operations order by name")
    assert sorted((route.operation, route.scope, route.is_write) for route in ROUTES) == known
    assert sorted(EVENTS) == db.value("select private.webhook_types()")


def test_a_key_does_what_its_scopes_say_and_no_more(api: Api) -> None:
    ids = {name: str(value) for name, value in api.fill().items()}
    scopes = {route.scope for route in ROUTES if route.scope}
    for scope in scopes:
        key = api.new_key([scope])
        for other in ROUTES:
            if other.scope in (scope, None) or other.body or other.query.model_fields.get("month"):
                continue
            answer = api.ask(other.method, other.path.format(**ids), key=key)
            assert (answer.status_code, answer.json["detail"]) == (403, "scope_missing"), other.operation
        api.db.execute("update public.api_keys set revoked_at = now() where name = 'Program'")
    assert api.ask("GET", "/whoami").json["detail"] == "api_key_unknown"


def test_what_is_another_organizations_does_not_exist(api: Api, db: Database) -> None:
    theirs = Api(db, Business(db, fresh_org(db)))
    ids = {name: str(value) for name, value in theirs.fill().items()}
    bodies = {
        "leads.note": {"text": "Hi"}, "contacts.consent": {"decision": "opt_out"},
        "webhooks.replay": {"event_id": 1},
    }  # fmt: skip
    for route in ROUTES:
        if route.names:
            body = bodies.get(route.operation, {}) if route.body else None
            answer = api.ask(route.method, route.path.format(**ids), body)
            assert answer.status_code == 404, (route.operation, answer.json)
    for body in ({"contact_id": ids["contact_id"]}, {"conversation_id": ids["conversation_id"]}):
        sent = api.ask("POST", "/messages", body | {"template": {"name": "receipt"}})
        assert sent.status_code == 404
    listed = [
        api.ask("GET", f"/leads?contact_id={ids['contact_id']}"),
        api.ask("GET", f"/contacts?phone={'98100 00011'}"),
    ]
    assert [answer.json["leads" if "leads" in answer.json else "contacts"] for answer in listed] == [[], []]


def test_a_repeated_request_does_nothing_and_gets_the_same_answer(api: Api) -> None:
    ids = api.fill()
    body = {"conversation_id": ids["conversation_id"], "text": "On its way"}
    first, again = (api.ask("POST", "/messages", body, **{"Idempotency-Key": "order-1"}) for _ in range(2))
    other = api.ask("POST", "/messages", body | {"text": "Another"}, **{"Idempotency-Key": "order-1"})

    assert (first.status_code, first.json["status"], first.json["origin"]) == (202, "queued", "api")
    assert (again.json, again.headers["Idempotent-Replayed"]) == (first.json, "true")
    assert (other.status_code, other.json["detail"]) == (409, "idempotency_key_reused")
    assert api.business.statuses() == ["queued"]


def test_a_program_sends_under_the_same_refusals_as_people(api: Api) -> None:
    api.fill()
    api.db.execute("update public.conversations set window_expires_at = now() - interval '1 hour'")
    contact = {"to": "+919810000011"}

    refused = [
        api.ask("POST", "/messages", contact | {"text": "Too late"}).json["detail"],
        api.ask("POST", "/messages", contact | {"template": {"name": "waiting"}}).json["detail"],
        api.ask("POST", "/messages", contact | {"template": {"name": "hello", "params": ["Asha"]}}).json[
            "detail"
        ],
        api.ask("POST", "/messages", {"text": "Hi"}).json["detail"],
    ]

    assert refused[0] == "window_closed"
    assert refused[3] == "recipient_missing"
    assert api.business.statuses() == []
    assert api.ask("POST", "/messages", contact | {"template": {"name": "receipt"}}).status_code == 202


def test_a_lead_is_changed_as_it_was_seen(api: Api) -> None:
    lead = f"/leads/{api.fill()['lead_id']}"
    (pipeline,) = api.ask("GET", "/pipelines").json["pipelines"]
    won = next(stage["stage_id"] for stage in pipeline["stages"] if stage["kind"] == "won")
    owner = api.ask("GET", "/members").json["members"][0]["user_id"]

    changed = api.ask(
        "PATCH", lead, {"version": 1, "stage_id": won, "owner_id": owner, "value": "1200.50"}
    ).json
    late = api.ask("PATCH", lead, {"version": 1, "owner_id": None})

    assert (changed["stage_kind"], changed["owner_id"], changed["value"], changed["currency"]) == (
        "won",
        owner,
        "1200.50",
        "INR",
    )
    assert (late.status_code, late.json["detail"]) == (409, "lead_changed")
    kinds = [one["kind"] for one in api.ask("GET", f"{lead}/activities").json["activities"]]
    assert kinds[:3] == ["valued", "assigned", "won"]


def test_pages_hold_everything_once_and_a_cursor_is_of_its_list(api: Api) -> None:
    for n in range(7):
        api.ask("POST", "/leads", {"phone": f"+9198100001{n:02}"})
    for order in ("oldest", "newest"):
        found: list[str] = []
        cursor = ""
        while cursor is not None:
            page = api.ask("GET", f"/leads?page_size=3&order={order}{cursor and f'&cursor={cursor}'}").json
            found += [lead["lead_id"] for lead in page["leads"]]
            cursor = page["next"]
        assert len(found) == len(set(found)) == 7
    of_leads = api.ask("GET", "/leads?page_size=3").json["next"]

    for path in (
        f"/contacts?cursor={of_leads}",
        f"/leads?order=newest&cursor={of_leads}",
        "/leads?cursor=bm9uZQ",
    ):
        assert api.ask("GET", path).json["detail"] == "cursor_invalid"


def test_pace_is_told_and_also_what_is_refused_costs(api: Api) -> None:
    first, refused = api.ask("GET", "/whoami"), api.ask("GET", f"/leads/{uuid4()}")
    api.db.execute("update private.paces set left_at = 0, seen_at = clock_timestamp()")
    none_left = api.ask("GET", "/whoami")

    assert (first.headers["RateLimit-Limit"], refused.status_code) == ("240", 404)
    assert int(refused.headers["RateLimit-Remaining"]) < int(first.headers["RateLimit-Remaining"])
    assert (none_left.status_code, none_left.headers["RateLimit-Remaining"]) == (429, "0")
    assert int(none_left.headers["Retry-After"]) >= 1


@pytest.mark.parametrize(
    "body", [{"url": "https://h.example.com/", "events": ["lead.won"], "secret": "x"}, {"url": 5}, [], None]
)
def test_what_is_not_known_or_of_another_kind_is_refused_as_a_problem(api: Api, body: Any) -> None:
    answer = api.ask("POST", "/webhooks", body)

    assert (answer.status_code in (400, 422), answer.content_type) == (True, "application/problem+json")


def test_what_a_program_did_is_in_the_audit_log_with_its_key(api: Api, org: Callable[..., UUID]) -> None:
    ids = api.fill()
    api.ask("PATCH", f"/contacts/{ids['contact_id']}", {"city": "Pune"})

    details = api.db.value(
        "select details from public.audit_log where org_id = %s and action = 'contact.changed'", api.org_id
    )
    assert details == {"fields": ["city"], "api_key": api.ask("GET", "/whoami").json["key_id"]}
    # The part of a program ends with its call.
    api.db.as_service()
    assert (
        api.db.value(
            "select private_is from (select current_setting('flow.program_of', true) as private_is) x"
        )
        == ""
    )


def test_the_page_for_developers_shows_every_operation_and_needs_no_script(api: Api) -> None:
    page = api.http.get("/developers", base_url="http://127.0.0.1")

    assert [route.path for route in ROUTES if f"/api/v1{route.path}</code>" not in page.text] == []
    assert [name for name in EVENTS if f"<code>{name}</code>" not in page.text] == []
    assert "<script" not in page.text
    assert "script-src" not in page.headers["Content-Security-Policy"]
    assert json.loads(api.ask("GET", "/openapi.json").text)["openapi"] == "3.1.0"
