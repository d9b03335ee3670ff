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
    for look in (_whatsapp, _ledger, _indiamart, _deletions, _isolation, _retention, _billing):
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


def _deletions(database: Database) -> Iterator[Finding]:
    """Whether every deletion will be done within the 30 days that are promised."""
    if late := database.rpc("late_deletions"):
        yield Finding(
            "error",
            f"{len(late)} organizations that asked for deletion 25 days ago are not deleted yet",
            "See that the job `purge` runs: POST /jobs/purge, or pg_cron's `flow-sweep`.",
        )
    else:
        yield Finding("ok", "No deletion is late")


def _isolation(database: Database) -> Iterator[Finding]:
    """Whether organizations are kept apart, as the nightly check tried it out."""
    says = database.rpc("isolation_state")
    if leaks := says.get("leaks"):
        named = ", ".join(sorted({f"{leak['table']} ({leak['what']})" for leak in leaks}))
        yield Finding(
            "error",
            f"Organizations are not kept apart: the last check came through at {named}",
            "Look at the policies and grants of what is named: they differ from this release's.",
        )
    elif says.get("is_late"):
        yield Finding(
            "error",
            "Whether organizations are kept apart was not checked for 48 hours",
            "See that pg_cron runs `flow-isolation`, or press Check now on the Trust page.",
        )
    elif says.get("at"):
        yield Finding("ok", "Organizations are kept apart: the last check found no way through")


def _retention(database: Database) -> Iterator[Finding]:
    """Whether what is too old goes, every night."""
    found = database.rpc("retention_problems").get("problems") or []
    for one in found:
        what = f"no run for 48 hours (last: {one['last_at'] or 'never'})" if one["is_late"] else one["error"]
        yield Finding(
            "error" if one["is_late"] else "warning",
            f"Clearing out of {one['class']}: {what}",
            "See that pg_cron runs `flow-retention` and wakes the job `retention`;"
            " or have a scheduler POST /jobs/retention.",
        )
    if not found:
        yield Finding("ok", "What is too old is cleared out every night")


def _billing(database: Database) -> Iterator[Finding]:
    """Whether what is on offer can be paid and invoiced, and what payment suppliers told in vain."""
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
        ("events", "payment events are not believed"),
        ("payments", "payments are not booked"),
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
