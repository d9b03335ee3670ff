"""Connecting a WhatsApp number to an organization, letting it go, and reading its templates.

Connecting is a row of steps at Meta: token, numbers, subscribe, number, register, account. Each that writes
is noted in the database as it is done, with the token and the PIN sealed there before they are used, so that
an attempt that broke off goes on where it stopped. What reads is read again: only Meta's present word counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import structlog
from pydantic import BaseModel

from workers.database import Database
from workers.errors import FlowError, Refused, Unavailable
from workers.meta import proof
from workers.meta.described import Account, Number
from workers.meta.graph import Graph, GraphError
from workers.meta.proof import Stopped
from workers.settings import Settings

log = structlog.stdlib.get_logger(__name__)

_TEMPLATE_FIELDS = (
    "id,name,language,status,category,parameter_format,components,quality_score,rejected_reason"
)
_PHONE_APP_EVENT = "FINISH_WHATSAPP_BUSINESS_APP_ONBOARDING"
_PIN_MISMATCH = 133005
_LONGEST_TOKEN = 8192
_REGISTER_REMEDIES = {
    _PIN_MISMATCH: (
        "number_has_pin",
        "The number has a two-step PIN that Flow does not know.",
        "Turn two-step verification off in WhatsApp Manager, then try again.",
    ),
    133006: (
        "number_not_verified",
        "The number has not been verified with a code.",
        "Verify it in WhatsApp Manager, then try again.",
    ),
    133008: ("number_has_pin", "Too many wrong PINs were given.", "Wait an hour, then try again."),
    133016: (
        "registered_too_often",
        "The number was registered too often.",
        "Meta takes the next try after 72 hours; then try again.",
    ),
}
# What is asked of the phone's app, once each and within a day; Meta's words for "that was asked already".
_PHONE_APP_DATA = {"contacts": "smb_app_state_sync", "history": "history"}
_ASKED_ALREADY = (2593107, 2593108)
_REMEDIES = {
    "number_taken": "Disconnect it there first, then try again.",
    "signup_ended": "Begin again.",
}
_QUESTIONS = frozenset({"choose_number", "choose_account"})
"""What a person only has to answer: the attempt waits, and nothing has failed."""


class Connected(BaseModel, extra="ignore"):
    """A number that is connected, or how far the attempt came when the account has none yet."""

    signup_id: str = ""
    status: str = "connected"
    number_id: str | None = None
    account_id: str | None = None
    display_phone: str | None = None
    verified_name: str | None = None
    problem: str | None = None
    """The slug of what is missing."""
    remedy: str | None = None
    choices: list[dict[str, str | None]] | None = None
    warnings: list[str] = []


class _Claim(BaseModel, extra="ignore"):
    """An attempt, handed to this worker for two minutes."""

    signup_id: str
    method: str = "token"
    event: str | None = None
    waba_id: str | None = None
    phone_number_id: str | None = None
    steps: dict[str, str] = {}
    token: str


@dataclass(frozen=True)
class Work:
    """What every step needs."""

    database: Database
    graph: Graph
    settings: Settings
    org_id: str


def connect_number(
    database: Database,
    graph: Graph,
    settings: Settings,
    org_id: str,
    waba_id: str,
    phone_number_id: str,
    token: str,
) -> Connected:
    """Prove a number with a token given by hand, and connect it. Raises Refused, naming the step."""
    for name, value in (("WABA", waba_id), ("phone number", phone_number_id)):
        if not (value.isascii() and value.isdecimal() and len(value) <= 32):
            raise Refused(422, f"The {name} id has digits only: copy it from WhatsApp Manager.", "id_wrong")
    if not 0 < len(token.strip()) <= _LONGEST_TOKEN:
        raise Refused(422, "An access token is needed to connect: give the system user's.", "token_missing")
    begun = database.rpc("begin_connect", org_id=org_id, waba_id=waba_id, phone_number_id=phone_number_id)
    signup_id = str(begun["signup_id"])
    database.rpc("keep_signup_token", org_id=org_id, signup_id=signup_id, token=token)
    return go_on(Work(database, graph, settings, org_id), signup_id)


def go_on(
    work: Work, signup_id: str, *, waba_id: str | None = None, phone_number_id: str | None = None
) -> Connected:
    """Take an attempt as far as it goes, with the token that is kept; what stops it is noted and raised."""
    claimed = work.database.rpc(
        "claim_signup",
        org_id=work.org_id,
        signup_id=signup_id,
        waba_id=waba_id,
        phone_number_id=phone_number_id,
    )
    claim = _Claim.model_validate(claimed)
    with stops_are_noted(work, signup_id):
        try:
            return _connect(work, claim)
        except Stopped as stopped:
            if stopped.detail not in _QUESTIONS:
                raise
            _note(work, signup_id, stopped)
            return Connected(
                signup_id=signup_id,
                status="waiting",
                problem=stopped.detail,
                remedy=stopped.remedy,
                choices=stopped.choices,
            )


@contextmanager
def stops_are_noted(work: Work, signup_id: str, step: str = "connect") -> Iterator[None]:
    """Write down what stops an attempt before it is raised; without a database its lease just ends."""
    try:
        yield
    except Stopped as stopped:
        _note(work, signup_id, stopped)
        raise
    except Unavailable:
        raise
    except FlowError as error:
        problem, remedy = error.message, _REMEDIES.get(error.detail, "Put that right, then try again.")
        if not isinstance(error, Refused):
            problem, remedy = "Flow could not go on.", "Tell the operator of Flow, then try again."
        is_final = error.detail == "signup_ended"
        why = Stopped(error.status, problem, remedy, error.detail, step=step, is_final=is_final)
        _note(work, signup_id, why)
        raise


def _note(work: Work, signup_id: str, stopped: Stopped) -> None:
    work.database.rpc("stop_signup", org_id=work.org_id, signup_id=signup_id, problem=stopped.as_problem())


def _connect(work: Work, claim: _Claim) -> Connected:
    graph, token = work.graph, claim.token
    waba_id, proven = proof.prove_token(graph, work.settings, claim.waba_id, token)
    listed = proof.list_numbers(graph, waba_id, token)
    phone_number_id = proof.choose_number(listed, claim.phone_number_id)
    # Only a person who came through Meta's window can take the permission back; a system user is nobody's.
    user_id = proven.user_id if claim.method == "embedded" else None
    facts = {"waba_id": waba_id, "phone_number_id": phone_number_id, "meta_user_id": user_id}
    _record(work, claim, "proof", **facts)
    if "subscribe" not in claim.steps:
        _subscribe(work, waba_id, token)
        _record(work, claim, "subscribe")
    number = _ready_number(work, claim, listed[phone_number_id]) if phone_number_id else None
    account = proof.read_account(graph, waba_id, token)
    stored = _store(work, claim, waba_id, user_id, account, number)
    connected = Connected.model_validate(
        {**stored, "signup_id": claim.signup_id, "warnings": account.warnings}
    )
    if number is None:
        connected.status, connected.problem = "waiting", "number_missing"
        connected.remedy = "Add a number to the account in WhatsApp Manager, then continue."
    elif number.is_on_biz_app:
        connected.warnings += _ask_phone_app(work, claim, number.id)
    return connected


def _record(work: Work, claim: _Claim, step: str, **facts: str | None) -> None:
    work.database.rpc("record_signup", org_id=work.org_id, signup_id=claim.signup_id, step=step, facts=facts)


def _store(
    work: Work, claim: _Claim, waba_id: str, user_id: str | None, account: Account, number: Number | None
) -> dict[str, object]:
    connection = {
        "signup_id": claim.signup_id,
        "waba_id": waba_id,
        "meta_user_id": user_id,
        "account": account.as_stored(number),
    }
    if number:
        connection["number"] = number.as_stored()
    return work.database.rpc("finish_connect", org_id=work.org_id, connection=connection)


def _subscribe(work: Work, waba_id: str, token: str) -> None:
    with proof.step("subscribe", "subscribing to the account's webhooks"):
        work.graph.post(f"{waba_id}/subscribed_apps", token)
        apps = list(work.graph.pages(f"{waba_id}/subscribed_apps", token))
    ids = {str(app.get("id") or (app.get("whatsapp_business_api_data") or {}).get("id")) for app in apps}
    if proof.own_app_id(work.settings) not in ids:
        raise Stopped(
            502, "Meta did not confirm the subscription to the account's webhooks.", "Try again in a minute.",
            "connect_subscribe", step="subscribe",
        )  # fmt: skip


def _ready_number(work: Work, claim: _Claim, listed: dict[str, object]) -> Number:
    """Give the number once it can send: registered by Flow, by somebody before, or by the phone's app."""
    number = proof.read_number(work.graph, listed, claim.token)
    if number.is_on_biz_app is None and claim.event == _PHONE_APP_EVENT:
        number.is_on_biz_app = True
    if not number.is_registered:
        _register(work, claim, number)
        _record(work, claim, "register")
        # What registering changed: where the number runs, and its throughput.
        number = proof.read_number(work.graph, listed, claim.token)
    return number


def _register(work: Work, claim: _Claim, number: Number) -> None:
    pin = work.database.rpc("signup_pin", org_id=work.org_id, signup_id=claim.signup_id)["pin"]
    given = {"messaging_product": "whatsapp", "pin": pin}
    with proof.step("register", "registering the number"):
        try:
            work.graph.post(f"{number.id}/register", claim.token, given)
        except GraphError as error:
            if error.code not in _REGISTER_REMEDIES:
                raise
            slug, problem, remedy = _REGISTER_REMEDIES[error.code]
            raise Stopped(409, problem, remedy, slug, step="register") from error


def _ask_phone_app(work: Work, claim: _Claim, phone_number_id: str) -> list[str]:
    """Ask for what the phone's app knows. The number is connected already: what fails here is a warning."""
    warnings = []
    for step, kind in _PHONE_APP_DATA.items():
        if step in claim.steps:
            continue
        given = {"messaging_product": "whatsapp", "sync_type": kind}
        try:
            with proof.step(step, f"handing over the phone app's {step}"):
                try:
                    work.graph.post(f"{phone_number_id}/smb_app_data", claim.token, given)
                except GraphError as error:
                    if not {error.code, error.subcode} & set(_ASKED_ALREADY):
                        raise
        except Stopped as stopped:
            stopped.remedy = "Continue this sign-up within 24 hours; afterwards Meta hands nothing over."
            _note(work, claim.signup_id, stopped)
            warnings.append(f"{stopped.problem} {stopped.remedy}")
        else:
            _record(work, claim, step)
    return warnings
