"""What billing leaves behind: a buyer, a subscription, a link, a payment with its invoice, a refund, a limit of its own."""

from typing import Any
from uuid import UUID

from tests.database import Database


def plant_billing(db: Database, org_id: UUID) -> dict[str, Any]:
    """Put something into each table of billing; no plan is put on offer, so nothing is limited."""
    given: dict[str, Any] = {"org": org_id, "code": f"planted-{org_id.hex[:12]}", "word": org_id.hex}

    def add(query: str) -> Any:
        return db.execute(query, given).fetchone()[0]  # type: ignore[index]

    def put(name: str, query: str) -> None:
        given[name] = add(query)

    db.execute(
        """
        insert into public.billing_accounts (org_id, legal_name, state_code, address, email)
        values (%(org)s, 'Planted Traders', '29', '1 Planted Road', 'planted@example.test')
        """,
        given,
    )
    db.execute("insert into private.entitlement_overrides (org_id, key) values (%(org)s, 'seats')", given)
    put(
        "plan_id",
        """
        insert into private.subscription_plans (code, version, name, period, amount_net, gst_percent, amount_gross, is_per_seat, trial_days)
        values (%(code)s, 1, 'Planted', 'monthly', 100000, 18, 118000, false, 0) returning id
        """,
    )
    put(
        "subscription_id",
        """
        insert into public.subscriptions (org_id, place, provider, mode, provider_id, plan_id, quantity, status, provider_status)
        values (%(org)s, 'current', 'razorpay', 'test', 'sub_' || %(word)s, %(plan_id)s, 1, 'active', 'active') returning id
        """,
    )
    put(
        "intent_id",
        """
        insert into private.billing_intents (org_id, kind, provider, mode, purpose, amount_net, amount, subscription_id, provider_id, requested_by, params)
        values (%(org)s, 'payment_link', 'razorpay', 'test', 'arrears', 100000, 118000, %(subscription_id)s, 'plink_' || %(word)s, gen_random_uuid(), '{"description": "x"}')
        returning id
        """,
    )
    put(
        "payment_id",
        """
        insert into public.payments (org_id, provider, mode, provider_id, subscription_id, intent_id, amount, currency, status, purpose)
        values (%(org)s, 'razorpay', 'test', 'pay_' || %(word)s, %(subscription_id)s, %(intent_id)s, 118000, 'INR', 'captured', 'arrears') returning id
        """,
    )
    put(
        "refund_id",
        """
        insert into public.refunds (org_id, provider, mode, provider_id, payment_id, amount, status)
        values (%(org)s, 'razorpay', 'test', 'rfnd_' || %(word)s, %(payment_id)s, 100, 'pending') returning id
        """,
    )
    put(
        "invoice_id",
        """
        with n as (select private.next_number('PL', '2627') as seq)
        insert into public.invoices (org_id, kind, series, fy, seq, number, issued_on, purpose, seller, buyer, place_of_supply, lines, gst_percent, taxable, cgst, sgst, igst,
                                     round_off, total, payment_id)
        select %(org)s, 'invoice', 'PL', '2627', n.seq, private.invoice_number('PL', '2627', n.seq), '2026-11-01', 'arrears', '{}', '{}', '29', '[]', 18, 100000, 0, 0, 18000, 0,
               118000, %(payment_id)s from n returning id
        """,
    )
    return {name: given[name] for name in ("plan_id", "subscription_id", "intent_id", "payment_id", "refund_id", "invoice_id")}  # fmt: skip
