"""A number is connected only when Meta itself proves it, and every failing step says what to do."""

import json
from collections.abc import Callable

import httpx
import pytest

from tests.http.recording import RecordingDatabase, settings
from workers.errors import Refused
from workers.meta.connect import connect_number
from workers.meta.graph import Graph

WABA, NUMBER, TOKEN, ORG = (
    "102290129340398",
    "106540352242922",
    "EAAGcanary",
    "00000000-0000-0000-0000-000000000001",
)
APP = "880100000000009"
Answer = dict[str, object] | httpx.Response | Exception


def scopes(*targets: str, names: tuple[str, ...] = ("management", "messaging")) -> list[dict[str, object]]:
    return [{"scope": f"whatsapp_business_{name}", "target_ids": list(targets)} for name in names]


def proof(**changes: object) -> dict[str, object]:
    data = {"is_valid": True, "app_id": APP, "user_id": "555", "granular_scopes": scopes("1", WABA)} | changes
    return {"data": data}


class Meta:
    """Answers like Meta; each answer can be replaced, and every call is kept."""

    def __init__(self, **number: object) -> None:
        self.calls: list[tuple[str, dict[str, object]]] = []
        self.answers: dict[str, Answer | Callable[[], Answer]] = {
            "GET debug_token": proof(),
            f"GET {WABA}/phone_numbers": {"data": [{"id": "1"}, {"id": NUMBER}]},
            f"POST {WABA}/subscribed_apps": {"success": True},
            f"GET {WABA}/subscribed_apps": {
                "data": [{"whatsapp_business_api_data": {"id": APP, "name": "Flow"}}]
            },
            f"GET {NUMBER}": {
                "id": NUMBER,
                "display_phone_number": "+91 98765 43210",
                "verified_name": "Asha Traders",
                "quality_rating": "GREEN",
                "status": "PENDING",
                "throughput": {"level": "STANDARD"},
            }
            | number,
            f"POST {NUMBER}/register": {"success": True},
            f"POST {NUMBER}/smb_app_data": {"request_id": "r"},
            f"GET {WABA}": {"id": WABA, "name": "Asha", "currency": "INR", "timezone_id": "71"},
        }

    def __call__(self, request: httpx.Request) -> httpx.Response:
        name = f"{request.method} {request.url.path.removeprefix('/v26.0/')}"
        self.calls.append(
            (name, json.loads(request.content) if request.content else dict(request.url.params))
        )
        expected = f"{APP}|flow_test_secret_0001" if name == "GET debug_token" else TOKEN
        assert request.headers["Authorization"] == f"Bearer {expected}"
        answer = self.answers[name]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, json=answer)

    def graph(self) -> Graph:
        return Graph(httpx.Client(transport=httpx.MockTransport(self)), settings())

    def names(self) -> list[str]:
        return [name for name, _ in self.calls]


@pytest.fixture
def database():
    return RecordingDatabase(
        begin_connect={"signup_id": "s"},
        claim_signup={
            "signup_id": "s",
            "waba_id": WABA,
            "phone_number_id": NUMBER,
            "steps": {},
            "token": TOKEN,
        },
        signup_pin={"pin": "123456"},
        finish_connect={
            "account_id": "a",
            "number_id": "n",
            "display_phone": "+919876543210",
            "verified_name": "Asha Traders",
        },
    )


def connect(database: RecordingDatabase, meta: Meta, waba_id: str = WABA, number: str = NUMBER):
    return connect_number(database, meta.graph(), settings(), ORG, waba_id, number, TOKEN)


def test_proven_number_is_connected(database):
    meta = Meta()

    connected = connect(database, meta)

    assert (connected.number_id, connected.verified_name, connected.warnings) == ("n", "Asha Traders", [])
    assert [name for name, _ in database.calls] == [
        "begin_connect", "keep_signup_token", "claim_signup", "record_signup", "record_signup", "signup_pin",
        "record_signup", "finish_connect",
    ]  # fmt: skip
    assert [call["step"] for call in database.named("record_signup")] == ["proof", "subscribe", "register"]
    assert dict(meta.calls)[f"POST {NUMBER}/register"]["pin"] == "123456"
    assert database.named("finish_connect")[0] == {
        "org_id": ORG,
        "connection": {
            "signup_id": "s",
            "waba_id": WABA,
            "meta_user_id": None,  # a system user is nobody who could take the permission back
            "account": {
                "name": "Asha",
                "currency": "INR",
                "time_zone": "Asia/Kolkata",
                "business_id": None,
                "review_status": None,
            },
            "number": {
                "phone_number_id": NUMBER,
                "display_phone": "+91 98765 43210",
                "verified_name": "Asha Traders",
                "quality_rating": "GREEN",
                "messages_per_second": 80,
                "name_status": None,
                "verification_status": None,
                "platform_type": None,
                "is_on_phone_app": False,
            },
        },
    }


@pytest.mark.parametrize(
    ("number", "speed"),
    [
        pytest.param({"status": "CONNECTED"}, 80, id="connected"),
        pytest.param(
            {"platform_type": "CLOUD_API", "throughput": {"level": "HIGH"}}, 1000, id="on the Cloud API"
        ),
        pytest.param({"is_on_biz_app": True, "throughput": None}, 20, id="coexistence"),
    ],
)
def test_number_that_needs_no_registration_is_not_registered(database, number, speed):
    meta = Meta(**{"throughput": {"level": "STANDARD"}} | {k: v for k, v in number.items() if v is not None})

    connect(database, meta)

    stored = database.named("finish_connect")[0]["connection"]
    assert f"POST {NUMBER}/register" not in meta.names()
    assert isinstance(stored, dict)
    assert database.named("signup_pin") == []
    assert stored["number"]["messages_per_second"] == speed


UNPROVEN = [
    pytest.param(proof(is_valid=False), "token_invalid", id="token not valid"),
    pytest.param({"data": {"is_valid": False, "error": {"code": 190}}}, "token_invalid", id="token unknown"),
    pytest.param(proof(app_id="1"), "token_of_other_app", id="another app's token"),
    pytest.param(proof(granular_scopes=[]), "token_lacks_account", id="no permission"),
    pytest.param(proof(granular_scopes=scopes("1")), "token_lacks_account", id="another account"),
    pytest.param(proof(granular_scopes=scopes()), "token_lacks_account", id="empty targets prove nothing"),
    pytest.param(
        proof(granular_scopes=scopes(WABA, names=("management",))),
        "token_lacks_account",
        id="only management",
    ),
    pytest.param(
        proof(granular_scopes=scopes(WABA, names=("messaging",))), "token_lacks_account", id="only messaging"
    ),
    pytest.param(
        proof(
            granular_scopes=[{"scope": "whatsapp_business_management"}, *scopes(WABA, names=("messaging",))]
        ),
        "token_lacks_account",
        id="targets missing",
    ),
    pytest.param({"nothing": 1}, "connect_token", id="answer unreadable"),
]


@pytest.mark.parametrize(("answer", "detail"), UNPROVEN)
def test_token_that_proves_nothing_connects_nothing(database, answer, detail):
    meta = Meta()
    meta.answers["GET debug_token"] = answer

    with pytest.raises(Refused) as caught:
        connect(database, meta)

    assert caught.value.detail == detail
    assert meta.names() == ["GET debug_token"]
    (stopped,) = database.named("stop_signup")
    assert stopped["problem"]["code"] == detail
    assert database.named("record_signup") == database.named("finish_connect") == []


def test_number_of_another_account_is_refused_before_anything_is_changed(database):
    meta = Meta()
    meta.answers[f"GET {WABA}/phone_numbers"] = {"data": [{"id": "1"}]}

    with pytest.raises(Refused) as caught:
        connect(database, meta)

    assert caught.value.detail == "number_not_in_account"
    assert not [name for name in meta.names() if name.startswith("POST")]
    assert database.named("record_signup") == []


def test_number_of_another_organization_is_refused_before_meta_changes(database):
    database.replies["begin_connect"] = [
        Refused(409, "Another organization holds the number.", "number_taken")
    ]
    meta = Meta()

    with pytest.raises(Refused, match="Another organization"):
        connect(database, meta)

    assert not [name for name in meta.names() if name.startswith("POST")]


REFUSED = httpx.Response(400, json={"error": {"code": 100, "message": "Invalid parameter"}})

STEPS = [
    ("GET debug_token", "connect_token"),
    (f"GET {WABA}/phone_numbers", "connect_numbers"),
    (f"POST {WABA}/subscribed_apps", "connect_subscribe"),
    (f"GET {WABA}/subscribed_apps", "connect_subscribe"),
    (f"GET {NUMBER}", "connect_number"),
    (f"POST {NUMBER}/register", "connect_register"),
    (f"GET {WABA}", "connect_account"),
]


DESCRIPTIONS = (f"GET {NUMBER}", f"GET {WABA}")
FAILURES = {"no": REFUSED, "away": httpx.ConnectError("c"), "500": httpx.Response(500)}


@pytest.mark.parametrize(
    ("step", "detail", "failure"),
    [
        pytest.param(step, detail, failure, id=f"{step} {name}")
        for step, detail in STEPS
        for name, failure in FAILURES.items()
        if not (failure is REFUSED and step in DESCRIPTIONS)
    ],
)
def test_failing_step_is_named_and_nothing_is_stored(database, step, detail, failure):
    meta = Meta()
    meta.answers[step] = failure

    with pytest.raises(Refused) as caught:
        connect(database, meta)

    assert caught.value.detail == detail
    assert caught.value.status == (422 if failure is REFUSED else 502)
    assert "ry again" in caught.value.message
    assert TOKEN not in caught.value.message
    assert database.named("finish_connect") == []


def test_number_is_connected_with_what_the_list_says_when_meta_refuses_to_describe_it(database):
    meta = Meta()
    listed = {"id": NUMBER, "display_phone_number": "+91 98765 43210", "verified_name": "Asha Traders"}
    meta.answers |= {
        f"GET {WABA}/phone_numbers": {"data": [listed]},
        f"GET {NUMBER}": REFUSED,
        f"GET {WABA}": REFUSED,
    }

    connected = connect(database, meta)

    stored = database.named("finish_connect")[0]["connection"]
    assert stored["number"]["display_phone"] == "+91 98765 43210"
    assert set(stored["account"].values()) == {None}
    assert "currency" in connected.warnings[0]


def test_subscription_that_meta_does_not_confirm_is_refused(database):
    meta = Meta()
    meta.answers[f"GET {WABA}/subscribed_apps"] = {
        "data": [{"whatsapp_business_api_data": {"id": "1"}}, {"id": None}]
    }

    with pytest.raises(Refused, match="did not confirm"):
        connect(database, meta)


def test_number_with_a_pin_says_how_to_drop_it(database):
    meta = Meta()
    meta.answers[f"POST {NUMBER}/register"] = httpx.Response(
        400, json={"error": {"code": 133005, "message": "PIN"}}
    )

    with pytest.raises(Refused, match="two-step") as caught:
        connect(database, meta)

    assert caught.value.detail == "number_has_pin"


@pytest.mark.parametrize("wrong", ["", "me", "1/../2", "１２", "1" * 33])
def test_ids_that_are_no_ids_never_reach_meta(database, wrong):
    meta = Meta()

    with pytest.raises(Refused, match="digits only"):
        connect(database, meta, waba_id=wrong)
    with pytest.raises(Refused, match="digits only"):
        connect(database, meta, number=wrong)

    assert meta.calls == []


def test_account_in_another_currency_is_connected_with_a_warning(database):
    meta = Meta()
    meta.answers[f"GET {WABA}"] = {"id": WABA, "currency": "USD", "timezone_id": "9999"}

    connected = connect(database, meta)

    assert "USD" in connected.warnings[0]
