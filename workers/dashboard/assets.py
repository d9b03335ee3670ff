"""The dashboard's files, read once; their version is a digest of all of them.

Each is packed when it is first asked for. Packed as well as can be, all of them would take two seconds, and
the first visitor of a process would wait for pages that nobody opens.
"""

from __future__ import annotations

import gzip
import hashlib
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import brotli

FOLDER = Path(__file__).parent / "static"
TYPES: Mapping[str, str] = {
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
"""What is served; anything else in the folder is not."""

BASIC_STYLES = ("css/alone.css", "css/base.css", "css/frame.css", "css/tokens.css", "css/ui.css")
"""What every page is built of: it stands before the styles of pages, so that a page may refine it."""

ENCODINGS: Mapping[str, Callable[[bytes], bytes]] = {
    "br": lambda content: brotli.compress(content, quality=11),
    "gzip": lambda content: gzip.compress(content, 9, mtime=0),
}
"""How files are packed, the best first."""

ALL_STYLES = "all.css"
"""Every style sheet in one: a phone asks once before it paints, not once for each."""

_LOOK_AGAIN = 1.0
"""Seconds between two looks at the folder: who edits a module sees it at the next load."""


@dataclass(frozen=True)
class Asset:
    """One file: its bytes, and the same packed."""

    content: bytes
    mime_type: str

    @classmethod
    def read(cls, file: Path) -> Asset:
        """Read a file of one of TYPES."""
        return cls(file.read_bytes(), TYPES[file.suffix])

    def packed(self, encoding: str) -> bytes | None:
        """Give the bytes in one of ENCODINGS; None where that makes them no shorter."""
        made = _packed(self.content, encoding)
        return made if len(made) < len(self.content) else None


@lru_cache(maxsize=1024)
def _packed(content: bytes, encoding: str) -> bytes:
    return ENCODINGS[encoding](content)


def _joined(files: Mapping[str, Asset]) -> bytes:
    styles = sorted((path not in BASIC_STYLES, path) for path in files if path.endswith(".css"))
    return b"\n".join(files[path].content for _, path in styles)


@dataclass(frozen=True)
class Version:
    """All files as they were at one look; `version` changes when any of them does."""

    version: str
    files: Mapping[str, Asset]

    def ending(self, suffix: str) -> list[str]:
        """Give the paths with a suffix, in order."""
        return [path for path in self.files if path.endswith(suffix)]


class Assets:
    """The files of a folder, read again after one of them changed. Threads may share it."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._looked = 0.0
        self._seen: tuple[tuple[str, int, int], ...] = ()
        self._version: Version | None = None

    def now(self) -> Version:
        """Give the files as they are."""
        with self._lock:
            if self._version is None or time.monotonic() - self._looked > _LOOK_AGAIN:
                self._look()
            assert self._version is not None  # noqa: S101 (set by the look)
            return self._version

    def _look(self) -> None:
        found = sorted(file for file in self._folder.rglob("*") if file.suffix in TYPES and file.is_file())
        seen = tuple(
            (file.relative_to(self._folder).as_posix(), stat.st_mtime_ns, stat.st_size)
            for file in found
            for stat in (file.stat(),)
        )
        if self._version is None or seen != self._seen:
            files = {path: Asset.read(self._folder / path) for path, _, _ in seen}
            files[ALL_STYLES] = Asset(_joined(files), TYPES[".css"])
            digest = hashlib.sha256()
            for path, asset in files.items():
                digest.update(f"{path}\0{len(asset.content)}\0".encode() + asset.content)
            self._version, self._seen = Version(digest.hexdigest()[:16], files), seen
        self._looked = time.monotonic()
