"""Embedded Signup end to end: Meta's proofs, every step that can fail, and going on where it stopped."""

import io
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.business import fresh_org
from tests.database import LIMITS, Database, Person
from tests.http.running_sandbox import SECRET, RunningSandbox, running_sandbox
from tests.http.signing_up import NEW, PHONE, WABA, Onboarding
from workers.errors import Refused, Unavailable
from workers.logs import configure_logs
from workers.meta.connect import go_on

OTHER = "770300000000002"
COEXISTENCE = "FINISH_WHATSAPP_BUSINESS_APP_ONBOARDING"


@pytest.fixture(scope="module")
def one_sandbox() -> Iterator[RunningSandbox]:
    with running_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(one_sandbox: RunningSandbox) -> RunningSandbox:
    one_sandbox.control.reset()
    return one_sandbox


Maker = Callable[..., Onboarding]


@pytest.fixture
def onboarding(
    sandbox: RunningSandbox,
    db: Database,
    org: Callable[..., UUID],
    member: Callable[..., Person],
) -> Maker:
    """Makes an admin who wants to connect; each call an organization of its own."""

    def make() -> Onboarding:
        org_id = org()
        return Onboarding(sandbox, db, org_id, member(org_id, "admin"))

    return make


@pytest.fixture
def asha(onboarding: Maker) -> Onboarding:
    """An admin, and a business with one new number."""
    made = onboarding()
    made.share(NEW)
    return made


def refusal(run: Callable[[], object]) -> Refused:
    with pytest.raises(Refused) as caught:
        run()
    return caught.value


# What is connected


def test_a_signup_stores_what_meta_says_and_seals_token_and_pin(asha: Onboarding) -> None:
    asha.share(
        NEW | {"verified_name": "Asha Traders", "limit_tier": "TIER_10K"},
        name="Asha",
        business_id="990000000000001",
    )

    connected = asha.finish()

    (number,), (account,) = asha.stored("public.whatsapp_numbers"), asha.stored("public.whatsapp_accounts")
    assert (connected.status, connected.number_id, connected.warnings) == ("connected", number["id"], [])
    shown = (
        "phone_number_id", "display_phone", "verified_name", "name_status", "verification_status",
        "platform_type", "is_on_phone_app", "quality_rating", "messages_per_second", "status",
    )  # fmt: skip
    assert [number[name] for name in shown] == [
        PHONE, "+91 11400 00001", "Asha Traders", "APPROVED", "VERIFIED", "CLOUD_API", False, "GREEN", 80,
        "connected",
    ]  # fmt: skip
    shown = (
        "waba_id",
        "name",
        "currency",
        "time_zone",
        "business_id",
        "messaging_limit",
        "review_status",
        "status",
    )
    assert [account[name] for name in shown] == [
        WABA, "Asha", "INR", "Asia/Kolkata", "990000000000001", 10_000, "APPROVED", "connected",
    ]  # fmt: skip
    assert account["meta_user_id"]
    token, pin = asha.opened(account["credential_id"]), asha.opened(number["pin_credential_id"])
    assert token.startswith("EAAG")
    assert token not in str(asha.stored("private.credentials"))
    (at_meta,) = asha.control.accounts()
    assert (at_meta["subscribed"], at_meta["numbers"][0]["pin"]) == (True, pin)
    attempt = asha.attempt
    assert (attempt["status"], attempt["step"], attempt["problem_code"]) == ("connected", "connect", None)
    assert list(attempt["steps"]) == ["proof", "connect", "exchange", "register", "subscribe"]
    assert attempt["finished_at"]


@pytest.mark.parametrize(
    ("tier", "limit"),
    [
        ("TIER_250", 250),
        ("TIER_2K", 2000),
        ("TIER_100K", 100_000),
        ("TIER_UNLIMITED", None),
        ("TIER_X", None),
    ],
)
def test_the_messaging_limit_is_the_tier_of_the_portfolio(
    asha: Onboarding, tier: str, limit: int | None
) -> None:
    asha.share(NEW | {"limit_tier": tier})

    asha.finish()

    assert asha.stored("public.whatsapp_accounts")[0]["messaging_limit"] == limit


def test_an_unknown_time_zone_stays_unknown_and_is_a_warning(asha: Onboarding) -> None:
    asha.share(NEW, timezone_id="9999")

    connected = asha.finish()

    assert ["time zone" in warning for warning in connected.warnings] == [True]
    assert asha.stored("public.whatsapp_accounts")[0]["time_zone"] is None


def test_the_only_account_of_the_token_needs_no_name(asha: Onboarding) -> None:
    assert asha.finish(waba_id=None, phone_number_id=None).status == "connected"
    assert asha.stored("public.whatsapp_accounts")[0]["waba_id"] == WABA


def test_of_several_accounts_one_is_chosen(asha: Onboarding) -> None:
    asha.share(waba_id="880200000000002")
    code = asha.control.signup_code(WABA, "880200000000002")

    asked = asha.finish(waba_id=None, phone_number_id=None, code=code)

    assert (asked.status, asked.problem) == ("waiting", "choose_account")
    assert asked.choices == asha.attempt["choices"] == [{"waba_id": WABA}, {"waba_id": "880200000000002"}]
    assert asha.resume(waba_id=WABA).status == "connected"


def test_of_several_numbers_one_is_chosen(asha: Onboarding) -> None:
    second = {"phone_number_id": OTHER, "display_phone": "+91 11400 00002"}
    asha.share(NEW, second)

    asked = asha.finish(phone_number_id=None)

    assert (asked.status, asked.problem, asked.number_id) == ("waiting", "choose_number", None)
    assert [choice["phone_number_id"] for choice in asked.choices or []] == [PHONE, OTHER]
    assert asha.stored("public.whatsapp_accounts") == []
    assert asha.resume(phone_number_id=OTHER).display_phone == "+91 11400 00002"
    assert asha.attempt["choices"] is None


def test_an_account_without_a_number_is_connected_and_its_number_follows(asha: Onboarding) -> None:
    asha.control.reset()
    asha.share()

    alone = asha.finish(event="FINISH_ONLY_WABA", phone_number_id=None)
    again = asha.resume()
    asha.share(NEW)
    whole = asha.resume()

    assert (alone.status, alone.problem, alone.number_id) == ("waiting", "number_missing", None)
    assert again.problem == "number_missing"
    assert (whole.status, whole.account_id, whole.display_phone) == (
        "connected",
        alone.account_id,
        "+91 11400 00001",
    )
    assert asha.times("POST subscribed_apps") == 1
    (account,) = asha.stored("public.whatsapp_accounts")
    assert asha.opened(account["credential_id"])
    assert [row for row in asha.stored("private.credentials") if row["revoked_at"]] == []


def test_a_number_on_the_phones_app_is_not_registered_and_its_history_is_asked_for_once(
    asha: Onboarding,
) -> None:
    asha.share(NEW | {"registered": True, "coexistence": True})

    asha.finish(event=COEXISTENCE)

    (number,) = asha.stored("public.whatsapp_numbers")
    assert (number["is_on_phone_app"], number["messages_per_second"], number["pin_credential_id"]) == (
        True,
        20,
        None,
    )
    assert (asha.times("POST register"), asha.times("POST smb_app_data")) == (0, 2)
    assert {"contacts", "history"} <= set(asha.attempt["steps"])
    assert asha.attempt["finished_at"]
    asha.finish(event=COEXISTENCE)
    assert asha.times("POST smb_app_data") == 2
    assert asha.attempt["problem_code"] is None


def test_a_phones_app_that_hands_nothing_over_is_a_warning_and_can_be_asked_again(asha: Onboarding) -> None:
    asha.share(NEW | {"registered": True, "coexistence": True})
    asha.control.fault("error", endpoint="management", call="smb_app_data", code=131000)

    connected = asha.finish(event=COEXISTENCE)

    assert connected.status == "connected"
    assert "24 hours" in connected.warnings[0]
    assert (asha.attempt["status"], asha.attempt["failed_step"]) == ("connected", "contacts")
    assert asha.resume().warnings == []
    assert (asha.attempt["problem_code"], asha.times("POST smb_app_data")) == (None, 2)
    assert asha.attempt["finished_at"]


# What is not


@pytest.mark.parametrize(("event", "status"), [("CANCEL", "cancelled"), ("ERROR", "failed")])
def test_a_window_that_ended_otherwise_is_noted_and_connects_nothing(
    asha: Onboarding, event: str, status: str
) -> None:
    ended = asha.finish(event=event, code=None, waba_id=None, phone_number_id=None, said="Phone step")

    assert ended.status == asha.attempt["status"] == status
    assert "Phone step" in asha.attempt["problem"]
    assert asha.attempt["remedy"] == "Begin again."
    assert refusal(asha.resume).detail == "signup_ended"
    assert asha.control.counters().calls.get("management", 0) == 0


def test_a_window_that_gives_no_code_uses_no_state(asha: Onboarding) -> None:
    assert refusal(lambda: asha.finish(code=None)).detail == "code_missing"
    assert asha.attempt["status"] == "begun"


CODES = [
    pytest.param({"age_seconds": 31}, id="after 30 seconds"),
    pytest.param(None, id="never given out"),
]


@pytest.mark.parametrize("given", CODES)
def test_a_code_that_meta_refuses_ends_the_attempt(asha: Onboarding, given: dict[str, Any] | None) -> None:
    code = asha.control.signup_code(WABA, **given) if given else "AQnothing"

    refused = refusal(lambda: asha.finish(code=code))

    assert (refused.status, refused.detail) == (422, "code_refused")
    assert "30 seconds" in refused.message
    assert code not in refused.message
    assert (asha.attempt["status"], asha.attempt["failed_step"]) == ("failed", "exchange")
    assert refusal(asha.resume).detail == "signup_ended"


def test_a_code_counts_once(asha: Onboarding) -> None:
    code = asha.control.signup_code(WABA)
    asha.finish(code=code)

    assert refusal(lambda: asha.finish(code=code)).detail == "code_refused"


def test_the_wrong_app_secret_says_so(asha: Onboarding) -> None:
    asha.settings = asha.settings.model_copy(
        update={"meta_app_secret": type(asha.settings.meta_app_secret)("another")}
    )

    refused = refusal(asha.finish)

    assert "client secret" in refused.message
    assert "another" not in refused.message


UNPROVEN = [
    pytest.param({"names_targets": False}, {}, "token_lacks_account", id="no targets"),
    pytest.param(
        {"names_targets": False}, {"waba_id": None}, "token_lacks_account", id="no targets, none named"
    ),
    pytest.param(
        {"scopes": ["whatsapp_business_management"]}, {}, "token_lacks_account", id="may not send messages"
    ),
    pytest.param({"scopes": ["whatsapp_business_messaging"]}, {}, "token_lacks_account", id="may not manage"),
    pytest.param({}, {"waba_id": "880200000000009"}, "token_lacks_account", id="another account"),
    pytest.param({}, {"phone_number_id": "770300000000009"}, "number_not_in_account", id="another number"),
]


@pytest.mark.parametrize(("code", "browser", "detail"), UNPROVEN)
def test_ids_that_meta_does_not_prove_connect_nothing(
    asha: Onboarding, code: dict[str, Any], browser: dict[str, Any], detail: str
) -> None:
    asha.share(waba_id="880200000000009")

    refused = refusal(lambda: asha.finish(code=asha.control.signup_code(WABA, **code), **browser))

    assert (refused.status, refused.detail) == (422, detail)
    assert asha.stored("public.whatsapp_accounts") == asha.stored("public.whatsapp_numbers") == []
    assert (asha.times("POST subscribed_apps"), asha.times("POST register")) == (0, 0)
    kept = [row for row in asha.stored("private.credentials") if row["cipher"]]
    assert len(kept) == (detail == "number_not_in_account")


def test_a_number_that_was_named_wrongly_can_be_chosen(asha: Onboarding) -> None:
    refusal(lambda: asha.finish(phone_number_id="770300000000009"))

    assert [choice["phone_number_id"] for choice in asha.attempt["choices"]] == [PHONE]
    assert asha.resume(phone_number_id=PHONE).status == "connected"


def test_a_number_of_another_organization_stays_there(asha: Onboarding, onboarding: Maker) -> None:
    asha.finish()
    ravi = onboarding()
    before = (
        asha.stored("public.whatsapp_numbers"),
        asha.stored("public.whatsapp_accounts"),
        asha.times("POST subscribed_apps"),
    )

    refused = refusal(ravi.finish)

    assert (refused.status, refused.detail) == (409, "number_taken")
    assert ravi.attempt["remedy"].startswith("Disconnect it there first")
    assert ravi.stored("public.whatsapp_accounts") == []
    after = (
        asha.stored("public.whatsapp_numbers"),
        asha.stored("public.whatsapp_accounts"),
        asha.times("POST subscribed_apps"),
    )
    assert after == before
    asha.database.rpc("disconnect_whatsapp", org_id=str(asha.org_id))
    assert ravi.resume().status == "connected"


def test_code_token_pin_and_app_secret_are_in_no_address_and_in_no_log(asha: Onboarding) -> None:
    stream, addresses = io.StringIO(), []
    asha.http.event_hooks = {"request": [lambda request: addresses.append(str(request.url))]}
    configure_logs("DEBUG", stream)
    code = asha.control.signup_code(WABA)
    try:
        asha.finish(code=code)
        refusal(lambda: asha.finish(code=code))
    finally:
        configure_logs("INFO")

    (number,), (account,) = asha.stored("public.whatsapp_numbers"), asha.stored("public.whatsapp_accounts")
    token, pin = asha.opened(account["credential_id"]), asha.opened(number["pin_credential_id"])
    for one in (code, token, SECRET):
        assert one not in stream.getvalue()
    exchange, proofs = ([a for a in addresses if end in a] for end in ("access_token", "debug_token"))
    assert len(exchange) == 2
    assert not [1 for address in addresses for one in (code, pin, SECRET) if one in address]
    # debug_token takes the token in its address; nothing else has it there.
    assert [a for a in addresses if token in a] == proofs


# Steps that fail, and going on

STEPS = [
    ("debug_token", "token"),
    ("phone_numbers", "numbers"),
    ("POST subscribed_apps", "subscribe"),
    ("GET subscribed_apps", "subscribe"),
    (f"GET {PHONE}", "number"),
    ("register", "register"),
    (f"GET {WABA}", "account"),
]
DESCRIPTIONS = ("number", "account")
KINDS = ("error", "http_500", "dropped", "lost_answer")


@pytest.mark.parametrize(
    ("call", "step", "kind"),
    [
        pytest.param(call, step, kind, id=f"{step} {call.split()[0]} {kind}")
        for call, step in STEPS
        for kind in KINDS
        if not (kind == "error" and step in DESCRIPTIONS)  # it is connected without what only describes it
    ],
)
def test_each_step_that_fails_is_named_and_gone_on_from(
    asha: Onboarding, call: str, step: str, kind: str
) -> None:
    asha.control.fault(kind, endpoint="management", call=call, code=131000)

    refused = refusal(asha.finish)

    assert (refused.status, refused.detail) == (422 if kind == "error" else 502, f"connect_{step}")
    attempt = asha.attempt
    assert (attempt["status"], attempt["failed_step"], attempt["problem_code"]) == (
        "waiting",
        step,
        f"connect_{step}",
    )
    assert attempt["problem"]
    assert "try again" in attempt["remedy"].lower()
    assert asha.stored("public.whatsapp_numbers") == []

    asha.control.clear_faults()
    assert asha.resume().status == "connected"
    assert (asha.attempt["status"], asha.attempt["problem_code"], asha.attempt["failed_step"]) == (
        "connected",
        None,
        None,
    )
    (number,) = asha.stored("public.whatsapp_numbers")
    assert asha.opened(number["pin_credential_id"]) == asha.control.accounts()[0]["numbers"][0]["pin"]
    assert asha.times("POST access_token") == 1


CRASHES = ["record_signup", "signup_pin", "finish_connect"]


@pytest.mark.parametrize("function", CRASHES)
def test_a_worker_that_dies_between_two_steps_leaves_nothing_that_cannot_go_on(
    asha: Onboarding, function: str
) -> None:
    asha.database.broken[function] = Unavailable()

    with pytest.raises(Unavailable):
        asha.finish()

    asha.database.broken.clear()
    assert asha.attempt["status"] == "running"
    busy = refusal(asha.resume)
    assert (busy.detail, bool(busy.retry_at)) == ("signup_running", True)
    asha.db.execute(
        "update public.whatsapp_signups set leased_until = now() where org_id = %s", [asha.org_id]
    )
    assert asha.resume().status == "connected"
    assert (asha.times("POST access_token"), asha.times("POST register")) == (1, 1)
    (number,) = asha.stored("public.whatsapp_numbers")
    assert asha.opened(number["pin_credential_id"]) == asha.control.accounts()[0]["numbers"][0]["pin"]


def test_a_database_that_is_busy_when_the_token_comes_is_asked_again(asha: Onboarding) -> None:
    asha.database.broken["keep_signup_token"] = Unavailable()

    with pytest.raises(Unavailable):
        asha.finish()

    assert asha.database.called.count("keep_signup_token") == 3


def test_an_exchange_whose_answer_is_slow_to_come_is_asked_once_more(asha: Onboarding) -> None:
    asha.control.fault("dropped", endpoint="management", call="access_token")

    assert asha.finish().status == "connected"


PINS = [
    pytest.param({"pin": "111111"}, "number_has_pin", "two-step", {"pin": None}, id="a PIN of somebody else"),
    pytest.param(
        {"is_verified": False}, "number_not_verified", "Verify it", {"is_verified": True}, id="not verified"
    ),
]


@pytest.mark.parametrize(("number", "detail", "words", "mended"), PINS)
def test_a_number_that_cannot_be_registered_says_what_to_do(
    asha: Onboarding, number: dict[str, Any], detail: str, words: str, mended: dict[str, Any]
) -> None:
    asha.share(NEW | number)

    refused = refusal(asha.finish)

    assert (refused.status, refused.detail) == (409, detail)
    assert words in asha.attempt["remedy"]
    asha.control.reset()
    asha.share(NEW | mended)
    asha.control.put_account({"waba_id": WABA, "token": asha.opened(asha.attempt["credential_id"])})
    assert asha.resume().status == "connected"


def test_a_number_that_is_registered_already_is_not_registered_again(asha: Onboarding) -> None:
    asha.share(NEW | {"registered": True, "pin": "111111"})

    assert asha.finish().status == "connected"
    assert asha.times("POST register") == 0


def test_a_number_that_left_comes_back_with_the_pin_that_flow_kept(asha: Onboarding) -> None:
    asha.finish()
    (first,) = asha.stored("public.whatsapp_numbers")
    token = asha.opened(asha.stored("public.whatsapp_accounts")[0]["credential_id"])
    asha.database.rpc("disconnect_whatsapp", org_id=str(asha.org_id))
    asha.work.graph.post(f"{PHONE}/deregister", token)

    assert asha.finish().number_id == first["id"]

    assert asha.times("POST register") == 2
    assert asha.stored("public.whatsapp_numbers")[0]["pin_credential_id"] == first["pin_credential_id"]


# Connecting again


def test_connecting_again_replaces_the_token_and_lets_the_queue_go_on(asha: Onboarding) -> None:
    asha.finish()
    (account,), (number,) = asha.stored("public.whatsapp_accounts"), asha.stored("public.whatsapp_numbers")
    templates = [{"id": "1", "name": "hello", "language": "en", "status": "APPROVED",
                  "components": [{"type": "BODY", "text": "Hello"}]}]  # fmt: skip
    asha.database.rpc(
        "store_templates", org_id=str(asha.org_id), account_id=account["id"], templates=templates
    )
    items = [{"to": "+919810000077", "template": "hello", "language": "en"}]
    asha.database.rpc("send_messages", org_id=str(asha.org_id), items=items)
    # What happens when Meta withdraws access: private.ask_reconnect.
    asha.db.execute("select private.revoke_credential(%s, %s)", [asha.org_id, account["credential_id"]])
    asha.db.execute(
        "update public.whatsapp_accounts set status = 'reconnect', status_reason = 'Gone' where org_id = %s",
        [asha.org_id],
    )
    assert asha.database.rpc("claim_messages", batch=10)["messages"] == []

    connected = asha.finish()

    (again,) = asha.stored("public.whatsapp_accounts")
    assert (connected.number_id, again["id"]) == (number["id"], account["id"])
    assert (again["status"], again["status_reason"]) == ("connected", None)
    assert again["credential_id"] != account["credential_id"]
    assert len(asha.database.rpc("claim_messages", batch=10)["messages"]) == 1


def test_a_token_given_by_hand_goes_the_same_way(asha: Onboarding) -> None:
    asha.control.put_account({"waba_id": WABA, "token": "EAAbyhand0000001"})

    connected = asha.by_token("EAAbyhand0000001")

    assert (connected.status, connected.display_phone) == ("connected", "+91 11400 00001")
    (account,) = asha.stored("public.whatsapp_accounts")
    assert asha.opened(account["credential_id"]) == "EAAbyhand0000001"
    assert asha.attempt["method"] == "token"


def test_a_token_given_by_hand_that_proves_nothing_is_not_kept(asha: Onboarding) -> None:
    refused = refusal(lambda: asha.by_token("EAAnobodys000001"))

    assert refused.detail == "token_invalid"
    assert [row["cipher"] for row in asha.stored("private.credentials")] == [None]


def test_connecting_ends_what_waited_for_the_same_account(asha: Onboarding) -> None:
    asha.control.fault("error", endpoint="management", call="register", code=131000)
    refusal(asha.finish)
    waiting = asha.attempt

    asha.finish()

    ended = next(row for row in asha.stored("public.whatsapp_signups") if row["id"] == waiting["id"])
    assert (ended["status"], ended["problem_code"]) == ("failed", "signup_replaced")
    live = [
        row for row in asha.stored("private.credentials") if row["cipher"] and row["kind"] == "meta_token"
    ]
    assert len(live) == 1
    (number,) = asha.stored("public.whatsapp_numbers")
    assert asha.opened(number["pin_credential_id"]) == asha.control.accounts()[0]["numbers"][0]["pin"]


def test_a_disconnect_takes_the_tokens_of_attempts_that_wait(asha: Onboarding) -> None:
    asha.finish()
    asha.control.fault("error", endpoint="management", call="phone_numbers", code=131000)
    refusal(asha.finish)
    waiting = str(asha.attempt["id"])

    asha.database.rpc("disconnect_whatsapp", org_id=str(asha.org_id))

    tokens = [row for row in asha.stored("private.credentials") if row["kind"] == "meta_token"]
    assert all(row["revoked_at"] for row in tokens)
    # The connected one stays for the cleaning up at Meta; that of the attempt is of no more use.
    assert [row["kept_until"] is not None for row in tokens if row["cipher"]] == [True]
    assert refusal(lambda: go_on(asha.work, waiting)).detail == "signup_ended"


def test_nothing_to_open_metas_window_with_is_said_before_anything_begins(asha: Onboarding) -> None:
    asha.settings = asha.settings.model_copy(update={"meta_config_id": None})

    refused = refusal(asha.begin)

    assert refused.detail == "signup_not_set_up"
    assert "META_CONFIG_ID" in refused.message
    assert asha.stored("public.whatsapp_signups") == []


# At the same time


@pytest.fixture
def two(sandbox: RunningSandbox, dsn: str) -> Iterator[list[Onboarding]]:
    """Two admins of one organization, each before a worker of their own; what they do lasts."""
    connections = [Database.connect(dsn, options=LIMITS, autocommit=True) for _ in range(2)]
    org_id, admins = fresh_org(connections[0]), [Person(uuid4(), f"{uuid4()}@example.test") for _ in range(2)]
    for admin in admins:
        connections[0].execute(
            "insert into auth.users (id, email, raw_user_meta_data) values (%s, %s, '{}')",
            [admin.id, admin.email],
        )
        connections[0].execute(
            "insert into public.memberships (org_id, user_id, role) values (%s, %s, 'admin')",
            [org_id, admin.id],
        )
    made = [Onboarding(sandbox, db, org_id, who) for db, who in zip(connections, admins, strict=True)]
    made[0].share(NEW)
    yield made
    made[0].database.rpc("disconnect_whatsapp", org_id=str(org_id))
    for connection in connections:
        connection.close()


def at_once(runs: list[Callable[[], Any]]) -> list[Any]:
    """What came of runs that begin at the same moment."""
    ready = Barrier(len(runs))

    def run(one: Callable[[], Any]) -> Any:
        ready.wait()
        try:
            return one()
        except Refused as refused:
            return refused

    with ThreadPoolExecutor(len(runs)) as pool:
        return list(pool.map(run, runs))


def test_two_people_who_connect_the_same_number_at_once_both_succeed(two: list[Onboarding]) -> None:
    ends = at_once([two[0].finish, two[1].finish])

    assert [end.status for end in ends] == ["connected", "connected"]
    assert ends[0].number_id == ends[1].number_id
    (number,), (account,) = (
        two[0].stored("public.whatsapp_numbers"),
        two[0].stored("public.whatsapp_accounts"),
    )
    live = {row["id"] for row in two[0].stored("private.credentials") if row["cipher"]}
    assert live == {number["pin_credential_id"], account["credential_id"]}
    assert two[0].opened(number["pin_credential_id"]) == two[0].control.accounts()[0]["numbers"][0]["pin"]


def test_the_same_signup_handed_in_twice_at_once_counts_once(two: list[Onboarding]) -> None:
    state, code = two[0].begin(), two[0].control.signup_code(WABA)
    two[1].admin = two[0].admin

    ends = at_once([lambda one=one: one.finish(state=state, code=code) for one in two])  # type: ignore[misc]

    told = sorted(getattr(end, "detail", "") or end.status for end in ends)
    assert told == ["connected", "state_used"]


def test_an_attempt_continued_by_two_at_once_is_worked_on_by_one(two: list[Onboarding]) -> None:
    two[0].control.fault("error", endpoint="management", call="phone_numbers", code=131000)
    refusal(two[0].finish)

    ends = at_once([two[0].resume, two[1].resume])

    told = sorted(getattr(end, "detail", "") or end.status for end in ends)
    assert told[0] == "connected"
    assert told[1] in ("signup_running", "signup_done")
    assert two[0].times("POST register") == 1
