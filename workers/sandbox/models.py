"""What the control API takes, and what the sandbox remembers of it. Unknown keys are refused."""

from datetime import date
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

JsonObject = dict[str, Any]

Digits = Field(pattern=r"^[0-9]{1,32}$")


class Strict(BaseModel):
    """A model that refuses keys it does not know."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)


class Template(Strict):
    """One message template of a WhatsApp Business Account; `body` is shorthand for its components."""

    name: str = Field(pattern=r"^[a-z0-9_]{1,512}$")
    language: str = "en"
    category: Literal["MARKETING", "UTILITY", "AUTHENTICATION"] = "UTILITY"
    status: str = "APPROVED"
    parameter_format: Literal["POSITIONAL", "NAMED"] = "POSITIONAL"
    body: str | None = Field(default=None, exclude=True)
    components: list[JsonObject] = []
    id: str = ""
    rejected_reason: str = "NONE"

    def model_post_init(self, _context: object) -> None:
        """Turns the shorthand into components."""
        if self.body is not None and not self.components:
            self.components = [{"type": "BODY", "text": self.body}]


class Number(Strict):
    """One business phone number."""

    phone_number_id: str = Digits
    display_phone: str
    verified_name: str = "Sandbox Store"
    quality_rating: str = "GREEN"
    messages_per_second: int = Field(default=80, ge=1)
    registered: bool = True
    pin: str | None = None
    coexistence: bool = False
    waba_id: str = ""
    status: str | None = None
    name_status: str = "APPROVED"
    limit_tier: str = "TIER_2K"
    health_status: JsonObject = {"can_send_message": "AVAILABLE", "entities": []}
    is_verified: bool = True
    asked: list[str] = []

    @property
    def digits(self) -> str:
        """Gives the number as WhatsApp writes it: digits only."""
        return "".join(c for c in self.display_phone if c.isdigit())


class Account(Strict):
    """One WhatsApp Business Account: numbers, templates and, if given, a token that may use it."""

    waba_id: str = Digits
    name: str = "Sandbox Store"
    currency: str = "INR"
    timezone_id: str = "71"
    business_id: str = ""
    numbers: list[Number] = []
    token: str | None = None
    user_id: str | None = None
    templates: list[Template] = []
    subscribed: bool = False
    callback_url: str | None = None
    country: str = "IN"
    review_status: str = "APPROVED"
    business_verification: str = "verified"


SCOPES = ("whatsapp_business_management", "whatsapp_business_messaging")


class Token(Strict):
    """An access token: a business token, or a system user's; it may name no targets, or lack a permission."""

    token: str
    user_id: str
    waba_ids: list[str]
    is_valid: bool = True
    issued_at: int = 0
    expires_at: int = 0
    data_access_expires_at: int = 0
    scopes: list[str] = list(SCOPES)
    names_targets: bool = True

    def is_live(self, now: float) -> bool:
        """Says whether the token may be used: not withdrawn, not expired."""
        return self.is_valid and not 0 < self.expires_at < now


class Behaviour(Strict):
    """How customers behave. Times are milliseconds after the send was accepted; null: it never happens."""

    sent_ms: int | None = 20
    delivered_ms: int | None = 120
    read_ms: int | None = 300
    answer_ms: int | None = None
    answer_text: str = "Yes, I am interested. Please call me."
    failed_code: int | None = None


class BehaviourChange(Strict):
    """A change to the behaviour of everybody, of one number's customers, or of one customer (digits)."""

    phone_number_id: str | None = None
    customer: str | None = None
    sent_ms: int | None = None
    delivered_ms: int | None = None
    read_ms: int | None = None
    answer_ms: int | None = None
    answer_text: str | None = None
    failed_code: int | None = None
    batch_max: int | None = Field(default=None, ge=1, le=1000)


MetaFaultKind = Literal[
    "error", "http_500", "latency", "lost_answer", "dropped", "failed_status", "no_statuses",
    "delay_statuses", "duplicate_webhooks", "reorder_webhooks", "webhook_outage",
]  # fmt: skip


class MetaFault(Strict):
    """One thing that goes wrong: for the next `count` times, or each time with `probability`."""

    kind: MetaFaultKind
    phone_number_id: str | None = None
    endpoint: Literal["messages", "management", "media"] = "messages"
    call: str | None = None
    count: int | None = Field(default=None, ge=1)
    probability: float | None = Field(default=None, gt=0, le=1)
    seed: int = 0
    code: int = 131000
    subcode: int | None = None
    http_status: int | None = None
    details: str | None = None
    ms: int = Field(default=1000, ge=0)
    copies: int = Field(default=1, ge=1, le=10)
    accepted: bool = False
    id: int = 0


class Inbound(Strict):
    """A customer writes to a number: plain text, or any message object as Meta would put it."""

    phone_number_id: str
    sender: str = Field(alias="from")
    name: str = "Sandbox Customer"
    text: str | None = None
    message: JsonObject | None = None
    timestamp: int | None = None
    hide_phone: bool = False


MediaTrick = Literal[
    "redirect", "address", "wrong_type", "endless", "drip", "drip_headers", "wrong_hash", "wrong_size",
    "gone", "expired", "huge_length", "gzip", "cut",
]  # fmt: skip


class MediaFile(Strict):
    """A file at Meta, and what is wrong with its host: the next `count` times (null: always)."""

    phone_number_id: str
    mime_type: str = "image/jpeg"
    content: str = ""
    trick: MediaTrick | None = None
    count: int | None = Field(default=None, ge=1)
    address: str | None = None
    pace: float = Field(default=0.05, ge=0)


class RawWebhook(Strict):
    """Any change of a WABA, to be sent signed as it is."""

    waba_id: str
    field: str
    value: JsonObject


class TemplateChange(Strict):
    """Meta's review: a template's new status, told by webhook as well."""

    waba_id: str
    name: str
    language: str | None = None
    status: str = "APPROVED"
    reason: str = "NONE"


class Review(Strict):
    """How reviews of new and changed templates end, and when; null: they wait to be ended by hand."""

    after_ms: int | None = Field(default=2000, ge=0)
    status: Literal["APPROVED", "REJECTED"] = "APPROVED"
    reason: str = "NONE"
    creations_per_hour: int = Field(default=100, ge=0)
    most_templates: int = Field(default=250, ge=0)


class Change(Strict):
    """Other properties of an account (by its WABA id), a number (by its id) or a token (by itself)."""

    id: str
    properties: JsonObject


class AnalyticsChange(Strict):
    """What Meta's pricing analytics have of charged messages, besides what was delivered; day: yesterday."""

    waba_id: str
    day: date | None = None
    category: str = Field(default="marketing", pattern=r"^[a-z_]{1,40}$")
    country: str = Field(default="IN", pattern=r"^[A-Z]{2}$")
    add_volume: int = 0
    add_cost: str = Field(default="0", pattern=r"^-?[0-9]{1,9}(\.[0-9]{1,6})?$")


class CodeRequest(Strict):
    """An Embedded Signup that ended well: which accounts the business shared, and what for."""

    waba_ids: list[str] = Field(min_length=1)
    user_id: str | None = None
    scopes: list[str] = list(SCOPES)
    names_targets: bool = True
    age_seconds: float = Field(default=0, ge=0)


class Code(Strict):
    """A code of Embedded Signup: good once, for a while, for these accounts."""

    given: CodeRequest
    made_at: float
    is_used: bool = False


class IndiaMartKey(Strict):
    """A pull key. A newer key of the same seller kills the older."""

    key: str = Field(min_length=1)
    seller: str | None = None
    state: Literal["live", "expired", "replaced"] = "live"
    created_at: float | None = None
    push_url: str | None = None
    hold_seconds: float = 86400


class Leads(Strict):
    """Leads for a key: given as they are, or `count` invented ones that depend on `seed` alone."""

    key: str
    leads: list[JsonObject] = []
    count: int = Field(default=0, ge=0, le=100_000)
    seed: int = 1
    types: list[str] = ["W"]
    query_time: float | None = None
    spread_seconds: float = Field(default=0, ge=0)
    pull: bool = True
    push: bool = True

    @field_validator("types")
    @classmethod
    def _some_type(cls, value: list[str]) -> list[str]:
        if not value:
            raise ValueError("name at least one lead type")
        return value


class Push(Strict):
    """One push, of any body, to any loopback address."""

    url: str
    body: JsonObject | list[JsonObject]


IndiaMartFaultKind = Literal[
    "server_error", "http_500", "html_502", "html_200", "malformed", "timeout", "dropped", "more_records"
]


class IndiaMartFault(Strict):
    """One thing that goes wrong with pulls: for the next `count` calls, or each with `probability`."""

    kind: IndiaMartFaultKind
    key: str | None = None
    count: int | None = Field(default=None, ge=1)
    probability: float | None = Field(default=None, gt=0, le=1)
    seed: int = 0
    ms: int = Field(default=60_000, ge=0)
    extra: int = Field(default=5, ge=1)
    id: int = 0
