"""`POST /api/telemetry`: what a browser tells of the pages it showed and of the errors in them.

Whoever has signed in says so with their token, as everywhere: it decides whose the items are, never the body.
Nobody's errors are taken too, so that a sign-in page that breaks is heard of; nobody's page views are not.
The answer is 204 whatever became of the items: a browser could do nothing about it. Only a report
that is too large (413) or one too many (429) is told.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import structlog
from flask import request
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    ValidationError,
)
from werkzeug.exceptions import RequestEntityTooLarge

from workers.api.asking import bp, person
from workers.errors import FlowError, Refused
from workers.logs import scrub_text
from workers.runtime import current
from workers.storable import load_json
from workers.telemetry.agents import families, network

log = structlog.stdlib.get_logger(__name__)

LARGEST = 16_384
"""Bytes of a report."""
MOST = 20
_CLOCK = timedelta(hours=24)
_DAY = 86_400_000

Route = Annotated[str, StringConstraints(pattern=r"^(/|(/:?[a-z]+(-[a-z]+)*){1,5})$", max_length=100)]
"""A page by name, as /inbox/:id: no digit, no query, so never an address."""
Text = Annotated[str, StringConstraints(max_length=1000), AfterValidator(scrub_text)]
Short = Annotated[str, StringConstraints(max_length=200), AfterValidator(scrub_text)]
"""Words of a browser, with everything hidden that looks like a secret or a person."""
Trace = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
Milliseconds = Annotated[int, Field(ge=0, le=_DAY)]


class Item(BaseModel):
    """What both kinds of items tell."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    at: Annotated[float, Field(ge=0, le=1e15)]
    """Milliseconds since 1970, by the browser's clock."""
    trace_id: Trace | None = None

    def row(self, now: datetime) -> dict[str, Any]:
        """Give it as `worker.record_browser` takes it."""
        said = datetime.fromtimestamp(min(self.at, 4e12) / 1000, UTC)
        at = min(max(said, now - _CLOCK), now + _CLOCK)
        return {**self.model_dump(mode="json", exclude={"at"}), "occurred_at": at.isoformat()}


class View(Item):
    """One page that was looked at."""

    kind: Literal["view"]
    route: Route
    navigation: Literal["navigate", "reload", "back_forward", "prerender", "restore", "route", "return"]
    visible_ms: Milliseconds
    load_ms: Milliseconds | None = None
    ttfb_ms: Milliseconds | None = None
    lcp_ms: Milliseconds | None = None
    inp_ms: Milliseconds | None = None
    cls: Annotated[float, Field(ge=0, le=1000)] | None = None


class Frame(BaseModel):
    """One step of where in the code it was."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    file: Short
    line: Annotated[int, Field(ge=0, le=10_000_000)] | None = None
    function: Short | None = None
    in_app: bool = True


class PageError(Item):
    """One error that nobody foresaw."""

    kind: Literal["error"]
    type: Short
    message: Text
    frames: Annotated[list[Frame], Field(max_length=20)] = []
    route: Route | None = None
    source: Short | None = None


class Report(BaseModel):
    """A report: what is the same of all its items, and the items, each judged by itself."""

    model_config = ConfigDict(extra="forbid", strict=True, hide_input_in_errors=True)

    org_id: (
        Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")]
        | None
    )
    release: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{1,40}$")]
    items: Annotated[list[Any], Field(max_length=MOST)]


_ITEM: TypeAdapter[View | PageError] = TypeAdapter(Annotated[View | PageError, Field(discriminator="kind")])


@bp.post("/telemetry")
def report() -> tuple[str, int]:
    """Note a report."""
    request.max_content_length = LARGEST + 1  # one more, for a chunked body is cut there without a word
    body = request.get_data(cache=False)
    if len(body) > LARGEST:
        raise RequestEntityTooLarge
    try:
        _note(body)
    except FlowError as error:
        if error.status == 429:
            raise
        log.info("telemetry_refused", status=error.status, detail=error.detail)
    return "", 204


def _note(body: bytes) -> None:
    try:
        told = Report.model_validate(load_json(body.decode()))
    except (ValueError, ValidationError):
        raise Refused(422, "This is no report.", "report_invalid") from None
    now = datetime.now(UTC)
    items = [item.row(now) for given in told.items if (item := _read(given))]
    user_id, has_views = _sender()
    if not has_views or request.headers.get("Sec-GPC") == "1" or request.headers.get("DNT") == "1":
        items = [item for item in items if item["kind"] != "view"]
    if not items:
        return
    os, browser, device = families(request.user_agent.string)
    about = {
        "release": told.release, "ip_prefix": network(request.remote_addr or ""),
        "os": os, "browser": browser, "device": device,
    }  # fmt: skip
    current().database.rpc(
        "record_browser", user_id=user_id, org_id=told.org_id if user_id else None, about=about, items=items
    )


def _read(given: object) -> View | PageError | None:
    """Give an item; None for what is none."""
    try:
        return _ITEM.validate_python(given)
    except ValidationError:
        return None


def _sender() -> tuple[str | None, bool]:
    """Give the person whose session the database confirms, and whether their page views may be noted."""
    if not request.headers.get("Authorization"):
        return None, False
    try:
        mine = person().rpc("my_telemetry")
    except Refused:  # their session is over
        return None, False
    return str(mine["user_id"]), bool(mine["page_views"])
