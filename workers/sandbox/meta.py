"""Meta's Cloud API: messages and media."""

import time

from flask import Blueprint, Response, jsonify, request

from workers.sandbox import auth, customers, templates
from workers.sandbox.app import Sandbox, json_body, the_sandbox
from workers.sandbox.graph_errors import GraphError, invalid, required
from workers.sandbox.models import JsonObject, MetaFault, Number, Template
from workers.sandbox.server import HANG_UP
from workers.sandbox.state import Send, user_id_of, wamid
from workers.sandbox.validation import check_message

bp = Blueprint("meta", __name__)
Answer = Response | tuple[Response, int] | tuple[str, int]

OUTCOMES = ("error", "http_500", "lost_answer", "dropped")


def hang_up() -> tuple[str, int]:
    """Closes the connection without an answer."""
    request.environ[HANG_UP] = True
    return "", 500


@bp.post("/v<version>/<phone_number_id>/messages")
def send(phone_number_id: str) -> Answer:
    """Accepts a message, or marks one as read; faults that were ordered come first."""
    sandbox = the_sandbox()
    with sandbox.meta.lock:
        sandbox.meta.calls["messages"] += 1
    slow = sandbox.meta_faults.take({"latency"}, phone_number_id, "messages")
    if slow:
        time.sleep(slow.ms / 1000)
    fault = sandbox.meta_faults.take(OUTCOMES, phone_number_id, "messages")
    if fault and not _comes_after(fault):
        return _fail(fault)
    with sandbox.meta.lock:
        number = auth.number(phone_number_id, "post")
        body = json_body()
        if not isinstance(body, dict):
            raise GraphError(100, message="(#100) Invalid parameter", details="The body is not a JSON object")
        if body.get("status") is not None:
            return _mark_read(sandbox, number, body)
        answer = _accept(sandbox, number, body)
    return _fail(fault) if fault else jsonify(answer)


def _comes_after(fault: MetaFault) -> bool:
    return fault.kind == "lost_answer" or (fault.kind == "http_500" and fault.accepted)


def _fail(fault: MetaFault) -> Answer:
    if fault.kind == "error":
        raise GraphError(fault.code, fault.details, subcode=fault.subcode, status=fault.http_status)
    with the_sandbox().meta.lock:
        the_sandbox().meta.rejected[fault.kind] += 1
    return ("", 500) if fault.kind == "http_500" else hang_up()


def _mark_read(sandbox: Sandbox, number: Number, body: JsonObject) -> Response:
    if body["status"] != "read":
        raise GraphError(100, message="(#100) Param status must be one of {READ}.")
    message_id = body.get("message_id")
    if not isinstance(message_id, str) or not message_id:
        raise required("message_id")
    if not message_id.startswith("wamid."):
        raise invalid("Message ID is not valid")
    typing = body.get("typing_indicator")
    if typing is not None and typing != {"type": "text"}:
        raise invalid("'typing_indicator.type' must be text")
    sandbox.meta.reads.append({"phone_number_id": number.phone_number_id, **body})
    _note_signal(sandbox, number, "typing" if typing else "read", message_id)
    return jsonify({"success": True})


def _note_signal(sandbox: Sandbox, number: Number, kind: str, message_id: str, **more: str) -> None:
    signal = {"kind": kind, "message_id": message_id, "phone_number_id": number.phone_number_id, **more}
    sandbox.meta.signals.append({**signal, "at": time.time()})


def _accept(sandbox: Sandbox, number: Number, body: JsonObject) -> JsonObject:
    state = sandbox.meta
    kind, to = check_message(body, number.digits, state.media.__contains__)
    template: Template | None = None
    text = body["text"]["body"] if kind == "text" else None
    if kind == "template":
        template = templates.find(state.accounts[number.waba_id], body["template"])
        text = templates.check_use(template, body["template"], state.media.__contains__)
        if template.category == "AUTHENTICATION" and not to.isdigit():
            raise GraphError(131062, "Authentication templates need a phone number.")
    if not number.registered:
        raise GraphError(133010, "The account is not registered", message="(#133010) Account not registered")
    now = time.time()
    if not state.has_throughput(number, now):
        details = "Message failed to send because there were too many messages sent in a short period of time"
        raise GraphError(130429, details, message="(#130429) Rate limit hit")
    if not state.has_pair_room(number, to, now):
        details = "Message failed to send because there were too many messages sent to this phone number"
        message = "(#131056) (Business Account, Consumer Account) pair rate limit hit"
        raise GraphError(131056, details, message=message)
    sent = Send(
        order=len(state.sends) + 1,
        wamid=wamid(state.nonce, number.phone_number_id, to, len(state.sends)),
        phone_number_id=number.phone_number_id,
        to=to,
        type=kind,
        template=template.name if template else None,
        text=text,
        callback=body.get("biz_opaque_callback_data"),
        accepted_at=now,
        body=body,
    )
    state.sends.append(sent)
    if sent.callback is not None:
        state.by_callback[sent.callback] += 1
    if kind == "reaction":  # free, and nobody is told of its delivery
        reaction = body["reaction"]
        _note_signal(sandbox, number, kind, reaction["message_id"], emoji=reaction["emoji"], to=to)
        return _accepted(sandbox, body, sent)
    failed = sandbox.meta_faults.take({"failed_status"}, number.phone_number_id)
    customers.follow(state, sandbox.webhooks, number, sent, template, failed.code if failed else None)
    return _accepted(sandbox, body, sent)


def _accepted(sandbox: Sandbox, body: JsonObject, sent: Send) -> JsonObject:
    contact: JsonObject = {"input": body.get("to", body.get("recipient"))}
    if sent.to.isdigit():
        contact["wa_id"] = sent.to
        user = user_id_of(sent.to)
        sandbox.meta.people.setdefault(user, sent.to)
        contact["user_id"] = user
    else:
        contact["user_id"] = sent.to
    message: JsonObject = {"id": sent.wamid}
    if sent.template:
        message["message_status"] = "accepted"
    return {"messaging_product": "whatsapp", "contacts": [contact], "messages": [message]}
