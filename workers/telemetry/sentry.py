"""Sentry, where SENTRY_DSN is set: unforeseen errors, scrubbed, without variables, bodies or addresses."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from workers.errors import SettingsError
from workers.logs import scrub_value

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint

_KEPT = frozenset(
    {"event_id", "timestamp", "platform", "level", "exception", "logger", "release", "environment", "sdk"}
)
"""Of an event, all else goes: request, user, breadcrumbs, server_name, contexts, modules, extra."""


def begin(dsn: str, release: str) -> None:
    """Tell Sentry of unforeseen errors from now on. SettingsError when its package is missing."""
    try:
        import sentry_sdk  # noqa: PLC0415 (an extra; and nothing of it runs where no address is set)
    except ImportError:
        raise SettingsError(
            "SENTRY_DSN is set, but the package sentry-sdk is missing: install Flow with its extra `sentry` "
            "(pip install 'nanocon-flow[sentry]'), or leave SENTRY_DSN out."
        ) from None
    sentry_sdk.init(
        dsn=dsn,
        release=release,
        before_send=only_what_is_harmless,
        include_local_variables=False,
        include_source_context=False,
        max_request_body_size="never",
        max_breadcrumbs=0,
        default_integrations=False,
        auto_enabling_integrations=False,
        traces_sample_rate=None,
        server_name="",
        shutdown_timeout=1,
    )
    logging.getLogger("sentry_sdk.errors").setLevel(logging.WARNING)


def tell(error: BaseException) -> None:
    """Hand over one error; does nothing where Sentry is not set up."""
    import sentry_sdk  # noqa: PLC0415 (as above)

    sentry_sdk.capture_exception(error)


def only_what_is_harmless(event: Event, _hint: Hint) -> Event | None:
    """Give the event without everything that may hold a person or a secret, and scrubbed."""
    kept: dict[str, Any] = {name: value for name, value in event.items() if name in _KEPT}
    for thrown in kept.get("exception", {}).get("values", []):
        for frame in (thrown.get("stacktrace") or {}).get("frames", []):
            for name in ("vars", "abs_path", "pre_context", "context_line", "post_context"):
                frame.pop(name, None)
        thrown["value"] = scrub_value(thrown.get("value"))
        thrown.pop("mechanism", None)
    return kept  # type: ignore[return-value]
