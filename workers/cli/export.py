"""`flow export` and `flow import-archive`: everything of an organization, out to a file and in again."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast
from uuid import UUID

import click

from workers.cli.output import Refusal, Result, progress, reports
from workers.cli.project import database, org_option, outside, settings


def _exported(done: Result) -> str:
    return f"{done['rows']} rows and {done['files']} files are in {done['to']} ({done['bytes']} bytes)"


@click.command("export")
@org_option
@click.option(
    "--to", type=click.Path(dir_okay=False, path_type=Path), required=True, help="The ZIP file to write."
)
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@reports(_exported)
def export(org_id: UUID, to: Path, *, force: bool) -> Result:
    """Write everything of an organization into one ZIP file: rows, files, a manifest with counts and digests.

    Secrets are left out. It needs no room in Storage, and does not count as the owner's export of the day.
    """
    from workers.rights.tofile import export_to_file

    if to.exists() and not force:
        raise Refusal(f"{to} is there already: give another name, or --force.", "file_exists")
    progress("Reading …")
    manifest = export_to_file(database(), outside(), settings(), str(org_id), to)
    return {
        "to": to, "bytes": to.stat().st_size, "rows": sum(table["rows"] for table in manifest["tables"]),
        "files": manifest["media"]["files"], "missing_files": manifest["media"]["missing"],
        "cutoff": manifest["cutoff"],
        "tables": {table["table"]: table["rows"] for table in manifest["tables"]},
        "exclusions": manifest["exclusions"],
    }  # fmt: skip


def _imported(done: Result) -> str:
    loaded, left, behind = (cast(dict[str, Any], done[name]) for name in ("loaded", "left", "not_loaded"))
    words = [f"{sum(loaded.values())} rows of {len(loaded)} tables and {done['files']} files are loaded."]
    words += [
        f"{rows} rows of {name} refer to people or rows that are not here." for name, rows in left.items()
    ]
    words += [f"Not loaded: {name}: {why}" for name, why in sorted(behind.items())]
    return "\n".join(words)


@click.command("import-archive")
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@org_option
@reports(_imported)
def import_archive(files: tuple[Path, ...], org_id: UUID) -> Result:
    """Load an archive (all its parts) into an organization that has just been made.

    All of it or nothing. Nothing is sent, fetched or told: numbers and sources arrive disconnected, the
    greeting, sequences and forms switched off. Invite its members first, so that what is theirs finds them.
    """
    from workers.rights.archive import Archive

    try:
        from workers.rights.importing import import_archive as load  # psycopg is no dependency of the workers
    except ModuleNotFoundError as error:
        raise Refusal(
            "flow import-archive needs psycopg: pip install 'psycopg[binary]'.", "psycopg_missing"
        ) from error
    known = settings()
    known.require("flow_database_url")
    with Archive(files) as archive:
        progress("Loading …")
        return load(archive, outside(), known, str(org_id))


def register(flow: click.Group) -> None:
    """Add the commands of this module."""
    flow.add_command(export)
    flow.add_command(import_archive)
