"""Who asks `/api/<action>`, and for what: the person's token and the body, both checked."""

from __future__ import annotations

from typing import TypeVar

from flask import Blueprint, request
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workers.database import Person
from workers.errors import Refused
from workers.runtime import current

bp = Blueprint("api", __name__, url_prefix="/api")

Action = TypeVar("Action", bound=BaseModel)


class Body(BaseModel):
    """What every action says: the organization it is for."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, hide_input_in_errors=True)

    org_id: str = Field(pattern=r"^[0-9a-fA-F-]{36}$")


class Organization(Body):
    """The organization alone."""


def person() -> Person:
    """Give the person whose token the request carries. Raises Refused 401 without one."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise Refused(401, "Sign in first.", "not_signed_in")
    return current().database.as_person(token.strip())


def body_as(model: type[Action]) -> Action:
    """Give the request's JSON as the model. Raises Refused 422, naming the field."""
    try:
        return model.model_validate(request.get_json())
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "body"
        raise Refused(422, f"{where}: {first['msg']}.", "body_invalid") from None


def as_admin(model: type[Action]) -> Action:
    """Give the body of a request, once the database has said that the person is an admin there."""
    asking, body = person(), body_as(model)
    asking.rpc("require_role", org_id=body.model_dump()["org_id"], min_role="admin")
    return body
