"""An incoming person finds the contact they already are, and changes nothing that somebody knows."""

import json

import pytest

ASHA = {"name": "Asha Verma", "phone": "+919000000001", "email": "asha@example.com", "city": "Pune"}


@pytest.fixture
def acme(db, org):
    return org(name="Acme")


@pytest.fixture
def resolve(db, acme):
    def make(person, org_id=None):
        return db.value("select private.resolve_contact(%s, %s)", org_id or acme, json.dumps(person))

    return make


def field(db, contact_id, name):
    return db.value(f"select {name} from public.contacts where id = %s", contact_id)


SAME_PERSON = [
    pytest.param({"phone": "+919000000001"}, id="the same number"),
    pytest.param(
        {"phone": "+919000000001", "email": "other@example.com"}, id="the same number, another address"
    ),
    pytest.param({"email": "ASHA@example.com "}, id="the same address, no number"),
    pytest.param(
        {"email": "asha@example.com", "phone": "not a number"}, id="the same address, no valid number"
    ),
]


@pytest.mark.parametrize("again", SAME_PERSON)
def test_same_person_again_is_the_same_contact(resolve, again):
    first = resolve(ASHA)

    assert resolve(again) == first


OTHER_PERSON = [
    pytest.param(
        {"phone": "+919000000002", "email": "asha@example.com"}, id="the same address, another number"
    ),
    pytest.param({"name": "Asha Verma"}, id="only the same name"),
    pytest.param({}, id="nothing"),
]


@pytest.mark.parametrize("other", OTHER_PERSON)
def test_other_person_is_another_contact(resolve, other):
    first = resolve(ASHA)

    assert resolve(other) != first


def test_contact_known_by_address_alone_gets_the_number_that_comes_with_it(db, resolve):
    first = resolve({"email": "asha@example.com"})

    assert resolve(ASHA) == first
    assert field(db, first, "phone") == "+919000000001"


def test_empty_fields_are_filled_and_known_ones_stay(db, resolve):
    contact = resolve({"phone": "+919000000001", "name": "A. Verma"})

    resolve(ASHA)

    assert field(db, contact, "name") == "A. Verma"
    assert field(db, contact, "city") == "Pune"
    assert field(db, contact, "email") == "asha@example.com"


def test_same_number_in_two_organizations_is_two_contacts(resolve, org):
    assert resolve(ASHA) != resolve(ASHA, org(name="Other"))


def test_number_that_is_not_e164_is_kept_as_given(db, resolve):
    contact = resolve({"phone": "98-bogus"})

    assert field(db, contact, "phone") is None
    assert field(db, contact, "phone_given") == "98-bogus"


def test_member_reads_and_corrects_contacts_of_their_organization_only(db, resolve, acme, org, member):
    mine, foreign = resolve(ASHA), resolve(ASHA, org(name="Other"))
    agent = member(acme)

    db.as_person(agent)
    db.execute("update public.contacts set name = 'Asha V.' where id = any (%s)", [[mine, foreign]])

    assert db.rows("select id, name from public.contacts") == [(mine, "Asha V.")]


def test_name_that_a_person_corrects_is_no_profile_name_any_more(db, resolve, acme, member):
    contact = resolve(ASHA)
    db.execute("update public.contacts set name = 'asha~', name_at = now() where id = %s", [contact])

    db.as_person(member(acme))
    db.execute("update public.contacts set name = 'Asha' where id = %s", [contact])

    db.as_operator()
    assert field(db, contact, "name_at") is None


UNTOUCHABLE = ["phone", "wa_id", "user_id", "opted_out_at", "greeted_at", "org_id"]


@pytest.mark.parametrize("column", UNTOUCHABLE)
def test_member_cannot_write_what_decides_who_is_messaged(db, resolve, acme, member, column):
    resolve(ASHA)
    db.as_person(member(acme))

    assert db.refusal(f"update public.contacts set {column} = null").sqlstate == "42501"


def test_anon_sees_no_contact(db, resolve):
    resolve(ASHA)
    db.as_anon()

    assert db.refusal("select * from public.contacts").sqlstate == "42501"
