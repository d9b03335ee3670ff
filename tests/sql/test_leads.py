"""Leads have one way in: what is new is stored, what is known is ignored, what is broken is told, alone."""

import json
import threading
from uuid import uuid4

import psycopg
import pytest

TWICE = 2


def lead(external_id, phone=None, **given):
    """Make an item as every source hands it in."""
    person = {"phone": phone, "name": "Asha", "email": given.pop("email", None)}
    made = {"external_id": external_id, "lead_type": "W", "received_at": "2026-11-20T04:45:00Z"}
    return made | {"person": person, "raw": {"UNIQUE_QUERY_ID": external_id}} | given


@pytest.fixture
def acme(db, org):
    return org(name="Acme")


@pytest.fixture
def source(db, acme):
    return db.value("select private.own_source(%s, 'manual')", acme)


@pytest.fixture
def store(db, acme, source):
    def make(*items):
        return db.value("select private.store_leads(%s, %s, %s)", acme, source, json.dumps(items))

    return make


@pytest.fixture
def leads(db, acme):
    def read(columns="external_id"):
        return db.rows(f"select {columns} from public.leads where org_id = %s order by external_id", acme)

    return read


def counts(stored):
    return stored["inserted"], stored["known"], len(stored["errors"])


def test_new_organization_has_six_stages(db, acme):
    stages = db.rows(
        "select name, kind from public.pipeline_stages where org_id = %s order by position", acme
    )

    assert [name for name, _ in stages] == ["New", "Contacted", "Qualified", "Proposal sent", "Won", "Lost"]
    assert [kind for _, kind in stages] == ["open"] * 4 + ["won", "lost"]


def test_lead_is_stored_with_its_raw_object_in_the_first_stage(db, store, leads):
    stored = store(lead("1", "+919000000001", title="Valve", problems=["x"]))

    assert counts(stored) == (1, 0, 0)
    row = leads(
        "title, raw ->> 'UNIQUE_QUERY_ID', problems, received_at = '2026-11-20T04:45:00Z', source_kind"
    )
    assert row == [("Valve", "1", ["x"], True, "manual")]
    assert (
        db.value(
            "select s.name from public.pipeline_stages s"
            " where s.id = (select stage_id from public.leads where id = %s)",
            stored["lead_ids"][0],
        )
        == "New"
    )


def test_same_leads_again_change_nothing(db, store, leads):
    items = [lead("1", "+919000000001"), lead("2", "+919000000002")]
    store(*items)
    before = leads("id, contact_id, version, updated_at")

    assert counts(store(*items)) == (0, 2, 0)
    assert leads("id, contact_id, version, updated_at") == before


def test_repetition_inside_one_batch_is_stored_once(store, leads):
    stored = store(lead("1", "+919000000001"), lead("1", "+919000000001"))

    assert counts(stored) == (1, 1, 0)
    assert leads() == [("1",)]


def test_same_buyer_again_is_a_new_lead_on_the_same_contact_and_edits_stay(db, acme, store, leads, member):
    store(lead("1", "+919000000001"))
    agent = member(acme)
    won = db.value("select id from public.pipeline_stages where org_id = %s and name = 'Won'", acme)
    db.execute(
        "update public.leads set owner_id = %s, stage_id = %s where org_id = %s", [agent.id, won, acme]
    )
    db.execute("update public.contacts set name = 'Edited', city = 'Surat' where org_id = %s", [acme])

    store(lead("2", "+919000000001"))

    assert len({row[0] for row in leads("contact_id")}) == 1
    assert leads(
        "external_id, owner_id, stage_id = (select id from public.pipeline_stages s "
        "where s.org_id = leads.org_id and s.name = 'Won')"
    ) == [("1", agent.id, True), ("2", None, False)]
    assert db.row("select name, city from public.contacts where org_id = %s", acme) == ("Edited", "Surat")


BROKEN = [
    pytest.param(lead(None), "no_id", id="no id"),
    pytest.param(lead("  "), "no_id", id="blank id"),
    pytest.param(lead("9" * 201), "id_too_long", id="endless id"),
    pytest.param("text", "not_an_object", id="a text"),
    pytest.param(None, "not_an_object", id="null"),
    pytest.param(lead("3") | {"error": "unreadable: X"}, "unreadable: X", id="told by the reader"),
]


@pytest.mark.parametrize(("broken", "reason"), BROKEN)
def test_broken_lead_is_told_with_its_object_and_its_neighbours_are_stored(store, leads, broken, reason):
    stored = store(lead("1", "+919000000001"), broken, lead("2", "+919000000002"))

    assert counts(stored) == (2, 0, 1)
    assert stored["errors"][0]["index"] == 1
    assert stored["errors"][0]["reason"] == reason
    assert stored["errors"][0]["item"] == (broken["raw"] if isinstance(broken, dict) else broken)
    assert leads() == [("1",), ("2",)]


def test_unforeseen_failure_of_one_lead_is_an_error_of_that_lead_alone(db, store, leads):
    db.execute(
        "create function pg_temp.fail() returns trigger language plpgsql as "
        "$$ begin if new.external_id = '7' then raise exception 'seven'; end if; return new; end $$"
    )
    db.execute(
        "create trigger fail before insert on public.leads for each row execute function pg_temp.fail()"
    )

    stored = store(*(lead(str(n), f"+91900000000{n}") for n in range(1, 10)))

    assert counts(stored) == (8, 0, 1)
    assert "seven" in stored["errors"][0]["reason"]
    assert stored["errors"][0]["item"] == {"UNIQUE_QUERY_ID": "7"}
    assert len(leads()) == 8


def test_failure_that_passes_by_itself_is_left_to_the_caller(db, store):
    db.execute(
        "create function pg_temp.busy() returns trigger language plpgsql as "
        "$$ begin raise exception 'busy' using errcode = '40001'; end $$"
    )
    db.execute(
        "create trigger busy before insert on public.leads for each row execute function pg_temp.busy()"
    )

    with pytest.raises(psycopg.errors.SerializationFailure), db.transaction():
        store(lead("1", "+919000000001"))


PROBLEMS = [
    pytest.param(lead("1"), ["unreachable"], id="neither number nor address"),
    pytest.param(lead("1", email="a@example.com"), [], id="an address alone"),
    pytest.param(lead("1", "98-bogus"), ["phone_invalid", "unreachable"], id="no valid number"),
    pytest.param(
        lead("1", "+919000000001") | {"received_at": "yesterday-ish"},
        ["received_at_unreadable"],
        id="no time",
    ),
    pytest.param(
        lead("1", "+919000000001") | {"received_at": "infinity"}, ["received_at_unreadable"], id="no instant"
    ),
    pytest.param(lead("1", "+919000000001") | {"received_at": None}, [], id="time not given"),
]


@pytest.mark.parametrize(("item", "problems"), PROBLEMS)
def test_lead_with_a_problem_is_stored_and_flagged(store, leads, item, problems):
    assert counts(store(item)) == (1, 0, 0)
    assert leads("problems") == [(problems,)]


def test_known_id_with_another_type_and_number_is_kept_for_review(db, acme, store, leads):
    store(lead("1", "+919000000001"))

    stored = store(lead("1", "+919000000002", lead_type="B"))

    assert counts(stored) == (0, 1, 1)
    assert stored["errors"][0]["reason"] == "conflicting_copy"
    assert leads("lead_type, phone, problems") == [("W", "+919000000001", ["conflicting_copy"])]
    noted = "select count(*) from public.lead_activities where kind = 'conflicting_copy' and org_id = %s"
    assert db.value(noted, acme) == 1


def test_lead_cannot_be_stored_under_another_organizations_source(db, org, source):
    told = db.refusal("select private.store_leads(%s, %s, '[]')", org(name="Other"), source)

    assert (told.sqlstate, told.detail) == ("PT404", "source_not_found")


# Two at once ----------------------------------------------------------------------------------------------


@pytest.fixture
def committed(dsn):
    """An organization that other connections see, with its manual source."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        owner = uuid4()
        connection.execute(
            "insert into auth.users (id, email) values (%s, %s)", [owner, f"{owner}@example.test"]
        )
        org_id = connection.execute("select private.new_organization('Busy', %s)", [owner]).fetchone()[0]
        source = connection.execute("select private.own_source(%s, 'manual')", [org_id]).fetchone()[0]
    return org_id, source


def at_once(dsn, batches, committed):
    """Store batches from as many connections at the same moment; give what went wrong."""
    failures = []
    start = threading.Barrier(len(batches))

    def run(items):
        try:
            with psycopg.connect(dsn) as connection:
                start.wait()
                connection.execute("select private.store_leads(%s, %s, %s)", [*committed, json.dumps(items)])
        except psycopg.Error as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(items,)) for items in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


def test_concurrent_batches_with_the_same_new_people_end_in_one_contact_each(dsn, committed):
    people = [(f"+9191{n:08d}", f"p{n}@example.com") for n in range(40)]
    batches = []
    for batch in range(8):
        order = people if batch % 2 else people[::-1]
        batches.append(
            [lead(f"{batch}-{phone}", phone) for phone, _ in order]
            + [lead(f"{batch}-{email}", email=email) for _, email in order]
        )

    failures = at_once(dsn, batches, committed)

    assert failures == []
    with psycopg.connect(dsn) as connection:
        count = connection.execute(
            "select (select count(*) from public.contacts where org_id = %s), "
            "(select count(*) from public.leads where org_id = %s)",
            [committed[0]] * TWICE,
        ).fetchone()
    assert count == (80, 640)


def test_concurrent_copies_of_one_lead_are_stored_once(dsn, committed):
    failures = at_once(dsn, [[lead("same", "+919000000001")]] * 8, committed)

    assert failures == []
    with psycopg.connect(dsn) as connection:
        assert connection.execute(
            "select count(*) from public.leads where org_id = %s", committed[:1]
        ).fetchone() == (1,)


# By hand --------------------------------------------------------------------------------------------------


def test_agent_adds_a_lead_by_hand(db, acme, member, leads):
    db.as_person(member(acme))

    made = db.value(
        "select public.add_lead(%s, %s)", acme, json.dumps({"name": "Ravi", "phone": "+919812345678"})
    )

    assert set(made) == {"lead_id", "contact_id"}
    assert leads("source_kind, phone") == [("manual", "+919812345678")]
    assert db.value("select phone_kind from public.contacts where id = %s", made["contact_id"]) == "mobile"


def test_same_client_token_again_is_the_same_lead(db, acme, member):
    db.as_person(member(acme))
    given = json.dumps({"name": "Ravi", "client_token": "t1"})

    assert db.value("select public.add_lead(%s, %s)", acme, given) == db.value(
        "select public.add_lead(%s, %s)", acme, given
    )


REFUSED = [
    pytest.param({"name": "Ravi", "phone": "98123 45678"}, "phone_invalid", id="number without country code"),
    pytest.param({}, "lead_is_empty", id="nothing"),
    pytest.param([], "not_an_object", id="a list"),
]


@pytest.mark.parametrize(("given", "slug"), REFUSED)
def test_lead_by_hand_that_makes_no_sense_is_refused(db, acme, member, given, slug):
    db.as_person(member(acme))

    told = db.refusal("select public.add_lead(%s, %s)", acme, json.dumps(given))

    assert (told.sqlstate, told.detail) == ("PT422", slug)


# Working a lead -------------------------------------------------------------------------------------------


@pytest.fixture
def mine(store):
    return store(lead("1", "+919000000001"))["lead_ids"][0]


@pytest.fixture
def won(db, acme):
    return db.value("select id from public.pipeline_stages where org_id = %s and name = 'Won'", acme)


def test_agent_moves_a_lead_and_its_history_says_so(db, acme, member, mine, won):
    db.as_person(member(acme))

    moved = db.value("select public.move_lead(%s, %s, %s, 1)", acme, mine, won)

    assert moved == {"lead_id": mine, "stage_id": str(won), "version": 2}
    assert db.value("select details ->> 'to' from public.lead_activities where kind = 'moved'") == str(won)


def test_move_of_a_lead_that_somebody_else_changed_is_refused_with_its_version(db, acme, member, mine, won):
    db.as_person(member(acme))
    db.value("select public.move_lead(%s, %s, %s, 1)", acme, mine, won)

    told = db.refusal("select public.move_lead(%s, %s, %s, 1)", acme, mine, won)

    assert (told.sqlstate, told.detail, told.hint) == ("PT409", "lead_changed", "version=2")


def test_lead_cannot_be_moved_into_another_organizations_stage(db, acme, member, mine, org):
    other = org(name="Other")
    stage = db.value("select id from public.pipeline_stages where org_id = %s limit 1", other)
    db.as_person(member(acme))

    told = db.refusal("select public.move_lead(%s, %s, %s, 1)", acme, mine, stage)

    assert (told.sqlstate, told.detail) == ("PT422", "stage_not_found")


def test_stranger_can_neither_see_nor_move_a_lead(db, acme, member, org, mine, won):
    db.as_person(member(org(name="Other"), "owner"))

    assert db.rows("select id from public.leads") == []
    assert db.refusal("select public.move_lead(%s, %s, %s, 1)", acme, mine, won).sqlstate == "PT404"


def test_lead_is_assigned_to_a_member_only(db, acme, member, org, mine):
    agent, stranger = member(acme), member(org(name="Other"))
    db.as_person(agent)

    assert (
        db.refusal("select public.assign_lead(%s, %s, %s, 1)", acme, mine, stranger.id).detail
        == "not_a_member"
    )
    assert db.value("select public.assign_lead(%s, %s, %s, 1)", acme, mine, agent.id)["version"] == 2


def test_note_is_kept_with_its_writer(db, acme, member, mine):
    agent = member(acme)
    db.as_person(agent)

    db.value("select public.note_lead(%s, %s, 'Call on Monday')", acme, mine)

    assert db.row("select actor, details ->> 'text' from public.lead_activities where kind = 'noted'") == (
        agent.id,
        "Call on Monday",
    )


CLOSED = [
    "insert into public.leads (org_id) values (gen_random_uuid())",
    "update public.leads set version = 9",
    "delete from public.leads",
    "insert into public.lead_activities (org_id) values (gen_random_uuid())",
    "update public.lead_sources set is_active = false",
    "select key_sha256 from public.lead_sources",
    "select push_token_sha256 from public.lead_sources",
    "select credential_id from public.lead_sources",
    "select lease_run from public.lead_sources",
]


@pytest.mark.parametrize("statement", CLOSED)
def test_member_cannot_go_around_the_functions(db, acme, member, mine, statement):
    db.as_person(member(acme, "owner"))

    assert db.refusal(statement).sqlstate == "42501"
