"""What an operator does from day to day, by the `flow` command alone, before the running stack."""

import subprocess
import time
from uuid import uuid4

import httpx
import pytest

from tests.database import Database
from tests.e2e.commands import Business, Commands, Json, Meta, RunningStack, eventually, hello
from tests.local.flow_command import FLOW


@pytest.fixture
def shop(business: Business, flow: Commands, org: str) -> Business:
    """A connected business with its templates."""
    return business.connected(flow, org)


@pytest.fixture
def key(stack: RunningStack, business: Business) -> str:
    """A CRM key that IndiaMART knows."""
    made = f"key-{uuid4().hex}"
    business.sandbox.put_indiamart_key(made)
    return made


def message(database: Database, message_id: int) -> Json:
    """A message as it is stored."""
    found: Json = database.value("select to_jsonb(m) from public.messages m where id = %s", message_id)
    return found


def counted(database: Database, org: str) -> dict[str, int]:
    """How many messages of an organization have which status."""
    return dict(
        database.rows("select status, count(*)::int from public.messages where org_id = %s group by 1", org)
    )


# WhatsApp numbers -----------------------------------------------------------------------------------------


def test_a_number_that_another_organization_holds_is_refused_and_stays_where_it_is(
    stack: RunningStack, flow: Commands, database: Database, org: str, shop: Business
) -> None:
    other = flow.organization("Cauvery Pumps")
    theirs = Business(stack).connected(flow, other)

    status, answer, said = shop.connect(flow, other)

    assert (status, answer["error"]["detail"]) == (1, "number_taken")
    assert shop.token not in said
    holders = database.rows(
        "select phone_number_id, org_id::text from public.whatsapp_numbers where phone_number_id = any (%s)",
        [shop.phone_number_id, theirs.phone_number_id],
    )
    assert dict(holders) == {shop.phone_number_id: org, theirs.phone_number_id: other}
    for business, holder in ((shop, org), (theirs, other)):
        flow.done("message", "send", "--org", holder, "--batch-stdin", stdin=hello([1]))
        eventually(business.sends)


def test_text_is_refused_until_the_customer_has_written_and_then_goes(
    flow: Commands, database: Database, org: str, shop: Business
) -> None:
    words = ("message", "send", "--org", org, "--to", "+919000000011", "--text", "Your pump is ready.")

    refused = flow.refused(*words)
    shop.sandbox.inbound(shop.phone_number_id, "919000000011", text="Is it ready?")
    eventually(lambda: counted(database, org).get("received"))
    sent = flow.done(*words)["message_id"]

    assert refused["detail"] == "window_closed"
    eventually(lambda: message(database, sent)["status"] == "read")
    assert [(send.text, send.callback) for send in shop.sends()] == [("Your pump is ready.", f"flow.{sent}")]


def test_a_disconnect_in_a_burst_stops_all_calls_at_once_and_connecting_again_restores(
    flow: Commands, database: Database, org: str, shop: Business
) -> None:
    ids = flow.done("message", "send", "--org", org, "--batch-stdin", stdin=hello(range(500)))["message_ids"]
    eventually(lambda: len(shop.sends()) >= 20, every=0.01)

    assert flow.done("whatsapp", "disconnect", "--org", org) == {"disconnected": 1}
    ended = time.time()

    eventually(lambda: not {"queued", "sending"} & counted(database, org).keys(), 5)
    time.sleep(2)
    sends = shop.sends()
    assert max(send.accepted_at for send in sends) < ended + 1
    after = counted(database, org)
    assert after["cancelled"] == 500 - len(sends) > 0
    credentials = database.rows(
        "select cipher, revoked_at is not null from private.credentials where org_id = %s", org
    )
    assert credentials == [(None, True)]
    assert flow.refused(
        "message", "send", "--org", org, "--batch-stdin", stdin=hello([1])
    )["detail"] == "number_not_connected"  # fmt: skip

    shop.connected(flow, org)
    again = flow.done("message", "send", "--org", org, "--batch-stdin", stdin=hello([501]))["message_ids"]

    eventually(lambda: message(database, again[0])["status"] == "read")
    assert counted(database, org)["cancelled"] == after["cancelled"]
    assert max(shop.times_sent().values()) == 1
    assert len(ids) == 500


def test_keys_rotate_while_messages_leave(
    flow: Commands, database: Database, org: str, shop: Business
) -> None:
    ids = flow.done("message", "send", "--org", org, "--batch-stdin", stdin=hello(range(150)))["message_ids"]

    first, second = (flow.done("keys", "rotate")["key_id"] for _ in range(2))

    assert second > first
    eventually(lambda: counted(database, org) == {"read": 150}, 30)
    assert shop.times_sent() == {f"flow.{one}": 1 for one in ids}
    used = "select distinct key_id from private.credentials where cipher is not null"
    assert database.rows(used) == [(second,)]


# Greetings ------------------------------------------------------------------------------------------------


def greet(flow: Commands, org: str, *params: str) -> tuple[int, Json, str]:
    """Choose the greeting and the fields that fill it."""
    fields = [word for field in params for word in ("--param", field)]
    return flow("greeting", "set", "--org", org, "--template", "hello", "--language", "en", *fields)


@pytest.mark.parametrize(
    ("params", "detail"),
    [
        pytest.param(["name"], "template_parameters", id="too few"),
        pytest.param(["name", "product", "city"], "template_parameters", id="too many"),
        pytest.param(["name", "shoe_size"], "field_unknown", id="no such field"),
    ],
)
def test_a_greeting_that_meta_would_refuse_is_refused_now(
    flow: Commands, database: Database, org: str, shop: Business, params: list[str], detail: str
) -> None:
    status, answer, _ = greet(flow, org, *params)

    assert (status, answer["error"]["detail"]) == (1, detail)
    assert not database.rows("select from public.greeting_settings where org_id = %s", org)


def test_a_person_who_asks_twice_is_greeted_once(
    flow: Commands, database: Database, org: str, shop: Business
) -> None:
    assert greet(flow, org, "name", "product")[0] == 0
    asked = ("lead", "add", "--org", org, "--name", "Asha Verma", "--phone", "98100 00011", "--greet")

    first = flow.done(*asked, "--product", "Pumps")
    second = flow.done(*asked, "--product", "Valves")

    assert first["contact_id"] == second["contact_id"]
    assert first["lead_id"] != second["lead_id"]
    eventually(lambda: counted(database, org) == {"read": 1})
    assert [(send.to, send.text) for send in shop.sends()] == [
        ("919810000011", "Hello Asha Verma, about Pumps.")
    ]


# IndiaMART ------------------------------------------------------------------------------------------------


def test_enquiries_are_read_once_and_a_second_sync_must_wait(
    flow: Commands, database: Database, org: str, business: Business, key: str
) -> None:
    business.sandbox.invent_leads(key, 7)
    flow.done("indiamart", "connect", "--org", org, "--key-stdin", stdin=key + "\n")

    runs = [flow("indiamart", "sync", "--org", org) for _ in range(2)]

    refused = runs[-1][1]["error"]  # the first, too, when the schedule was quicker
    assert runs[-1][0] == 1
    assert refused["detail"] in ("sync_too_soon", "sync_running")
    assert refused["retry_at"].endswith("Z")
    leads = "select count(*), count(distinct external_id) from public.leads where org_id = %s"
    assert eventually(lambda: database.row(leads, org) == (7, 7))


def test_a_pushed_enquiry_is_stored_once_and_an_old_address_is_dead(
    flow: Commands, database: Database, org: str
) -> None:
    body: Json = {
        "CODE": 200, "STATUS": "SUCCESS",
        "RESPONSE": {
            "UNIQUE_QUERY_ID": uuid4().hex[:12], "QUERY_TYPE": "W", "QUERY_TIME": "2026-11-23 10:00:00",
            "SENDER_NAME": "Ravi Kumar", "SENDER_MOBILE": "+91-9810000022", "QUERY_PRODUCT_NAME": "Valves",
        },
    }  # fmt: skip
    old, new = (flow.done("indiamart", "push", "--org", org, "--rotate")["url"] for _ in range(2))

    answers = [httpx.post(url, json=body, trust_env=False).status_code for url in (old, new, new)]

    assert answers == [401, 200, 200]
    found = database.rows(
        "select c.name, c.phone, l.product from public.leads l join public.contacts c"
        " on (c.org_id, c.id) = (l.org_id, l.contact_id) where l.org_id = %s",
        org,
    )
    assert found == [("Ravi Kumar", "+919810000022", "Valves")]


# Afterwards -----------------------------------------------------------------------------------------------


def test_what_came_for_a_number_before_it_was_connected_is_applied_by_a_replay(
    stack: RunningStack, flow: Commands, database: Database, org: str, business: Business
) -> None:
    wamid = f"wamid.early.{business.waba_id}"
    event = business.heard({"from": "919810000033", "id": wamid, "text": {"body": "Anybody there?"}})
    assert Meta(stack).post(event) == 200
    waiting = "select event_id from private.dead_letters where item::text like %s and resolved_at is null"
    ((event_id,),) = database.rows(waiting, f"%{wamid}%")
    business.connected(flow, org)

    replayed = flow.done("replay", str(event_id))

    assert (replayed["events"], replayed["dead"]) == (1, 0)
    assert database.value("select text from public.messages where org_id = %s", org) == "Anybody there?"
    assert not database.rows(waiting, f"%{wamid}%")
    flow.done("replay", str(event_id))
    assert counted(database, org) == {"received": 1}


def test_people_read_sentences_and_programs_read_one_object(flow: Commands, org: str, shop: Business) -> None:
    words = ["message", "send", "--org", org, "--to", "+919000000012", "--text", "Hi"]

    for_people = subprocess.run(
        [FLOW, *words], cwd=flow.folder, env=flow.env, capture_output=True, text=True, timeout=60
    )
    wrong_use = flow("message", "send", "--org", org)

    assert (for_people.returncode, for_people.stdout) == (1, "")
    assert "24-hour window" in for_people.stderr
    assert wrong_use[0] == 2
    assert wrong_use[1]["error"]["detail"] == "wrong_use"
