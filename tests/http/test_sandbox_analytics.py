"""The sandbox's Meta tells what it delivered and charged, and differs from it when told to."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from tests.http.running_sandbox import (
    CUSTOMER,
    PHONE,
    WABA,
    RunningSandbox,
    running_sandbox,
)
from workers.sandbox.client import SandboxRefusedError

INDIA = ZoneInfo("Asia/Kolkata")
DAY_MS = 86_400_000
DIMENSIONS = ["PRICING_CATEGORY", "PRICING_TYPE", "COUNTRY", "PHONE"]
RECEIPT = {"name": "receipt", "language": "en", "category": "UTILITY", "body": "Paid."}
OFFER = {"name": "offer", "language": "en", "category": "MARKETING", "body": "Sale."}
CODE = {"name": "code", "language": "en", "category": "AUTHENTICATION", "body": "Your code."}


@pytest.fixture(scope="module")
def one_sandbox() -> Iterator[RunningSandbox]:
    with running_sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(one_sandbox: RunningSandbox) -> RunningSandbox:
    """A sandbox with one account; everything is delivered yesterday."""
    one_sandbox.control.reset()
    one_sandbox.settle()
    one_sandbox.seed()
    one_sandbox.control.put_account({"waba_id": WABA, "templates": [RECEIPT, OFFER, CODE]})
    yesterday(one_sandbox)
    return one_sandbox


def yesterday(sandbox: RunningSandbox, days: int = 1) -> None:
    """Let statuses have happened so many days ago."""
    ago = -days * DAY_MS
    sandbox.control.behave(sent_ms=ago, delivered_ms=ago + 1, read_ms=ago + 2)


def today() -> date:
    return datetime.now(INDIA).date()


def begins(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=INDIA).timestamp())


def send(sandbox: RunningSandbox, name: str, to: str = CUSTOMER) -> None:
    template = {"name": name, "language": {"code": "en"}}
    answer = sandbox.send(to=to, type="template", template=template)
    assert answer.status_code == httpx.codes.OK


def field(start: int, end: int, dimensions: list[str] | None = None, more: str = "") -> str:
    metrics, names = (
        json.dumps(["COST", "VOLUME"]),
        json.dumps(DIMENSIONS if dimensions is None else dimensions),
    )
    return (
        f"pricing_analytics.start({start}).end({end}).granularity(DAILY)"
        f".metric_types({metrics}).dimensions({names}){more}"
    )


def ask(sandbox: RunningSandbox, **more: Any) -> list[dict[str, Any]]:
    """The points of the last week, costs as decimals."""
    start, end = begins(today() - timedelta(days=7)), begins(today() + timedelta(days=1))
    answer = sandbox.graph("GET", WABA, params={"fields": field(start, end, **more)})
    assert answer.status_code == httpx.codes.OK, answer.text
    whole = json.loads(answer.text, parse_float=Decimal)
    assert whole["id"] == WABA
    (block,) = whole["pricing_analytics"]["data"]
    points: list[dict[str, Any]] = block["data_points"]
    return points


PRICES = [
    pytest.param("offer", "MARKETING", "0.8631", id="marketing"),
    pytest.param("receipt", "UTILITY", "0.115", id="utility"),
    pytest.param("code", "AUTHENTICATION", "0.115", id="authentication"),
]


@pytest.mark.parametrize(("template", "category", "rate"), PRICES)
def test_delivered_messages_are_charged_by_the_card(sandbox, template, category, rate):
    for _ in range(3):
        send(sandbox, template)

    day = today() - timedelta(days=1)
    assert ask(sandbox) == [
        {
            "start": begins(day),
            "end": begins(day + timedelta(days=1)),
            "pricing_category": category,
            "pricing_type": "REGULAR",
            "country": "IN",
            "phone_number": "911140000001",
            "cost": 3 * Decimal(rate),
            "volume": 3,
        }
    ]


def test_service_is_free_up_to_a_thousand_and_charged_after(sandbox):
    state = sandbox.app.extensions["sandbox"].meta
    sandbox.control.inbound(PHONE, CUSTOMER, text="Hi")
    sandbox.send(type="text", text={"body": "Hello"})
    (month,) = state.service_counts
    state.service_counts[month] = 1000
    sandbox.send(type="text", text={"body": "Hello again"})

    found = {(p["pricing_type"], p["pricing_category"]): p["cost"] for p in ask(sandbox)}

    assert found == {("FREE_CUSTOMER_SERVICE", "SERVICE"): 0, ("REGULAR", "SERVICE"): Decimal("0.115")}


def test_message_that_failed_or_is_on_its_way_is_not_counted(sandbox):
    sandbox.control.behave(failed_code=131026)
    send(sandbox, "offer")
    sandbox.control.behave(failed_code=None, delivered_ms=None, read_ms=None)
    send(sandbox, "offer")
    sandbox.control.behave(delivered_ms=DAY_MS)
    send(sandbox, "offer")

    assert ask(sandbox) == []


def test_day_is_that_of_the_accounts_zone(sandbox):
    """At the first second of a day in India it is still the day before in London."""
    moment = begins(today() - timedelta(days=1))
    ago = int((moment - time.time()) * 1000) + 1000
    sandbox.control.behave(sent_ms=ago, delivered_ms=ago, read_ms=ago)
    send(sandbox, "offer")

    (india,) = ask(sandbox)
    sandbox.control.change(WABA, timezone_id="58")
    (london,) = ask(sandbox)

    assert india["start"] == moment
    zone = ZoneInfo("Europe/London")
    day = datetime.fromtimestamp(moment, UTC).astimezone(zone).date()
    assert london["start"] == int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())
    assert london["start"] < moment


def test_country_is_that_of_the_recipient(sandbox):
    send(sandbox, "offer")
    send(sandbox, "offer", to="447700900123")
    send(sandbox, "offer", to="14155550123")

    assert [p["country"] for p in ask(sandbox, dimensions=["COUNTRY"])] == ["GB", "IN", "US"]


def test_without_dimensions_a_day_is_one_point(sandbox):
    send(sandbox, "offer")
    send(sandbox, "receipt")
    yesterday(sandbox, 2)
    send(sandbox, "receipt")

    found = ask(sandbox, dimensions=[])

    assert [(p["volume"], p["cost"]) for p in found] == [(1, Decimal("0.115")), (2, Decimal("0.9781"))]
    assert set(found[0]) == {"start", "end", "volume", "cost"}


def test_other_fields_are_told_in_the_same_call(sandbox):
    start = begins(today())
    fields = f"name,{field(start, start + 1)},currency"

    answer = sandbox.graph("GET", WABA, params={"fields": fields}).json()

    assert answer == {
        "name": "Sandbox Store",
        "pricing_analytics": {"data": [{"data_points": []}]},
        "currency": "INR",
        "id": WABA,
    }


def test_cost_is_a_json_number_with_all_its_digits(sandbox):
    sandbox.control.change_analytics(WABA, add_volume=1, add_cost="123456789.000001")

    start, end = begins(today() - timedelta(days=1)), begins(today())
    answer = sandbox.graph("GET", WABA, params={"fields": field(start, end)})

    assert '"cost": 123456789.000001' in answer.text


# Differing on demand


def test_figures_of_yesterday_differ_when_told_to(sandbox):
    send(sandbox, "offer")

    changed = sandbox.control.change_analytics(WABA, add_volume=1, add_cost="0.8632")

    assert changed["day"] == str(today() - timedelta(days=1))
    (point,) = ask(sandbox)
    assert (point["volume"], point["cost"]) == (2, Decimal("1.7263"))


def test_figures_of_any_day_category_and_country_can_differ(sandbox):
    day = today() - timedelta(days=3)
    sandbox.control.change_analytics(
        WABA, day=str(day), category="utility", country="US", add_volume=4, add_cost="0.5"
    )

    (point,) = ask(sandbox)

    assert point["start"] == begins(day)
    assert (point["pricing_category"], point["country"]) == ("UTILITY", "US")
    assert (point["volume"], point["cost"]) == (4, Decimal("0.5"))


def test_message_can_be_missing_at_meta(sandbox):
    send(sandbox, "offer")
    sandbox.control.change_analytics(WABA, add_volume=-1, add_cost="-0.8631")

    assert ask(sandbox) == []


BAD_CHANGES: list[Any] = [
    pytest.param({"waba_id": "1"}, "No such account", id="an account that is none"),
    pytest.param({"waba_id": WABA, "volume": 1}, "Extra inputs", id="an unknown key"),
    pytest.param({"waba_id": WABA, "add_cost": 0.5}, "valid string", id="money as a number"),
    pytest.param({"waba_id": WABA, "add_cost": "much"}, "match pattern", id="no amount"),
    pytest.param({"waba_id": WABA, "day": "soon"}, "valid date", id="no day"),
    pytest.param({"waba_id": WABA, "country": "India"}, "match pattern", id="no country code"),
]


@pytest.mark.parametrize(("change", "words"), BAD_CHANGES)
def test_change_that_makes_no_sense_is_refused(sandbox, change, words):
    with pytest.raises(SandboxRefusedError, match=words):
        sandbox.control.change_analytics(**change)


# Refusals


REFUSED: list[Any] = [
    pytest.param("pricing_analytics", "start is required", id="nothing"),
    pytest.param("pricing_analytics.start(1).end(2)", "granularity is required", id="no granularity"),
    pytest.param("pricing_analytics.start(x).end(2).granularity(DAILY)", "integer", id="no instant"),
    pytest.param("pricing_analytics.start(2).end(1).granularity(DAILY)", "end after start", id="backwards"),
    pytest.param("pricing_analytics.start(1).end(2).granularity(DAY)", "DAILY", id="another field's word"),
    pytest.param(field(1, 2, ["CITY"]), "must be an array", id="an unknown dimension"),
    pytest.param(field(1, 2, more=".tiers(1)"), "does not know", id="an unknown parameter"),
    pytest.param(field(1, 2, more=".broken("), "Syntax error", id="broken"),
]


@pytest.mark.parametrize(("fields", "words"), REFUSED)
def test_question_that_meta_would_refuse_is_refused(sandbox, fields, words):
    answer = sandbox.graph("GET", WABA, params={"fields": fields})

    assert answer.status_code == httpx.codes.BAD_REQUEST
    assert answer.json()["error"]["code"] == 100
    assert words in answer.json()["error"]["message"]


def test_account_of_others_tells_nothing(sandbox):
    sandbox.control.put_account({"waba_id": "99", "numbers": []})

    answer = sandbox.graph("GET", "99", params={"fields": field(1, 2)})

    assert answer.json()["error"]["code"] == 100
    assert "pricing_analytics" not in answer.text
