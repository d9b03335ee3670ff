"""`flow billing`: through whom money comes, who sells, and what one organization is granted."""

from datetime import datetime
from pathlib import Path
from uuid import UUID

import click

from workers.cli.output import Result, reports
from workers.cli.plans import json_file, object_in
from workers.cli.project import database, org_option, settings

LIMITS = ("seats", "numbers", "leads_per_month")


@click.group()
def billing() -> None:
    """Set up subscription billing."""


@billing.command()
@reports()
def show() -> Result:
    """Show the payment supplier and the seller that stands on invoices."""
    return {**database().rpc("payment_provider"), "seller": database().rpc("seller")}


@billing.command("provider")
@click.argument("name", type=click.Choice(["razorpay", "stripe"]))
@click.option("--account", help="Our account there (acc_…): webhooks that name another are set aside.")
@reports()
def set_provider(name: str, account: str | None) -> Result:
    """Take money through a supplier from now on, in the mode of the key that is set."""
    needed = {"razorpay": ("razorpay_key_id", "razorpay_key_secret"), "stripe": ("stripe_secret_key",)}[name]
    known = settings()
    known.require(*needed)
    key = known.razorpay_key_id or "" if name == "razorpay" else known.secret("stripe_secret_key")
    mode = "live" if "_live_" in key[:9] else "test"
    return database().rpc("set_payment_provider", provider=name, mode=mode, account=account)


@billing.command()
@json_file
@reports()
def seller(file: Path) -> Result:
    """Set who sells, from a JSON file.

    {legal_name, gstin, state_code, address, email, prefix, sac, gst_percent}: invoices to come carry it.
    """
    return database().rpc("set_seller", seller=object_in(file, "The file of the seller"))


@billing.command()
@json_file
@reports()
def coupon(file: Path) -> Result:
    """Make or replace a coupon, from a JSON file.

    {code, percent or amount_net in paise, cycles, plans, valid_until, max_uses}
    """
    return database().rpc("save_coupon", coupon=object_in(file, "The file of the coupon"))


@billing.command()
@org_option
@click.argument("mode", type=click.Choice(["wallet", "postpaid"]))
@reports()
def collect(org_id: UUID, mode: str) -> Result:
    """Take money for usage from the wallet, or by an invoice with a payment link afterwards."""
    return database().rpc("set_collection_mode", org_id=str(org_id), collection_mode=mode)


@billing.command()
@org_option
@click.argument("key", type=click.Choice(LIMITS))
@click.argument("value")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), help="The last day in UTC; for good without it.")
@reports()
def limit(org_id: UUID, key: str, value: str, until: datetime | None) -> Result:
    """Grant another limit than the plan's: a number, `unlimited`, or `plan` for the plan's again."""
    if value not in ("unlimited", "plan") and not value.isdecimal():
        raise click.UsageError("Give a whole number, `unlimited` or `plan`.")
    return database().rpc(
        "set_entitlement",
        org_id=str(org_id),
        key=key,
        value=int(value) if value.isdecimal() else None,
        until=f"{until:%Y-%m-%d}T23:59:59Z" if until else None,
        is_lifted=value == "plan",
    )


@billing.command()
@click.argument("payment_id")
@click.option("--amount", type=click.IntRange(min=1), help="In paise; all that is left without it.")
@reports()
def refund(payment_id: str, amount: int | None) -> Result:
    """Give a payment back, whole or in part; PAYMENT_ID is the supplier's (pay_…).

    The credit note follows by itself. Asked again within a day for the same amount, it is the same refund.
    """
    return database().rpc("refund_payment", payment_id=payment_id, amount=amount)


@billing.command()
@reports()
def problems() -> Result:
    """Show what was not believed, not booked or refused: events, payments, intents and subscriptions."""
    return database().rpc("billing_problems")


def register(flow: click.Group) -> None:
    """Add the commands of this module."""
    flow.add_command(billing)
