"""One call to IndiaMART's Pull API v2.

The key travels in the query: the URL is a secret and never leaves this module.
"""

from __future__ import annotations

import time
from datetime import datetime
from urllib.parse import quote

import httpx

from workers.indiamart.answers import Answer, hide, read_answer, unanswered
from workers.indiamart.leads import IST

PATH = "/wservce/crm/crmListing/v2/"
SECONDS = 30.0
LONGEST = 20 * 1024 * 1024
"""Bytes of an answer, unpacked."""
# Not %b, which speaks the language of the machine.
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def format_time(instant: datetime) -> str:
    """Give a time as IndiaMART's own example writes it: Indian time, no space between date and clock."""
    local = instant.astimezone(IST)
    return f"{local:%d}-{_MONTHS[local.month - 1]}-{local:%Y%H:%M:%S}"


def fetch(http: httpx.Client, base_url: str, key: str, window_from: datetime, window_to: datetime) -> Answer:
    """Ask for the leads of a window; never raises for what the other side does or fails to do."""
    query = "&".join(
        f"{name}={quote(value, safe='')}"
        for name, value in (
            ("glusr_crm_key", key),
            ("start_time", format_time(window_from)),
            ("end_time", format_time(window_to)),
        )
    )
    url = f"{base_url.rstrip('/')}{PATH}?{query}"
    try:
        return _read(http, url, key)
    except httpx.HTTPError as error:
        # Its text, its request and its traceback hold the URL.
        return unanswered(f"{type(error).__name__}: {hide(str(error), key)}")
    except httpx.InvalidURL:
        return unanswered("InvalidURL")


def _read(http: httpx.Client, url: str, key: str) -> Answer:
    began = time.monotonic()
    body = bytearray()
    with http.stream(
        "GET",
        url,
        headers={"Accept": "application/json"},
        extensions={"provider": "indiamart"},  # one that is played has an address of its own
        follow_redirects=False,
        timeout=httpx.Timeout(SECONDS, connect=10),
    ) as response:
        if response.is_redirect:
            return unanswered(f"redirected, HTTP status {response.status_code}; redirects are not followed")
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > LONGEST:
                return unanswered(f"more than {LONGEST} bytes")
            if time.monotonic() - began > SECONDS:
                return unanswered(f"not finished after {SECONDS:.0f} seconds")
        return read_answer(response.status_code, bytes(body), key)
