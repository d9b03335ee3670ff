"""Proofs that a request comes from Meta. Everything is compared as bytes and in constant time."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, Field, ValidationError

_HEADER = re.compile(r"sha256=[0-9a-f]{64}")


class SignedRequest(BaseModel, extra="ignore"):
    """What Meta says in the `signed_request` of a callback about a person."""

    algorithm: str
    user_id: Annotated[str, BeforeValidator(lambda value: str(value) if type(value) is int else value)] = (
        Field(pattern=r"^[0-9A-Za-z_.:-]{1,64}$")
    )
    issued_at: int = Field(ge=0, lt=32_503_680_000)


def is_signed(body: bytes, header: str | None, secrets: Sequence[bytes]) -> bool:
    """Tell whether `X-Hub-Signature-256` signs these very bytes with one of the app's secrets."""
    if not header or not _HEADER.fullmatch(header):
        return False
    given = header.removeprefix("sha256=").encode("ascii")
    matches = [
        hmac.compare_digest(hmac.digest(secret, body, hashlib.sha256).hex().encode("ascii"), given)
        for secret in secrets
        if secret
    ]
    return any(matches)


def is_verify_token(given: str | None, expected: str) -> bool:
    """Tell whether the subscriber knows the verify token."""
    return bool(expected) and hmac.compare_digest((given or "").encode(), expected.encode())


def parse_signed_request(value: str, secrets: Sequence[bytes]) -> SignedRequest | None:
    """Give the content of a `signed_request`, or None when it is not signed by Meta for this app."""
    signature, _, payload = value.partition(".")
    try:
        given = _decode(signature)
        signed = payload.encode("ascii")
    except (ValueError, binascii.Error):
        return None
    matches = [
        hmac.compare_digest(hmac.digest(secret, signed, hashlib.sha256), given)
        for secret in secrets
        if secret
    ]
    if not any(matches):
        return None
    try:
        request = SignedRequest.model_validate_json(_decode(payload))
    except (ValidationError, ValueError, binascii.Error):
        return None
    return request if request.algorithm.upper() == "HMAC-SHA256" else None


def _decode(text: str) -> bytes:
    return base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
