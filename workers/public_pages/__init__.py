"""What the pages have in common that anybody may see, without an account and without script.

They extend `public_page.html`, which wants `language` and `words` (with `title` and `other_language`).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, request

bp = Blueprint(
    "public", __name__, template_folder="templates", static_folder="static", static_url_path="/pages/static"
)

_INDIA = ZoneInfo("Asia/Kolkata")


def language(offered: Iterable[str]) -> str:
    """Give the language of the page: as its address says, else as the person chose in the dashboard, else
    as the browser wishes."""
    known = tuple(offered)
    for wanted in (request.args.get("lang"), request.cookies.get("lang")):
        if wanted in known:
            return wanted
    return request.accept_languages.best_match(known) or "en"


def respond(page: str, status: int, ancestors: str = "'none'") -> Response:
    """Answer with a page that loads its style and nothing else; `ancestors` may show it in a frame."""
    response = Response(page, status)
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; "
        f"frame-ancestors {ancestors}"
    )
    response.headers["Vary"] = "Cookie, Accept-Language"
    return response


def moment(instant: str) -> str:
    """Give the minute of an instant of the database, in India."""
    return f"{datetime.fromisoformat(instant).astimezone(_INDIA):%d-%m-%Y %H:%M} IST"


def day(instant: str) -> str:
    """Give the day of an instant of the database, in India."""
    return f"{datetime.fromisoformat(instant).astimezone(_INDIA):%d-%m-%Y}"
