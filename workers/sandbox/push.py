"""A push service and its browsers in small: takes what the real ones take, and decrypts it for who tests.

POST /_sandbox/push/subscriptions makes one: {endpoint, keys: {p256dh, auth}}. GET …/subscriptions/<id> gives
what came to it; DELETE ends it (then 410). POST /_sandbox/push/faults {status, times, retry_after} orders
answers for the next pushes.
"""

from __future__ import annotations

import base64
import json
import os
import threading
import time
from dataclasses import dataclass, field

import jwt
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from flask import Blueprint, Response, jsonify, request
from pydantic import BaseModel

bp = Blueprint("push", __name__)
DAY = 86_400

_lock = threading.Lock()
_known: dict[str, Browser] = {}
_faults: list[Fault] = []


@dataclass
class Browser:
    """One subscription: its keys and what came to it."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    auth: bytes = field(default_factory=lambda: os.urandom(16))
    came: list[dict[str, object]] = field(default_factory=list)
    is_gone: bool = False


class Fault(BaseModel):
    """What the next pushes are answered with."""

    status: int
    times: int = 1
    retry_after: str | None = None


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _point(key: ec.EllipticCurvePublicKey) -> bytes:
    form = serialization.PublicFormat.UncompressedPoint
    return key.public_bytes(serialization.Encoding.X962, form)


@bp.post("/_sandbox/push/subscriptions")
def subscribe() -> Response:
    """Makes a browser that is subscribed."""
    browser, name = Browser(), _text(os.urandom(16))
    with _lock:
        _known[name] = browser
    keys = {"p256dh": _text(_point(browser.key.public_key())), "auth": _text(browser.auth)}
    return jsonify(id=name, endpoint=f"{request.host_url}push/{name}", keys=keys)


@bp.route("/_sandbox/push/subscriptions/<name>", methods=["GET", "DELETE"])
def subscription(name: str) -> Response:
    """Gives what came to a browser, or ends its subscription."""
    with _lock:
        if request.method == "DELETE":
            _known[name].is_gone = True
        return jsonify(_known[name].came)


@bp.post("/_sandbox/push/faults")
def put_fault() -> Response:
    """Orders answers for the next pushes."""
    with _lock:
        _faults.append(Fault.model_validate(request.get_json()))
    return jsonify(ok=True)


@bp.post("/push/<name>")
def take(name: str) -> tuple[Response, int]:
    """Takes a push as RFC 8030 has it: 201; 400, 401 or 403 for what a real service refuses."""
    with _lock:
        browser = _known.get(name)
        fault = _faults[0] if _faults else None
        if fault is not None:
            fault.times -= 1
            if fault.times <= 0:
                _faults.pop(0)
            answer = jsonify(error="ordered")
            if fault.retry_after:
                answer.headers["Retry-After"] = fault.retry_after
            return answer, fault.status
    if browser is None or browser.is_gone:
        return jsonify(error="gone"), 404 if browser is None else 410
    refusal = _refused()
    if refusal:
        return refusal
    try:
        payload = decrypted(request.get_data(), browser)
    except (ValueError, InvalidTag):
        return jsonify(error="the body cannot be decrypted"), 400
    headers = {name: request.headers.get(name) for name in ("TTL", "Topic", "Urgency")}
    with _lock:
        browser.came.append({"payload": json.loads(payload), "headers": headers, "at": time.time()})
    return jsonify(ok=True), 201


def _refused() -> tuple[Response, int] | None:
    """Says what a real service would refuse about the headers."""
    if not request.headers.get("TTL", "").isdigit() or request.headers.get("Content-Encoding") != "aes128gcm":
        return jsonify(error="TTL or Content-Encoding is missing"), 400
    try:
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        parts = dict(part.strip().split("=", 1) for part in given.split(","))
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), _bytes(parts["k"]))
        claims = jwt.decode(parts["t"], key, algorithms=["ES256"], audience=request.host_url.rstrip("/"))
    except (KeyError, ValueError, jwt.PyJWTError):
        return jsonify(error="no VAPID signature for this service"), 403
    is_good = scheme.lower() == "vapid" and claims["exp"] <= time.time() + DAY
    if not is_good or not str(claims.get("sub", "")).startswith(("mailto:", "https:")):
        return jsonify(error="a VAPID signature without a subject, or for too long"), 403
    return None


def decrypted(body: bytes, browser: Browser) -> bytes:
    """Opens a body of content encoding aes128gcm as a browser does. Raises ValueError or InvalidTag."""
    salt, length = body[:16], body[20]
    sender, sealed = body[21 : 21 + length], body[21 + length :]
    own = _point(browser.key.public_key())
    other = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), sender)
    shared = browser.key.exchange(ec.ECDH(), other)

    def derive(secret: bytes, given: bytes, info: bytes, size: int) -> bytes:
        return HKDF(hashes.SHA256(), size, given, info).derive(secret)

    material = derive(shared, browser.auth, b"WebPush: info\0" + own + sender, 32)
    key = derive(material, salt, b"Content-Encoding: aes128gcm\0", 16)
    nonce = derive(material, salt, b"Content-Encoding: nonce\0", 12)
    opened = AESGCM(key).decrypt(nonce, sealed, None).rstrip(b"\0")
    if not opened.endswith(b"\x02"):
        raise ValueError("not the last record")
    return opened[:-1]
