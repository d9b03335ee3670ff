"""The one list of what the API has: its addresses, what they take and give, and what a key needs for each."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel

from workers.api.v1 import answers as a
from workers.api.v1 import asked as q
from workers.api.v1 import told as t


@dataclass(frozen=True)
class Route:
    """One operation; `worker.call_api` knows it by the same name."""

    method: Literal["GET", "POST", "PATCH", "DELETE"]
    path: str
    operation: str
    scope: str | None
    summary: str
    answer: type[BaseModel]
    query: type[q.Asked] = q.Nothing
    body: tuple[type[q.Body], ...] = ()
    argument: str | None = None
    """Under which name the body goes to the database; its fields by themselves without."""
    status: int = 200
    others: tuple[tuple[int, type[BaseModel]], ...] = ()
    """Other answers that are no refusals."""

    @property
    def names(self) -> list[str]:
        """Give the names of what stands in the path."""
        return re.findall(r"{(\w+)}", self.path)

    @property
    def group(self) -> str:
        """Give the resource it is about."""
        return self.operation.partition(".")[0]

    @property
    def is_write(self) -> bool:
        """Tell whether it changes something, so that an Idempotency-Key has a meaning."""
        return self.method != "GET"


ROUTES: tuple[Route, ...] = (
    Route("GET", "/whoami", "key.show", None, "Whose key this is", a.Key),
    Route("GET", "/leads", "leads.list", "leads:read", "List leads", a.LeadPage, q.Leads),
    Route(
        "POST",
        "/leads",
        "leads.add",
        "leads:write",
        "Add one lead, or up to a hundred",
        a.LeadTaken,
        body=(q.NewLead, q.NewLeads),
        status=201,
        others=((200, a.LeadTaken), (200, a.LeadsTaken)),
    ),
    Route("GET", "/leads/{lead_id}", "leads.show", "leads:read", "Get a lead", a.Lead),
    Route(
        "PATCH",
        "/leads/{lead_id}",
        "leads.change",
        "leads:write",
        "Change stage, owner, value or fields of a lead",
        a.Lead,
        body=(q.LeadChange,),
        argument="change",
    ),
    Route(
        "POST",
        "/leads/{lead_id}/notes",
        "leads.note",
        "leads:write",
        "Write a note on a lead",
        a.ActivityAdded,
        body=(q.Note,),
        status=201,
    ),
    Route(
        "GET",
        "/leads/{lead_id}/activities",
        "leads.activities",
        "leads:read",
        "List what happened to a lead",
        a.ActivityPage,
        q.Page,
    ),
    Route(
        "GET", "/pipelines", "pipelines.list", "leads:read", "List pipelines, stages and reasons", a.Pipelines
    ),
    Route(
        "GET", "/members", "members.list", "leads:read", "List who leads and tasks can belong to", a.Members
    ),
    Route("GET", "/contacts", "contacts.list", "contacts:read", "List contacts", a.ContactPage, q.Contacts),
    Route("GET", "/contacts/{contact_id}", "contacts.show", "contacts:read", "Get a contact", a.Contact),
    Route(
        "PATCH",
        "/contacts/{contact_id}",
        "contacts.change",
        "contacts:write",
        "Correct a contact",
        a.Contact,
        body=(q.ContactChange,),
        argument="change",
    ),
    Route(
        "POST",
        "/contacts/{contact_id}/consent",
        "contacts.consent",
        "contacts:write",
        "Record that a person opted in or out",
        a.Consented,
        body=(q.Consent,),
    ),
    Route(
        "GET",
        "/conversations",
        "conversations.list",
        "conversations:read",
        "List conversations",
        t.ConversationPage,
        q.Conversations,
    ),
    Route(
        "GET",
        "/conversations/{conversation_id}",
        "conversations.show",
        "conversations:read",
        "Get a conversation",
        t.Conversation,
    ),
    Route(
        "GET",
        "/conversations/{conversation_id}/messages",
        "messages.list",
        "conversations:read",
        "List the messages of a conversation",
        t.MessagePage,
        q.Page,
    ),
    Route("GET", "/messages/{message_id}", "messages.show", "conversations:read", "Get a message", t.Message),
    Route(
        "POST",
        "/messages",
        "messages.send",
        "messages:send",
        "Send a template, or within the 24-hour window a text",
        t.Message,
        body=(q.NewMessage,),
        status=202,
    ),
    Route(
        "GET", "/templates", "templates.list", "templates:read", "List templates", t.TemplatePage, q.Templates
    ),
    Route("GET", "/tasks", "tasks.list", "tasks:read", "List tasks", t.TaskPage, q.Tasks),
    Route(
        "POST",
        "/tasks",
        "tasks.add",
        "tasks:write",
        "Add a task",
        t.Task,
        body=(q.NewTask,),
        argument="task",
        status=201,
    ),
    Route("GET", "/tasks/{task_id}", "tasks.show", "tasks:read", "Get a task", t.Task),
    Route(
        "PATCH",
        "/tasks/{task_id}",
        "tasks.change",
        "tasks:write",
        "Change or complete a task",
        t.Task,
        body=(q.TaskChange,),
        argument="change",
    ),
    Route("GET", "/usage", "usage.show", "usage:read", "Get what a month used", t.Usage, q.Month),
    Route("GET", "/webhooks", "webhooks.list", "webhooks:manage", "List webhook endpoints", t.Endpoints),
    Route(
        "POST",
        "/webhooks",
        "webhooks.add",
        "webhooks:manage",
        "Add a webhook endpoint",
        t.EndpointWithSecret,
        body=(q.NewEndpoint,),
        argument="endpoint",
        status=201,
    ),
    Route(
        "GET",
        "/webhooks/{endpoint_id}",
        "webhooks.show",
        "webhooks:manage",
        "Get a webhook endpoint",
        t.Endpoint,
    ),
    Route(
        "PATCH",
        "/webhooks/{endpoint_id}",
        "webhooks.change",
        "webhooks:manage",
        "Change, pause or resume an endpoint",
        t.Endpoint,
        body=(q.EndpointChange,),
        argument="change",
    ),
    Route(
        "DELETE",
        "/webhooks/{endpoint_id}",
        "webhooks.remove",
        "webhooks:manage",
        "Remove an endpoint with its log",
        t.EndpointRemoved,
    ),
    Route(
        "POST",
        "/webhooks/{endpoint_id}/secret",
        "webhooks.rotate",
        "webhooks:manage",
        "Make a new secret; the old one signs, too, for a day",
        t.EndpointWithSecret,
    ),
    Route(
        "POST",
        "/webhooks/{endpoint_id}/test",
        "webhooks.test",
        "webhooks:manage",
        "Send a test event",
        t.Tested,
        status=202,
    ),
    Route(
        "POST",
        "/webhooks/{endpoint_id}/replay",
        "webhooks.replay",
        "webhooks:manage",
        "Deliver an event again, or what was not taken since an instant",
        t.Replayed,
        body=(q.Replay,),
        status=202,
    ),
    Route(
        "GET",
        "/webhooks/{endpoint_id}/deliveries",
        "webhooks.deliveries",
        "webhooks:manage",
        "List deliveries and what the endpoint answered",
        t.DeliveryPage,
        q.Deliveries,
    ),
)
