"""Leads that come by the API and by the hosted form, through the running workers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from itsdangerous import TimestampSigner, URLSafeTimedSerializer
from psycopg.types.json import Jsonb

from tests.conftest import RunningStack
from tests.database import Database
from workers import database as gateway
from workers.cli.org import People
from workers.settings import Settings

Json = dict[str, Any]


class Organization:
    """An organization, its keys and forms, and what is stored of it."""

    def __init__(self, stack: RunningStack, db: Database) -> None:
        settings = Settings(_env_file=stack.data / "settings.env")  # type: ignore[call-arg]
        self.db, self.workers = db, gateway.Database(settings)
        people = People(settings)
        self.owner_id = people.ensure(f"{uuid4().hex[:12]}@example.test", None)
        self.id = str(people.create_organization("Kaveri Valves", self.owner_id)["org_id"])
        self.http = httpx.Client(
            base_url=stack.workers_url,
            timeout=60,
            trust_env=False,
            limits=httpx.Limits(max_keepalive_connections=0),  # no idle line to be hung up on
        )

    def key(self, *scopes: str, **more: object) -> str:
        """A key of its own."""
        made = self.workers.rpc(
            "create_api_key", org_id=self.id, name="Website", scopes=list(scopes) or ["leads:write"], **more
        )
        return str(made["key"])

    def post(self, key: str, body: Any, request_key: str | None = None) -> httpx.Response:
        """Post leads with a key."""
        headers = {"Authorization": f"Bearer {key}"}
        if request_key:
            headers["Idempotency-Key"] = request_key
        return self.http.post("/api/v1/leads", content=json.dumps(body), headers=headers)

    def leads(self) -> list[Json]:
        """Its leads, in the order in which they came."""
        rows = "select to_jsonb(l) from public.leads l where org_id = %s order by created_at, id"
        return [row for (row,) in self.db.rows(rows, self.id)]

    def form(self, **given: object) -> str:
        """The address of a form that its owner makes."""
        self.db.execute(
            "select set_config('request.jwt.claims', %s, false)", [f'{{"sub": "{self.owner_id}"}}']
        )
        made = self.db.value(
            "select private.save_enquiry_form(%s, %s, null)", self.id, Jsonb({"title": "Ask us", **given})
        )
        self.db.execute("select set_config('request.jwt.claims', '', false)")
        return f"/f/{made['slug']}"


@pytest.fixture
def org_(stack: RunningStack, database: Database) -> Iterator[Organization]:
    made = Organization(stack, database)
    yield made
    made.http.close()


@pytest.fixture
def shown(org_: Organization) -> Callable[..., Json]:
    """Opens a form as a browser does, and gives its hidden fields, old enough to be a person's."""

    def show(address: str, seconds_ago: int = 10, **headers: str) -> Json:
        page = org_.http.get(address, headers=headers)
        assert page.status_code == 200, page.text
        visit = re.search(r'name="visit" value="([^"]+)"', page.text)
        assert visit
        return {"visit": _aged(visit[1], seconds_ago, org_)}

    return show


def _aged(visit: str, seconds: int, org_: Organization) -> str:
    """The same page, shown earlier: nobody should have to wait for a test."""
    settings = org_.workers._settings
    then = datetime.now(UTC) - timedelta(seconds=seconds)

    class Earlier(TimestampSigner):
        def get_timestamp(self) -> int:
            return int(then.timestamp())

    known = URLSafeTimedSerializer(settings.secret("flow_job_secret"), salt="enquiry form", signer=Earlier)
    now = URLSafeTimedSerializer(settings.secret("flow_job_secret"), salt="enquiry form")
    return known.dumps(now.loads(visit))


# The API ------------------------------------------------------------------------------------------------


def test_a_program_posts_a_lead_and_its_phone_number_is_understood(org_):
    reply = org_.post(
        org_.key(), {"name": "Ravi", "phone": "098100 00011", "product": "Pump", "tags": ["Web"]}
    )

    assert reply.status_code == 201
    assert reply.json()["is_new"] is True
    (lead,) = org_.leads()
    assert (lead["phone"], lead["product"], lead["source_kind"]) == ("+919810000011", "Pump", "api")
    assert lead["greet_requested"] is False
    tagged = "select count(*) from public.lead_tags where org_id = %s and lead_id = %s"
    assert org_.db.value(tagged, org_.id, lead["id"]) == 1


def test_the_key_itself_is_stored_nowhere(org_):
    key = org_.key()
    org_.post(key, {"phone": "+919810000012"})

    tables = "select to_jsonb(k)::text from public.api_keys k where org_id = %s"
    audited = (
        "select coalesce(string_agg(to_jsonb(a)::text, ''), '') from public.audit_log a where org_id = %s"
    )
    assert key not in org_.db.value(tables, org_.id) + org_.db.value(audited, org_.id)


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        pytest.param({"name": "Nobody"}, "lead_unreachable", id="no way to reach them"),
        pytest.param({"phone": "12"}, "phone_invalid", id="no phone number"),
        pytest.param({"phone": "+919810000013", "colour": "red"}, "lead_invalid", id="an unknown field"),
        pytest.param({"phone": "+919810000013", "country": "India"}, "lead_invalid", id="no country code"),
        pytest.param(
            {"phone": "+919810000013", "custom": {"size": 3}}, "field_unknown", id="no such own field"
        ),
        pytest.param({"phone": "+919810000013", "tags": ["x" * 50]}, "tags_invalid", id="a tag too long"),
        pytest.param([], "lead_invalid", id="no object"),
        pytest.param({"leads": []}, "leads_invalid", id="no lead"),
        pytest.param({"leads": [{}] * 101}, "leads_invalid", id="too many leads"),
    ],
)
def test_what_is_wrong_is_named_and_stores_nothing(org_, body, detail):
    reply = org_.post(org_.key(), body)

    assert (reply.status_code, reply.json()["detail"]) == (422, detail)
    assert org_.leads() == []


def test_a_bad_lead_does_not_hold_up_its_neighbours(org_):
    good = [{"phone": f"+9198100001{n:02}", "message": "a\x00b\ud800"} for n in range(3)]

    reply = org_.post(org_.key(), {"leads": [good[0], {"phone": "12"}, good[1], "lead", good[2]]})

    assert reply.status_code == 200
    results = reply.json()["results"]
    assert ["error" in one for one in results] == [False, True, False, True, False]
    assert len(org_.leads()) == 3


def test_the_same_request_again_gets_the_same_answer_also_from_64_at_once(org_):
    key, body = org_.key(), {"leads": [{"phone": f"+9198100002{n:02}"} for n in range(2)]}

    with ThreadPoolExecutor(64) as pool:
        replies = list(pool.map(lambda _: org_.post(key, body, "order-17"), range(64)))

    assert {reply.status_code for reply in replies} <= {200, 429}
    answers = [reply.json()["results"] for reply in replies if reply.status_code == 200]
    assert len(answers) >= 32
    assert all(answer == answers[0] for answer in answers)
    assert len(org_.leads()) == 2


def test_another_request_under_the_same_idempotency_key_is_refused(org_):
    key = org_.key()
    org_.post(key, {"phone": "+919810000031"}, "one")

    reply = org_.post(key, {"phone": "+919810000032"}, "one")

    assert (reply.status_code, reply.json()["detail"]) == (409, "idempotency_key_reused")
    assert len(org_.leads()) == 1


def test_a_known_id_of_the_caller_changes_nothing(org_):
    key = org_.key()
    first = org_.post(key, {"phone": "+919810000041", "external_id": "A-1", "tags": ["one"]})

    again = org_.post(key, {"phone": "+919810000041", "external_id": "A-1", "tags": ["two"]})

    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json() | {"is_new": False}


def test_only_a_key_that_is_known_alive_and_allowed_comes_in(org_):
    reader, writer = org_.key("leads:read"), org_.key("leads:write")
    ended = org_.key(expires_at=(datetime.now(UTC) + timedelta(seconds=60)).isoformat())
    org_.db.execute(
        "update public.api_keys set expires_at = now() - interval '1 second' where org_id = %s and hint = %s",
        [org_.id, ended[-4:]],
    )
    lead = {"phone": "+919810000051"}

    assert org_.post("flow_unknown", lead).json()["detail"] == "api_key_unknown"
    assert org_.post(ended, lead).status_code == 401
    assert org_.post(reader, lead).json()["detail"] == "scope_missing"
    assert org_.http.post("/api/v1/leads", json=lead).json()["detail"] == "api_key_missing"
    listing = org_.http.get("/api/v1/leads", headers={"Authorization": f"Bearer {writer}"})
    assert listing.json()["detail"] == "scope_missing"
    assert org_.leads() == []


def test_a_rotated_key_works_for_a_day_and_a_revoked_one_no_more(org_):
    old = org_.key()
    (known,) = org_.workers.rpc("api_keys", org_id=org_.id)["keys"]
    new = org_.workers.rpc("rotate_api_key", org_id=org_.id, api_key_id=known["key_id"])
    assert org_.post(old, {"phone": "+919810000061"}).status_code == 201
    assert org_.post(new["key"], {"phone": "+919810000062"}).status_code == 201

    org_.workers.rpc("revoke_api_key", org_id=org_.id, api_key_id=new["key_id"])

    assert org_.post(new["key"], {"phone": "+919810000063"}).status_code == 401
    org_.db.execute(
        "update public.api_keys set expires_at = now() where org_id = %s and id = %s",
        [org_.id, known["key_id"]],
    )
    assert org_.post(old, {"phone": "+919810000064"}).status_code == 401


def test_a_key_that_asks_too_much_is_told_when_to_come_back(org_):
    key, many = org_.key(), {"leads": [{"phone": "12"}] * 100}

    replies = [org_.post(key, many) for _ in range(4)]

    refused = replies[-1]
    assert (refused.status_code, refused.json()["detail"]) == (429, "too_many_requests")
    assert int(refused.headers["Retry-After"]) >= 1
    assert [reply.status_code for reply in replies[:2]] == [200, 200]


def test_leads_are_listed_page_by_page_and_only_ones_own(org_, stack, database):
    writer, reader = org_.key("leads:write"), org_.key("leads:read")
    org_.post(writer, {"leads": [{"phone": f"+9198100007{n:02}"} for n in range(5)]})
    other = Organization(stack, database)
    other.post(other.key(), {"phone": "+919810000099"})
    headers, found, query = {"Authorization": f"Bearer {reader}"}, [], {"page_size": 2}

    while query:
        page = org_.http.get("/api/v1/leads", params=query, headers=headers).json()
        found += [lead["phone"] for lead in page["leads"]]
        query = page["next"] and {"page_size": 2, "cursor": page["next"]}

    assert sorted(found) == [f"+9198100007{n:02}" for n in range(5)]
    other.http.close()


# The form -------------------------------------------------------------------------------------------------


def test_a_form_shows_whose_it_is_in_the_language_of_the_reader(org_):
    address = org_.form(title="Ask for a <b>price</b>", products=["Pump", "Valve"])

    english, hindi = org_.http.get(address), org_.http.get(address, headers={"Accept-Language": "hi-IN"})

    assert "Kaveri Valves" in english.text
    assert "Ask for a &lt;b&gt;price&lt;/b&gt;" in english.text
    assert "मोबाइल नंबर" in hindi.text
    assert "script-src" not in english.headers["Content-Security-Policy"]
    assert "<script" not in english.text


def test_an_enquiry_becomes_a_lead_once_however_often_it_is_sent(org_, shown):
    address = org_.form()
    given = shown(address) | {"name": "Meena", "phone": "98100 00081", "message": "Two pumps", "consent": "1"}

    replies = [org_.http.post(address, data=given) for _ in range(3)]

    assert [reply.status_code for reply in replies] == [200] * 3
    assert "Thank you" in replies[0].text
    (lead,) = org_.leads()
    assert (lead["phone"], lead["message"], lead["source_kind"]) == ("+919810000081", "Two pumps", "form")
    agreed = "select decision, source from public.consent_events where org_id = %s"
    assert org_.db.rows(agreed, org_.id) == [("opt_in", "form")]
    assert org_.db.rows(
        "select accepted, refused from public.enquiry_form_days where org_id = %s", org_.id
    ) == [(1, 0)]


def test_a_form_never_takes_back_a_stop(org_, shown):
    org_.post(org_.key(), {"phone": "+919810000082"})
    org_.db.execute("update public.contacts set opted_out_at = now() where org_id = %s", [org_.id])
    address = org_.form()

    org_.http.post(address, data=shown(address) | {"name": "Mallory", "phone": "9810000082", "consent": "1"})

    assert len(org_.leads()) == 2
    assert org_.db.value("select opted_out_at is not null from public.contacts where org_id = %s", org_.id)
    assert org_.db.value("select count(*) from public.consent_events where org_id = %s", org_.id) == 0


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        pytest.param({"website": "http://spam.example"}, 10, id="a field that nobody sees is filled in"),
        pytest.param({}, 0, id="sent at once"),
    ],
)
def test_a_program_is_thanked_and_makes_no_lead(org_, shown, given, seconds):
    address = org_.form()

    reply = org_.http.post(
        address, data=shown(address, seconds) | {"name": "Bot", "phone": "9810000083"} | given
    )

    assert reply.status_code == 200
    assert org_.leads() == []
    assert org_.db.value("select refused from public.enquiry_form_days where org_id = %s", org_.id) == 1


def test_what_is_missing_or_wrong_is_said_at_its_field_and_nothing_is_lost(org_, shown):
    address = org_.form(fields={"email": "required"})

    reply = org_.http.post(address, data=shown(address) | {"name": "Meena <i>", "phone": "123", "email": ""})

    assert reply.status_code == 422
    assert "This is not a phone number" in reply.text
    assert "Please fill this in" in reply.text
    assert 'value="Meena &lt;i&gt;"' in reply.text
    assert org_.leads() == []


@pytest.mark.parametrize("visit", ["", "forged", "WyJ4IiwieSJd.abc.def"])
def test_a_page_that_was_never_shown_cannot_be_sent(org_, visit):
    address = org_.form()

    reply = org_.http.post(address, data={"visit": visit, "name": "Bot", "phone": "9810000084"})

    assert reply.status_code == 400
    assert org_.leads() == []


def test_a_page_of_one_form_is_worthless_at_another(org_, shown):
    one, two = org_.form(), org_.form()

    assert org_.http.post(two, data=shown(one) | {"name": "Bot", "phone": "9810000085"}).status_code == 400


def test_a_closed_moved_or_unknown_form_says_so(org_):
    address = org_.form(is_on=False)

    for gone in (address, "/f/nowhere"):
        reply = org_.http.get(gone)
        assert reply.status_code == 404
        assert "This form is closed" in reply.text


def test_one_network_sends_a_form_twenty_times_an_hour(org_, shown):
    address = org_.form()
    pages = [shown(address) for _ in range(21)]

    replies = [
        org_.http.post(address, data=page | {"name": "Meena", "phone": f"98100009{n:02}"})
        for n, page in enumerate(pages)
    ]

    assert [reply.status_code for reply in replies] == [200] * 20 + [429]
    assert len(org_.leads()) == 20
