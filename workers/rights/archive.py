"""The archive of an export: ZIP64 as a stream, and reading it again with distrust.

An archive is one ZIP file, or several parts of about two gigabytes. `manifest.json` stands at the end of the
last one and names every file with its length, digest and rows; `data/*.jsonl` is the authority, `csv/*.csv`
the same for spreadsheets.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final

from workers.errors import FlowError

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
CHUNK: Final = 262_144
_LEVEL: Final = 3
_MOST_MANIFEST: Final = 64 << 20
_MOST_LINE: Final = 64 << 20
_MOST_RATIO: Final = 300  # what text comes to at most; a bomb has a thousand
_UNSUSPICIOUS: Final = 32 << 20
_NAME: Final = re.compile(
    r"manifest\.json|README\.txt|data/[a-z_]+(\.[a-z_]+)?(\.[0-9]{1,6})?\.jsonl"
    r"|csv/[a-z_]+(\.[a-z_]+)?(\.[0-9]{1,6})?\.csv"
    r"|media/index-[0-9]{1,6}\.jsonl|media/[0-9a-f-]{36}(\.[a-z0-9]{1,8})?"
)
_DATE: Final = (1980, 1, 1, 0, 0, 0)  # the same rows make the same bytes


class ArchiveRefused(FlowError):  # noqa: N818 (read as a sentence)
    """The archive cannot be taken."""

    status = 422
    detail = "archive_refused"


class Stream:
    """A ZIP file that is given out as it is written: nothing of it is kept."""

    def __init__(self) -> None:
        self._out = _Out()
        self._zip = zipfile.ZipFile(self._out, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL)
        self.sha256 = hashlib.sha256()
        self.bytes = 0
        self.files: list[dict[str, Any]] = []

    def add(
        self, name: str, chunks: Iterable[bytes], about: dict[str, Any] | None = None, *, packed: bool = False
    ) -> Iterator[bytes]:
        """Write one file and give the bytes of the ZIP that came of it; `files` then has it, with `about`."""
        info = zipfile.ZipInfo(name, _DATE)
        info.compress_type = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
        info._compresslevel = _LEVEL  # type: ignore[attr-defined]
        digest, size = hashlib.sha256(), 0
        with self._zip.open(info, "w", force_zip64=True) as file:
            for chunk in chunks:
                digest.update(chunk)
                size += len(chunk)
                file.write(chunk)
                yield from self._given()
        yield from self._given()
        self.files.append({"path": name, "bytes": size, "sha256": digest.hexdigest(), **(about or {})})

    def end(self) -> Iterator[bytes]:
        """Give the end of the ZIP file."""
        self._zip.close()
        yield from self._given()

    def _given(self) -> Iterator[bytes]:
        if data := self._out.taken():
            self.sha256.update(data)
            self.bytes += len(data)
            yield data


class _Out(io.RawIOBase):
    """Where zipfile writes to: it cannot be sought, so what is written is final."""

    def __init__(self) -> None:
        self._held: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._held.append(bytes(data))
        return len(data)

    def taken(self) -> bytes:
        data, self._held = b"".join(self._held), []
        return data


class Archive:
    """The parts of an archive, to be read: names, lengths and digests are held against the manifest.

    Raises ArchiveRefused for anything that is not as Flow writes it.
    """

    def __init__(self, parts: Iterable[IO[bytes] | Path]) -> None:
        self._places: dict[str, tuple[zipfile.ZipFile, zipfile.ZipInfo]] = {}
        self._zips: list[zipfile.ZipFile] = []
        try:
            for part in parts:
                self._take(zipfile.ZipFile(part))
            self.manifest = self._manifest()
        except (zipfile.BadZipFile, NotImplementedError, EOFError, ValueError, RecursionError) as error:
            self.close()
            raise ArchiveRefused(f"This is no archive of Flow: {error}") from error
        except BaseException:
            self.close()
            raise
        self.files: dict[str, dict[str, Any]] = {file["path"]: file for file in self.manifest["files"]}

    def __enter__(self) -> Archive:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the files."""
        for one in self._zips:
            with suppress(Exception):
                one.close()

    def _take(self, part: zipfile.ZipFile) -> None:
        self._zips.append(part)
        for info in part.infolist():
            if not _NAME.fullmatch(info.filename) or info.filename in self._places:
                raise ArchiveRefused(
                    f"The archive has a file that Flow does not write: {info.filename[:80]!r}"
                )
            if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ArchiveRefused(f"{info.filename} is packed in a way that Flow does not use.")
            if info.file_size > max(_UNSUSPICIOUS, info.compress_size * _MOST_RATIO):
                raise ArchiveRefused(f"{info.filename} would unpack to {info.file_size} bytes: it is a bomb.")
            self._places[info.filename] = (part, info)

    def _manifest(self) -> dict[str, Any]:
        if MANIFEST not in self._places:
            raise ArchiveRefused("The manifest is missing: give all parts of the archive.")
        zipped, info = self._places[MANIFEST]
        if info.file_size > _MOST_MANIFEST:
            raise ArchiveRefused("The manifest is too large.")
        found = json.loads(zipped.read(info))
        if not isinstance(found, dict) or found.get("format") != FORMAT:
            given = found.get("format") if isinstance(found, dict) else None
            raise ArchiveRefused(f"The archive has format {given!r}; this release reads {FORMAT}.")
        files, tables = found.get("files"), found.get("tables")
        if not isinstance(files, list) or not isinstance(tables, list):
            raise ArchiveRefused("The manifest names no files.")
        named = [file.get("path") for file in files if isinstance(file, dict)]
        unnamed = {name for name in self._places if not name.startswith("media/") or "index-" in name}
        if len(named) != len(files) or len(set(named)) != len(named) or unnamed - {MANIFEST} != set(named):
            raise ArchiveRefused("The files of the archive are not those of its manifest.")
        return found

    def paths(self, table: str) -> list[str]:
        """Give the files with the rows of a table, in order: one, and more where a part was full."""
        name = f"data/{table.removeprefix('public.')}"
        found = [f"{name}.jsonl"] if f"{name}.jsonl" in self.files else []
        while found and (path := f"{name}.{len(found) + 1}.jsonl") in self.files:
            found.append(path)
        return found

    def rows(self, table: str) -> Iterator[bytes]:
        """Give the rows of a table, each a line of JSON."""
        for path in self.paths(table):
            yield from self.lines(path)

    def lines(self, path: str) -> Iterator[bytes]:
        """Give the lines of a JSON Lines file; in the end length, digest and rows must be the manifest's."""
        told, rows, held = self.files[path], 0, b""
        for chunk in self._checked(path, told):
            *whole, held = (held + chunk).split(b"\n")
            if len(held) > _MOST_LINE:
                raise ArchiveRefused(f"{path} has a line that is too long.")
            rows += len(whole)
            yield from whole
        if held or rows != told.get("rows", rows):
            raise ArchiveRefused(f"{path} has not the rows that its manifest names.")

    def content(self, path: str, told: dict[str, Any]) -> Iterator[bytes]:
        """Give the bytes of a file that an index names."""
        if path not in self._places:
            raise ArchiveRefused(f"{path} is missing.")
        return self._checked(path, told)

    def check(self) -> None:
        """Read every file that the manifest names, and the files of messages."""
        for path in self.files:
            if path.endswith(".jsonl"):
                for line in self.lines(path):
                    if path.startswith("media/") and "path" in (file := json.loads(line)):
                        for _ in self.content(file["path"], file):
                            pass
            else:
                for _ in self._checked(path, self.files[path]):
                    pass

    def _checked(self, path: str, told: dict[str, Any]) -> Iterator[bytes]:
        zipped, info = self._places[path]
        digest, size = hashlib.sha256(), 0
        try:
            with zipped.open(info) as file:
                while chunk := file.read(CHUNK):
                    digest.update(chunk)
                    size += len(chunk)
                    yield chunk
        except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError) as error:
            raise ArchiveRefused(f"{path} is broken: {error}") from error
        except Exception as error:
            if type(error).__module__ == "zlib":
                raise ArchiveRefused(f"{path} is broken: {error}") from error
            raise
        if (size, digest.hexdigest()) != (told.get("bytes"), told.get("sha256")):
            raise ArchiveRefused(f"{path} is not what its manifest says: length or digest differ.")
