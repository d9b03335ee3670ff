"""The job `alarms`: what is newly wrong, looked after or well again is told, by webhook and by mail.

The database decides what is an alarm, and what of it was told where; a telling that fails is tried again,
ever later. One that was taken just before a worker died is told twice: receivers know it by its id.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from datetime import datetime
from typing import Literal

import httpx
import structlog
from pydantic import BaseModel

from workers import mail
from workers.database import Database
from workers.errors import FlowError, ProviderError
from workers.settings import Settings

log = structlog.stdlib.get_logger(__name__)

LISTED = 20
"""Alarms that a text names; more are counted."""
_TIMEOUT = httpx.Timeout(10, connect=5)
_SIGNS = {"open": "ALARM", "acknowledged": "Looked after", "resolved": "Over"}


class Alarm(BaseModel, extra="ignore"):
    """One alarm as it is now, as `worker.claim_alarm_news` gives it."""

    alarm_id: int
    changes: int
    rule: str
    severity: Literal["warning", "critical"]
    state: Literal["open", "acknowledged", "resolved"]
    subject: str
    org_id: str | None = None
    words: str
    remedy: str
    since: datetime
    resolved_at: datetime | None = None

    def line(self) -> str:
        """Say it in one line."""
        span = f"since {self.since:%d %b %H:%M} UTC"
        if self.resolved_at:
            span = f"{self.since:%d %b %H:%M} to {self.resolved_at:%H:%M} UTC"
        about = f" [organization {self.org_id}]" if self.org_id else ""
        return f"{_SIGNS[self.state]} ({self.severity}): {self.words}{about} ({span})"


class Telling(BaseModel, extra="ignore"):
    """What is to be told on one channel, under a lease."""

    channel: Literal["webhook", "mail"]
    lease: str
    alarms: list[Alarm]

    @property
    def key(self) -> str:
        """Name what is told: the same alarms in the same states have the same."""
        told = ",".join(f"{alarm.alarm_id}.{alarm.changes}" for alarm in self.alarms)
        return hashlib.sha256(told.encode()).hexdigest()[:32]


def channels(settings: Settings) -> list[str]:
    """Name the channels that the settings set up."""
    wanted = {"webhook": settings.flow_alarm_webhook_url, "mail": settings.flow_alarm_mail_to}
    return [name for name, address in wanted.items() if address]


def run(database: Database, http: httpx.Client, settings: Settings) -> dict[str, object]:
    """Tell what is to be told, once on each channel; give {told, failed, more}."""
    told, failed, more = 0, 0, False
    ways: dict[str, Callable[[Telling], None]] = {
        "webhook": lambda telling: _post(http, settings, telling),
        "mail": lambda telling: _mail(settings, telling),
    }
    for given in database.rpc("claim_alarm_news", channels=channels(settings))["tellings"]:
        telling, error = Telling.model_validate(given), None
        try:
            ways[telling.channel](telling)
        except FlowError as problem:
            error = problem.detail
            log.warning("alarms were not told", channel=telling.channel, detail=error, reason=problem.message)
        answer = database.rpc(
            "finish_alarm_news",
            channel=telling.channel,
            lease=telling.lease,
            told=[{"alarm_id": alarm.alarm_id, "changes": alarm.changes} for alarm in telling.alarms],
            error=error,
        )
        told, failed = told + (error is None) * len(telling.alarms), failed + (error is not None)
        more = more or bool(answer["more"])
    return {"told": told, "failed": failed, "more": more}


def subject(alarms: list[Alarm]) -> str:
    """Say in a few words how things stand."""
    counts = {state: sum(alarm.state == state for alarm in alarms) for state in _SIGNS}
    words = [f"{many} {state if state != 'resolved' else 'over'}" for state, many in counts.items() if many]
    return (
        f"Flow: {alarms[0].rule.replace('_', ' ')}, {words[0].split()[1]}"
        if len(alarms) == 1
        else (f"Flow: alarms, {', '.join(words)}")
    )


def text(settings: Settings, alarms: list[Alarm]) -> str:
    """Say it in words: the first alarms with what to do, how many more there are, and where all are."""
    first = sorted(alarms, key=lambda one: (one.state == "resolved", one.severity == "warning"))[:LISTED]
    lines = [subject(alarms)]
    for alarm in first:
        lines.append(f"• {alarm.line()}")
        if alarm.state == "open":
            lines.append(f"  → {alarm.remedy}")
    if len(alarms) > LISTED:
        lines.append(f"… and {len(alarms) - LISTED} more.")
    if settings.flow_public_url:
        lines.append(f"{settings.flow_public_url}/operations/alarms")
    return "\n".join(lines)


def _post(http: httpx.Client, settings: Settings, telling: Telling) -> None:
    """Post what is told, signed; raises ProviderError for whatever is not taken with a 2xx."""
    document = {
        "id": telling.key,
        "text": text(settings, telling.alarms),
        "alarms": [alarm.model_dump(mode="json", exclude={"changes"}) for alarm in telling.alarms],
    }
    body = json.dumps(document, ensure_ascii=False).encode()
    moment = str(int(time.time()))
    secret = settings.secret("flow_alarm_webhook_secret").encode()
    signature = hmac.new(secret, moment.encode() + b"." + body, hashlib.sha256).hexdigest()
    headers = {"Content-Type": "application/json", "X-Flow-Signature": f"t={moment},v1={signature}"}
    try:
        response = http.post(
            settings.secret("flow_alarm_webhook_url"), content=body, headers=headers, timeout=_TIMEOUT
        )
    except httpx.HTTPError as error:
        raise ProviderError(
            f"The receiver of alarms cannot be reached ({type(error).__name__}).",
            detail="receiver_unreachable",
        ) from None
    if not response.is_success:
        raise ProviderError(
            f"The receiver of alarms answers HTTP {response.status_code}.", detail="receiver_refused"
        )


def _mail(settings: Settings, telling: Telling) -> None:
    mail.send(
        settings,
        str(settings.flow_alarm_mail_to),
        subject(telling.alarms),
        text(settings, telling.alarms),
        once=telling.key,
    )
