"""Flow's guards outside of the database: a place in a file, and what it is without the guard."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cut:
    """One guard in a file of this repository."""

    name: str
    path: str
    old: str
    new: str
    tests: str
    """What pytest runs: files and -k, as words."""


SECRETS = "tests/promises/test_secrets_never_leave.py"
TLS, WHATSAPP = "tests/promises/test_tls.py", "tests/promises/test_whatsapp.py"
TENANTS, SIGNING = "tests/promises/test_secrets_and_tenants.py", "tests/promises/test_signing_in.py"

CUTS = (
    Cut(
        "Meta's signature is compared",
        "workers/meta/signature.py", "    return any(matches)", "    return True", f"{TENANTS} -k P12",
    ),
    Cut(
        "the signature is looked at before anything else",
        "workers/meta/webhook.py", "if not is_signed(", "if False and not is_signed(", f"{TENANTS} -k P12",
    ),
    Cut(
        "jobs ask for their secret",
        "workers/jobs.py", "    _require_secret(runtime", "    str(runtime", f"{TENANTS} -k P26",
    ),
    Cut(
        "plain http is refused",
        "workers/requests.py", "    app.before_request(_refuse_plain_http)\n", "", f"{TLS} -k plain_http",
    ),
    Cut(
        "browsers are told to stay with TLS",
        "workers/requests.py", 'headers["Strict-Transport-Security"] = _HSTS', "pass", f"{TLS} -k browsers",
    ),
    Cut(
        "suppliers are not called in the clear",
        "workers/clients.py", "[_refuse_plain_http, ", "[", f"{TLS} -k supplier",
    ),
    Cut(
        "only named suppliers are called",
        "workers/clients.py", ", _only(named_hosts(settings))]", "]", f"{WHATSAPP} -k named_providers",
    ),
    Cut(
        "no address of another machine is plain http",
        "workers/settings.py", 'if parts.scheme == "http" and not', "if False and not", f"{TLS} -k address",
    ),
    Cut(
        "the database is not spoken to in the clear",
        "workers/settings.py", "if not is_loopback(parts.hostname) and mode", "if False and mode",
        f"{TLS} -k database",
    ),
    Cut(
        "pages connect to Flow and Supabase only",
        "workers/dashboard/__init__.py", "connect-src 'self' {supabase}", "connect-src * {supabase}",
        f"{WHATSAPP} -k browser",
    ),
    Cut(
        "Google is asked for the profile only",
        "workers/dashboard/static/pages/sign-in/form.js", 'provider: "google", options: {',
        'provider: "google", options: { scopes: "https://www.googleapis.com/auth/drive",',
        f"{SIGNING} -k profile_only",
    ),
    Cut(
        "every request is timed",
        "workers/requests.py", "        ms=round(", "        took=round(", f"{WHATSAPP} -k P18",
    ),
    Cut(
        "log lines are scrubbed",
        "workers/logs.py", "                scrub,\n", "", f"{SECRETS} -k line_of_the_log",
    ),
    Cut(
        "the gateway's log is without keys",
        "workers/local/gateway/preload.mjs", "/sb_secret_", "/never_", f"{SECRETS} -k no_log",
    ),
    Cut(
        "Postgres' log is without statements",
        "workers/local/postgres.py", '"log_min_error_statement": "panic"', '"log_min_messages": "warning"',
        f"{SECRETS} -k customers_number",
    ),
)  # fmt: skip
