"""Which payment suppliers this deployment can talk to: those whose keys it was given."""

from __future__ import annotations

from collections.abc import Mapping

import httpx

from workers.billing.provider import Mode, Provider
from workers.settings import Settings

Suppliers = Mapping[tuple[str, Mode], Provider]


def suppliers(http: httpx.Client, settings: Settings) -> Suppliers:
    """Give the suppliers by name and mode; a supplier's module is loaded only where it is configured."""
    found: list[Provider] = []
    if settings.razorpay_key_id and settings.razorpay_key_secret:
        from workers.billing.razorpay import Razorpay  # noqa: PLC0415

        found.append(Razorpay(http, settings))
    if settings.stripe_secret_key:
        from workers.billing.stripe import Stripe  # noqa: PLC0415

        found.append(Stripe(http, settings))
    return {(provider.name, provider.mode): provider for provider in found}
