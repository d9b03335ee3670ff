"""Message templates: read from Meta, and created, edited and deleted there.

The database checks a draft before Meta is called and stores what became of it afterwards; nothing is kept of
what Meta refuses. An answer that was lost leaves nothing behind either: the templates are read again soon.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NoReturn
from urllib.parse import urlencode

import httpx
import structlog
from pydantic import BaseModel, ValidationError

from workers.database import Database
from workers.errors import FlowError, ProviderError, Refused, Unavailable
from workers.meta.graph import Graph, GraphError
from workers.settings import Settings
from workers.telemetry.trace import on_behalf

log = structlog.stdlib.get_logger(__name__)

Action = Literal["create", "edit", "delete"]
_FIELDS = "id,name,language,status,category,parameter_format,components,quality_score,rejected_reason"
_PAGE = "100"
_LONGEST_RUN = 15.0
_PART = 500  # templates in one call: a second or so, within the API's eight
_TOKEN_REFUSED = 190
_TOO_MANY = (4, 17, 613, 80007, 80008)
_EXISTS = 2388024
# What to do about Meta's refusals, by the subcode of its answer.
_REMEDIES = {
    2388019: "The account has as many templates as Meta allows (250, or 6,000 once the business is "
    "verified): delete some that are not used.",
    2388023: "A template of this name is being deleted: Meta blocks the name for 30 days, so use another.",
    _EXISTS: "Use another name, or edit the template that exists; sync the templates to see it.",
    2388039: "It is in review, or was changed today already: wait until the review ends, or until tomorrow.",
    2388040: "Shorten it: header and footer 60 characters, body 1,024, button 25.",
    2388047: "Correct the header: 60 characters, one variable with an example, no line break or emoji.",
    2388072: "Correct the body: variables numbered from {{1}} or named, with an example for each.",
    2388073: "Correct the footer: 60 characters, no variables.",
    2388293: "Write more words around the variables, or use fewer of them.",
    2388299: "Put words before the first variable and after the last.",
}
_RENAMED = {
    _EXISTS: (409, "template_exists"),
    2388023: (409, "template_exists"),
    2388019: (409, "template_limit"),
}


class _Made(BaseModel, extra="ignore"):
    """Meta's answer to a new or changed template."""

    id: str | None = None
    status: str | None = None
    category: str | None = None


def sync_templates(database: Database, graph: Graph, org_id: str) -> dict[str, int]:
    """Read every template of an organization's accounts and store them, a whole account at once."""
    accounts = database.rpc("account_access", org_id=org_id).get("accounts") or []
    if not accounts:
        raise Refused(409, "The organization has no WhatsApp account: connect one first.", "not_connected")
    return {"templates": sum(_read(database, graph, org_id, account) for account in accounts)}


def run(database: Database, http: httpx.Client, settings: Settings) -> dict[str, Any]:
    """Read the templates of the accounts that are due, one after the other; the job `templates`."""
    graph, until = Graph(http, settings), time.monotonic() + _LONGEST_RUN
    counts = {"accounts": 0, "templates": 0, "failed": 0}
    while time.monotonic() < until:
        accounts = database.rpc("claim_template_syncs", batch=1).get("accounts") or []
        if not accounts:
            return {**counts, "more": False}
        for account in accounts:
            counts["accounts"] += 1
            try:
                counts["templates"] += on_behalf(
                    account["org_id"], _read, database, graph, account["org_id"], account
                )
            except (Refused, Unavailable) as error:
                counts["failed"] += 1
                log.warning("templates were not read", account_id=account["account_id"], detail=error.detail)
    return {**counts, "more": True}


def write(
    database: Database,
    graph: Graph,
    action: Action,
    org_id: str,
    draft: dict[str, Any],
    account_id: str | None = None,
) -> dict[str, Any]:
    """Create, edit or delete a template at Meta, and store it. Raises Refused, saying what to correct."""
    begun = database.rpc(
        "begin_template_write", org_id=org_id, action=action, draft=draft, account_id=account_id
    )
    finish = {"org_id": org_id, "write_id": begun["write_id"]}
    try:
        answer = _CALLS[action](graph, begun)
        made = _Made.model_validate(answer)
    except GraphError as error:
        if error.http_status >= httpx.codes.INTERNAL_SERVER_ERROR and error.subcode is None:
            _lost(database, finish, error)
        database.rpc("finish_template_write", **finish, outcome="refused", code=error.code)
        _refuse(error)
    except (ProviderError, ValidationError) as error:
        _lost(database, finish, error)
    return database.rpc(
        "finish_template_write", **finish, outcome="done", answer=made.model_dump(exclude_none=True)
    )


def upload_sample(
    database: Database, graph: Graph, settings: Settings, org_id: str, content: bytes, mime_type: str
) -> dict[str, str]:
    """Upload the sample file of a header; gives the handle that the draft names."""
    settings.require("meta_app_id")
    accounts = database.rpc("account_access", org_id=org_id).get("accounts") or []
    if not accounts:
        raise Refused(409, "The organization has no WhatsApp account: connect one first.", "not_connected")
    try:
        handle = graph.upload_sample(str(settings.meta_app_id), accounts[0]["token"], content, mime_type)
    except GraphError as error:
        _refuse(error)
    except ProviderError as error:
        raise Refused(502, "Meta did not take the sample file. Try again.", "sample_not_taken") from error
    return {"handle": handle}


def _read(database: Database, graph: Graph, org_id: str, account: dict[str, Any]) -> int:
    account_id = account["account_id"]
    try:
        path = f"{account['waba_id']}/message_templates"
        templates = list(graph.pages(path, account["token"], fields=_FIELDS, limit=_PAGE))
    except ProviderError as error:
        said = error if isinstance(error, GraphError) else None
        database.rpc(
            "template_sync_failed",
            org_id=org_id,
            account_id=account_id,
            problem=error.message,
            code=said.code if said else None,
            retry_seconds=said.retry_after if said else None,
        )
        if said is None:
            raise Refused(
                502, "Meta could not be reached for reading the templates. Try again later.", "templates"
            ) from error
        raise Refused(
            422,
            f"Meta refused reading the templates: {said.details or said.title or 'no reason given'} "
            f"(code {said.code}). Put that right at Meta, then try again.",
            "templates",
        ) from error
    # Nothing is stored before all is read: only a whole list tells what is gone.
    for start in range(0, max(len(templates), 1), _PART):
        database.rpc(
            "store_templates",
            org_id=org_id,
            account_id=account_id,
            templates=templates[start : start + _PART],
            read_at=account.get("read_at"),
            is_last=start + _PART >= len(templates),
        )
    return len(templates)


def _create(graph: Graph, begun: dict[str, Any]) -> dict[str, Any]:
    return graph.post(f"{begun['waba_id']}/message_templates", begun["token"], begun["draft"])


def _edit(graph: Graph, begun: dict[str, Any]) -> dict[str, Any]:
    changed = {key: begun["draft"][key] for key in ("category", "components", "parameter_format")}
    return graph.post(begun["meta_id"], begun["token"], changed)


def _delete(graph: Graph, begun: dict[str, Any]) -> dict[str, Any]:
    query = {"name": begun["draft"]["name"]}
    if begun["draft"].get("language") and begun.get("meta_id"):
        query["hsm_id"] = begun["meta_id"]
    return graph.delete(f"{begun['waba_id']}/message_templates?{urlencode(query)}", begun["token"])


_CALLS: dict[Action, Callable[[Graph, dict[str, Any]], dict[str, Any]]] = {
    "create": _create,
    "edit": _edit,
    "delete": _delete,
}


def _lost(database: Database, finish: dict[str, Any], error: Exception) -> NoReturn:
    """Say that nobody knows what Meta did; the templates are read again soon."""
    try:
        database.rpc("finish_template_write", **finish, outcome="unknown")
    except FlowError as second:
        log.warning("could not note a lost answer", detail=second.detail)
    raise Refused(
        502,
        "Meta's answer was lost, so the template may have been changed or not: Flow looks it up within a "
        "minute or two. Look before you submit it again.",
        "meta_answer_lost",
    ) from error


def _refuse(error: GraphError) -> NoReturn:
    """Turn Meta's refusal into one that says what to do."""
    said = (error.details or error.title or "no reason given").rstrip(".")
    if error.code == _TOKEN_REFUSED:
        raise Refused(
            409, "Meta refuses the access token: an owner must connect WhatsApp again.", "not_connected"
        ) from error
    if error.code in _TOO_MANY:
        wait = datetime.now(UTC) + timedelta(seconds=error.retry_after or 900)
        raise Refused(
            429, "Meta takes no more calls just now.", "template_limit", wait.strftime("%Y-%m-%dT%H:%M:%SZ")
        ) from error
    subcode = error.subcode or 0
    status, detail = _RENAMED.get(subcode, (422, "template_refused"))
    number = f"code {error.code}" + (f", {subcode}" if subcode else "")
    raise Refused(
        status,
        f"Meta refused the template: {said} ({number}). "
        f"{_REMEDIES.get(subcode, 'Correct that, then submit it again.')}",
        detail,
    ) from error
