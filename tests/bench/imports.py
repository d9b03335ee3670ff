"""`python -m tests.bench imports`: files of 100,000 rows, one in ten a double; rows a second, memory.

In a database of its own, the real functions, the real child; no gateway and no Storage in between.
Prints, never fails on time.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import openpyxl
import psycopg

from tests.cluster import STATE, Cluster
from tests.http.real_database import RealDatabase
from tests.local.flow_command import free_port
from workers.sheets.job import Worker
from workers.storage import Bucket

ROWS = int(os.environ.get("FLOW_BENCH_IMPORT", "100000"))
HEADER = ("Name", "Mobile No.", "Email", "शहर", "Product", "Remarks")
MAPPING = {
    "columns": {str(i): f for i, f in enumerate(("name", "phone", "email", "city", "product", "message"))}
}


class _File(Bucket):
    """A bucket that holds one file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def get(self, path: str, into: IO[bytes]) -> None:  # noqa: ARG002 (there is one)
        """Give the file, whatever is asked for."""
        into.write(self.path.read_bytes())
        into.seek(0)


def rows(seed: int) -> Iterator[tuple[object, ...]]:
    """Give the list; each file has other people."""
    for n in range(ROWS):
        who = n - 1 if n % 10 == 9 else n
        phone = 9_000_000_000 + seed * 1_000_000 + who
        yield (
            f"Buyer {who}",
            phone,
            f"b{seed}.{who}@example.test",
            "पुणे",
            "Pump 5 HP",
            "Wants a price by Monday",
        )


def csv_file(path: Path, seed: int) -> None:
    """Write the list as CSV."""
    with path.open("w", encoding="utf-8") as file:
        file.write(",".join(HEADER) + "\n")
        file.writelines(",".join(map(str, row)) + "\n" for row in rows(seed))


def xlsx_file(path: Path, seed: int) -> None:
    """Write the list as a workbook."""
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.append(HEADER)
    for row in rows(seed):
        sheet.append(row)
    book.save(path)


def measure(database: RealDatabase, org_id: str, path: Path) -> dict[str, Any]:
    """Import one file; give the figures."""
    worker = Worker(database, _File(path), float("inf"))
    content = path.read_bytes()
    one = database.rpc("begin_import", org_id=org_id, filename=path.name, bytes=len(content),
                       sha256=hashlib.sha256(content).hexdigest())["import_id"]  # fmt: skip
    which = {"org_id": org_id, "import_id": one}
    database.rpc("import_uploaded", **which)
    began = time.monotonic()
    _work(worker)
    read = time.monotonic()
    wish = {"mapping": MAPPING, "is_check": False, "greet": False}
    database.rpc("ask_import", **which, wish="confirm", given=wish)
    _work(worker)
    done = time.monotonic()
    stands = database.rpc("import_status", **which)
    database.rpc("ask_import", **which, wish="undo", given={})
    _work(worker)
    return {
        "rows": stands["rows_total"], "status": stands["status"],
        "counts": {k: stands[f"rows_{k}"] for k in ("new", "known", "updated", "blank", "error")},
        "read, s": round(read - began, 1), "stored, s": round(done - read, 1),
        "rows/s": round(ROWS / (done - began)), "child, MB": round(worker.peak / 1e6),
        "undone, s": round(time.monotonic() - done, 1),
        "undo": database.rpc("import_status", **which)["undo"],
    }  # fmt: skip


def _work(worker: Worker) -> None:
    claimed = worker.claim()
    assert claimed
    worker.work(claimed)


def main() -> None:
    """Make a database, measure, forget it."""
    speed: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="flow-bench-") as folder:
        cluster = Cluster(Path(folder) / "data", free_port())
        try:
            cluster.start()
            dsn = cluster.database("bench", STATE)
            with psycopg.connect(dsn, autocommit=True) as owner:
                person = (
                    "insert into auth.users (id, email, raw_user_meta_data) values (%s, 'b@flow.test', '{}')"
                )
                who = "00000000-0000-4000-8000-000000000001"
                owner.execute(person, [who])
                made = owner.execute("select private.new_organization('Bench', %s)", [who]).fetchone()
            assert made
            database = RealDatabase(dsn)
            for seed, (name, write) in enumerate({"leads.csv": csv_file, "leads.xlsx": xlsx_file}.items()):
                path = Path(folder) / name
                write(path, seed)
                figures = measure(database, str(made[0]), path)
                for what, value in figures.items():
                    print(f"{name + ', ' + what:<58} {value}", flush=True)
                speed[name] = figures["rows/s"]
            database.close()
            ratio = speed["leads.xlsx"] / speed["leads.csv"]
            print(f"{'leads.xlsx over leads.csv, ratio of rows/s':<58} {ratio:.2f} ×")
        finally:
            cluster.stop()


if __name__ == "__main__":
    main()
