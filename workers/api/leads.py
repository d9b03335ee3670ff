"""Leads typed in by hand."""

from __future__ import annotations

from typing import Annotated

from flask import Response, jsonify
from pydantic import Field

from workers import phones
from workers.api.asking import Body, body_as, bp, person
from workers.errors import Refused


class NewLead(Body):
    """A lead typed in by hand."""

    name: str | None = Field(None, max_length=200)
    phone: str | None = Field(None, max_length=40)
    country: str = Field("IN", pattern=r"^[A-Z]{2}$")
    email: str | None = Field(None, max_length=320)
    phones: list[Annotated[str, Field(max_length=40)]] = Field([], max_length=10)
    emails: list[Annotated[str, Field(max_length=320)]] = Field([], max_length=10)
    company: str | None = Field(None, max_length=200)
    city: str | None = Field(None, max_length=200)
    state: str | None = Field(None, max_length=200)
    title: str | None = Field(None, max_length=500)
    product: str | None = Field(None, max_length=500)
    message: str | None = Field(None, max_length=20_000)
    greet: bool = False


@bp.post("/leads")
def add_lead() -> Response:
    """Store a lead typed in by hand, its phone number understood as people write it."""
    asking, lead = person(), body_as(NewLead)
    fields = lead.model_dump(exclude={"org_id", "phone", "phones", "country"}, exclude_none=True)
    if lead.phone:
        phone = _read(lead.phone, lead.country)
        fields |= {"phone": phone.e164, "phone_kind": phone.kind, "phone_given": lead.phone}
    fields["phones"] = [_read(given, lead.country).e164 for given in lead.phones]
    return jsonify(asking.rpc("add_lead", org_id=lead.org_id, lead=fields))


def _read(given: str, country: str) -> phones.Phone:
    """Read a number as people write it. Raises Refused when it is none."""
    phone = phones.parse(given, country)
    if phone is None:
        raise Refused(
            422, f"“{given}” is not a phone number: write it like +91 98100 00011.", "phone_invalid"
        )
    return phone
