"""Meta's figures are read digit by digit, whole or not at all, and end as rows beside the ledger."""

import json
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import click
import httpx
import pytest
from click.testing import CliRunner

from tests.business import call, post
from tests.database import LIMITS, Database
from tests.http.real_database import RealDatabase
from tests.http.recording import RecordingDatabase, settings
from tests.http.running_sandbox import CUSTOMER, SECRET, RunningSandbox, running_sandbox
from tests.http.shop import Shop
from workers.cli import ledger_reconcile
from workers.clients import outbound_client
from workers.meta import analytics
from workers.meta.graph import Graph

KNOWN = settings(META_APP_ID="4406", META_APP_SECRET=SECRET)
ORG, WABA, TOKEN = "00000000-0000-0000-0000-000000000001", "102290129340398", "EAAGcanary"
INDIA = ZoneInfo("Asia/Kolkata")
DAY_MS = 86_400_000
DUE = analytics.Due(
    org_id=ORG,
    account_id="a",
    waba_id=WABA,
    token=TOKEN,
    start=1795000000,
    end=1795086400,
    days=["2026-11-18"],
)
POINT = {
    "start": 1795000000, "end": 1795086400, "phone_number": "911140000001", "country": "IN",
    "pricing_type": "REGULAR", "pricing_category": "MARKETING", "volume": 3, "cost": 2.5893,
}  # fmt: skip


# What Meta answers


class Meta:
    """Answers with one text after the other, and keeps what was asked."""

    def __init__(self, *answers: str | httpx.Response | Exception) -> None:
        self.answers, self.asked = list(answers), list[str]()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        assert request.url.path == f"/v26.0/{WABA}"
        assert request.headers["Authorization"] == f"Bearer {TOKEN}"
        self.asked.append(request.url.params["fields"])
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, httpx.Response) else httpx.Response(200, text=answer)

    def look(self) -> dict[str, Any]:
        with httpx.Client(transport=httpx.MockTransport(self)) as http:
            return analytics.look(Graph(http, settings()), DUE)


def told(*points: object, **more: object) -> str:
    whole = {"pricing_analytics": {"data": [{"data_points": list(points)}], **more}, "id": WABA}
    return json.dumps(whole)


def test_question_names_days_metrics_and_dimensions():
    meta = Meta(told())

    meta.look()

    (asked,) = meta.asked
    assert asked == (
        "pricing_analytics.start(1795000000).end(1795086400).granularity(DAILY)"
        '.metric_types(["COST","VOLUME"])'
        '.dimensions(["PRICING_CATEGORY","PRICING_TYPE","COUNTRY","PHONE"])'
    )


COSTS = [
    pytest.param("2.5893", "2.5893", id="as documented"),
    pytest.param("0", "0", id="whole"),
    pytest.param("123456789.123456", "123456789.123456", id="long"),
    pytest.param("0.1000000000000000055", "0.1000000000000000055", id="longer than binary tells"),
    pytest.param("1e-7", "0.0000001", id="small"),
    pytest.param("1.5E+3", "1500", id="with an exponent"),
    pytest.param("-0.8631", "-0.8631", id="taken back"),
]


@pytest.mark.parametrize(("cost", "text"), COSTS)
def test_cost_is_taken_digit_by_digit(cost, text):
    meta = Meta(told(POINT | {"cost": "COST"}).replace('"COST"', cost))

    assert meta.look() == {
        "points": [
            {
                "start": 1795000000,
                "volume": 3,
                "cost": text,
                "category": "MARKETING",
                "type": "REGULAR",
                "country": "IN",
            }
        ]
    }


EMPTY = [
    pytest.param(json.dumps({"id": WABA}), id="no field"),
    pytest.param(json.dumps({"pricing_analytics": {"data": []}, "id": WABA}), id="no block"),
    pytest.param(told(), id="no point"),
]


@pytest.mark.parametrize("answer", EMPTY)
def test_empty_answer_is_no_point(answer):
    assert Meta(answer).look() == {"points": []}


def test_free_point_may_come_without_a_cost():
    free = {k: v for k, v in POINT.items() if k != "cost"} | {"pricing_type": "FREE_ENTRY_POINT"}

    (point,) = Meta(told(free)).look()["points"]

    assert point["cost"] == "0"


def test_all_pages_are_read():
    paging = {"next": "https://elsewhere.example/next", "cursors": {"after": "MQ=="}}
    meta = Meta(told(POINT, paging=paging), told(POINT))

    assert len(meta.look()["points"]) == 2
    assert meta.asked[1] == meta.asked[0] + ".after(MQ==)"


UNREADABLE = [
    pytest.param("<html>", id="no JSON"),
    pytest.param("[]", id="no object"),
    pytest.param("{}", id="not even an id"),
    pytest.param(json.dumps({"id": WABA, "pricing_analytics": []}), id="another shape"),
    pytest.param(json.dumps({"id": WABA, "pricing_analytics": {"data": [[]]}}), id="another shape within"),
    pytest.param(told("point"), id="a point that is none"),
    pytest.param(told(POINT | {"cost": "2.5893"}), id="a cost as text"),
    pytest.param(told(POINT | {"cost": True}), id="a cost that is none"),
    pytest.param(told(POINT).replace("2.5893", "NaN"), id="no number"),
    pytest.param(told(POINT).replace("2.5893", "Infinity"), id="endless"),
    pytest.param(told(POINT).replace("2.5893", "1e400000"), id="a number with a huge exponent"),
    pytest.param(told(POINT).replace("2.5893", "1e-400000"), id="a number with a tiny exponent"),
    pytest.param(told({k: v for k, v in POINT.items() if k != "cost"}), id="charged without a cost"),
    pytest.param(told(POINT | {"volume": 1.5}), id="half a message"),
    pytest.param(told(POINT | {"volume": -1}), id="less than none"),
    pytest.param(told(POINT | {"start": "1795000000"}), id="an instant as text"),
    pytest.param(told(POINT, POINT | {"country": 91}), id="one bad point among good ones"),
    pytest.param(told(POINT, paging={"next": "x"}), id="a page without a way to it"),
    pytest.param(told(POINT, paging={"next": "x", "cursors": {"after": "a).end(0"}}), id="a strange cursor"),
]  # fmt: skip


@pytest.mark.parametrize("answer", UNREADABLE)
def test_unreadable_answer_is_a_failure_and_no_point(answer):
    found = Meta(answer).look()

    assert set(found) == {"failure"}
    assert "read" in found["failure"]["words"]


def test_page_that_leads_to_itself_is_left():
    paging = {"next": "x", "cursors": {"after": "MQ=="}}
    meta = Meta(*[told(POINT, paging=paging)] * 3)

    assert set(meta.look()) == {"failure"}
    assert len(meta.asked) == 2


REFUSALS: list[Any] = [
    pytest.param(190, True, id="the token is dead"),
    pytest.param(10, False, id="no permission"),
    pytest.param(4, False, id="too many calls"),
]


@pytest.mark.parametrize(("code", "is_lost"), REFUSALS)
def test_refusal_is_told_in_metas_words(code, is_lost):
    error = {"message": "No.", "code": code, "error_data": {"details": "Meta says no."}}

    found = Meta(httpx.Response(400, json={"error": error})).look()

    assert found == {"failure": {"words": "Meta says no.", "access_lost": is_lost}}


def test_outage_is_told_in_words():
    found = Meta(httpx.ConnectError("down")).look()

    assert found == {"failure": {"words": "Meta could not be reached. Try again later."}}


# The job


CLAIM = {
    "lease": "l",
    "accounts": [DUE.model_dump() | {"token": TOKEN}, DUE.model_dump() | {"token": TOKEN, "account_id": "b"}],
    "skipped": [],
    "busy": 0,
}


def record(**args: Any) -> dict[str, Any]:
    if "failure" in args:
        return {"recorded": False, "days": 1, "rows": 0, "differs": 0, "words": args["failure"]["words"]}
    return {"recorded": True, "days": 1, "rows": 2, "differs": 1}


def test_failure_of_one_account_leaves_its_neighbours_alone():
    database = RecordingDatabase(
        claim_reconciliations=[CLAIM, CLAIM | {"accounts": []}], record_reconciliation=record
    )
    meta = Meta(httpx.ConnectError("down"), told(POINT))

    with httpx.Client(transport=httpx.MockTransport(meta)) as http:
        counts = analytics.run(database, http, settings())

    assert counts == {"compared": 1, "failed": 1, "skipped": 0, "differs": 1, "more": False}
    first, second = database.named("record_reconciliation")
    assert (first["account_id"], first["days"], set(first)) == (
        "a", ["2026-11-18"], {"org_id", "account_id", "lease", "days", "failure"},
    )  # fmt: skip
    assert (second["account_id"], len(second["points"])) == ("b", 1)
    assert TOKEN not in str([first, second])


def test_job_goes_on_past_accounts_that_are_skipped():
    skipped = CLAIM | {"accounts": [], "skipped": [{"waba_id": WABA, "words": "No zone."}]}
    database = RecordingDatabase(claim_reconciliations=[skipped, skipped, CLAIM | {"accounts": []}])

    with httpx.Client(transport=httpx.MockTransport(Meta())) as http:
        counts = analytics.run(database, http, settings())

    assert counts == {"compared": 0, "failed": 0, "skipped": 2, "differs": 0, "more": False}


# With a database and a sandbox


@pytest.fixture(scope="module")
def meta() -> Iterator[RunningSandbox]:
    with running_sandbox() as running:
        yield running


@pytest.fixture
def db(dsn: str) -> Iterator[Database]:
    with Database.connect(dsn, options=LIMITS, autocommit=True) as connection:
        yield connection


TEMPLATES = [
    {"name": "offer", "category": "MARKETING", "body": "Sale."},
    {"name": "receipt", "body": "Paid."},
]


@pytest.fixture
def shop(db: Database, meta: RunningSandbox) -> Iterator[Callable[[], Shop]]:
    """Makes businesses that others see; let go at the end."""
    made: list[Shop] = []

    def make() -> Shop:
        one = Shop(db, meta, None)
        db.execute(
            "update public.whatsapp_accounts set time_zone = 'Asia/Kolkata' where org_id = %s", [one.org_id]
        )
        meta.control.put_account({"waba_id": one.waba, "templates": TEMPLATES, "subscribed": True})
        made.append(one)
        return one

    yield make
    for one in made:
        call(db, "disconnect_whatsapp", org_id=one.org_id)
        db.execute("update private.meta_cleanups set next_at = 'infinity' where org_id = %s", [one.org_id])
        db.execute("delete from private.account_checks where org_id = %s", [one.org_id])


@pytest.fixture
def database(dsn: str) -> Iterator[RealDatabase]:
    made = RealDatabase(dsn)
    yield made
    made.close()


@pytest.fixture
def outside(meta: RunningSandbox) -> Iterator[httpx.Client]:
    meta.control.clear_faults()
    with outbound_client(KNOWN) as http:
        yield http
    meta.control.clear_faults()


@pytest.fixture
def graph(meta: RunningSandbox, outside: httpx.Client) -> Graph:
    return Graph(outside, settings(META_GRAPH_URL=meta.server.url))


def yesterday() -> date:
    return datetime.now(INDIA).date() - timedelta(days=1)


def trade(db: Database, meta: RunningSandbox, mine: Shop) -> None:
    """Two offers, a receipt and a free answer, all delivered yesterday, and told to Flow."""
    meta.receiver.bodies.clear()
    meta.control.behave(sent_ms=-DAY_MS, delivered_ms=1 - DAY_MS, read_ms=2 - DAY_MS)
    meta.control.inbound(mine.phone_number_id, CUSTOMER, text="Hi")
    texts = [{"type": "text", "text": {"body": "Hello"}}]
    sent = [
        {"type": "template", "template": {"name": name, "language": {"code": "en"}}}
        for name in ("offer", "offer", "receipt")
    ]
    for body in texts + sent:
        whole = {"messaging_product": "whatsapp", "to": CUSTOMER, **body}
        answer = meta.graph("POST", f"{mine.phone_number_id}/messages", mine.token, json=whole)
        assert answer.status_code == httpx.codes.OK, answer.text
    meta.settle()
    for heard in list(meta.receiver.bodies):
        post(db, heard)


def rows(db: Database, mine: Shop) -> list[tuple[Any, ...]]:
    return db.rows(
        """
        select day, category, kind, ours_messages, ours_cost, meta_messages, meta_cost, status
          from public.usage_reconciliations where org_id = %s order by category
        """,
        mine.org_id,
    )


def test_on_a_calm_day_the_ledger_is_equal_to_metas_figures(shop, db, database, graph, meta):
    mine = shop()
    trade(db, meta, mine)

    found = analytics.reconcile(database, graph, str(mine.org_id))

    day, two, one = yesterday(), Decimal("1.7262"), Decimal("0.1150")
    assert rows(db, mine) == [
        (day, "marketing", "charged", 2, two, 2, two, "equal"),
        (day, "service", "free", 1, 0, 1, 0, "equal"),
        (day, "utility", "charged", 1, one, 1, one, "equal"),
    ]
    assert (found["compared_accounts"], found["compared_days"], found["problems"]) == (1, 3, [])
    assert (found["differences"], found["month"]) == ([], None)
    assert found["totals"][0]["meta_cost"] == "1.841200"


def test_difference_at_meta_is_a_row_and_none_once_it_is_gone(shop, db, database, graph, meta):
    mine = shop()
    trade(db, meta, mine)
    meta.control.change_analytics(mine.waba, add_volume=1, add_cost="0.8631")
    month = f"{yesterday():%Y-%m}"

    found = analytics.reconcile(database, graph, str(mine.org_id), month)

    (difference,) = found["differences"]
    assert (difference["category"], difference["difference_messages"]) == ("marketing", 1)
    assert difference["difference_cost"] == "0.863100"
    meta.control.change_analytics(mine.waba, add_volume=-1, add_cost="-0.8631")
    assert analytics.reconcile(database, graph, str(mine.org_id), month)["differences"] == []


def test_job_compares_what_is_due_and_nothing_else(shop, db, database, outside, meta):
    due, later = shop(), shop()
    trade(db, meta, due)
    db.execute("update private.reconciliation_runs set next_at = now() where org_id = %s", [due.org_id])
    known = settings(META_GRAPH_URL=meta.server.url)

    counts = analytics.run(database, outside, known)
    again = analytics.run(database, outside, known)

    assert counts == {"compared": 1, "failed": 0, "skipped": 0, "differs": 0, "more": False}
    assert again["compared"] == 0
    assert len(rows(db, due)) == 3
    assert rows(db, later) == []


def test_outage_of_meta_leaves_the_rows_and_is_told(shop, db, database, graph, meta):
    mine = shop()
    trade(db, meta, mine)
    analytics.reconcile(database, graph, str(mine.org_id))
    before = rows(db, mine)
    meta.control.fault("http_500", endpoint="management", phone_number_id=mine.waba)

    found = analytics.reconcile(database, graph, str(mine.org_id))

    assert found["compared_accounts"] == 0
    assert "unreadable" in found["problems"][0]
    assert rows(db, mine) == before
    assert "unreadable" in found["accounts"][0]["problem"]


def test_dead_token_asks_to_reconnect(shop, db, database, graph, meta):
    mine = shop()
    meta.control.change(mine.token, is_valid=False)

    analytics.reconcile(database, graph, str(mine.org_id))

    assert mine.account()["status"] == "reconnect"


# The command


def run(monkeypatch: pytest.MonkeyPatch, database: Any, graph: Any, *args: str) -> Any:
    group = click.Group("ledger")
    ledger_reconcile.register(group)
    monkeypatch.setattr(ledger_reconcile, "database", lambda: database)
    monkeypatch.setattr(ledger_reconcile, "graph", lambda: graph)
    return CliRunner().invoke(group, ["reconcile", *args])


def test_command_tells_each_difference_in_a_line(monkeypatch, shop, db, database, graph, meta):
    mine = shop()
    trade(db, meta, mine)
    meta.control.change_analytics(mine.waba, category="utility", add_volume=1, add_cost="0.1150")
    args = ["--org", str(mine.org_id), "--month", f"{yesterday():%Y-%m}"]

    result = run(monkeypatch, database, graph, *args)

    assert result.exit_code == 0, result.output
    first, total, difference = result.stdout.splitlines()
    assert first == f"Compared {yesterday().day} days of 1 WhatsApp accounts."
    assert total == (
        "All that was compared: Meta 5 for 1.956200 INR, the ledger 4 for 1.841200 INR; 1 rows to review."
    )
    assert difference == (
        f"{yesterday()} utility IN (charged): Meta 2 for 0.230000 INR, the ledger 1 for 0.115000 INR"
    )
    whole = json.loads(run(monkeypatch, database, graph, *args, "--json").stdout)
    assert whole["differences"][0]["meta_cost"] == "0.230000"


def test_command_that_compares_nothing_says_why(monkeypatch, shop, db, database, graph):
    mine = shop()
    db.execute("update public.whatsapp_accounts set time_zone = null where org_id = %s", [mine.org_id])

    result = run(monkeypatch, database, graph, "--org", str(mine.org_id))

    assert result.exit_code == 1
    assert "time zone" in result.stderr
