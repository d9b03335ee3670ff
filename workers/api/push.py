"""The public key that a browser subscribes with."""

from __future__ import annotations

from flask import Response, jsonify

from workers.api.asking import bp
from workers.push.vapid import public_key
from workers.runtime import current


@bp.get("/push/key")
def push_key() -> Response:
    """Give this Flow's public key, {key}; null while pushes are not set up. It is no secret."""
    settings = current().settings
    key = settings.flow_vapid_private_key
    return jsonify(key=public_key(key.get_secret_value()) if key else None)
