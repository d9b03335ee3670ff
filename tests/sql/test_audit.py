"""What is done in an organization is on record, and the record does not change."""

import json

import pytest

AUDIT = "select private.audit(%s, 'test.done', 'test', 'x')"
NEWEST = """
select actor, actor_role, action, object_type, object_id, details
  from public.audit_log where org_id = %s order by at desc, id desc limit 1
"""


@pytest.fixture
def team(db, person, org):
    """An organization, and its owner."""
    owner = person("owner")
    return org(owner), owner


CHANGES = [
    pytest.param("update public.audit_log set action = 'x.y'", id="update"),
    pytest.param("delete from public.audit_log", id="delete"),
    pytest.param("truncate public.audit_log", id="truncate"),
    pytest.param("truncate public.audit_log cascade", id="truncate cascade"),
]


@pytest.mark.parametrize("statement", CHANGES)
def test_record_cannot_be_changed_even_by_the_role_that_owns_it(db, team, statement):
    refusal = db.refusal(statement)

    assert (refusal.sqlstate, refusal.detail) == ("PT405", "append_only")


@pytest.mark.parametrize("statement", CHANGES)
def test_record_cannot_be_changed_by_an_owner_of_the_organization(db, team, statement):
    assert db.as_person(team[1]).refusal(statement).sqlstate == "42501"


def test_organization_with_a_record_cannot_be_deleted_beneath_it(db, team):
    assert db.refusal("delete from public.organizations where id = %s", team[0]).sqlstate in (
        "23001",
        "23503",
    )


def test_record_names_the_person_their_role_and_what_changed(db, team, member):
    org_id, owner = team
    ravi = member(org_id, "agent")

    db.as_person(owner).execute("select public.set_member_role(%s, %s, 'admin')", [org_id, ravi.id])

    assert db.row(NEWEST, org_id) == (
        owner.id,
        "owner",
        "member.role_changed",
        "person",
        str(ravi.id),
        {"from": "agent", "to": "admin"},
    )


def test_record_names_worker_and_operator(db, team):
    org_id, _ = team
    db.execute(AUDIT, [org_id])
    operator = db.row(NEWEST, org_id)[:2]
    db.execute("""select set_config('request.jwt.claims', '{"role": "service_role"}', true)""")
    db.execute(AUDIT, [org_id])

    assert operator == (None, "operator")
    assert db.row(NEWEST, org_id)[:2] == (None, "worker")


def test_record_keeps_request_and_address_of_an_api_request(db, team):
    org_id, _ = team
    headers = {"x-request-id": "r-1", "x-forwarded-for": "203.0.113.9, 10.0.0.1"}
    db.execute("select set_config('request.headers', %s, true)", [json.dumps(headers)])

    db.execute(AUDIT, [org_id])

    seen = db.row(
        "select request_id, ip from public.audit_log where org_id = %s and action = 'test.done'", org_id
    )
    assert seen == ("r-1", "203.0.113.9")


def test_refused_change_leaves_no_record(db, team):
    org_id, owner = team
    before = db.value("select count(*) from public.audit_log where org_id = %s", org_id)

    db.as_person(owner).refusal("select public.leave_organization(%s)", org_id)

    with db.operating():
        assert db.value("select count(*) from public.audit_log where org_id = %s", org_id) == before


def test_whole_story_of_a_team_is_on_record_without_addresses_or_tokens(db, person, team):
    org_id, owner = team
    ravi, mina = person("ravi"), person("mina")
    db.as_person(owner)
    token = db.value("select public.invite_member(%s, %s, 'admin')", org_id, ravi.email)["token"]
    other = db.value("select public.invite_member(%s, %s, 'agent')", org_id, mina.email)
    db.execute("select public.revoke_invitation(%s, %s)", [org_id, other["invitation_id"]])
    db.execute("select public.rename_organization(%s, 'Sharma Steel')", [org_id])
    db.as_person(ravi).execute("select public.accept_invitation(%s)", [token])
    db.as_person(owner).execute("select public.transfer_ownership(%s, %s)", [org_id, ravi.id])
    db.execute("select public.leave_organization(%s)", [org_id])

    with db.operating():
        story = db.rows(
            "select action, to_jsonb(a)::text from public.audit_log a where org_id = %s order by id", org_id
        )

    assert [action for action, _ in story] == [
        "organization.created",
        "member.invited",
        "member.invited",
        "member.uninvited",
        "organization.renamed",
        "member.joined",
        "organization.transferred",
        "member.left",
    ]
    told = " ".join(text for _, text in story)
    assert not [secret for secret in (token, ravi.email, mina.email, "Sharma Steel") if secret in told]


READERS = [
    pytest.param("owner", True, id="owner"),
    pytest.param("admin", True, id="admin"),
    pytest.param("agent", False, id="agent"),
]


@pytest.mark.parametrize(("role", "reads"), READERS)
def test_record_is_for_admins(db, team, member, role, reads):
    org_id, _ = team

    seen = db.as_person(member(org_id, role)).rows("select id from public.audit_log")

    assert bool(seen) == reads


def test_record_is_not_for_admins_of_another_organization(db, person, org, team):
    stranger = person()
    strange = org(stranger)

    seen = db.as_person(stranger).rows("select distinct org_id from public.audit_log")

    assert seen == [(strange,)]
