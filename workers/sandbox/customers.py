"""What happens after an accepted send: Meta's statuses, and customers who read and answer."""

import time

from workers.sandbox.graph_errors import status_error
from workers.sandbox.models import JsonObject, Number, Template
from workers.sandbox.state import MetaState, Send, user_id_of, wamid
from workers.sandbox.webhooks import Webhooks

NOT_OPENING = ("reaction", "system", "edit", "revoke", "unsupported")
WINDOW_CLOSED = (
    "Message failed to send because more than 24 hours have passed since the customer last replied to this"
    " number."
)
MONTHLY_FREE = 1000


def metadata(number: Number) -> JsonObject:
    """Gives the part of every messages webhook that names the number."""
    return {"display_phone_number": number.digits, "phone_number_id": number.phone_number_id}


def price(
    state: MetaState, number: Number, template: Template | None, kind: str, reason: str | None
) -> JsonObject:
    """Gives the pricing object of a message, by the rules in force since October 2026."""
    if kind == "reaction":
        billed, why, category = False, "free_customer_service", "service"
    elif reason == "entry_point":
        billed, why, category = False, "free_entry_point", "referral_conversion"
    elif template:
        billed, why, category = True, "regular", template.category.lower()
    else:
        month = time.strftime("%Y-%m", time.gmtime(time.time() + 5.5 * 3600))
        state.service_counts[number.phone_number_id, month] += 1
        billed = state.service_counts[number.phone_number_id, month] > MONTHLY_FREE
        why, category = ("regular" if billed else "free_customer_service"), "service"
    return {"billable": billed, "pricing_model": "PMP", "type": why, "category": category}


def follow(
    state: MetaState,
    webhooks: Webhooks,
    number: Number,
    send: Send,
    template: Template | None,
    failed_code: int | None,
) -> None:
    """Plans the statuses of a send and the customer's answer. The caller holds the state's lock."""
    customer = state.people.get(send.to, send.to)
    behaviour = state.behaviour(number.phone_number_id, customer)
    now = send.accepted_at
    reason = state.window(number.phone_number_id, customer, now)
    code = failed_code or behaviour.failed_code
    details = None
    if code is None and template is None and reason is None:
        code, details = 131047, WINDOW_CLOSED
    if code is None and not customer.isdigit():
        code, details = 131026, "The user id is not known to this business."
    if code is not None:
        error = status_error(code, details)
        _tell(state, webhooks, number, send, "failed", behaviour.sent_ms or 0, error=error)
        return
    pricing = send.pricing = price(state, number, template, send.type, reason)
    if behaviour.sent_ms is not None:
        _tell(state, webhooks, number, send, "sent", behaviour.sent_ms, pricing)
    if behaviour.delivered_ms is not None:
        _tell(state, webhooks, number, send, "delivered", behaviour.delivered_ms, pricing)
    if behaviour.read_ms is not None:
        first = behaviour.delivered_ms is None
        _tell(state, webhooks, number, send, "read", behaviour.read_ms, pricing if first else None)
    once = (number.phone_number_id, customer, template.name if template else "")
    if behaviour.answer_ms is not None and template and once not in state.answered:
        state.answered.add(once)
        at = now + behaviour.answer_ms / 1000
        message = {
            "context": {"from": number.digits, "id": send.wamid},
            "id": wamid("answer", send.wamid),
            "type": "text",
            "text": {"body": behaviour.answer_text},
        }
        receive(state, webhooks, number, customer, None, message, at)


def _tell(
    state: MetaState,
    webhooks: Webhooks,
    number: Number,
    send: Send,
    status: str,
    after_ms: int,
    pricing: JsonObject | None = None,
    error: JsonObject | None = None,
) -> None:
    at = send.accepted_at + after_ms / 1000
    customer = state.people.get(send.to, send.to)
    user_id = user_id_of(customer)
    entry: JsonObject = {"id": send.wamid, "status": status, "timestamp": str(int(at))}
    if customer.isdigit():
        entry["recipient_id"] = customer
    entry["recipient_user_id"] = user_id
    if send.callback is not None:
        entry["biz_opaque_callback_data"] = send.callback
    if pricing:
        entry["pricing"] = pricing
    if error:
        entry["errors"] = [error]
    send.statuses.append({"status": status, "at": at, **({"code": error["code"]} if error else {})})
    faults = webhooks.faults
    if faults.take({"no_statuses"}, number.phone_number_id):
        return
    late = faults.take({"delay_statuses"}, number.phone_number_id)
    value = {
        "messaging_product": "whatsapp",
        "metadata": metadata(number),
        "contacts": [contact(state, customer)],
        "statuses": [entry],
    }
    due = at + (late.ms / 1000 if late else 0)
    webhooks.put(number.waba_id, "messages", value, due, number.phone_number_id)


def contact(state: MetaState, wa_id: str, hide_phone: bool = False) -> JsonObject:
    """Gives the contacts entry of a webhook."""
    entry: JsonObject = {"profile": {"name": state.names[wa_id]}} if wa_id in state.names else {}
    if wa_id.isdigit() and not hide_phone:
        entry["wa_id"] = wa_id
    return {**entry, "user_id": user_id_of(wa_id)}


def receive(
    state: MetaState,
    webhooks: Webhooks,
    number: Number,
    wa_id: str,
    name: str | None,
    message: JsonObject,
    at: float,
    hide_phone: bool = False,
) -> JsonObject:
    """Lets a message reach a number: opens the window, tells the webhook. The caller holds the lock."""
    state.names[wa_id] = name or state.names.get(wa_id, "Sandbox Customer")
    state.has_throughput(number, time.time())
    user_id = user_id_of(wa_id)
    state.people[user_id] = wa_id
    whole: JsonObject = {} if hide_phone else {"from": wa_id}
    whole |= {"from_user_id": user_id, "timestamp": str(int(at)), **message}
    value: JsonObject = {"messaging_product": "whatsapp", "metadata": metadata(number)}
    if whole.get("type") != "system":
        value["contacts"] = [contact(state, wa_id, hide_phone)]
    value["messages"] = [whole]
    if whole.get("type") not in NOT_OPENING:
        state.opened(number.phone_number_id, wa_id, float(whole["timestamp"]), "referral" in whole)
    webhooks.put(number.waba_id, "messages", value, max(at, time.time()), number.phone_number_id)
    return whole
