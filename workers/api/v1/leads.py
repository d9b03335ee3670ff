"""Leads as programs post them: one or many, each read by itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal
from uuid import uuid4

from pydantic import ValidationError

from workers import phones
from workers.api.v1.asked import NewLead
from workers.errors import Refused

_MOST = 100
_LONGEST_ID = 200
_PERSON = {"name", "email", "company", "address", "city", "state", "pincode", "country"}
_ENQUIRY = {"title", "product", "message", "received_at", "custom", "tags", "greet"}


def items(body: object, request_key: str | None) -> tuple[bool, list[dict[str, Any]]]:
    """Give whether the body holds several, and each as the operation leads.add takes it."""
    several = body.get("leads") if isinstance(body, dict) and set(body) == {"leads"} else None
    given: list[object] = several if isinstance(several, list) else [body]
    if not 1 <= len(given) <= _MOST:
        raise Refused(422, f"leads: give 1 to {_MOST} of them.", "leads_invalid")
    return several is not None, [_item(lead, request_key, index) for index, lead in enumerate(given)]


def answer(said: dict[str, Any], *, is_batch: bool, is_repeat: bool) -> tuple[dict[str, Any], int]:
    """Give what is answered and its status: of several all results, of one its own or its refusal."""
    results = said["results"]
    if is_batch:
        return {"results": results, "is_repeat": is_repeat}, 200
    (only,) = results
    if error := only.get("error"):
        raise Refused(422, " ".join(filter(None, (error["message"], error.get("hint")))), error["detail"])
    return only, 201 if only["is_new"] and not is_repeat else 200


def _item(given: object, request_key: str | None, index: int) -> dict[str, Any]:
    """Give a lead as `private.post_lead` takes it, or {"refused"} with what is wrong with it."""
    try:
        lead = NewLead.model_validate_json(json.dumps(given))
    except ValidationError as error:
        return _refused(first(error), "lead_invalid")
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
        "external_id": own_id[:_LONGEST_ID],
        "person": person,
        "raw": given,
        **lead.model_dump(mode="json", include=_ENQUIRY, exclude_none=True),
    }


def _refused(
    message: str, detail: Literal["lead_invalid", "lead_unreachable", "phone_invalid"]
) -> dict[str, Any]:
    return {"refused": {"error": {"message": message, "detail": detail}}}


def first(error: ValidationError) -> str:
    """Say what is wrong with the first field that is."""
    told: Mapping[str, Any] = error.errors(include_input=False, include_url=False)[0]
    where = ".".join(str(part) for part in told["loc"]) or "body"
    return f"{where}: {told['msg']}."
