"""Fetches one file from Meta, as if its host were hostile.

Only hosts that the settings name are called, only by https outside this machine; redirects are not followed;
nothing is decompressed; size, pace and time are bounded, also while headers drip in. Bytes go to a file.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import ssl
import time
from dataclasses import dataclass
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import IO, Literal

import httpx

from workers.clients import USER_AGENT
from workers.deadline import cut_after
from workers.media import kinds
from workers.settings import Settings, is_loopback

_HEX = re.compile(r"[0-9a-f]{64}")
_SIZES = {
    "image": "pictures",
    "video": "videos",
    "audio": "sounds",
    "document": "documents",
    "sticker": "stickers",
}


class NotFetchedError(Exception):
    """The file was not fetched; `words` say why, and `outcome` whether trying again makes sense."""

    def __init__(self, outcome: Literal["retry", "refused", "failed"], slug: str, words: str) -> None:
        super().__init__(words)
        self.outcome, self.slug, self.words = outcome, slug, words


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a download may take."""

    connect: float = 5
    read: float = 10
    total: float = 30
    slowest: int = 1 << 20  # bytes a second on which the time for a large file is reckoned
    patience: float = 10  # seconds before the pace is looked at
    pace: int = 8192  # bytes a second below which nobody waits any longer

    def seconds(self, size: int) -> float:
        """Give the time for so many bytes at most."""
        return self.total + size / self.slowest


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is known of a file before it is fetched."""

    kind: str
    max_bytes: int
    mime_type: str | None = None
    bytes: int | None = None
    sha256: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came."""

    bytes: int
    sha256: str
    content_type: str | None


def hex_digest(given: object) -> str | None:
    """Give a SHA-256 in hex, from hex or base64 (Meta writes either); None for anything else."""
    if not isinstance(given, str):
        return None
    if _HEX.fullmatch(given.lower()):
        return given.lower()
    try:
        raw = base64.b64decode(given, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw.hex() if len(raw) == hashlib.sha256().digest_size else None


@cache
def _tls() -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=False)


def download_client(limits: Limits) -> httpx.Client:
    """Give a client for downloads: each on a connection of its own, which can be cut."""
    return httpx.Client(
        headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        timeout=httpx.Timeout(limits.read, connect=limits.connect),
        transport=httpx.HTTPTransport(
            verify=_tls(), http2=False, limits=httpx.Limits(max_keepalive_connections=0)
        ),
        follow_redirects=False,
        trust_env=False,
    )


def check_address(address: str, settings: Settings) -> httpx.URL:
    """Give the address if the settings allow its host. Raises NotFetchedError foreign_host."""
    try:
        url = httpx.URL(address)
    except (httpx.InvalidURL, ValueError, UnicodeError):
        raise NotFetchedError("refused", "foreign_host", "Meta gave an address that is none") from None
    if not url.userinfo and _is_allowed(url, settings):
        return url
    raise NotFetchedError(
        "refused", "foreign_host", f"Meta pointed to {_place(url)}, which is not one of its known file hosts"
    )


def _is_allowed(url: httpx.URL, settings: Settings) -> bool:
    host = url.host.lower().removesuffix(".")
    if host in settings.meta_media_hosts or f"{host}:{url.port}" in settings.meta_media_hosts:
        if is_loopback(host):
            return url.scheme in ("http", "https")
        return url.scheme == "https" and url.port in (None, 443)
    graph = httpx.URL(settings.meta_graph_url)
    same = (url.scheme, url.host, url.port) == (graph.scheme, graph.host, graph.port)
    return same and is_loopback(graph.host)


def _place(url: httpx.URL) -> str:
    place = f"{url.scheme}://{url.host}" + (f":{url.port}" if url.port else "")
    return re.sub(r"[^\x20-\x7e]", "?", place)[:100]


def fetch(
    http: httpx.Client, url: httpx.URL, token: str, wanted: Wanted, into: IO[bytes], limits: Limits
) -> Fetched:
    """Stream a file into another, hold it against what is known of it. Raises NotFetchedError."""
    headers = {"Authorization": f"Bearer {token}"}
    seconds = limits.seconds(wanted.max_bytes)
    with cut_after(seconds) as cut:
        try:
            with http.stream("GET", url, headers=headers, extensions={"trace": cut.watch}) as answer:
                _check_head(answer, wanted)
                fetched = _take(answer, wanted, into, limits)
        except httpx.TimeoutException:
            raise _too_slow() from None
        except httpx.HTTPError as error:
            if cut.is_late:
                raise _too_slow() from None
            raise NotFetchedError(
                "retry", "broken_off", f"The download broke off ({type(error).__name__})"
            ) from error
        if cut.is_late:
            raise _too_slow()
    _check_whole(fetched, wanted)
    return fetched


def _check_head(answer: httpx.Response, wanted: Wanted) -> None:
    status = answer.status_code
    if answer.has_redirect_location or 300 <= status < 400:
        raise NotFetchedError(
            "refused",
            "foreign_host",
            "Meta's file host sent Flow to another address, which it does not follow",
        )
    if status in (404, 410):
        raise NotFetchedError("retry", "gone", "Meta's file host does not find the file")
    if not answer.is_success:
        raise NotFetchedError("retry", "host_failed", f"Meta's file host answered HTTP {status}")
    if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise NotFetchedError("retry", "compressed", "Meta's file host sent the file compressed, unasked")
    if kinds.differ(wanted.kind, wanted.mime_type, given := answer.headers.get("Content-Type")):
        raise NotFetchedError(
            "retry", "wrong_type", f"The file should be {wanted.mime_type}, but came as {str(given)[:100]}"
        )
    length = answer.headers.get("Content-Length", "")
    if length.isdecimal():
        check_size(int(length), wanted)


def check_size(size: int, wanted: Wanted) -> None:
    """Raise NotFetchedError too_large when a file is larger than Flow fetches."""
    if size > wanted.max_bytes:
        most = wanted.max_bytes / (1 << 20)
        raise NotFetchedError(
            "refused",
            "too_large",
            f"The file is too large: Flow fetches {_SIZES[wanted.kind]} up to {most:g} MB",
        )


def _take(answer: httpx.Response, wanted: Wanted, into: IO[bytes], limits: Limits) -> Fetched:
    digest, size, began = hashlib.sha256(), 0, time.monotonic()
    for chunk in answer.iter_raw():  # as it comes: a drip is seen at once
        size += len(chunk)
        check_size(size, wanted)
        digest.update(chunk)
        into.write(chunk)
        spent = time.monotonic() - began
        if spent > limits.patience and size < spent * limits.pace:
            raise _too_slow()
    return Fetched(size, digest.hexdigest(), answer.headers.get("Content-Type"))


def _check_whole(fetched: Fetched, wanted: Wanted) -> None:
    if wanted.bytes is not None and fetched.bytes != wanted.bytes:
        raise NotFetchedError(
            "retry", "wrong_size", f"The file should have {wanted.bytes} bytes, but {fetched.bytes} came"
        )
    if any(digest != fetched.sha256 for digest in wanted.sha256):
        raise wrong_hash()


def wrong_hash() -> NotFetchedError:
    """Give what is raised for another file than was promised."""
    return NotFetchedError(
        "retry", "wrong_hash", "The file is not the one that the message promised (SHA-256)"
    )


def _too_slow() -> NotFetchedError:
    return NotFetchedError("retry", "too_slow", "The download was too slow")
