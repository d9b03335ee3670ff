"""IndiaMART's pull API v2: one call in five minutes a key, seven days a call, a year back. Times are IST."""

import time
from datetime import datetime
from typing import get_args

from flask import Blueprint, Response, jsonify, request

from workers.sandbox.app import Sandbox, the_sandbox
from workers.sandbox.indiamart_state import DAY, KEY_LIFE, Key
from workers.sandbox.leads import IST
from workers.sandbox.meta import Answer, hang_up
from workers.sandbox.models import IndiaMartFault, IndiaMartFaultKind, JsonObject

bp = Blueprint("indiamart", __name__)

FORMATS = ("%d-%b-%Y%H:%M:%S", "%d-%b-%Y %H:%M:%S", "%d-%m-%Y %H:%M:%S", "%d-%b-%Y", "%d-%m-%Y")
INCORRECT = (
    "Pull API Key that you are using is incorrect. Kindly use the correct Pull API Key as provided in the"
    " email."
)
EXPIRED = (
    "Pull API Key that you are using has expired as it was no longer in use. Kindly generate the new Pull"
    " API Key and use the new Pull API Key in API URL"
)
REPLACED = "Pull API Key that you are using has expired as a new key has been generated."
DATES = (
    "Date format used in API URL is incorrect. Ideally end_time should be greater than start_time and in"
    " proper format.You can use the following date formats: 1) Date format (DD-MON-YYYY format) e.g."
    " 25-JAN-2022. 2) Timestamp format (DD-MM-YYYY HH:MM:SS) e.g. 25-01-2022 16:30:00. Kindly refer to CRM"
    " Integration doc for more details."
)
BOTH = "Both start_time and end_time are required. Kindly refer to CRM Integration doc for more details."
CHANGE = "Kindly change the Start Time or End Time accordingly"
A_WEEK = f"You can fetch the data of 7 days only in one call. {CHANGE}"
A_YEAR = f"You can fetch the data for the last 365 days only. {CHANGE}"
NOTHING = "There are no leads in the given time duration.please try for a different duration."
HELD = "Leads received before the key was generated will be available after 24 hours."
SOFT = (
    "It is advised to hit this API once in every 5 minutes,but it seems that you have crossed this limit."
    " Please try again after 5 minutes."
)
BLOCKED = {"CODE": 429, "STATUS": "FAILURE", "MESSAGE": "Too Many  Requests", "APP_AUTH_FAILURE_CODE": 429}
GATEWAY = (
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body><h1>502 Bad Gateway</h1></body></html>"
)
MAINTENANCE = "<!doctype html><html><body><h2>We are upgrading our systems</h2></body></html>"


def envelope(code: int, message: str, leads: list[JsonObject] | None = None) -> JsonObject:
    """Gives IndiaMART's answer."""
    rows = leads or []
    status = "SUCCESS" if code == 200 else "FAILURE"
    return {"CODE": code, "STATUS": status, "MESSAGE": message, "TOTAL_RECORDS": len(rows), "RESPONSE": rows}


def read_time(given: str) -> float | None:
    """Reads a request's time in any format that IndiaMART takes."""
    for form in FORMATS:
        try:
            return datetime.strptime(given.strip(), form).replace(tzinfo=IST).timestamp()
        except ValueError:
            continue
    return None


def read_window(start: str | None, end: str | None, now: float) -> tuple[float, float] | JsonObject:
    """Gives the window of a call, or the refusal; without times it is the last day."""
    if start is None and end is None:
        return now - DAY, now
    if not start or not end:
        return envelope(400, BOTH)
    first, last = read_time(start), read_time(end)
    if first is None or last is None or last <= first:
        return envelope(400, DATES)
    if first < now - 365 * DAY:
        return envelope(400, A_YEAR)
    return envelope(400, A_WEEK) if last - first > 7 * DAY else (first, last)


def known_key(sandbox: Sandbox, given: str, now: float) -> Key | JsonObject:
    """Gives the live key, or the refusal; a key that nobody used for a week is dead."""
    key = sandbox.indiamart.keys.get(given)
    if key is None:
        return envelope(401, INCORRECT)
    if key.state == "live" and now - key.used_at > KEY_LIFE:
        key.state = "expired"
    if key.state != "live":
        return envelope(401, REPLACED if key.state == "replaced" else EXPIRED)
    key.used_at = now
    return key


@bp.get("/wservce/crm/crmListing/v2/")
def listing() -> Answer:
    """Answers one pull."""
    sandbox, now = the_sandbox(), time.time()
    given = request.args.get("glusr_crm_key", "")
    fault = sandbox.indiamart_faults.take(get_args(IndiaMartFaultKind), given)
    with sandbox.indiamart.lock:
        body, status = _answer(sandbox, given, now)
        if fault and fault.kind == "more_records" and body["CODE"] == 200:
            body["TOTAL_RECORDS"] += fault.extra
        sandbox.indiamart.calls.append({
            "at": now,
            "key": given,
            "start_time": request.args.get("start_time"),
            "end_time": request.args.get("end_time"),
            "code": body["CODE"],
            "message": body["MESSAGE"],
            "leads": len(body.get("RESPONSE", [])),
            "fault": fault.kind if fault else None,
        })  # fmt: skip
    return _spoil(fault, body) if fault else (jsonify(body), status)


def _answer(sandbox: Sandbox, given: str, now: float) -> tuple[JsonObject, int]:
    key = known_key(sandbox, given, now)
    if not isinstance(key, Key):
        return key, 200
    window = read_window(request.args.get("start_time"), request.args.get("end_time"), now)
    limit = sandbox.indiamart.may_call(key, now)
    if limit == "blocked":
        return {**BLOCKED, "unique_id": ""}, 429
    if isinstance(window, dict):
        return window, 200
    if limit == "soft":
        return envelope(429, SOFT), 200
    key.answered_at = now
    leads, held = sandbox.indiamart.window(key, *window, now)
    if leads:
        return envelope(200, "", leads), 200
    return envelope(204, HELD if held else NOTHING), 200


def _spoil(fault: IndiaMartFault, body: JsonObject) -> Answer:
    match fault.kind:
        case "timeout":
            time.sleep(fault.ms / 1000)
            return hang_up()
        case "dropped":
            return hang_up()
        case "http_500":
            return "", 500
        case "server_error":
            return jsonify(envelope(500, "Some Error Occured"))
        case "html_502":
            return Response(GATEWAY, status=502, content_type="text/html")
        case "html_200":
            return Response(MAINTENANCE, content_type="text/html; charset=UTF-8")
        case "malformed":
            whole = jsonify(body).get_data()
            return Response(whole[: len(whole) * 2 // 3], content_type="application/json")
        case _:
            return jsonify(body)
