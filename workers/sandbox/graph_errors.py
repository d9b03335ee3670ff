"""Meta's refusals, with Meta's own error bodies."""

import json
import secrets
from pathlib import Path
from typing import Final

from flask import Response, jsonify

_TABLE = json.loads(Path(__file__).with_name("error_codes.json").read_text(encoding="utf-8"))
CODES: Final[dict[int, tuple[str, int]]] = {
    int(code): (str(title), int(status or 400)) for code, title, status in _TABLE["codes"]
}


class GraphError(Exception):
    """The Graph API refuses: becomes `{"error": {…}}` with Meta's status."""

    def __init__(
        self,
        code: int,
        details: str | None = None,
        *,
        message: str | None = None,
        subcode: int | None = None,
        status: int | None = None,
        kind: str = "OAuthException",
        user_title: str | None = None,
    ) -> None:
        title, known_status = CODES.get(code, ("Unknown error", 400))
        self.code, self.subcode, self.details, self.kind = code, subcode, details, kind
        self.message = message or f"(#{code}) {title}"
        self.status = status or known_status
        self.user_title = user_title
        super().__init__(self.message)

    def body(self) -> dict[str, object]:
        """Gives the JSON that Meta would answer."""
        error: dict[str, object] = {"message": self.message, "type": self.kind, "code": self.code}
        if self.subcode is not None:
            error["error_subcode"] = self.subcode
        if self.user_title:
            error |= {"is_transient": False, "error_user_title": self.user_title}
            error["error_user_msg"] = self.details or self.user_title
        elif self.details is not None:
            error["error_data"] = {"messaging_product": "whatsapp", "details": self.details}
        error["fbtrace_id"] = "A" + secrets.token_urlsafe(16)
        return {"error": error}

    def response(self) -> tuple[Response, int]:
        """Gives the HTTP answer."""
        answer = jsonify(self.body())
        if self.status == 401:
            answer.headers["WWW-Authenticate"] = f'OAuth "Facebook Platform" "invalid_token" "{self.message}"'
        return answer, self.status


def status_error(code: int, details: str | None = None) -> dict[str, object]:
    """Gives the error object of a `failed` status webhook."""
    title = CODES.get(code, ("Unknown error", 400))[0]
    if code == 131047:
        title = "Re-engagement message"
    return {
        "code": code,
        "title": title,
        "message": title,
        "error_data": {"details": details or title},
        "href": "/documentation/business-messaging/whatsapp/support/error-codes",
    }


def invisible(verb: str, object_id: str) -> GraphError:
    """Gives the refusal for an object that does not exist, or not for this token."""
    return GraphError(
        100,
        message=f"Unsupported {verb} request. Object with ID '{object_id}' does not exist, cannot be loaded"
        " due to missing permissions, or does not support this operation. Please read the Graph API"
        " documentation at https://developers.facebook.com/docs/graph-api",
        subcode=33,
        kind="GraphMethodException",
    )


def bad_token(message: str = "Invalid OAuth access token - Cannot parse access token") -> GraphError:
    """Gives the refusal of an access token."""
    return GraphError(190, message=message, status=401)


def required(name: str, details: str | None = None) -> GraphError:
    """Gives the refusal of a message that lacks something."""
    details = details or f"The parameter {name} is required."
    return GraphError(131008, details, message="(#131008) Required parameter is missing")


def invalid(details: str) -> GraphError:
    """Gives the refusal of a value."""
    return GraphError(131009, details, message="(#131009) Parameter value is not valid")
