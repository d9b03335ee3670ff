"""The control API's part for Meta; the package's docstring lists it."""

import time

import httpx
from flask import Blueprint, Response, jsonify, request

from workers.sandbox import customers
from workers.sandbox.app import json_body, the_sandbox
from workers.sandbox.media import keep_media
from workers.sandbox.models import (
    Account,
    Behaviour,
    BehaviourChange,
    Code,
    CodeRequest,
    Inbound,
    JsonObject,
    MetaFault,
    Number,
    RawWebhook,
    Review,
    TemplateChange,
)
from workers.sandbox.state import digest, number_of, wamid
from workers.sandbox.template_calls import tell

bp = Blueprint("control_meta", __name__, url_prefix="/_sandbox/meta")
Answer = Response | tuple[Response, int]


def refused(message: str, detail: str, status: int = 404) -> tuple[Response, int]:
    """Gives the control API's refusal."""
    return jsonify({"error": {"message": message, "detail": detail}}), status


def account_json(account: Account) -> JsonObject:
    """Gives an account, and the tokens that may use it."""
    tokens = [t.token for t in the_sandbox().meta.tokens.values() if account.waba_id in t.waba_ids]
    return {**account.model_dump(exclude={"token", "user_id"}), "tokens": tokens}


@bp.post("/accounts")
def put_account() -> Answer:
    """Adds an account, or brings a known one up to what is given."""
    state, seed = the_sandbox().meta, Account.model_validate(json_body())
    with state.lock:
        try:
            account = state.put_account(seed)
        except ValueError as exc:
            return refused(f"Refused: {exc}.", "number_taken", 409)
        state.save()
        return jsonify(account_json(account))


@bp.get("/accounts")
def list_accounts() -> Response:
    """Lists the accounts."""
    with the_sandbox().meta.lock:
        return jsonify({"accounts": [account_json(a) for a in the_sandbox().meta.accounts.values()]})


@bp.get("/sends")
def sends() -> Response:
    """Lists accepted sends, oldest first, after an instant or after a position, and the counters."""
    state, now = the_sandbox().meta, time.time()
    since, after = request.args.get("since", 0.0, float), request.args.get("after", 0, int)
    limit = request.args.get("limit", 100_000, int)
    only = {k: v for k, v in request.args.items() if k in ("phone_number_id", "to", "callback", "template")}
    with state.lock:
        found = []
        for send in state.sends[after:]:
            if send.accepted_at > since and all(getattr(send, k) == v for k, v in only.items()):
                found.append(send.seen_at(now))
                if len(found) == limit:
                    break
        last = found[-1]["order"] if found else after
        return jsonify({"sends": found, "last": last, "counters": counters()})


@bp.get("/signals")
def signals() -> Response:
    """Lists read receipts, typing indicators and reactions, oldest first."""
    with the_sandbox().meta.lock:
        return jsonify({"signals": the_sandbox().meta.signals})


def counters() -> JsonObject:
    """Counts what happened. The caller holds the lock."""
    state = the_sandbox().meta
    twice = {c: n for c, n in state.by_callback.items() if n > 1}
    return {
        "calls": dict(state.calls),
        "accepted": len(state.sends),
        "rejected": dict(state.rejected),
        "duplicates": sum(n - 1 for n in twice.values()),
        "duplicate_callbacks": sorted(twice)[:100],
        "reads": len(state.reads),
    }


@bp.get("/counters")
def count() -> Response:
    """Gives the counters and the state of the webhooks' queue."""
    sandbox = the_sandbox()
    with sandbox.meta.lock:
        return jsonify({**counters(), "webhooks": sandbox.webhooks.state()})


@bp.post("/inbound")
def inbound() -> Answer:
    """Lets a customer write."""
    sandbox, given = the_sandbox(), Inbound.model_validate(json_body())
    state = sandbox.meta
    with state.lock:
        number = state.numbers.get(given.phone_number_id)
        if number is None:
            return refused("No such number.", "number_unknown")
        wa_id = "".join(c for c in given.sender if c.isdigit())
        if (given.text is None) == (given.message is None) or not wa_id:
            return refused("Give `from`, and either `text` or `message`.", "bad_request", 400)
        message = dict(given.message or {"type": "text", "text": {"body": given.text}})
        if "id" not in message:
            state.calls["inbound"] += 1
            message["id"] = wamid(state.nonce, "inbound", state.calls["inbound"])
        if given.timestamp is not None:
            message["timestamp"] = str(given.timestamp)
        kind = message.get("type")
        content = message.get(str(kind))
        if kind in ("image", "video", "audio", "document", "sticker") and isinstance(content, dict):
            message[str(kind)] = _with_media(number, dict(content))
        whole = customers.receive(
            state, sandbox.webhooks, number, wa_id, given.name, message, time.time(), given.hide_phone
        )
        return jsonify({"wamid": whole["id"], "message": whole})


def _with_media(number: Number, content: JsonObject) -> JsonObject:
    if "id" not in content:
        content.setdefault("mime_type", "image/jpeg")
        made = f"sandbox media {time.time()}".encode()
        content["id"] = keep_media(number.phone_number_id, content["mime_type"], made)["id"]
        content["sha256"] = digest(made.decode())
    return content


@bp.post("/webhook")
def raw_webhook() -> Response:
    """Sends any change, signed, as it is."""
    sandbox, given = the_sandbox(), RawWebhook.model_validate(json_body())
    sandbox.webhooks.put(given.waba_id, given.field, given.value, time.time())
    return jsonify({"queued": 1})


@bp.post("/verify")
def verify() -> Answer:
    """Asks the webhook address to prove itself, as Meta does when it is saved."""
    config = the_sandbox().config
    if not config.webhook_url:
        return refused("No webhook address is set.", "no_webhook_url", 409)
    challenge = number_of(10, "challenge", time.time())
    asked = {"hub.mode": "subscribe", "hub.verify_token": config.verify_token, "hub.challenge": challenge}
    try:
        answer = httpx.get(config.webhook_url, params=asked, timeout=10, trust_env=False)
    except httpx.HTTPError as exc:
        return jsonify({"verified": False, "problem": type(exc).__name__})
    verified = answer.status_code == 200 and answer.text == challenge
    return jsonify({"verified": verified, "status": answer.status_code})


@bp.post("/behaviour")
def behave() -> Response:
    """Changes how all customers behave, or those of one number, or one customer."""
    sandbox, given = the_sandbox(), BehaviourChange.model_validate(json_body())
    state = sandbox.meta
    scope = "".join(c for c in given.customer or "" if c.isdigit()) or given.phone_number_id or ""
    changed = given.model_dump(exclude_unset=True, exclude={"phone_number_id", "customer", "batch_max"})
    with state.lock:
        if given.batch_max:
            sandbox.webhooks.batch_max = given.batch_max
        before = state.behaviours.get(scope) or state.behaviours[""]
        state.behaviours[scope] = Behaviour.model_validate({**before.model_dump(), **changed})
        return jsonify(state.behaviours[scope].model_dump())


@bp.post("/templates")
def review() -> Answer:
    """Ends a template's review, or changes its status later, and tells the webhook."""
    sandbox, given = the_sandbox(), TemplateChange.model_validate(json_body())
    state = sandbox.meta
    with state.lock:
        account = state.accounts.get(given.waba_id)
        found = [
            t for t in (account.templates if account else [])
            if t.name == given.name and given.language in (None, t.language)
        ]  # fmt: skip
        if not found:
            return refused("No such template.", "template_unknown")
        for template in found:
            tell(sandbox, given.waba_id, template, given.status, given.reason)
        return jsonify({"templates": [t.model_dump() for t in found]})


@bp.post("/review")
def reviews() -> Response:
    """Changes how and when reviews of templates end by themselves, and how many templates there may be."""
    state, change = the_sandbox().meta, json_body()
    with state.lock:
        whole = {**state.review.model_dump(), **(change if isinstance(change, dict) else {})}
        state.review = Review.model_validate(whole)
        return jsonify(state.review.model_dump())


@bp.post("/code")
def signup_code() -> Answer:
    """Ends an Embedded Signup: gives the code that the browser would hand over."""
    state, given = the_sandbox().meta, CodeRequest.model_validate(json_body())
    with state.lock:
        if missing := [w for w in given.waba_ids if w not in state.accounts]:
            return refused(f"No such account: {missing[0]}.", "account_unknown")
        code = "AQ" + digest("code", state.nonce, len(state.codes))
        given.user_id = given.user_id or number_of(15, "user", *given.waba_ids)
        state.codes[code] = Code(given=given, made_at=time.time() - given.age_seconds)
        return jsonify({"code": code, "user_id": given.user_id, "expires_in": 30})


@bp.route("/faults", methods=["GET", "POST", "DELETE"])
def faults() -> Response:
    """Orders a fault, lists the rules in force, or ends them all."""
    sandbox = the_sandbox()
    if request.method == "DELETE":
        sandbox.meta_faults.clear()
        sandbox.webhooks.outage(0)
    elif request.method == "POST":
        rule = MetaFault.model_validate(json_body())
        if rule.kind == "webhook_outage":
            sandbox.webhooks.outage(rule.ms / 1000)
            return jsonify(rule.model_dump())
        return jsonify(sandbox.meta_faults.add(rule).model_dump())
    return jsonify({"faults": sandbox.meta_faults.listing()})
