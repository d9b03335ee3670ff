"""Meta's tokens: Embedded Signup's code exchange, debug_token and the end of permissions."""

import time

from flask import Blueprint, Response, jsonify, request

from workers.sandbox import auth
from workers.sandbox.app import the_sandbox
from workers.sandbox.graph_errors import GraphError, bad_token, invisible
from workers.sandbox.management import faults_first, lose_answer, parameters
from workers.sandbox.models import JsonObject
from workers.sandbox.state import digest

bp = Blueprint("tokens", __name__)
bp.before_request(faults_first)
bp.after_request(lose_answer)
CODE_SECONDS = 30


@bp.route("/v<version>/oauth/access_token", methods=["GET", "POST"])
def access_token() -> Response:
    """Exchanges an Embedded Signup code, once and within 30 seconds, or gives the app's own token."""
    sandbox, given = the_sandbox(), parameters()
    if given.get("client_id") != sandbox.config.app_id:
        raise GraphError(101, message="Error validating application. Cannot get application info.")
    if given.get("client_secret") != sandbox.config.app_secret:
        raise GraphError(1, message="Error validating client secret.")
    if given.get("grant_type") == "client_credentials":
        whole = f"{sandbox.config.app_id}|{sandbox.config.app_secret}"
        return jsonify({"access_token": whole, "token_type": "bearer"})
    state = sandbox.meta
    with state.lock:
        code = state.codes.get(str(given.get("code", "")))
        if code is None:
            raise GraphError(100, message="Invalid verification code format.")
        if code.is_used:
            raise GraphError(100, message="This authorization code has been used.", subcode=36009)
        if time.time() - code.made_at > CODE_SECONDS:
            raise GraphError(100, message="This authorization code has expired.", subcode=36007)
        code.is_used = True
        token = "EAAG" + digest("token", given["code"])
        made = state.put_token(token, code.given.waba_ids, code.given.user_id)
        made.scopes, made.names_targets = code.given.scopes, code.given.names_targets
        state.save()
    return jsonify({"access_token": token, "token_type": "bearer"})


@bp.get("/v<version>/debug_token")
def debug_token() -> Response:
    """Tells the app what a token is good for."""
    sandbox = the_sandbox()
    with sandbox.meta.lock:
        if not auth.is_app_token(auth.given_token()):
            auth.caller()
        token = sandbox.meta.tokens.get(request.args.get("input_token", ""))
        if token is None:
            problem = {"code": 190, "message": "Invalid OAuth access token - Cannot parse access token"}
            return jsonify({"data": {"error": problem, "is_valid": False, "scopes": []}})
        data: JsonObject = {"app_id": sandbox.config.app_id, "type": "SYSTEM_USER"}
        data |= {"application": "Flow sandbox"}
        data |= {"data_access_expires_at": token.data_access_expires_at, "expires_at": token.expires_at}
        data |= {"is_valid": token.is_live(time.time())}
        data |= {"issued_at": token.issued_at, "user_id": token.user_id}
        data["scopes"] = [*token.scopes, "public_profile"] if token.is_valid else []
        targets = {"target_ids": token.waba_ids} if token.names_targets else {}
        shared: list[JsonObject] = [{"scope": s, **targets} for s in token.scopes]
        data["granular_scopes"] = shared if token.is_valid else []
        if not token.is_valid:
            data["error"] = {"code": 190, "subcode": 458, "message": "The user has not authorized."}
        return jsonify({"data": data})


@bp.delete("/v<version>/<object_id>/permissions")
def revoke(object_id: str) -> Response:
    """Takes back what a user gave the app: all their tokens die."""
    state = the_sandbox().meta
    with state.lock:
        given = auth.given_token()
        mine = state.tokens.get(given)
        if mine is None and not auth.is_app_token(given):
            raise bad_token()
        user_id = mine.user_id if mine and object_id == "me" else object_id
        if (mine and mine.user_id != user_id) or not any(t.user_id == user_id for t in state.tokens.values()):
            raise invisible("delete", object_id)
        for token in state.tokens.values():
            token.is_valid = token.is_valid and token.user_id != user_id
        state.save()
    return jsonify({"success": True})
