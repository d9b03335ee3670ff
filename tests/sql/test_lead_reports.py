"""What became of leads, how they passed the stages, and whether their sources were worth it."""

from typing import Any
from uuid import uuid4

import pytest

from tests.sql.desk import Desk, Json

DAY = "2026-11-10"
NOON = f"{DAY}T12:00:00+05:30"


def stage(desk: Desk, name: str) -> str:
    return str(
        desk.db.value(
            "select id from public.pipeline_stages where org_id = %s and name = %s", desk.org_id, name
        )
    )


def move(desk: Desk, lead: str, name: str) -> None:
    version = desk.db.value("select version from public.leads where id = %s", lead)
    desk.ask("move_lead", lead_id=lead, stage_id=stage(desk, name), version=version)


def close(desk: Desk, lead: str, name: str, reason: str | None = None, **given: Any) -> None:
    version = desk.db.value("select version from public.leads where id = %s", lead)
    if reason:
        given["reason_id"] = desk.db.value(
            "select id from public.close_reasons where org_id = %s and name = %s", desk.org_id, reason
        )
    desk.ask("close_lead", lead_id=lead, stage_id=stage(desk, name), version=version, **given)


def report(desk: Desk, dimension: str = "source", **given: Any) -> Json:
    found: Json = desk.ask("lead_report", from_day=DAY, to_day=DAY, dimension=dimension, **given)
    return found


def test_report_counts_what_became_of_the_leads_of_a_day_in_india(desk: Desk) -> None:
    (ravi,) = desk.hire("ravi")
    leads = [desk.lead(f"B{n}", received_at=NOON) for n in range(5)]
    leads += [desk.lead(at, received_at=at) for at in (f"{DAY}T00:00:00+05:30", f"{DAY}T23:59:59+05:30")]
    for outside in ("2026-11-09T23:59:59+05:30", "2026-11-11T00:00:00+05:30"):
        desk.lead(outside, received_at=outside)
    close(desk, leads[0], "Won", "Price", value="1234.56")
    close(desk, leads[1], "Won", value="99.99", currency="USD")
    close(desk, leads[2], "Lost", "Price too high", value="500")
    close(desk, leads[3], "Lost", "Price too high")
    desk.ask("set_lead_value", lead_id=leads[4], version=1, value="70")
    desk.ask("assign_lead", lead_id=leads[0], owner_id=ravi.id, version=2)
    desk.db.execute(
        "insert into public.lead_clocks (org_id, lead_id, replied_at) values (%s, %s, now())",
        [desk.org_id, leads[0]],
    )

    by_source = report(desk)

    assert by_source["total"] == {
        "leads": 7, "contacted": 1, "won": 2, "lost": 2, "open": 3, "won_value_paise": 123456, "lost_value_paise": 50000, "open_value_paise": 7000,
    }  # fmt: skip
    assert (by_source["currency"], by_source["other_currencies"]) == ("INR", ["USD"])
    assert report(desk, currency="usd")["total"]["won_value_paise"] == 9999
    assert [(r["key"], r["leads"], r["won_value_paise"]) for r in report(desk, "person")["rows"]] == [
        (None, 6, 0),
        (str(ravi.id), 1, 123456),
    ]
    assert [(r["name"], r["leads"], r["lost_value_paise"]) for r in report(desk, "lost_reason")["rows"]] == [
        ("Price too high", 2, 50000)
    ]
    assert [(r["name"], r["leads"]) for r in report(desk, "won_reason")["rows"]] in (
        [("Price", 1), (None, 1)],
        [(None, 1), ("Price", 1)],
    )
    assert (
        desk.refused("lead_report", from_day=DAY, to_day=DAY, dimension="moon").detail == "dimension_unknown"
    )


def test_values_are_exact_where_floats_are_not(desk: Desk) -> None:
    for n in range(3):
        close(desk, desk.lead(f"B{n}", received_at=NOON), "Won", value="0.10")
    close(desk, desk.lead("big", received_at=NOON), "Won", value="999999999999.99")

    assert report(desk)["total"]["won_value_paise"] == 99999999999999 + 30


# The funnel


def funnel(desk: Desk) -> dict[str, Json]:
    found = desk.ask("stage_funnel", from_day=DAY, to_day=DAY)
    return {s["name"]: s for s in found["stages"]}


def row(desk: Desk, name: str) -> tuple[Any, ...]:
    found = funnel(desk)[name]
    return found["entered"], found["now_in"], found["went_on"], found["conversion_percent"]


def test_funnel_tells_who_entered_went_on_and_is_there(desk: Desk) -> None:
    leads = [desk.lead(f"B{n}", received_at=NOON) for n in range(6)]
    for lead in leads[:3]:
        move(desk, lead, "Contacted")
    move(desk, leads[0], "Qualified")
    close(desk, leads[0], "Won")
    close(desk, leads[1], "Lost")
    close(desk, leads[3], "Lost")
    desk.lead("another day", received_at="2026-11-12T12:00:00+05:30")

    assert row(desk, "New") == (6, 2, 3, "50.0")
    assert row(desk, "Contacted") == (3, 1, 1, "33.3")
    assert row(desk, "Qualified") == (1, 0, 1, "100.0")
    assert row(desk, "Proposal sent") == (0, 0, 0, None)
    assert row(desk, "Won") == (1, 1, None, None)
    assert row(desk, "Lost") == (2, 2, None, None)


def test_lead_that_goes_back_and_forth_entered_a_stage_once(desk: Desk) -> None:
    lead = desk.lead(received_at=NOON)
    for name in ("Contacted", "New", "Contacted", "Qualified", "Contacted"):
        move(desk, lead, name)

    assert row(desk, "Contacted") == (1, 1, 1, "100.0")
    assert row(desk, "New") == (1, 0, 1, "100.0")


def test_moves_of_many_and_their_undoing_are_in_the_funnel(desk: Desk) -> None:
    leads = [desk.lead(f"B{n}", received_at=NOON) for n in range(3)]
    moved = desk.ask(
        "bulk_leads", action="move", change={"stage_id": stage(desk, "Qualified")}, lead_ids=leads
    )
    before = row(desk, "Qualified")
    desk.ask("undo_bulk", undo_token=moved["undo_token"])
    move(desk, leads[0], "Contacted")

    assert before == (3, 3, 0, "0.0")
    assert row(desk, "New") == (3, 2, 3, "100.0")
    assert row(desk, "Contacted") == (1, 1, 1, "100.0")


def test_time_in_a_stage_is_the_median_of_stays_that_ended(desk: Desk) -> None:
    leads = [desk.lead(f"B{n}", received_at=NOON) for n in range(4)]
    for lead in leads[:3]:
        move(desk, lead, "Contacted")
    for lead, seconds in zip(leads, (60, 600, 6000), strict=False):
        desk.db.execute(
            "update public.lead_activities set at = at + make_interval(secs => %s) where lead_id = %s and kind = 'moved'",
            [seconds, lead],
        )

    assert (funnel(desk)["New"]["median_seconds"], funnel(desk)["Contacted"]["median_seconds"]) == (600, None)


def test_funnel_without_leads_has_its_stages_and_no_numbers(desk: Desk) -> None:
    assert [row(desk, name) for name in ("New", "Won")] == [(0, 0, 0, None), (0, 0, None, None)]
    assert (
        desk.refused("stage_funnel", from_day=DAY, to_day=DAY, pipeline_id=uuid4()).detail
        == "pipeline_not_found"
    )


# Costs


def source(desk: Desk) -> str:
    return str(desk.db.value("select private.own_source(%s, 'manual')", desk.org_id))


def returns(desk: Desk, first: str = "2026-11", last: str = "2026-11") -> Json:
    found: Json = desk.ask("source_returns", from_month=first, to_month=last)
    return found


def test_package_of_a_year_bears_on_each_month_alike(desk: Desk) -> None:
    desk.ask(
        "save_source_cost",
        source_id=source(desk),
        first_month="2026-10",
        amount="50000",
        months=12,
        kind="package",
    )

    parts = [
        returns(desk, *m)["total"]["own_cost_paise"]
        for m in (("2026-09",) * 2, ("2026-11",) * 2, ("2026-10", "2027-09"), ("2026-12", "2028-01"))
    ]

    assert parts == [0, 416667, 5000000, 4166667]


def test_cost_per_lead_per_won_and_return(desk: Desk) -> None:
    leads = [desk.lead(f"B{n}", received_at=NOON) for n in range(3)]
    close(desk, leads[0], "Won", value="2500")
    desk.ask(
        "save_source_cost",
        source_id=source(desk),
        first_month="2026-11",
        amount="1000",
        kind="advertising",
        note="Fair",
    )
    desk.ask("save_source_cost", source_id=source(desk), first_month="2026-11", amount="7", currency="USD")

    (found,) = returns(desk)["sources"]

    assert {k: found[k] for k in found if k not in ("source_id", "name", "message_cost_paise", "own_cost_paise")} == {
        "leads": 3, "won": 1, "won_value_paise": 250000, "cost_paise": 100000, "cost_per_lead_paise": 33333, "cost_per_won_paise": 100000,
        "gain_paise": 150000, "return_percent": "150.0",
    }  # fmt: skip


def test_what_messages_cost_counts_to_their_source(desk: Desk) -> None:
    desk.lead(received_at=NOON)
    number = desk.db.value(
        """
        with a as (insert into public.whatsapp_accounts (org_id, waba_id) values (%s, %s) returning org_id, id)
        insert into public.whatsapp_numbers (org_id, account_id, phone_number_id) select org_id, id, %s from a returning id
        """,
        desk.org_id, str(uuid4().int)[:15], str(uuid4().int)[:15],
    )  # fmt: skip
    for day, cost in (("2026-11-30", "0.863100"), ("2026-11-01", "0.863100"), ("2026-12-01", "9")):
        desk.db.execute(
            """
            insert into public.usage_days (org_id, month, day, currency, category, number_id, source_id, messages, charged, free, meta_cost, markup, billed)
            values (%s, left(%s, 7), %s, 'INR', 'marketing', %s, %s, 1, 1, 0, %s, 0.1, 0)
            """,
            [desk.org_id, day, day, number, source(desk), cost],
        )

    assert returns(desk)["total"]["message_cost_paise"] == 193  # 2 × 0.9631 in rupees, rounded once
    assert returns(desk)["total"]["cost_paise"] == 193


def test_without_leads_or_costs_nothing_is_divided(desk: Desk) -> None:
    empty = returns(desk)

    assert (empty["sources"], empty["total"]["cost_per_lead_paise"], empty["total"]["return_percent"]) == (
        [],
        None,
        None,
    )


@pytest.mark.parametrize(
    ("change", "slug"),
    [
        pytest.param({"amount": "0"}, "amount_invalid", id="nothing"),
        pytest.param({"amount": "-5"}, "value_invalid", id="less than nothing"),
        pytest.param({"months": 0}, "months_invalid", id="no month"),
        pytest.param({"months": 61}, "months_invalid", id="too many months"),
        pytest.param({"first_month": "2026-13"}, "month_invalid", id="no such month"),
        pytest.param({"currency": "rupees"}, "currency_invalid", id="no currency"),
        pytest.param({"kind": "bribe"}, "kind_unknown", id="no such kind"),
        pytest.param({"source_id": uuid4()}, "source_not_found", id="no such source"),
        pytest.param({"cost_id": uuid4()}, "cost_not_found", id="no such cost"),
    ],
)
def test_cost_that_makes_no_sense_is_refused(desk: Desk, change: Json, slug: str) -> None:
    given = {"source_id": source(desk), "first_month": "2026-11", "amount": "10"} | change

    assert desk.refused("save_source_cost", **given).detail == slug


def test_cost_can_be_changed_and_removed(desk: Desk) -> None:
    given = {"source_id": source(desk), "first_month": "2026-11"}
    made = desk.ask("save_source_cost", amount="10", **given)["cost_id"]
    desk.ask("save_source_cost", amount="20", cost_id=made, **given)
    changed = returns(desk)["total"]["own_cost_paise"]
    removed = desk.ask("delete_source_cost", cost_id=made)

    assert (changed, returns(desk)["total"]["own_cost_paise"]) == (2000, 0)
    assert desk.refused("delete_source_cost", cost_id=made).detail == "cost_not_found"
    assert desk.ask("save_source_cost", **removed | {"cost_id": None})["cost_id"] != made
    assert returns(desk)["total"]["own_cost_paise"] == 2000
