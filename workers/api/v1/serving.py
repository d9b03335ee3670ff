"""Answers `/api/v1`: reads what a program asks, calls the database once, and says what it said."""

from __future__ import annotations

import hashlib
import json
from http import HTTPStatus
from typing import Any, NoReturn

from flask import Response, jsonify, request
from pydantic import ValidationError
from werkzeug.exceptions import MethodNotAllowed

from workers import phones
from workers.api.asking import bp
from workers.api.v1 import leads, openapi
from workers.api.v1.asked import Asked, Body
from workers.api.v1.routes import ROUTES, Route
from workers.errors import Refused
from workers.runtime import current
from workers.storable import clean_string, load_json

_METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE"}


@bp.get("/v1/openapi.json")
def openapi_document() -> Response:
    """Give the OpenAPI document; it is the same for everybody."""
    response = jsonify(openapi.document(str(current().settings.flow_public_url or "")))
    response.headers["Cache-Control"] = "public, max-age=300"
    return response


def _serve(route: Route, **path: str) -> tuple[Response, int]:
    key = _key()
    args = _from_path(route, path) | _read(route.query, request.args.to_dict(flat=False), "query_invalid")
    if route.operation == "contacts.list" and (phone := args.get("phone")):
        parsed = phones.parse(phone, "IN")
        args["phone"] = parsed.e164 if parsed else "none"
    request_key = _request_key()
    is_batch = False
    if route.operation == "leads.add":
        is_batch, args["items"] = leads.items(_body(), request_key)
    elif route.body:
        given = _given(route.body[0], _body())
        args |= {route.argument: given} if route.argument else given
    try:
        said = current().database.rpc(
            "call_api",
            key_sha256=key,
            operation=route.operation,
            args=args,
            request_key=request_key,
            body_sha256=hashlib.sha256(b" ".join(_request())).hexdigest(),
        )
    except Refused as refused:
        if refused.status == HTTPStatus.TOO_MANY_REQUESTS:
            refused.headers = {"RateLimit-Remaining": "0"}
        raise
    pace = said["pace"]
    headers = {
        "RateLimit-Limit": str(pace["limit"]),
        "RateLimit-Remaining": str(pace["remaining"]),
        "RateLimit-Reset": str(pace["reset"]),
    }
    if refusal := said.get("refusal"):
        _refuse(refusal, headers)
    answer, status = said["answer"], route.status
    if route.operation == "leads.add":
        answer, status = leads.answer(answer, is_batch=is_batch, is_repeat=said["is_repeat"])
    response = jsonify(answer)
    response.headers.update(headers)
    if said["is_repeat"]:
        response.headers["Idempotent-Replayed"] = "true"
    return response, status


def _request() -> tuple[bytes, bytes, bytes]:
    return request.method.encode(), request.path.encode(), request.get_data()


def _refuse(refusal: dict[str, Any], headers: dict[str, str]) -> NoReturn:
    hint = str(refusal["hint"] or "")
    retry_at = hint.removeprefix("retry_at=") if hint.startswith("retry_at=") else None
    words = refusal["message"] if retry_at or not hint else f"{refusal['message'].rstrip('.')}. {hint}"
    error = Refused(refusal["status"], words, refusal["detail"], retry_at)
    error.headers = headers
    raise error


def _key() -> str:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise Refused(401, "Give an API key: Authorization: Bearer flow_…", "api_key_missing")
    return hashlib.sha256(key.strip().encode()).hexdigest()


def _request_key() -> str | None:
    request_key = request.headers.get("Idempotency-Key")
    if request_key is not None and not openapi.REQUEST_KEY.fullmatch(request_key):
        raise Refused(422, "Idempotency-Key: 1 to 200 visible ASCII characters.", "idempotency_key_invalid")
    return request_key


def _body() -> object:
    try:
        return load_json(request.get_data().decode())
    except ValueError:
        raise Refused(400, "The body is not JSON.", "not_json") from None


def _from_path(route: Route, path: dict[str, str]) -> dict[str, Any]:
    """Give the ids in the path; one that cannot be an id names nothing."""
    for name, value in path.items():
        if not openapi.ID_PATTERNS[name].fullmatch(value):
            raise Refused(404, f"There is no such {route.group.rstrip('s')}.", "not_found")
    return dict(path)


def _read(model: type[Asked], given: dict[str, list[str]], detail: str) -> dict[str, Any]:
    if doubled := [name for name, values in given.items() if len(values) > 1]:
        raise Refused(422, f"{doubled[0]}: give it once.", detail)
    try:
        asked = model.model_validate({name: clean_string(values[0]) for name, values in given.items()})
    except ValidationError as error:
        raise Refused(422, leads.first(error), detail) from None
    return asked.model_dump(mode="json", exclude_none=True)


def _given(model: type[Body], given: object) -> dict[str, Any]:
    """Give a body as the model."""
    try:
        asked = model.model_validate_json(json.dumps(given))
    except ValidationError as error:
        raise Refused(422, leads.first(error), "body_invalid") from None
    return asked.model_dump(mode="json", exclude_unset=True)


def _register() -> None:
    offered: dict[str, list[str]] = {}
    for route in ROUTES:
        offered.setdefault(route.path, []).append(route.method)
        rule = "/v1" + route.path.replace("{", "<").replace("}", ">")
        name = "v1_" + route.operation.replace(".", "_")
        bp.add_url_rule(rule, name, _serve, methods=[route.method], defaults={"route": route})
    for path, methods in offered.items():
        # Said here: beside the dashboard, which has a page for every address, nobody else would.
        rule = "/v1" + path.replace("{", "<").replace("}", ">")
        others = sorted(_METHODS.difference(methods))
        bp.add_url_rule(
            rule, f"v1_not{path}".replace(".", "_"), _not_allowed, methods=others, defaults={"valid": methods}
        )


def _not_allowed(valid: list[str], **_path: str) -> NoReturn:
    raise MethodNotAllowed(valid)


_register()
