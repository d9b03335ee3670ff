"""What programs are given, further: conversations, messages, templates, tasks, usage and webhooks."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from workers.api.v1.answers import Answer, Next


class Conversation(Answer):
    """A thread of one of your numbers with a person; texts may be sent until window_expires_at."""

    conversation_id: UUID
    contact_id: UUID
    number_id: UUID
    number: str | None
    status: Literal["open", "resolved"]
    assignee_id: UUID | None
    window_expires_at: datetime | None
    unread_count: int
    last_message_at: datetime | None


class ConversationPage(Answer):
    """Conversations."""

    conversations: list[Conversation]
    next: Next


class Message(Answer):
    """A message in either direction, and what became of it."""

    message_id: int
    conversation_id: UUID
    contact_id: UUID
    direction: Literal["inbound", "outbound"]
    kind: str
    text: str | None
    status: Literal[
        "received", "queued", "sending", "uncertain", "sent", "delivered", "read", "failed", "cancelled"
    ]
    origin: str
    sender_id: UUID | None
    wamid: str | None
    context_wamid: str | None
    at: datetime
    sent_at: datetime | None
    delivered_at: datetime | None
    read_at: datetime | None
    failed_at: datetime | None
    error_code: int | None
    error_message: str | None


class MessagePage(Answer):
    """Messages of a conversation, the newest first."""

    messages: list[Message]
    next: Next


class Template(Answer):
    """A message template as Meta holds it."""

    template_id: UUID
    account_id: UUID
    name: str
    language: str
    category: str
    status: str
    blocked_reason: str | None
    parameter_format: Literal["POSITIONAL", "NAMED"]
    body_params: int
    body_param_names: list[str]
    components: list[Any]


class TemplatePage(Answer):
    """Templates."""

    templates: list[Template]
    next: Next


class Task(Answer):
    """Something to be done."""

    task_id: UUID
    kind: Literal["call", "write", "visit", "other"]
    title: str
    note: str | None
    lead_id: UUID | None
    contact_id: UUID | None
    assignee_id: UUID | None
    due_at: datetime
    remind_minutes: int | None
    status: Literal["open", "done", "cancelled"]
    closed_at: datetime | None
    closed_by: UUID | None
    created_by: UUID | None
    created_at: datetime
    version: int


class TaskPage(Answer):
    """Tasks."""

    tasks: list[Task]
    next: Next


class Sums(Answer):
    """Messages and what they cost, before GST."""

    messages: int
    charged: int
    free: int
    needs_review: int
    meta_cost: str
    markup: str
    total: str
    billed: str


class CategorySums(Sums):
    """The same, of one category."""

    category: str


class Usage(Answer):
    """What a month used."""

    month: str
    currency: str
    is_closed: bool
    totals: Sums
    categories: list[CategorySums]


class Endpoint(Answer):
    """A webhook endpoint; until previous_secret_until its deliveries bear two signatures."""

    endpoint_id: UUID
    url: str
    description: str | None
    events: list[str]
    state: Literal["active", "paused", "disabled"]
    reason: Literal["gone", "failing", "no_secret"] | None
    previous_secret_until: datetime | None
    failing_since: datetime | None
    delivered_at: datetime | None
    created_at: datetime


class EndpointWithSecret(Endpoint):
    """An endpoint with its secret, shown this once: the repeat of a request does not have it."""

    secret: str | None = None


class Endpoints(Answer):
    """All of them, ten at most."""

    endpoints: list[Endpoint]


class EndpointRemoved(Answer):
    """What is gone."""

    endpoint_id: UUID


class Tested(Answer):
    """The test that is under way."""

    event_id: int


class Replayed(Answer):
    """How many deliveries were lined up."""

    queued: int


class Delivery(Answer):
    """An event that went, or shall go, to an endpoint, and what it answered."""

    event_id: int
    type: str
    at: datetime
    state: Literal["pending", "delivered", "failed"]
    attempts: int
    attempted_at: datetime | None
    next_at: datetime | None
    status: int | None
    duration_ms: int | None
    response: str | None
    problem: str | None
    data: dict[str, Any]


class DeliveryPage(Answer):
    """Deliveries, the newest event first."""

    deliveries: list[Delivery]
    next: Next


class Event(Answer):
    """What is posted to a webhook endpoint: ids; ask the API for more. The same id is the same event."""

    id: str
    type: str
    version: Literal[1]
    timestamp: datetime
    sequence: int
    org_id: UUID
    data: dict[str, Any]
