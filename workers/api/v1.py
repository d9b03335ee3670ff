"""`/api/v1/leads`: what an organization's own programs post and read, with an API key."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal
from uuid import uuid4

from flask import Response, jsonify, request
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workers import phones
from workers.api.asking import bp
from workers.errors import Refused
from workers.runtime import current
from workers.storable import load_json

_MOST = 100
_LONGEST_KEY = 200


class Lead(BaseModel):
    """One lead: a phone number, as people write it, or an e-mail address is what makes it reachable."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, hide_input_in_errors=True)

    name: str | None = Field(None, max_length=200)
    phone: str | None = Field(None, max_length=60)
    country: str = Field("IN", pattern=r"^[A-Z]{2}$")
    """Whose number it is when it has no country code."""
    email: str | None = Field(None, max_length=254)
    company: str | None = Field(None, max_length=200)
    address: str | None = Field(None, max_length=500)
    city: str | None = Field(None, max_length=100)
    state: str | None = Field(None, max_length=100)
    pincode: str | None = Field(None, max_length=20)
    title: str | None = Field(None, max_length=500)
    product: str | None = Field(None, max_length=500)
    message: str | None = Field(None, max_length=20_000)
    external_id: str | None = Field(None, min_length=1, max_length=200)
    """The caller's own id: the same one again changes nothing."""
    received_at: datetime | None = None
    custom: dict[str, Any] = {}
    tags: list[str] = Field([], max_length=20)
    greet: bool = False


class Page(BaseModel):
    """What a list may ask for."""

    model_config = ConfigDict(extra="forbid")

    since: datetime | None = None
    after_at: datetime | None = None
    after_id: str | None = Field(None, pattern=r"^[0-9a-fA-F-]{36}$")
    page_size: int = Field(50, ge=1, le=_MOST)


@bp.post("/v1/leads")
def post_leads() -> tuple[Response, int]:
    """Store one lead, or up to a hundred as {"leads": […]}.

    One: 201 {lead_id, contact_id, is_new}, 200 when it was known, or its refusal. Several: 200 {results}, in
    order, each as one or {"error"}. With an Idempotency-Key the same request again gets the same answer.
    """
    key, body = _key(), _body()
    several = body.get("leads") if isinstance(body, dict) and set(body) == {"leads"} else None
    given: list[object] = several if isinstance(several, list) else [body]
    if not 1 <= len(given) <= _MOST:
        raise Refused(422, f"leads: give 1 to {_MOST} of them.", "leads_invalid")
    request_key = request.headers.get("Idempotency-Key")
    if request_key is not None and not 1 <= len(request_key) <= _LONGEST_KEY:
        raise Refused(422, f"Idempotency-Key: 1 to {_LONGEST_KEY} characters.", "idempotency_key_invalid")
    answer = current().database.rpc(
        "post_leads",
        key_sha256=key,
        items=[_item(lead, request_key, index) for index, lead in enumerate(given)],
        request_key=request_key,
        body_sha256=hashlib.sha256(request.get_data()).hexdigest(),
    )
    results = answer["results"]
    if several is not None:
        return jsonify(results=results, is_repeat=answer["is_repeat"]), 200
    (only,) = results
    if error := only.get("error"):
        raise Refused(422, " ".join(filter(None, (error["message"], error.get("hint")))), error["detail"])
    return jsonify(only), 201 if only["is_new"] and not answer["is_repeat"] else 200


@bp.get("/v1/leads")
def list_leads() -> Response:
    """Give a page of leads, oldest first: {leads, next}; `next` holds the parameters of the page after it."""
    try:
        page = Page.model_validate(request.args.to_dict())
    except ValidationError as error:
        raise Refused(422, _first(error), "query_invalid") from None
    asked = page.model_dump(mode="json", exclude_none=True)
    return jsonify(current().database.rpc("api_leads", key_sha256=_key(), **asked))


def _body() -> object:
    try:
        return load_json(request.get_data().decode())
    except ValueError:
        raise Refused(400, "The body is not JSON.", "not_json") from None


def _key() -> str:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise Refused(401, "Give an API key: Authorization: Bearer flow_…", "api_key_missing")
    return hashlib.sha256(key.strip().encode()).hexdigest()


def _item(given: object, request_key: str | None, index: int) -> dict[str, Any]:
    """Give a lead as `worker.post_leads` takes it, or {"refused"} with what is wrong with it."""
    try:
        lead = Lead.model_validate(given)
    except ValidationError as error:
        return _refused(_first(error), "lead_invalid")
    if not lead.phone and not lead.email:
        return _refused("phone: a lead needs a phone number or an e-mail address.", "lead_unreachable")
    person = lead.model_dump(include=_PERSON, exclude_none=True)
    if lead.phone:
        phone = phones.parse(lead.phone, lead.country)
        if phone is None:
            return _refused(
                "phone: this is not a phone number. Write it like +91 98100 00011.", "phone_invalid"
            )
        person |= {"phone": phone.e164, "phone_kind": phone.kind, "phone_given": lead.phone}
    own_id = lead.external_id or (f"{request_key} {index}" if request_key else str(uuid4()))
    return {
        "external_id": own_id[:_LONGEST_KEY],
        "person": person,
        "raw": given,
        **lead.model_dump(mode="json", include=_ENQUIRY, exclude_none=True),
    }


_PERSON = {"name", "email", "company", "address", "city", "state", "pincode", "country"}
_ENQUIRY = {"title", "product", "message", "received_at", "custom", "tags", "greet"}


def _refused(
    message: str, detail: Literal["lead_invalid", "lead_unreachable", "phone_invalid"]
) -> dict[str, Any]:
    return {"refused": {"error": {"message": message, "detail": detail}}}


def _first(error: ValidationError) -> str:
    first: Mapping[str, Any] = error.errors(include_input=False, include_url=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "body"
    return f"{where}: {first['msg']}."
