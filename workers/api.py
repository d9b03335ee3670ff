"""`/api/<action>`: what needs a secret, a call outside or the phone library, so that the dashboard asks here.

The person's own token is passed on, so the database still decides what they may do.
"""

from __future__ import annotations

from typing import TypeVar

from flask import Blueprint, Response, jsonify, request
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from workers import phones
from workers.database import Person
from workers.errors import Refused
from workers.meta import connect
from workers.meta.graph import Graph
from workers.runtime import current

bp = Blueprint("api", __name__, url_prefix="/api")

Action = TypeVar("Action", bound=BaseModel)


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, hide_input_in_errors=True)

    org_id: str = Field(pattern=r"^[0-9a-fA-F-]{36}$")


class NewLead(_Body):
    """A lead typed in by hand."""

    name: str | None = Field(None, max_length=200)
    phone: str | None = Field(None, max_length=40)
    country: str = Field("IN", pattern=r"^[A-Z]{2}$")
    email: str | None = Field(None, max_length=320)
    company: str | None = Field(None, max_length=200)
    city: str | None = Field(None, max_length=200)
    state: str | None = Field(None, max_length=200)
    title: str | None = Field(None, max_length=500)
    product: str | None = Field(None, max_length=500)
    message: str | None = Field(None, max_length=20_000)
    greet: bool = False


class NumberToConnect(_Body):
    """A number with the system user's token, given by hand."""

    waba_id: str
    phone_number_id: str
    token: SecretStr


class NumberToDisconnect(_Body):
    """A number to let go; without one, all of the organization."""

    phone_number_id: str | None = None


class Organization(_Body):
    """The organization alone."""


@bp.post("/leads")
def add_lead() -> Response:
    """Store a lead typed in by hand, its phone number understood as people write it."""
    person, lead = _person(), _body(NewLead)
    fields = lead.model_dump(exclude={"org_id", "phone", "country"}, exclude_none=True)
    if lead.phone:
        phone = phones.parse(lead.phone, lead.country)
        if phone is None:
            raise Refused(
                422, f"“{lead.phone}” is not a phone number: write it like +91 98100 00011.", "phone_invalid"
            )
        fields |= {"phone": phone.e164, "phone_kind": phone.kind, "phone_given": lead.phone}
    return jsonify(person.rpc("add_lead", org_id=lead.org_id, lead=fields))


@bp.post("/whatsapp/connect")
def connect_whatsapp() -> Response:
    """Prove a number at Meta and connect it; admins."""
    number = _as_admin(NumberToConnect)
    runtime = current()
    connected = connect.connect_number(
        runtime.database,
        Graph(runtime.http, runtime.settings),
        runtime.settings,
        number.org_id,
        number.waba_id,
        number.phone_number_id,
        number.token.get_secret_value(),
    )
    return jsonify(connected.model_dump())


@bp.post("/whatsapp/disconnect")
def disconnect_whatsapp() -> Response:
    """Halt a number, or all, at once, and unsubscribe at Meta; admins."""
    number = _as_admin(NumberToDisconnect)
    runtime = current()
    graph = Graph(runtime.http, runtime.settings)
    return jsonify(connect.disconnect(runtime.database, graph, number.org_id, number.phone_number_id))


@bp.post("/templates/sync")
def sync_templates() -> Response:
    """Read the organization's templates from Meta; admins."""
    organization = _as_admin(Organization)
    runtime = current()
    graph = Graph(runtime.http, runtime.settings)
    return jsonify(connect.sync_templates(runtime.database, graph, organization.org_id))


def _person() -> Person:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise Refused(401, "Sign in first.", "not_signed_in")
    return current().database.as_person(token.strip())


def _body(model: type[Action]) -> Action:
    try:
        return model.model_validate(request.get_json())
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "body"
        raise Refused(422, f"{where}: {first['msg']}.", "body_invalid") from None


def _as_admin(model: type[Action]) -> Action:
    """Give the body of a request, once the database has said that the person is an admin there."""
    person, body = _person(), _body(model)
    person.rpc("require_role", org_id=body.model_dump()["org_id"], min_role="admin")
    return body
