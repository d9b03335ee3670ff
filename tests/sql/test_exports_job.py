"""The job `exports`, with Storage in memory: it goes on where another died, and leaves nothing lying about."""

from __future__ import annotations

import io
import re
from itertools import count
from urllib.parse import unquote

import httpx
import pytest

from tests.sql.deleting import just_signed_in
from tests.sql.exporting import Direct, rows_in
from tests.sql.planted import plant
from workers.rights import exporting, reading
from workers.rights.archive import Archive
from workers.settings import Settings

NUMBERS = count(47_000)


class Died(BaseException):
    """A worker is killed."""


class Storage:
    """Storage as far as the job uses it; `fault(method, path)` may raise, or give another answer."""

    def __init__(self, db):
        self.db, self.objects, self.fault = db, {}, lambda method, path: None
        self.most = 1 << 40

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path = unquote(request.url.path).removeprefix("/storage/v1/object/")
        body = request.read()
        bucket, _, name = path.partition("/")
        if (answer := self.fault(request.method, name)) is not None:
            return answer
        if len(body) > self.most:
            return httpx.Response(400, json={"statusCode": "413", "message": "exceeded"})
        if request.method == "POST":
            self.objects[name] = body
            self.db.execute(
                "insert into storage.objects (bucket_id, name) values (%s, %s) on conflict do nothing",
                [bucket, name],
            )
            return httpx.Response(200, json={"Key": path})
        if request.method == "DELETE":
            names = httpx.Response(200, content=body).json()["prefixes"]
            self.db.execute("select set_config('storage.allow_delete_query', 'true', true)")
            for one in names:
                self.objects.pop(one, None)
                self.db.execute(
                    "delete from storage.objects where bucket_id = %s and name = %s", [bucket, one]
                )
            return httpx.Response(200, json=[])
        if name not in self.objects:
            return httpx.Response(400, json={"statusCode": "404", "message": "Object not found"})
        data = self.objects[name]
        if wanted := re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("range", "")):
            return httpx.Response(206, content=data[int(wanted[1]) : int(wanted[2]) + 1])
        return httpx.Response(200, content=data)


class World:
    """An organization whose owner has asked for an export."""

    def __init__(self, db, planted, export_id):
        self.db, self.planted, self.export_id = db, planted, export_id
        self.storage = Storage(db)
        self.http = httpx.Client(transport=httpx.MockTransport(self.storage))
        self.settings = Settings.load(
            {"SUPABASE_URL": "http://127.0.0.1:9", "SUPABASE_SECRET_KEY": "sb_secret_x", "FLOW_JOB_SECONDS": "20"},
            needs=(),
        )  # fmt: skip

    def run(self):
        return exporting.run(Direct(self.db), self.http, self.settings)

    def let_pass(self):
        """The lease runs out, or what waits is due."""
        due = "update private.organization_exports set next_at = now() where id = %s and next_at is not null"
        self.db.execute(due, [self.export_id])

    def row(self):
        told = "select to_jsonb(e) from private.organization_exports e where id = %s"
        return self.db.value(told, self.export_id)

    def check(self):
        """It is ready, whole, and nothing else is left."""
        row = self.row()
        assert (row["status"], row["error"]) == ("ready", None)
        assert set(self.storage.objects) == {part["path"] for part in row["parts"]}
        with Archive([io.BytesIO(self.storage.objects[part["path"]]) for part in row["parts"]]) as archive:
            archive.check()
            found = {table: len(rows) for table, rows in rows_in(archive).items()}
        assert sum(found.values()) == row["rows"]
        assert found == {table: row["tables"].get(table, 0) for table in found}
        return found


@pytest.fixture
def world(db, org, person):
    owner = person("Asha")
    planted = plant(db, org(owner), owner.id, next(NUMBERS))
    just_signed_in(db, owner)
    export_id = db.value("select public.request_export(%s)", planted.org_id)["id"]
    db.as_operator()
    return World(db, planted, export_id)


def test_an_export_is_made_in_one_go_and_its_pieces_are_removed(world):
    answer = world.run()

    assert answer == {"turns": 1, "removed": 1, "more": False}
    assert world.check()["public.leads"] == 1
    assert world.run() == {"turns": 0, "removed": 0, "more": False}


@pytest.mark.parametrize("dies_at", ["pieces/0", "pieces/7", "pieces/30", "part-1.zip"])
def test_a_worker_that_is_killed_is_followed_by_one_that_goes_on(world, monkeypatch, dies_at):
    monkeypatch.setattr(reading, "_ENOUGH", 1)  # a piece for each page
    written: list[str] = []

    def fault(method, name):
        if method == "POST":
            written.append(name.split("/", 3)[-1])
            if name.endswith(dies_at) and written.count(dies_at) == 1:
                raise Died

    world.storage.fault = fault
    with pytest.raises(Died):
        world.run()
    world.run()
    assert world.row()["status"] in ("reading", "writing"), "the lease stands"

    world.let_pass()
    world.run()

    world.check()
    assert {name: n for name, n in ((name, written.count(name)) for name in written) if n > 1} == {dies_at: 2}


def test_time_that_is_up_is_gone_on_with(world, monkeypatch):
    monkeypatch.setattr(reading, "_ENOUGH", 1)
    world.settings = world.settings.model_copy(update={"flow_job_seconds": 0.05})

    turns = 0
    while world.row()["status"] != "ready":
        assert turns < 200
        turns += 1
        answer = world.run()

    assert turns > 1
    assert answer["more"] in (True, False)
    world.run()
    world.check()


REFUSALS = [
    pytest.param(lambda: httpx.Response(500, json={"message": "no"}), "storage_refused", id="an error"),
    pytest.param(lambda: (_ for _ in ()).throw(httpx.ConnectError("no")), "storage_unreachable", id="away"),
    pytest.param(lambda: (_ for _ in ()).throw(OSError(28, "No space left")), "no_room", id="disk full"),
]


@pytest.mark.parametrize(("refusal", "slug"), REFUSALS)
@pytest.mark.parametrize("at", ["pieces/0", "part-1.zip"])
def test_what_fails_for_the_moment_is_told_and_tried_again(world, refusal, slug, at):
    world.storage.fault = lambda method, name: refusal() if method == "POST" and name.endswith(at) else None
    world.run()
    row = world.row()
    assert (row["error_slug"], row["lease"]) == (slug, None)
    assert row["error"]

    world.storage.fault = lambda method, name: None
    world.let_pass()
    world.run()

    world.check()


def test_a_part_that_storage_finds_too_large_is_told_with_its_remedy(world):
    too_large = httpx.Response(400, json={"statusCode": "413", "message": "exceeded"})
    world.storage.fault = lambda method, name: too_large if name.endswith(".zip") else None

    world.run()

    row = world.row()
    assert (row["status"], row["error_slug"]) == ("failed", "part_too_large")
    assert "raise its limit" in row["error"]
    assert world.storage.objects == {}, "nothing of it is left"


def test_a_large_archive_comes_in_parts(world):
    world.settings = world.settings.model_copy(update={"flow_export_part_mb": 0.02})

    world.run()

    assert len(world.row()["parts"]) > 2
    world.check()


def test_what_storage_takes_is_found_out_by_trying(world, monkeypatch):
    monkeypatch.setattr(exporting, "_SMALLEST", 20_000)
    world.storage.most = 60_000

    world.run()

    assert len(world.row()["parts"]) > 1
    world.check()


def test_an_archive_that_is_not_stored_as_it_was_written_is_not_given_to_anybody(world):
    def fault(method, name):
        if method == "GET" and name.endswith(".zip"):
            world.storage.objects[name] = world.storage.objects[name][:-30] + b"x" * 30

    world.storage.fault = fault
    world.run()

    assert (world.row()["status"], world.row()["error_slug"]) == ("failed", "archive_differs")


@pytest.mark.parametrize("at", ["pieces/0", "part-1.zip"])
def test_an_export_that_is_stopped_while_a_worker_has_it_leaves_nothing(world, at):
    def fault(method, name):
        if method == "POST" and name.endswith(at):
            world.db.execute(
                "update private.organization_exports set status = 'cancelled', next_at = null, lease = null,"
                " finished_at = now(), expires_at = now() where id = %s",
                [world.export_id],
            )

    world.storage.fault = fault
    world.run()

    assert world.row()["status"] == "cancelled"
    assert world.storage.objects == {}
    assert world.row()["removed_at"]


def test_rows_that_go_while_they_are_exported_are_counted_as_they_were_read(world, monkeypatch):
    monkeypatch.setattr(reading, "_ENOUGH", 1)

    def fault(method, name):
        if name.endswith("pieces/3"):
            world.db.execute("delete from public.tasks where org_id = %s", [world.planted.org_id])
            world.db.execute("delete from public.quick_replies where org_id = %s", [world.planted.org_id])

    world.storage.fault = fault
    world.run()

    assert world.check()["public.tasks"] == 0
