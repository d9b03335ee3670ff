"""A disconnect: everything halts at once, Meta is told until it has heard, and the token goes; and Meta lets go first."""

import json
import threading
import time
from typing import Any

import pytest

from tests.business import Business, call, fresh_org
from tests.database import Database

ASHA = "+919810000011"
PERSON = "6600000000001"


def connected(
    db: Database,
    business: Business,
    person: str | None = PERSON,
    token: str = "EAAsignup",  # noqa: S107
) -> None:
    """Connect the business's account through a signup of a person, or (None) by hand."""
    number = {"phone_number_id": business.phone_number_id, "display_phone": "+91 11400 00001"}
    call(
        db, "finish_connect", org_id=business.org_id,
        connection={"waba_id": business.waba, "account": {"currency": "INR"}, "token": token, "number": number,
                    "meta_user_id": person},
    )  # fmt: skip


def disconnect(db: Database, business: Business) -> Any:
    return call(db, "disconnect_whatsapp", org_id=business.org_id)


def claim(db: Database, business: Business) -> Any:
    return call(db, "claim_cleanups", org_id=business.org_id)


def record(db: Database, claimed: Any, **results: object) -> str:
    (cleanup,) = claimed["cleanups"]
    answer = call(
        db, "record_cleanup", org_id=cleanup["org_id"], cleanup_id=cleanup["cleanup_id"], lease=claimed["lease"],
        results=results,
    )  # fmt: skip
    return str(answer["status"])


def cleanup(db: Database, business: Business) -> Any:
    query = (
        "select to_jsonb(c) from private.meta_cleanups c where org_id = %s order by created_at desc limit 1"
    )
    row = db.execute(query, [business.org_id]).fetchone()
    return row[0] if row else None


def ciphers(db: Database, business: Business) -> list[bool]:
    """Which of the business's tokens still have a ciphertext."""
    return [
        has
        for (has,) in db.rows(
            "select cipher is not null from private.credentials where org_id = %s and kind = 'meta_token'"
            " and removed_at is null order by created_at, id",
            business.org_id,
        )
    ]


def let_pass(db: Database, business: Business, seconds: float) -> None:
    db.execute(
        "update private.meta_cleanups set next_at = next_at - make_interval(secs => %s),"
        " created_at = created_at - make_interval(secs => %s) where org_id = %s",
        [seconds, seconds, business.org_id],
    )


def account(db: Database, business: Business) -> tuple[Any, ...]:
    return db.row(
        "select status, status_reason from public.whatsapp_accounts where org_id = %s and waba_id = %s",
        business.org_id,
        business.waba,
    )


OK: dict[str, object] = {"ok": True}
AWAY: dict[str, object] = {"ok": False, "words": "Meta could not be reached"}
INVALID: dict[str, object] = {"ok": False, "code": 190, "http_status": 401, "words": "Session has expired"}
REFUSED: dict[str, object] = {
    "ok": False,
    "code": 100,
    "http_status": 400,
    "words": "Unsupported delete request",
}


# What is handed to the worker


def test_subscription_and_permissions_of_a_signup_are_ended(business, db):
    connected(db, business)
    disconnect(db, business)

    (given,) = claim(db, business)["cleanups"]

    assert (given["waba_id"], given["token"]) == (business.waba, "EAAsignup")
    assert (given["unsubscribe"], given["withdraw_user"]) == (True, PERSON)


def test_token_given_by_hand_loses_the_subscription_and_no_permission(business, db):
    connected(db, business, person=None)
    disconnect(db, business)

    (given,) = claim(db, business)["cleanups"]

    assert (given["unsubscribe"], given["withdraw_user"]) == (True, None)


def test_token_opens_for_nothing_but_its_cleanup(business, db):
    connected(db, business)
    credential = db.value(
        "select credential_id from public.whatsapp_accounts where org_id = %s", business.org_id
    )

    disconnect(db, business)

    assert db.value("select private.open_credential(%s, %s, 'dispatch')", business.org_id, credential) is None
    assert call(db, "account_access", org_id=business.org_id) == {"accounts": []}
    assert call(db, "claim_health_checks", org_id=business.org_id)["accounts"] == []
    assert claim(db, business)["cleanups"] != []


def test_token_is_blanked_at_once_when_there_is_nothing_to_end(business, db):
    """Another organization uses the same account: its subscription must live."""
    other = Business(db, fresh_org(db), waba=business.waba)

    answer = disconnect(db, business)

    assert answer == {"disconnected": 1, "cleanups": 0}
    assert set(ciphers(db, business)) <= {False}
    assert claim(db, business)["cleanups"] == []
    assert account(db, other)[0] == "connected"


def test_permissions_of_a_person_stay_while_another_account_lives_by_them(business, db):
    """They end every token of the person."""
    connected(db, business)
    other = Business(db, fresh_org(db))
    connected(db, other, token="EAAother")

    disconnect(db, business)

    assert claim(db, business)["cleanups"][0]["withdraw_user"] is None
    disconnect(db, other)
    assert claim(db, other)["cleanups"][0]["withdraw_user"] is None, "the first is not unsubscribed yet"
    record(db, claim_again(db, business), unsubscribe=OK)
    assert claim_again(db, other)["cleanups"][0]["withdraw_user"] == PERSON


def claim_again(db: Database, business: Business) -> Any:
    let_pass(db, business, 300)
    return claim(db, business)


def test_one_number_of_two_leaves_account_and_token_alone(business, db):
    number = {"phone_number_id": "770200000009999", "display_phone": "+91 11400 00002"}
    call(db, "finish_connect", org_id=business.org_id,
         connection={"waba_id": business.waba, "account": {}, "token": "EAAtwo", "number": number})  # fmt: skip

    answer = call(db, "disconnect_whatsapp", org_id=business.org_id, phone_number_id=business.phone_number_id)

    assert answer == {"disconnected": 1, "cleanups": 0}
    assert account(db, business)[0] == "connected"
    assert call(db, "account_access", org_id=business.org_id)["accounts"][0]["token"] == "EAAtwo"


def test_one_number_leaves_an_account_alone_that_still_waits_for_its_first(business, db):
    db.execute(
        "insert into public.whatsapp_accounts (org_id, waba_id) values (%s, '8801999')", [business.org_id]
    )

    call(db, "disconnect_whatsapp", org_id=business.org_id, phone_number_id=business.phone_number_id)

    states = "select waba_id = '8801999', status from public.whatsapp_accounts where org_id = %s"
    assert dict(db.rows(states, business.org_id)) == {True: "connected", False: "disconnected"}
    disconnect(db, business)
    assert dict(db.rows(states, business.org_id)) == {True: "disconnected", False: "disconnected"}


def test_second_worker_gets_nothing_and_a_dead_one_is_replaced(business, db):
    disconnect(db, business)

    first = claim(db, business)

    assert claim(db, business)["cleanups"] == []
    let_pass(db, business, 121)
    second = claim(db, business)
    assert len(second["cleanups"]) == 1
    assert record(db, first, unsubscribe=AWAY) == "open", "late, and no longer its business"
    assert cleanup(db, business)["lease"] == second["lease"]


# What came of it


def test_success_blanks_the_token_and_forgets_the_person(business, db):
    connected(db, business)
    disconnect(db, business)

    assert record(db, claim(db, business), unsubscribe=OK, withdraw=OK) == "done"

    done = cleanup(db, business)
    assert (done["status"], done["meta_user_id"]) == ("done", None)
    assert done["unsubscribed_at"]
    assert done["withdrawn_at"]
    assert set(ciphers(db, business)) == {False}
    db.execute("select private.sweep_credentials()")
    assert ciphers(db, business) == []


def test_first_step_is_not_repeated_when_the_second_fails(business, db):
    connected(db, business)
    disconnect(db, business)

    assert record(db, claim(db, business), unsubscribe=OK, withdraw=AWAY) == "open"

    (again,) = claim_again(db, business)["cleanups"]
    assert (again["unsubscribe"], again["withdraw_user"]) == (False, PERSON)


def test_failure_is_tried_again_ever_later_and_given_up_after_a_day(business, db):
    disconnect(db, business)
    waits = []
    for _ in range(60):
        claimed = claim(db, business)
        if not claimed["cleanups"]:
            break
        record(db, claimed, unsubscribe=AWAY)
        if cleanup(db, business)["status"] != "open":
            break
        wait = db.value("select extract(epoch from next_at - now()) from private.meta_cleanups where org_id = %s",
                        business.org_id)  # fmt: skip
        waits.append(float(wait))
        let_pass(db, business, float(wait) + 0.001)

    ended = cleanup(db, business)
    assert ended["status"] == "given_up"
    assert "could not be reached" in ended["note"]
    assert set(ciphers(db, business)) == {False}
    assert 20 < waits[0] < 40
    assert max(waits) <= 7200 * 1.25
    assert sum(waits) > 22 * 3600
    assert len(waits) < 30


def test_waits_differ_so_that_not_all_come_at_once(business, db):
    disconnect(db, business)
    waits = set()
    for _ in range(5):
        db.execute(
            "update private.meta_cleanups set attempts = 0, next_at = now() where org_id = %s",
            [business.org_id],
        )
        record(db, claim(db, business), unsubscribe=AWAY)
        waits.add(db.value("select next_at from private.meta_cleanups where org_id = %s", business.org_id))

    assert len(waits) == 5


def test_access_that_meta_withdrew_already_ends_it(business, db):
    disconnect(db, business)

    assert record(db, claim(db, business), unsubscribe=INVALID) == "done"

    assert "already" in cleanup(db, business)["note"]
    assert set(ciphers(db, business)) == {False}


def test_refusal_for_good_is_given_up_after_five_tries(business, db):
    disconnect(db, business)

    ends = [
        record(db, claim_again(db, business) if n else claim(db, business), unsubscribe=REFUSED)
        for n in range(5)
    ]

    assert ends == ["open"] * 4 + ["given_up"]


def test_token_that_no_longer_opens_is_given_up(business, db):
    disconnect(db, business)
    db.execute("update private.credentials set cipher = 'x' where org_id = %s and kind = 'meta_token' and cipher is not null",
               [business.org_id])  # fmt: skip

    assert claim(db, business)["cleanups"] == []
    assert cleanup(db, business)["status"] == "given_up"


def test_kept_token_is_sealed_again_when_keys_rotate(business, db):
    disconnect(db, business)
    call(db, "rotate_keys")
    call(db, "rotate_credentials")

    assert claim(db, business)["cleanups"][0]["token"] == "EAAtoken"


def test_cleanups_table_holds_no_secret(business, db):
    connected(db, business)
    disconnect(db, business)
    record(db, claim(db, business), unsubscribe=AWAY)

    assert "EAAsignup" not in json.dumps(cleanup(db, business))


# Connected again before Meta heard


def test_account_that_is_connected_again_keeps_its_subscription(business, db):
    disconnect(db, business)
    connected(db, business, token="EAAfresh")

    assert cleanup(db, business)["status"] == "cancelled"
    assert claim(db, business)["cleanups"] == []
    assert call(db, "account_access", org_id=business.org_id)["accounts"][0]["token"] == "EAAfresh"
    assert sum(ciphers(db, business)) == 1, "the old token is gone"


def test_unsubscribing_that_was_under_way_has_the_fresh_connection_looked_at(business, db):
    disconnect(db, business)
    under_way = claim(db, business)
    connected(db, business, token="EAAfresh")

    assert record(db, under_way, unsubscribe=OK) == "cancelled"

    due = call(db, "claim_health_checks", org_id=business.org_id)["accounts"]
    assert [(d["waba_id"], d["may_resubscribe"]) for d in due] == [(business.waba, True)]


def test_account_that_another_organization_connects_keeps_its_subscription(business, db):
    connected(db, business)
    disconnect(db, business)

    Business(db, fresh_org(db), waba=business.waba)

    (given,) = claim(db, business)["cleanups"]
    assert (given["unsubscribe"], given["withdraw_user"]) == (False, PERSON)


def test_person_who_connects_another_account_keeps_their_permissions(business, db):
    connected(db, business)
    disconnect(db, business)

    connected(db, Business(db, fresh_org(db)), token="EAAother")

    (given,) = claim(db, business)["cleanups"]
    assert (given["unsubscribe"], given["withdraw_user"]) == (True, None)


# The dashboard alone


def test_disconnect_in_the_dashboard_leads_to_the_cleanup_and_shows_no_token(business, db, member):
    admin = member(business.org_id, "admin")
    db.as_person(admin)

    answer = db.value("select public.disconnect_whatsapp(%s)", business.org_id)

    assert answer == {"disconnected": 1}
    db.as_operator()
    assert len(claim(db, business)["cleanups"]) == 1


def test_disconnect_waits_for_a_claim_and_the_next_claim_finds_nothing(lasting, connect):
    """Whoever claims during a disconnect ends before it, or gets nothing."""
    business = lasting()
    business.send(*[f"+9198200{n:05d}" for n in range(200)])
    db, claimed, ended = connect(), [], threading.Event()

    def keep_claiming() -> None:
        own = connect()
        while not ended.is_set():
            began = time.monotonic()
            answer = call(own, "claim_messages", batch=5, lease_seconds=60, uncertain_after_seconds=900)
            claimed.append((began, time.monotonic(), len(answer["messages"])))

    workers = [threading.Thread(target=keep_claiming) for _ in range(3)]
    for worker in workers:
        worker.start()
    time.sleep(0.15)
    disconnect(db, business)
    done = time.monotonic()
    time.sleep(0.2)
    ended.set()
    for worker in workers:
        worker.join(20)

    assert sum(n for _, _, n in claimed), "nothing was claimed before"
    assert [n for began, _, n in claimed if began > done and n] == []
    assert (
        db.value(
            "select count(*) from public.messages where org_id = %s and status = 'queued'", business.org_id
        )
        == 0
    )


# Meta lets go first


def test_disconnect_waits_for_nobody_who_has_a_conversation_that_sends_nothing(lasting, connect):
    """A status that came late holds its lane, and may be waiting for one that the disconnect holds."""
    business, meta = lasting(), connect()
    business.sent(ASHA)
    (waiting,) = business.send("+919820000022")

    with meta.transaction():
        meta.execute(
            "select from private.send_lanes where org_id = %s and next_at is null for update",
            [business.org_id],
        )
        disconnect(business.db, business)

    assert business.message(waiting)["status"] == "cancelled"


def test_reconnecting_is_asked_once_and_what_waits_is_sent_after_it(business, db):
    (message,) = business.send(ASHA)
    ask = "select private.ask_reconnect(%s, %s, 'Meta withdrew the access')"

    db.execute(ask, [business.org_id, business.account_id])
    db.execute(ask, [business.org_id, business.account_id])

    assert account(db, business) == ("reconnect", "Meta withdrew the access")
    assert business.claim()["messages"] == []
    assert business.message(message)["status"] == "queued"
    assert set(ciphers(db, business)) == {False}
    assert db.rows("select level, words from public.whatsapp_health where org_id = %s and kind = 'access'", business.org_id) == [
        ("problem", "Meta withdrew the access")
    ]  # fmt: skip
    asked = "select count(*) from public.audit_log where org_id = %s and action = 'whatsapp.reconnect_asked'"
    assert db.value(asked, business.org_id) == 1

    business.connect()

    assert account(db, business) == ("connected", None)
    assert [m["message_id"] for m in business.claim()["messages"]] == [message]
    assert db.rows("select from public.whatsapp_health where org_id = %s", business.org_id) == []


def test_disconnected_account_is_not_asked_to_reconnect(business, db):
    disconnect(db, business)

    db.execute("select private.ask_reconnect(%s, %s, 'x')", [business.org_id, business.account_id])

    assert account(db, business)[0] == "disconnected"


def test_refused_token_in_a_send_revokes_it_and_keeps_the_queue(business, db):
    business.send(ASHA, "+919810000012")
    claimed = business.claim()

    business.record(claimed, "error", code=190, http_status=401, title="Session has expired")

    assert account(db, business)[0] == "reconnect"
    assert set(ciphers(db, business)) == {False}
    assert set(business.statuses()) == {"queued"}


def test_disconnect_of_an_account_that_asks_to_reconnect_leaves_nothing_to_end(business, db):
    db.execute("select private.ask_reconnect(%s, %s, 'x')", [business.org_id, business.account_id])

    assert disconnect(db, business) == {"disconnected": 1, "cleanups": 0}


# A person takes the access back, or asks to be forgotten


def seconds(db: Database, ago: int = 0) -> int:
    return int(time.time()) - ago


def test_deauthorized_person_s_accounts_ask_to_reconnect_and_nobody_else_s(business, db):
    connected(db, business)
    second, stranger = Business(db, fresh_org(db)), Business(db, fresh_org(db))
    connected(db, second, token="EAAsecond")
    connected(db, stranger, person="6600000000002", token="EAAstranger")

    assert call(db, "deauthorize", meta_user_id=PERSON, issued_at=seconds(db)) == {"accounts": 2}

    assert [account(db, b)[0] for b in (business, second, stranger)] == [
        "reconnect",
        "reconnect",
        "connected",
    ]
    assert call(db, "deauthorize", meta_user_id=PERSON, issued_at=seconds(db)) == {"accounts": 0}


def test_deauthorization_from_before_the_connection_changes_nothing(business, db):
    connected(db, business)

    assert call(db, "deauthorize", meta_user_id=PERSON, issued_at=seconds(db, 3600)) == {"accounts": 0}
    assert account(db, business)[0] == "connected"


def test_deauthorization_ends_an_open_cleanup(business, db):
    connected(db, business)
    disconnect(db, business)

    call(db, "deauthorize", meta_user_id=PERSON, issued_at=seconds(db))

    assert cleanup(db, business)["status"] == "done"
    assert set(ciphers(db, business)) == {False}


def test_person_is_forgotten_once_and_the_code_tells_so(business, db):
    connected(db, business)
    issued = seconds(db)

    first = call(db, "request_deletion", meta_user_id=PERSON, issued_at=issued)
    again = call(db, "request_deletion", meta_user_id=PERSON, issued_at=issued)
    later = call(db, "request_deletion", meta_user_id=PERSON, issued_at=issued + 1)

    assert first == again != later
    assert account(db, business)[0] == "reconnect"
    told = call(db, "deletion_status", confirmation_code=first["confirmation_code"])
    assert told["done_at"]
    assert call(db, "deletion_status", confirmation_code="f" * 32) is None
    everything = db.rows("select to_jsonb(d)::text from private.deletion_requests d")
    everything += db.rows("select to_jsonb(a)::text from public.whatsapp_accounts a")
    everything += db.rows("select to_jsonb(a)::text from public.audit_log a")
    assert [row for (row,) in everything if PERSON in row] == []


@pytest.mark.parametrize("name", ["deauthorize", "request_deletion"])
def test_unknown_person_changes_nothing(business, db, name):
    call(db, name, meta_user_id="42", issued_at=seconds(db))

    assert account(db, business)[0] == "connected"
