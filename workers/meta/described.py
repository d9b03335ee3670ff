"""A token, a number and an account as Meta describes them, and as the database stores them."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, Field

SCOPES = ("whatsapp_business_management", "whatsapp_business_messaging")
# What every app may read of a number and of an account.
NUMBER_FIELDS = (
    "id,display_phone_number,verified_name,name_status,quality_rating,status,code_verification_status,"
    "platform_type,is_on_biz_app,throughput"
)
ACCOUNT_FIELDS = "id,name,currency,timezone_id"
_SPEEDS = {"STANDARD": 80, "HIGH": 1000}
_COEXISTENCE_SPEED = 20
_LIMITS = {
    "TIER_50": 50,
    "TIER_250": 250,
    "TIER_1K": 1_000,
    "TIER_2K": 2_000,
    "TIER_10K": 10_000,
    "TIER_100K": 100_000,
}
_UNLIMITED = "TIER_UNLIMITED"
# Meta's numbers of time zones, from 1 on: its reference "Time Zone IDs" (Marketing API, v24.0).
_ZONES = """
    America/Los_Angeles America/Denver Pacific/Honolulu America/Anchorage America/Phoenix
    America/Chicago America/New_York Asia/Dubai America/Argentina/San_Luis
    America/Argentina/Buenos_Aires America/Argentina/Salta Europe/Vienna Australia/Perth
    Australia/Broken_Hill Australia/Sydney Europe/Sarajevo Asia/Dhaka Europe/Brussels Europe/Sofia
    Asia/Bahrain America/La_Paz America/Noronha America/Campo_Grande America/Belem America/Sao_Paulo
    America/Nassau America/Dawson America/Vancouver America/Dawson_Creek America/Edmonton
    America/Rainy_River America/Regina America/Atikokan America/Iqaluit America/Toronto
    America/Blanc-Sablon America/Halifax America/St_Johns Europe/Zurich Pacific/Easter America/Santiago
    Asia/Shanghai America/Bogota America/Costa_Rica Asia/Nicosia Europe/Prague Europe/Berlin
    Europe/Copenhagen America/Santo_Domingo Pacific/Galapagos America/Guayaquil Europe/Tallinn
    Africa/Cairo Atlantic/Canary Europe/Madrid Europe/Helsinki Europe/Paris Europe/London Africa/Accra
    Europe/Athens America/Guatemala Asia/Hong_Kong America/Tegucigalpa Europe/Zagreb Europe/Budapest
    Asia/Jakarta Asia/Makassar Asia/Jayapura Europe/Dublin Asia/Jerusalem Asia/Kolkata Asia/Baghdad
    Atlantic/Reykjavik Europe/Rome America/Jamaica Asia/Amman Asia/Tokyo Africa/Nairobi Asia/Seoul
    Asia/Kuwait Asia/Beirut Asia/Colombo Europe/Vilnius Europe/Luxembourg Europe/Riga Africa/Casablanca
    Europe/Skopje Europe/Malta Indian/Mauritius Indian/Maldives America/Tijuana America/Hermosillo
    America/Mazatlan America/Mexico_City Asia/Kuala_Lumpur Africa/Lagos America/Managua Europe/Amsterdam
    Europe/Oslo Pacific/Auckland Asia/Muscat America/Panama America/Lima Asia/Manila Asia/Karachi
    Europe/Warsaw America/Puerto_Rico Asia/Gaza Atlantic/Azores Europe/Lisbon America/Asuncion
    Asia/Qatar Europe/Bucharest Europe/Belgrade Europe/Kaliningrad Europe/Moscow Europe/Samara
    Asia/Yekaterinburg Asia/Omsk Asia/Krasnoyarsk Asia/Irkutsk Asia/Yakutsk Asia/Vladivostok
    Asia/Magadan Asia/Kamchatka Asia/Anadyr Asia/Riyadh Asia/Singapore Africa/Johannesburg
    Europe/Stockholm Asia/Taipei Africa/Dar_es_Salaam Asia/Bangkok Africa/Tunis Europe/Istanbul
    America/Montevideo America/Caracas Asia/Ho_Chi_Minh Africa/Kinshasa Africa/Lubumbashi Africa/Harare
    Africa/Lusaka
"""
TIME_ZONES = {str(number): name for number, name in enumerate(_ZONES.split(), 1)}


def speed(level: object, *, is_on_phone_app: bool) -> int | None:
    """Give messages per second from Meta's word for a number's throughput; None when it says nothing."""
    return _COEXISTENCE_SPEED if is_on_phone_app else _SPEEDS.get(str(level))


Text = Annotated[str | None, BeforeValidator(lambda value: value if isinstance(value, str) else None)]
Id = Annotated[str, BeforeValidator(lambda value: str(value) if isinstance(value, int) else value)]


class _Scope(BaseModel, extra="ignore"):
    scope: str
    target_ids: list[Id] | None = None


class Token(BaseModel, extra="ignore"):
    """What Meta says about an access token."""

    is_valid: bool = False
    app_id: Id = ""
    user_id: Id | None = None
    granular_scopes: list[_Scope] = []

    @property
    def accounts(self) -> list[str]:
        """The accounts that both permissions were given for; an empty list of targets proves nothing."""
        named = [
            {
                target
                for given in self.granular_scopes
                if given.scope == scope
                for target in given.target_ids or []
            }
            for scope in SCOPES
        ]
        return sorted(set.intersection(*named))

    def lacks(self, waba_id: str) -> str | None:
        """Name the first permission that was not given for this very account."""
        for scope in SCOPES:
            targets = [given.target_ids or [] for given in self.granular_scopes if given.scope == scope]
            if not any(waba_id in ids for ids in targets):
                return scope
        return None


class Debugged(BaseModel, extra="ignore"):
    """Meta's answer to debug_token."""

    data: Token


class _Throughput(BaseModel, extra="ignore"):
    level: Text = None


class Number(BaseModel, extra="ignore"):
    """A number as Meta describes it."""

    id: Id
    display_phone_number: Text = None
    verified_name: Text = None
    name_status: Text = None
    quality_rating: Text = None
    status: Text = None
    code_verification_status: Text = None
    platform_type: Text = None
    is_on_biz_app: bool | None = None
    throughput: _Throughput = Field(default_factory=_Throughput)
    whatsapp_business_manager_messaging_limit: Text = None

    @property
    def is_registered(self) -> bool:
        """Whether the number can send already, or (coexistence) is registered by the phone's app."""
        return bool(self.is_on_biz_app) or self.status == "CONNECTED" or self.platform_type == "CLOUD_API"

    @property
    def messages_per_second(self) -> int:
        """What the number may send and receive in a second."""
        return speed(self.throughput.level, is_on_phone_app=bool(self.is_on_biz_app)) or _SPEEDS["STANDARD"]

    def as_stored(self) -> dict[str, object]:
        """Give what `worker.finish_connect` takes."""
        return {
            "phone_number_id": self.id,
            "display_phone": self.display_phone_number,
            "verified_name": self.verified_name,
            "quality_rating": self.quality_rating,
            "messages_per_second": self.messages_per_second,
            "name_status": self.name_status,
            "verification_status": self.code_verification_status,
            "platform_type": self.platform_type,
            "is_on_phone_app": bool(self.is_on_biz_app),
        }

    def as_choice(self) -> dict[str, str | None]:
        """Give what a person chooses by."""
        return {
            "phone_number_id": self.id,
            "display_phone": self.display_phone_number,
            "verified_name": self.verified_name,
        }


class _Business(BaseModel, extra="ignore"):
    id: Id | None = None


class Account(BaseModel, extra="ignore"):
    """A WhatsApp Business account as Meta describes it."""

    name: Text = None
    currency: Text = None
    timezone_id: Id | None = None
    account_review_status: Text = None
    owner_business_info: _Business = Field(default_factory=_Business)

    @property
    def time_zone(self) -> str | None:
        """The IANA name of the account's time zone, if Flow knows Meta's number of it."""
        return TIME_ZONES.get(self.timezone_id or "")

    def as_stored(self, number: Number | None) -> dict[str, object]:
        """Give what `worker.finish_connect` takes; the limit of the whole portfolio stands at its numbers."""
        tier = number.whatsapp_business_manager_messaging_limit if number else None
        limit = {"messaging_limit": _LIMITS.get(tier)} if tier in _LIMITS or tier == _UNLIMITED else {}
        return {
            "name": self.name,
            "currency": self.currency,
            "time_zone": self.time_zone,
            "business_id": self.owner_business_info.id,
            "review_status": self.account_review_status,
            **limit,
        }

    @property
    def warnings(self) -> list[str]:
        """What a person should look at, though the number is connected."""
        if not self.currency:
            return [
                "Meta did not tell the account's currency and time zone: look at both in WhatsApp Manager."
            ]
        warnings = []
        if self.currency != "INR":
            warnings.append(
                f"The account is billed in {self.currency}: a business that Meta bills in India needs an "
                "account in INR by 31 December 2026, or its messages stop."
            )
        if not self.time_zone:
            warnings.append(
                "Flow does not know the account's time zone: Meta's days and months begin in it, so look it "
                "up in WhatsApp Manager."
            )
        return warnings
