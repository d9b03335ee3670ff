"""The sandbox's Meta accepts, refuses and tells what the real one does."""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.http.running_sandbox import (
    CUSTOMER,
    PHONE,
    TOKEN,
    WABA,
    RunningSandbox,
    hello,
    running_sandbox,
)

TEXT = {"type": "text", "text": {"body": "Namaste"}}
NAMED = {"name": "named", "body": "Hello {{who}}.", "parameter_format": "NAMED"}


@pytest.fixture(scope="module")
def one_sandbox() -> Iterator[RunningSandbox]:
    with running_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(one_sandbox: RunningSandbox) -> RunningSandbox:
    """A sandbox with one account, one number and one template."""
    one_sandbox.control.reset()
    one_sandbox.settle()
    one_sandbox.receiver.bodies.clear()
    one_sandbox.seed()
    return one_sandbox


def error(answer: httpx.Response) -> dict[str, Any]:
    found: dict[str, Any] = answer.json()["error"]
    assert found["fbtrace_id"]
    assert found["type"] in ("OAuthException", "GraphMethodException")
    return found


REFUSED: list[Any] = [
    pytest.param({"messaging_product": "sms", **TEXT}, 400, 100, id="another product"),
    pytest.param({"to": None, **TEXT}, 400, 100, id="nobody to send to"),
    pytest.param({"to": "asha", **TEXT}, 400, 131009, id="not a phone number"),
    pytest.param({"to": "911140000001", **TEXT}, 400, 131021, id="to the number itself"),
    pytest.param({"type": "fax", "fax": {}}, 400, 100, id="a type that does not exist"),
    pytest.param({"type": "text"}, 400, 131008, id="text without its object"),
    pytest.param({"type": "text", "text": {"body": " "}}, 400, 100, id="an empty text"),
    pytest.param({"type": "text", "text": {"body": "x" * 4097}}, 400, 100, id="a text over 4096"),
    pytest.param({"type": "text", "text": {"body": "x", "colour": "red"}}, 400, 100, id="an unknown key"),
    pytest.param({**TEXT, "biz_opaque_callback_data": "x" * 513}, 400, 100, id="callback data over 512"),
    pytest.param({"type": "image", "image": {}}, 400, 131008, id="an image without source"),
    pytest.param({"type": "image", "image": {"id": "1"}}, 400, 131009, id="media that was never uploaded"),
    pytest.param({"type": "image", "image": {"link": "ftp://x"}}, 400, 100, id="a link that is none"),
    pytest.param(
        {"type": "image", "image": {"link": "https://x.example/i.png", "caption": "x" * 1025}},
        400,
        100,
        id="a caption over 1024",
    ),
    pytest.param(
        {"type": "location", "location": {"latitude": 91, "longitude": 0}}, 400, 131009, id="off Earth"
    ),
    pytest.param({"type": "contacts", "contacts": [{}]}, 400, 131008, id="a card without a name"),
    pytest.param({"type": "reaction", "reaction": {"emoji": "👍"}}, 400, 131008, id="a reaction to nothing"),
    pytest.param(
        {
            "type": "interactive",
            "interactive": {
                "type": "button",
                "body": {"text": "?"},
                "action": {"buttons": [{"reply": {"id": str(n), "title": "Yes"}} for n in range(4)]},
            },
        },
        400,
        131009,
        id="four buttons",
    ),
    pytest.param(
        {"type": "template", "template": hello("a", "b", name="nobody")}, 404, 132001, id="no template"
    ),
    pytest.param(
        {"type": "template", "template": hello("a", "b", language={"code": "hi"})},
        404,
        132001,
        id="no translation",
    ),
    pytest.param({"type": "template", "template": hello("a")}, 400, 132000, id="a parameter too few"),
    pytest.param({"type": "template", "template": hello("a", "b", "c")}, 400, 132000, id="one too many"),
    pytest.param({"type": "template", "template": hello("a", "b\nc")}, 400, 132012, id="a line break"),
    pytest.param({"type": "template", "template": hello("a", "b     c")}, 400, 132012, id="five spaces"),
    pytest.param({"type": "template", "template": hello("a", "")}, 400, 131008, id="an empty parameter"),
    pytest.param(
        {"type": "template", "template": hello("a", name="named")}, 400, 132012, id="a nameless value"
    ),
]


@pytest.mark.parametrize(("body", "status", "code"), REFUSED)
def test_what_meta_refuses_is_refused_with_its_code_and_nothing_is_sent(
    sandbox: RunningSandbox, body: dict[str, Any], status: int, code: int
) -> None:
    sandbox.control.put_account({"waba_id": WABA, "templates": [NAMED]})

    answer = sandbox.send(**body)

    assert (answer.status_code, error(answer)["code"]) == (status, code)
    assert sandbox.control.sends() == []
    assert sandbox.control.counters().rejected == {str(code): 1}


ACCEPTED: list[Any] = [
    pytest.param(TEXT, id="text"),
    pytest.param({"text": {"body": "without a type"}}, id="text without a type"),
    pytest.param({"to": "+91 90000 00011", **TEXT}, id="a number with spaces"),
    pytest.param({"type": "image", "image": {"link": "https://x.example/i.png", "caption": "A"}}, id="image"),
    pytest.param({"type": "location", "location": {"latitude": 13.1, "longitude": 80.2}}, id="location"),
    pytest.param(
        {"type": "contacts", "contacts": [{"name": {"formatted_name": "Ravi", "first_name": "Ravi"}}]},
        id="contacts",
    ),
    pytest.param(
        {
            "type": "interactive",
            "interactive": {
                "type": "list",
                "body": {"text": "When?"},
                "action": {"button": "Choose", "sections": [{"rows": [{"id": "1", "title": "Now"}]}]},
            },
        },
        id="list",
    ),
    pytest.param({"type": "template", "template": hello("Asha", "वाल्व")}, id="template"),
]


@pytest.mark.parametrize("body", ACCEPTED)
def test_a_valid_message_is_accepted_delivered_and_read(
    sandbox: RunningSandbox, body: dict[str, Any]
) -> None:
    sandbox.control.inbound(PHONE, CUSTOMER, text="Hello")

    answer = sandbox.send(**body, biz_opaque_callback_data="outbox-1")

    assert answer.status_code == 200
    sandbox.settle()
    [sent] = sandbox.control.sends()
    assert answer.json()["contacts"][0]["wa_id"] == CUSTOMER
    assert answer.json()["messages"][0]["id"] == sent.wamid
    told = {s["status"]: s for s in sandbox.receiver.statuses()}
    assert set(told) == sent.reached == {"sent", "delivered", "read"}
    assert {s["biz_opaque_callback_data"] for s in told.values()} == {"outbox-1"}
    assert {s["recipient_id"] for s in told.values()} == {CUSTOMER}
    assert [("pricing" in told[s]) for s in ("sent", "delivered", "read")] == [True, True, False]
    assert sandbox.receiver.forged == 0


TOKENS = [
    pytest.param(None, PHONE, 401, 104, None, id="no token"),
    pytest.param("EAAwrong", PHONE, 401, 190, None, id="an unknown token"),
    pytest.param("EAAother", PHONE, 400, 100, 33, id="the token of another account"),
    pytest.param(TOKEN, "770299999999999", 400, 100, 33, id="an unknown number"),
]


@pytest.mark.parametrize(("token", "number", "status", "code", "subcode"), TOKENS)
def test_a_token_reaches_only_what_it_was_given(
    sandbox: RunningSandbox, token: str | None, number: str, status: int, code: int, subcode: int | None
) -> None:
    sandbox.control.put_account({"waba_id": "880100000000002", "token": "EAAother"})

    body = {"messaging_product": "whatsapp", "to": CUSTOMER, **TEXT}
    answer = sandbox.graph("POST", f"{number}/messages", token, json=body)

    assert answer.status_code == status
    assert (error(answer)["code"], error(answer).get("error_subcode")) == (code, subcode)


def test_free_text_outside_the_window_is_accepted_and_then_fails(sandbox: RunningSandbox) -> None:
    day_ago = int(time.time()) - 86_401
    sandbox.control.inbound(PHONE, CUSTOMER, text="long ago", timestamp=day_ago)

    answer = sandbox.send(**TEXT)

    assert answer.status_code == 200
    sandbox.settle()
    [status] = sandbox.receiver.statuses()
    assert (status["status"], status["errors"][0]["code"]) == ("failed", 131047)


def test_a_receipt_typing_and_a_reaction_are_noted_and_have_no_statuses(sandbox: RunningSandbox) -> None:
    typing = {"typing_indicator": {"type": "text"}}
    sandbox.send(status="read", message_id="wamid.A")
    sandbox.send(status="read", message_id="wamid.A", **typing)
    sandbox.send(type="reaction", reaction={"message_id": "wamid.A", "emoji": ""})
    wrong = sandbox.send(status="read", message_id="wamid.A", typing_indicator={"type": "voice"})

    assert wrong.status_code == 400
    noted = [(s["kind"], s["message_id"], s.get("emoji")) for s in sandbox.control.signals()]
    assert noted == [("read", "wamid.A", None), ("typing", "wamid.A", None), ("reaction", "wamid.A", "")]
    assert sandbox.control.wait_until_idle()
    assert sandbox.receiver.statuses() == []


def test_a_reaction_opens_no_window(sandbox: RunningSandbox) -> None:
    reaction = {"type": "reaction", "reaction": {"message_id": "wamid.A", "emoji": "👍"}}
    sandbox.control.inbound(PHONE, CUSTOMER, message=reaction)

    sandbox.send(**TEXT)

    sandbox.settle()
    assert [s["status"] for s in sandbox.receiver.statuses()] == ["failed"]


def test_the_forty_sixth_message_at_once_to_one_customer_is_refused(sandbox: RunningSandbox) -> None:
    answers = [sandbox.send_hello() for _ in range(46)]
    another = sandbox.send_hello(to="919000000012")

    assert [a.status_code for a in answers] == [200] * 45 + [400]
    assert error(answers[-1])["code"] == 131056
    assert another.status_code == 200


def test_a_number_sends_no_more_than_its_messages_per_second(sandbox: RunningSandbox) -> None:
    number = {"phone_number_id": PHONE, "display_phone": "+91 11400 00001", "messages_per_second": 3}
    sandbox.control.put_account({"waba_id": WABA, "numbers": [number]})

    answers = [sandbox.send_hello(to=f"91900000{n:04d}") for n in range(30)]

    refused = [a for a in answers if a.status_code != 200]
    assert refused
    assert {(a.status_code, error(a)["code"]) for a in refused} == {(429, 130429)}


def test_the_customer_answers_a_greeting_once(sandbox: RunningSandbox) -> None:
    sandbox.control.behave(phone_number_id=PHONE, answer_ms=5, answer_text="Call me — आज")

    first = sandbox.send_hello().json()["messages"][0]["id"]
    sandbox.send_hello()

    sandbox.settle()
    [message] = sandbox.receiver.messages()
    assert (message["from"], message["text"]["body"]) == (CUSTOMER, "Call me — आज")
    assert message["context"]["id"] == first
    assert sandbox.send(**TEXT).status_code == 200


FAULTS = [
    pytest.param({"kind": "error", "code": 131016}, 500, 131016, 0, id="an error of the table"),
    pytest.param({"kind": "http_500"}, 500, None, 0, id="500 without a body"),
    pytest.param({"kind": "http_500", "accepted": True}, 500, None, 1, id="500 after taking the message"),
    pytest.param({"kind": "dropped"}, None, None, 0, id="closed before taking it"),
    pytest.param({"kind": "lost_answer"}, None, None, 1, id="closed after taking it"),
]


@pytest.mark.parametrize(("fault", "status", "code", "sends"), FAULTS)
def test_an_ordered_fault_happens_once_and_only_to_its_number(
    sandbox: RunningSandbox, fault: dict[str, Any], status: int | None, code: int | None, sends: int
) -> None:
    sandbox.control.fault(**fault, phone_number_id=PHONE)

    try:
        answer: httpx.Response | None = sandbox.send_hello(biz_opaque_callback_data="one")
    except httpx.RemoteProtocolError:
        answer = None

    assert (answer.status_code if answer is not None else None) == status
    if code and answer is not None:
        assert error(answer)["code"] == code
    assert len(sandbox.control.sends()) == sends
    assert sandbox.send_hello(biz_opaque_callback_data="one").status_code == 200
    assert sandbox.control.counters().duplicates == sends
    sandbox.settle()
    assert {"sent", "delivered", "read"} == {s["status"] for s in sandbox.receiver.statuses()}


def test_a_failed_status_and_lost_statuses_can_be_ordered(sandbox: RunningSandbox) -> None:
    sandbox.control.fault("failed_status", code=131026)
    sandbox.send_hello()
    sandbox.settle()
    sandbox.control.fault("no_statuses", count=3)
    sandbox.send_hello()

    sandbox.settle()

    [status] = sandbox.receiver.statuses()
    assert (status["status"], status["errors"][0]["code"]) == ("failed", 131026)


def test_a_webhook_is_tried_again_with_the_same_bytes_until_it_is_taken(sandbox: RunningSandbox) -> None:
    sandbox.receiver.refusals = 2

    sandbox.control.inbound(PHONE, CUSTOMER, text="Hello")

    sandbox.settle()
    assert [m["text"]["body"] for m in sandbox.receiver.messages()] == ["Hello"]
    assert sandbox.control.counters().webhooks["failed_attempts"] == 2


def test_webhooks_can_be_doubled_and_moved(sandbox: RunningSandbox) -> None:
    sandbox.control.behave(batch_max=1)
    sandbox.control.fault("duplicate_webhooks", count=1000)
    sandbox.control.fault("reorder_webhooks", count=1000, ms=200)

    for n in range(10):
        sandbox.send_hello(to=f"9190000001{n:02d}")

    sandbox.settle()
    sandbox.control.behave(batch_max=100)
    arrived = [(s["id"], s["status"]) for s in sandbox.receiver.statuses()]
    assert len(arrived) == 2 * len(set(arrived)) == 60
    rank = {"sent": 0, "delivered": 1, "read": 2}
    ranks = [[rank[status] for wamid, status in arrived if wamid == one] for one in dict(arrived)]
    assert any(found != sorted(found) for found in ranks)


def test_an_outage_holds_webhooks_back(sandbox: RunningSandbox) -> None:
    sandbox.control.fault("webhook_outage", ms=300)
    begun = time.monotonic()

    sandbox.control.inbound(PHONE, CUSTOMER, text="Hello")

    sandbox.settle()
    assert time.monotonic() - begun >= 0.25
    assert len(sandbox.receiver.messages()) == 1


def test_an_account_without_subscription_is_silent(sandbox: RunningSandbox) -> None:
    assert sandbox.graph("DELETE", f"{WABA}/subscribed_apps").json() == {"success": True}

    sandbox.control.inbound(PHONE, CUSTOMER, text="Hello")

    sandbox.settle()
    assert sandbox.receiver.posts() == []
    assert sandbox.graph("GET", f"{WABA}/subscribed_apps").json() == {"data": []}


def test_updates_that_pile_up_come_in_one_post(sandbox: RunningSandbox) -> None:
    sandbox.control.fault("webhook_outage", ms=200)

    for n in range(20):
        sandbox.control.inbound(PHONE, f"91900000{n:04d}", text=f"message {n}")

    sandbox.settle()
    assert len(sandbox.receiver.messages()) == 20
    assert len(sandbox.receiver.posts()) < 5


def test_meta_proves_the_webhook_address(sandbox: RunningSandbox) -> None:
    assert sandbox.control.verify_webhook()


def test_a_signup_code_is_good_once_and_its_token_shows_the_shared_accounts(sandbox: RunningSandbox) -> None:
    code = sandbox.control.signup_code(WABA)
    asked = {"client_id": "4406", "client_secret": "a-secret-of-the-app", "code": code}

    token = sandbox.graph("GET", "oauth/access_token", None, params=asked).json()["access_token"]
    again = sandbox.graph("GET", "oauth/access_token", None, params=asked)
    wrong = sandbox.graph("GET", "oauth/access_token", None, params={**asked, "client_secret": "x"})

    assert (error(again)["code"], error(again)["error_subcode"]) == (100, 36009)
    assert error(wrong)["code"] == 1
    app = "4406|a-secret-of-the-app"
    data = sandbox.graph("GET", "debug_token", app, params={"input_token": token}).json()["data"]
    assert (data["is_valid"], data["app_id"]) == (True, "4406")
    assert [s["target_ids"] for s in data["granular_scopes"]] == [[WABA], [WABA]]

    assert sandbox.graph("DELETE", f"{data['user_id']}/permissions", token).json() == {"success": True}

    data = sandbox.graph("GET", "debug_token", app, params={"input_token": token}).json()["data"]
    assert data["is_valid"] is False
    assert error(sandbox.graph("GET", WABA, token))["code"] == 190


def test_a_number_registers_with_the_pin_it_has(sandbox: RunningSandbox) -> None:
    number = {"phone_number_id": "770200000000005", "display_phone": "+91 11400 00005", "registered": False}
    sandbox.control.put_account({"waba_id": WABA, "numbers": [number]})
    hello_from_it = {
        "messaging_product": "whatsapp",
        "to": CUSTOMER,
        "type": "template",
        "template": hello("a", "b"),
    }

    def call(path: str, **body: Any) -> httpx.Response:
        return sandbox.graph(
            "POST", f"770200000000005/{path}", json={"messaging_product": "whatsapp", **body}
        )

    assert error(call("messages", **hello_from_it))["code"] == 133010
    assert error(call("register", pin="12"))["code"] == 131009
    assert call("register", pin="123456").json() == {"success": True}
    assert error(call("register", pin="654321"))["code"] == 133005
    assert call("messages", **hello_from_it).status_code == 200


def test_templates_come_in_pages_and_new_ones_wait_for_review(sandbox: RunningSandbox) -> None:
    new = {
        "name": "follow_up",
        "language": "en",
        "category": "UTILITY",
        "components": [
            {"type": "BODY", "text": "Dear {{1}}, we called.", "example": {"body_text": [["Asha"]]}}
        ],
    }
    made = sandbox.graph("POST", f"{WABA}/message_templates", json=new).json()
    early = sandbox.send(type="template", template=hello("Asha", name="follow_up"))
    sandbox.control.review_template(WABA, "follow_up")
    late = sandbox.send(type="template", template=hello("Asha", name="follow_up"))

    names, url = [], f"{sandbox.server.url}/v26.0/{WABA}/message_templates?limit=1&fields=name,status"
    while url:
        page = sandbox.http.get(url, headers={"Authorization": f"Bearer {TOKEN}"}).json()
        names += [row["name"] for row in page["data"]]
        url = page["paging"].get("next", "")

    assert made["status"] == "PENDING"
    assert (error(early)["code"], late.status_code) == (132001, 200)
    assert sorted(names) == ["follow_up", "hello"]
    sandbox.settle()
    told = [v for v in sandbox.receiver.values() if v.get("event")]
    assert [(v["event"], v["message_template_name"]) for v in told] == [("APPROVED", "follow_up")]
    again = sandbox.graph("POST", f"{WABA}/message_templates", json=new)
    assert error(again)["error_subcode"] == 2388024


def test_objects_show_the_fields_that_connecting_reads(sandbox: RunningSandbox) -> None:
    account = sandbox.graph("GET", f"{WABA}?fields=name,currency,timezone_id").json()
    number = sandbox.graph(
        "GET", f"{PHONE}?fields=display_phone_number,verified_name,status,throughput"
    ).json()
    numbers = sandbox.graph("GET", f"{WABA}/phone_numbers").json()["data"]
    nothing = sandbox.graph("GET", f"{WABA}?fields=colour")

    assert account == {"name": "Sandbox Store", "currency": "INR", "timezone_id": "71", "id": WABA}
    assert (number["id"], number["status"]) == (PHONE, "CONNECTED")
    assert [n["id"] for n in numbers] == [PHONE]
    assert error(nothing)["code"] == 100


def test_media_is_uploaded_read_with_the_token_and_sent(sandbox: RunningSandbox) -> None:
    form = {"messaging_product": "whatsapp", "type": "image/png"}
    files = {"file": ("a.png", b"not really a picture", "image/png")}
    media_id = sandbox.graph("POST", f"{PHONE}/media", data=form, files=files).json()["id"]
    found = sandbox.graph("GET", media_id).json()

    stolen = sandbox.http.get(found["url"])
    content = sandbox.http.get(found["url"], headers={"Authorization": f"Bearer {TOKEN}"})

    assert stolen.status_code == 401
    assert content.content == b"not really a picture"
    assert found["file_size"] == len(content.content)
    sandbox.control.inbound(PHONE, CUSTOMER, text="Hello")
    assert sandbox.send(type="image", image={"id": media_id}).status_code == 200


def test_a_message_is_marked_as_read(sandbox: RunningSandbox) -> None:
    wamid = sandbox.control.inbound(PHONE, CUSTOMER, text="Hello")
    body = {"messaging_product": "whatsapp", "status": "read", "message_id": wamid}

    assert sandbox.graph("POST", f"{PHONE}/messages", json=body).json() == {"success": True}


def test_a_customer_without_a_phone_number_is_reached_by_user_id(sandbox: RunningSandbox) -> None:
    sandbox.control.inbound(PHONE, CUSTOMER, text="Hello", hide_phone=True)
    sandbox.settle()
    [message] = sandbox.receiver.messages()
    assert "from" not in message

    body = {"messaging_product": "whatsapp", "recipient": message["from_user_id"], **TEXT}
    sandbox.graph("POST", f"{PHONE}/messages", json=body)

    sandbox.settle()
    assert {s["status"] for s in sandbox.receiver.statuses()} == {"sent", "delivered", "read"}


def test_the_same_account_twice_is_one_account_and_a_number_has_one_holder(sandbox: RunningSandbox) -> None:
    sandbox.seed()
    number = {"phone_number_id": PHONE, "display_phone": "+91 11400 00001"}
    taken = sandbox.http.post(
        "/_sandbox/meta/accounts", json={"waba_id": "880100000000002", "numbers": [number]}
    )
    typo = sandbox.http.post("/_sandbox/meta/accounts", json={"waba_id": WABA, "tokn": "x"})

    [account] = sandbox.control.accounts()
    assert (len(account["numbers"]), len(account["templates"])) == (1, 1)
    assert (taken.status_code, typo.status_code) == (409, 400)


def test_two_hundred_sends_in_a_row_are_all_told_of(sandbox: RunningSandbox) -> None:
    number = {"phone_number_id": PHONE, "display_phone": "+91 11400 00001", "messages_per_second": 1000}
    sandbox.control.put_account({"waba_id": WABA, "numbers": [number]})

    for n in range(200):
        assert sandbox.send_hello(to=f"91900000{n:04d}").status_code == 200

    assert sandbox.control.wait_until_idle()
    assert len(sandbox.receiver.statuses()) == 600
