"""The trace: what happened to a message, a lead, a webhook or a request, step by step; never what was in it."""

import json
from typing import Any
from uuid import uuid4

import pytest

from tests.business import Business, call, fresh_org, post, status, text, webhook
from tests.database import Database
from tests.sql.indiamart import Source
from tests.sql.test_greetings import enquire, setting
from tests.sql.test_indiamart_coverage import Watched
from tests.sql.test_indiamart_states import HOUR, lead

CUSTOMER = "919810000011"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def agent(member: Any, business: Business) -> Any:
    return member(business.org_id, "agent")


def as_tenant(db: Database, who: Any, statement: str, *args: object) -> Any:
    db.as_person(who)
    told = db.value(statement, *args)
    db.as_operator()
    return told


def operators(db: Database, thing: object) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = call(db, "trace", id=str(thing))["found"]
    return found


def steps(told: dict[str, Any], kind: str | None = None) -> list[str]:
    return [step["step"] for step in told["steps"] if kind in (None, step["kind"])]


def headers(db: Database, trace: str) -> None:
    given = json.dumps({"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
    db.execute("select set_config('request.headers', %s, true)", [given])


def test_a_message_that_was_sent_is_traced_to_its_webhooks_and_its_call(
    db: Database, business: Business, agent: Any
) -> None:
    sent = business.sent()
    called = {
        "provider": "meta",
        "operation": "POST messages",
        "status": 200,
        "duration_ms": 80,
        "attempt": 1,
    }
    call(
        db,
        "record_telemetry",
        rows={"calls": [called | {"idempotency_key": f"flow.{sent}", "trace_id": TRACE}]},
    )
    headers(db, "a" * 32)
    for word in ("sent", "delivered", "read"):
        business.told(status(f"wamid.{sent}", word, business.now()))

    told = as_tenant(db, agent, "select public.message_trace(%s, %s)", business.org_id, sent)

    assert set(steps(told)) == {"queued", "called", "sent", "delivered", "read"}
    by_step = {step["step"]: step for step in told["steps"]}
    assert by_step["queued"]["by"] == "operator"
    assert (by_step["called"]["trace_id"], by_step["called"]["status"]) == (TRACE, 200)
    assert by_step["read"]["trace_id"] == "a" * 32
    events = {by_step[word]["event_id"] for word in ("sent", "delivered", "read")}
    assert len(events) == 3

    db.execute("delete from private.webhook_events where id = any (%s)", [list(events)])
    told = as_tenant(db, agent, "select public.message_trace(%s, %s)", business.org_id, sent)
    assert set(steps(told)) == {"queued", "called", "sent", "delivered", "read"}, "what is noted stays"


def test_a_message_that_came_is_traced_to_its_webhook_and_to_who_read_it(
    db: Database, business: Business, agent: Any
) -> None:
    business.hear(text("wamid.in", "Canary words", at=business.now() - 30))
    message = business.message("wamid.in")
    db.as_person(agent)
    db.execute("select public.mark_read(%s, %s)", [business.org_id, message["conversation_id"]])

    told = as_tenant(db, agent, "select public.message_trace(%s, %s)", business.org_id, message["id"])

    assert steps(told)[0] == "written"
    assert set(steps(told)) == {"written", "received", "stored", "read"}
    [read] = [step for step in told["steps"] if step["step"] == "read"]
    assert (read["by"], read["by_id"]) == ("person", str(agent.id))
    assert "Canary" not in json.dumps(told["steps"])


def test_a_lead_is_traced_from_its_enquiry_over_its_greeting_to_its_delivery(
    db: Database, business: Business, agent: Any
) -> None:
    setting(business)
    [lead_id] = enquire(business, {"message": "Canary words"})
    greeting = db.value("select greeting_id from public.lead_clocks where lead_id = %s", lead_id)
    business.record(business.claim())
    business.told(status(f"wamid.{greeting}", "delivered", business.now()))

    told = as_tenant(db, agent, "select public.lead_trace(%s, %s)", business.org_id, lead_id)

    assert {"written", "stored", "greeting_queued"} <= set(steps(told, "lead"))
    assert {"queued", "delivered"} <= set(steps(told, "message"))
    assert {"kind": "message", "id": str(greeting)} in told["links"]
    assert any(link["kind"] == "webhook" for link in told["links"])
    assert "Canary" not in json.dumps(told)
    [message] = operators(db, f"flow.{greeting}")
    assert {"kind": "lead", "id": str(lead_id)} in message["links"]


def test_a_lead_of_a_source_names_the_runs_that_brought_it(db: Database, org: Any, member: Any) -> None:
    acme = org(name="Acme")
    who = member(acme)
    source: Source = Watched(db, acme, who)
    source.accept_pushes()
    source.push(lead(1, HOUR))
    source.turn({"outcome": "ok", "leads": [lead(1, HOUR)]})
    lead_id = db.value("select id from public.leads where org_id = %s", acme)

    told = as_tenant(db, who, "select public.lead_trace(%s, %s)", acme, lead_id)

    came = {step["way"]: step for step in told["steps"] if step["step"] == "received"}
    assert came.keys() == {"pull", "push"}
    assert {link["id"] for link in told["links"] if link["kind"] == "run"} == {
        came["pull"]["run_id"],
        came["push"]["run_id"],
    }


def test_a_webhook_is_traced_for_each_organization_by_its_own_part(
    db: Database, business: Business, member: Any
) -> None:
    other = Business(db, fresh_org(db))
    ours = webhook(
        business.change({"messages": [text("wamid.1", "For us", at=business.now() - 9)]}), waba=business.waba
    )
    theirs = webhook(other.change({"messages": [text("wamid.2", "For them")]}), waba=other.waba)
    headers(db, TRACE)
    event = post(db, {**ours, "entry": ours["entry"] + theirs["entry"]})["event_id"]

    # A message of somebody's may have the same number.
    found = {one["org_id"]: one for one in operators(db, event) if one["kind"] == "webhook"}

    assert found.keys() == {str(business.org_id), str(other.org_id)}
    mine = found[str(business.org_id)]
    assert steps(mine) == ["written", "received", "verified", "stored", "applied"]
    assert mine["links"] == [{"kind": "message", "id": str(business.message("wamid.1")["id"])}]
    assert "For us" not in json.dumps(found)
    admin = member(business.org_id, "admin")
    at = db.value("select received_at from private.event_effects where event_id = %s limit 1", event)
    told = as_tenant(db, admin, "select public.event_trace(%s, %s, %s)", business.org_id, event, at)
    assert told["steps"] == mine["steps"]


def test_a_request_is_traced_by_its_id_and_all_it_went_through_by_its_trace(
    db: Database, business: Business
) -> None:
    request_id = db.value(
        "select overlay(overlay(gen_random_uuid()::text placing left(h, 8) || '-' || right(h, 4) from 1)"
        " placing '7' from 15) from (select lpad(to_hex((extract(epoch from now()) * 1000)::bigint), 12, '0')) x (h)"
    )
    row = {
        "request_id": request_id,
        "trace_id": TRACE,
        "method": "POST",
        "route": "/webhooks/meta",
        "status": 200,
        "duration_ms": 9,
    }
    job = {
        "request_id": "another-request",
        "trace_id": TRACE,
        "job": "dispatch",
        "duration_ms": 3,
        "outcome": "done",
    }
    error = {"trace_id": TRACE, "type": "KeyError", "message": "canary", "frames": []}
    call(db, "record_telemetry", rows={"requests": [row], "jobs": [job], "errors": [error]})
    headers(db, TRACE)
    event = business.hear(text("wamid.1", "Hello"))["event_id"]

    [by_request] = operators(db, request_id)
    [by_trace] = operators(db, TRACE)

    assert steps(by_request) == ["requested"]
    assert set(steps(by_trace)) == {"requested", "ran", "error"}
    assert {"kind": "webhook", "id": str(event)} in by_trace["links"]
    assert "canary" not in json.dumps(by_trace)


def test_every_id_of_a_message_leads_to_it_and_its_telephone_number_is_in_none_of_it(
    db: Database, business: Business
) -> None:
    token = uuid4()
    sent = business.sent(f"+{CUSTOMER}")
    db.execute(
        "update public.messages set client_token = %s, wamid = 'wamid.HBgM9198' where id = %s", [token, sent]
    )

    told = [call(db, "trace", id=str(one)) for one in (sent, f"flow.{sent}", "wamid.HBgM9198", token)]

    assert [str(sent) in [one["id"] for one in answer["found"]] for answer in told] == [True] * 4
    assert CUSTOMER not in json.dumps(told)
    assert "HBgM" not in json.dumps(told)
    assert operators(db, "nothing-has-this-id") == operators(db, "") == operators(db, "9" * 30) == []


def test_nobody_traces_what_is_not_theirs(db: Database, business: Business, agent: Any, org: Any) -> None:
    sent = business.sent()
    elsewhere = org(agent, "Elsewhere")
    db.as_person(agent)

    assert db.refusal("select public.message_trace(%s, %s)", elsewhere, sent).detail == "message_not_found"
    assert db.refusal("select public.lead_trace(%s, %s)", elsewhere, uuid4()).detail == "lead_not_found"
