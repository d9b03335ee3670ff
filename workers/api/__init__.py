"""`/api/<action>`: what needs a secret, a call outside or the phone library, so that the dashboard asks here.

The person's own token is passed on, so the database still decides what they may do. One module a concern;
each registers its actions on the one blueprint.
"""

from __future__ import annotations

from workers.api import (
    exports,
    imports,
    indiamart,
    invoices,
    leads,
    media,
    push,
    sheets,
    signup,
    statements,
    telemetry,
    templates,
    v1,
    whatsapp,
)
from workers.api.asking import bp

__all__ = [
    "bp",
    "exports",
    "imports",
    "indiamart",
    "invoices",
    "leads",
    "media",
    "push",
    "sheets",
    "signup",
    "statements",
    "telemetry",
    "templates",
    "v1",
    "whatsapp",
]
