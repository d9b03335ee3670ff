"""The parts of an archive, from the pieces of its rows and from the files of its messages."""

from __future__ import annotations

import json
import mimetypes
import re
import tempfile
import zlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import asdict, dataclass, field
from typing import IO, Any, Final

from workers.database import Database
from workers.rights.archive import CHUNK, FORMAT, MANIFEST, Stream
from workers.rights.reading import as_csv
from workers.storage import Bucket, StorageRefused

_EXTENSION: Final = re.compile(r"\.[a-z0-9]{1,8}")
_IN_MEMORY: Final = 8 << 20

README: Final = """\
Everything that Flow held of this organization, up to the instant that manifest.json names as "cutoff".

manifest.json   every file with its length, SHA-256 and rows; what is left out, and why
data/*.jsonl    one file a table, one row a line, as JSON: the authority. Times are UTC, phones E.164.
csv/*.csv       the same for spreadsheets (UTF-8). A cell that begins like a formula has a ' before it.
media/          files of messages, named by their id; media/index-*.jsonl says which message each is of

`flow import-archive` loads an archive into an empty organization. Connections, keys, books and members are
not loaded ("is_loaded" in the manifest says which tables are): connect anew, and invite people again.
"""


@dataclass
class Cursor:
    """Where the next part begins, and what the parts before it hold."""

    part: int = 0
    file: int = 0
    segment: int = 0
    piece: int = 1
    media: str | None = None
    is_done: bool = False
    files: list[dict[str, Any]] = field(default_factory=list)
    count: int = 0
    missing: int = 0

    def as_json(self) -> dict[str, Any]:
        """Give it as the database keeps it."""
        return asdict(self)


@dataclass(frozen=True)
class Sources:
    """Where an archive comes from: pieces by their name, the list of files, the files themselves."""

    database: Database
    org_id: str
    cutoff: str
    piece: Callable[[str], bytes]
    media: Bucket


class Writer:
    """Writes one part after the other. `head` is what the manifest begins with, with its tables."""

    def __init__(
        self, sources: Sources, head: dict[str, Any], pieces: list[dict[str, Any]], limit: int
    ) -> None:
        self._sources, self._head, self._limit = sources, head, limit
        self._held: tuple[str, bytes] | None = None
        self._segments: dict[str, list[tuple[str, dict[str, Any]]]] = {}
        for piece in pieces:
            for segment in piece["segments"]:
                self._segments.setdefault(segment["file"], []).append((piece["path"], segment))
        self._columns = {table["table"].removeprefix("public."): table["columns"] for table in head["tables"]}

    def part(self, cursor: Cursor, zipped: Stream) -> Iterator[bytes]:
        """Give the bytes of the part that begins at the cursor, and move the cursor to the next."""
        names = list(self._segments)
        while cursor.file < len(names) and zipped.bytes < self._limit:
            yield from self._table(cursor, zipped, names[cursor.file])
        if cursor.file == len(names):
            with tempfile.SpooledTemporaryFile(_IN_MEMORY) as index:
                is_all = yield from self._media(cursor, zipped, index)
                if index.tell():
                    yield from self._index(cursor, zipped, index)
            cursor.is_done = is_all
        for file in zipped.files:
            if not file["path"].startswith("media/") or "rows" in file:
                cursor.files.append({"part": cursor.part, **file})
        cursor.part += 1
        if cursor.is_done:
            yield from self._ending(cursor, zipped)
        yield from zipped.end()

    def _table(self, cursor: Cursor, zipped: Stream, name: str) -> Iterator[bytes]:
        """Write a file, or as much of it as the part has room for: the next part goes on with a file .2."""
        segments = self._segments[name]
        stem, kind = name.rsplit(".", 1)
        columns = self._columns[stem.split("/")[1]]
        about = {"rows": 0, "columns": columns}

        def chunks() -> Iterator[bytes]:
            if cursor.piece > 1 and kind == "csv":
                yield as_csv(columns, "", is_first=True)
            while cursor.segment < len(segments):
                path, segment = segments[cursor.segment]
                yield self._unpacked(path, segment)
                cursor.segment += 1
                about["rows"] += segment["rows"]
                if zipped.bytes >= self._limit:
                    return

        number = f".{cursor.piece}" if cursor.piece > 1 else ""
        yield from zipped.add(f"{stem}{number}.{kind}", chunks(), about)
        if cursor.segment < len(segments):
            cursor.piece += 1
        else:
            cursor.file, cursor.segment, cursor.piece = cursor.file + 1, 0, 1

    def _unpacked(self, path: str, segment: dict[str, Any]) -> bytes:
        if self._held is None or self._held[0] != path:
            self._held = (path, self._sources.piece(path))
        first = segment["offset"]
        return zlib.decompress(self._held[1][first : first + segment["length"]])

    def _media(self, cursor: Cursor, zipped: Stream, index: IO[bytes]) -> Generator[bytes, None, bool]:
        """Write files until there are none (then gives True), or the part is full."""
        while True:
            page = self._sources.database.rpc(
                "export_files", org_id=self._sources.org_id, after=cursor.media, cutoff=self._sources.cutoff
            )
            for file in page["files"]:
                if zipped.files and zipped.bytes + (file["bytes"] or 0) >= self._limit:
                    return False
                yield from self._file(cursor, zipped, index, file)
                cursor.media = file["id"]
            if page["last"] is None:
                return True

    def _file(
        self, cursor: Cursor, zipped: Stream, index: IO[bytes], file: dict[str, Any]
    ) -> Iterator[bytes]:
        about = {key: file[key] for key in ("id", "filename", "mime_type", "message_id")}
        extension = mimetypes.guess_extension(str(file["mime_type"]).split(";")[0]) or ""
        name = f"media/{file['id']}{extension if _EXTENSION.fullmatch(extension) else ''}"
        try:
            with self._sources.media.stream(file["path"]) as chunks:
                yield from zipped.add(name, chunks, packed=True)
            about |= zipped.files[-1]
            cursor.count += 1
        except StorageRefused as error:
            if not error.is_gone:
                raise
            about["missing"] = True  # its time was over, or somebody deleted it: the row says what it was
            cursor.missing += 1
        index.write(json.dumps(about, ensure_ascii=False).encode() + b"\n")

    def _index(self, cursor: Cursor, zipped: Stream, index: IO[bytes]) -> Iterator[bytes]:
        index.seek(0)
        rows = sum(1 for _ in index)
        index.seek(0)
        return zipped.add(
            f"media/index-{cursor.part + 1}.jsonl", iter(lambda: index.read(CHUNK), b""), {"rows": rows}
        )

    def _ending(self, cursor: Cursor, zipped: Stream) -> Iterator[bytes]:
        yield from zipped.add("README.txt", [README.encode()])
        rows: dict[str, int] = {}
        for name, segments in self._segments.items():
            rows[name] = sum(segment["rows"] for _, segment in segments)
        tables = [
            {**table, "rows": rows.get(f"data/{table['table'].removeprefix('public.')}.jsonl", 0)}
            for table in self._head["tables"]
        ]
        manifest = {
            "format": FORMAT, **self._head, "parts": cursor.part,
            "media": {"files": cursor.count, "missing": cursor.missing}, "tables": tables,
            "files": [*cursor.files, {"part": cursor.part - 1, **zipped.files[-1]}],
        }  # fmt: skip
        text = json.dumps(manifest, ensure_ascii=False, indent=1).encode()
        yield from zipped.add(MANIFEST, [text])
