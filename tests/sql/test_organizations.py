"""Who belongs to an organization, who may change that, and that there is always an owner."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

ROLES = "select user_id, role from public.memberships where org_id = %s"
INVITE = "select public.invite_member(%s, %s, %s)"
ACCEPT = "select public.accept_invitation(%s)"
SET_ROLE = "select public.set_member_role(%s, %s, %s)"
REMOVE = "select public.remove_member(%s, %s)"
LEAVE = "select public.leave_organization(%s)"
TRANSFER = "select public.transfer_ownership(%s, %s)"


def roles(db, org_id):
    with db.operating():
        return dict(db.rows(ROLES, org_id))


def open_invitations(db, org_id):
    with db.operating():
        return db.value(
            """
            select count(*) from public.invitations
             where org_id = %s and accepted_at is null and revoked_at is null
            """,
            org_id,
        )


# Profiles


def test_sign_up_makes_a_profile_with_a_lower_case_address(db, person):
    asha = person("Asha", email="Asha@Example.Test", picture="https://pictures.test/asha.png")

    assert db.row("select email, name, avatar_url from public.profiles where id = %s", asha.id) == (
        "asha@example.test",
        "Asha",
        "https://pictures.test/asha.png",
    )


def test_picture_that_is_no_https_address_is_left_out(db, person):
    asha = person(avatar_url="javascript:alert(1)")

    assert db.value("select avatar_url from public.profiles where id = %s", asha.id) is None


def test_profile_follows_a_changed_address(db, person):
    asha = person()

    db.execute("update auth.users set email = 'New@Example.Test' where id = %s", [asha.id])

    assert db.value("select email from public.profiles where id = %s", asha.id) == "new@example.test"


def test_person_sees_own_profile_and_colleagues_but_no_stranger(db, person, org, member):
    asha, stranger = person(), person()
    org_id = org(asha)
    ravi = member(org_id)
    org(stranger)

    seen = {row[0] for row in db.as_person(asha).rows("select id from public.profiles")}

    assert seen == {asha.id, ravi.id}


def test_worker_finds_a_person_by_address_in_any_case(db, person):
    asha = person()

    assert db.as_service().value("select worker.find_person(%s)", asha.email.upper()) == {
        "user_id": str(asha.id)
    }
    assert db.value("select worker.find_person('nobody@example.test')") is None


# Organizations


def test_who_makes_an_organization_owns_it(db, person):
    asha = person()

    made = db.as_person(asha).value("select public.create_organization('  Sharma   Traders ')")

    assert roles(db, made["org_id"]) == {asha.id: "owner"}
    assert db.value("select name from public.organizations where id = %s", made["org_id"]) == "Sharma Traders"


def test_person_may_belong_to_several_organizations(db, person, org, member):
    asha = person()
    first, second = org(asha), org()
    member(second, "agent", asha)

    seen = db.as_person(asha).rows("select id from public.organizations")

    assert {row[0] for row in seen} == {first, second}


def test_stranger_sees_no_organization_membership_or_invitation(db, person, org):
    owner = person()
    org_id = org(owner)
    db.as_person(owner).execute(INVITE, [org_id, "ravi@example.test", "agent"])

    db.as_person(person())

    assert db.rows("select id from public.organizations") == []
    assert db.rows("select org_id from public.memberships") == []
    assert db.rows("select id from public.invitations") == []


def test_deleted_organization_is_gone_for_its_members(db, person, org):
    owner = person()
    org_id = org(owner)
    db.execute("update public.organizations set deleted_at = now() where id = %s", [org_id])

    db.as_person(owner)

    assert db.rows("select id from public.organizations") == []
    assert db.refusal("select public.rename_organization(%s, 'x')", org_id).sqlstate == "PT404"


TABLES = ["profiles", "organizations", "memberships", "invitations", "audit_log"]


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("who", ["as_anon", "as_service"])
def test_nobody_and_the_worker_key_reach_no_table(db, table, who):
    getattr(db, who)()

    assert db.refusal(f"select 1 from public.{table}").sqlstate == "42501"


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize(
    "statement",
    ["delete from public.{}", "truncate public.{}", "insert into public.{} default values"],
)
def test_owner_cannot_write_the_tables_directly(db, person, org, table, statement):
    owner = person()
    org(owner)
    db.as_person(owner)

    assert db.refusal(statement.format(table)).sqlstate == "42501"


def test_function_refuses_who_is_not_signed_in(db, org):
    org_id = org()
    db.execute("set local role authenticated")

    assert db.refusal("select public.rename_organization(%s, 'x')", org_id).sqlstate == "PT401"
    assert db.refusal("select public.create_organization('x')").sqlstate == "PT401"
    assert db.refusal(ACCEPT, "x").sqlstate == "PT401"


@pytest.mark.parametrize("name", ["", "   ", "x" * 201])
def test_organization_needs_a_name(db, person, name):
    db.as_person(person())

    assert db.refusal("select public.create_organization(%s)", name).sqlstate == "PT422"


def test_agent_cannot_rename_but_admin_can(db, org, member):
    org_id = org()
    agent, admin = member(org_id, "agent"), member(org_id, "admin")

    refusal = db.as_person(agent).refusal("select public.rename_organization(%s, 'New')", org_id)
    db.as_person(admin).execute("select public.rename_organization(%s, 'New')", [org_id])

    assert (refusal.sqlstate, refusal.detail) == ("PT403", "role_too_low")
    assert db.value("select name from public.organizations where id = %s", org_id) == "New"


def test_worker_makes_an_organization_only_for_a_person_who_exists(db, person):
    asha = person()
    db.as_service()

    made = db.value("select worker.create_organization('Sharma', %s)", asha.id)

    assert made["owner_id"] == str(asha.id)
    assert db.value("select worker.organization(%s)", made["org_id"])["name"] == "Sharma"
    assert db.refusal("select worker.create_organization('Sharma', %s)", uuid4()).detail == "person_not_found"
    assert db.refusal("select worker.organization(%s)", uuid4()).detail == "organization_not_found"


UNREACHABLE = [
    "select private.new_organization('x', gen_random_uuid())",
    "select private.audit(gen_random_uuid(), 'a.b', 'c', 'd')",
    "select private.put_credential(gen_random_uuid(), 'k', 's')",
    "select private.open_credential(gen_random_uuid(), gen_random_uuid(), 'p')",
    "select private.credential_key(1)",
    "select worker.rotate_keys()",
]


@pytest.mark.parametrize("call", UNREACHABLE)
def test_member_cannot_call_what_is_not_for_people(db, person, org, call):
    owner = person()
    org(owner)

    assert db.as_person(owner).refusal(call).sqlstate == "42501"


@pytest.mark.parametrize("call", [call for call in UNREACHABLE if "worker." not in call])
def test_worker_key_cannot_call_what_is_private(db, call):
    assert db.as_service().refusal(call).sqlstate == "42501"


# Invitations


@pytest.fixture
def team(db, person, org):
    """An organization, and its owner."""
    owner = person("owner")
    return org(owner), owner


def test_invited_person_joins_with_the_role_offered(db, person, team):
    org_id, owner = team
    ravi = person("ravi")
    invitation = db.as_person(owner).value(INVITE, org_id, f"  {ravi.email.upper()} ", "admin")

    answer = db.as_person(ravi).value(ACCEPT, invitation["token"])

    assert answer == {"org_id": str(org_id), "role": "admin"}
    assert roles(db, org_id)[ravi.id] == "admin"


def test_accepting_twice_gives_the_same_answer(db, person, team):
    org_id, owner = team
    ravi = person("ravi")
    token = db.as_person(owner).value(INVITE, org_id, ravi.email, "agent")["token"]
    first = db.as_person(ravi).value(ACCEPT, token)

    assert db.value(ACCEPT, token) == first


def test_used_token_does_not_bring_back_who_was_removed(db, person, team):
    org_id, owner = team
    ravi = person("ravi")
    token = db.as_person(owner).value(INVITE, org_id, ravi.email, "agent")["token"]
    db.as_person(ravi).execute(ACCEPT, [token])
    db.as_person(owner).execute(REMOVE, [org_id, ravi.id])

    refusal = db.as_person(ravi).refusal(ACCEPT, token)

    assert (refusal.sqlstate, refusal.detail) == ("PT409", "invitation_used")


def test_invitation_is_only_for_the_address_invited(db, person, team):
    org_id, owner = team
    token = db.as_person(owner).value(INVITE, org_id, "ravi@example.test", "agent")["token"]

    refusal = db.as_person(person("mallory")).refusal(ACCEPT, token)

    assert refusal.detail == "invitation_for_another_address"
    assert "ravi" not in refusal.message + refusal.hint


def test_invitation_compares_the_address_of_the_account_not_of_the_token(db, person, team):
    org_id, owner = team
    mallory = person("mallory")
    token = db.as_person(owner).value(INVITE, org_id, "ravi@example.test", "agent")["token"]

    refusal = db.as_person(type(mallory)(mallory.id, "ravi@example.test")).refusal(ACCEPT, token)

    assert refusal.detail == "invitation_for_another_address"


def test_unknown_token_is_not_found(db, person):
    assert db.as_person(person()).refusal(ACCEPT, "0" * 48).detail == "invitation_not_found"


def test_expired_invitation_is_refused_until_renewed(db, person, team):
    org_id, owner = team
    ravi = person("ravi")
    old = db.as_person(owner).value(INVITE, org_id, ravi.email, "agent")["token"]
    with db.operating():
        db.execute("update public.invitations set expires_at = now() where org_id = %s", [org_id])

    assert db.as_person(ravi).refusal(ACCEPT, old).detail == "invitation_expired"
    new = db.as_person(owner).value(INVITE, org_id, ravi.email, "agent")["token"]
    assert db.as_person(ravi).refusal(ACCEPT, old).detail == "invitation_not_found"
    assert db.value(ACCEPT, new)["role"] == "agent"
    assert open_invitations(db, org_id) == 0


def test_revoked_invitation_is_refused(db, person, team):
    org_id, owner = team
    ravi = person("ravi")
    made = db.as_person(owner).value(INVITE, org_id, ravi.email, "agent")
    db.execute("select public.revoke_invitation(%s, %s)", [org_id, made["invitation_id"]])
    db.execute("select public.revoke_invitation(%s, %s)", [org_id, made["invitation_id"]])

    assert db.as_person(ravi).refusal(ACCEPT, made["token"]).detail == "invitation_revoked"


def test_accepted_invitation_cannot_be_revoked(db, person, team):
    org_id, owner = team
    ravi = person("ravi")
    made = db.as_person(owner).value(INVITE, org_id, ravi.email, "agent")
    db.as_person(ravi).execute(ACCEPT, [made["token"]])

    refusal = db.as_person(owner).refusal(
        "select public.revoke_invitation(%s, %s)", org_id, made["invitation_id"]
    )

    assert (refusal.sqlstate, refusal.detail) == ("PT409", "invitation_used")


def test_invitation_of_another_organization_cannot_be_revoked(db, person, org, team):
    org_id, owner = team
    made = db.as_person(owner).value(INVITE, org_id, "ravi@example.test", "agent")
    stranger = person()
    strange = org(stranger)

    refusal = db.as_person(stranger).refusal(
        "select public.revoke_invitation(%s, %s)", strange, made["invitation_id"]
    )

    assert refusal.detail == "invitation_not_found"


def test_member_is_not_invited_again(db, team, member):
    org_id, owner = team
    ravi = member(org_id, "agent")

    refusal = db.as_person(owner).refusal(INVITE, org_id, ravi.email.upper(), "admin")

    assert (refusal.sqlstate, refusal.detail) == ("PT409", "already_a_member")


@pytest.mark.parametrize("email", ["", "ravi", "@x", "ravi@", "a b@x.test", "a@b@c", "x" * 250 + "@x.test"])
def test_what_is_no_address_is_not_invited(db, team, email):
    org_id, owner = team

    assert db.as_person(owner).refusal(INVITE, org_id, email, "agent").detail == "bad_email"


def test_unknown_role_is_not_offered(db, team):
    org_id, owner = team

    assert db.as_person(owner).refusal(INVITE, org_id, "a@b.test", "god").detail == "unknown_role"


RANKS = [
    pytest.param("agent", "agent", "role_too_low", id="agent invites nobody"),
    pytest.param("admin", "owner", "above_own_rank", id="admin does not invite an owner"),
]


@pytest.mark.parametrize(("mine", "offered", "slug"), RANKS)
def test_nobody_invites_above_own_rank(db, team, member, mine, offered, slug):
    org_id, _ = team

    refusal = db.as_person(member(org_id, mine)).refusal(INVITE, org_id, "a@b.test", offered)

    assert (refusal.sqlstate, refusal.detail) == ("PT403", slug)


def test_admin_cannot_touch_an_invitation_to_be_owner(db, team, member):
    org_id, owner = team
    made = db.as_person(owner).value(INVITE, org_id, "ravi@example.test", "owner")
    db.as_person(member(org_id, "admin"))

    assert db.refusal(INVITE, org_id, "ravi@example.test", "agent").detail == "above_own_rank"
    refusal = db.refusal("select public.revoke_invitation(%s, %s)", org_id, made["invitation_id"])
    assert refusal.detail == "above_own_rank"


DISMISSALS = [
    pytest.param(REMOVE, [], id="removed"),
    pytest.param(SET_ROLE, ["agent"], id="demoted"),
]


@pytest.mark.parametrize(("statement", "more"), DISMISSALS)
def test_invitations_of_a_dismissed_admin_are_withdrawn(db, person, team, member, statement, more):
    org_id, owner = team
    admin, accomplice = member(org_id, "admin"), person()
    token = db.as_person(admin).value(INVITE, org_id, accomplice.email, "admin")["token"]

    db.as_person(owner).execute(statement, [org_id, admin.id, *more])

    assert db.as_person(accomplice).refusal(ACCEPT, token).detail == "invitation_revoked"


def test_token_hash_cannot_be_selected_and_the_token_is_nowhere(db, team):
    org_id, owner = team
    made = db.as_person(owner).value(INVITE, org_id, "ravi@example.test", "agent")

    assert db.refusal("select token_sha256 from public.invitations").sqlstate == "42501"
    assert db.rows("select id, email, role from public.invitations where org_id = %s", org_id)
    with db.operating():
        stored = db.value("select to_jsonb(i)::text from public.invitations i where org_id = %s", org_id)
    assert made["token"] not in stored


def test_agents_do_not_see_invitations(db, team, member):
    org_id, owner = team
    db.as_person(owner).execute(INVITE, [org_id, "ravi@example.test", "agent"])

    assert db.as_person(member(org_id, "agent")).rows("select id from public.invitations") == []


# Roles


CHANGES = [
    pytest.param("owner", "agent", "owner", None, id="owner makes an agent owner"),
    pytest.param("owner", "owner", "agent", None, id="owner demotes another owner"),
    pytest.param("admin", "agent", "admin", None, id="admin makes an agent admin"),
    pytest.param("admin", "admin", "agent", None, id="admin demotes another admin"),
    pytest.param("admin", "agent", "owner", "above_own_rank", id="admin makes no owner"),
    pytest.param("admin", "owner", "agent", "above_own_rank", id="admin demotes no owner"),
    pytest.param("agent", "agent", "admin", "role_too_low", id="agent changes nobody"),
    pytest.param("owner", "agent", "god", "unknown_role", id="no such role"),
]


@pytest.mark.parametrize(("mine", "theirs", "wanted", "slug"), CHANGES)
def test_role_is_changed_by_rank(db, org, member, mine, theirs, wanted, slug):
    org_id = org()
    me, them = member(org_id, mine), member(org_id, theirs)
    db.as_person(me)

    if slug:
        assert db.refusal(SET_ROLE, org_id, them.id, wanted).detail == slug
    else:
        db.execute(SET_ROLE, [org_id, them.id, wanted])
    assert roles(db, org_id)[them.id] == (theirs if slug else wanted)


REMOVALS = [
    pytest.param("owner", "owner", None, id="owner removes an owner"),
    pytest.param("admin", "admin", None, id="admin removes an admin"),
    pytest.param("admin", "owner", "above_own_rank", id="admin removes no owner"),
    pytest.param("agent", "agent", "role_too_low", id="agent removes nobody"),
]


@pytest.mark.parametrize(("mine", "theirs", "slug"), REMOVALS)
def test_member_is_removed_by_rank(db, org, member, mine, theirs, slug):
    org_id = org()
    me, them = member(org_id, mine), member(org_id, theirs)
    db.as_person(me)

    if slug:
        assert db.refusal(REMOVE, org_id, them.id).detail == slug
    else:
        db.execute(REMOVE, [org_id, them.id])
    assert (them.id in roles(db, org_id)) == bool(slug)


def test_removed_member_sees_nothing_at_once(db, team, member):
    org_id, owner = team
    ravi = member(org_id, "admin")

    db.as_person(owner).execute(REMOVE, [org_id, ravi.id])

    assert db.as_person(ravi).rows("select id from public.organizations") == []


@pytest.mark.parametrize("statement", [REMOVE, TRANSFER, SET_ROLE])
def test_person_who_is_no_member_is_not_found(db, person, team, statement):
    org_id, owner = team
    params = [org_id, person().id] + (["agent"] if "set_member_role" in statement else [])

    assert db.as_person(owner).refusal(statement, *params).detail == "member_not_found"


def test_stranger_cannot_tell_a_foreign_organization_from_none(db, person, org):
    foreign = org()
    db.as_person(person())

    assert db.refusal(LEAVE, foreign) == db.refusal(LEAVE, uuid4())


def test_member_leaves(db, team, member):
    org_id, owner = team
    ravi = member(org_id, "agent")

    db.as_person(ravi).execute(LEAVE, [org_id])

    assert roles(db, org_id) == {owner.id: "owner"}


# There is always an owner


def test_ownership_changes_hands_in_one_step(db, team, member):
    org_id, owner = team
    ravi = member(org_id, "agent")

    db.as_person(owner).execute(TRANSFER, [org_id, ravi.id])

    assert roles(db, org_id) == {owner.id: "admin", ravi.id: "owner"}


def test_ownership_is_given_only_by_an_owner_and_to_somebody_else(db, team, member):
    org_id, owner = team
    admin = member(org_id, "admin")

    assert db.as_person(admin).refusal(TRANSFER, org_id, admin.id).detail == "role_too_low"
    assert db.as_person(owner).refusal(TRANSFER, org_id, owner.id).detail == "already_the_owner"


LAST_OWNER = [
    pytest.param(LEAVE, [], id="leaves"),
    pytest.param(REMOVE, ["self"], id="removes themselves"),
    pytest.param(SET_ROLE, ["self", "admin"], id="steps down"),
]


@pytest.mark.parametrize(("statement", "more"), LAST_OWNER)
def test_last_owner_stays(db, team, member, statement, more):
    org_id, owner = team
    member(org_id, "admin")
    params = [owner.id if value == "self" else value for value in more]

    refusal = db.as_person(owner).refusal(statement, org_id, *params)

    assert (refusal.sqlstate, refusal.detail) == ("PT409", "last_owner")


def test_account_of_the_last_owner_cannot_be_deleted(db, team):
    _, owner = team

    assert db.refusal("delete from auth.users where id = %s", owner.id).detail == "last_owner"


def test_two_owners_who_leave_at_once_do_not_both_succeed(db, other, team, member):
    org_id, first = team
    second = member(org_id, "owner")
    db.commit()
    db.as_person(first).execute(LEAVE, [org_id])

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(other.as_person(second).refusal, LEAVE, org_id)
        with pytest.raises(TimeoutError):
            waiting.result(timeout=0.3)
        db.commit()
        refusal = waiting.result(timeout=10)

    assert refusal.detail == "last_owner"
    assert roles(db, org_id) == {second.id: "owner"}


def test_two_direct_demotions_at_once_do_not_both_succeed(db, other, team, member):
    org_id, first = team
    second = member(org_id, "owner")
    db.commit()
    demote = "update public.memberships set role = 'agent' where org_id = %s and user_id = %s"
    db.execute(demote, [org_id, first.id])

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(other.refusal, demote, org_id, second.id)
        with pytest.raises(TimeoutError):
            waiting.result(timeout=0.3)
        db.commit()
        refusal = waiting.result(timeout=10)

    assert refusal.detail == "last_owner"


def test_admin_dismissed_meanwhile_no_longer_counts(db, other, team, member):
    org_id, owner = team
    admin, agent = member(org_id, "admin"), member(org_id, "agent")
    db.commit()
    db.as_person(owner).execute(REMOVE, [org_id, admin.id])

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(other.as_person(admin).refusal, REMOVE, org_id, agent.id)
        with pytest.raises(TimeoutError):
            waiting.result(timeout=0.3)
        db.commit()
        refusal = waiting.result(timeout=10)

    assert refusal.detail == "organization_not_found"
    assert agent.id in roles(db, org_id)


def test_team_change_does_not_hold_up_new_rows_of_the_organization(db, other, team):
    org_id, owner = team
    db.commit()
    db.as_person(owner).execute(INVITE, [org_id, "ravi@example.test", "agent"])

    other.execute("set local lock_timeout = '200ms'")
    other.execute("select private.audit(%s, 'test.done', 'test', 'x')", [org_id])

    assert (
        other.value(
            "select count(*) from public.audit_log where org_id = %s and action = 'test.done'", org_id
        )
        == 1
    )
