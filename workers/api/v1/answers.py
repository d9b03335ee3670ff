"""What programs are given. Amounts are text, instants ISO 8601 with an offset; null: there is none."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

Next = str | None


class Answer(BaseModel):
    """What every answer is held to."""

    model_config = ConfigDict(extra="forbid")


class Problem(Answer):
    """Why a request was refused (RFC 9457): `message` is for people, `detail` is what programs match on."""

    type: str
    title: str
    status: int
    message: str
    detail: str
    retry_at: datetime | None = None
    request_id: str | None = None


class Key(Answer):
    """Whose key this is, and what it may do."""

    org_id: UUID
    organization: str
    key_id: UUID
    name: str
    scopes: list[str]
    expires_at: datetime | None


class Lead(Answer):
    """A lead with the person behind it."""

    lead_id: UUID
    contact_id: UUID
    source: str
    external_id: str
    received_at: datetime
    title: str | None
    product: str | None
    message: str | None
    pipeline_id: UUID
    stage_id: UUID
    stage: str
    stage_kind: Literal["open", "won", "lost"]
    owner_id: UUID | None
    value: str | None
    currency: str | None
    won_at: datetime | None
    lost_at: datetime | None
    reason_id: UUID | None
    custom: dict[str, Any]
    tags: list[str]
    name: str | None
    phone: str | None
    email: str | None
    company: str | None
    city: str | None
    state: str | None
    version: int
    updated_at: datetime


class LeadPage(Answer):
    """Leads."""

    leads: list[Lead]
    next: Next


class LeadTaken(Answer):
    """A lead that is stored; is_new false: it was already."""

    lead_id: UUID
    contact_id: UUID
    is_new: bool


class LeadRefusal(Answer):
    """Why one of several was not stored."""

    message: str
    detail: str
    hint: str | None = None


class LeadRefused(Answer):
    """One of several that was not stored."""

    error: LeadRefusal


class LeadsTaken(Answer):
    """What became of each, in order."""

    results: list[LeadTaken | LeadRefused]
    is_repeat: bool


class ActivityAdded(Answer):
    """Something in a lead's timeline."""

    activity_id: int


class Activity(Answer):
    """Something that happened to a lead; actor_id null: Flow or a program did it."""

    activity_id: int
    at: datetime
    kind: str
    actor_id: UUID | None
    details: dict[str, Any]


class ActivityPage(Answer):
    """What happened to a lead, the newest first."""

    activities: list[Activity]
    next: Next


class Stage(Answer):
    """A stage of a pipeline."""

    stage_id: UUID
    name: str
    kind: Literal["open", "won", "lost"]


class Pipeline(Answer):
    """A pipeline with its stages in order."""

    pipeline_id: UUID
    name: str
    stages: list[Stage]


class Reason(Answer):
    """Why leads are won or lost."""

    reason_id: UUID
    kind: Literal["won", "lost"]
    name: str


class Pipelines(Answer):
    """All pipelines, and the reasons to choose from."""

    pipelines: list[Pipeline]
    reasons: list[Reason]


class Member(Answer):
    """Who leads and tasks can belong to."""

    user_id: UUID
    name: str | None
    role: Literal["owner", "admin", "agent"]


class Members(Answer):
    """The team."""

    members: list[Member]


class Point(Answer):
    """A number or an address of a person."""

    kind: Literal["phone", "email"]
    value: str
    label: str | None


class Contact(Answer):
    """A person; opted_out_at: they asked for no more messages."""

    contact_id: UUID
    name: str | None
    phone: str | None
    email: str | None
    company: str | None
    address: str | None
    city: str | None
    state: str | None
    pincode: str | None
    opted_out_at: datetime | None
    points: list[Point]
    created_at: datetime
    updated_at: datetime


class ContactPage(Answer):
    """Contacts."""

    contacts: list[Contact]
    next: Next


class Consented(Answer):
    """What holds now."""

    contact_id: UUID
    opted_out_at: datetime | None
