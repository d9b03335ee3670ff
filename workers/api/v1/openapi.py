"""The OpenAPI 3.1 document, made from the table of routes and the models: nothing in it is written twice."""

from __future__ import annotations

import functools
import re
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from workers.api.v1.answers import Problem
from workers.api.v1.events import EVENTS
from workers.api.v1.routes import ROUTES, Route
from workers.api.v1.told import Event

_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_NUMBER = re.compile(r"[0-9]{1,16}")
ID_PATTERNS = {name: _NUMBER if name == "message_id" else _UUID for route in ROUTES for name in route.names}
"""What an id in a path looks like."""
REQUEST_KEY = re.compile("[!-~]{1,200}")
"""What an Idempotency-Key looks like."""
_REF = "#/components/schemas/{model}"
_REFUSALS = {
    400: "The body is not JSON, or holds what cannot be stored.",
    401: "The key is missing, unknown, revoked or has ended.",
    402: "The subscription is suspended.",
    403: "The key lacks the scope.",
    404: "There is no such thing in your organization.",
    409: "It has changed since, exists already, or cannot be done as things stand.",
    413: "The body is too large.",
    422: "Something in the request is wrong; `message` names the field.",
    429: "Too many requests: wait until `retry_at`.",
    503: "The database cannot answer just now.",
}
_PACE = {
    name: {"schema": {"type": "string"}, "description": words}
    for name, words in (
        ("RateLimit-Limit", "What the bucket holds: one a request, or one a lead posted."),
        ("RateLimit-Remaining", "What is left of it."),
        ("RateLimit-Reset", "Seconds until it is full again; it fills by 4 a second."),
    )
}
_ABOUT = (
    "Programs of an organization read and change its leads, contacts, conversations and tasks, send "
    "messages, and are told of events by webhooks. Keys are made in Settings, Developers; each may do what "
    "its scopes say. A write with an `Idempotency-Key` can be repeated within seven days. Lists give `next`, "
    "the `cursor` of the page after it."
)


@functools.cache
def document(server: str) -> dict[str, Any]:
    """Give the document, for the server at this address."""
    models: list[tuple[type[BaseModel], Any]] = [(Problem, "serialization"), (Event, "serialization")]
    for route in ROUTES:
        models += [(route.answer, "serialization"), *((model, "serialization") for _, model in route.others)]
        models += [(model, "validation") for model in route.body]
    references, definitions = models_json_schema(list(dict.fromkeys(models)), ref_template=_REF)
    schemas: dict[Any, Any] = {model: schema for (model, _mode), schema in references.items()}
    paths: dict[str, Any] = {}
    for route in ROUTES:
        paths.setdefault("/api/v1" + route.path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Flow API", "version": "1", "description": _ABOUT},
        "servers": [{"url": server or "/"}],
        "tags": [{"name": group} for group in dict.fromkeys(route.group for route in ROUTES)],
        "paths": paths,
        "webhooks": {name: _webhook(words, data, schemas) for name, (words, data) in EVENTS.items()},
        "components": {
            "schemas": definitions["$defs"],
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "An API key: flow_…"}
            },
        },
    }


def _operation(route: Route, schemas: dict[Any, Any]) -> dict[str, Any]:
    answers: dict[int, list[Any]] = {route.status: [schemas[route.answer]]}
    for status, model in route.others:
        answers.setdefault(status, []).append(schemas[model])
    operation: dict[str, Any] = {
        "operationId": route.operation.replace(".", "_"),
        "summary": route.summary,
        "tags": [route.group],
        "security": [{"key": [route.scope] if route.scope else []}],
        "parameters": [*map(_path_parameter, route.names), *_query_parameters(route)],
        "responses": {
            **{str(status): _response(status, found) for status, found in answers.items()},
            **{str(status): _refusal(words, schemas) for status, words in _REFUSALS.items()},
        },
    }
    if route.body:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _one_of([schemas[model] for model in route.body])}},
        }
    if route.is_write:
        operation["parameters"].append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "schema": {"type": "string", "pattern": f"^{REQUEST_KEY.pattern}$"},
                "description": "Makes a repeat harmless.",
            }
        )
    return operation


def _response(status: int, found: list[Any]) -> dict[str, Any]:
    return {
        "description": HTTPStatus(status).phrase,
        "headers": _PACE,
        "content": {"application/json": {"schema": _one_of(found)}},
    }


def _refusal(words: str, schemas: dict[Any, Any]) -> dict[str, Any]:
    return {"description": words, "content": {"application/problem+json": {"schema": schemas[Problem]}}}


def _one_of(found: list[Any]) -> Any:
    return found[0] if len(found) == 1 else {"anyOf": found}


def _path_parameter(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string", "format": "uuid"}
    if name == "message_id":
        schema = {"type": "integer", "minimum": 1, "maximum": 10**15}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _query_parameters(route: Route) -> list[dict[str, Any]]:
    schema = route.query.model_json_schema(ref_template=_REF)
    found = []
    for name, field in schema["properties"].items() if "properties" in schema else ():
        kinds = [kind for kind in field.get("anyOf", [field]) if kind.get("type") != "null"]
        told = {key: value for key, value in field.items() if key not in ("anyOf", "title", "description")}
        if told.get("default", 0) is None:
            del told["default"]
        told |= kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
        told.pop("title", None)
        told.pop("description", None)
        found.append(
            {
                "name": name,
                "in": "query",
                "required": name in schema.get("required", ()),
                "schema": told,
                **({"description": field["description"]} if "description" in field else {}),
            }
        )
    return found


def _webhook(words: str, data: str, schemas: dict[Any, Any]) -> dict[str, Any]:
    header = {"in": "header", "required": True, "schema": {"type": "string"}}
    return {
        "post": {
            "summary": words,
            "description": f"`data`: {data}.",
            "parameters": [
                {"name": name, **header} for name in ("webhook-id", "webhook-timestamp", "webhook-signature")
            ],
            "requestBody": {"content": {"application/json": {"schema": schemas[Event]}}},
            "responses": {
                "2XX": {"description": "It was taken."},
                "410": {"description": "Nobody is here any more: the endpoint is disabled."},
            },
        }
    }
