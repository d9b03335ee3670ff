"""Meta's management calls: accounts, numbers, subscriptions, tokens and Embedded Signup."""

import re
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from urllib.parse import urlencode

import httpx
from flask import Blueprint, Response, g, jsonify, request

from workers.sandbox import analytics, auth
from workers.sandbox.app import json_body, require_loopback, the_sandbox
from workers.sandbox.graph_errors import GraphError, invalid
from workers.sandbox.media import media_object
from workers.sandbox.meta import Answer, hang_up
from workers.sandbox.models import Account, JsonObject, Number
from workers.sandbox.state import digest

bp = Blueprint("management", __name__)
NUMBER_FIELDS = "verified_name,code_verification_status,display_phone_number,quality_rating"
ON_THE_PHONE = "(#100) The number is on the WhatsApp Business app and needs no register."


@bp.before_request
def faults_first() -> Answer | None:
    """Lets faults that were ordered for management calls happen."""
    sandbox = the_sandbox()
    target = str((request.view_args or {}).get("object_id", "")) or None
    last = request.path.rsplit("/", 1)[-1]
    calls = (last, f"{request.method} {last}")
    with sandbox.meta.lock:
        sandbox.meta.calls["management"] += 1
        path = request.path.removeprefix("/").partition("/")[2]
        sandbox.meta.managed.append({"method": request.method, "path": path, "at": time.time()})
    slow = sandbox.meta_faults.take({"latency"}, target, "management", calls)
    if slow:
        time.sleep(slow.ms / 1000)
    kinds = {"error", "http_500", "dropped", "lost_answer"}
    fault = sandbox.meta_faults.take(kinds, target, "management", calls)
    if fault is None:
        return None
    if fault.kind == "lost_answer":
        g.is_lost = True
        return None
    if fault.kind == "error":
        raise GraphError(fault.code, fault.details, subcode=fault.subcode, status=fault.http_status)
    return ("", 500) if fault.kind == "http_500" else hang_up()


@bp.after_request
def lose_answer(answer: Response) -> Response:
    """Counts what was carried out; closes the connection after it, if that was ordered."""
    sandbox = the_sandbox()
    if request.method != "GET" and answer.status_code == 200:
        with sandbox.meta.lock:
            sandbox.meta.calls[f"{request.method} {request.path.rsplit('/', 1)[-1]}"] += 1
    if g.get("is_lost"):
        hang_up()
    return answer


def parameters() -> JsonObject:
    """Gives the parameters of a call, from JSON, a form or the address."""
    body = json_body() if request.is_json else {}
    return {**request.args.to_dict(), **request.form.to_dict(), **(body if isinstance(body, dict) else {})}


def asked_fields(default: str) -> list[str]:
    """Gives the fields that `fields` asks for, each with its parameters."""
    asked = request.args.get("fields", default)
    return [field.strip() for field in re.split(r",(?![^{]*\})(?![^(]*\))", asked)]


def chosen(whole: JsonObject, default: str) -> JsonObject:
    """Gives the fields that `fields` asks for, and always the id."""
    names = [re.split(r"[{.]", field)[0].strip() for field in asked_fields(default)]
    unknown = [n for n in names if n not in whole]
    if unknown:
        raise GraphError(100, message=f"(#100) Tried accessing nonexisting field ({unknown[0]})")
    return {**{n: whole[n] for n in names}, "id": whole["id"]}


def number_object(number: Number) -> JsonObject:
    """Gives a number with all fields that the sandbox knows."""
    return {
        "id": number.phone_number_id,
        "display_phone_number": number.display_phone,
        "verified_name": number.verified_name,
        "name_status": number.name_status,
        "quality_rating": number.quality_rating,
        "status": number.status or ("CONNECTED" if number.registered else "PENDING"),
        "code_verification_status": "VERIFIED" if number.is_verified else "NOT_VERIFIED",
        "platform_type": "CLOUD_API" if number.registered else "NOT_APPLICABLE",
        "is_on_biz_app": number.coexistence,
        "is_pin_enabled": number.pin is not None,
        "account_mode": "LIVE",
        "messaging_limit_tier": number.limit_tier,
        "whatsapp_business_manager_messaging_limit": number.limit_tier,
        "throughput": {"level": "HIGH" if number.messages_per_second > 80 else "STANDARD"},
        "health_status": number.health_status,
    }


def account_object(account: Account) -> JsonObject:
    """Gives an account with all fields that the sandbox knows."""
    return {
        "id": account.waba_id,
        "name": account.name,
        "currency": account.currency,
        "timezone_id": account.timezone_id,
        "message_template_namespace": digest("namespace", account.waba_id)[:36],
        "account_review_status": account.review_status,
        "business_verification_status": account.business_verification,
        "country": account.country,
        "ownership_type": "CLIENT_OWNED",
        "owner_business_info": {"name": account.name, "id": account.business_id},
        "health_status": {"can_send_message": "AVAILABLE", "entities": []},
    }


@bp.get("/v<version>/<object_id>")
def read_object(object_id: str) -> Response:
    """Gives an account, a number or a media object."""
    default = "name,timezone_id,currency"
    state = the_sandbox().meta
    with state.lock:
        if object_id in state.media:
            return jsonify(media_object(object_id))
        if object_id in state.numbers:
            whole = number_object(auth.number(object_id, "get"))
            return jsonify(chosen(whole, NUMBER_FIELDS))
        account = auth.account(object_id, "get")
        whole = account_object(account)
        for field in asked_fields(default):
            if field.partition(".")[0] == analytics.FIELD:
                whole[analytics.FIELD] = analytics.pricing_analytics(account, field)
        return analytics.exact_json(chosen(whole, default))


def page(rows: list[JsonObject], path: str) -> Response:
    """Gives one page of a list, with Meta's cursors."""
    try:
        limit = min(max(int(request.args.get("limit", 25)), 1), 1000)
        after = request.args.get("after")
        start = int(urlsafe_b64decode(after)) + 1 if after else 0
    except ValueError as exc:
        raise GraphError(131059 if request.args.get("after") else 100) from exc
    part = rows[start : start + limit]
    if not part:
        return jsonify({"data": []})
    first, last = (urlsafe_b64encode(str(n).encode()).decode() for n in (start, start + len(part) - 1))
    paging: JsonObject = {"cursors": {"before": first, "after": last}}
    if start + len(part) < len(rows):
        query = {**request.args, "access_token": auth.given_token(), "limit": limit, "after": last}
        paging["next"] = f"{request.host_url}v{g.version}/{path}?{urlencode(query)}"
    return jsonify({"data": part, "paging": paging})


@bp.get("/v<version>/<object_id>/phone_numbers")
def phone_numbers(object_id: str) -> Response:
    """Lists the numbers of an account."""
    with the_sandbox().meta.lock:
        account = auth.account(object_id, "get")
        rows = [chosen(number_object(n), f"{NUMBER_FIELDS},platform_type") for n in account.numbers]
        return page(rows, f"{object_id}/phone_numbers")


@bp.post("/v<version>/<object_id>/register")
def register(object_id: str) -> Response:
    """Registers a number with its six-digit PIN."""
    state = the_sandbox().meta
    with state.lock:
        number = auth.number(object_id, "post")
        given = parameters()
        if given.get("messaging_product") != "whatsapp":
            raise GraphError(100, message="(#100) The parameter messaging_product is required.")
        pin = given.get("pin")
        if not isinstance(pin, str) or not re.fullmatch(r"[0-9]{6}", pin):
            raise invalid("'pin' must be a 6-digit string")
        if number.coexistence:
            raise GraphError(100, message=ON_THE_PHONE)
        if not number.is_verified:
            raise GraphError(133006, "The number has to be verified first")
        if number.pin not in (None, pin):
            message = "(#133005) Two-step verification PIN Mismatch"
            raise GraphError(133005, "The PIN does not match", message=message)
        number.registered, number.pin = True, pin
        state.save()
        return jsonify({"success": True})


@bp.post("/v<version>/<object_id>/deregister")
def deregister(object_id: str) -> Response:
    """Takes a number off the Cloud API."""
    state = the_sandbox().meta
    with state.lock:
        auth.number(object_id, "post").registered = False
        state.save()
        return jsonify({"success": True})


@bp.route("/v<version>/<object_id>/subscribed_apps", methods=["GET", "POST", "DELETE"])
def subscribed_apps(object_id: str) -> Response:
    """Subscribes the app to an account's webhooks, tells of it, or ends it."""
    sandbox = the_sandbox()
    verb = request.method.lower()
    with sandbox.meta.lock:
        account = auth.account(object_id, verb)
        if verb == "get":
            app = {"id": sandbox.config.app_id, "name": "Flow sandbox", "link": "https://example.com/"}
            row: JsonObject = {"whatsapp_business_api_data": app}
            if account.callback_url:
                row["override_callback_uri"] = account.callback_url
            return jsonify({"data": [row] if account.subscribed else []})
        given = parameters()
    override = given.get("override_callback_uri") if verb == "post" else None
    if override is not None:
        verify_callback(str(override), str(given.get("verify_token", "")))
    with sandbox.meta.lock:
        account.subscribed, account.callback_url = verb == "post", override
        sandbox.meta.save()
    return jsonify({"success": True})


def verify_callback(url: str, verify_token: str) -> None:
    """Asks a callback address to prove itself, as Meta does when it is set."""
    try:
        require_loopback("the callback address", url)
        challenge = digest("challenge", url, time.time())[:12]
        asked = {"hub.mode": "subscribe", "hub.verify_token": verify_token, "hub.challenge": challenge}
        answer = httpx.get(url, params=asked, timeout=10, trust_env=False)
    except (httpx.HTTPError, ValueError) as exc:
        raise GraphError(2200, message=f"(#2200) Callback verification failed: {exc}") from exc
    if answer.status_code != 200 or answer.text != challenge:
        message = f"(#2200) Callback verification failed: HTTP {answer.status_code}, challenge not echoed"
        raise GraphError(2200, message=message)
