"""What a plan allows, in the transaction that adds; and what a suspended organization still can."""

import json
import threading
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.business import Business, text
from tests.database import Database, Person
from tests.sql.billing import PLANS, Buyer, a_buyer, call, set_up

FREE = {"gst_percent": "18", "plans": [{"code": "free", "name": "Free", "amount_net": 0, "features": {"seats": 2, "numbers": 1, "leads_per_month": 1}}]}  # fmt: skip
WITH_FREE = {"gst_percent": "18", "plans": [*FREE["plans"], *PLANS["plans"]]}  # type: ignore[misc]


@pytest.fixture
def buyer(db: Database, org: Callable[..., UUID], person: Callable[..., Person]) -> Buyer:
    set_up(db)
    return a_buyer(db, org, person)


def halted(buyer: Buyer, days_ago: float) -> None:
    """Its debits have failed for so long that the supplier gave up."""
    buyer.subscribes()
    buyer.told("halted")
    buyer.db.execute(
        "update public.subscriptions set arrears_since = now() - %s, grace_until = now() + interval '7 days' - %s where org_id = %s",
        [timedelta(days=days_ago), timedelta(days=days_ago), buyer.org_id],
    )  # fmt: skip


def test_before_plans_are_imported_nothing_is_limited(
    db: Database, org: Callable[..., UUID], person: Callable[..., Person]
) -> None:
    owner = person("owner")
    buyer = Buyer(db, org(owner), owner)

    told = buyer.asks("entitlements")

    assert {key: told[key]["limit"] for key in ("seats", "numbers", "leads_per_month")} == {"seats": None, "numbers": None, "leads_per_month": None}  # fmt: skip
    assert (told["seats"], told["access"]) == (
        {"allowed": True, "limit": None, "used": 1, "reason": None},
        "free",
    )


def test_without_a_subscription_the_free_plan_holds_and_with_one_its_own(db: Database, buyer: Buyer) -> None:
    call(db, "import_plans", file=WITH_FREE)
    assert buyer.asks("entitlements")["seats"]["limit"] == 2
    buyer.subscribes("starter")
    assert buyer.asks("entitlements")["seats"]["limit"] == 3
    buyer.told("cancelled", current_end=buyer.now() - timedelta(days=1))
    assert buyer.asks("entitlements")["seats"]["limit"] == 2


def test_seats_of_a_plan_by_seat_follow_the_quantity(buyer: Buyer) -> None:
    buyer.subscribes("seat", 4)

    assert buyer.asks("entitlements")["seats"] == {"allowed": True, "limit": 4, "used": 1, "reason": None}


def test_members_and_open_invitations_fill_the_seats(
    db: Database, buyer: Buyer, member: Callable[..., Person]
) -> None:
    buyer.subscribes("starter")  # three of them
    member(buyer.org_id)
    buyer.asks("invite_member", "one@x.test", "agent")
    assert buyer.asks("entitlements")["seats"] == {"allowed": False, "limit": 3, "used": 3, "reason": "limit_reached"}  # fmt: skip

    assert buyer.is_refused("invite_member", "two@x.test", "agent") == "limit_reached"
    renewed = buyer.asks("invite_member", "one@x.test", "admin")
    buyer.asks("revoke_invitation", UUID(renewed["invitation_id"]))
    buyer.asks("invite_member", "two@x.test", "agent")
    db.execute("update public.invitations set expires_at = now() where org_id = %s and email = 'two@x.test'", [buyer.org_id])  # fmt: skip
    assert buyer.asks("entitlements")["seats"]["used"] == 2
    buyer.asks("invite_member", "three@x.test", "agent")
    assert buyer.is_refused("invite_member", "two@x.test", "agent") == "limit_reached", "renewing takes a seat again"  # fmt: skip


def test_who_was_invited_takes_the_seat_of_the_invitation(
    db: Database, buyer: Buyer, member: Callable[..., Person], person: Callable[..., Person]
) -> None:
    buyer.subscribes("starter")
    member(buyer.org_id)
    guest = person("guest")
    token = buyer.asks("invite_member", guest.email, "agent")["token"]

    db.as_person(guest)
    assert db.value("select public.accept_invitation(%s)", token)["role"] == "agent"


def test_last_seat_asked_for_by_six_at_once_is_given_once(dsn: str, connect: Callable[[], Database]) -> None:
    first = connect()
    with first.transaction():
        owner = uuid4()
        first.execute("insert into auth.users (id, email) values (%s, %s)", [owner, f"{owner}@x.test"])
        org_id = first.value("select private.new_organization('Seats', %s)", owner)
        call(first, "set_entitlement", org_id=org_id, key="seats", value=2)
    people = []
    for _ in range(6):
        people.append(uuid4())
        first.execute("insert into auth.users (id, email) values (%s, %s)", [people[-1], f"{people[-1]}@x.test"])  # fmt: skip
    connections, refused = [connect() for _ in people], list[str]()

    def join(db: Database, who: UUID) -> None:
        try:
            db.execute("insert into public.memberships (org_id, user_id, role) values (%s, %s, 'agent')", [org_id, who])  # fmt: skip
        except psycopg.Error as trouble:
            refused.append(str(trouble).split("\n", 1)[0])

    threads = [threading.Thread(target=join, args=pair) for pair in zip(connections, people, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert first.value("select count(*) from public.memberships where org_id = %s", org_id) == 2
    assert refused == ["The plan has room for 2 people, open invitations included"] * 5


def test_second_number_is_refused_and_a_disconnected_one_makes_room(db: Database, business: Business) -> None:
    call(db, "set_entitlement", org_id=business.org_id, key="numbers", value=1)
    account = "select account_id from public.whatsapp_numbers where org_id = %s limit 1"
    add = f"insert into public.whatsapp_numbers (org_id, account_id, phone_number_id) values (%s, ({account}), '99887766')"  # fmt: skip

    assert db.refusal(add, business.org_id, business.org_id).detail == "limit_reached"
    db.execute("select worker.disconnect_whatsapp(%s)", [business.org_id])
    db.execute(add.encode(), [business.org_id, business.org_id])
    back = "update public.whatsapp_numbers set status = 'connected' where org_id = %s and status = 'disconnected'"
    assert db.refusal(back, business.org_id).detail == "limit_reached"


def test_leads_are_flagged_and_never_refused(db: Database, buyer: Buyer) -> None:
    buyer.subscribes("starter")  # two leads a month
    for n in range(3):
        call(db, "add_lead", org_id=buyer.org_id, lead={"name": f"B{n}", "phone": f"+9198100000{n:02d}"})

    assert buyer.asks("entitlements")["leads_per_month"] == {"allowed": True, "limit": 2, "used": 3, "reason": "limit_reached"}  # fmt: skip


def test_operators_limit_goes_before_the_plan_and_can_be_taken_back(db: Database, buyer: Buyer) -> None:
    buyer.subscribes("starter")
    call(db, "set_entitlement", org_id=buyer.org_id, key="seats", value=None)
    assert buyer.asks("entitlements")["seats"]["limit"] is None
    call(
        db,
        "set_entitlement",
        org_id=buyer.org_id,
        key="seats",
        value=7,
        until=buyer.now() - timedelta(days=1),
    )
    assert buyer.asks("entitlements")["seats"]["limit"] == 3
    call(db, "set_entitlement", org_id=buyer.org_id, key="seats", value=9)
    call(db, "set_entitlement", org_id=buyer.org_id, key="seats", value=9, is_lifted=True)
    assert buyer.asks("entitlements")["seats"]["limit"] == 3


@pytest.fixture
def seller_of(
    db: Database, business: Business, person: Callable[..., Person], member: Callable[..., Person]
) -> Buyer:
    """A connected business that subscribes."""
    set_up(db)
    owner = member(business.org_id, "owner")
    made = Buyer(db, business.org_id, owner)
    made.bill_to()
    return made


def test_suspended_stores_what_comes_exports_and_sends_nothing(
    db: Database, business: Business, seller_of: Buyer
) -> None:
    business.sent()  # whoever wrote before
    business.hear(text("wamid.a", "Hi"))
    business.send("+919810000011")
    halted(seller_of, days_ago=8)

    told = seller_of.asks("entitlements")
    assert (told["send"], told["export"]["allowed"], told["access"]) == (
        {"allowed": False, "limit": None, "used": None, "reason": "subscription_suspended"}, True, "read_only",
    )  # fmt: skip
    assert business.claim()["messages"] == []
    assert [m["error_message"][:29] for m in business.table("public.messages") if m["status"] == "failed"] == ["The subscription is suspended"]  # fmt: skip
    refusal = db.refusal("select worker.send_messages(%s, %s::jsonb)", business.org_id, json.dumps([{"to": "+919810000011", "template": "receipt", "language": "en"}]))  # fmt: skip
    assert (refusal.sqlstate, refusal.detail) == ("PT402", "subscription_suspended")
    assert seller_of.is_refused("invite_member", "x@x.test", "agent") == "subscription_suspended"
    call(db, "add_lead", org_id=business.org_id, lead={"name": "B", "phone": "+919810000099"})
    business.hear(text("wamid.b", "Hello?"))
    assert [m["text"] for m in business.table("public.messages") if m["direction"] == "inbound"] == [
        "Hi",
        "Hello?",
    ]


def test_within_the_grace_everything_goes_on(db: Database, business: Business, seller_of: Buyer) -> None:
    halted(seller_of, days_ago=6)

    business.send("+919810000011")

    assert len(business.claim()["messages"]) == 1


def test_plan_too_small_for_who_is_there_is_refused_before_it_is_chosen(
    db: Database, buyer: Buyer, member: Callable[..., Person]
) -> None:
    buyer.subscribes("growth")
    for _ in range(3):
        member(buyer.org_id)

    assert buyer.is_refused("preview_plan_change", "starter", 1) == "plan_lacks_seats"
    assert buyer.is_refused("change_plan", "seat", 3) == "plan_lacks_seats"
    assert buyer.asks("preview_plan_change", "seat", 4)["direction"] == "down"
    call(db, "set_entitlement", org_id=buyer.org_id, key="seats", value=9)
    assert buyer.asks("change_plan", "starter", 1)["direction"] == "down"


def test_who_has_more_numbers_than_a_plan_does_not_begin_with_it(db: Database, seller_of: Buyer) -> None:
    account = db.value("select account_id from public.whatsapp_numbers where org_id = %s", seller_of.org_id)
    db.execute(
        "insert into public.whatsapp_numbers (org_id, account_id, phone_number_id) values (%s, %s, '99887766')",
        [seller_of.org_id, account],
    )

    assert seller_of.is_refused("start_subscription", "starter", 1) == "plan_lacks_numbers"
    assert seller_of.asks("start_subscription", "growth", 1)["charge"] == 589882
