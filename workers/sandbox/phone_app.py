"""Coexistence: what Meta hands over from a business's phone, once each and within a day."""

from flask import Blueprint, Response, jsonify

from workers.sandbox import auth
from workers.sandbox.app import the_sandbox
from workers.sandbox.graph_errors import GraphError
from workers.sandbox.management import faults_first, lose_answer, parameters
from workers.sandbox.state import digest

bp = Blueprint("phone_app", __name__)
bp.before_request(faults_first)
bp.after_request(lose_answer)
ASKED_ALREADY = {"smb_app_state_sync": 2593107, "history": 2593108}


@bp.post("/v<version>/<object_id>/smb_app_data")
def smb_app_data(object_id: str) -> Response:
    """Takes the wish for a phone app's contacts or its history."""
    state = the_sandbox().meta
    with state.lock:
        number, given = auth.number(object_id, "post"), parameters()
        kind = str(given.get("sync_type", ""))
        if given.get("messaging_product") != "whatsapp" or kind not in ASKED_ALREADY:
            raise GraphError(100, message="(#100) Invalid parameter")
        if not number.coexistence:
            raise GraphError(100, message="(#100) The number is not on the WhatsApp Business app.")
        if kind in number.asked:
            raise GraphError(
                100,
                message="(#100) Invalid parameter",
                subcode=ASKED_ALREADY[kind],
                user_title="Asked already",
            )
        number.asked = [*number.asked, kind]
        state.save()
        return jsonify({"messaging_product": "whatsapp", "request_id": digest("sync", object_id, kind)[:24]})
