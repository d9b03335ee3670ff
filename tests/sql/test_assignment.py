"""Leads that go to people: by hand, by turns, by rules in order; past who is away or off; fair however many come at once."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.business import Business
from tests.database import Database, Person
from tests.sql.desk import Desk, Json

NEVER: Json = {"1": []}


@pytest.fixture
def team(desk: Desk) -> list[Person]:
    return desk.hire("ravi", "meena", "arjun")


def group(desk: Desk, people: list[Person], **given: Any) -> str:
    given = {"name": f"Group {uuid4().hex[:6]}", "outside_hours": "assign"} | given
    made: str = desk.ask("save_assignment_group", user_ids=[p.id for p in people], **given)["group_id"]
    return made


def rule(desk: Desk, to: Person | str | None, **given: Any) -> str:
    """A rule to a member, to a group or to nobody."""
    target = (
        {"target": "nobody"} if to is None
        else {"target": "member", "user_id": str(to.id)} if isinstance(to, Person)
        else {"target": "group", "group_id": to}
    )  # fmt: skip
    made = desk.ask("save_assignment_rule", rule={"name": "Rule", "outside_hours": "assign"} | target | given)
    return str(made["assignment_rule_id"])


def away(desk: Desk, who: Person) -> None:
    """Away since yesterday, for another day."""
    desk.db.execute(
        "insert into public.absences (org_id, user_id, from_at, to_at) values (%s, %s, now() - interval '1 day', now() + interval '1 day')",
        [desk.org_id, who.id],
    )


def off(desk: Desk, who: Person, opens_in: str | None = None) -> None:
    """Has hours of their own, in which this moment is not: they begin then, or a while from now."""
    when = f"now() + interval '{opens_in or '3 days'}'"
    desk.db.execute(
        "delete from public.working_hours where org_id = %s and user_id = %s", [desk.org_id, who.id]
    )
    desk.db.execute(
        f"""
        insert into public.working_hours (org_id, user_id, weekday, opens, closes)
        select %s, %s, extract(isodow from t), m, m + 1
          from (select ({when}) at time zone 'Asia/Kolkata' as t) x
         cross join lateral (select (extract(hour from t) * 60 + extract(minute from t))::int as m) y
        """,
        [desk.org_id, who.id],
    )


# By turns


def test_leads_go_to_members_of_a_group_in_turns(desk: Desk, team: list[Person]) -> None:
    made = group(desk, team)
    rule(desk, made)

    given = []
    for _ in range(6):
        lead = desk.lead()
        desk.assign()
        given.append(desk.owner_of(lead))

    order = [p.id for p in sorted(team, key=lambda p: p.id.bytes)]
    assert given == order + order
    assert desk.db.value("select turns from public.assignment_groups where id = %s", made) == 6


def test_who_gets_a_lead_is_told_and_the_timeline_says_by_which_rule(desk: Desk) -> None:
    (ravi,) = desk.hire("ravi")
    made = rule(desk, ravi)
    lead = desk.lead()

    desk.assign()

    assert [(n["kind"], n["lead_id"], n["actor"]) for n in desk.told(ravi)] == [("lead_assigned", lead, None)]
    assert desk.timeline(lead) == ["received", "assigned"]
    details = desk.db.value(
        "select details from public.lead_activities where lead_id = %s and kind = 'assigned'", lead
    )
    assert details == {"from": None, "to": str(ravi.id), "rule": made}
    assert desk.db.value("select version from public.leads where id = %s", lead) == 1


def test_many_at_once_are_shared_evenly_and_each_is_told_once(desk: Desk, team: list[Person]) -> None:
    rule(desk, group(desk, team))
    leads = desk.leads([{"external_id": str(n), "person": {"name": f"B{n}"}, "raw": {}} for n in range(90)])

    desk.assign()

    assert set(Counter(desk.owner_of(i) for i in leads).values()) == {30}
    assert [(n["many"], n["lead_id"]) for n in desk.told(team[0])] == [(30, None)]


def test_who_comes_back_is_next_once_and_is_not_flooded(desk: Desk, team: list[Person]) -> None:
    rule(desk, group(desk, team))
    away(desk, team[0])
    for _ in range(6):
        desk.lead()
    desk.assign()
    desk.db.execute("delete from public.absences where org_id = %s", [desk.org_id])

    later = [desk.lead() for _ in range(3)]
    desk.assign()

    assert Counter(desk.owner_of(i) for i in later) == {p.id: 1 for p in team}


def test_member_who_is_removed_leaves_the_group_and_their_leads(desk: Desk, team: list[Person]) -> None:
    rule(desk, group(desk, team[:2]))
    first = [desk.lead(), desk.lead()]
    desk.assign()
    desk.ask("remove_member", user_id=team[0].id)

    second = [desk.lead(), desk.lead()]
    desk.assign()

    assert {desk.owner_of(i) for i in second} == {team[1].id}
    assert {desk.owner_of(i) for i in first} == {team[1].id, None}
    assert [
        x["id"] for x in desk.ask("unassigned_leads", older_than_minutes=0)["leads"]
    ] == []  # younger than a moment
    desk.db.execute("update public.leads set received_at = received_at - interval '1 hour'")
    (left,) = desk.ask("unassigned_leads")["leads"]
    assert left["id"] in first


# By rules


@pytest.mark.parametrize(
    ("condition", "lead"),
    [
        pytest.param({"states": ["Tamil Nadu"]}, {"state": " tamil nadu"}, id="state"),
        pytest.param({"cities": ["Surat", "Pune"]}, {"city": "PUNE"}, id="city"),
        pytest.param({"products": ["pump"]}, {"product": "Submersible Pumps"}, id="product"),
        pytest.param({"products": ["pump"]}, {"title": "Requirement for pump set"}, id="title"),
        pytest.param({"source_kinds": ["manual"]}, {}, id="kind of source"),
    ],
)
def test_rule_takes_the_leads_that_fit_it_and_no_others(desk: Desk, condition: Json, lead: Json) -> None:
    ravi, meena = desk.hire("ravi", "meena")
    rule(desk, ravi, **condition)
    rule(desk, meena)
    other = {"state": "Kerala", "city": "Kochi", "product": "Valves"}
    fits = desk.lead(**lead)
    differs = desk.lead(**other)
    desk.db.execute("update public.leads set source_kind = 'form' where id = %s", [differs])

    desk.assign()

    assert (desk.owner_of(fits), desk.owner_of(differs)) == (ravi.id, meena.id)


def test_rule_by_source_tag_and_own_field(desk: Desk) -> None:
    ravi, meena, arjun = desk.hire("ravi", "meena", "arjun")
    source = desk.db.value(
        "insert into public.lead_sources (org_id, kind, name) values (%s, 'sheet', 'Fair') returning id",
        desk.org_id,
    )
    tag = desk.db.value("insert into public.tags (org_id, name) values (%s, 'VIP') returning id", desk.org_id)
    rule(desk, ravi, source_ids=[str(source)])
    rule(desk, meena, tag_ids=[str(tag)])
    rule(desk, arjun, custom={"size": "big"})
    leads = [desk.lead() for _ in range(4)]
    desk.db.execute("update public.leads set source_id = %s where id = %s", [source, leads[0]])
    desk.db.execute(
        "insert into public.lead_tags (org_id, lead_id, tag_id) values (%s, %s, %s)",
        [desk.org_id, leads[1], tag],
    )
    desk.db.execute('update public.leads set custom = \'{"size": "big", "a": 1}\' where id = %s', [leads[2]])

    desk.assign()

    assert [desk.owner_of(i) for i in leads] == [ravi.id, meena.id, arjun.id, None]


def test_first_rule_in_order_decides_and_order_can_change(desk: Desk) -> None:
    ravi, meena = desk.hire("ravi", "meena")
    one, two = rule(desk, ravi), rule(desk, meena)
    before = desk.lead()
    desk.assign()
    desk.ask("order_assignment_rules", rule_ids=[two, one])
    after = desk.lead()

    desk.assign()

    assert (desk.owner_of(before), desk.owner_of(after)) == (ravi.id, meena.id)
    assert desk.refused("order_assignment_rules", rule_ids=[one]).detail == "order_incomplete"


def test_rule_to_nobody_leaves_the_lead_and_asks_no_further(desk: Desk) -> None:
    (ravi,) = desk.hire("ravi")
    rule(desk, None, states=["Goa"])
    rule(desk, ravi)
    lead = desk.lead(state="Goa")

    assert desk.assign() == 0

    assert desk.owner_of(lead) is None
    assert desk.db.value("select count(*) from private.assignment_queue where org_id = %s", desk.org_id) == 0


def test_without_rules_nothing_waits(desk: Desk) -> None:
    desk.lead()

    assert desk.db.value("select count(*) from private.assignment_queue where org_id = %s", desk.org_id) == 0


def test_rule_whose_people_are_all_away_is_passed_over(desk: Desk, team: list[Person]) -> None:
    rule(desk, group(desk, team[:2]))
    rule(desk, team[2])
    away(desk, team[0])
    away(desk, team[1])
    lead = desk.lead()

    desk.assign()

    assert desk.owner_of(lead) == team[2].id


@pytest.mark.parametrize(
    ("policy", "first", "then"),
    [
        pytest.param("assign", "off", "off", id="assign anyway"),
        pytest.param("wait", None, "off", id="wait until somebody works"),
        pytest.param("skip", "next", "next", id="go on to the next rule"),
    ],
)
def test_outside_hours_does_what_was_chosen(desk: Desk, policy: str, first: str | None, then: str) -> None:
    off_duty, other = desk.hire("off", "next")
    off(desk, off_duty)
    rule(desk, group(desk, [off_duty], outside_hours=policy))
    rule(desk, other)
    lead = desk.lead()

    desk.assign()
    at_first = desk.owner_of(lead)
    desk.assign()  # not before it opens
    still = desk.owner_of(lead)
    off(desk, off_duty, "0")
    desk.db.execute("update private.assignment_queue set due_at = now() where org_id = %s", [desk.org_id])
    desk.assign()

    names = {off_duty.id: "off", other.id: "next", None: None}
    assert (names[at_first], names[still], names[desk.owner_of(lead)]) == (first, first, then)


def test_lead_that_waits_is_due_when_the_first_of_the_group_opens(desk: Desk, team: list[Person]) -> None:
    for who, opens in zip(team, ("2 days", "1 day", "3 days"), strict=True):
        off(desk, who, opens)
    rule(desk, group(desk, team, outside_hours="wait"))
    desk.lead()

    desk.assign()

    waits = desk.db.value(
        "select due_at - now() from private.assignment_queue where org_id = %s", desk.org_id
    )
    assert 86400 - 61 < waits.total_seconds() <= 86400


def test_change_of_hours_has_waiting_leads_looked_at_anew(desk: Desk, team: list[Person]) -> None:
    for who in team:
        off(desk, who)
    rule(desk, group(desk, team, outside_hours="wait"))
    lead = desk.lead()
    desk.assign()

    desk.ask("save_working_hours", hours={}, user_id=team[1].id)
    desk.assign()

    assert desk.owner_of(lead) == team[1].id


def test_group_skips_who_is_off_while_others_work(desk: Desk, team: list[Person]) -> None:
    off(desk, team[0])
    rule(desk, group(desk, team, outside_hours="wait"))
    leads = [desk.lead() for _ in range(4)]

    desk.assign()

    assert Counter(desk.owner_of(i) for i in leads) == {team[1].id: 2, team[2].id: 2}


def test_lead_that_somebody_took_or_closed_meanwhile_is_left_alone(desk: Desk) -> None:
    ravi, meena = desk.hire("ravi", "meena")
    rule(desk, ravi)
    taken, closed = desk.lead(), desk.lead()
    desk.ask("assign_lead", meena, lead_id=taken, owner_id=meena.id, version=1)
    lost = desk.db.value(
        "select id from public.pipeline_stages where org_id = %s and kind = 'lost'", desk.org_id
    )
    desk.ask("close_lead", meena, lead_id=closed, stage_id=lost, version=1)

    assert desk.assign() == 0

    assert (desk.owner_of(taken), desk.owner_of(closed)) == (meena.id, None)
    assert desk.told(meena) == []  # who takes a lead themselves need not be told
    assert desk.db.value("select count(*) from private.assignment_queue where org_id = %s", desk.org_id) == 0


def test_lead_given_by_hand_is_told_and_bulk_is_told_once(desk: Desk) -> None:
    (ravi,) = desk.hire("ravi")
    leads = [desk.lead() for _ in range(5)]
    desk.ask("assign_lead", lead_id=leads[0], owner_id=ravi.id, version=1)
    desk.ask("bulk_leads", action="assign", change={"owner_id": str(ravi.id)}, lead_ids=leads)

    told = desk.told(ravi, "lead_assigned")

    assert [(n["many"], n["lead_id"], n["actor"]) for n in told] == [
        (1, leads[0], str(desk.owner.id)), (4, None, str(desk.owner.id)),
    ]  # fmt: skip


def test_rules_look_again_at_leads_from_before_them(desk: Desk) -> None:
    ravi, meena = desk.hire("ravi", "meena")
    old, owned = desk.lead(), desk.lead()
    desk.ask("assign_lead", lead_id=owned, owner_id=meena.id, version=1)
    rule(desk, ravi)

    done = desk.ask("apply_assignment_rules", lead_ids=[old, owned, str(uuid4())])
    desk.assign()

    assert done == {"queued": 1}
    assert (desk.owner_of(old), desk.owner_of(owned)) == (ravi.id, meena.id)


def test_dry_run_tells_what_would_have_happened_and_changes_nothing(desk: Desk, team: list[Person]) -> None:
    leads = [
        desk.lead(f"B{n}", state="Goa" if n == 0 else "Kerala", received_at=f"2026-11-0{n + 1}T10:00:00Z")
        for n in range(4)
    ]
    made = rule(desk, None, states=["Goa"])
    rule(desk, group(desk, team[:2]))
    before = desk.db.rows(
        "select * from public.assignment_groups union all select * from public.assignment_groups"
    )

    told = desk.ask("assignment_dry_run")

    assert [x["lead_id"] for x in told["leads"]] == leads[::-1]
    assert [x["outcome"] for x in told["leads"]] == ["assigned", "assigned", "assigned", "nobody"]
    assert (told["leads"][3]["assignment_rule_id"], told["leads"][3]["rule"]) == (made, "Rule")
    first, second = sorted((str(p.id) for p in team[:2]), key=lambda i: UUID(i).bytes)
    assert [x["user_id"] for x in told["leads"][:3]] == [first, second, first]
    assert {desk.owner_of(i) for i in leads} == {None}
    assert before == desk.db.rows(
        "select * from public.assignment_groups union all select * from public.assignment_groups"
    )


def test_unassigned_list_names_open_leads_the_oldest_first_and_pages(desk: Desk) -> None:
    leads = [desk.lead(received_at=f"2026-11-0{n + 1}T10:00:00Z") for n in range(5)]
    desk.lead()  # has only just come
    desk.ask("assign_lead", lead_id=leads[1], owner_id=desk.owner.id, version=1)

    first = desk.ask("unassigned_leads", page_size=3)
    second = desk.ask("unassigned_leads", page_size=3, **first["next"])

    assert [x["id"] for x in first["leads"] + second["leads"]] == [leads[n] for n in (0, 2, 3, 4)]
    assert second["next"] is None


@pytest.mark.parametrize(
    ("change", "slug"),
    [
        pytest.param({"target": "everybody"}, "field_invalid", id="no such target"),
        pytest.param({"target": "member", "user_id": str(uuid4())}, "not_a_member", id="a stranger"),
        pytest.param({"target": "group", "group_id": str(uuid4())}, "group_not_found", id="no such group"),
        pytest.param({"source_kinds": ["fax"]}, "field_invalid", id="no such kind of source"),
        pytest.param({"source_ids": [str(uuid4())]}, "source_not_found", id="no such source"),
        pytest.param({"tag_ids": [str(uuid4())]}, "tag_not_found", id="no such tag"),
        pytest.param({"states": "Goa"}, "field_invalid", id="no list"),
        pytest.param({"outside_hours": "sleep"}, "outside_hours_unknown", id="no such choice"),
        pytest.param({"name": ""}, "name_invalid", id="no name"),
        pytest.param({"weather": "dry"}, "field_unknown", id="unknown condition"),
    ],
)
def test_rule_that_makes_no_sense_is_refused(desk: Desk, change: Json, slug: str) -> None:
    given = {"name": "Rule", "target": "nobody"} | change

    assert desk.refused("save_assignment_rule", rule=given).detail == slug


def test_group_that_a_rule_names_stays_until_the_rule_goes(desk: Desk, team: list[Person]) -> None:
    made = group(desk, team, name="Sales")
    named = rule(desk, made)

    assert desk.refused("delete_assignment_group", group_id=made).detail == "group_in_use"
    assert desk.refused("save_assignment_group", name="Sales", user_ids=[]).detail == "group_exists"
    desk.ask("delete_assignment_rule", assignment_rule_id=named)
    assert desk.ask("delete_assignment_group", group_id=made) == {"group_id": made}


# Conversations follow


def test_conversation_goes_to_who_has_the_lead_when_nobody_answers_it(
    business: Business, member: Callable[..., Person]
) -> None:
    db = business.db
    ravi, meena = member(business.org_id), member(business.org_id)
    desk = Desk(db, business.org_id, member(business.org_id, "owner"), member)
    leads = [desk.lead(f"B{n}", phone=f"+91981000001{n}") for n in range(3)]
    threads = [
        db.value(
            "select private.open_conversation(%s, %s, (select contact_id from public.leads where id = %s))",
            business.org_id, business.number_id, lead,
        )
        for lead in leads[:2]
    ]  # fmt: skip
    db.execute("update public.conversations set assignee_id = %s where id = %s", [meena.id, threads[1]])

    desk.ask("bulk_leads", action="assign", change={"owner_id": str(ravi.id)}, lead_ids=leads)
    threads.append(
        db.value(
            "select private.open_conversation(%s, %s, (select contact_id from public.leads where id = %s))",
            business.org_id, business.number_id, leads[2],
        )
    )  # fmt: skip

    found = [db.value("select assignee_id from public.conversations where id = %s", t) for t in threads]
    assert found == [ravi.id, meena.id, ravi.id]


# At once


@pytest.fixture
def crew(
    connect: Callable[[], Database], lasting: Callable[..., Business]
) -> Iterator[tuple[Business, list[UUID]]]:
    """A business that lasts, four people who take turns in it, and a rule that gives them every lead."""
    business, db = lasting(), connect()
    people = [uuid4() for _ in range(4)]
    for who in people:
        db.execute(
            "insert into auth.users (id, email, raw_user_meta_data) values (%s, %s, '{}')",
            [who, f"{who}@example.test"],
        )
        db.execute("insert into public.memberships values (%s, %s, 'agent')", [business.org_id, who])
    made = db.value(
        "insert into public.assignment_groups (org_id, name, outside_hours) values (%s, 'All', 'assign') returning id",
        business.org_id,
    )
    db.execute(
        "insert into public.assignment_members (org_id, group_id, user_id) select %s, %s, unnest(%s::uuid[])",
        [business.org_id, made, people],
    )
    db.execute(
        "insert into public.assignment_rules (org_id, position, name, target, group_id) values (%s, 1, 'All', 'group', %s)",
        [business.org_id, made],
    )
    yield business, people
    db.execute("delete from private.assignment_queue where org_id = %s", [business.org_id])


ADD = "select worker.add_lead(%s, jsonb_build_object('name', %s::text))"


def owners(db: Database, org_id: UUID) -> Counter[UUID | None]:
    return Counter(
        dict(db.rows("select owner_id, count(*) from public.leads where org_id = %s group by 1", org_id))
    )


def test_64_leads_at_once_give_each_of_four_sixteen(
    crew: tuple[Business, list[UUID]], connect: Callable[[], Database]
) -> None:
    business, people = crew
    begin, ended = threading.Barrier(10), threading.Event()

    def arrive(db: Database, turn: int) -> None:
        begin.wait()
        for n in range(8):
            db.execute(ADD, [business.org_id, f"Buyer {turn}.{n}"])

    def assign(db: Database) -> None:
        begin.wait()
        while not ended.is_set():
            db.execute("select private.assign_waiting()")

    with ThreadPoolExecutor(10) as pool:
        schedulers = [pool.submit(assign, connect()) for _ in range(2)]
        for coming in [pool.submit(arrive, connect(), n) for n in range(8)]:
            coming.result()
        ended.set()
        for one in schedulers:
            one.result()
    db = connect()
    db.execute("select private.assign_waiting()")

    assert owners(db, business.org_id) == dict.fromkeys(people, 16)
    told = db.rows(
        "select user_id, sum(many) from public.notifications where org_id = %s group by 1", business.org_id
    )
    assert dict(told) == dict.fromkeys(people, 16)


def test_long_import_holds_up_neither_other_leads_nor_their_assignment(
    crew: tuple[Business, list[UUID]], connect: Callable[[], Database]
) -> None:
    business, _ = crew
    long, short = connect(), connect()
    short.execute(ADD, [business.org_id, "The first of all"])
    with long.transaction():
        long.execute(ADD, [business.org_id, "In a long import"])
        short.execute("set lock_timeout = '500ms'")

        short.execute(ADD, [business.org_id, "Typed meanwhile"])
        short.execute("select private.assign_waiting()")

        assert sum(n for who, n in owners(short, business.org_id).items() if who) == 2
    short.execute("select private.assign_waiting()")
    assert sum(owners(short, business.org_id).values()) == 3
    assert None not in owners(short, business.org_id)


def test_lead_that_a_person_holds_is_assigned_later_and_the_persons_choice_stands(
    crew: tuple[Business, list[UUID]], connect: Callable[[], Database]
) -> None:
    business, people = crew
    db, scheduler = connect(), connect()
    lead = db.value(ADD, business.org_id, "Wanted")["lead_id"]
    with db.transaction():
        db.execute("update public.leads set owner_id = %s, version = 2 where id = %s", [people[3], lead])
        scheduler.execute("set lock_timeout = '500ms'")
        scheduler.execute("select private.assign_waiting()")
    scheduler.execute("select private.assign_waiting()")

    assert owners(db, business.org_id) == {people[3]: 1}
    assert db.value("select count(*) from private.assignment_queue where org_id = %s", business.org_id) == 0


def test_organization_that_fails_does_not_hold_up_its_neighbours(
    crew: tuple[Business, list[UUID]], connect: Callable[[], Database], desk: Desk
) -> None:
    business, _ = crew
    (ravi,) = desk.hire("ravi")
    rule(desk, ravi)
    connect().execute(ADD, [business.org_id, "First"])
    lead = desk.lead()
    # Whatever goes wrong for one: here its leads may not be given to anybody.
    desk.db.execute(
        f"alter table public.lead_activities add constraint zz check (org_id <> '{business.org_id}') not valid"
    )

    desk.assign()

    assert desk.owner_of(lead) == ravi.id
    assert desk.db.value(
        "select due_at > now() from private.assignment_queue where org_id = %s", business.org_id
    )
