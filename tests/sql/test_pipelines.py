"""Several pipelines, stages in order, and leads that are won or lost for a reason and for a value."""

import json
import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.database import Database, Person

Json = dict[str, Any]
Lead = Callable[..., str]


@pytest.fixture
def acme(db: Database, org: Callable[..., UUID]) -> UUID:
    return org(name="Acme")


@pytest.fixture
def admin(acme: UUID, member: Callable[..., Person]) -> Person:
    return member(acme, "admin")


@pytest.fixture
def agent(acme: UUID, member: Callable[..., Person]) -> Person:
    return member(acme, "agent")


@pytest.fixture
def lead(db: Database, acme: UUID) -> Lead:
    """Makes a lead of the organization."""

    def make(name: str = "Asha", **given: Any) -> str:
        with db.operating():
            made: Json = db.value(
                "select private.add_lead_by_hand(%s, %s)", acme, json.dumps({"name": name} | given)
            )
        return str(made["lead_id"])

    return make


def stage(db: Database, org_id: UUID, name: str, pipeline: str = "Sales") -> UUID:
    found: UUID = db.value(
        "select s.id from public.pipeline_stages s join public.pipelines p on (p.org_id, p.id) = (s.org_id, s.pipeline_id)"
        " where s.org_id = %s and s.name = %s and p.name = %s",
        org_id, name, pipeline,
    )  # fmt: skip
    return found


def pipeline(db: Database, org_id: UUID, name: str = "Sales") -> UUID:
    found: UUID = db.value("select id from public.pipelines where org_id = %s and name = %s", org_id, name)
    return found


def reason(db: Database, org_id: UUID, kind: str) -> UUID:
    found: UUID = db.value(
        "select id from public.close_reasons where org_id = %s and kind = %s order by name limit 1",
        org_id,
        kind,
    )
    return found


def row(db: Database, lead_id: str) -> Json:
    found: Json = db.value("select to_jsonb(l) - 'raw' from public.leads l where id = %s", lead_id)
    return found


def kinds(db: Database, lead_id: str) -> list[str]:
    return [
        k
        for (k,) in db.rows("select kind from public.lead_activities where lead_id = %s order by id", lead_id)
    ]


# Pipelines and stages


def test_new_organization_has_one_pipeline_sales_with_reasons_to_close(
    db: Database, acme: UUID, agent: Person
) -> None:
    db.as_person(agent)

    assert db.rows("select name from public.pipelines where org_id = %s", acme) == [("Sales",)]
    assert {k for (k,) in db.rows("select kind from public.close_reasons where org_id = %s", acme)} == {
        "won",
        "lost",
    }


def test_new_pipeline_has_stages_of_its_own_and_new_leads_start_in_the_first_pipeline(
    db: Database, acme: UUID, admin: Person, lead: Lead
) -> None:
    db.as_person(admin)
    made = db.value("select public.save_pipeline(%s, '  Repairs   and spares ')", acme)["pipeline_id"]
    assert row(db, lead())["stage_id"] == str(stage(db, acme, "New"))

    db.value("select public.order_pipelines(%s, %s::uuid[])", acme, [made, str(pipeline(db, acme))])

    assert row(db, lead())["stage_id"] == str(stage(db, acme, "New", "Repairs and spares"))
    assert db.rows(
        "select kind from public.pipeline_stages where pipeline_id = %s order by position", made
    ) == [("open",), ("won",), ("lost",)]


def test_stages_are_added_renamed_and_put_in_order(db: Database, acme: UUID, admin: Person) -> None:
    db.as_person(admin)
    sales = pipeline(db, acme)

    made = db.value("select public.save_stage(%s, %s, 'Sample sent')", acme, sales)["stage_id"]
    db.value("select public.save_stage(%s, %s, 'Samples sent', stage_id => %s)", acme, sales, made)
    ids = [
        i
        for (i,) in db.rows(
            "select id from public.pipeline_stages where pipeline_id = %s order by position", sales
        )
    ]
    db.value("select public.order_stages(%s, %s, %s)", acme, sales, ids[-1:] + ids[:-1])

    names = [
        n
        for (n,) in db.rows(
            "select name from public.pipeline_stages where pipeline_id = %s order by position", sales
        )
    ]
    assert names == ["Samples sent", "New", "Contacted", "Qualified", "Proposal sent", "Won", "Lost"]


REFUSED_CHANGES = [
    pytest.param("save_pipeline(%(org)s, 'Sales')", "PT409", "pipeline_exists", id="two of one name"),
    pytest.param("save_pipeline(%(org)s, '   ')", "PT422", "name_invalid", id="no name"),
    pytest.param("save_pipeline(%(org)s, repeat('x', 61))", "PT422", "name_invalid", id="endless name"),
    pytest.param("save_pipeline(%(org)s, null)", "PT422", "name_invalid", id="null"),
    pytest.param(
        "save_pipeline(%(org)s, 'X', gen_random_uuid())", "PT404", "pipeline_not_found", id="no such pipeline"
    ),
    pytest.param("delete_pipeline(%(org)s, %(pipeline)s)", "PT409", "last_pipeline", id="the only one"),
    pytest.param("order_pipelines(%(org)s, '{}')", "PT422", "order_incomplete", id="an order without all"),
    pytest.param(
        "order_pipelines(%(org)s, array[%(pipeline)s, %(pipeline)s])",
        "PT422",
        "order_incomplete",
        id="one twice",
    ),
    pytest.param(
        "save_stage(%(org)s, %(pipeline)s, 'New')", "PT409", "stage_exists", id="two stages of one name"
    ),
    pytest.param(
        "save_stage(%(org)s, %(pipeline)s, 'X', 'maybe')",
        "PT422",
        "stage_kind_unknown",
        id="a kind of its own",
    ),
    pytest.param(
        "save_stage(%(org)s, %(pipeline)s, 'New', 'won', %(new)s)",
        "PT409",
        "stage_in_use",
        id="kind of a stage with leads",
    ),
    pytest.param("delete_stage(%(org)s, %(new)s)", "PT409", "stage_in_use", id="a stage with leads"),
    pytest.param("delete_stage(%(org)s, %(new)s, %(new)s)", "PT422", "stage_not_found", id="into itself"),
    pytest.param("delete_stage(%(org)s, gen_random_uuid())", "PT404", "stage_not_found", id="no such stage"),
    pytest.param("order_stages(%(org)s, %(pipeline)s, null)", "PT422", "order_incomplete", id="no order"),
    pytest.param(
        "save_close_reason(%(org)s, 'lost', 'No answer')",
        "PT409",
        "reason_exists",
        id="two reasons of one name",
    ),
    pytest.param(
        "save_close_reason(%(org)s, 'open', 'X')", "PT422", "kind_unknown", id="a reason to stay open"
    ),
]


@pytest.mark.parametrize(("call", "state", "slug"), REFUSED_CHANGES)
def test_change_that_makes_no_sense_is_refused(
    db: Database, acme: UUID, admin: Person, lead: Lead, call: str, state: str, slug: str
) -> None:
    lead()
    db.as_person(admin)
    given = {"org": acme, "pipeline": pipeline(db, acme), "new": stage(db, acme, "New")}

    with pytest.raises(psycopg.Error) as told, db.transaction():
        db.execute(f"select public.{call}".encode(), given)

    assert (told.value.sqlstate, told.value.diag.message_detail) == (state, slug)


def test_pipeline_keeps_an_open_stage(db: Database, acme: UUID, admin: Person) -> None:
    db.as_person(admin)
    db.value("select public.save_pipeline(%s, 'Repairs')", acme)
    repairs, new = pipeline(db, acme, "Repairs"), stage(db, acme, "New", "Repairs")

    assert db.refusal("select public.delete_stage(%s, %s)", acme, new).detail == "last_open_stage"
    assert (
        db.refusal("select public.save_stage(%s, %s, 'New', 'won', %s)", acme, repairs, new).detail
        == "last_open_stage"
    )
    db.value("select public.delete_pipeline(%s, %s)", acme, repairs)
    assert db.rows("select name from public.pipelines where org_id = %s", acme) == [("Sales",)]


def test_stage_with_leads_goes_once_its_leads_have_another(
    db: Database, acme: UUID, admin: Person, lead: Lead
) -> None:
    mine, new, contacted = lead(), stage(db, acme, "New"), stage(db, acme, "Contacted")
    db.as_person(admin)

    done = db.value("select public.delete_stage(%s, %s, %s)", acme, new, contacted)

    assert done == {"stage_id": str(new), "removed": True, "moved": 1}
    assert (row(db, mine)["stage_id"], row(db, mine)["version"]) == (str(contacted), 2)
    assert kinds(db, mine) == ["received", "moved"]
    assert db.rows("select id from public.pipeline_stages where id = %s", new) == []


def test_pipeline_with_leads_stays(db: Database, acme: UUID, admin: Person, lead: Lead) -> None:
    lead()
    db.as_person(admin)
    db.value("select public.save_pipeline(%s, 'Repairs')", acme)

    told = db.refusal("select public.delete_pipeline(%s, %s)", acme, pipeline(db, acme))

    assert (told.sqlstate, told.detail) == ("PT409", "pipeline_in_use")


@pytest.mark.parametrize(
    "call", ["save_pipeline(%s, 'X')", "save_close_reason(%s, 'won', 'X')", "order_pipelines(%s, '{}')"]
)
def test_agent_changes_no_pipeline(db: Database, acme: UUID, agent: Person, call: str) -> None:
    db.as_person(agent)

    assert db.refusal(f"select public.{call}", acme).sqlstate == "PT403"


# Won and lost


def test_won_lead_knows_when_why_and_for_how_much(
    db: Database, acme: UUID, agent: Person, lead: Lead
) -> None:
    mine, won, why = lead(), stage(db, acme, "Won"), reason(db, acme, "won")
    db.as_person(agent)

    closed = db.value("select public.close_lead(%s, %s, %s, 1, %s, 125000.505)", acme, mine, won, why)

    assert closed == {
        "lead_id": mine, "stage_id": str(won), "kind": "won", "reason_id": str(why), "value": "125000.51", "currency": "INR", "version": 2,
    }  # fmt: skip
    stored = row(db, mine)
    assert (stored["won_at"] is not None, stored["lost_at"], stored["closed_reason"]) == (
        True,
        None,
        str(why),
    )
    details = db.value("select details from public.lead_activities where lead_id = %s and kind = 'won'", mine)
    assert (details["value"], details["from"], details["reason"]) == (
        "125000.51",
        str(stage(db, acme, "New")),
        str(why),
    )


def test_move_alone_closes_too_and_a_reason_goes_with_its_kind(
    db: Database, acme: UUID, agent: Person, lead: Lead
) -> None:
    mine, won, lost = lead(), stage(db, acme, "Won"), stage(db, acme, "Lost")
    db.as_person(agent)
    db.value("select public.close_lead(%s, %s, %s, 1, %s)", acme, mine, lost, reason(db, acme, "lost"))

    db.value("select public.move_lead(%s, %s, %s, 2)", acme, mine, won)

    stored = row(db, mine)
    assert (stored["won_at"] is not None, stored["lost_at"], stored["closed_reason"]) == (True, None, None)


def test_lead_opened_again_is_where_it_was_and_keeps_its_value(
    db: Database, acme: UUID, agent: Person, lead: Lead
) -> None:
    mine, qualified = lead(), stage(db, acme, "Qualified")
    db.as_person(agent)
    db.value("select public.move_lead(%s, %s, %s, 1)", acme, mine, qualified)
    db.value(
        "select public.close_lead(%s, %s, %s, 2, %s, 10, 'usd')",
        acme,
        mine,
        stage(db, acme, "Lost"),
        reason(db, acme, "lost"),
    )

    opened = db.value("select public.reopen_lead(%s, %s, 3)", acme, mine)

    assert opened == {"lead_id": mine, "stage_id": str(qualified), "version": 4}
    stored = row(db, mine)
    assert (stored["lost_at"], stored["closed_reason"], stored["value"], stored["currency"]) == (
        None,
        None,
        10,
        "USD",
    )
    assert kinds(db, mine) == ["received", "moved", "lost", "reopened"]
    assert db.refusal("select public.reopen_lead(%s, %s, 4)", acme, mine).detail == "lead_is_open"


REFUSED_CLOSINGS = [
    pytest.param("close_lead(%(org)s, %(lead)s, %(new)s, 1)", "stage_is_open", id="into an open stage"),
    pytest.param(
        "close_lead(%(org)s, %(lead)s, %(won)s, 1, %(why_lost)s)",
        "reason_not_found",
        id="won for a reason to lose",
    ),
    pytest.param(
        "close_lead(%(org)s, %(lead)s, %(won)s, 1, value => -1)", "value_invalid", id="less than nothing"
    ),
    pytest.param(
        "close_lead(%(org)s, %(lead)s, %(won)s, 1, value => 'NaN')", "value_invalid", id="no number"
    ),
    pytest.param("close_lead(%(org)s, %(lead)s, %(won)s, 1, value => 1e12)", "value_invalid", id="too much"),
    pytest.param(
        "close_lead(%(org)s, %(lead)s, %(won)s, 1, value => 1, currency => 'rupees')",
        "currency_invalid",
        id="no currency",
    ),
    pytest.param(
        "close_lead(%(org)s, %(lead)s, gen_random_uuid(), 1)", "stage_not_found", id="no such stage"
    ),
    pytest.param("close_lead(%(org)s, %(lead)s, %(won)s, 7)", "lead_changed", id="another version"),
    pytest.param("set_lead_value(%(org)s, %(lead)s, 1, 'Infinity')", "value_invalid", id="without end"),
]


@pytest.mark.parametrize(("call", "slug"), REFUSED_CLOSINGS)
def test_closing_that_makes_no_sense_is_refused(
    db: Database, acme: UUID, agent: Person, lead: Lead, call: str, slug: str
) -> None:
    given = {
        "org": acme, "lead": lead(), "new": stage(db, acme, "New"), "won": stage(db, acme, "Won"), "why_lost": reason(db, acme, "lost"),
    }  # fmt: skip
    db.as_person(agent)

    with pytest.raises(psycopg.Error) as told, db.transaction():
        db.execute(f"select public.{call}".encode(), given)

    assert told.value.diag.message_detail == slug


def test_archived_reason_is_not_offered_and_stays_on_its_leads(
    db: Database, acme: UUID, admin: Person, lead: Lead
) -> None:
    one, two, lost, why = lead("One"), lead("Two"), stage(db, acme, "Lost"), reason(db, acme, "lost")
    db.as_person(admin)
    db.value("select public.close_lead(%s, %s, %s, 1, %s)", acme, one, lost, why)

    db.value("select public.save_close_reason(%s, 'lost', 'Old', %s, true)", acme, why)

    assert (
        db.refusal("select public.close_lead(%s, %s, %s, 1, %s)", acme, two, lost, why).detail
        == "reason_not_found"
    )
    assert row(db, one)["closed_reason"] == str(why)


def test_value_of_an_open_lead_is_set_and_taken_away(
    db: Database, acme: UUID, agent: Person, lead: Lead
) -> None:
    mine = lead()
    db.as_person(agent)

    assert db.value("select public.set_lead_value(%s, %s, 1, 10)", acme, mine)["value"] == "10.00"
    assert db.value("select public.set_lead_value(%s, %s, 2, 10)", acme, mine)["version"] == 2
    gone = db.value("select public.set_lead_value(%s, %s, 2, null)", acme, mine)

    assert (gone["value"], gone["currency"], gone["version"]) == (None, None, 3)


# Two at once


def test_of_two_people_who_move_one_lead_the_second_is_told(connect: Callable[[], Database]) -> None:
    setting = connect()
    people = [Person(uuid4(), f"{uuid4().hex}@example.test") for _ in range(2)]
    for one in people:
        setting.execute("insert into auth.users (id, email) values (%s, %s)", [one.id, one.email])
    org_id = setting.value("select private.new_organization('Busy', %s)", people[0].id)
    setting.execute(
        "insert into public.memberships (org_id, user_id, role) values (%s, %s, 'agent')",
        [org_id, people[1].id],
    )
    mine = setting.value('select private.add_lead_by_hand(%s, \'{"name": "Asha"}\')', org_id)["lead_id"]
    targets = [stage(setting, org_id, "Contacted"), stage(setting, org_id, "Qualified")]
    start, told = threading.Barrier(2), []

    def move(who: Person, target: UUID) -> None:
        connection = connect()
        with connection.transaction():
            connection.as_person(who)
            start.wait()
            try:
                with connection.transaction():
                    told.append(
                        connection.value("select public.move_lead(%s, %s, %s, 1)", org_id, mine, target)[
                            "version"
                        ]
                    )
            except psycopg.Error as error:
                told.append(f"{error.sqlstate} {error.diag.message_detail} {error.diag.message_hint}")

    threads = [threading.Thread(target=move, args=pair) for pair in zip(people, targets, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(told, key=str) == [2, "PT409 lead_changed version=2"]
    assert kinds(setting, mine) == ["received", "moved"]
