"""People who are signed in already: by the form the first time, as their browser remembers after that."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.browser.window import Window

_kept: dict[str, str] = {}


def entered(
    window: Callable[..., Window], email: str, path: str, size: str = "desktop", **look: str
) -> Window:
    """A window of somebody who is signed in, at an address."""
    kept = _kept.get(email)
    opened = window(None if kept else email, size, **look)
    if kept:
        opened.page.add_init_script(f"localStorage.setItem('flow-session', {json.dumps(kept)})")
    else:
        _kept[email] = opened.page.evaluate("localStorage.getItem('flow-session')")
    opened.go(path)
    return opened
