"""Put the history of the schema into wheels: `flow migrate` needs it wherever Flow is installed."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Migrations(BuildHookInterface[Any]):
    """Adds supabase/migrations to a wheel as workers/migrations; an editable install reads them in place."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Answer hatchling before it builds."""
        folder = Path(self.root) / "supabase" / "migrations"
        if version == "standard" and folder.is_dir():
            build_data["force_include"][str(folder)] = "workers/migrations"
