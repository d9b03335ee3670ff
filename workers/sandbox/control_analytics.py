"""The control API's part for Meta's pricing analytics; the package's docstring lists it."""

from datetime import datetime, timedelta

from flask import Blueprint, jsonify

from workers.sandbox.analytics import zone_of
from workers.sandbox.app import json_body, the_sandbox
from workers.sandbox.control_meta import Answer, refused
from workers.sandbox.models import AnalyticsChange

bp = Blueprint("control_analytics", __name__, url_prefix="/_sandbox/meta")


@bp.post("/analytics")
def change_analytics() -> Answer:
    """Makes Meta's figures of a day differ from what was delivered."""
    state, given = the_sandbox().meta, AnalyticsChange.model_validate(json_body())
    with state.lock:
        account = state.accounts.get(given.waba_id)
        if account is None:
            return refused("No such account.", "account_unknown")
        if given.day is None:
            given.day = datetime.now(zone_of(account)).date() - timedelta(days=1)
        state.analytics_changes.append(given)
        return jsonify(given.model_dump(mode="json"))
