"""What `flow doctor` says of the organizations' accounts, of the usage ledger and of IndiaMART."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Literal

from workers.database import Database
from workers.errors import FlowError
from workers.local.contract import Finding

LATE = timedelta(minutes=10)


def findings(database: Database) -> Iterator[Finding]:
    """Look at each; a database older than this release is told of where the migrations are looked at."""
    for look in (_alarms, _whatsapp, _ledger, _indiamart, _billing):
        try:
            yield from look(database)
        except FlowError:
            continue


def _whatsapp(database: Database) -> Iterator[Finding]:
    """How the connected accounts stand, as the hourly check found them."""
    says = database.rpc("whatsapp_problems")
    found, accounts = says.get("findings") or [], int(says.get("accounts") or 0)
    for one in found:
        what = f"WhatsApp of {one['who']}: {one['words']}"
        yield Finding("error" if one["level"] == "problem" else "warning", what, one["remedy"])
    if says.get("late"):
        yield Finding(
            "warning",
            f"{says['late']} WhatsApp accounts were not looked at for hours",
            "See that the workers' jobs run (FLOW_WORKERS) and that the database can reach them.",
        )
    elif accounts and not found:
        yield Finding("ok", f"WhatsApp is well: {accounts} accounts")


def _ledger(database: Database) -> Iterator[Finding]:
    """What waits for a person in the usage ledger."""
    says = database.rpc("ledger_problems")
    waiting: dict[str, int] = says.get("needs_review") or {}
    if waiting:
        named = ", ".join(f"{reason} {count}" for reason, count in sorted(waiting.items()))
        yield Finding(
            "warning",
            f"{sum(waiting.values())} delivered messages have no price yet ({named})",
            "`flow ledger entries --review` names them; `flow rates import` brings the card of a market.",
        )
    if says.get("unpriced_accounts"):
        yield Finding(
            "warning",
            f"{says['unpriced_accounts']} WhatsApp accounts have no known time zone or currency",
            "Set both in WhatsApp Manager: the hourly health check reads them.",
        )
    if says.get("differences"):
        yield Finding(
            "warning",
            f"{says['differences']} differences between the ledger and Meta's figures wait for a review",
            "`flow ledger reconcile` shows them by organization.",
        )
    since = says.get("unsettled_since")
    if since and datetime.now(UTC) - datetime.fromisoformat(str(since)) > LATE:
        yield Finding(
            "error",
            f"{says['unsettled']} ledger entries are not settled for more than ten minutes",
            "See that pg_cron runs `flow-sweep`, or have a scheduler POST /jobs/sweep.",
        )
    elif not waiting:
        yield Finding("ok", "The usage ledger is settled, and every message has its price")


def _indiamart(database: Database) -> Iterator[Finding]:
    """How the organizations' keys and push addresses stand."""
    says = database.rpc("indiamart_problems")
    found = says.get("findings") or []
    for one in found:
        level: Literal["error", "warning"] = "error" if one["level"] == "problem" else "warning"
        yield Finding(level, f"IndiaMART of {one['who']}: {one['words']}", one["remedy"])
    if says.get("sources") and not found:
        yield Finding("ok", f"IndiaMART is well: {says['sources']} accounts")


def _alarms(database: Database) -> Iterator[Finding]:
    """What the rules of alarms see just now; of organizations' numbers and sources, the others here tell."""
    says = database.rpc("look_at_alarms")
    for sign in says.get("signs") or []:
        about = f" (alarm {sign['alarm_id']} since {sign['since'][:16]})" if sign["alarm_id"] else ""
        yield Finding(
            "error" if sign["severity"] == "critical" else "warning", sign["words"] + about, sign["remedy"]
        )
    for channel in says.get("channels") or []:
        if channel["is_wanted"] and channel["error"]:
            yield Finding(
                "warning",
                f"Alarms could not be told by {channel['channel']} ({channel['error']})",
                "Check the settings FLOW_ALARM_… and FLOW_SMTP_URL; it is tried again by itself.",
            )
    if says.get("is_late"):
        yield Finding(
            "error",
            "Nobody looks for alarms since five minutes or more",
            "See that pg_cron runs `flow-alarms`, or have a scheduler POST /jobs/sweep every minute.",
        )
    elif says.get("rules") and not says["signs"]:
        yield Finding("ok", f"No alarm: {says['rules']} rules are looked at every few minutes")


def _billing(database: Database) -> Iterator[Finding]:
    """Whether what is on offer can be paid and invoiced, and what a payment supplier did not take."""
    offered = [
        plan for plan in database.rpc("subscription_plans").get("plans") or [] if plan.get("is_current")
    ]
    missing = []
    if not database.rpc("payment_provider").get("provider"):
        missing.append(("supplier", "flow billing provider"))
    if not database.rpc("seller").get("legal_name"):
        missing.append(("seller", "flow billing seller"))
    if offered:
        for what, command in missing:
            yield Finding(
                "error",
                f"Plans are on offer, but no {what} is set: nobody can subscribe",
                f"Run `{command}`.",
            )
    says, waiting = database.rpc("billing_problems"), []
    for name, words in (
        ("intents", "wishes were refused by the supplier"),
        ("subscriptions", "subscriptions are not as the supplier tells"),
    ):
        if many := len(says.get(name) or []):
            waiting.append(f"{many} {words}")
    if waiting:
        yield Finding(
            "warning", f"Billing: {', '.join(waiting)}", "`flow billing problems` names them and says why."
        )
    elif offered and not missing:
        yield Finding("ok", f"Billing is well: {len(offered)} plans on offer")
