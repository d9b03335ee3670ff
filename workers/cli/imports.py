"""`flow import`: a file of leads, from this machine into an organization."""

import hashlib
import json
import re
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from workers.cli.output import Refusal, Result, progress, reports
from workers.cli.project import database, org_option, outside, settings
from workers.sheets.job import BUCKET, Worker
from workers.storage import Bucket

WAIT_SECONDS = 1800
_COUNTS = ("new", "known", "updated", "blank", "error")


def _human(done: Result) -> str:
    counts = ", ".join(f"{done[name]} {name}" for name in _COUNTS)
    greeted = f"; {done['greetable']} can be greeted" if done["greetable"] else ""
    words = "Would be" if done["dry_run"] else "Imported"
    return f"{words}: {counts}{greeted} (import {done['import_id']})"


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@org_option
@click.option(
    "--mapping", metavar="JSON", help='Which column is what: {"0": "name", "2": "phone"}; else as suggested.'
)
@click.option("--greet", is_flag=True, help="Greet the new leads on WhatsApp; a dry run counts them first.")
@click.option("--dry-run", is_flag=True, help="Only tell what would become of the rows.")
@click.option("--again", is_flag=True, help="Import it although this very file was imported before.")
@reports(_human)
def import_file(
    file: Path, org_id: UUID, mapping: str | None, *, greet: bool, dry_run: bool, again: bool
) -> Result:
    """Import the leads of a CSV or XLSX file."""
    wanted = _mapping(mapping) if mapping else None
    one = _upload(file, org_id, is_confirmed=again)
    try:
        found = one.until("read")
        chosen = wanted or (found["remembered"] or {}).get("columns") or _suggested(found["reading"])
        if dry_run or greet:
            one.ask("confirm", mapping={"columns": chosen}, is_check=True, greet=False)
            checked = one.until("read")["checked"]
            if dry_run:
                one.ask("cancel")
                return {"import_id": one.import_id, "dry_run": True, "mapping": chosen} | {
                    name: checked[name] for name in (*_COUNTS, "greetable")
                }
            progress(f"{checked['greetable']} people will be greeted")
            confirmed = {"greet": True, "greet_count": checked["greetable"]}
        else:
            confirmed = {"greet": False}
        one.ask("confirm", mapping={"columns": chosen}, is_check=False, **confirmed)
        done = one.until("done")
    finally:
        one.worker.remove_files()
    return {
        "import_id": one.import_id,
        "dry_run": False,
        "mapping": chosen,
        "greetable": done["greetable"],
    } | {name: done[f"rows_{name}"] for name in _COUNTS}


def _mapping(given: str) -> dict[str, str]:
    """Read --mapping."""
    try:
        mapping = json.loads(given)
    except ValueError as error:
        raise click.UsageError("--mapping is not JSON.") from error
    is_right = isinstance(mapping, dict) and all(
        re.fullmatch("[0-9]{1,3}", column) and isinstance(field, str) for column, field in mapping.items()
    )
    if not is_right:
        raise click.UsageError('--mapping looks like {"0": "name", "2": "phone"}: columns count from 0.')
    return dict(mapping)


def _suggested(reading: dict[str, Any]) -> dict[str, str]:
    columns = enumerate(reading["columns"])
    return {str(index): column["field"] for index, column in columns if column["field"]}


class _One:
    """One import, worked here unless a worker of the project has it."""

    def __init__(self, org_id: UUID, import_id: str, worker: Worker) -> None:
        self.which = {"org_id": str(org_id), "import_id": import_id}
        self.import_id, self.worker = import_id, worker

    def ask(self, wish: str, **given: object) -> None:
        """Ask something of it, as a person does."""
        database().rpc("ask_import", **self.which, wish=wish, given=given)

    def until(self, status: str) -> dict[str, Any]:
        """Work until it stands so. Raises Refusal when it fails."""
        end = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < end:
            self.worker.until = time.monotonic() + 5
            claimed = self.worker.claim(**self.which)
            if claimed:
                self.worker.work(claimed)
            stands = database().rpc("import_status", **self.which)
            if stands["status"] == status:
                return stands
            if stands["status"] in ("failed", "cancelled"):
                words = stands["error"] or "The import was cancelled."
                raise Refusal(words, stands["error_slug"] or "cancelled")
            if stands["status"] == "running":
                progress(f"Row {stands['next_row']} of {stands['rows_total']}")
            if not claimed:
                time.sleep(0.5)
        raise Refusal("The import takes too long; it goes on without this command.", "import_slow")


def _upload(file: Path, org_id: UUID, *, is_confirmed: bool) -> _One:
    """Put a file into the bucket."""
    content = file.read_bytes()
    bucket = Bucket(outside(), settings(), BUCKET)
    begun = database().rpc(
        "begin_import",
        org_id=str(org_id),
        filename=file.name[-240:],
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        is_confirmed=is_confirmed,
    )
    which = {"org_id": str(org_id), "import_id": begun["import_id"]}
    try:
        with file.open("rb") as opened:
            bucket.put(begun["path"], opened, "application/octet-stream")
    except Exception:
        database().rpc("drop_import", **which)
        raise
    database().rpc("import_uploaded", **which)
    return _One(org_id, begun["import_id"], Worker(database(), bucket, 0))


def register(flow: click.Group) -> None:
    """Add the commands of this module."""
    flow.add_command(import_file)
