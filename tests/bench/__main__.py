"""`make bench`: how fast Flow is. `python -m tests.bench leads imports` measures those sections alone.

Each section makes a database or a stack of its own and prints figures of one run; none fails on time.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from tests.bench import dashboard, desk, export, imports, leads, ledger, pages, purge, telemetry, webhooks

SECTIONS: dict[str, Callable[[], None]] = {
    "webhooks": webhooks.main,
    "pages": pages.main,
    "ledger": ledger.main,
    "leads": leads.main,
    "desk": desk.main,
    "imports": imports.main,
    "purge": purge.main,
    "dashboard": dashboard.main,
    "export": export.main,
    "telemetry": telemetry.main,
}


def main(wanted: list[str]) -> None:
    """Measure the sections that are wanted, all unless any is named; SystemExit when one is unknown."""
    if unknown := set(wanted) - set(SECTIONS):
        raise SystemExit(f"no section {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}")
    for name in wanted or SECTIONS:
        print(f"== {name}", flush=True)
        SECTIONS[name]()


if __name__ == "__main__":
    main(sys.argv[1:])
