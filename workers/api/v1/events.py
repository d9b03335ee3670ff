"""What webhook endpoints are told of, in words."""

EVENTS: dict[str, tuple[str, str]] = {
    "lead.created": (
        "A lead came in, by whatever way.",
        "lead_id, contact_id, source, stage_id, owner_id, received_at",
    ),
    "lead.stage_changed": ("A lead moved.", "lead_id, contact_id, version, from_stage_id, stage_id"),
    "lead.assigned": (
        "A lead was given to somebody.",
        "lead_id, contact_id, version, from_owner_id, owner_id",
    ),
    "lead.won": ("A lead was won.", "lead_id, contact_id, version, stage_id, reason_id, value, currency"),
    "lead.lost": ("A lead was lost.", "lead_id, contact_id, version, stage_id, reason_id, value, currency"),
    "message.received": ("A customer wrote.", "message_id, conversation_id, contact_id, kind, at"),
    "message.status": (
        "A message was sent, delivered, read, or failed; each once.",
        "message_id, conversation_id, contact_id, status, at, error_code",
    ),
    "contact.opted_out": ("A person asked for no more messages.", "contact_id, at"),
    "conversation.assigned": (
        "A conversation was given to somebody.",
        "conversation_id, contact_id, from_assignee_id, assignee_id",
    ),
    "task.completed": ("A task was done.", "task_id, lead_id, contact_id, closed_by, at"),
    "number.attention": (
        "A WhatsApp number or account needs attention.",
        "account_id, number_id, kind, level, since",
    ),
}
"""What each event says, and what its data holds."""
