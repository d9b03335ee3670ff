"""Bytes in and out: uploads, downloads, and the files behind them."""

import base64
import hashlib
import json
import os
import uuid
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import Timer
from typing import IO

from werkzeug.formparser import FormDataParser
from werkzeug.http import http_date
from werkzeug.utils import send_file
from werkzeug.wrappers import Request, Response
from werkzeug.wsgi import get_input_stream

from workers.local.storage.errors import StorageError, reply
from workers.local.storage.rows import BUCKETS, FIND, Caller, Row, Rows

FORM_OVERHEAD = 1 << 16  # what multipart/form-data may add to a file
NO_METADATA = base64.b64encode(b"null").decode()
Begin = Callable[..., IO[bytes]]


class Files:
    """One file for each version of an object."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, version: str) -> Path:
        """Give the path of a version."""
        return self.root / version[:2] / version

    def drop(self, versions: Iterable[str]) -> None:
        """Remove files; what cannot be removed now goes at the next start."""
        for version in versions:
            with suppress(OSError):
                self.path(version).unlink()

    def drop_all_but(self, versions: set[str]) -> None:
        """Remove what a crash left behind."""
        self.drop([path.name for path in self.root.glob("??/*") if path.name not in versions])


class Upload:
    """One upload: permission and type are settled before the first byte is stored."""

    def __init__(self, rows: Rows, files: Files, request: Request, limit: int) -> None:
        self.rows, self.files, self.request, self.limit = rows, files, request, limit
        self.version, self.mime = str(uuid.uuid4()), ""
        self.out: IO[bytes] | None = None

    def run(
        self, who: Caller | None, operation: str, bucket: str, name: str, *, upsert: bool, owner: str | None
    ) -> Response:
        """Store the request's body as the object's new version."""
        row = self.rows.one("bucket", None, "bucket.get", BUCKETS, bucket)
        limit = min(self.limit, row["file_size_limit"] or self.limit)
        allowed: list[str] = row["allowed_mime_types"] or []

        def begin(content_type: str | None = None, **_: object) -> IO[bytes]:
            self.mime = content_type or "application/octet-stream"
            if allowed and self.mime not in allowed and self.mime.split("/")[0] + "/*" not in allowed:
                raise StorageError("mime", f"mime type {self.mime} is not supported")
            expected = {"mimetype": self.mime, "contentLength": self.request.content_length}
            self.rows.try_upload(who, operation, bucket, name, expected, upsert=upsert)
            path = self.files.path(self.version)
            path.parent.mkdir(parents=True, exist_ok=True)
            self.out = path.open("x+b")
            return self.out

        try:
            cache, custom = self._receive(begin, limit)
            metadata = self._metadata(limit, cache)
            old = self.rows.run(
                None, operation, FIND, bucket, [name]
            )  # tried as the caller, written by the owner
            stored = self.rows.store(operation, bucket, name, self.version, owner, metadata, custom)
        except BaseException:
            if self.out:
                self.out.close()
                self.files.drop([self.version])
            raise
        for before in old:  # not at once: it may just be about to be opened
            Timer(1, self.files.drop, [[before["version"]]]).start()
        return reply({"Id": stored["id"], "Key": f"{bucket}/{name}"})

    def _receive(self, begin: Begin, limit: int) -> tuple[str, Row]:
        """Read the body; give its cache-control and the caller's own metadata."""
        request = self.request
        if request.mimetype == "multipart/form-data":
            stream = get_input_stream(request.environ, max_content_length=limit + FORM_OVERHEAD)
            parser = FormDataParser(begin, max_form_memory_size=1 << 21, silent=False)
            _, form, _ = parser.parse(
                stream, request.mimetype, request.content_length, request.mimetype_params
            )
            cache = f"max-age={form['cacheControl']}" if form.get("cacheControl") else "no-cache"
            return cache, json.loads(form.get("metadata") or self._header_metadata())
        stream = get_input_stream(request.environ, max_content_length=limit)
        out = begin(content_type=request.headers.get("content-type"))
        while data := stream.read(1 << 18):
            out.write(data)
        return request.headers.get("cache-control", "no-cache"), json.loads(self._header_metadata())

    def _header_metadata(self) -> bytes:
        return base64.b64decode(self.request.headers.get("x-metadata", NO_METADATA))

    def _metadata(self, limit: int, cache: str) -> Row:
        if not self.out:
            raise StorageError("request")
        size = self.out.seek(0, os.SEEK_END)
        if size > limit:
            raise StorageError("large")
        self.out.seek(0)
        digest = hashlib.file_digest(self.out, "md5").hexdigest()  # type: ignore[arg-type]
        self.out.close()
        return {
            "eTag": f'"{digest}"',
            "size": size,
            "mimetype": self.mime,
            "cacheControl": cache,
            "lastModified": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "contentLength": size,
            "httpStatusCode": 200,
        }


def send(files: Files, request: Request, row: Row, expires: int | None = None) -> Response:
    """Answer with an object's bytes, or the range or "not modified" that was asked for."""
    metadata, name = row["metadata"], request.args.get("download")
    try:
        response = send_file(
            files.path(row["version"]),
            request.environ,
            mimetype="x/x",
            as_attachment=name is not None,
            download_name=name or row["name"].split("/")[-1],
            conditional=True,
            etag=metadata["eTag"].strip('"'),
            last_modified=datetime.fromisoformat(metadata["lastModified"]),
        )
    except FileNotFoundError:
        raise StorageError("object", "The resource was not found") from None
    kind = metadata["mimetype"]
    response.headers["Content-Type"] = "text/plain" if "text/html" in kind else kind  # as on hosted
    if expires:
        response.headers["Expires"] = http_date(expires)
    else:
        response.headers["Cache-Control"] = metadata["cacheControl"]
    del response.headers["Date"]  # the server sets it
    return response
