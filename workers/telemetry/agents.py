"""Where a request came from, roughly: families of browser, system and device, and the network; no address."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

from workers.logs import scrub_text

LONGEST = 512
"""Characters of a User-Agent that are looked at."""


def finish_request(row: dict[str, object]) -> dict[str, object]:
    """Give a request's row with what its User-Agent and its address stand for, in their place."""
    row = dict(row)
    agent, address = str(row.pop("user_agent", "")), str(row.pop("address", ""))
    os, browser, device = families(agent)
    return {**row, "ip_prefix": network(address), "os": os, "browser": browser, "device": device}


@lru_cache(maxsize=2048)
def families(agent: str) -> tuple[str | None, str | None, str | None]:
    """Give the families of operating system, browser and device, as far as the User-Agent tells."""
    from ua_parser import parse  # noqa: PLC0415 (its table takes a moment: not while an app starts)

    found = parse(agent[:LONGEST])
    parts = (found.os, found.user_agent, found.device)
    os, browser, device = (scrub_text(part.family)[:64] if part else None for part in parts)
    return os, browser, device


def network(address: str) -> str | None:
    """Give the network of an address: /24, or /48 of IPv6; None for what is no address."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return None
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    return str(ipaddress.ip_network(f"{parsed}/{24 if parsed.version == 4 else 48}", strict=False))
