"""The job `media`: what customers sent is fetched from Meta, what members uploaded is handed to Meta.

The database says which files are due and what a result means. If the worker dies, its lease runs out and the
file is handed out again: the same bytes under the same name.
"""

from __future__ import annotations

import tempfile
import threading
import time
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import IO

import httpx
import structlog
from pydantic import BaseModel, ValidationError

from workers.database import Database
from workers.errors import FlowError, ProviderError, Unavailable
from workers.media import kinds
from workers.media.download import (
    Limits,
    NotFetchedError,
    Wanted,
    check_address,
    check_size,
    download_client,
    fetch,
    hex_digest,
    wrong_hash,
)
from workers.meta.graph import Graph, GraphError
from workers.settings import Settings
from workers.storage import Bucket, StorageRefused
from workers.telemetry.trace import carried, on_behalf

log = structlog.stdlib.get_logger(__name__)

LEASE_SECONDS = 300  # longer than the largest file may take, both ways
SLOTS = 4  # files at once in a process, so that they never take its threads or its disk from the webhooks
LINGER = 0.15  # the database asks at most ten times a second: what comes right after a wake-up asked nobody
RECORD_TRIES = 5

Result = dict[str, object]
_slots = threading.BoundedSemaphore(SLOTS)


class Item(BaseModel, extra="ignore"):
    """One file, as the database hands it out."""

    org_id: str
    media_id: str
    account_id: str
    phone_number_id: str
    direction: str
    kind: str
    mime_type: str | None = None
    sha256: str | None = None
    path: str
    meta_id: str | None = None
    max_bytes: int


class Claim(BaseModel, extra="ignore"):
    """Files under one lease, and the tokens of their accounts."""

    lease: str
    tokens: dict[str, str]
    items: list[Item]


class Standing(BaseModel, extra="ignore"):
    """How a file stands once a result is recorded."""

    status: str = "pending"
    error: str | None = None


class _About(BaseModel, extra="ignore"):
    """What Meta says of a file."""

    url: str
    mime_type: str | None = None
    sha256: str | None = None
    file_size: int | None = None


def run(database: Database, http: httpx.Client, settings: Settings) -> dict[str, object]:
    """Fetch and hand over what is due, until nothing is or the job's time is up."""
    with Worker(database, http, settings) as worker:
        return worker.drain()


@dataclass
class Worker:
    """Does what `worker.claim_media` hands out."""

    database: Database
    http: httpx.Client
    settings: Settings
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        self.graph = Graph(self.http, self.settings)
        self.bucket = Bucket(self.http, self.settings, "media")
        self._downloads: httpx.Client | None = None

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        if self._downloads:
            self._downloads.close()

    def drain(self) -> dict[str, object]:
        """Do all that is due. Who finds no free slot leaves it to those that are at work, and the sweep."""
        self._downloads = self._downloads or download_client(self.limits)
        deadline = time.monotonic() + self.settings.flow_job_seconds
        done, claimed, is_last_look, more = 0, 0, False, False
        in_air: set[Future[None]] = set()
        with ThreadPoolExecutor(SLOTS, thread_name_prefix="media") as pool:
            while True:
                if time.monotonic() < deadline:
                    claim = self._claim()
                    for item in claim.items:
                        in_air.add(
                            pool.submit(carried(self._work), claim.lease, item, claim.tokens[item.account_id])
                        )
                    claimed += len(claim.items)
                    if claim.items:
                        is_last_look = False
                else:
                    more = bool(in_air)
                if in_air:
                    ended, in_air = wait(in_air, 1, FIRST_COMPLETED)
                    done += len(ended)
                elif is_last_look or time.monotonic() >= deadline:
                    break
                else:
                    is_last_look = True
                    time.sleep(LINGER)
        return {"claimed": claimed, "done": done, "more": more}

    def _claim(self) -> Claim:
        """Claim as many files as slots are free; each item then holds one."""
        room = 0
        while room < SLOTS and _slots.acquire(blocking=False):
            room += 1
        taken = 0
        try:
            if not room:
                return Claim(lease="", tokens={}, items=[])
            answer = self.database.rpc("claim_media", batch=room, lease_seconds=LEASE_SECONDS)
            claim = Claim.model_validate(answer)
            taken = len(claim.items)
            return claim
        finally:
            for _ in range(room - taken):
                _slots.release()

    def _work(self, lease: str, item: Item, token: str) -> None:
        try:
            self.record(lease, item, on_behalf(item.org_id, self._result, item, token))
        finally:
            _slots.release()

    def _result(self, item: Item, token: str) -> Result:
        try:
            with tempfile.TemporaryFile() as file:
                if item.direction == "inbound":
                    return self._fetch(item, token, file)
                self.bucket.get(item.path, file)
                return self.hand_over(item, token, file)
        except NotFetchedError as error:
            return {"outcome": error.outcome, "slug": error.slug, "words": error.words}
        except StorageRefused as error:
            outcome = "refused" if error.is_too_large else "retry"
            return {"outcome": outcome, "slug": error.detail, "words": error.message}
        except GraphError as error:
            return refused_by_meta(error)
        except ProviderError as error:
            return {"outcome": "retry", "slug": error.detail, "words": error.message}
        except Exception as error:  # one file must not stop its neighbours
            log.exception("a file failed in an unforeseen way")
            return {
                "outcome": "retry",
                "slug": "unforeseen",
                "words": f"Flow failed ({type(error).__name__})",
            }

    def _fetch(self, item: Item, token: str, file: IO[bytes]) -> Result:
        """Bring one file from Meta into the bucket."""
        answer = self.graph.get(str(item.meta_id), token, phone_number_id=item.phone_number_id)
        try:
            about = _About.model_validate(answer)
        except ValidationError:
            raise NotFetchedError("retry", "meta_unreadable", "Meta described the file unreadably") from None
        digests = frozenset(d for d in (item.sha256, hex_digest(about.sha256)) if d)
        wanted = Wanted(
            item.kind, item.max_bytes, item.mime_type or about.mime_type, about.file_size, digests
        )
        check_size(about.file_size or 0, wanted)
        if len(digests) > 1:
            raise wrong_hash()
        if kinds.differ(item.kind, item.mime_type, about.mime_type):
            raise NotFetchedError(
                "retry", "wrong_type", f"The message says {item.mime_type}, Meta says {about.mime_type}"
            )
        url = check_address(about.url, self.settings)
        assert self._downloads  # noqa: S101 (made by drain)
        got = fetch(self._downloads, url, token, wanted, file, self.limits)
        mime_type = wanted.mime_type or got.content_type
        self.bucket.put(item.path, file, kinds.safe_type(item.kind, mime_type))
        return {"outcome": "stored", "bytes": got.bytes, "sha256": got.sha256, "mime_type": mime_type}

    def hand_over(self, item: Item, token: str, file: IO[bytes]) -> Result:
        """Upload one file to Meta. Raises GraphError, ProviderError."""
        mime_type = str(item.mime_type)
        name = f"file.{kinds.extension_of(mime_type)}"
        return {
            "outcome": "uploaded",
            "meta_id": self.graph.upload(item.phone_number_id, token, file, name, mime_type),
        }

    def record(self, lease: str, item: Item, result: Result) -> Standing:
        """Report one result; one that is lost lets the lease run out, and the file is done again."""
        result = {"org_id": item.org_id, "media_id": item.media_id, **result}
        for attempt in range(RECORD_TRIES):
            try:
                answer = self.database.rpc("record_media", lease=lease, results=[result])
            except Unavailable as error:
                log.warning("result not recorded yet", attempt=attempt, detail=error.detail)
                time.sleep(min(0.2 * 2**attempt, 3))
            except FlowError:
                log.exception("result refused")
                break
            else:
                return Standing.model_validate((answer.get("media") or [{}])[0])
        return Standing()


def refused_by_meta(error: GraphError) -> Result:
    """Give the result that tells what Meta said; of a code, the database decides what it means."""
    told: Result = {"outcome": "retry", "words": error.message, "retry_after": error.retry_after}
    return told | ({"slug": "meta_refused"} if error.code is None else {"code": error.code})
