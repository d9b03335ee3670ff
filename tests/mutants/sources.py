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
TELEMETRY = "tests/promises/test_telemetry.py tests/http/test_telemetry.py"
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
        "workers/settings.py", 'if parts.scheme == "http" and not is_loopback(value)', "if False",
        f"{TLS} -k address",
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
        "workers/requests.py", " ms=round(took", " took=round(took", f"{WHATSAPP} -k P18",
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
    Cut(
        "telemetry: errors are scrubbed",
        "workers/telemetry/errors.py", "scrub_text(str(error))", "str(error)", f"{TELEMETRY} -k P07_error",
    ),
    Cut(
        "telemetry: Sentry is told what is harmless only",
        "workers/telemetry/sentry.py", "before_send=only_what_is_harmless", "before_send=None",
        f"{TELEMETRY} -k P07_error",
    ),
    Cut(
        "telemetry: paths become templates",
        "workers/telemetry/calls.py", "part in _WORDS or", "part or", f"{TELEMETRY} -k path_keeps",
    ),
    Cut(
        "telemetry: metrics ask for their token",
        "workers/telemetry/scrape.py", "if not hmac.", "if False and not hmac.",
        f"{TELEMETRY} -k metrics_are_for",
    ),
    Cut(
        "telemetry: who has not signed in is told no times",
        "workers/requests.py", "if work.user_id:", "if True:", f"{TELEMETRY} -k P18_who",
    ),
    Cut(
        "operators' pages are for Flow's own people",
        "sql/983_support.sql", "  if not private.is_staff() then", "  if false then",
        "tests/sql/test_alarms.py -k nobody_else",
    ),
    *(
        Cut(
            f"Flow's own people alone {what}",
            "sql/987_alarm_pages.sql", f"  perform private.require_staff();\n  {then}", f"  {then}",
            "tests/sql/test_alarms.py -k nobody_else",
        )
        for what, then in (
            ("see alarms", "return (\n    with page"), ("acknowledge alarms", "return private.take_alarm"),
            ("see how Flow runs", "return private.health_figures"),
        )
    ),
    Cut(
        "mail leaves this machine by TLS only",
        "workers/mail.py", "            server.starttls(context=context)", "            pass",
        "tests/http/test_alarms_job.py -k without_tls",
    ),
    Cut(
        "a mail goes to one address",
        "workers/mail.py", "Address(addr_spec=text.strip())", 'Address("", *text.rpartition("@")[::2])',
        "tests/http/test_alarms_job.py -k single_address",
    ),
    Cut(
        "alarms are told with a signature",
        "workers/alarms.py", "hmac.new(secret, ", 'hmac.new(b"", ',
        "tests/http/test_alarms_job.py -k both_channels",
    ),
)  # fmt: skip
