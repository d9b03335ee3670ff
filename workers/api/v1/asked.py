"""What programs give: the parameters of lists and the bodies of writes. Unknown fields are refused."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d")


def _iso(value: object) -> object:
    if value is not None and not (isinstance(value, str) and _INSTANT.match(value)):
        raise ValueError("write it as 2026-11-29T10:30:00+05:30")
    return value


def _utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("this is outside the calendar") from None


Instant = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_iso), AfterValidator(_utc)]
"""ISO 8601 with an offset."""
Short = Annotated[str, Field(max_length=200)]
Event = Literal[
    "contact.opted_out",
    "conversation.assigned",
    "lead.assigned",
    "lead.created",
    "lead.lost",
    "lead.stage_changed",
    "lead.won",
    "message.received",
    "message.status",
    "number.attention",
    "task.completed",
]


class Asked(BaseModel):
    """What every request is held to."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, hide_input_in_errors=True)


class Body(Asked):
    """What every body is held to besides: types at their word, a number is no text."""

    model_config = ConfigDict(strict=True)


class Nothing(Asked):
    """No parameters."""


class Page(Asked):
    """A page of a list."""

    page_size: int = Field(50, ge=1, le=100, description="How many at most.")
    cursor: str | None = Field(
        None, max_length=500, description="`next` of the page before; none for the first."
    )


class Leads(Page):
    """Which leads."""

    order: Literal["oldest", "newest"] = Field("oldest", description="By `received_at`.")
    since: Instant | None = Field(None, description="Received then or later.")
    until: Instant | None = Field(None, description="Received before.")
    pipeline_id: UUID | None = None
    stage_id: UUID | None = None
    status: Literal["open", "won", "lost"] | None = None
    owner_id: UUID | Literal["none"] | None = None
    contact_id: UUID | None = None
    tag_id: UUID | None = None
    text: str | None = Field(
        None, min_length=1, max_length=200, description="Words, of the newest 2,000 that have them."
    )


class Contacts(Page):
    """Which contacts, the first known first."""

    since: Instant | None = Field(None, description="Known since then or later.")
    phone: str | None = Field(None, max_length=60, description="Any of their numbers.")
    email: str | None = Field(None, max_length=254, description="Any of their addresses.")


class Conversations(Page):
    """Which conversations, the last written in first."""

    status: Literal["open", "resolved"] = "open"
    contact_id: UUID | None = None
    assignee_id: UUID | None = None


class Templates(Page):
    """Which templates, by name."""

    status: str | None = Field(None, max_length=40, description="As Meta says it: APPROVED, PENDING, …")


class Tasks(Page):
    """Which tasks: open ones, the first due first; others, the last closed first."""

    status: Literal["open", "done", "cancelled"] = "open"
    assignee_id: UUID | None = None
    lead_id: UUID | None = None
    contact_id: UUID | None = None


class Month(Asked):
    """Which month, of India's calendar."""

    month: str = Field(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])$", description="YYYY-MM")


class Deliveries(Page):
    """Which deliveries, the newest event first."""

    state: Literal["pending", "delivered", "failed"] | None = None


class NewLead(Body):
    """One lead: a phone number, as people write it, or an e-mail address is what makes it reachable."""

    name: str | None = Field(None, max_length=200)
    phone: str | None = Field(None, max_length=60)
    country: str = Field(
        "IN", pattern=r"^[A-Z]{2}$", description="Whose number it is when it has no country code."
    )
    email: str | None = Field(None, max_length=254)
    company: str | None = Field(None, max_length=200)
    address: str | None = Field(None, max_length=500)
    city: str | None = Field(None, max_length=100)
    state: str | None = Field(None, max_length=100)
    pincode: str | None = Field(None, max_length=20)
    title: str | None = Field(None, max_length=500)
    product: str | None = Field(None, max_length=500)
    message: str | None = Field(None, max_length=20_000)
    external_id: str | None = Field(
        None, min_length=1, max_length=200, description="Your own id: the same one again changes nothing."
    )
    received_at: Instant | None = None
    custom: dict[str, Any] = {}
    tags: list[str] = Field([], max_length=20)
    greet: bool = False


class NewLeads(Body):
    """Several at once; each is taken or refused by itself."""

    leads: list[dict[str, Any]] = Field(min_length=1, max_length=100)


class LeadChange(Body):
    """What shall be another way; what is not named stays."""

    version: int | None = Field(
        None, ge=1, le=2**31 - 1, description="As you saw it: refused (409) when it has changed since."
    )
    stage_id: UUID | None = None
    reason_id: UUID | None = Field(None, description="Why it is won or lost.")
    owner_id: UUID | None = Field(None, description="null: nobody's.")
    value: str | None = Field(
        None, pattern=r"^[0-9]{1,12}(\.[0-9]{1,2})?$", description="null: nobody knows."
    )
    currency: str | None = Field(None, pattern=r"^[A-Z]{3}$")
    custom: dict[str, Any] | None = Field(None, description="Values of your own fields; null empties one.")


class Note(Body):
    """A note on a lead."""

    text: str = Field(min_length=1, max_length=10_000)


class ContactChange(Body):
    """What you know better; null or empty removes."""

    name: str | None = Field(None, max_length=200)
    company: str | None = Field(None, max_length=300)
    address: str | None = Field(None, max_length=1000)
    city: str | None = Field(None, max_length=200)
    state: str | None = Field(None, max_length=200)
    pincode: str | None = Field(None, max_length=20)


class Consent(Body):
    """What a person decided."""

    decision: Literal["opt_in", "opt_out"]
    evidence: str | None = Field(None, max_length=2000, description="How they agreed; needed to opt in.")


class TemplateToSend(Body):
    """A template with its values."""

    name: str = Field(min_length=1, max_length=512)
    language: str = Field("en", min_length=1, max_length=20)
    params: list[str] | dict[str, Any] = Field(
        [], description="Values of the body in order, or by name; or {header, body, buttons}."
    )


class NewMessage(Body):
    """One of to, contact_id, conversation_id; a text (within the 24-hour window) or a template."""

    to: str | None = Field(
        None, max_length=160, description="A number with country code, or a WhatsApp user id."
    )
    contact_id: UUID | None = None
    conversation_id: UUID | None = None
    number_id: UUID | None = Field(
        None, description="Which of your numbers; the last used or first otherwise."
    )
    text: str | None = Field(None, min_length=1, max_length=4096)
    template: TemplateToSend | None = None


class NewTask(Body):
    """A task on a lead or on a contact."""

    title: Short = Field(min_length=1)
    due_at: Instant
    kind: Literal["call", "write", "visit", "other"] = "other"
    note: str | None = Field(None, max_length=10_000)
    lead_id: UUID | None = None
    contact_id: UUID | None = None
    assignee_id: UUID | None = None
    remind_minutes: int | None = Field(0, ge=0, le=43_200, description="Before it is due; null: never.")


class TaskChange(Body):
    """What shall be another way; what is not named stays."""

    version: int | None = Field(None, ge=1, le=2**31 - 1)
    status: Literal["open", "done", "cancelled"] | None = None
    title: str = Field("", min_length=1, max_length=200)
    due_at: Instant | None = None
    kind: Literal["call", "write", "visit", "other"] = "other"
    note: str | None = Field(None, max_length=10_000)
    assignee_id: UUID | None = None
    remind_minutes: int | None = Field(None, ge=0, le=43_200)


class NewEndpoint(Body):
    """Where to be told of what."""

    url: str = Field(
        min_length=10, max_length=2000, description="https, a public name, port 443 or above 1023."
    )
    events: list[Event] = Field(min_length=1)
    description: str | None = Field(None, max_length=200)


class EndpointChange(Body):
    """What shall be another way; what is not named stays."""

    url: str = Field("", min_length=10, max_length=2000)
    events: list[Event] = Field([], min_length=1)
    description: str | None = Field(None, max_length=200)
    state: Literal["active", "paused"] = "active"


class Replay(Body):
    """One event again, or what was not taken since an instant."""

    event_id: int | None = Field(None, ge=1, le=2**53)
    since: Instant | None = None
