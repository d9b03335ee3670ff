"""An organization's IndiaMART account: its key, and the address at which IndiaMART pushes."""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

from workers.database import Database
from workers.errors import Refused
from workers.settings import Settings


def connect(database: Database, org_id: str, key: str, base_url: str | None = None) -> dict[str, Any]:
    """Give an organization its CRM key, the first or a new one; {"source_id"}. Raises Refused."""
    return database.rpc("connect_indiamart", org_id=org_id, key=key, base_url=base_url)


def push_address(database: Database, settings: Settings, org_id: str, *, may_replace: bool) -> dict[str, Any]:
    """Make the address to paste at IndiaMART as a Push API; {"url", …}. Shown once: Flow keeps its hash.

    Raises Refused push_already_set_up when there is one that may not be replaced.
    """
    settings.require("flow_public_url")
    if not may_replace and _has_push_address(database, org_id):
        raise Refused(
            409,
            "Push is set up already, and its address cannot be shown again: a new one makes the old one stop "
            "working.",
            "push_already_set_up",
        )
    token = secrets.token_urlsafe(32)
    digest = hashlib.sha256(token.encode()).hexdigest()
    made = database.rpc("rotate_push_token", org_id=org_id, token_sha256=digest)
    return {"url": f"{settings.flow_public_url}/webhooks/indiamart/{token}", **made}


def _has_push_address(database: Database, org_id: str) -> bool:
    try:
        return bool(database.rpc("indiamart_source", org_id=org_id).get("has_push_token"))
    except Refused as refused:
        if refused.detail == "source_not_found":
            return False
        raise
