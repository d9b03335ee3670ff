"""A disconnect in a burst, on the whole stack; how a number stands; and Meta letting go first."""

import base64
import hashlib
import hmac
import json
import time
from collections import Counter
from typing import Any
from uuid import uuid4

import httpx
from dotenv import dotenv_values
from supabase import create_client

from tests.conftest import RunningStack
from tests.database import Database, Person
from tests.e2e.commands import Business, Commands, eventually, hello

PEOPLE = 2_000
AT_ONCE = 1.0  # seconds; nothing starts later after the commit


def owner(database: Database, org: str) -> Person:
    """Whoever owns the organization."""
    query = (
        "select p.id, p.email from public.memberships m join public.profiles p on p.id = m.user_id"
        " where m.org_id = %s and m.role = 'owner'"
    )
    return Person(*database.row(query, org))


def statuses(database: Database, org: str) -> Counter[str]:
    query = "select status, count(*) from public.messages where org_id = %s group by 1"
    return Counter(dict(database.rows(query, org)))


def test_disconnect_in_a_burst_of_2000_stops_every_call_within_a_second(
    flow: Commands, org: str, stack: RunningStack, database: Database
) -> None:
    business = Business(stack)
    business.sandbox.change(business.phone_number_id, messages_per_second=1000)
    business.connected(flow, org)
    asha = owner(database, org)
    pause = "update public.whatsapp_numbers set status = %s where org_id = %s"
    database.execute(pause, ["paused", org])
    flow.done("message", "send", "--org", org, "--batch-stdin", stdin=hello(range(PEOPLE)))
    database.execute(pause, ["connected", org])
    eventually(lambda: len(business.sends()) > PEOPLE // 20, every=0.01)

    with database.transaction():
        database.as_person(asha)
        answer = database.value("select public.disconnect_whatsapp(%s)", org)
    committed = time.time()

    assert answer == {"disconnected": 1}
    assert statuses(database, org)["cancelled"] > PEOPLE // 10, "the burst was over already"
    time.sleep(AT_ONCE + 1)
    sends = business.sends()
    assert [send.accepted_at - committed for send in sends if send.accepted_at > committed + AT_ONCE] == []

    # What was under way is recorded, what was not has not gone: nothing is left, nothing went twice.
    settled = {"cancelled", "sent", "delivered", "read"}
    ended = eventually(lambda: (found := statuses(database, org)).keys() <= settled and found)
    assert ended.total() == PEOPLE
    assert PEOPLE - ended["cancelled"] == len(business.sends())
    assert set(business.times_sent().values()) == {1}

    # No worker was asked: the database had Meta told by itself, and the token is gone.
    eventually(lambda: not account(business)["subscribed"])
    ciphers = "select count(cipher) from private.credentials where org_id = %s and kind = 'meta_token'"
    eventually(lambda: database.value(ciphers, org) == 0)


def account(business: Business) -> dict[str, Any]:
    (found,) = [a for a in business.sandbox.accounts() if a["waba_id"] == business.waba_id]
    return found


def test_disconnect_at_the_command_line_tells_meta_before_it_ends(
    flow: Commands, org: str, business: Business, database: Database
) -> None:
    business.connected(flow, org)

    assert flow.done("whatsapp", "disconnect", "--org", org) == {"disconnected": 1}

    assert account(business)["subscribed"] is False
    done = "select status from private.meta_cleanups where org_id = %s"
    assert database.value(done, org) == "done"


def test_health_is_asked_for_over_the_api_and_told_by_the_doctor(
    flow: Commands, org: str, business: Business, stack: RunningStack, database: Database
) -> None:
    business.connected(flow, org)
    business.sandbox.change(business.phone_number_id, quality_rating="RED")
    headers = {"Authorization": f"Bearer {signed_in(stack, database, org)}"}

    def ask() -> httpx.Response:
        url = f"{stack.workers_url}/api/whatsapp/check"
        return httpx.post(url, json={"org_id": org}, headers=headers, timeout=30, trust_env=False)

    assert ask().json() == {"checked": 1, "reconnect": 0}
    assert ask().json() == {"checked": 0, "reconnect": 0}, "once a minute"
    found = "select kind, level from public.whatsapp_health where org_id = %s"
    assert database.rows(found, org) == [("quality", "problem")]
    _, doctor, _ = flow("doctor")
    assert [f for f in doctor["findings"] if "quality is low" in f["what"]] != []
    flow.done("whatsapp", "disconnect", "--org", org)


def signed_in(stack: RunningStack, database: Database, org: str) -> str:
    """The session of somebody who has just become an admin."""
    person = create_client(stack.api_url, stack.publishable_key).auth.sign_up(
        {"email": f"meera.{uuid4().hex[:10]}@example.com", "password": "secret-1234"}
    )
    assert person.user
    assert person.session
    database.execute(
        "insert into public.memberships (org_id, user_id, role) values (%s, %s, 'admin')",
        [org, person.user.id],
    )
    return person.session.access_token


def test_person_who_removes_flow_at_meta_makes_the_account_ask_again(
    flow: Commands, org: str, business: Business, stack: RunningStack, database: Database
) -> None:
    business.connected(flow, org)
    person = f"66{business.waba_id}"
    database.execute("update public.whatsapp_accounts set meta_user_id = %s where org_id = %s", [person, org])
    payload = {"algorithm": "HMAC-SHA256", "issued_at": int(time.time()), "user_id": person}
    encoded = base64.urlsafe_b64encode(json.dumps(payload).encode()).rstrip(b"=")
    secret = str(dotenv_values(stack.data / "settings.env")["META_APP_SECRET"]).encode()
    signature = base64.urlsafe_b64encode(hmac.digest(secret, encoded, hashlib.sha256)).rstrip(b"=")
    form = {"signed_request": f"{signature.decode()}.{encoded.decode()}"}

    with httpx.Client(base_url=stack.workers_url, timeout=30, trust_env=False) as http:
        assert http.post("/meta/deauthorize", data=form).json() == {"accounts": 1}
        told = http.post("/meta/data-deletion", data=form).json()
        page = http.get(told["url"])

    columns = "select status, meta_user_id from public.whatsapp_accounts where org_id = %s"
    assert database.row(columns, org) == ("reconnect", None)
    assert (page.status_code, "Your data is deleted" in page.text) == (200, True)
    assert told["confirmation_code"] in page.text
    asked = [
        "message",
        "send",
        "--org",
        org,
        "--to",
        "+919810000011",
        "--template",
        "hello",
        "--language",
        "en",
    ]
    waiting = flow.done(*asked, "--param", "Asha", "--param", "pumps")["message_id"]
    time.sleep(1)
    assert database.value("select status from public.messages where id = %s", waiting) == "queued"
    assert business.sends() == []
    flow.done("whatsapp", "disconnect", "--org", org)
