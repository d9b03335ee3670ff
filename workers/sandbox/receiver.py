"""A program of a business that webhooks are delivered to: it checks signatures as Standard Webhooks says."""

import base64
import hmac
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from threading import Lock
from typing import Literal

from flask import Blueprint, Response, jsonify, request
from pydantic import Field

from workers.sandbox.app import json_body
from workers.sandbox.models import JsonObject, Strict

bp = Blueprint("receiver", __name__)
_TOLERANCE = 300


class Receiver(Strict):
    """A program of a business: the secrets it checks signatures with, and how it answers next."""

    secrets: list[str] = Field([])
    faults: list[int | Literal["slow", "drip", "long"]] = Field([])


@dataclass
class _Program:
    settings: Receiver = field(default_factory=Receiver)
    events: list[JsonObject] = field(default_factory=list)
    lock: Lock = field(default_factory=Lock)


_programs: dict[str, _Program] = {}


@bp.post("/_sandbox/receiver/<name>")
def set_up(name: str) -> Response:
    """Makes a program, or gives one new secrets and faults; what it got is forgotten."""
    _programs[name] = _Program(Receiver.model_validate(json_body()))
    return jsonify({"path": f"/receiver/{name}"})


@bp.get("/_sandbox/receiver/<name>")
def tell(name: str) -> Response:
    """Tells what came, in its order."""
    return jsonify({"events": _programs[name].events if name in _programs else []})


@bp.post("/receiver/<name>")
def receive(name: str) -> Response | tuple[Response, int]:
    """Takes an event, or answers with the next fault."""
    program, body = _programs.setdefault(name, _Program()), request.get_data()
    ident, at = request.headers.get("webhook-id", ""), request.headers.get("webhook-timestamp", "0")
    signatures = [one.removeprefix("v1,") for one in request.headers.get("webhook-signature", "").split()]
    signed = f"{ident}.{at}.".encode() + body
    verified = sum(_fits(secret, signed, signatures) for secret in program.settings.secrets)
    if not at.isdecimal() or abs(time.time() - int(at)) > _TOLERANCE:
        verified = 0
    with program.lock:
        known = any(event["id"] == ident for event in program.events)
        program.events.append(
            {
                "id": ident,
                "at": time.time(),
                "verified": verified,
                "is_known": known,
                "body": json.loads(body),
            }
        )
        fault = program.settings.faults.pop(0) if program.settings.faults else None
    if program.settings.secrets and not verified:
        return jsonify({"error": "The signature does not fit."}), 400
    return _faulty(fault) if fault else (jsonify({"ok": True}), 200)


def _fits(secret: str, signed: bytes, signatures: list[str]) -> bool:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    expected = base64.b64encode(hmac.digest(key, signed, sha256)).decode()
    return any(hmac.compare_digest(expected, given) for given in signatures)


def _faulty(fault: int | str) -> Response:
    match fault:
        case "slow":
            time.sleep(20)
        case "drip":
            return Response(_drip(), 200)
        case "long":
            return Response("x" * 100_000, 500)
        case int():
            return Response("told to", fault, {"Location": f"{request.host_url}receiver/elsewhere"})
    return Response("late", 200)


def _drip() -> Iterator[str]:
    for _ in range(30):
        yield "."
        time.sleep(1)
