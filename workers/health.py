"""Two questions a host may ask: is the process alive, and can it work. The answers tell nothing private."""

from __future__ import annotations

import structlog
from flask import Blueprint, Response, jsonify

from workers.errors import FlowError
from workers.runtime import current

bp = Blueprint("health", __name__)
log = structlog.stdlib.get_logger(__name__)


@bp.get("/healthz")
def healthz() -> Response:
    """Answer that the process is alive, whatever the state of the database."""
    return jsonify(ok=True)


@bp.get("/readyz")
def readyz() -> tuple[Response, int]:
    """Answer 200 when the database can take work, else 503."""
    try:
        is_ready = current().database.rpc("readiness").get("ok") is True
    except FlowError as error:
        log.warning("not ready", detail=error.detail, error=error.message)
        is_ready = False
    return jsonify(ok=is_ready), 200 if is_ready else 503
