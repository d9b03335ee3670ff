"""Connecting a WhatsApp number to an organization, and reading its templates.

Nothing that a caller claims is believed: Meta itself must say that the token is for this app and this
account, and that the number belongs to the account. Each step that fails says which it was and what to do.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import structlog
from pydantic import BaseModel, BeforeValidator, Field, ValidationError

from workers.database import Database
from workers.errors import ProviderError, Refused
from workers.meta.graph import Graph, GraphError
from workers.settings import Settings

log = structlog.stdlib.get_logger(__name__)

SCOPES = ("whatsapp_business_management", "whatsapp_business_messaging")
_NUMBER_FIELDS = (
    "id,display_phone_number,verified_name,name_status,quality_rating,status,code_verification_status,"
    "platform_type,is_on_biz_app,throughput"
)
_TEMPLATE_FIELDS = (
    "id,name,language,status,category,parameter_format,components,quality_score,rejected_reason"
)
_SPEEDS = {"STANDARD": 80, "HIGH": 1000}
_COEXISTENCE_SPEED = 20
_PIN_MISMATCH = 133005
# Meta's numbers of time zones, as far as businesses in India use them; others stay unknown.
_TIME_ZONES = {
    "1": "America/Los_Angeles",
    "7": "America/New_York",
    "8": "Asia/Dubai",
    "15": "Australia/Sydney",
    "17": "Asia/Dhaka",
    "35": "America/Toronto",
    "58": "Europe/London",
    "71": "Asia/Kolkata",
    "82": "Asia/Colombo",
    "128": "Asia/Singapore",
}

Text = Annotated[str | None, BeforeValidator(lambda value: value if isinstance(value, str) else None)]
Id = Annotated[str, BeforeValidator(lambda value: str(value) if isinstance(value, int) else value)]


class _Scope(BaseModel, extra="ignore"):
    scope: str
    target_ids: list[Id] = []


class _Token(BaseModel, extra="ignore"):
    """What Meta says about an access token."""

    is_valid: bool = False
    app_id: Id = ""
    user_id: Id | None = None
    granular_scopes: list[_Scope] = []

    def proves(self, scope: str, waba_id: str) -> bool:
        """Tell whether the permission was given for this very account; an empty list proves nothing."""
        return any(given.scope == scope and waba_id in given.target_ids for given in self.granular_scopes)


class _Debugged(BaseModel, extra="ignore"):
    data: _Token


class _Throughput(BaseModel, extra="ignore"):
    level: Text = None


class _Number(BaseModel, extra="ignore"):
    """A number as Meta describes it."""

    id: Id
    display_phone_number: Text = None
    verified_name: Text = None
    quality_rating: Text = None
    status: Text = None
    platform_type: Text = None
    is_on_biz_app: bool | None = None
    throughput: _Throughput = Field(default_factory=_Throughput)

    @property
    def is_registered(self) -> bool:
        """Whether the number can send already, or (coexistence) is registered by the phone's app."""
        return bool(self.is_on_biz_app) or self.status == "CONNECTED" or self.platform_type == "CLOUD_API"

    @property
    def messages_per_second(self) -> int:
        """What the number may send and receive in a second."""
        return _COEXISTENCE_SPEED if self.is_on_biz_app else _SPEEDS.get(self.throughput.level or "", 80)


class _Account(BaseModel, extra="ignore"):
    """A WhatsApp Business account as Meta describes it."""

    name: Text = None
    currency: Text = None
    timezone_id: Id | None = None


class Connected(BaseModel, extra="ignore"):
    """A number that is connected."""

    number_id: str
    account_id: str
    display_phone: str | None = None
    verified_name: str | None = None
    warnings: list[str] = []


def connect_number(
    database: Database,
    graph: Graph,
    settings: Settings,
    org_id: str,
    waba_id: str,
    phone_number_id: str,
    token: str,
) -> Connected:
    """Prove a number at Meta and connect it to an organization. Raises Refused, naming the step."""
    for name, value in (("WABA", waba_id), ("phone number", phone_number_id)):
        if not (value.isascii() and value.isdecimal() and len(value) <= 32):
            raise Refused(422, f"The {name} id has digits only: copy it from WhatsApp Manager.", "id_wrong")
    _prove_token(graph, settings, waba_id, token)
    listed = _prove_number(graph, waba_id, phone_number_id, token)
    database.rpc("begin_connect", org_id=org_id, waba_id=waba_id, phone_number_id=phone_number_id)
    _subscribe(graph, settings, waba_id, token)
    number = _read_number(graph, listed, token)
    pin = None if number.is_registered else _register(graph, phone_number_id, token)
    account = _read_account(graph, waba_id, token)
    connection: dict[str, object] = {
        "waba_id": waba_id,
        "account": {
            "name": account.name,
            "currency": account.currency,
            "time_zone": _TIME_ZONES.get(account.timezone_id or ""),
        },
        "number": {
            "phone_number_id": phone_number_id,
            "display_phone": number.display_phone_number,
            "verified_name": number.verified_name,
            "quality_rating": number.quality_rating,
            "messages_per_second": number.messages_per_second,
        },
        "token": token,
    }
    if pin:
        connection["pin"] = pin
    stored = database.rpc("finish_connect", org_id=org_id, connection=connection)
    return Connected.model_validate({**stored, "warnings": _warnings(account)})


def _prove_token(graph: Graph, settings: Settings, waba_id: str, token: str) -> _Token:
    app_id = _app_id(settings)
    app_token = f"{app_id}|{settings.secret('meta_app_secret')}"
    with _step("checking the access token", "connect_token"):
        proven = _Debugged.model_validate(graph.get("debug_token", app_token, input_token=token)).data
    if not proven.is_valid:
        raise Refused(422, "Meta says that the access token is not valid: make a new one.", "token_invalid")
    if proven.app_id != app_id:
        raise Refused(
            422,
            "The access token is for another Meta app: make one for the app META_APP_ID.",
            "token_of_other_app",
        )
    for scope in SCOPES:
        if not proven.proves(scope, waba_id):
            raise Refused(
                422,
                f"The access token does not prove {scope} for this WhatsApp Business account: "
                "give the system user the account and both WhatsApp permissions.",
                "token_lacks_account",
            )
    return proven


def _prove_number(graph: Graph, waba_id: str, phone_number_id: str, token: str) -> dict[str, object]:
    with _step("reading the account's numbers", "connect_numbers"):
        for item in graph.pages(f"{waba_id}/phone_numbers", token, fields=_NUMBER_FIELDS, limit="100"):
            if _Number.model_validate(item).id == phone_number_id:
                return item
    raise Refused(
        422,
        "The number is not one of this account: look up both ids in WhatsApp Manager.",
        "number_not_in_account",
    )


def _read_number(graph: Graph, listed: dict[str, object], token: str) -> _Number:
    """Give what Meta says of a number; where it refuses to say more, what the account's list says."""
    with _step("reading the number", "connect_number"):
        try:
            said = graph.get(str(listed["id"]), token, fields=_NUMBER_FIELDS)
        except GraphError as error:
            log.warning("the number is known from its account's list only", code=error.code)
            said = {}
        return _Number.model_validate(listed | said)


def _read_account(graph: Graph, waba_id: str, token: str) -> _Account:
    """Give what Meta says of an account; nothing when it refuses: a number sends without it."""
    with _step("reading the WhatsApp Business account", "connect_account"):
        try:
            return _Account.model_validate(graph.get(waba_id, token, fields="id,name,currency,timezone_id"))
        except GraphError as error:
            log.warning("the account's currency and time zone are not known", code=error.code)
            return _Account()


def _subscribe(graph: Graph, settings: Settings, waba_id: str, token: str) -> None:
    with _step("subscribing to the account's webhooks", "connect_subscribe"):
        graph.post(f"{waba_id}/subscribed_apps", token)
        apps = list(graph.pages(f"{waba_id}/subscribed_apps", token))
    ids = {str(app.get("id") or (app.get("whatsapp_business_api_data") or {}).get("id")) for app in apps}
    if _app_id(settings) not in ids:
        raise Refused(
            502,
            "Meta did not confirm the subscription to the account's webhooks: try again in a minute.",
            "connect_subscribe",
        )


def _register(graph: Graph, phone_number_id: str, token: str) -> str:
    pin = f"{secrets.randbelow(1_000_000):06d}"
    with _step("registering the number", "connect_register"):
        try:
            graph.post(f"{phone_number_id}/register", token, {"messaging_product": "whatsapp", "pin": pin})
        except GraphError as error:
            if error.code == _PIN_MISMATCH:
                raise Refused(
                    409,
                    "The number has a two-step PIN already: turn two-step verification off in WhatsApp "
                    "Manager, then connect again.",
                    "number_has_pin",
                ) from error
            raise
    return pin


def _app_id(settings: Settings) -> str:
    settings.require("meta_app_id")
    return str(settings.meta_app_id)


def _warnings(account: _Account) -> list[str]:
    if not account.currency:
        return ["Meta did not tell the account's currency and time zone: look at both in WhatsApp Manager."]
    if account.currency != "INR":
        warning = (
            f"The account is billed in {account.currency}: a business that Meta bills in India needs an "
            "account in INR by 31 December 2026, or its messages stop."
        )
        return [warning]
    return []


@contextmanager
def _step(what: str, slug: str) -> Iterator[None]:
    """Turn what fails at Meta into a refusal that names the step."""
    try:
        yield
    except GraphError as error:
        said = error.details or error.title or "no reason given"
        raise Refused(
            422,
            f"Meta refused {what}: {said} (code {error.code}). Put that right at Meta, then try again.",
            slug,
        ) from error
    except ValidationError as error:
        raise Refused(502, f"Meta's answer to {what} cannot be read. Try again later.", slug) from error
    except ProviderError as error:
        raise Refused(502, f"Meta could not be reached for {what}. Try again later.", slug) from error
