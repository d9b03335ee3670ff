"""A project for commands, of which every question is noted."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.http.ledger_commands import Gateway
from workers.cli.project import database, outside, settings


@pytest.fixture
def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    """A project that is this gateway, for commands run in an empty directory."""
    made = Gateway()
    monkeypatch.chdir(tmp_path)
    for name in ("FLOW_DATABASE_URL", "FLOW_DATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SUPABASE_URL", made.url)
    monkeypatch.setenv("SUPABASE_SECRET_KEY", "sb_secret_of_nobody")
    for cached in (settings, database, outside):
        cached.cache_clear()
    yield made
    database().close()
    for cached in (settings, database, outside):
        cached.cache_clear()
    made.server.shutdown()
    made.server.server_close()
