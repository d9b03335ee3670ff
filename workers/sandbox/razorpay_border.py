"""What every call of the sandbox's Razorpay API has in common: who calls, faults, refusals, odd inputs."""

import hmac
import re
import time
from collections.abc import Callable, Collection
from functools import wraps
from typing import ParamSpec

from flask import Response, jsonify, request

from workers.sandbox.app import json_body, the_sandbox
from workers.sandbox.meta import Answer, hang_up
from workers.sandbox.models import JsonObject
from workers.sandbox.razorpay_events import Account
from workers.sandbox.razorpay_state import collection

P = ParamSpec("P")

CALL_FAULTS = ("rate_limited", "error_500", "html_502", "dropped", "lost_answer")
_IDENT = re.compile(r"[a-z]+_[A-Za-z0-9]{14}")
_GATEWAY = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>nginx</body>\r\n</html>"


class Refusal(Exception):  # noqa: N818 (read as a sentence)
    """Razorpay says no."""

    def __init__(
        self,
        description: str,
        *,
        field: str | None = None,
        status: int = 400,
        code: str = "BAD_REQUEST_ERROR",
    ) -> None:
        super().__init__(description)
        self.status = status
        self.error = {
            "code": code,
            "description": description,
            "source": "business",
            "step": "payment_initiation",
            "reason": "input_validation_failed",
            "metadata": {},
            **({"field": field} if field else {}),
        }

    def response(self) -> tuple[Response, int]:
        """Gives the answer."""
        return jsonify({"error": self.error}), self.status


def call_name() -> str:
    """Gives the name that faults and the log know a call by: method and address without ids."""
    parts = [p for p in request.path.split("/")[2:] if p and not _IDENT.fullmatch(p)]
    return f"{request.method} {'/'.join(parts)}"


def api(view: Callable[P, JsonObject]) -> Callable[P, Answer]:
    """Makes a view of the API: it gives an entity, or raises Refusal."""

    @wraps(view)
    def answer(*args: P.args, **kwargs: P.kwargs) -> Answer:
        account, name = the_sandbox().razorpay, call_name()
        fault = account.faults.take(CALL_FAULTS, name)
        kind = fault.kind if fault else None
        if fault and kind == "dropped":
            time.sleep(fault.ms / 1000)
            return hang_up()
        if kind == "html_502":
            return Response(_GATEWAY, status=502, content_type="text/html")
        try:
            if kind == "rate_limited":
                raise Refusal("Request failed. Please try after sometime.", status=429)
            if kind == "error_500":
                said = "We are facing some trouble completing your request at the moment."
                raise Refusal(said, status=500, code="SERVER_ERROR")
            with account.state.lock:
                _check_caller()
                account.cycle.advance(0)
                given = request.get_json(silent=True) if request.data else None
                account.state.calls.append({"call": name, "path": request.path, "body": given})
                response = jsonify(view(*args, **kwargs))
                account.state.save()
        except Refusal as refusal:
            return refusal.response()
        if fault:  # it was done, and the answer is lost
            time.sleep(fault.ms / 1000)
            return hang_up()
        return response

    return answer


def _check_caller() -> None:
    config, given = the_sandbox().config, request.authorization
    name, secret = (given.username or "", given.password or "") if given else ("", "")
    is_known = hmac.compare_digest(secret.encode(), config.razorpay_key_secret.encode())
    if name != config.razorpay_key_id or not is_known:
        raise Refusal("Authentication failed", status=401)


def the_account() -> Account:
    """Gives the account that is asked."""
    return the_sandbox().razorpay


def given_body(required: Collection[str], optional: Collection[str]) -> JsonObject:
    """Gives the body of a call; what is missing or not known is refused, as Razorpay does."""
    body = json_body()
    if not isinstance(body, dict):
        raise Refusal("The request body is not a JSON object.")
    if missing := [name for name in required if body.get(name) in (None, "")]:
        raise Refusal(f"The {missing[0].replace('_', ' ')} field is required.", field=missing[0])
    if unknown := [name for name in body if name not in (*required, *optional)]:
        raise Refusal(f"{', '.join(unknown)} is/are not required and should not be sent")
    for name in ("amount", "quantity", "total_count", "start_at", "expire_by"):
        if body.get(name) is not None and type(body[name]) is not int:
            raise Refusal(f"The {name.replace('_', ' ')} must be an integer.", field=name)
    notes = body.get("notes") or []
    if notes and not isinstance(notes, dict):
        raise Refusal("The notes must be an array.", field="notes")
    if len(notes) > 15:
        raise Refusal("Number of fields in notes should be less than or equal to 15", field="notes")
    return body | {"notes": notes}  # empty notes are a list


def known(ident: str, kind: str) -> JsonObject:
    """Gives an entity; one that is not there is refused with 400, not 404."""
    row = the_account().state.rows[kind].get(ident)
    if row is None:
        raise Refusal("The id provided does not exist")
    return row


def listing(kind: str, **wanted: object) -> JsonObject:
    """Gives a page of a list, by `count`, `skip`, `from` and `to` of the query; the newest first."""
    rows = the_account().state.listed(kind, **{k: v for k, v in wanted.items() if v is not None})
    count, skip = request.args.get("count", 10, int), request.args.get("skip", 0, int)
    if not 1 <= count <= 100:
        raise Refusal("The count may not be greater than 100.", field="count")
    first, last = request.args.get("from", 0, int), request.args.get("to", 2**40, int)
    rows = [row for row in rows if first <= row["created_at"] <= last]
    return collection(rows[skip : skip + count])


def check_amount(amount: int) -> None:
    """Refuses less than a rupee."""
    if amount < 100:
        raise Refusal("Order amount less than minimum amount allowed", field="amount")
