"""How connected accounts stand at Meta: claimed in SQL, asked here, judged in SQL.

One check is four questions: what the token is worth, whether the app still hears of the account, how the
account stands, and how its numbers stand. A subscription that is gone is renewed once.
"""

from __future__ import annotations

import time
from typing import Any

import httpx
import structlog
from pydantic import BaseModel, SecretStr

from workers.database import Database
from workers.errors import ProviderError
from workers.meta.described import ACCOUNT_FIELDS, NUMBER_FIELDS, TIME_ZONES, speed
from workers.meta.graph import Graph, GraphError
from workers.settings import Settings
from workers.telemetry.trace import on_behalf

log = structlog.stdlib.get_logger(__name__)

LEASE_SECONDS = 180
_BATCH = 5
_SPENT = 0.5
_TOKEN_DEAD = 190
_REFUSED_FIELD = (3, 10, 100, 200)  # a field that this app may not read; the others are asked for alone
_MORE_NUMBER_FIELDS = "whatsapp_business_manager_messaging_limit,health_status"
_MORE_ACCOUNT_FIELDS = "account_review_status,business_verification_status,country,owner_business_info"


class Due(BaseModel, extra="ignore"):
    """An account to be looked at."""

    org_id: str
    account_id: str
    waba_id: str
    token: SecretStr
    may_resubscribe: bool


def run(database: Database, http: httpx.Client, settings: Settings) -> dict[str, object]:
    """Look at the accounts that are due; the job `health`."""
    return check(database, Graph(http, settings), settings)


def check(
    database: Database, graph: Graph, settings: Settings, org_id: str | None = None
) -> dict[str, object]:
    """Look at what is due, or at the accounts of one organization, until the job's time is half up."""
    deadline = time.monotonic() + settings.flow_job_seconds * _SPENT
    checked = reconnect = 0
    while True:
        claim = database.rpc("claim_health_checks", batch=_BATCH, lease_seconds=LEASE_SECONDS, org_id=org_id)
        due = [Due.model_validate(item) for item in claim.get("accounts") or []]
        for account in due:
            recorded = database.rpc(
                "record_health",
                org_id=account.org_id,
                account_id=account.account_id,
                lease=claim["lease"],
                report=on_behalf(account.org_id, look, graph, settings, account),
            )
            checked += 1
            reconnect += bool(recorded.get("reconnect"))
        if not due or org_id or time.monotonic() > deadline:
            return {"checked": checked, "reconnect": reconnect, "more": bool(due) and not org_id}


def look(graph: Graph, settings: Settings, account: Due) -> dict[str, Any]:
    """Ask Meta about one account, and give what `worker.record_health` takes. Never raises for Meta."""
    report: dict[str, Any] = {}
    token = account.token.get_secret_value()
    try:
        report |= _token(graph, settings, token)
        report |= _subscription(graph, settings, account, token)
        said = _read(graph, account.waba_id, token, ACCOUNT_FIELDS, _MORE_ACCOUNT_FIELDS)
        report["account"] = said | {"time_zone": TIME_ZONES.get(str(said.get("timezone_id")))}
        report["numbers"] = [_number(item) for item in _numbers(graph, account.waba_id, token)]
    except GraphError as error:
        if error.code == _TOKEN_DEAD:
            return {"access_lost": True}
        log.warning("a health check was refused", code=error.code, waba_id=account.waba_id)
        report["failure"] = {"words": error.details or error.title or f"Code {error.code}."}
    except ProviderError as error:
        log.warning("a health check failed", detail=error.detail, waba_id=account.waba_id)
        report["failure"] = {"words": error.message}
    return report


def _token(graph: Graph, settings: Settings, token: str) -> dict[str, Any]:
    """Tell what the token is worth. A refusal here is about the app's own secret, not about the account."""
    if not (settings.meta_app_id and settings.meta_app_secret):
        return {}
    app_token = f"{settings.meta_app_id}|{settings.secret('meta_app_secret')}"
    try:
        data = graph.get("debug_token", app_token, input_token=token).get("data")
    except GraphError as error:
        log.error("Meta refuses the app's id and secret", code=error.code)  # noqa: TRY400
        return {}
    if not isinstance(data, dict) or not isinstance(data.get("is_valid"), bool):
        return {}
    scopes = data.get("scopes")
    return {
        "token": {
            "is_valid": data["is_valid"],
            "expires_at": _seconds(data.get("expires_at")),
            "data_access_expires_at": _seconds(data.get("data_access_expires_at")),
            "scopes": [scope for scope in scopes if isinstance(scope, str)]
            if isinstance(scopes, list)
            else [],
        }
    }


def _subscription(graph: Graph, settings: Settings, account: Due, token: str) -> dict[str, Any]:
    path = f"{account.waba_id}/subscribed_apps"
    if _is_subscribed(graph, settings, path, token):
        return {"is_subscribed": True}
    if not account.may_resubscribe:
        return {"is_subscribed": False}
    log.warning("a subscription was gone and is renewed", waba_id=account.waba_id)
    try:
        graph.post(path, token)
        return {"is_subscribed": False, "resubscribed": _is_subscribed(graph, settings, path, token)}
    except GraphError as error:
        if error.code == _TOKEN_DEAD:
            raise
        return {"is_subscribed": False, "resubscribed": False}


def _is_subscribed(graph: Graph, settings: Settings, path: str, token: str) -> bool:
    apps = list(graph.pages(path, token))
    ids = {str(app.get("id") or _dict(app.get("whatsapp_business_api_data")).get("id")) for app in apps}
    return str(settings.meta_app_id) in ids if settings.meta_app_id else bool(apps)


def _read(graph: Graph, path: str, token: str, fields: str, more: str) -> dict[str, Any]:
    """Read an object with all fields, or without those that this app may not see."""
    try:
        return graph.get(path, token, fields=f"{fields},{more}")
    except GraphError as error:
        if error.code not in _REFUSED_FIELD:
            raise
        return graph.get(path, token, fields=fields)


def _numbers(graph: Graph, waba_id: str, token: str) -> list[dict[str, Any]]:
    path, limit = f"{waba_id}/phone_numbers", "100"
    try:
        fields = f"{NUMBER_FIELDS},{_MORE_NUMBER_FIELDS}"
        return list(graph.pages(path, token, fields=fields, limit=limit))
    except GraphError as error:
        if error.code not in _REFUSED_FIELD:
            raise
        return list(graph.pages(path, token, fields=NUMBER_FIELDS, limit=limit))


def _number(said: dict[str, Any]) -> dict[str, Any]:
    """Add what Meta's words for throughput mean."""
    level = _dict(said.get("throughput")).get("level")
    granted = speed(level, is_on_phone_app=said.get("is_on_biz_app") is True)
    return said | ({"messages_per_second": granted} if granted else {})


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _seconds(value: object) -> int:
    return value if isinstance(value, int) and 0 <= value < 32_503_680_000 else 0
