"""Takes Flow's guards away one by one and says which test of the promises notices: `make mutants`.

Guards of the database are taken away within the transaction of each test, which is rolled back; guards in
files are cut out of a copy of the repository. A guard whose absence no test notices fails the run.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from _pytest.runner import runtestprotocol

from tests.cluster import STATE, Cluster
from tests.database import LIMITS, Database
from tests.local.flow_command import free_port
from tests.mutants.guards import Guard, guards
from tests.mutants.sources import CUTS, Cut

ROOT = Path(__file__).parents[2]
PROMISES = ROOT / "tests" / "promises"
# They need a stack or a browser; a guard of the database is seen without.
SLOW = (
    "test_dashboard.py",
    "test_secrets_never_leave.py",
    "test_connecting.py",
    "test_every_promise.py",
    "test_telemetry.py",
)


class Absence:
    """A pytest plugin that runs the promises' tests again and again, each time with another guard absent."""

    def __init__(self, absent: list[Guard]) -> None:
        self.absent = absent
        self.noticed: dict[str, str | None] = {}

    @contextmanager
    def _taken_away(self, guard: Guard) -> Iterator[None]:
        borrow = Database.borrow

        def borrow_without(dsn: str, free: list[Database]) -> Database:
            connection = borrow(dsn, free)
            connection.execute(guard.without.encode())
            return connection

        Database.borrow = borrow_without  # type: ignore[method-assign, assignment]
        try:
            yield
        finally:
            Database.borrow = borrow  # type: ignore[method-assign]

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Try every guard: the tests that should notice first, then all others."""
        for item in session.items:
            assert self._passes(item), f"{item.name} fails with every guard in its place"
        for number, guard in enumerate(self.absent, start=1):
            first = [item for item in session.items if item.name.startswith(guard.tests)]
            rest = [item for item in session.items if item not in first]
            with self._taken_away(guard):
                found = next((item.name for item in (*first, *rest) if not self._passes(item)), None)
            self.noticed[guard.name] = found
            say(f"{number}/{len(self.absent)}", guard.name, found)
        return True

    def _passes(self, item: pytest.Item) -> bool:
        if hasattr(item, "_initrequest"):
            item._initrequest()
        # Something else comes next: what is the test's own ends with it, what is the session's stays.
        another = next(one for one in item.session.items if one.path != item.path)
        reports = runtestprotocol(item, log=False, nextitem=another)
        return all(report.passed for report in reports)


def say(number: str, guard: str, test: str | None) -> None:
    """Tell what noticed the absence of a guard."""
    print(f"{number:>9}  {guard} → {test or 'NOBODY NOTICES'}", flush=True)


def in_the_database(wanted: str) -> dict[str, str | None]:
    """Take away the guards of the database whose names hold these letters."""
    with tempfile.TemporaryDirectory() as folder:
        cluster = Cluster(Path(folder) / "data", free_port())
        cluster.start()
        try:
            dsn = cluster.database("flow", STATE)
            with Database.connect(dsn, options=LIMITS) as db:
                found = [guard for guard in guards(db) if wanted in guard.name]
            os.environ["FLOW_TEST_DSN"] = dsn
            absence = Absence(found)
            paths = [str(path) for path in sorted(PROMISES.glob("test_*.py")) if path.name not in SLOW]
            pytest.main([*paths, "-q", "-p", "no:xdist", "-p", "no:cacheprovider"], [absence])
        finally:
            cluster.stop()
    assert len(absence.noticed) == len(found), "the run broke off"
    return absence.noticed


def in_files(wanted: str) -> dict[str, str | None]:
    """Cut guards out of a copy of the repository, one at a time."""
    noticed = {}
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "flow"
        left_out = shutil.ignore_patterns(".git", ".venv", ".flow", "__pycache__", ".*_cache")
        shutil.copytree(ROOT, copy, ignore=left_out, symlinks=True)
        for number, cut in enumerate([cut for cut in CUTS if wanted in cut.name], start=1):
            noticed[cut.name] = _tried(cut, copy)
            say(f"file {number}", cut.name, noticed[cut.name])
    return noticed


def _tried(cut: Cut, copy: Path) -> str | None:
    path = copy / cut.path
    whole = path.read_text()
    if whole.count(cut.old) != 1:
        sys.exit(f"{cut.path} no longer says exactly once: {cut.old}")
    command = [sys.executable, "-m", "pytest", "-p", "no:xdist", "-x", "-q", *shlex.split(cut.tests)]
    environment = {name: text for name, text in os.environ.items() if name != "FLOW_TEST_DSN"}
    environment["PYTHONPATH"] = str(copy)  # also for the stack that a test starts
    path.write_text(whole.replace(cut.old, cut.new))
    try:
        done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
    finally:
        path.write_text(whole)
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED ")]
    return failed[0].split("::")[1].split(" ")[0] if failed else None


def main() -> int:
    """Take away every guard, or those whose names hold the word given; fail when one is not missed."""
    wanted, began = " ".join(sys.argv[1:]), time.monotonic()
    noticed = in_the_database(wanted) | in_files(wanted)
    survivors = [name for name, test in noticed.items() if test is None]
    tests = Counter(test for test in noticed.values() if test)
    minutes = (time.monotonic() - began) / 60
    print(f"\n{len(noticed)} guards taken away in {minutes:.1f} minutes, noticed by {len(tests)} tests.")
    for name in survivors:
        print(f"NOBODY NOTICES the absence of: {name}")
    return 1 if survivors or not noticed else 0


if __name__ == "__main__":
    sys.exit(main())
