"""What a file is, by its own bytes: what a browser or a sender says about it is not believed."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import IO

_LOOK = 65_536
_EXTENSION_OF = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "audio/aac": "aac",
    "audio/amr": "amr",
    "audio/mpeg": "mp3",
    "audio/mp4": "m4a",
    "audio/ogg": "ogg",
    "video/mp4": "mp4",
    "video/3gpp": "3gp",
    "application/pdf": "pdf",
    "text/plain": "txt",
    "application/msword": "doc",
    "application/vnd.ms-excel": "xls",
    "application/vnd.ms-powerpoint": "ppt",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
}
_TYPE_OF = {extension: mime for mime, extension in _EXTENSION_OF.items()}
_OLD_OFFICE = ("doc", "xls", "ppt")
_OFFICE_PARTS = {b"word/": "docx", b"xl/": "xlsx", b"ppt/": "pptx"}
# Documents that a browser would run as a page: kept, but never served as one.
_ACTIVE = re.compile(r"html|xml|svg|javascript|ecmascript", re.IGNORECASE)
_MIME = re.compile(r"[\w!#$&^.+-]{1,100}/[\w!#$&^.+-]{1,100}(; ?[\w-]{1,40}=[\w.-]{1,40}){0,3}", re.ASCII)
_ALIASES = {
    "application/ogg": "audio/ogg",
    "audio/mp3": "audio/mpeg",
    "audio/opus": "audio/ogg",
    "audio/x-m4a": "audio/mp4",
    "image/jpg": "image/jpeg",
}
_SAYS_NOTHING = ("", "application/octet-stream", "binary/octet-stream")


@dataclass(frozen=True, slots=True)
class Found:
    """What a file turned out to be."""

    mime_type: str
    is_animated: bool = False


def extension_of(mime_type: str) -> str:
    """Give the usual ending of a type's file names."""
    return _EXTENSION_OF.get(mime_type, "bin")


def base_type(mime_type: str | None) -> str:
    """Give a type without its parameters, under its usual name; empty when it says nothing."""
    base = (mime_type or "").partition(";")[0].strip().lower()
    return "" if base in _SAYS_NOTHING else _ALIASES.get(base, base)


def differ(kind: str, expected: str | None, given: str | None) -> bool:
    """Tell whether two statements about a file of this kind contradict each other."""
    one, other = base_type(expected), base_type(given)
    if not one or not other or one == other:
        return False
    # Servers name office files in many ways; a page or an error object in place of a file is told apart.
    return kind != "document" or other in ("text/html", "application/json")


def safe_type(kind: str, mime_type: str | None) -> str:
    """Give the type under which a received file is kept: nothing that a browser would run."""
    given = (mime_type or "").strip()
    main = given.partition("/")[0].lower()
    expected = {"sticker": "image", "document": main}.get(kind, kind)
    if not _MIME.fullmatch(given) or main != expected:
        return "application/octet-stream"
    office = given.startswith("application/vnd.openxmlformats")
    return "application/octet-stream" if _ACTIVE.search(given) and not office else given


def recognise(file: IO[bytes], filename: str | None) -> Found | None:
    """Give what the file is, among the types that WhatsApp takes; None for anything else."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    head = file.read(_LOOK)
    file.seek(max(0, size - _LOOK))
    tail = file.read(_LOOK)
    file.seek(0)
    if found := _picture(head) or _sound_or_film(head):
        return found
    if mime := _document(head, tail, (filename or "").rpartition(".")[2].lower()):
        return Found(mime)
    return None


def _picture(head: bytes) -> Found | None:
    if head.startswith(b"\xff\xd8\xff"):
        return Found("image/jpeg")
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return Found("image/png")
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        moves = head[12:16] == b"VP8X" and len(head) > 20 and bool(head[20] & 2)
        return Found("image/webp", is_animated=moves)
    return None


def _sound_or_film(head: bytes) -> Found | None:
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        if brand in (b"M4A ", b"M4B "):
            return Found("audio/mp4")
        if brand.startswith(b"3g"):
            return Found("video/3gpp")
        if brand in (b"heic", b"heix", b"mif1", b"avif", b"qt  "):
            return None
        return Found("video/mp4")
    if head.startswith(b"OggS"):  # WhatsApp takes Ogg with Opus only
        return Found("audio/ogg") if b"OpusHead" in head[:200] else None
    if head.startswith(b"#!AMR"):
        return Found("audio/amr")
    if head.startswith(b"ID3"):
        return Found("audio/mpeg")
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        layer = head[1] >> 1 & 3
        return Found("audio/aac" if layer == 0 else "audio/mpeg")
    return None


def _document(head: bytes, tail: bytes, extension: str) -> str | None:
    if b"%PDF-" in head[:1024]:
        return "application/pdf"
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return _TYPE_OF[extension] if extension in _OLD_OFFICE else None
    if head.startswith(b"PK\x03\x04"):
        if b"[Content_Types].xml" not in head and b"[Content_Types].xml" not in tail:
            return None
        kinds = [name for part, name in _OFFICE_PARTS.items() if part in tail or part in head[:4096]]
        return _TYPE_OF[extension if extension in kinds else kinds[0]] if kinds else None
    return "text/plain" if head and _is_text(head) else None


def _is_text(head: bytes) -> bool:
    if head[:5] == b"{\\rtf" or any(byte < 9 or 13 < byte < 27 for byte in head):
        return False
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.start > len(head) - 4 and error.reason == "unexpected end of data"
    return True
