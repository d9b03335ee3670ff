"""P13, P19, P24, P29: what an organization's own programs may see and are told, and when that ends."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from uuid import UUID

import pytest

from tests.business import Business, call, text
from tests.database import Database, Person
from tests.sql.billing import Buyer, set_up
from tests.sql.webhooks import Hook


def key_of(db: Database, org_id: UUID, *scopes: str) -> str:
    """The hash of a new key."""
    made = db.value("select worker.create_api_key(%s, 'Program', %s) ->> 'key'", org_id, list(scopes))
    return hashlib.sha256(made.encode()).hexdigest()


def test_P13_an_api_key_opens_its_own_organization_and_only_what_its_scopes_say(
    db: Database, business: Business, org: Callable[..., UUID]
) -> None:
    lead = call(db, "add_lead", org_id=business.org_id, lead={"name": "Asha", "phone": "+919810000011"})[
        "lead_id"
    ]
    own, foreign = key_of(db, business.org_id, "leads:read"), key_of(db, org(), "leads:read")

    def ask(key: str, operation: str, **args: object) -> object:
        said = call(db, "call_api", key_sha256=key, operation=operation, args={"lead_id": lead, **args})
        return said["refusal"]["status"] if "refusal" in said else said["answer"]

    assert "Asha" in str(ask(own, "leads.show"))
    assert ask(foreign, "leads.show") == 404
    assert "Asha" not in str(ask(foreign, "leads.list", page_size=10))
    db.as_service()
    write = json.dumps({"lead_id": lead, "text": "Hi"})
    refused = db.refusal("select worker.call_api(%s, 'leads.note', %s)", own, write)
    assert (refused.sqlstate, refused.detail) == ("PT403", "scope_missing")
    # The part of a program ends with its call: whoever comes next without a session is nobody.
    assert db.value("select coalesce(current_setting('flow.program_of', true), '')") == ""


def test_P19_to_an_address_of_an_organizations_own_choice_go_ids_and_nothing_that_tells_of_a_person(
    db: Database, business: Business
) -> None:
    """Webhooks are the one way out that an organization opens itself: to its own program, with ids alone."""
    endpoint = {"url": "https://hooks.example.com/", "events": ["message.received", "lead.created"]}
    db.execute("select private.save_endpoint(%s, null, %s)", [business.org_id, json.dumps(endpoint)])

    business.hear(text("wamid.secret", "My PIN is 4711", sender="919810000055"), name="Asha Rao")

    claimed = call(db, "claim_webhooks")["deliveries"]
    assert {(one["org_id"], one["url"]) for one in claimed} == {
        (str(business.org_id), "https://hooks.example.com/")
    }
    assert {json.loads(one["body"])["type"] for one in claimed} == {"message.received", "lead.created"}
    told = " ".join(one["body"] for one in claimed)
    assert not [word for word in ("4711", "9810000055", "Asha", "wamid", "EAAtoken") if word in told]


def test_P24_secrets_of_webhooks_are_opened_for_a_delivery_alone_and_never_leave(
    db: Database, business: Business
) -> None:
    hook = Hook(db, business.org_id, "lead.created")
    call(db, "add_lead", org_id=business.org_id, lead={"name": "Asha", "phone": "+919810000011"})
    opened = "select purpose from private.credential_reads where org_id = %s and purpose = 'webhooks'"
    assert db.rows(opened, business.org_id) == []

    (one,) = hook.claim()

    assert db.rows(opened, business.org_id) == [("webhooks",)]
    assert hook.secret not in json.dumps(one)
    seen = "select string_agg(to_jsonb(e)::text, '') from public.webhook_endpoints e where org_id = %s"
    assert hook.secret[6:] not in db.value(seen, business.org_id)


@pytest.mark.parametrize(
    "halt",
    [
        'select private.save_endpoint(%(org)s, %(hook)s, \'{"state": "paused"}\')',
        "select private.remove_endpoint(%(org)s, %(hook)s)",
        "select private.halt_organization(%(org)s)",
        """
        select private.revoke_credential(org_id, credential_id)
          from public.webhook_endpoints where id = %(hook)s
        """,
        None,  # suspended for debt
    ],
)
def test_P29_no_webhook_is_handed_out_once_it_is_halted(
    db: Database,
    business: Business,
    member: Callable[..., Person],
    halt: str | None,
) -> None:
    hook = Hook(db, business.org_id, "lead.created")
    call(db, "add_lead", org_id=business.org_id, lead={"name": "Asha", "phone": "+919810000011"})
    if halt:
        db.execute(halt, {"org": business.org_id, "hook": hook.id})
    else:
        set_up(db)
        buyer = Buyer(db, business.org_id, member(business.org_id, "owner"))
        buyer.bill_to()
        buyer.subscribes()
        buyer.told("halted")
        db.execute(
            """
            update public.subscriptions
               set arrears_since = now() - interval '8 days', grace_until = now() - interval '1 day'
             where org_id = %s
            """,
            [business.org_id],
        )

    assert hook.claim() == []
