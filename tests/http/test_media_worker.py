"""The job `media` before a Meta that means well and one that does not."""

import base64
import hashlib
import io
import os
import threading
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import flask
import httpx
import pytest

from tests.http.media_world import QUICK, MediaWorld, SqlDatabase, media_world
from tests.http.recording import settings
from workers.errors import FlowError
from workers.media import job
from workers.media.download import NotFetchedError, check_address, hex_digest
from workers.sandbox.server import LoopbackServer

PHOTO = b"\xff\xd8\xff" + os.urandom(20_000)


@pytest.fixture(scope="module")
def world(dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MediaWorld]:
    with media_world(dsn, tmp_path_factory.mktemp("bucket")) as made:
        yield made


@pytest.fixture
def trap() -> Iterator[tuple[str, list[str]]]:
    """A host that is none of Meta's, and what came to it."""
    heard: list[str] = []
    app = flask.Flask("trap")

    @app.get("/<path:path>")
    def hear(path: str) -> str:
        heard.append(f"{path} {flask.request.headers.get('Authorization')}")
        return "secret"

    server = LoopbackServer(app, 0)
    server.start()
    yield server.url, heard
    server.shutdown()
    server.server_close()


KINDS = [
    pytest.param("image", "image/jpeg", {"caption": "The pump"}, id="image"),
    pytest.param("video", "video/mp4", {}, id="video"),
    pytest.param("audio", "audio/ogg; codecs=opus", {"voice": True}, id="voice message"),
    pytest.param("document", "application/pdf", {"filename": "चालान.pdf"}, id="document"),
    pytest.param("sticker", "image/webp", {"animated": False}, id="sticker"),
]


@pytest.mark.parametrize(("kind", "mime_type", "more"), KINDS)
def test_what_a_customer_sends_comes_to_rest_in_the_bucket(
    world: MediaWorld, kind: str, mime_type: str, more: dict[str, Any]
) -> None:
    content = os.urandom(30_000)
    wamid = world.hear(kind, content, mime_type, more=more)

    world.run()

    row = world.row(wamid)
    kept = world.stored(row)
    assert (row["status"], row["error"], row["kind"], row["bytes"]) == ("stored", None, kind, 30_000)
    assert (row["filename"], row["mime_type"]) == (more.get("filename"), mime_type)
    assert row["sha256"] == hashlib.sha256(content).hexdigest()
    assert row["path"].startswith(f"{world.business.org_id}/2")
    assert (kept.content, kept.headers["content-type"]) == (content, mime_type)


def test_a_page_that_a_customer_sends_is_never_served_as_one(world: MediaWorld) -> None:
    wamid = world.hear("document", b"<script>alert(1)</script>", "text/html", more={"filename": "a.html"})

    world.run()

    assert world.stored(world.row(wamid)).headers["content-type"] == "application/octet-stream"


# trick, its details, how the row stands after the first and after the second try
HOSTILE = [
    pytest.param({"trick": "wrong_type"}, "wrong_type", ["pending", "refused"], id="another type"),
    pytest.param({"trick": "endless"}, "too_large", ["refused"], id="endless"),
    pytest.param({"trick": "huge_length"}, "too_large", ["refused"], id="a petabyte announced"),
    pytest.param({"trick": "drip", "pace": 0.05}, "too_slow", ["pending", "pending"], id="a byte at a time"),
    pytest.param({"trick": "drip_headers", "pace": 0.3}, "too_slow", ["pending"], id="a header at a time"),
    pytest.param({"trick": "wrong_hash"}, "wrong_hash", ["pending", "refused"], id="another digest"),
    pytest.param({"trick": "wrong_size"}, "wrong_size", ["pending", "refused"], id="another size"),
    pytest.param({"trick": "gzip"}, "compressed", ["pending", "refused"], id="a bomb"),
    pytest.param({"trick": "gone"}, "gone", ["pending", "pending", "pending", "failed"], id="not found"),
    pytest.param({"trick": "cut"}, "broken_off", ["pending", "pending"], id="half of it"),
    *(
        pytest.param({"trick": "address", "address": address}, "foreign_host", ["refused"], id=words)
        for words, address in {
            "a file of ours": "file:///etc/passwd",
            "the cloud's metadata": "http://169.254.169.254/latest",
            "a lookalike": "https://lookaside.fbsbx.com.evil.example/x",
            "without TLS": "http://lookaside.fbsbx.com/x",
            "no address": "::",
        }.items()
    ),
]  # fmt: skip


@dataclass
class Ordeal:
    """What became of all hostile cases, fetched side by side, and of their neighbours."""

    stands: dict[str, list[str]]
    rows: dict[str, dict[str, Any]]
    kept: dict[str, int]
    neighbours: list[str]
    seconds: float
    memory: int


@pytest.fixture(scope="module")
def ordeal(world: MediaWorld) -> Ordeal:
    cases = {str(case.id): case.values for case in HOSTILE}
    neighbour = world.another()
    bad = {name: world.hear("image", PHOTO, "image/jpeg", **tricks) for name, (tricks, *_) in cases.items()}
    good = [world.hear("image", PHOTO, "image/jpeg", business=neighbour) for _ in range(5)]
    stands: dict[str, list[str]] = {name: [] for name in bad}
    tracemalloc.start()
    began = time.monotonic()
    for turn in range(max(len(case[2]) for case in cases.values())):
        told = {name: wamid for name, wamid in bad.items() if len(cases[name][2]) > turn}
        for wamid in told.values():
            world.due(world.row(wamid))
        world.run()
        for name, wamid in told.items():
            stands[name].append(world.row(wamid)["status"])
    seconds, (_, memory) = time.monotonic() - began, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    rows = {name: world.row(wamid) for name, wamid in bad.items()}
    kept = {name: world.stored(row).status_code for name, row in rows.items()}
    neighbours = [world.row(wamid)["status"] for wamid in good]
    world.forget()
    return Ordeal(stands, rows, kept, neighbours, seconds, memory)


@pytest.mark.parametrize(("tricks", "slug", "stands"), HOSTILE)
def test_a_hostile_host_harms_nothing_and_the_row_says_why(
    ordeal: Ordeal, request: pytest.FixtureRequest, tricks: dict[str, Any], slug: str, stands: list[str]
) -> None:
    name = request.node.callspec.id

    row = ordeal.rows[name]
    assert (ordeal.stands[name], row["error_slug"]) == (stands, slug)
    assert row["error"]
    assert ordeal.kept[name] == 400


def test_hostile_hosts_take_neither_memory_nor_time_from_their_neighbours(ordeal: Ordeal) -> None:
    assert set(ordeal.neighbours) == {"stored"}
    assert ordeal.seconds < 12
    assert ordeal.memory < 20_000_000  # the bomb alone would be 50


@pytest.mark.parametrize("trick", ["redirect", "address"])
def test_the_token_goes_to_no_host_but_metas(
    world: MediaWorld, trap: tuple[str, list[str]], trick: str
) -> None:
    url, heard = trap
    wamid = world.hear("image", PHOTO, "image/jpeg", trick=trick, address=f"{url}/steal")

    world.run()

    row = world.row(wamid)
    assert (row["status"], row["error_slug"], heard) == ("refused", "foreign_host", [])
    assert "address" in row["error"] or "hosts" in row["error"]


@pytest.mark.parametrize("trick", ["expired", "wrong_hash", "cut", "gone"])
def test_what_goes_wrong_once_is_made_good(world: MediaWorld, trick: str) -> None:
    wamid = world.hear("image", PHOTO, "image/jpeg", trick=trick, count=1)

    world.run()
    first = world.row(wamid)
    world.due(first)
    world.run()

    assert (first["status"], first["attempts"]) == ("pending", 1)
    assert world.row(wamid)["status"] == "stored"


def test_a_file_that_is_too_large_is_not_even_begun(world: MediaWorld) -> None:
    wamid = world.hear("image", bytes(5_242_881), "image/jpeg")

    world.run()

    row = world.row(wamid)
    assert (row["status"], row["error"]) == (
        "refused",
        "The file is too large: Flow fetches pictures up to 5 MB",
    )
    assert world.asked(row)["downloads"] == 0


def test_a_large_file_passes_in_constant_memory(world: MediaWorld) -> None:
    content = os.urandom(1 << 20) * 12
    wamid = world.hear("video", content, "video/mp4")
    tracemalloc.start()

    world.run(job.Limits())
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert world.row(wamid)["bytes"] == len(content)
    # The sandbox shares the process and holds the file a few times; nobody else does.
    assert most < 5 * len(content)


def test_a_file_that_meta_does_not_know_is_failed_in_words(world: MediaWorld) -> None:
    wamid = world.hear("image", PHOTO, "image/jpeg", more={"id": "999"})

    world.run()

    row = world.row(wamid)
    assert (row["status"], row["error"]) == ("failed", "Meta does not have the file any more")


def test_two_workers_at_once_fetch_each_file_once(world: MediaWorld) -> None:
    wamids = [world.hear("image", os.urandom(2000), "image/jpeg") for _ in range(12)]

    workers = [threading.Thread(target=world.run) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    rows = [world.row(wamid) for wamid in wamids]
    assert {row["status"] for row in rows} == {"stored"}
    assert {world.asked(row)["downloads"] for row in rows} == {1}


def test_what_a_worker_left_behind_is_done_again_by_the_next(world: MediaWorld) -> None:
    wamid = world.hear("image", PHOTO, "image/jpeg")
    database = SqlDatabase(world.dsn)
    claimed = database.rpc("claim_media", batch=4, lease_seconds=300)  # and then it died
    world.run()
    before = world.row(wamid)["status"]

    world.due(world.row(wamid))
    world.run()

    after = world.row(wamid)
    late = database.rpc(
        "record_media",
        lease=claimed["lease"],
        results=[{"org_id": after["org_id"], "media_id": after["id"], "outcome": "failed", "slug": "x"}],
    )
    database.connection.close()
    assert (len(claimed["items"]), before, after["status"], after["attempts"]) == (1, "pending", "stored", 2)
    assert late == {"media": []}
    assert world.row(wamid)["status"] == "stored"


def test_a_storage_that_is_down_is_waited_for(world: MediaWorld) -> None:
    wamid = world.hear("image", PHOTO, "image/jpeg")
    url, world.storage_url = world.storage_url, "http://127.0.0.1:9"

    world.run()
    world.storage_url = url

    row = world.row(wamid)
    assert (row["status"], row["error"]) == ("pending", "Storage could not be reached")


def test_uploads_that_were_left_behind_are_handed_to_meta(world: MediaWorld) -> None:
    row = uploaded(world, PHOTO)

    world.run()

    (kept,) = world.db.row("select to_jsonb(m) from public.media m where id = %s", row["id"])
    at_meta = world.asked(kept)
    assert (kept["status"], at_meta["mime_type"], at_meta["bytes"]) == ("stored", "image/jpeg", len(PHOTO))
    assert kept["meta_expires_at"] > "2026"


def uploaded(world: MediaWorld, content: bytes) -> dict[str, Any]:
    """A file that is in the bucket, but not at Meta: its worker died between the two."""
    (row,) = world.db.row(
        "insert into public.media as m (org_id, number_id, direction, kind, path, next_at) values"
        " (%s, %s, 'outbound', 'image', %s || '/2026/11/' || gen_random_uuid(), 'infinity')"
        " returning to_jsonb(m)",
        world.business.org_id, world.business.number_id, str(world.business.org_id),
    )  # fmt: skip
    database = SqlDatabase(world.dsn)
    with job.Worker(database, httpx.Client(trust_env=False), world.settings, QUICK) as worker:
        worker.bucket.put(row["path"], io.BytesIO(content), "image/jpeg")
    file = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest(), "mime_type": "image/jpeg"}
    database.rpc("finish_upload", org_id=row["org_id"], media_id=row["id"], file=file)
    database.connection.close()
    world.due(row)
    return dict(row)


ALLOWED = [
    pytest.param("https://lookaside.fbsbx.com/x?mid=1", True, id="Meta's own"),
    pytest.param("https://LOOKASIDE.fbsbx.com:443/x", True, id="its port"),
    pytest.param("https://lookaside.fbsbx.com:8443/x", False, id="another port"),
    pytest.param("https://me:you@lookaside.fbsbx.com/x", False, id="with a user"),
    pytest.param("https://lookaside.fbsbx.com@evil.example/x", False, id="as a user"),
    pytest.param("https://evil.example/lookaside.fbsbx.com", False, id="in the path"),
    pytest.param("http://127.0.0.1:7/_media/1", True, id="the Graph API's own address on this machine"),
    pytest.param("http://127.0.0.1:8/_media/1", False, id="another port of this machine"),
    pytest.param("http://localhost:7/_media/1", False, id="another name of this machine"),
    pytest.param("//lookaside.fbsbx.com/x", False, id="without a scheme"),
    pytest.param("ftp://lookaside.fbsbx.com/x", False, id="another protocol"),
]


@pytest.mark.parametrize(("address", "is_allowed"), ALLOWED)
def test_only_metas_hosts_are_called(address: str, is_allowed: bool) -> None:
    with nullcontext() if is_allowed else pytest.raises(NotFetchedError, match=r"host|none"):
        check_address(address, settings())


def test_a_graph_api_elsewhere_is_no_file_host() -> None:
    with pytest.raises(NotFetchedError):
        check_address("https://graph.facebook.com/x", settings(META_GRAPH_URL="https://graph.facebook.com"))


def test_digests_are_read_in_hex_and_in_base64() -> None:
    hexed = hashlib.sha256(b"x").hexdigest()

    in_base64 = base64.b64encode(hashlib.sha256(b"x").digest()).decode()

    assert hex_digest(hexed.upper()) == hex_digest(in_base64) == hexed
    assert hex_digest("LXEWQrcmsEQBYnyp") is None
    assert hex_digest(None) is None


def test_the_job_answers_with_its_counts(world: MediaWorld) -> None:
    class Down(SqlDatabase):
        def rpc(self, name: str, /, **args: object) -> dict[str, Any]:  # noqa: ARG002
            raise FlowError("down")

    database = Down(world.dsn)
    with pytest.raises(FlowError):
        job.run(database, httpx.Client(), world.settings)
    database.connection.close()
    world.hear("image", PHOTO, "image/jpeg")

    assert world.run() == {"claimed": 1, "done": 1, "more": False}  # every slot was given back
