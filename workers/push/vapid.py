"""Who sends: the pair of keys by which push services know this Flow, and browsers its pushes (RFC 8292)."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from workers.push.encryption import b64url, from_b64url, point

_VALID_SECONDS = 12 * 3600
"""How long a signature holds; RFC 8292 allows a day."""


def new_private_key() -> str:
    """Make a private key, as FLOW_VAPID_PRIVATE_KEY takes it."""
    made = ec.generate_private_key(ec.SECP256R1())
    return b64url(made.private_numbers().private_value.to_bytes(32, "big"))


def read_private_key(text: str) -> ec.EllipticCurvePrivateKey:
    """Read a private key: 32 bytes in base64url. Raises ValueError."""
    raw = from_b64url(text)
    if len(raw) != 32:
        raise ValueError("not 32 bytes")
    return ec.derive_private_key(int.from_bytes(raw, "big"), ec.SECP256R1())


def public_key(private: str) -> str:
    """Give the public key that belongs to a private one, as browsers take it."""
    return b64url(point(read_private_key(private).public_key()))


def authorization(endpoint: str, private: str, subject: str) -> str:
    """Give the Authorization header of a request to an endpoint: a signature for its service alone."""
    parts = urlsplit(endpoint)
    claims = {
        "aud": f"{parts.scheme}://{parts.netloc}",
        "exp": int(time.time()) + _VALID_SECONDS,
        "sub": subject,
    }
    signed = jwt.encode(claims, read_private_key(private), algorithm="ES256")
    return f"vapid t={signed}, k={public_key(private)}"
