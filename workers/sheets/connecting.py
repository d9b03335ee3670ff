"""Connecting a Google Sheet: whose it is, and which tab."""

from __future__ import annotations

from typing import Any

import httpx

from workers.database import Database
from workers.errors import ProviderError, Refused
from workers.settings import Settings
from workers.sheets.google import AccessLost, File, Google, Tab, read_link

SPREADSHEET = "application/vnd.google-apps.spreadsheet"


def connect(
    database: Database,
    http: httpx.Client,
    settings: Settings,
    org_id: str,
    link: str,
    *,
    person: dict[str, Any] | None,
) -> dict[str, Any]:
    """Begin to read the tab that a link names, or the first; {"source_id", "title", "tab"}.

    `person` is {"user_id", "email"} of who connects it: the file must be theirs, or shared with Flow by them,
    since Flow's address reads for every organization. None: an operator, who has made sure. Raises Refused.
    """
    named = read_link(link)
    google = Google(http, settings)
    try:
        file = google.file(named.spreadsheet_id)
        tabs = google.tabs(named.spreadsheet_id) if file.mime_type in ("", SPREADSHEET) else []
    except AccessLost:
        raise Refused(
            409,
            f"Flow may not read this sheet yet: share it with {google.address} as a viewer.",
            "sheet_not_shared",
        ) from None
    except ProviderError as error:
        raise Refused(503, f"{error.message} Try again in a minute.", error.detail) from error
    if person is not None:
        _require_theirs(file, person)
    tab = _chosen(tabs, named.gid)
    sheet = {
        "spreadsheet_id": named.spreadsheet_id, "gid": tab.sheet_id, "title": file.name, "tab": tab.title,
    }  # fmt: skip
    made = database.rpc(
        "connect_sheet", org_id=org_id, sheet=sheet, user_id=person["user_id"] if person else None
    )
    return {**made, "title": file.name, "tab": tab.title}


def _require_theirs(file: File, person: dict[str, Any]) -> None:
    if str(person["email"]).lower() not in file.people:
        raise Refused(
            409,
            f"This sheet was shared with Flow by somebody else: share it from {person['email']}, the address "
            "you sign in with.",
            "sheet_not_yours",
        )


def _chosen(tabs: list[Tab], gid: int | None) -> Tab:
    """Give the tab that was named, else the first that is shown."""
    if gid is None:
        found = next((tab for tab in tabs if not tab.hidden), None)
    else:
        found = next((tab for tab in tabs if tab.sheet_id == gid), None)
    if found is None:
        raise Refused(422, "The sheet has no such tab: open the tab and copy its link.", "tab_not_found")
    return found
