"""A sign-up's state is one person's, one organization's, once and for half an hour; its row tells and hides the right things."""

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from tests.business import call
from tests.database import Database, Person, Refusal
from tests.sql.retaining import retain

WABA, PHONE = "880300000000001", "770400000000001"
FINISH = {"event": "FINISH", "waba_id": WABA, "phone_number_id": PHONE}


@pytest.fixture
def owner(person: Callable[..., Person]) -> Person:
    return person("owner")


@pytest.fixture
def shop(org: Callable[..., UUID], owner: Person) -> UUID:
    return org(owner)


def begin(db: Database, org_id: UUID, who: Person) -> dict[str, Any]:
    begun: dict[str, Any] = db.as_person(who).value("select public.begin_signup(%s)", org_id)
    db.as_operator()
    return begun


USE = "select public.use_signup(%s, %s, %s)"


def use(db: Database, org_id: UUID, who: Person, state: str, **outcome: str) -> dict[str, Any]:
    used: dict[str, Any] = db.as_person(who).value(USE, org_id, state, json.dumps(FINISH | outcome))
    db.as_operator()
    return used


def refused(db: Database, org_id: UUID, who: Person, state: str, **outcome: str) -> Refusal:
    refusal = db.as_person(who).refusal(USE, org_id, state, json.dumps(FINISH | outcome))
    db.as_operator()
    return refusal


def attempts(db: Database, org_id: UUID) -> list[dict[str, Any]]:
    query = "select to_jsonb(s) from public.whatsapp_signups s where org_id = %s order by started_at"
    return [row for (row,) in db.rows(query, org_id)]


def test_a_state_is_random_and_only_its_hash_is_kept(db: Database, shop: UUID, owner: Person) -> None:
    first, second = begin(db, shop, owner)["state"], begin(db, shop, owner)["state"]

    assert first != second
    assert len(first) == 64
    everything = db.value("select string_agg(s::text, '') from public.whatsapp_signups s")
    audited = db.value("select string_agg(a::text, '') from public.audit_log a where org_id = %s", shop)
    assert first not in everything + audited
    assert {row["person_id"] for row in attempts(db, shop)} == {str(owner.id)}


def test_a_state_is_good_once(db: Database, shop: UUID, owner: Person) -> None:
    state = begin(db, shop, owner)["state"]

    assert use(db, shop, owner, state)["status"] == "running"

    again = refused(db, shop, owner, state)
    assert (again.sqlstate, again.detail) == ("PT409", "state_used")
    assert "counts once" in again.message


@pytest.mark.parametrize("role", ["admin", "owner"])
def test_a_state_is_good_for_its_person_only(
    db: Database, shop: UUID, owner: Person, member: Callable[..., Person], role: str
) -> None:
    state = begin(db, shop, owner)["state"]
    colleague = member(shop, role)

    assert refused(db, shop, colleague, state).detail == "state_of_another"
    assert use(db, shop, owner, state)["status"] == "running"


def test_a_state_is_good_for_its_organization_only(
    db: Database, shop: UUID, owner: Person, org: Callable[..., UUID]
) -> None:
    state = begin(db, shop, owner)["state"]
    other = org(owner)

    assert refused(db, other, owner, state).detail == "state_unknown"
    assert attempts(db, shop)[0]["status"] == "begun"


def test_a_state_is_good_for_half_an_hour(db: Database, shop: UUID, owner: Person) -> None:
    begun = begin(db, shop, owner)
    limit = "update public.whatsapp_signups set state_expires_at = now() where id = %s"
    assert db.value(
        "select state_expires_at - started_at = interval '30 minutes' from public.whatsapp_signups where id = %s",
        begun["signup_id"],
    )

    db.execute(limit, [begun["signup_id"]])

    assert refused(db, shop, owner, begun["state"]).detail == "state_expired"


NONSENSE = [
    pytest.param({"event": "DONE"}, "event_unknown", id="an event that is none"),
    pytest.param({"waba_id": "1 or 1"}, "id_wrong", id="an id that is none"),
    pytest.param({"phone_number_id": ""}, "id_wrong", id="an empty id"),
]


@pytest.mark.parametrize(("outcome", "detail"), NONSENSE)
def test_nonsense_uses_no_state(
    db: Database, shop: UUID, owner: Person, outcome: dict[str, str], detail: str
) -> None:
    state = begin(db, shop, owner)["state"]

    assert refused(db, shop, owner, state, **outcome).detail == detail
    assert use(db, shop, owner, state)["status"] == "running"


def test_an_attempt_that_is_not_finished_in_the_browser_cannot_be_continued(
    db: Database, shop: UUID, owner: Person
) -> None:
    begun = begin(db, shop, owner)
    db.as_service()

    assert (
        db.refusal("select worker.claim_signup(%s, %s)", shop, begun["signup_id"]).detail
        == "signup_not_finished"
    )


def test_members_see_how_far_it_came_but_neither_hash_nor_secrets(
    db: Database, shop: UUID, owner: Person, member: Callable[..., Person], person: Callable[..., Person]
) -> None:
    used = use(db, shop, owner, begin(db, shop, owner)["state"])
    problem = {
        "step": "register",
        "code": "number_has_pin",
        "problem": "It has a PIN.",
        "remedy": "Turn it off.",
    }
    call(db, "stop_signup", org_id=shop, signup_id=used["signup_id"], problem=problem)
    db.as_person(member(shop, "agent"))

    seen = db.rows("select status, failed_step, problem, remedy from public.whatsapp_signups")

    assert seen == [("waiting", "register", "It has a PIN.", "Turn it off.")]
    for column in ("state_hash", "credential_id", "pin_credential_id", "meta_user_id"):
        assert db.refusal(f"select {column} from public.whatsapp_signups").sqlstate == "42501"
    assert db.as_person(person("stranger")).rows("select id from public.whatsapp_signups") == []


def waiting(db: Database, shop: UUID, owner: Person) -> str:
    """An attempt that has a token, knows its account and waits."""
    signup_id: str = use(db, shop, owner, begin(db, shop, owner)["state"])["signup_id"]
    call(db, "keep_signup_token", org_id=shop, signup_id=signup_id, token="EAAwaiting")
    call(db, "stop_signup", org_id=shop, signup_id=signup_id, problem={"step": "token", "code": "x"})
    return signup_id


def live(db: Database, shop: UUID) -> int:
    count: int = db.value(
        "select count(*) from private.credentials where org_id = %s and cipher is not null", shop
    )
    return count


def test_giving_an_attempt_up_removes_its_token(db: Database, shop: UUID, owner: Person) -> None:
    signup_id = waiting(db, shop, owner)
    assert live(db, shop) == 1

    given_up = db.as_person(owner).value("select public.cancel_signup(%s, %s)", shop, signup_id)
    again = db.value("select public.cancel_signup(%s, %s)", shop, signup_id)
    db.as_operator()

    assert (given_up, again) == ({"cancelled": True}, {"cancelled": False})
    assert live(db, shop) == 0
    assert attempts(db, shop)[0]["status"] == "cancelled"


def test_attempts_that_nobody_continues_are_ended_with_their_tokens(
    db: Database, shop: UUID, owner: Person
) -> None:
    waiting(db, shop, owner)
    begin(db, shop, owner)
    db.execute("select private.clean_signups()")
    assert len(attempts(db, shop)) == 2
    db.execute("alter table public.whatsapp_signups disable trigger whatsapp_signups_touch")
    db.execute(
        "update public.whatsapp_signups set updated_at = updated_at - interval '15 days',"
        " state_expires_at = state_expires_at - interval '15 days' where org_id = %s",
        [shop],
    )

    db.execute("select private.clean_signups()")
    retain(db, "day")

    assert [row["status"] for row in attempts(db, shop)] == ["failed"]
    assert live(db, shop) == 0


def test_metas_word_of_a_partner_is_noted_at_attempts_that_wait_for_the_account(
    db: Database, shop: UUID, owner: Person
) -> None:
    waiting(db, shop, owner)

    db.execute("select private.note_partner(%s, 'PARTNER_ADDED')", [WABA])
    db.execute("select private.note_partner('1', 'PARTNER_APP_INSTALLED')")

    (attempt,) = attempts(db, shop)
    assert (attempt["partner_event"], attempt["status"]) == ("PARTNER_ADDED", "waiting")
    assert attempt["partner_at"]


def test_a_connection_is_stored_only_for_an_account_that_was_proven(
    db: Database, shop: UUID, owner: Person
) -> None:
    signup_id = waiting(db, shop, owner)
    connection = {
        "signup_id": signup_id,
        "waba_id": WABA,
        "account": {},
        "number": {"phone_number_id": PHONE},
    }
    finish = "select worker.finish_connect(%s, %s)"
    db.as_service()

    unproven = db.refusal(finish, shop, json.dumps(connection))
    call(db, "record_signup", org_id=shop, signup_id=signup_id, step="proof", facts={"waba_id": WABA})
    another = db.refusal(finish, shop, json.dumps(connection | {"waba_id": "1"}))
    stored = db.value(finish, shop, json.dumps(connection))

    assert (unproven.detail, another.detail) == ("signup_ended", "signup_ended")
    assert stored["number_id"]
