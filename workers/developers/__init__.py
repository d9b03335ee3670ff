"""`/developers`: the page for those who write programs against the API, made from its OpenAPI document."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, render_template

from workers.api.v1 import openapi
from workers.runtime import current

bp = Blueprint(
    "developers",
    __name__,
    template_folder="templates",
    static_folder="static",
    static_url_path="/developers/static",
)


@bp.get("/developers")
def show() -> Response:
    """Show the page; it needs no script and tells nothing of anybody."""
    server = str(current().settings.flow_public_url or "")
    document = openapi.document(server)
    groups: dict[str, list[dict[str, Any]]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            told = operation | {
                "method": method.upper(),
                "path": path,
                "fields": _fields(operation, document["components"]["schemas"]),
                "scope": next(iter(operation["security"][0]["key"]), None),
            }
            groups.setdefault(operation["tags"][0], []).append(told)
    page = render_template(
        "developers.html",
        about=document["info"]["description"],
        server=server,
        groups=groups,
        events=document["webhooks"],
    )
    response = Response(page)
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )
    response.headers["Cache-Control"] = "public, max-age=300"
    return response


def _fields(operation: dict[str, Any], schemas: dict[str, Any]) -> list[dict[str, Any]]:
    """Give what a request may say: parameters, then the fields of its body."""
    found = [
        {"where": one["in"], "type": _type(one["schema"]), "required": one.get("required", False)} | one
        for one in operation["parameters"]
    ]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    for reference in body.get("anyOf", [body]) if body else ():
        schema = schemas[reference["$ref"].rpartition("/")[2]]
        required = schema.get("required", ())
        found += [
            {
                "name": name,
                "where": "body",
                "type": _type(field),
                "required": name in required,
                "description": field.get("description", ""),
            }
            for name, field in schema["properties"].items()
        ]
    return found


def _type(schema: dict[str, Any]) -> str:
    if kinds := schema.get("anyOf"):
        return " or ".join(dict.fromkeys(_type(kind) for kind in kinds))
    if choices := schema.get("enum"):
        return " | ".join(str(choice) for choice in choices)
    if "const" in schema:
        return str(schema["const"])
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if schema.get("type") == "array":
        return f"list of {_type(schema['items'])}" if schema.get("items") else "list"
    return str(schema.get("format") or schema.get("type") or "anything")
