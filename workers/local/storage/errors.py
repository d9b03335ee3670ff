"""What hosted Storage says when it refuses: HTTP 400, unless 416 or 5xx, and the real status in the body."""

import json
from datetime import datetime

from werkzeug.wrappers import Response

# name or SQLSTATE: status in the body, `error`, `code`, message
ERRORS = {
    "bucket": (404, "Bucket not found", "NoSuchBucket", "Bucket not found"),
    "object": (404, "not_found", "NoSuchKey", "Object not found"),
    "mime": (415, "invalid_mime_type", "InvalidMimeType", "bad mime type"),
    "jwt": (400, "InvalidJWT", "InvalidJWT", "Invalid JWT"),
    "large": (413, "Payload too large", "EntityTooLarge", "The object exceeded the maximum allowed size"),
    "range": (416, "invalid_range", "InvalidRange", "invalid range provided"),
    "request": (400, "InvalidRequest", "InvalidRequest", "Invalid Request"),
    "database": (500, "DatabaseError", "DatabaseError", "database error"),
    "42501": (403, "Unauthorized", "AccessDenied", "Access denied"),
    "23503": (404, "InvalidRequest", "InvalidRequest", "No such bucket"),
    "23505": (409, "Duplicate", "ResourceAlreadyExists", "The resource already exists"),
}


class StorageError(Exception):
    """A request that Storage refuses."""

    def __init__(self, name: str, message: str | None = None) -> None:
        status, error, code, text = ERRORS[name]
        super().__init__(message or text)
        self.status = status if status == 416 or status >= 500 else 400
        self.body = {"statusCode": str(status), "error": error, "code": code, "message": message or text}


def reply(data: object, status: int = 200) -> Response:
    """Answer with JSON."""
    return Response(json.dumps(data, default=datetime.isoformat), status, mimetype="application/json")
