"""Every setting of Flow, read once from the environment (and `.env`), checked, and told in clear sentences.

Nothing else in `workers` reads the environment. `Settings.load()` asks only for what the enabled workers
need; commands name what they need themselves: `Settings.load(needs=("supabase_url", "meta_app_id"))`.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import json
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Annotated, Literal, Self
from urllib.parse import SplitResult, parse_qs, urlsplit

from pydantic import (
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from workers.errors import SettingsError
from workers.push.vapid import read_private_key

__all__ = ["WEB_ADDRESSES", "WORKERS", "Settings", "SettingsError", "is_loopback"]

WORKERS = ("meta", "indiamart", "billing", "jobs", "api", "dashboard")
"""The parts of Flow that FLOW_WORKERS can switch on."""

_DATABASE = ("supabase_url", "supabase_secret_key")
NEEDS: Mapping[str, tuple[str, ...]] = {
    "meta": (*_DATABASE, "meta_app_secret", "meta_verify_token"),
    "indiamart": _DATABASE,
    "billing": _DATABASE,
    "jobs": (*_DATABASE, "flow_job_secret"),
    "api": (*_DATABASE, "supabase_publishable_key", "flow_job_secret"),
    "dashboard": ("supabase_url", "supabase_publishable_key", "flow_public_url"),
}
"""What each worker cannot run without."""

WEB_ADDRESSES = (
    "supabase_url",
    "flow_public_url",
    "meta_graph_url",
    "meta_sdk_url",
    "indiamart_url",
    "google_sheets_url",
    "google_drive_url",
    "google_token_url",
    "razorpay_url",
    "stripe_url",
)
"""Settings that hold an address of the web."""
PUSH_HOSTS = (
    "fcm.googleapis.com",
    "updates.push.services.mozilla.com",
    "*.notify.windows.com",
    "web.push.apple.com",
)
"""The push services of Chrome and Edge, Firefox, Windows and Safari."""
_SHORTEST_JOB_SECRET = 16
_MAIL_ADDRESS = r"^[^@\s,;<>]+@[^@\s,;<>]+$"
_SHORTEST_INTERVAL = 300
_TOGETHER = (
    ("flow_alarm_webhook_url", "flow_alarm_webhook_secret"),
    ("flow_alarm_mail_to", "flow_smtp_url"),
    ("flow_smtp_url", "flow_mail_from"),
)
"""Settings that need another."""


def is_loopback(address: str) -> bool:
    """Tell whether an address (`http://…`, or a bare host) never leaves this machine."""
    try:
        host = address if address.count(":") > 1 else ""  # a bare IPv6 address
        if "://" in address or not host or address.startswith("["):
            host = urlsplit(address if "://" in address else f"//{address}").hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Settings(BaseSettings):
    """The typed settings; a field's description says what to do when it is missing."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
    )

    supabase_url: str | None = Field(None, description="give the Supabase project's address (Settings → API)")
    supabase_publishable_key: SecretStr | None = Field(
        None, description="give the project's publishable key (sb_publishable_…)"
    )
    supabase_secret_key: SecretStr | None = Field(
        None, description="give the project's secret key (sb_secret_…)"
    )

    flow_public_url: str | None = Field(
        None, description="give the address at which people and Meta reach these workers (https://…)"
    )
    flow_workers: Annotated[frozenset[str], NoDecode] = Field(frozenset(WORKERS), validate_default=False)
    flow_job_secret: SecretStr | None = Field(
        None, description="give a long random text; `flow migrate` puts the same text into the database"
    )
    flow_trusted_proxies: int = Field(0, ge=0, le=10)
    flow_realtime: bool = True
    flow_job_seconds: float = Field(20, gt=0, le=600)
    flow_export_part_mb: int = Field(2000, ge=1)
    flow_send_concurrency: int = Field(40, ge=1, le=500)
    flow_uncertain_after_seconds: int = Field(900, ge=1)
    flow_database_url: SecretStr | None = Field(
        None, description="give the connection string of the database's owner (Settings → Database)"
    )

    flow_vapid_private_key: SecretStr | None = Field(
        None, description="give the private key that `flow push keys` made"
    )
    flow_vapid_subject: str | None = Field(
        None,
        pattern=r"^(mailto:[^\s@]+@[^\s@]+|https://\S+)$",
        description="give an address at which push services reach you (mailto:… or https://…)",
    )
    flow_push_hosts: Annotated[tuple[str, ...], NoDecode] = PUSH_HOSTS

    meta_graph_url: str = "https://graph.facebook.com"
    meta_graph_version: str = Field("v26.0", pattern=r"^v[0-9]{1,3}\.[0-9]{1,2}$")
    meta_sdk_url: str = "https://connect.facebook.net"
    meta_app_id: str | None = Field(
        None, pattern=r"^[0-9]{1,32}$", description="copy it from the Meta app's dashboard (Settings → Basic)"
    )
    meta_app_secret: SecretStr | None = Field(
        None, description="copy it from the Meta app's dashboard (Settings → Basic)"
    )
    meta_app_secret_previous: SecretStr | None = None
    meta_verify_token: SecretStr | None = Field(
        None, description="give any secret text, and the same text where the app's webhook is set up"
    )
    meta_config_id: str | None = Field(None, description="copy the id of the Embedded Signup configuration")
    meta_media_hosts: Annotated[tuple[str, ...], NoDecode] = ("lookaside.fbsbx.com",)

    indiamart_url: str = "https://mapi.indiamart.com"
    indiamart_min_interval_seconds: int = Field(360, ge=1)

    google_sheets_url: str = "https://sheets.googleapis.com"
    google_drive_url: str = "https://www.googleapis.com"
    google_token_url: str = "https://oauth2.googleapis.com/token"  # noqa: S105 (an address)
    google_service_account_email: str | None = Field(
        None, description="copy client_email from the service account's JSON key: sheets are shared with it"
    )
    google_service_account_key: SecretStr | None = Field(
        None, description="copy private_key from the service account's JSON key"
    )

    razorpay_url: str = "https://api.razorpay.com"
    razorpay_key_id: str | None = Field(None, description="copy it from Razorpay's dashboard (API keys)")
    razorpay_key_secret: SecretStr | None = Field(
        None, description="copy it from Razorpay's dashboard (API keys)"
    )
    razorpay_webhook_secret: SecretStr | None = Field(
        None, description="give the secret of the webhook at Razorpay"
    )
    razorpay_webhook_secret_previous: SecretStr | None = None

    stripe_url: str = "https://api.stripe.com"
    stripe_secret_key: SecretStr | None = Field(
        None, description="copy it from Stripe's dashboard (Developers → API keys)"
    )
    stripe_webhook_secret: SecretStr | None = Field(
        None, description="copy the signing secret of the endpoint at Stripe (whsec_…)"
    )

    flow_telemetry: Literal["thread", "inline", "off"] = "thread"
    flow_release: str | None = Field(None, max_length=64)
    flow_metrics_token: SecretStr | None = None
    sentry_dsn: SecretStr | None = None
    flow_smtp_url: SecretStr | None = Field(
        None, description="give the mail server as smtp://user:password@host:587 (or smtps://…:465)"
    )
    flow_mail_from: str | None = Field(
        None, pattern=_MAIL_ADDRESS, description="give the address that Flow's mails come from"
    )
    flow_alarm_mail_to: str | None = Field(None, pattern=_MAIL_ADDRESS)
    flow_alarm_webhook_url: SecretStr | None = None
    flow_alarm_webhook_secret: SecretStr | None = Field(
        None, description="give a long random text with which the receiver of alarms checks their signature"
    )

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    @classmethod
    def load(cls, env: Mapping[str, str] | None = None, *, needs: Iterable[str] | None = None) -> Settings:
        """Read and check the settings.

        `env` replaces the environment and `.env`. `needs` names workers or single settings; without it, what
        FLOW_WORKERS enables. Raises SettingsError with one sentence for each thing that is missing or wrong.
        """
        try:
            settings = cls() if env is None else _reader_of(cls, env)()
        except ValidationError as error:
            raise SettingsError([_sentence(problem) for problem in error.errors()]) from None
        settings.require(*(settings.flow_workers if needs is None else needs))
        return settings

    def require(self, *needs: str) -> None:
        """Raise SettingsError unless all that the named workers need, and the named settings, are there."""
        fields = {field for need in needs for field in NEEDS.get(need, (need,))}
        if problems := [
            f"{name.upper()} is missing: {field.description}."
            for name, field in type(self).model_fields.items()
            if name in fields and not getattr(self, name)
        ]:
            raise SettingsError(problems)

    def secret(self, name: str) -> str:
        """Give one secret in the clear; SettingsError when it is missing."""
        self.require(name)
        value: SecretStr = getattr(self, name)
        return value.get_secret_value()

    @property
    def app_secrets(self) -> tuple[bytes, ...]:
        """The app secrets that Meta may sign with: the current one, and the previous while they change."""
        secrets = (self.meta_app_secret, self.meta_app_secret_previous)
        return tuple(secret.get_secret_value().encode() for secret in secrets if secret)

    @property
    def razorpay_secrets(self) -> tuple[bytes, ...]:
        """The secrets that Razorpay's webhooks may be signed with: the current one, and the previous."""
        secrets = (self.razorpay_webhook_secret, self.razorpay_webhook_secret_previous)
        return tuple(secret.get_secret_value().encode() for secret in secrets if secret)

    @property
    def release(self) -> str:
        """What this release is called."""
        return self.flow_release or version("nanocon-flow")

    @property
    def graph_base(self) -> str:
        """Meta's Graph API with its version, without a slash at the end."""
        return f"{self.meta_graph_url}/{self.meta_graph_version}"

    @model_validator(mode="before")
    @classmethod
    def _without_blanks(cls, given: dict[str, object]) -> dict[str, object]:
        stripped = {name: value.strip() if isinstance(value, str) else value for name, value in given.items()}
        return {name: value for name, value in stripped.items() if value != ""}

    @field_validator(*WEB_ADDRESSES)
    @classmethod
    def _is_web_address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = _split(value)
        if parts.scheme not in ("http", "https") or not parts.hostname or len(value.split()) > 1:
            raise _wrong("is not a web address: write it as https://host, without spaces")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise _wrong("must be a bare address: leave out user names, passwords and what follows ? or #")
        if parts.scheme == "http" and not is_loopback(value):
            raise _wrong("is plain http to another machine: use https, so that nobody reads the traffic")
        return value.rstrip("/")

    @field_validator("flow_database_url")
    @classmethod
    def _is_database_address(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return None
        parts = _split(value.get_secret_value())
        if parts.scheme not in ("postgres", "postgresql") or not parts.hostname:
            raise _wrong("is not a database address: write it as postgresql://user:password@host/postgres")
        mode = parse_qs(parts.query).get("sslmode", [""])[-1]
        if not is_loopback(parts.hostname) and mode not in ("require", "verify-ca", "verify-full"):
            raise _wrong("may connect without TLS: add ?sslmode=require at its end (or verify-full)")
        return value

    @field_validator("flow_smtp_url", "flow_alarm_webhook_url")
    @classmethod
    def _is_secret_address(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value is None:
            return None
        parts = _split(value.get_secret_value())
        schemes = ("smtp", "smtps") if info.field_name == "flow_smtp_url" else ("http", "https")
        if parts.scheme not in schemes or not parts.hostname or len(value.get_secret_value().split()) > 1:
            raise _wrong(f"is not an address: write it as {schemes[-1]}://host, without spaces")
        if not is_loopback(parts.hostname) and parts.scheme == "http":
            raise _wrong("is plain http to another machine: use https, so that nobody reads the traffic")
        return value

    @field_validator("supabase_publishable_key")
    @classmethod
    def _is_publishable(cls, value: SecretStr | None) -> SecretStr | None:
        if value and _rank(value.get_secret_value()) == "secret":
            raise _wrong("holds a secret key, and browsers would see it: give the publishable key")
        return _printable(value)

    @field_validator("supabase_secret_key")
    @classmethod
    def _is_secret(cls, value: SecretStr | None) -> SecretStr | None:
        if value and _rank(value.get_secret_value()) == "publishable":
            raise _wrong("holds the publishable key: give the secret key (sb_secret_…)")
        return _printable(value)

    @field_validator("sentry_dsn")
    @classmethod
    def _is_sentry_address(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None:
            return None
        parts = _split(value.get_secret_value())
        if parts.scheme not in ("http", "https") or not parts.hostname or not parts.username:
            raise _wrong("is not a DSN: copy it from the Sentry project (https://key@host/number)")
        if parts.scheme == "http" and not is_loopback(parts.hostname):
            raise _wrong("is plain http to another machine: use https, so that nobody reads the traffic")
        return value

    @field_validator("flow_job_secret", "flow_metrics_token")
    @classmethod
    def _is_one_word(cls, value: SecretStr | None) -> SecretStr | None:
        return _printable(value)

    @field_validator("flow_workers", mode="before")
    @classmethod
    def _split_workers(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        names = frozenset(_listed(value.lower()))
        if names == {"all"}:
            return frozenset(WORKERS)
        if not names or not names.issubset(WORKERS):
            raise _wrong(f"must be «all» or some of: {', '.join(WORKERS)} (with commas between)")
        return names

    @field_validator("meta_media_hosts", "flow_push_hosts", mode="before")
    @classmethod
    def _split_hosts(cls, value: object) -> object:
        return tuple(_listed(value.lower())) if isinstance(value, str) else value

    @field_validator("flow_vapid_private_key")
    @classmethod
    def _is_vapid_key(cls, value: SecretStr | None) -> SecretStr | None:
        try:
            if value:
                read_private_key(value.get_secret_value())
        except ValueError:
            raise _wrong("is not a private key of Web Push: make one with `flow push keys`") from None
        return value

    @field_validator("log_level", mode="before")
    @classmethod
    def _in_capitals(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @model_validator(mode="after")
    def _belong_together(self) -> Self:
        if self.flow_vapid_private_key and not self.flow_vapid_subject:
            raise PydanticCustomError(
                "flow",
                "FLOW_VAPID_SUBJECT is missing: give an address at which push services reach you"
                " (mailto:… or https://…).",
            )
        if self.indiamart_min_interval_seconds < _SHORTEST_INTERVAL and not is_loopback(self.indiamart_url):
            raise PydanticCustomError(
                "flow",
                "INDIAMART_MIN_INTERVAL_SECONDS is below 300: IndiaMART takes one call in five minutes and "
                "blocks keys that call more often; give 300 or more (less is only for an INDIAMART_URL on "
                "this machine).",
            )
        public = self.flow_public_url is not None and not is_loopback(self.flow_public_url)
        if public and self.flow_job_secret and len(self.flow_job_secret) < _SHORTEST_JOB_SECRET:
            raise PydanticCustomError(
                "flow", "FLOW_JOB_SECRET is too short to be safe in public: give 16 characters or more."
            )
        for given, needed in _TOGETHER:
            if getattr(self, given) and not getattr(self, needed):
                raise PydanticCustomError(
                    "flow", f"{given.upper()} is given without {needed.upper()}: give both, or neither."
                )
        return self


def _reader_of(cls: type[Settings], env: Mapping[str, str]) -> type[Settings]:
    """Give the same settings, reading a mapping instead of the environment."""
    given = {name.lower(): value for name, value in env.items() if value}

    class Given(cls):  # type: ignore[valid-type, misc]
        @classmethod
        def settings_customise_sources(
            cls, settings_cls: type[BaseSettings], **_: PydanticBaseSettingsSource
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return (InitSettingsSource(settings_cls, init_kwargs=given),)

    return Given


def _sentence(problem: ErrorDetails) -> str:
    """Say what is wrong with one setting, never its value."""
    if not problem["loc"]:
        return problem["msg"]
    field = str(problem["loc"][0])
    if problem["type"] == "flow":
        return f"{field.upper()} {problem['msg']}."
    limits = problem.get("ctx", {})
    said = {
        "int_parsing": "is not a whole number: write digits only",
        "float_parsing": "is not a number: write digits only",
        "greater_than": f"is too small: give more than {limits.get('gt')}",
        "greater_than_equal": f"is too small: give {limits.get('ge')} or more",
        "less_than_equal": f"is too large: give {limits.get('le')} or less",
        "literal_error": f"must be one of {limits.get('expected')}",
        "string_pattern_mismatch": _PATTERNS.get(field, "has the wrong form"),
    }.get(problem["type"], "has a value that Flow cannot read: look at .env.example")
    return f"{field.upper()} {said}."


_PATTERNS = {
    "flow_vapid_subject": "is not an address that push services can use: write mailto:… or https://…",
    "meta_graph_version": "is not a version of the Graph API: write it as v26.0",
    "meta_app_id": "is not the id of a Meta app: it has digits only",
    "flow_mail_from": "is not one e-mail address: write it as name@host, alone",
    "flow_alarm_mail_to": "is not one e-mail address: write it as name@host, alone",
}


def _wrong(sentence: str) -> PydanticCustomError:
    return PydanticCustomError("flow", sentence.replace("{", "{{").replace("}", "}}"))


def _split(value: str) -> SplitResult:
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        raise _wrong("is not an address: look for a bracket or a port that cannot be") from None
    return parts


def _listed(value: str) -> list[str]:
    return [name for part in value.split(",") if (name := part.strip())]


def _printable(value: SecretStr | None) -> SecretStr | None:
    if value and not all("!" <= letter <= "~" for letter in value.get_secret_value()):
        raise _wrong("holds a space or a letter that no HTTP header can carry: copy it again")
    return value


def _rank(key: str) -> str | None:
    """Tell publishable keys from secret ones; the older keys are tokens that name a role."""
    for prefix, rank in (("sb_publishable_", "publishable"), ("sb_secret_", "secret")):
        if key.startswith(prefix):
            return rank
    try:
        payload = json.loads(base64.urlsafe_b64decode(key.split(".")[1] + "=="))
        return {"anon": "publishable", "service_role": "secret"}.get(payload["role"])
    except (IndexError, KeyError, TypeError, ValueError, binascii.Error):
        return None
