"""The job `retention`: files that are too old leave the bucket, then their rows say so; rows go too."""

from __future__ import annotations

import json
from collections.abc import Iterator
from uuid import UUID

import httpx
import pytest

from tests.business import Business, fresh_org
from tests.database import Database
from tests.http.media_world import SqlDatabase
from tests.http.recording import settings
from workers.errors import ProviderError
from workers.rights import retention


@pytest.fixture
def database(dsn: str) -> Iterator[SqlDatabase]:
    """What the job calls."""
    made = SqlDatabase(dsn)
    yield made
    made.connection.close()


def old_file(dsn: str) -> tuple[UUID, str]:
    """A business with one file of three years, committed, and disconnected again; the file and its path."""
    with Database.connect(dsn) as db:
        business = Business(db, fresh_org(db))
        path = f"{business.org_id}/2023/01/old"
        file = db.value(
            """
            insert into public.media
              (org_id, number_id, direction, kind, path, status, created_at, stored_at, bytes)
            values (%s, %s, 'outbound', 'image', %s, 'stored', now() - interval '3 years', now(), 10)
            returning id
            """,
            business.org_id, business.number_id, path,
        )  # fmt: skip
        db.execute("select worker.disconnect_whatsapp(%s)", [business.org_id])
        db.execute(
            "update private.meta_cleanups set next_at = 'infinity' where org_id = %s", [business.org_id]
        )
        db.execute("delete from private.retention_runs where org_id is null")
        db.commit()
    return file, path


def test_an_old_file_leaves_the_bucket_before_its_row_says_so(
    dsn: str, db: Database, database: SqlDatabase
) -> None:
    file, path = old_file(dsn)
    removed: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if not removed:  # the first time, Storage is away
            removed.append("")
            return httpx.Response(503)
        assert (request.method, request.url.path) == ("DELETE", "/storage/v1/object/media")
        removed.extend(json.loads(request.content)["prefixes"])
        return httpx.Response(200, json=[])

    state = "select status from public.media where id = %s"
    with httpx.Client(transport=httpx.MockTransport(answer)) as http:
        with pytest.raises(ProviderError):
            retention.run(database, http, settings())
        assert db.value(state, file) == "stored", "nothing is forgotten that is still there"

        done = retention.run(database, http, settings())

    assert path in removed
    assert db.value(state, file) == "failed"
    assert int(str(done["files"])) >= 1
    assert done["more"] is False
    assert db.value("select count(*) from private.retention_runs where finished_at is null") == 0
    assert db.value(
        "select count(distinct class) from private.retention_runs where org_id is null"
    ) == db.value("select count(*) from private.retention_classes where how <> 'never'")
