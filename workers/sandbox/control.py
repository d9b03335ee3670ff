"""The control API's part for IndiaMART and for the whole sandbox; the package's docstring lists it."""

import json
import time

from flask import Blueprint, Response, jsonify, request

from workers.sandbox.app import NotLoopbackError, json_body, require_loopback, the_sandbox
from workers.sandbox.control_meta import Answer, refused
from workers.sandbox.indiamart_state import Key
from workers.sandbox.leads import invent, wa_id
from workers.sandbox.models import IndiaMartFault, IndiaMartKey, JsonObject, Leads, Push

bp = Blueprint("control", __name__, url_prefix="/_sandbox")


@bp.get("/")
def ready() -> Response:
    """Says that the sandbox is up."""
    return jsonify({"ready": True})


@bp.post("/reset")
def reset() -> Response:
    """Forgets everything; with `nonce`, the message ids made from now on can be foretold."""
    sandbox, given = the_sandbox(), json_body()
    with sandbox.meta.lock, sandbox.indiamart.lock, sandbox.razorpay.state.lock:
        sandbox.webhooks.clear()
        sandbox.meta_faults.clear()
        sandbox.indiamart_faults.clear()
        sandbox.meta.reset()
        sandbox.indiamart.reset()
        sandbox.razorpay.reset()
        if isinstance(given, dict) and given.get("nonce"):
            sandbox.meta.nonce = str(given["nonce"])
    return jsonify({"reset": True})


def key_json(key: Key) -> JsonObject:
    """Gives a key as the control API tells of it."""
    return {**{k: v for k, v in vars(key).items() if k not in ("leads", "recent")}, "leads": len(key.leads)}


@bp.route("/indiamart/keys", methods=["GET", "POST"])
def keys() -> Answer:
    """Adds a key or changes a known one; lists them."""
    state = the_sandbox().indiamart
    with state.lock:
        if request.method == "GET":
            return jsonify({"keys": [key_json(k) for k in state.keys.values()], "interval": state.interval})
        seed = IndiaMartKey.model_validate(json_body())
        try:
            require_loopback("push_url", seed.push_url)
        except NotLoopbackError as exc:
            return refused(str(exc), "not_loopback", 400)
        return jsonify(key_json(state.put_key(seed)))


@bp.post("/indiamart/leads")
def leads() -> Answer:
    """Lets buyers enquire: leads as given, and invented ones; pushed too, if the key has a push address."""
    sandbox, given = the_sandbox(), Leads.model_validate(json_body())
    state = sandbox.indiamart
    made = [*given.leads, *invent(given, time.time())]
    with state.lock:
        key = state.keys.get(given.key)
        if key is None:
            return refused("No such key.", "key_unknown")
        if given.pull:
            state.add_leads(key, made)
        push_url = key.push_url if given.push else None
    with sandbox.meta.lock:
        sandbox.meta.names.update({wa_id(lead): str(lead.get("SENDER_NAME") or "") for lead in made})
    if push_url:
        for lead in made:
            _push(push_url, {"CODE": 200, "STATUS": "SUCCESS", "RESPONSE": lead})
    return jsonify({"leads": made, "pushed": len(made) if push_url else 0})


def _push(url: str, body: object) -> None:
    the_sandbox().webhooks.put_post(url, json.dumps(body).encode())


@bp.post("/indiamart/push")
def push() -> Answer:
    """Pushes any body to any loopback address, again until the answer is 200."""
    given = Push.model_validate(json_body())
    try:
        require_loopback("url", given.url)
    except NotLoopbackError as exc:
        return refused(str(exc), "not_loopback", 400)
    _push(given.url, given.body)
    return jsonify({"queued": 1})


@bp.get("/indiamart/calls")
def calls() -> Response:
    """Lists the pulls that came, oldest first, after an instant."""
    state = the_sandbox().indiamart
    since = request.args.get("since", 0.0, float)
    with state.lock:
        return jsonify({"calls": [c for c in state.calls if c["at"] > since]})


@bp.route("/indiamart/faults", methods=["GET", "POST", "DELETE"])
def faults() -> Response:
    """Orders a fault of the pull API, lists the rules in force, or ends them all."""
    rules = the_sandbox().indiamart_faults
    if request.method == "DELETE":
        rules.clear()
    elif request.method == "POST":
        return jsonify(rules.add(IndiaMartFault.model_validate(json_body())).model_dump())
    return jsonify({"faults": rules.listing()})
