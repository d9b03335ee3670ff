"""The workers of Flow: `create_app` builds one WSGI app with a blueprint for each enabled worker.

A worker checks who is calling, calls the outside, and calls one SQL function before and one after; it keeps
nothing and decides nothing that SQL could decide.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx
    from flask import Flask

    from workers.database import Database
    from workers.settings import Settings

__all__ = ["create_app"]


def create_app(
    settings: Settings | None = None,
    *,
    database: Database | None = None,
    http: httpx.Client | None = None,
) -> Flask:
    """Build the app; without settings they are read from the environment. Raises SettingsError."""
    from workers.app import build  # noqa: PLC0415 (the package's other programs need no web framework)

    return build(settings, database, http)
