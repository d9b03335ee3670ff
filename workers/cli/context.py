"""Which project a command talks to: the one that the environment names, else the stack that runs here."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from dotenv import dotenv_values

from workers.cli.output import Refusal
from workers.settings import Settings, SettingsError

DEFAULT_DATA = ".flow"
PROJECT = ("SUPABASE_URL", "FLOW_DATABASE_URL")  # either names a project; a stack's settings are not mixed in
NEEDS = ("supabase_url", "supabase_secret_key")


def data_directory(data: Path | None = None) -> Path:
    """Give the stack's data directory: as given, else FLOW_DATA, else .flow here."""
    return (data or Path(os.environ.get("FLOW_DATA") or DEFAULT_DATA)).expanduser().resolve()


def settings_for_commands(
    data: Path | None = None, needs: Iterable[str] = NEEDS, more: Mapping[str, str] | None = None
) -> Settings:
    """Give the settings of the running stack, unless the environment, ./.env or `more` names a project.

    What a command needs besides the project and its secret key it asks for with `Settings.require`.
    """
    found = dotenv_values(".env") | dict(os.environ) | dict(more or {})
    given = {key: value for key, value in found.items() if value}
    if not any(given.get(name) for name in PROJECT):
        given = _of_stack(data_directory(data)) | given
    return _load(given, needs)


def settings_of_stack(data: Path) -> Settings:
    """Give the settings with which the stack in a data directory was started."""
    return _load(_of_stack(data), NEEDS)


def _load(given: Mapping[str, str], needs: Iterable[str]) -> Settings:
    try:
        return Settings.load(given, needs=needs)
    except SettingsError as error:
        raise Refusal(str(error), "settings_invalid") from error


def _of_stack(data: Path) -> dict[str, str]:
    path = data / "settings.env"
    if not path.exists():
        raise Refusal(
            f"No stack was started in {data}: start it with `flow up`, or set SUPABASE_URL and its keys.",
            "no_stack",
        )
    lines = path.read_text().splitlines()
    return {key: value for key, _, value in (line.partition("=") for line in lines)}
