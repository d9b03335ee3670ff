"""Meta's side of webhooks: updates become signed POSTs, batched when they pile up, retried until 200."""

import hashlib
import hmac
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush
from random import Random
from threading import Condition, Thread

import httpx

from workers.sandbox.faults import Faults
from workers.sandbox.models import JsonObject, MetaFault

FIRST_RETRY = 0.2
LAST_RETRY = 10.0
GIVE_UP_AFTER = 7 * 86400


@dataclass
class Due:
    """Something to be done at a time; of two at the same time the older comes first."""

    at: float
    order: int

    def __lt__(self, other: "Due") -> bool:
        return (self.at, self.order) < (other.at, other.order)


@dataclass
class Update(Due):
    """One change of one WABA, due at a time."""

    waba_id: str
    field_name: str
    value: JsonObject
    target: str | None = None


@dataclass
class Post(Due):
    """One POST to one address: its bytes stay the same however often it is tried."""

    url: str
    body: bytes
    updates: int
    headers: dict[str, str]
    attempts: int = 0
    born: float = 0.0
    timeout: float = 10.0
    is_once: bool = False


@dataclass
class Counters:
    """What happened to webhooks so far."""

    updates: int = 0
    posts: int = 0
    acknowledged: int = 0
    failed_attempts: int = 0
    unsubscribed: int = 0
    last_problem: str | None = None


class Webhooks:
    """The queue and the threads that empty it. `address` gives where a WABA's updates go, None: nowhere."""

    def __init__(
        self,
        app_secret: str,
        address: Callable[[str], str | None],
        faults: Faults[MetaFault],
        senders: int = 4,
    ) -> None:
        self._secret = app_secret.encode()
        self._address = address
        self.faults = faults
        self._senders = senders
        self._changed = Condition()
        self._heap: list[Update | Post] = []
        self._order = 0
        self._in_flight = 0
        self._stopped = False
        self._outage_until = 0.0
        self._random = Random(7)  # noqa: S311 (repeatable on purpose)
        self.batch_max = 100
        self.counters = Counters()

    def start(self) -> None:
        """Starts the sender threads."""
        for number in range(self._senders):
            Thread(target=self._work, name=f"webhooks-{number}", daemon=True).start()

    def stop(self) -> None:
        """Lets the sender threads end."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def clear(self) -> None:
        """Forgets what was not yet sent, and the counters."""
        with self._changed:
            self._heap.clear()
            self._outage_until = 0.0
            self.counters = Counters()
            self._changed.notify_all()

    def outage(self, seconds: float) -> None:
        """Holds every webhook back for a while; afterwards they come all at once."""
        with self._changed:
            self._outage_until = time.time() + seconds
            self._changed.notify_all()

    def put(
        self, waba_id: str, field_name: str, value: JsonObject, at: float, target: str | None = None
    ) -> None:
        """Queues one update; reordering faults move it."""
        spread = self.faults.take({"reorder_webhooks"}, target)
        with self._changed:
            if spread:
                at += self._random.uniform(0, spread.ms / 1000)
            self._order += 1
            self._push(Update(at, self._order, waba_id, field_name, value, target))

    def put_post(
        self,
        url: str,
        body: bytes,
        headers: dict[str, str] | None = None,
        *,
        wait: float = 0.0,
        timeout: float = 10.0,
        is_once: bool = False,
    ) -> None:
        """Queues one POST as it is: unsigned, as IndiaMART pushes, or with the headers of who signs it."""
        with self._changed:
            self._order += 1
            now = time.time()
            sent = {"Content-Type": "application/json", "User-Agent": "IndiaMART-Push"} | (headers or {})
            post = Post(
                now + wait, self._order, url, body, 1, sent, born=now, timeout=timeout, is_once=is_once
            )
            self._push(post)

    def state(self) -> dict[str, object]:
        """Gives the counters, what waits and what is on its way."""
        with self._changed:
            return {**vars(self.counters), "pending": len(self._heap), "in_flight": self._in_flight}

    def signed_headers(self, body: bytes) -> dict[str, str]:
        """Gives Meta's headers for these bytes."""
        return {
            "Content-Type": "application/json",
            "User-Agent": "facebookexternalua",
            "Accept": "*/*",
            "X-Hub-Signature": "sha1=" + hmac.new(self._secret, body, hashlib.sha1).hexdigest(),
            "X-Hub-Signature-256": "sha256=" + hmac.new(self._secret, body, hashlib.sha256).hexdigest(),
        }

    def _push(self, item: Update | Post) -> None:
        heappush(self._heap, item)
        self._changed.notify()

    def _next(self) -> list[Post] | None:
        with self._changed:
            while not self._stopped:
                now = time.time()
                due = max(self._heap[0].at, self._outage_until) if self._heap else None
                if due is None or due > now:
                    self._changed.wait(None if due is None else due - now)
                    continue
                first = heappop(self._heap)
                if isinstance(first, Post):
                    posts = [first]
                else:
                    batch = [first]
                    while self._heap and len(batch) < self.batch_max:
                        top = self._heap[0]
                        if top.at > now or not isinstance(top, Update):
                            break
                        heappop(self._heap)
                        batch.append(top)
                    posts = self._posts(batch, now)
                self._in_flight += len(posts)
                if self._heap:
                    self._changed.notify()
                if posts:
                    return posts
            return None

    def _posts(self, batch: list[Update], now: float) -> list[Post]:
        by_url: dict[str, list[Update]] = {}
        for update in batch:
            url = self._address(update.waba_id)
            if url is None:
                self.counters.unsubscribed += 1
            else:
                by_url.setdefault(url, []).append(update)
        posts = []
        for url, updates in by_url.items():
            body = encode(updates)
            self.counters.updates += len(updates)
            self._order += 1
            post = Post(now, self._order, url, body, len(updates), self.signed_headers(body), born=now)
            posts.append(post)
            again = self.faults.take({"duplicate_webhooks"}, updates[0].target)
            for copy in range(again.copies if again else 0):
                self._order += 1
                at = now + 0.05 * (copy + 1)
                heappush(self._heap, Post(at, self._order, url, body, len(updates), post.headers, born=now))
        return posts

    def _work(self) -> None:
        with httpx.Client(timeout=10, trust_env=False, follow_redirects=False) as client:
            while posts := self._next():
                for post in posts:
                    problem = self._attempt(client, post)
                    with self._changed:
                        self._in_flight -= 1
                        self._settle(post, problem)

    @staticmethod
    def _attempt(client: httpx.Client, post: Post) -> str | None:
        try:
            status = client.post(
                post.url, content=post.body, headers=post.headers, timeout=post.timeout
            ).status_code
        except httpx.HTTPError as exc:
            return type(exc).__name__
        return None if status == 200 else f"HTTP {status}"

    def _settle(self, post: Post, problem: str | None) -> None:
        self.counters.posts += 1
        if problem is None:
            self.counters.acknowledged += 1
            return
        self.counters.failed_attempts += 1
        self.counters.last_problem = problem
        now = time.time()
        if now - post.born < GIVE_UP_AFTER and not post.is_once:
            post.at = now + min(FIRST_RETRY * 2.0**post.attempts, LAST_RETRY)
            post.attempts += 1
            self._push(post)


def encode(updates: list[Update]) -> bytes:
    """Gives the body of one POST: an entry for each WABA, non-ASCII and slashes escaped as Meta does."""
    entries: dict[str, JsonObject] = {}
    for update in updates:
        entry = entries.setdefault(update.waba_id, {"id": update.waba_id, "changes": []})
        if update.field_name != "messages":
            entry["time"] = int(update.at)
        entry["changes"].append({"value": update.value, "field": update.field_name})
    body = {"object": "whatsapp_business_account", "entry": list(entries.values())}
    return json.dumps(body, separators=(",", ":")).replace("/", "\\/").encode("ascii")
