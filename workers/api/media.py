"""Files that members send: received, looked at, kept in Storage and handed to Meta."""

from __future__ import annotations

import hashlib
import re
import tempfile
import threading
import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any

from flask import Response, jsonify, request
from pydantic import BaseModel, Field, ValidationError, model_validator
from werkzeug.exceptions import HTTPException
from werkzeug.sansio.multipart import Data, Epilogue, Event, File, MultipartDecoder, NeedData
from werkzeug.sansio.multipart import Field as FormField

from workers.api.asking import Body, bp, person
from workers.database import Person
from workers.errors import FlowError, ProviderError, Refused
from workers.media import kinds
from workers.media.job import Claim, Standing, Worker, refused_by_meta
from workers.meta.graph import GraphError
from workers.runtime import current
from workers.storage import StorageRefused

MOST = 100_000_000 + 65_536  # the largest document, and what the form around it takes
LONGEST = 300.0  # seconds for the whole upload
AT_ONCE = 4
DRAIN = 10.0
_CHUNK = 65_536
_NOT_IN_A_NAME = re.compile(r"[\x00-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
_turns = threading.BoundedSemaphore(AT_ONCE)
_UUID = r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"
_NAMES = {
    "image": "JPEG or PNG",
    "sticker": "WebP",
    "audio": "AAC, AMR, MP3, M4A or Ogg with Opus",
    "video": "MP4 or 3GP",
    "document": "PDF, Word, Excel, PowerPoint or plain text",
}


class NewFile(Body):
    """What the form says before its file: for whom, for which number, as what."""

    kind: str = Field(pattern=r"^[a-z]{1,20}$")
    number_id: str | None = Field(None, pattern=_UUID)
    conversation_id: str | None = Field(None, pattern=_UUID)

    @model_validator(mode="after")
    def _names_a_number(self) -> NewFile:
        if (self.number_id is None) == (self.conversation_id is None):
            raise ValueError("give number_id or conversation_id")
        return self


class Upload(BaseModel, extra="ignore"):
    """What the database says to an upload that begins."""

    media_id: str
    path: str
    types: list[str]
    send_bytes: int
    still_bytes: int | None = None


@bp.post("/media")
def upload_media() -> tuple[Response, int]:
    """Take a file from a form (`org_id`, `kind`, `number_id` or `conversation_id`, then `file`); agents."""
    asking = person()
    request.max_content_length = MOST
    with tempfile.TemporaryFile() as file, _drained():
        answer, status = _Receiver(asking, file).receive()
    return jsonify(answer), status


@contextmanager
def _drained() -> Iterator[None]:
    """Read a refused form to its end, for a while: who is still sending would not read the answer."""
    try:
        yield
    except Exception:
        until = time.monotonic() + DRAIN
        with suppress(HTTPException, OSError):
            while time.monotonic() < until and request.stream.read(_CHUNK):
                pass
        raise


@contextmanager
def _turn() -> Iterator[None]:
    """Let a few in at a time, and only those that may: uploads must not take all threads of the process."""
    if not _turns.acquire(blocking=False):
        raise Refused(429, "Other files are being uploaded just now. Try again in a moment.", "uploads_busy")
    try:
        yield
    finally:
        _turns.release()


class _Receiver:
    """One form, read as it comes: who may send what is settled before the first byte of the file is taken."""

    def __init__(self, asking: Person, file: IO[bytes]) -> None:
        self.asking, self.file = asking, file
        self.runtime = current()

    def receive(self) -> tuple[dict[str, Any], int]:
        """Take the form, keep the file and hand it to Meta."""
        events = _events()
        form, filename = _until_file(events)
        answer = self.asking.rpc("start_upload", filename=filename, **form.model_dump(exclude_none=True))
        upload = Upload.model_validate(answer)
        try:
            with _turn():
                size, sha256 = self._take(events, form, upload)
                found = self._recognise(form, upload, filename, size)
                standing = self._pass_on(form, upload, found.mime_type, {"bytes": size, "sha256": sha256})
        except Exception:
            with suppress(FlowError):  # what stays is cleared away in an hour
                self.runtime.database.rpc("drop_upload", org_id=form.org_id, media_id=upload.media_id)
            raise
        if standing.status not in ("stored", "pending"):
            raise Refused(422, standing.error, "media_refused")
        about = {"kind": form.kind, "mime_type": found.mime_type, "bytes": size, "filename": filename}
        answer = {"media_id": upload.media_id, **about, "status": standing.status}
        return answer, 201 if standing.status == "stored" else 202

    def _pass_on(self, form: NewFile, upload: Upload, mime_type: str, file: dict[str, Any]) -> Standing:
        """Keep the file in the bucket, tell the database, hand it to Meta."""
        runtime, file = self.runtime, {**file, "mime_type": mime_type}
        with Worker(runtime.database, runtime.http, runtime.settings) as worker:
            self._keep(worker, upload, mime_type)
            claim = runtime.database.rpc(
                "finish_upload", org_id=form.org_id, media_id=upload.media_id, file=file
            )
            return self._hand_over(worker, Claim.model_validate(claim))

    def _take(self, events: Iterator[Event], form: NewFile, upload: Upload) -> tuple[int, str]:
        digest, size = hashlib.sha256(), 0
        for event in events:
            if isinstance(event, Epilogue):
                break
            if not isinstance(event, Data):
                raise Refused(422, "The file comes last, and alone.", "form_invalid")
            size += len(event.data)
            if size > upload.send_bytes:
                raise _too_large(form.kind, upload.send_bytes)
            digest.update(event.data)
            self.file.write(event.data)
        if not size:
            raise Refused(422, "The file is empty.", "media_empty")
        return size, digest.hexdigest()

    def _recognise(self, form: NewFile, upload: Upload, filename: str | None, size: int) -> kinds.Found:
        found = kinds.recognise(self.file, filename)
        if found is not None and form.kind == "audio" and found.mime_type == "video/mp4":
            found = kinds.Found("audio/mp4")  # the same box; many recorders name it for films
        if found is None or found.mime_type not in upload.types:
            raise Refused(
                422,
                f"WhatsApp does not take this file as {form.kind}: give {_NAMES[form.kind]}.",
                "media_type",
            )
        if upload.still_bytes and not found.is_animated and size > upload.still_bytes:
            raise _too_large(form.kind, upload.still_bytes)
        return found

    def _keep(self, worker: Worker, upload: Upload, mime_type: str) -> None:
        try:
            worker.bucket.put(upload.path, self.file, mime_type)
        except StorageRefused as error:
            if error.is_too_large:
                raise Refused(413, f"{error.message}.", "media_too_large") from None
            raise

    def _hand_over(self, worker: Worker, claim: Claim) -> Standing:
        """Hand the file to Meta at once; what fails for the moment is the job's."""
        if not claim.items:
            return Standing()  # no token just now: the job tries again
        (item,) = claim.items
        self.file.seek(0)
        try:
            result = worker.hand_over(item, claim.tokens[item.account_id], self.file)
        except GraphError as error:
            result = refused_by_meta(error)
        except ProviderError as error:
            result = {"outcome": "retry", "slug": error.detail, "words": error.message}
        return worker.record(claim.lease, item, result)


def _too_large(kind: str, most: int) -> Refused:
    return Refused(
        413,
        f"The file is too large: WhatsApp takes this kind ({kind}) up to {most / 1e6:g} MB.",
        "media_too_large",
    )


def _events() -> Iterator[Event]:
    """Give the parts of the form as they come in."""
    boundary = request.mimetype_params.get("boundary", "")
    if request.mimetype != "multipart/form-data" or not boundary:
        raise Refused(415, "Send the file as multipart/form-data.", "form_invalid")
    decoder = MultipartDecoder(
        boundary.encode("latin-1", "replace"), max_form_memory_size=4 * _CHUNK, max_parts=10
    )
    until = time.monotonic() + LONGEST
    while True:
        if time.monotonic() > until:
            raise Refused(408, "The upload took too long.", "upload_too_slow")
        try:
            event = decoder.next_event()
            if isinstance(event, NeedData):
                decoder.receive_data(request.stream.read(_CHUNK) or None)
                continue
        except ValueError:
            raise Refused(422, "The form is broken.", "form_invalid") from None
        yield event
        if isinstance(event, Epilogue):
            return


def _until_file(events: Iterator[Event]) -> tuple[NewFile, str | None]:
    """Read the fields before the file; give them and the file's name. Raises Refused 422."""
    fields: dict[str, str] = {}
    name: str | None = None
    for event in events:
        if isinstance(event, File):
            if event.name != "file":
                raise Refused(422, "The file's field is called «file».", "form_invalid")
            return _form(fields), _plain_name(event.filename)
        if isinstance(event, FormField):
            name = event.name
        elif isinstance(event, Data) and name is not None:
            fields[name] = (fields.get(name, "") + event.data.decode("utf-8", "replace"))[:200]
    raise Refused(422, "The form has no file.", "form_invalid")


def _form(fields: dict[str, str]) -> NewFile:
    try:
        return NewFile.model_validate({key: value for key, value in fields.items() if value.strip()})
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "form"
        raise Refused(422, f"{where}: {first['msg']}.", "body_invalid") from None


def _plain_name(given: str | None) -> str | None:
    """Give a file's name without folders, control characters or tricks of direction."""
    name = unicodedata.normalize("NFC", re.split(r"[/\\]", given or "")[-1])
    name = _NOT_IN_A_NAME.sub("", name).strip().strip(".").strip()
    return name.encode("utf-8", "replace").decode()[-240:] or None
