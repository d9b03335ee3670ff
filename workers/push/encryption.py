"""Message encryption for Web Push (RFC 8291, content encoding aes128gcm of RFC 8188)."""

from __future__ import annotations

import base64
import os

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

LONGEST = 3_072
"""Bytes of a payload: every push service takes them, with all that the encryption adds (4,096)."""

_RECORD = 4_096
_LAST_RECORD = b"\x02"


def b64url(raw: bytes) -> str:
    """Write bytes as base64url without padding, as Web Push does."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def from_b64url(text: str) -> bytes:
    """Read base64url with or without padding. Raises ValueError."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def point(key: ec.EllipticCurvePublicKey) -> bytes:
    """Give a public key as its uncompressed point, 65 bytes."""
    return key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def derive(secret: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    """Derive key material (HKDF with SHA-256)."""
    return HKDF(hashes.SHA256(), length, salt, info).derive(secret)


def encrypt(
    payload: bytes,
    p256dh: str,
    auth: str,
    *,
    sender: ec.EllipticCurvePrivateKey | None = None,
    salt: bytes | None = None,
) -> bytes:
    """Encrypt a payload for one subscription: the body of the request to its push service.

    p256dh and auth are the subscription's, in base64url. sender and salt are new for each message, unless a
    test gives those of the RFC. Raises ValueError for keys that are none, or a payload above LONGEST.
    """
    if len(payload) > LONGEST:
        raise ValueError("the payload is too long")
    receiver, secret = from_b64url(p256dh), from_b64url(auth)
    sender = sender or ec.generate_private_key(ec.SECP256R1())
    salt = salt or os.urandom(16)
    public = point(sender.public_key())
    shared = sender.exchange(
        ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), receiver)
    )
    material = derive(shared, secret, b"WebPush: info\0" + receiver + public, 32)
    key = derive(material, salt, b"Content-Encoding: aes128gcm\0", 16)
    nonce = derive(material, salt, b"Content-Encoding: nonce\0", 12)
    sealed = AESGCM(key).encrypt(nonce, payload + _LAST_RECORD, None)
    return salt + _RECORD.to_bytes(4, "big") + bytes([len(public)]) + public + sealed
