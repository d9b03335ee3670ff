"""The ledger beside Meta's own figures: days claimed in SQL, asked here, compared in SQL.

Meta's figures are the field `pricing_analytics` of an account. Its parameters (start, end, granularity DAILY,
metric_types COST and VOLUME, dimensions) and the upper-case values of pricing_type and pricing_category are
those of Meta's Graph API reference, "WhatsApp Business Account Pricing Analytics" (v24 and v25), and of
"Analytics" in the WhatsApp Business Platform's documentation (February 2026: it looks back one year). The
days begin in the account's time zone; SQL refuses to compare any others. A cost is a JSON number and is taken
digit by digit.
"""

from __future__ import annotations

import json
import re
import time
from decimal import Decimal
from typing import Annotated, Any

import httpx
import structlog
from pydantic import BaseModel, BeforeValidator, Field, SecretStr, ValidationError, model_validator

from workers.database import Database
from workers.errors import ProviderError
from workers.meta.graph import Graph, GraphError
from workers.settings import Settings
from workers.telemetry.trace import on_behalf

log = structlog.stdlib.get_logger(__name__)

LEASE_SECONDS = 180
_BATCH = 5
_ALL = 20  # accounts of one organization
_SPENT = 0.5
_MOST_PAGES = 50
_TOKEN_DEAD = 190
_METRICS = ("COST", "VOLUME")
_DIMENSIONS = ("PRICING_CATEGORY", "PRICING_TYPE", "COUNTRY", "PHONE")
_CURSOR = re.compile(r"[\w=-]+", re.ASCII)
_DIGITS = 30
_UNREADABLE = "Meta's figures cannot be read."


class Due(BaseModel, extra="ignore"):
    """An account, and the days of it to be compared."""

    org_id: str
    account_id: str
    waba_id: str
    token: SecretStr
    start: int
    end: int
    days: list[str]


def _number(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise ValueError("not a number of JSON")  # noqa: TRY004 (a ValueError is what pydantic reports)
    return Decimal(value)


class Point(BaseModel, extra="ignore"):
    """What Meta has of one day, category, type, country and number."""

    start: Annotated[int, Field(strict=True, ge=0, lt=10**11)]
    volume: Annotated[int, Field(strict=True, ge=0, lt=10**15)]
    cost: Annotated[Decimal, BeforeValidator(_number), Field(gt=-(10**11), lt=10**11)] | None = None
    pricing_category: str | None = None
    pricing_type: str | None = None
    country: str | None = None

    @model_validator(mode="after")
    def _has_a_cost(self) -> Point:
        if self.cost is None and not (self.pricing_type or "").upper().startswith("FREE"):
            raise ValueError("a charged point without its cost")
        if self.cost is not None and -int(self.cost.as_tuple().exponent) > _DIGITS:
            raise ValueError("a cost of too many digits")
        return self

    def as_told(self) -> dict[str, Any]:
        """Give what `worker.record_reconciliation` takes: the cost as text, with just Meta's digits."""
        return {
            "start": self.start,
            "volume": self.volume,
            "cost": f"{self.cost or Decimal(0):f}",
            "category": self.pricing_category,
            "type": self.pricing_type,
            "country": self.country,
        }


class _Block(BaseModel, extra="ignore"):
    data_points: list[Point]


class _Cursors(BaseModel, extra="ignore"):
    after: str | None = None


class _Paging(BaseModel, extra="ignore"):
    next: str | None = None
    cursors: _Cursors = Field(default_factory=_Cursors)


class _Analytics(BaseModel, extra="ignore"):
    data: list[_Block]
    paging: _Paging = Field(default_factory=_Paging)


class _Answer(BaseModel, extra="ignore"):
    """Meta leaves the field out of its answer when there is nothing in it."""

    id: str
    pricing_analytics: _Analytics = Field(default_factory=lambda: _Analytics(data=[]))


def run(database: Database, http: httpx.Client, settings: Settings) -> dict[str, object]:
    """Compare the accounts that are due, until the job's time is half up; the job `reconcile`."""
    graph = Graph(http, settings)
    deadline = time.monotonic() + settings.flow_job_seconds * _SPENT
    compared = failed = skipped = differs = 0
    while True:
        claim = database.rpc("claim_reconciliations", batch=_BATCH, lease_seconds=LEASE_SECONDS)
        for answer in _compare(database, graph, claim):
            compared += bool(answer.get("recorded"))
            failed += not answer.get("recorded")
            differs += answer.get("differs", 0)
        skipped += len(claim.get("skipped") or [])
        is_last = not (claim.get("accounts") or claim.get("skipped"))
        if is_last or time.monotonic() > deadline:
            counts = {"compared": compared, "failed": failed, "skipped": skipped, "differs": differs}
            return {**counts, "more": not is_last}


def reconcile(database: Database, graph: Graph, org_id: str, month: str | None = None) -> dict[str, object]:
    """Compare one organization's accounts now: its last closed days, or those of a month (YYYY-MM).

    Gives what is stored then (`worker.reconciliation`), how many accounts and days were compared, and in
    words what could not be.
    """
    asked = {"month": month} if month else {}
    claim = database.rpc(
        "claim_reconciliations", batch=_ALL, lease_seconds=LEASE_SECONDS, org_id=org_id, **asked
    )
    problems = [f"{item.get('name') or item['waba_id']}: {item['words']}" for item in claim["skipped"]]
    if claim.get("busy"):
        problems.append("Another worker is comparing an account of this organization just now.")
    answers = _compare(database, graph, claim)
    problems += [str(answer["words"]) for answer in answers if answer.get("words")]
    done = [answer for answer in answers if answer.get("recorded")]
    return {
        **database.rpc("reconciliation", org_id=org_id, **asked),
        "compared_accounts": len(done),
        "compared_days": sum(answer["days"] for answer in done),
        "problems": problems,
    }


def _compare(database: Database, graph: Graph, claim: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        database.rpc(
            "record_reconciliation",
            org_id=due.org_id,
            account_id=due.account_id,
            lease=claim["lease"],
            days=due.days,
            **on_behalf(due.org_id, look, graph, due),
        )
        for due in map(Due.model_validate, claim.get("accounts") or [])
    ]


def look(graph: Graph, due: Due) -> dict[str, Any]:
    """Ask Meta about an account's days: `points`, or the `failure`. Never raises for Meta."""
    try:
        return {"points": [point.as_told() for point in _points(graph, due)]}
    except GraphError as error:
        log.warning("Meta refused its figures", code=error.code, waba_id=due.waba_id)
        words = error.details or error.title or f"Code {error.code}."
        return {"failure": {"words": words, "access_lost": error.code == _TOKEN_DEAD}}
    except ProviderError as error:
        log.warning("Meta's figures did not come", detail=error.detail, waba_id=due.waba_id)
        return {"failure": {"words": error.message}}


def _points(graph: Graph, due: Due) -> list[Point]:
    """Read every page; a part of the points would look like a difference."""
    points: list[Point] = []
    after = ""
    for _ in range(_MOST_PAGES):
        answer = graph.get_exact(
            due.waba_id, due.token.get_secret_value(), fields=_field(due.start, due.end, after)
        )
        try:
            page = _Answer.model_validate(answer).pricing_analytics
        except ValidationError:
            break
        points += [point for block in page.data for point in block.data_points]
        if not page.paging.next:
            return points
        before, after = after, page.paging.cursors.after or ""
        if after == before or not _CURSOR.fullmatch(after):
            break
    raise ProviderError(_UNREADABLE, detail="meta_unreadable")


def _field(start: int, end: int, after: str) -> str:
    metrics, dimensions = (json.dumps(names, separators=(",", ":")) for names in (_METRICS, _DIMENSIONS))
    field = f"pricing_analytics.start({start}).end({end}).granularity(DAILY)"
    field += f".metric_types({metrics}).dimensions({dimensions})"
    return f"{field}.after({after})" if after else field
