"""`flow backup` and `flow restore`: the whole installation in one encrypted file, and back."""

from importlib import import_module
from pathlib import Path
from typing import Any

import click

from workers.cli.context import settings_for_commands
from workers.cli.output import Refusal, Result, progress, reports
from workers.cli.project import read_secret
from workers.cli.stack import data_option
from workers.clients import outbound_client
from workers.settings import Settings

NEEDS = ("supabase_url", "supabase_secret_key", "flow_database_url")


def _made(done: Result) -> str:
    what = f"{done['rows']} rows, {done['files']} files, {done['bytes']} bytes"
    return f"{done['path']}\n{what}. Keep the passphrase somewhere else."


def _loaded(done: Result) -> str:
    still = (
        f"{done['cancelled']} waiting messages were cancelled, {done['broadcasts_paused']} broadcasts paused."
    )
    numbers = (
        f"\n{done['numbers_paused']} numbers are paused: an admin resumes each in Settings → WhatsApp."
        if done["numbers_paused"]
        else ""
    )
    return f"{done['rows']} rows and {done['files']} files restored. {still}{numbers}\nNext: flow doctor"


@click.command()
@data_option
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder for the file.",
)
@reports(_made)
def backup(folder: Path, data: Path | None) -> Result:
    """Write rows, accounts, keys and files into one file, encrypted with the passphrase on standard input.

    The passphrase has 12 letters or more. Nothing is stopped meanwhile: the rows are those of one moment.
    """
    known, making = _known(data), _module("making")
    passphrase = read_secret("the passphrase")
    with outbound_client(known) as http:
        path, manifest = making.make(known, folder, passphrase, http, progress)
    return {
        "path": path,
        "bytes": path.stat().st_size,
        "rows": sum(table.rows for table in manifest.tables),
        "tables": len(manifest.tables),
        "files": len(manifest.files),
        "migration": manifest.migrations[-1],
    }


@click.command()
@data_option
@click.option(
    "--from",
    "path",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="The backup's file.",
)
@click.option("--check", is_flag=True, help="Read and check the whole file; change nothing.")
@click.option(
    "--live", is_flag=True, help="Leave the numbers sending: the installation that was backed up is gone."
)
@reports(lambda done: "The backup is whole." if "checked" in done else _loaded(done))
def restore(path: Path, data: Path | None, *, check: bool, live: bool) -> Result:
    """Load a backup into an installation that has the same schema and nobody in it yet.

    The passphrase is read from standard input. Every byte is checked before anything changes, and the rows go
    in with one transaction. What waited to be sent is cancelled, for it may have left after the backup was
    made, and numbers are paused until an admin resumes them.
    """
    known, loading = _known(data), _module("loading")
    with loading.opened(path, read_secret("the passphrase")) as (archive, manifest):
        if check:
            return {"checked": True, "made_at": manifest.made_at, "release": manifest.release}
        with outbound_client(known) as http:
            result: dict[str, Any] = loading.load(known, archive, manifest, http, progress, live=live)
    return result


def _known(data: Path | None) -> Settings:
    return settings_for_commands(data, needs=NEEDS)


def _module(name: str) -> Any:
    """Give a module that needs psycopg, which is no dependency of the workers."""
    try:
        return import_module(f"workers.backup.{name}")
    except ModuleNotFoundError as error:
        raise Refusal(
            "This command needs psycopg: pip install 'nanocon-flow[operator]'.", "psycopg_missing"
        ) from error


def register(flow: click.Group) -> None:
    """Add the commands of this module."""
    flow.add_command(backup)
    flow.add_command(restore)
