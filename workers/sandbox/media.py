"""Meta's files: uploads, their short-lived addresses, downloads; and hosts that misbehave, if told to."""

import hashlib
import time
import zlib
from base64 import b64decode, b64encode
from collections.abc import Iterator

from flask import Blueprint, Response, jsonify, request

from workers.sandbox import auth
from workers.sandbox.app import json_body, the_sandbox
from workers.sandbox.graph_errors import GraphError, invisible
from workers.sandbox.models import JsonObject, MediaFile
from workers.sandbox.server import RAW
from workers.sandbox.state import number_of

bp = Blueprint("media", __name__)
control = Blueprint("control_media", __name__, url_prefix="/_sandbox/meta")
Answer = Response | tuple[Response, int] | tuple[str, int]

URL_SECONDS = 300
LIMITS = {
    **dict.fromkeys(("image/jpeg", "image/png"), 5_000_000),
    **dict.fromkeys(("audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"), 16_000_000),
    **dict.fromkeys(("video/mp4", "video/3gpp"), 16_000_000),
    **dict.fromkeys(("application/pdf", "text/plain", "application/msword"), 100_000_000),
    "image/webp": 500_000,
}
TOLD = ("address", "wrong_hash", "wrong_size", "expired")
"""Tricks of what Meta says about a file; the others are tricks of the host that has it."""


@bp.post("/v<version>/<phone_number_id>/media")
def upload(phone_number_id: str) -> Answer:
    """Keeps a file for 30 days, in memory; faults that were ordered come first."""
    state = the_sandbox().meta
    fault = the_sandbox().meta_faults.take({"error", "http_500"}, phone_number_id, "media")
    if fault and fault.kind == "error":
        raise GraphError(fault.code, fault.details, subcode=fault.subcode, status=fault.http_status)
    if fault:
        return "", 500
    with state.lock:
        state.calls["media"] += 1
        auth.number(phone_number_id, "post")
        if request.form.get("messaging_product") != "whatsapp":
            raise GraphError(100, message="(#100) The parameter messaging_product is required.")
        file = request.files.get("file")
        if file is None:
            raise GraphError(100, message="(#100) The parameter file is required.")
        mime = (file.mimetype or request.form.get("type", "")).lower()
        content = file.read()
        if mime not in LIMITS and not mime.startswith("application/vnd."):
            types = ", ".join(LIMITS)
            message = f"(#100) Param file must be a file with one of the following types: {types}."
            raise GraphError(100, message=f"{message} Received file of type '{mime}'.")
        if len(content) > LIMITS.get(mime, 100_000_000):
            raise GraphError(131053, f"The file is too large: {len(content)} bytes")
        return jsonify({"id": keep_media(phone_number_id, mime, content)["id"]})


def keep_media(phone_number_id: str, mime: str, content: bytes, file: MediaFile | None = None) -> JsonObject:
    """Keeps a file and gives what a webhook says of it. The caller holds the lock."""
    state = the_sandbox().meta
    media_id = number_of(15, "media", state.nonce, len(state.media))
    state.media[media_id] = {
        "phone_number_id": phone_number_id,
        "mime_type": mime,
        "content": content,
        "trick": file.trick if file else None,
        "left": file.count if file else None,
        "address": file.address if file else None,
        "pace": file.pace if file else 0,
        "asked": 0,
        "downloads": 0,
    }
    # Webhooks write the digest in base64, the Graph API in hex.
    digest = b64encode(hashlib.sha256(content).digest()).decode()
    return {"id": media_id, "mime_type": mime, "sha256": digest}


def _trick(media: JsonObject, *, told: bool) -> str | None:
    """Gives the trick that is due now, and uses it up by one."""
    trick: str | None = media["trick"]
    if trick is None or (trick in TOLD) is not told or media["left"] == 0:
        return None
    if media["left"] is not None:
        media["left"] -= 1
    return trick


def media_object(media_id: str) -> JsonObject:
    """Gives what GET /{media_id} answers: an address that lives five minutes. The caller holds the lock."""
    media = the_sandbox().meta.media.get(media_id)
    asked = request.args.get("phone_number_id", media["phone_number_id"] if media else None)
    if media is None or asked != media["phone_number_id"]:
        raise invisible("get", media_id)
    auth.number(media["phone_number_id"], "get")
    media["asked"] += 1
    trick = _trick(media, told=True)
    until = int(time.time()) + (-1 if trick == "expired" else URL_SECONDS)
    content = media["content"]
    digest = hashlib.sha256(content + (b"!" if trick == "wrong_hash" else b"")).hexdigest()
    url = f"{request.host_url}_media/{media_id}?ext={until}"
    return {
        "messaging_product": "whatsapp",
        "url": media["address"] if trick == "address" else url,
        "mime_type": media["mime_type"],
        "sha256": digest,
        "file_size": len(content) + (7 if trick == "wrong_size" else 0),
        "id": media_id,
    }


@bp.get("/_media/<media_id>")
def download(media_id: str) -> Answer:
    """Gives the bytes to whoever has the token and comes in time."""
    state = the_sandbox().meta
    with state.lock:
        media = state.media.get(media_id)
        if media is None or request.args.get("ext", 0, int) < time.time():
            return jsonify({"error": {"message": "URL expired", "code": 0}}), 404
        auth.number(media["phone_number_id"], "get")
        media["downloads"] += 1
        trick = _trick(media, told=False)
    if trick == "gone":
        return "", 404
    if trick == "redirect":
        return Response(status=302, headers={"Location": str(media["address"])})
    if trick:
        request.environ[RAW] = _hostile(trick, media)
    return Response(media["content"], mimetype=media["mime_type"])


def _bomb() -> bytes:
    """Gives 50 MB of nothing, compressed."""
    press = zlib.compressobj(wbits=31)
    return b"".join(press.compress(bytes(50_000)) for _ in range(1000)) + press.flush()


def _hostile(trick: str, media: JsonObject) -> Iterator[bytes]:
    """Gives, piece by piece, what a host says that means no good."""
    content, mime, pace = media["content"], media["mime_type"], media["pace"]
    length = f"Content-Length: {len(content)}\r\n"
    if trick == "huge_length":
        length = f"Content-Length: {10**15}\r\n"
    elif trick in ("endless", "drip_headers"):
        length = ""
    elif trick == "gzip":
        content = _bomb()
        length = f"Content-Length: {len(content)}\r\nContent-Encoding: gzip\r\n"
    elif trick == "wrong_type":
        mime = "text/html"
    yield f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: {mime}\r\n{length}".encode()
    if trick == "drip_headers":
        for number in range(100_000):
            time.sleep(pace)
            yield f"X-{number}: x\r\n".encode()
    yield b"\r\n"
    if trick in ("endless", "huge_length"):
        while True:
            yield bytes(65_536)
    if trick == "drip":
        for at in range(len(content)):
            time.sleep(pace)
            yield content[at : at + 1]
    elif trick == "cut":
        yield content[: len(content) // 2]
    else:
        yield content


@bp.delete("/v<version>/<media_id>")
def remove_media(media_id: str) -> Response:
    """Forgets an uploaded file."""
    state = the_sandbox().meta
    with state.lock:
        media_object(media_id)
        del state.media[media_id]
    return jsonify({"success": True})


@control.route("/media", methods=["GET", "POST"])
def files() -> Answer:
    """Puts a file at Meta, with a trick of its host if told; lists all, with how often each was asked for."""
    state = the_sandbox().meta
    with state.lock:
        if request.method == "GET":
            listed = [
                {"id": media_id, **{k: v for k, v in media.items() if k != "content"},
                 "bytes": len(media["content"]), "sha256": hashlib.sha256(media["content"]).hexdigest()}
                for media_id, media in state.media.items()
            ]  # fmt: skip
            return jsonify({"media": listed})
        given = MediaFile.model_validate(json_body())
        if given.phone_number_id not in state.numbers:
            return jsonify({"error": {"message": "No such number.", "detail": "number_unknown"}}), 404
        content = b64decode(given.content)
        return jsonify(keep_media(given.phone_number_id, given.mime_type, content, given))
