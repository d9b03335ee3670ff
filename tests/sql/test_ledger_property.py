"""Any order, repetition and loss of statuses gives the entries that the oracle works out from the rules alone."""

from __future__ import annotations

import json
import os
import random
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.business import Business, Json, call, fresh_org, post, webhook
from tests.database import Database
from tests.oracle import IST, ZERO, Entry, Line, Oracle, Plan, Statement, counts, statement
from tests.sql.ledger_scenarios import IMPORTED, MARKETS, Scenario, scenario_of

# FLOW_LEDGER_EXAMPLES=2000 searches wider than every run does, each time elsewhere. Nothing is shrunk: what
# fails names the seed of its scenario, and shows the statuses of the message that differs.
WIDER = os.environ.get("FLOW_LEDGER_EXAMPLES")
EXAMPLES = int(WIDER or 40)
SEARCH = settings(
    max_examples=EXAMPLES, deadline=None, derandomize=not WIDER, database=None, phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
SEEDS = st.integers(0, 2**62)

# One scenario, played ------------------------------------------------------------------------------------


class Tenant(Business):
    """A business whose account has a zone and a currency, and whose numbers in JSON are exact."""

    def __init__(self, db: Database, org_id: UUID, zone: str | None, currency: str) -> None:
        self.zone, self.currency = zone, currency
        super().__init__(db, org_id)

    def connect(self) -> Json:
        """Connect the account as it is."""
        answer: Json = call(
            self.db, "finish_connect", org_id=self.org_id,
            connection={
                "waba_id": self.waba, "token": "EAAtoken",
                "account": {"name": "Shop", "currency": self.currency, "time_zone": self.zone},
                "number": {"phone_number_id": self.phone_number_id, "display_phone": "+91 11400 00001",
                           "verified_name": "Shop", "messages_per_second": self.rate},
            },
        )  # fmt: skip
        self.account_id, self.number_id = answer["account_id"], answer["number_id"]
        return answer

    def told(self, *statuses: Json) -> Json:
        """Take statuses in one POST."""
        answer = post(self.db, exact(webhook(self.change({"statuses": list(statuses)}), waba=self.waba)))
        expected = sum(not counts(told) for told in statuses)
        assert answer["dead"] == expected, self.table("private.dead_letters")
        return answer

    def strayed(self, status: Json, chance: random.Random) -> None:
        """Take a status of a number that nobody knows, or of this number under another account (R5)."""
        unknown = {"metadata": {"phone_number_id": "770299999999999"}, "statuses": [status]}
        body = chance.choice([
            webhook({"field": "messages", "value": unknown}, waba=self.waba),
            webhook(self.change({"statuses": [status]}), waba="880199999999999"),
        ])  # fmt: skip
        assert post(self.db, exact(body))["dead"] == 1

    def echoed(self, wamid: str, chance: random.Random) -> None:
        """The phone app names a message that was sent from it (R6)."""
        said = {"from": "911140000001", "to": "919810009999", "id": wamid, "timestamp": "1790000000",
                "type": "text", "text": {"body": "from the phone"}}  # fmt: skip
        threads = {"metadata": {"phase": 1}, "threads": [{"id": said["to"], "messages": [said]}]}
        change = chance.choice([
            self.change({"message_echoes": [said]}, field="smb_message_echoes"),
            self.change({"history": [threads]}, field="history"),
        ])  # fmt: skip
        assert post(self.db, webhook(change, waba=self.waba))["dead"] == 0, self.table("private.dead_letters")

    def statement(self, month: str) -> Json:
        """The statement of a month, or its preview."""
        answer: Json = call(self.db, "statement", org_id=self.org_id, month=month)
        return answer


def exact(body: Json) -> bytes:
    """JSON in which a Decimal is a number, digit by digit."""
    text = json.dumps(body, default="\0{}\0".format)
    return re.sub(r'"\\u0000(.*?)\\u0000"', r"\1", text).encode()


@dataclass
class Play:
    """A scenario, played for a fresh organization: its oracle, the statuses that arrived, the months that closed."""

    db: Database
    scenario: Scenario
    strangers: list[str]
    arrived: list[Json] = field(default_factory=list)
    labels: dict[str, int] = field(default_factory=dict)
    closed: dict[str, Json] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Send what Flow sends; of the early ones Meta's answer is recorded at once."""
        self.tenant = Tenant(self.db, fresh_org(self.db), self.scenario.zone, self.scenario.currency)
        call(self.db, "set_billing_plan", org_id=self.tenant.org_id, plan=self.scenario.plan)
        by = {
            sender: [n for n, message in enumerate(self.scenario.messages) if message.sender == sender]
            for sender in ("early", "late", "phone")
        }
        self.late, flows = by["late"], [*by["early"], *by["late"]]
        numbers = [self.scenario.messages[n].to.format(f"{70000000 + n}") for n in flows]
        self.ids = dict(zip(flows, self.tenant.send(*numbers) if flows else [], strict=True))
        self.claim = self.tenant.claim()
        self.record(*by["early"])
        self.again = [self.ids[n] for n in by["early"]]
        self.oracle = Oracle(
            self.scenario.zone, self.scenario.currency, MARKETS, Plan(self.scenario.plan),
            rows={f"wamid.{self.ids[n]}": number for n, number in zip(flows, numbers, strict=True)},
            callbacks={f"flow.{self.ids[n]}": number for n, number in zip(flows, numbers, strict=True)},
            phone={f"wamid.x{n}" for n in by["phone"]},
        )  # fmt: skip

    def record(self, *flows: int) -> None:
        """Record Meta's answer to what Flow sent."""
        if flows:
            self.tenant.record(self.claim, only=[self.ids[n] for n in flows])

    def callback(self, n: int) -> str:
        """The callback id that a message's statuses carry, if they carry one."""
        if n in self.ids:
            return f"flow.{self.ids[n]}"
        if self.scenario.messages[n].sender == "again" and self.again:
            return f"flow.{self.again[n % len(self.again)]}"
        nobodys = [*self.strangers, "flow.999999999999999999", "flow.x", "7"]
        return nobodys[n % len(nobodys)]

    def events(self, chance: random.Random) -> list[tuple[str, Any]]:
        """All that happens, some of it more than once."""
        events: list[tuple[str, Any]] = [("record", n) for n in self.late]
        for n, message in enumerate(self.scenario.messages):
            wamid = f"wamid.{self.ids[n]}" if n in self.ids else f"wamid.x{n}"
            self.labels[wamid] = n
            events += [("echo", wamid)] if message.sender == "phone" else []
            for kind, statuses in (("status", message.statuses), ("stray", message.strays)):
                for status in statuses:
                    told = {"id": wamid, **status}
                    if told.get("biz_opaque_callback_data") == "own":
                        told["biz_opaque_callback_data"] = self.callback(n)
                    self.arrived += [told] if kind == "status" else []
                    events += [(kind, told)] * chance.choice([1, 1, 1, 2, 3])
        return events

    def go(self, order: int, closings: int = 0) -> Play:
        """Let everything happen in some order, in POSTs of some sizes; months close amid it."""
        chance = random.Random(order)  # noqa: S311
        events = [*self.events(chance), *[("close", None)] * closings]
        chance.shuffle(events)
        while events:
            size = chance.choice([1, 2, 5, 20, 100])
            batch, events = events[:size], events[size:]
            for kind, what in batch:
                if kind == "record":
                    self.record(what)
                elif kind == "echo":
                    self.tenant.echoed(what, chance)
                elif kind == "stray":
                    self.tenant.strayed(what, chance)
                elif kind == "close":
                    self.close_month()
            if statuses := [what for kind, what in batch if kind == "status"]:
                self.tenant.told(*statuses)
        return self

    def close_month(self) -> None:
        """Close the first open month that holds anything, if it has ended."""
        month = self.db.value(
            """
            select min(statement_month) from public.usage_ledger
             where org_id = %s and statement_month > %s and statement_month < to_char(now() at time zone 'Asia/Kolkata', 'YYYY-MM')
            """,
            self.tenant.org_id, max(self.closed, default=""),
        )  # fmt: skip
        if month:
            self.closed[month] = call(self.db, "close_month", org_id=self.tenant.org_id, month=month)


# What the ledger says ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """A row of the ledger, as far as the rules describe it."""

    id: int
    wamid: str
    entry: str
    amount: Decimal
    currency: str | None
    category: str | None
    pricing_type: str | None
    billable_at: datetime
    needs_review: bool
    review_reason: str | None
    reverses: int | None
    statement_month: str
    is_billed: bool


def ledger(tenant: Tenant) -> list[Row]:
    """The organization's ledger in the order in which it was written."""
    columns = ", ".join(Row.__annotations__)
    return [
        Row(*row)
        for row in tenant.db.rows(
            f"select {columns} from public.usage_ledger where org_id = %s order by id", tenant.org_id
        )
    ]


def live(rows: Iterable[Row]) -> dict[tuple[str, str], Row]:
    """The rows that stand, after proof that each wamid's rows go booking, reversal, booking, …"""
    standing: dict[tuple[str, str], Row] = {}
    for row in rows:
        key = row.wamid, row.entry
        if row.reverses is None:
            assert key not in standing, f"booked twice: {row}"
            standing[key] = row
        else:
            before = standing.pop(key, None)
            assert before is not None, f"takes back what does not stand: {row}"
            assert (row.reverses, row.amount, row.currency) == (before.id, -before.amount, before.currency)
    return standing


def told_by_ledger(rows: list[Row]) -> dict[str, Json]:
    """The final figures of each wamid that has an entry."""
    standing, sums = live(rows), defaultdict[tuple[str, str], Decimal](Decimal)
    for row in rows:
        sums[row.wamid, row.entry] += row.amount
    for key, amount in sums.items():
        assert amount == (standing[key].amount if key in standing else 0), key
    found: dict[str, Json] = {}
    for (wamid, entry), row in standing.items():
        if entry == "meta_cost":
            markup = standing.get((wamid, "markup"))
            rows_of_it = [row, markup] if markup else [row]
            found[wamid] = {
                "amount": row.amount, "currency": row.currency if row.amount else None, "category": row.category,
                "pricing_type": row.pricing_type, "billable_at": row.billable_at, "review_reason": row.review_reason,
                "needs_review": row.needs_review, "markup": markup.amount if markup else None,
                "months": {r.statement_month for r in rows_of_it}, "moments": {r.billable_at for r in rows_of_it},
                "currencies": {r.currency for r in rows_of_it if r.amount},
                "billed": sum((r.amount for r in rows_of_it if r.is_billed), ZERO),
            }  # fmt: skip
    assert {wamid for wamid, _ in standing} == set(found), "a markup without Meta's cost"
    return found


def told_by_oracle(entries: dict[str, Entry]) -> dict[str, Json]:
    """The oracle's entries in the shape of `told_by_ledger`."""
    return {
        wamid: {
            "amount": e.amount, "currency": e.currency if e.amount else None, "category": e.category,
            "pricing_type": e.pricing_type, "billable_at": e.billable_at, "review_reason": e.review_reason,
            "needs_review": e.needs_review, "markup": e.markup, "months": {e.statement_month}, "moments": {e.billable_at},
            "currencies": {e.currency} if e.amount else set(), "billed": e.billed,
        }
        for wamid, e in entries.items()
    }  # fmt: skip


def assert_same(made: Play, found: dict[str, Json], expected: dict[str, Json]) -> None:
    """Compare, and show the statuses of the first message that differs."""
    for wamid in sorted({*found, *expected}):
        told = [s for s in made.arrived if s["id"] == wamid]
        assert found.get(wamid) == expected.get(wamid), f"{wamid} of {told}"


def of_currency(told: Json, currency: str) -> Json | None:
    """The part of a statement that is in a currency."""
    return next((one for one in [told, *told["others"]] if one["currency"] == currency), None)


def assert_statements(made: Play, entries: dict[str, Entry]) -> None:
    """Compare the previews of some months with the oracle's."""
    for month in sorted({e.statement_month for e in entries.values()})[:3]:
        told = of_currency(made.tenant.statement(month), made.tenant.currency)
        assert told, month
        expected = statement(entries.values(), month, made.oracle.plan)
        lines = {
            line["category"]: {"messages": line["messages"], **{k: Decimal(line[k] or 0) for k in ("meta_cost", "markup", "billed")}}
            for line in told["lines"]
        }  # fmt: skip
        assert lines == {name: asdict(line) for name, line in expected.lines.items()}, month
        names = [name for name in Statement.__annotations__ if name != "lines"]
        assert {n: Decimal(told[n]) for n in names} == {n: getattr(expected, n) for n in names}, month


# The oracle itself, by hand ------------------------------------------------------------------------------

PLAN = {
    "meta_billing": "flow", "supply": "intra", "gst_percent": "18",
    "markup": [
        {"from": "2026-04-01", "percent": "10", "per_message": "0.01", "minimum": "0.05"},
        {"from": "2026-10-01", "minimum": "0.05", "categories": {"marketing": {"percent": "12.5"}}},
    ],
}  # fmt: skip
REGULAR = {"pricing_model": "PMP", "type": "regular"}
UTILITY = {"pricing": REGULAR | {"category": "utility"}}
LITE = {"pricing": REGULAR | {"category": "marketing_lite"}}
SERVICE = {"pricing": REGULAR | {"category": "service"}}
CBP = {"pricing": {"pricing_model": "CBP", "category": "utility"}}


def costing(amount: object, currency: str = "INR", **more: str) -> Json:
    """A price that names its cost."""
    return {"pricing": {"type": "regular", "cost": {"amount": amount, "currency": currency}, **more}}


def said(word: str, at: str, more: Json | None = None) -> Json:
    """A status at a moment of India."""
    seconds = int(datetime.fromisoformat(at).replace(tzinfo=IST).timestamp())
    return {
        "id": "w",
        "status": word,
        "timestamp": str(seconds),
        "recipient_id": "919810000011",
        **(more or {}),
    }


JUNE, OCTOBER = "2026-06-15T12:00", "2026-10-15T12:00"
BY_HAND = [
    pytest.param([said("sent", JUNE, UTILITY), said("failed", JUNE)], None, id="R2 not delivered"),
    pytest.param([said("failed", JUNE), said("read", JUNE, UTILITY)], ("0.115", "0.05", None), id="R2 delivered after failed"),
    pytest.param([said("played", JUNE, {"pricing": {"type": "free_new"}})], ("0", None, None), id="R3 free"),
    pytest.param([said("read", "2026-04-01T00:00", LITE), said("delivered", "2026-03-31T23:59:59")], ("0.8631", None, None), id="R7 R22 before the plan"),
    pytest.param([said("read", "2026-04-01T00:00", LITE)], ("0.8631", "0.09631", None), id="R22 R23 first day of the plan"),
    pytest.param([said("read", OCTOBER, LITE)], ("0.8631", "0.107888", None), id="R20 R23 lite follows marketing, 0.1078875 is rounded up"),
    pytest.param([said("read", "2025-12-31T23:59:59", LITE)], ("0.7846", None, None), id="R8 last second of a rate"),
    pytest.param([said("read", "2026-09-30T23:59:59", SERVICE)], ("0", None, None), id="R19 R21 a rate of 0 has no markup"),
    pytest.param([said("read", "2026-10-01T00:00", SERVICE)], ("0.115", "0.05", None), id="R8 service from October"),
    pytest.param([said("sent", JUNE, LITE), said("read", JUNE, UTILITY)], ("0.115", "0.05", None), id="R11 delivered above sent"),
    pytest.param([said("delivered", JUNE, UTILITY), said("read", JUNE, LITE)], ("0", None, "conflicting_pricing"), id="R12"),
    pytest.param([said("delivered", JUNE, costing("0.50")), said("read", JUNE, costing(Decimal("0.5")))], ("0.5", "0.06", None), id="R13 equal costs"),
    pytest.param([said("delivered", JUNE)], ("0", None, "missing_pricing"), id="R14"),
    pytest.param([said("delivered", "2025-06-30T23:59:59", CBP)], ("0", None, None), id="R15 CBP"),
    pytest.param([said("delivered", "2025-07-01T00:00", CBP)], ("0", None, "cbp_after_end"), id="R15 too late"),
    pytest.param([said("delivered", JUNE, UTILITY), said("sent", JUNE, {"recipient_type": "group"})], ("0", None, "group_message"), id="R16"),
    pytest.param([said("delivered", JUNE, costing("1.0000005", category="news"))], ("1.000001", "0.11", None), id="R17 R20"),
    pytest.param([said("delivered", JUNE, costing("NaN"))], ("0", None, "bad_cost"), id="R17 no number"),
    pytest.param([said("delivered", JUNE, costing("999999.9999995"))], ("0", None, "bad_cost"), id="R17 too much"),
    pytest.param([said("delivered", JUNE, costing("1", "USD"))], ("0", None, "cost_currency"), id="R17 currency"),
    pytest.param([said("delivered", JUNE, UTILITY | {"recipient_id": "+971501234567"})], ("1.3", "0.14", None), id="R18 calling code"),
    pytest.param([said("delivered", JUNE, UTILITY | {"recipient_id": "", "recipient_user_id": "IN.1"})], ("0.115", "0.05", None), id="R18 user id"),
    pytest.param([said("delivered", JUNE, UTILITY), said("sent", JUNE, {"recipient_id": "4915112345678"})], ("0", None, "recipient_conflict"), id="R18 two"),
    pytest.param([said("delivered", JUNE, {"pricing": REGULAR | {"category": "general_purpose_ai"}})], ("0", None, "no_rate"), id="R19"),
    pytest.param([said("delivered", JUNE, UTILITY | {"timestamp": "1" * 13})], None, id="R9"),
]  # fmt: skip


@pytest.mark.parametrize(("statuses", "expected"), BY_HAND)
def test_oracle_says_what_was_worked_out_by_hand(
    statuses: list[Json], expected: tuple[str, str | None, str | None] | None
) -> None:
    oracle = Oracle("Asia/Kolkata", "INR", MARKETS, Plan(PLAN), rows={"w": None})
    entry = oracle.entry("w", statuses)

    assert (entry and (entry.amount, entry.markup, entry.review_reason)) == (
        expected and (Decimal(expected[0]), expected[1] and Decimal(expected[1]), expected[2])
    )


def test_oracle_cuts_rates_in_the_zone_of_the_account_with_its_summer_time() -> None:
    before, after = (
        said("read", at, LITE) for at in ("2026-04-01T09:29:59", "2026-04-01T09:30")
    )  # 04:00 UTC
    oracle = Oracle("America/New_York", "INR", MARKETS, Plan(PLAN))
    told = [oracle.entry("w", [one | {"recipient_id": "971501234567"}]) for one in (before, after)]

    assert [entry and entry.amount for entry in told] == [Decimal("3.141593"), Decimal("3.25")]


def test_oracle_adds_a_month_up_as_was_worked_out_by_hand() -> None:
    oracle = Oracle("Asia/Kolkata", "INR", MARKETS, Plan(PLAN), rows={"w": None})
    told = [LITE, LITE, UTILITY, CBP, costing("0.004"), {"pricing": {"type": "free_entry_point"}}]
    entries = [entry for one in told if (entry := oracle.entry("w", [said("read", JUNE, one)]))]
    made = statement([*entries, *entries[:1]], "2026-06", oracle.plan)

    # 3 × (0.8631 + 0.09631) + (0.115 + 0.05) + (0.004 + 0.05) = 3.09723; half of 18 % of 3.10 is 0.279
    assert made.lines["marketing_lite"] == Line(3, Decimal("2.5893"), Decimal("0.28893"), Decimal("2.87823"))
    assert made.lines["needs_review"] == Line(1, ZERO, ZERO, ZERO)
    assert made.lines["unknown"] == Line(2, Decimal("0.004"), Decimal("0.05"), Decimal("0.054"))
    assert (made.billed, made.round_off) == (Decimal("3.09723"), Decimal("0.00277"))
    assert (made.taxable, made.cgst, made.sgst, made.igst, made.total) == tuple(
        Decimal(amount) for amount in ("3.10", "0.28", "0.28", "0", "3.66")
    )


# Properties ----------------------------------------------------------------------------------------------


@pytest.fixture
def strangers(db: Database) -> list[str]:
    """The cards of more markets; and callback ids of another organization's messages."""
    for one in IMPORTED:
        call(db, "import_rates", card=one)
    return [f"flow.{Business(db, fresh_org(db)).sent()}"]


@SEARCH
@given(seed=SEEDS)
def test_any_order_repetition_and_loss_of_statuses_adds_up_to_what_the_rules_say(
    db: Database, strangers: list[str], seed: int
) -> None:
    with db.transaction(force_rollback=True):
        made = Play(db, scenario_of(seed), strangers).go(order=seed)
        entries = made.oracle.entries(made.arrived)

        assert_same(made, told_by_ledger(ledger(made.tenant)), told_by_oracle(entries))
        assert_statements(made, entries)


@settings(SEARCH, max_examples=EXAMPLES // 8)
@given(seed=SEEDS)
def test_two_orders_of_the_same_statuses_end_in_the_same_entries_and_a_repeat_adds_no_row(
    db: Database, strangers: list[str], seed: int
) -> None:
    outcomes = []
    for order in (1, 2):
        with db.transaction(force_rollback=True):
            made = Play(db, scenario_of(seed), strangers).go(order)
            rows = ledger(made.tenant)
            outcomes.append({made.labels[wamid]: told for wamid, told in told_by_ledger(rows).items()})
            if made.arrived:
                made.tenant.told(*made.arrived)
            assert ledger(made.tenant) == rows

    assert outcomes[0] == outcomes[1]


@settings(SEARCH, max_examples=EXAMPLES // 4)
@given(seed=SEEDS)
def test_months_that_closed_never_change_and_what_came_late_still_adds_up(
    db: Database, strangers: list[str], seed: int
) -> None:
    with db.transaction(force_rollback=True):
        made = Play(db, scenario_of(seed), strangers).go(order=seed, closings=20)
        rows = ledger(made.tenant)
        expected = told_by_oracle(made.oracle.entries(made.arrived))
        statements = {month: made.tenant.statement(month) for month in {row.statement_month for row in rows}}

        when = dict.fromkeys(["billable_at", "moments", "months"])  # a moment alone books nothing (R28)
        found = {wamid: told | when for wamid, told in told_by_ledger(rows).items()}
        assert_same(made, found, {wamid: told | when for wamid, told in expected.items()})
        assert {month: statements[month] for month in made.closed} == made.closed
        for name, sums in {"meta_cost": "amount", "markup": "markup", "billed": "billed"}.items():
            parts = [of_currency(one, made.scenario.currency) for one in statements.values()]
            whole = sum((told[sums] or ZERO for told in expected.values()), ZERO)
            assert sum((Decimal(part[name]) for part in parts if part), ZERO) == whole, name
