"""Who was erased, or asked never to be stored, is not brought back by files, programs or old marketplace data."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.business import call, text

PHONE, EMAIL = "+919810000091", "asha@example.test"


@pytest.fixture
def source(db, org):
    """Makes a source of some kind; gives what stores leads of it."""
    org_id = org()

    def make(kind):
        made = db.value(
            "insert into public.lead_sources (org_id, kind, name) values (%s, %s, 'S') returning id",
            org_id,
            kind,
        )

        def store(*leads):
            return db.value("select private.store_leads(%s, %s, %s)", org_id, made, json.dumps(leads))

        return store

    make.org_id = org_id
    return make


def lead(key, phone=PHONE, **more):
    person = {"phone": phone, "name": "Asha"} | more.pop("person", {})
    return {"external_id": key, "person": person, "raw": {"secret": "of Asha"}, **more}


def suppress(db, org_id, phones=(PHONE,), emails=()):
    return db.value("select private.suppress_values(%s, %s, %s)", org_id, list(phones), list(emails))


@pytest.mark.parametrize("kind", ["upload", "sheet", "manual", "api"])
def test_what_others_bring_stores_nothing_of_the_suppressed_and_all_of_their_neighbours(db, source, kind):
    suppress(db, source.org_id)

    stored = source(kind)(lead("1"), lead("2", phone="+919810000092"))

    assert (stored["inserted"], stored["errors"]) == (1, [{"index": 0, "reason": "suppressed", "item": None}])
    assert db.rows("select phone from public.contacts where org_id = %s", source.org_id) == [
        ("+919810000092",)
    ]


def test_an_address_is_enough(db, source):
    suppress(db, source.org_id, phones=(), emails=(EMAIL.upper(),))

    stored = source("upload")(lead("1", person={"email": EMAIL}))

    assert stored["inserted"] == 0


@pytest.mark.parametrize("kind", ["indiamart", "form"])
def test_who_enquires_anew_comes_anew_but_old_enquiries_stay_away(db, source, kind):
    suppress(db, source.org_id)
    db.execute(
        "update private.suppressions set at = now() - interval '1 hour' where org_id = %s", [source.org_id]
    )
    store, now = source(kind), datetime.now(UTC)

    stored = store(
        lead("old", received_at=(now - timedelta(days=30)).isoformat()),
        lead("new", received_at=now.isoformat()),
    )

    assert stored["inserted"] == 1
    assert db.value("select external_id from public.leads where org_id = %s", source.org_id) == "new"


def test_who_writes_on_whatsapp_by_themselves_is_answered(business):
    suppress(business.db, business.org_id)

    business.hear(text("wamid.1", sender=PHONE[1:]))

    assert business.contact(PHONE[1:])["phone"] == PHONE


def test_the_list_of_one_organization_says_nothing_of_another(db, org, source):
    suppress(db, org())

    assert source("upload")(lead("1"))["inserted"] == 1


def test_the_list_holds_no_value_and_its_hashes_depend_on_the_key(db, source):
    suppress(db, source.org_id, emails=(EMAIL,))

    kept = db.value(
        "select jsonb_agg(to_jsonb(s)) from private.suppressions s where org_id = %s", source.org_id
    )
    assert PHONE not in json.dumps(kept)
    assert EMAIL not in json.dumps(kept)
    one, other = (
        db.value("select private.suppression_hash(%s, %s, %s)", source.org_id, PHONE, key)
        for key in ("a", "b")
    )
    assert one != other


def test_an_owner_lifts_it_with_a_reason_that_is_audited_without_the_number(db, person, org):
    owner = person("owner")
    org_id = org(owner)
    db.as_person(owner)
    assert db.value("select public.suppress_person(%s, phone => %s)", org_id, PHONE) == {"suppressed": 1}
    assert db.value("select public.suppressed_people(%s)", org_id)["phones"] == 1

    no = db.refusal("select public.allow_person(%s, '  ', phone => %s)", org_id, PHONE)
    assert no.detail == "reason_missing"
    assert db.value("select public.allow_person(%s, 'wrote to us', phone => %s)", org_id, PHONE) == {
        "allowed": 1
    }

    audited = db.rows(
        "select action, to_jsonb(a)::text from public.audit_log a where org_id = %s order by id", org_id
    )
    assert [action for action, _ in audited][-2:] == ["suppression.added", "suppression.lifted"]
    assert all(PHONE not in row for _, row in audited)


def test_a_program_learns_that_the_lead_was_not_stored(db, source):
    suppress(db, source.org_id)
    made = db.value("select worker.create_api_key(%s, 'Web', '{leads:write}')", source.org_id)
    digest = db.value("select encode(sha256(convert_to(%s, 'UTF8')), 'hex')", made["key"])

    answer = call(db, "post_leads", key_sha256=digest, items=[lead("1")])

    assert answer["results"][0]["error"]["detail"] == "lead_refused"
    assert answer["results"][0]["error"]["hint"] == "suppressed"
