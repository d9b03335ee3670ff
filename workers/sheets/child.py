"""The child process that reads a file: limited in memory and time, it touches that file and its pipes alone.

One JSON object comes on standard input: {path, task: read | run, choices, country, …}. Each answer is a line
of JSON: {"reading"}, {"batch"}, {"done"} or {"unreadable"}.
"""

from __future__ import annotations

import contextlib
import json
import sys
from pathlib import Path
from typing import Any

MEMORY = 420_000_000  # of addresses, of which a file of 100,000 rows makes less than half resident
SECONDS = 60


def main() -> None:
    """Read one file as told."""
    limit()
    from workers.sheets.files import Unreadable  # noqa: PLC0415 (what it loads counts within the limits)

    told = json.loads(sys.stdin.buffer.readline())
    try:
        work(told)
    except Unreadable as error:
        say({"unreadable": {"slug": error.slug, "words": error.words}})
    except MemoryError:
        say({"unreadable": {"slug": "too_much_memory", "words": TOO_MUCH}})


TOO_MUCH = "Reading the file takes more memory than it may: split it into several files."


def limit() -> None:
    """Take the limits upon this process; elsewhere than on Unix only time is watched, by the parent."""
    with contextlib.suppress(ImportError):
        import resource  # noqa: PLC0415 (Unix only)

        for what, most in (
            (resource.RLIMIT_AS, MEMORY),
            (resource.RLIMIT_CPU, SECONDS),
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_FSIZE, 0),
        ):
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(what, (most, most))


def peak() -> int:
    """Give the most memory that this process ever held, in bytes; 0 where nobody tells."""
    with contextlib.suppress(ImportError):
        import resource  # noqa: PLC0415 (Unix only)

        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most * 1024
    return 0


def work(told: dict[str, Any]) -> None:
    """Do what was told, and say what came of it."""
    from workers.sheets import files, reading, rows  # noqa: PLC0415 (after the limits)

    table = files.table_of(Path(told["path"]), told["choices"])
    if told["task"] == "read":
        say({"reading": reading.read(table, told["choices"], told["country"])})
        return
    found = told["reading"]
    header = int(found["header_row"])
    first, last = max(int(told["next_row"]), header + 1), header + int(found["rows"])
    for batch in rows.batches(
        table.rows, rows.Columns.of(told["mapping"], found), first, last, int(told["number"])
    ):
        say({"batch": batch.as_json()})
    say({"done": {"peak": peak()}})


def say(line: dict[str, Any]) -> None:
    """Write one line."""
    sys.stdout.buffer.write(json.dumps(line, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
