"""A year of pulls and pushes with everything that goes wrong: no lead missing, none doubled, every gap named."""

import os
from datetime import UTC, datetime
from hashlib import sha256

import pytest

from tests.cluster import Cluster
from tests.sql.indiamart_model import DAY, YEAR, joined
from tests.sql.indiamart_world import HOUR, LATEST, MINUTE, World, simulated_world
from tests.sql.virtual_clock import virtual_database

START = datetime(2025, 11, 20, 9, 30, tzinfo=UTC)
IS_FULL = os.environ.get("FLOW_SIMULATED_YEAR") == "full"
WAKES_A_DAY, LEADS_A_DAY = (240.0, 12.0) if IS_FULL else (1.4, 0.6)
CALM = 9 * DAY
FULL_SECONDS = 7200
HAPPENS = {"complete", "supplier_error", "no_answer", "quota", "key_blocked", "incomplete", "key_replaced"}


@pytest.fixture(scope="module")
def dsn(cluster: Cluster) -> str:
    """A database with a clock of its own."""
    return virtual_database(cluster, "simulated")


@pytest.mark.timeout(FULL_SECONDS)
def test_year_of_faults_loses_no_lead_doubles_none_and_names_every_gap(dsn: str) -> None:
    seed = int(os.environ.get("FLOW_SIMULATED_SEED", "0")) or int.from_bytes(os.urandom(3))
    print(f"FLOW_SIMULATED_SEED={seed}")  # shown when it fails

    with simulated_world(dsn, seed, START, leads_a_day=LEADS_A_DAY) as world:
        start = world.now
        plan_year(world, start)
        for n in range(1, 13):
            world.run_until(start + n * (365 * DAY // 12))
            assert_coverage_is_what_was_answered(world)
        calm_down(world)
        assert_coverage_is_what_was_answered(world)
        assert_leads_are_complete(world)
        assert_numbers_add_up(world)

        assert world.database.deaths >= 5
        assert HAPPENS - world.reasons.keys() == set(), "did not happen"


def plan_year(world: World, start: int) -> None:
    """A year of history before the first call, a year of buyers after it; wakes, and long troubles in between."""
    r = world.random
    world.generate_key()
    for n in range(int(730 * world.leads_a_day)):
        when = start - 365 * DAY + int((n + r.random()) * DAY / world.leads_a_day)
        world.enquire(when, by_push=when > start)
    world.run_until(start)
    world.enter_key(make=False)
    world.database.rpc(
        "rotate_push_token", org_id=str(world.org_id), token_sha256=sha256(world.token.encode()).hexdigest()
    )
    world.supplier.fault_rate = 0.12
    when = float(start)
    while when < start + 365 * DAY:
        busy = when < start + 17 * HOUR or start + DAY < when < start + DAY + 17 * HOUR
        when += r.uniform(6.1, 8) * MINUTE if busy else r.expovariate(WAKES_A_DAY / DAY) + MINUTE
        world.at(when, world.wake)
    for month, days in ((2, 4), (5, 12), (9, 0.3)):
        trouble = start + month * 30 * DAY + r.randint(0, 9 * DAY)
        world.at(trouble, lambda: world.go_out(out=True))
        world.at(trouble + days * DAY, lambda: world.go_out(out=False))
    for month, days in ((3, 3), (7, 10)):
        trouble = start + month * 30 * DAY + r.randint(0, 9 * DAY)
        world.at(trouble, lambda: world.go_down(down=True))
        world.at(trouble + days * DAY, lambda: world.go_down(down=False))
    world.at(
        start + 120 * DAY + r.randint(0, 9 * DAY), world.generate_key
    )  # somebody else's doing: ours is dead


def calm_down(world: World) -> None:
    """Days without faults, in which everything must come right that can."""
    world.is_calm, world.supplier.is_out, world.supplier.fault_rate, end = True, False, 0.0, world.now + CALM
    for when in range(world.now, end, 2 * HOUR):
        world.at(when, world.wake)
    world.run_until(end)


def assert_coverage_is_what_was_answered(world: World) -> None:
    """Coverage, gaps, their states and reasons are those of the model."""
    model, now = world.model, world.now
    model.reap(now, 10**9)
    covered = world.database.ask(
        """
        select extract(epoch from lower(u))::bigint, extract(epoch from upper(u))::bigint
          from private.source_coverage c, unnest(c.covered) u where c.org_id = %s order by 1
        """,
        world.org_id,
    )
    assert covered == model.covered

    gaps = world.database.ask(
        """
        select extract(epoch from g.gap_from)::bigint, extract(epoch from g.gap_to)::bigint, g.state, g.reason
          from public.lead_sources s, private.coverage_gaps(s) g where s.org_id = %s and s.kind = 'indiamart'
        """,
        world.org_id,
    )
    told = [(a, b) for a, b, _, reason in gaps if reason != "held_back"]
    assert joined(told) == model.open(now)
    assert joined([(a, b) for a, b, _, reason in gaps if reason == "held_back"]) == model.again
    for begin, end, state, reason in gaps:
        assert (state == "lost") == (end <= now - YEAR)
        if reason != "held_back":
            assert reason == model.reason((begin, end))
    ((proof,),) = world.database.ask(
        "select private.coverage_proof(s) from public.lead_sources s where s.org_id = %s and s.kind = 'indiamart'",
        world.org_id,
    )
    assert proof["agrees"], proof


def assert_leads_are_complete(world: World) -> None:
    """Every lead that the supplier would have told is stored once, in the words it first came in; no other is."""
    model = world.model
    assert model.wanted_from
    open_now = [*model.open(world.now), *model.again]
    assert all(end <= world.now - YEAR or begin >= world.now - 3 * HOUR for begin, end in open_now), (
        "still to be fetched after days of calm"
    )
    due = {
        lead
        for lead, (at, listed) in world.buyers.items()
        if model.wanted_from <= at < world.now - CALM
        and listed <= world.now - 2 * DAY
        and not any(begin <= at < end for begin, end in open_now)
    }
    assert len(due) > 500 * world.leads_a_day
    assert max(listed - at for at, listed in world.buyers.values()) <= LATEST
    stored = world.database.ask(
        "select external_id, raw ->> 'SUBJECT' from public.leads where org_id = %s and source_kind = 'indiamart'",
        world.org_id,
    )
    assert len(stored) == len(dict(stored)), "doubled"
    assert due - dict(stored).keys() == set(), "missing"
    assert dict(stored) == model.first

    ((people, phones),) = world.database.ask(
        "select count(*), count(distinct phone) from public.contacts where org_id = %s", world.org_id
    )
    assert people == phones


def assert_numbers_add_up(world: World) -> None:
    """By which way each lead came, and the sums by day."""
    model = world.model
    arrived = world.database.ask(
        """
        select l.external_id, extract(epoch from a.pulled_at)::bigint, extract(epoch from a.pushed_at)::bigint
          from private.lead_arrivals a join public.leads l using (org_id, source_id) where a.org_id = %s and l.id = a.lead_id
        """,
        world.org_id,
    )
    assert {(lead, model.pulled.get(lead), model.pushed.get(lead)) for lead in model.first} == set(arrived)
    days = world.database.ask(
        """
        select private.coverage_slots(s, array(select tstzrange(d, d + interval '1 day')
                 from generate_series(%s::timestamptz, %s::timestamptz, interval '1 day') d))
          from public.lead_sources s where s.org_id = %s and s.kind = 'indiamart'
        """,
        datetime.fromtimestamp(world.now - 60 * DAY, UTC), datetime.fromtimestamp(world.now, UTC), world.org_id,
    )[0][0]  # fmt: skip
    recent = {lead for lead in model.first if world.buyers[lead][0] >= world.now - 60 * DAY}
    assert sum(day["leads"]["all"] for day in days) == len(recent)
    assert sum(day["leads"]["pull_only"] for day in days) == len(recent - model.pushed.keys())
    assert sum(day["leads"]["push_first"] for day in days) == sum(
        model.pushed[lead] <= model.pulled[lead]
        for lead in recent & model.pushed.keys() & model.pulled.keys()
    )
