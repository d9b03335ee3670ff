"""Migrations that would stop an installation in use: `python -m tests.migrations` names them.

Everything up to BASELINE was there before the first release and is applied to empty databases only.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

from workers.local.migrations import OUTSIDE

BASELINE = "20261123120999"
FOLDER = Path(__file__).parents[1] / "supabase" / "migrations"
SQUAWK = Path(sys.executable).with_name("squawk")
# Of taste, or settled elsewhere: flow migrate sets lock_timeout, and applies each file once.
NOT_ASKED = (
    "prefer-robust-stmts", "require-timeout-settings", "prefer-text-field", "prefer-bigint-over-int",
    "prefer-bigint-over-smallint", "prefer-identity", "ban-char-field",
)  # fmt: skip


def refused(paths: list[Path]) -> list[str]:
    """Give what squawk refuses, as `file:line rule: words`."""
    said = [line for path in paths for line in _misplaced(path)]
    for is_outside in (False, True):
        chosen = [
            path for path in paths if path.read_text(encoding="utf-8").startswith(OUTSIDE) == is_outside
        ]
        if not chosen:
            continue
        options = ["--reporter=json", "--pg-version=17", *(f"--exclude={rule}" for rule in NOT_ASKED)]
        if not is_outside:
            options.append("--assume-in-transaction")
        done = subprocess.run([SQUAWK, *options, *chosen], capture_output=True, text=True)
        if done.returncode not in (0, 1):
            raise RuntimeError(done.stderr)
        said += [
            f"{Path(one['file']).name}:{one['line'] + 1} {one['rule_name']}: {one['message']}"
            for one in json.loads(done.stdout or "[]")
        ]
    return said


def _misplaced(path: Path) -> list[str]:
    """What cannot run in a transaction has a file of its own, whose first line says so."""
    text = path.read_text(encoding="utf-8").strip()
    if text.startswith(OUTSIDE):
        return (
            [f"{path.name}:1 one-statement: only one fits outside a transaction"]
            if text.count(";") > 1
            else []
        )
    return [
        f"{path.name}:{number} concurrently: needs a file of its own that begins with «{OUTSIDE}»"
        for number, line in enumerate(text.splitlines(), 1)
        if re.search(r"\b(index|partition)\b.*\bconcurrently\b", line, re.IGNORECASE)
    ]


def released(folder: Path = FOLDER) -> list[Path]:
    """Give the migrations that meet databases in use."""
    return [path for path in sorted(folder.glob("[0-9]*_*.sql")) if path.name.split("_")[0] > BASELINE]


def main() -> int:
    """Answer `make lint`."""
    said = refused(released())
    print("\n".join(said) or f"Migrations: {len(released())} after the baseline, none that locks.")
    return bool(said)


if __name__ == "__main__":
    sys.exit(main())
