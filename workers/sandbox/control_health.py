"""The control API's part for how accounts stand at Meta; the package's docstring lists it."""

from flask import Blueprint, Response, jsonify

from workers.sandbox.app import json_body, the_sandbox
from workers.sandbox.control_meta import Answer, refused
from workers.sandbox.models import Change

bp = Blueprint("control_health", __name__, url_prefix="/_sandbox/meta")


@bp.post("/change")
def change() -> Answer:
    """Changes properties of an account, a number or a token that exists."""
    state, given = the_sandbox().meta, Change.model_validate(json_body())
    with state.lock:
        known = {**state.accounts, **state.numbers, **state.tokens}
        found = known.get(given.id)
        if found is None or not set(given.properties) <= set(type(found).model_fields):
            return refused("No such account, number or token, or no such property.", "change_unknown")
        for name, value in given.properties.items():
            setattr(found, name, value)
        state.save()
        return jsonify(found.model_dump())


@bp.get("/managed")
def managed() -> Response:
    """Lists the management calls that came, oldest first: method, path without the version, instant."""
    with the_sandbox().meta.lock:
        return jsonify({"managed": list(the_sandbox().meta.managed)})
