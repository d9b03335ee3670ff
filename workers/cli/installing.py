"""The steps of `flow install`: each looks first and does only what is missing, so all may be done again."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any, Literal

import psycopg
from psycopg import sql

from workers.cli.output import Refusal, progress
from workers.local import StackError, migrations
from workers.settings import Settings

POSTGRES = 17
EXTENSIONS = {
    "pgcrypto": "select exists (select from pg_extension where extname = 'pgcrypto')",
    "pg_trgm": "select exists (select from pg_extension where extname = 'pg_trgm')",
    "pg_cron": "select to_regclass('cron.job') is not null",
    "pg_net": "select to_regprocedure('net.http_post(text,jsonb,jsonb,jsonb,integer)') is not null",
    "supabase_vault": "select to_regclass('vault.decrypted_secrets') is not null",
}
CREATED_IN = {
    "pgcrypto": "extensions",
    "pg_trgm": "extensions",
    "pg_net": "extensions",
    "pg_cron": "pg_catalog",
}
State = Literal["there", "done", "missing", "blocked"]


@dataclass(frozen=True)
class Step:
    """What became of one step: there, done, missing (--check does nothing), or blocked: a person must act."""

    name: str
    state: State
    note: str

    def as_dict(self) -> dict[str, str]:
        """Give what --json prints."""
        return asdict(self)


class Installer:
    """One database that becomes, or is, an installation."""

    def __init__(
        self, connection: "psycopg.Connection[tuple[Any, ...]]", known: Settings, *, check: bool
    ) -> None:
        self.connection, self.known, self.check = connection, known, check

    def steps(self) -> Iterator[Step]:
        """Take every step; one that needs a person stops those that build on it."""
        yield self._server()
        yield from self._extensions()
        yield self._migrations()
        if not self._value("select to_regprocedure('worker.installation()') is not null"):
            for name in ("workers", "key", "schedule", "buckets"):
                yield Step(name, "missing", "comes after the migrations")
            return
        yield self._workers()
        yield self._key()
        yield self._schedule()
        yield self._buckets()

    def _server(self) -> Step:
        version = int(self._value("select current_setting('server_version_num')::int / 10000"))
        if version < POSTGRES:
            raise Refusal(
                f"This is Postgres {version}; Flow needs {POSTGRES} (Settings → Infrastructure → Upgrade).",
                "postgres_too_old",
            )
        if not self._value("select has_database_privilege(current_database(), 'create')"):
            raise Refusal(
                "This role may not create schemas: give the connection string of the role postgres.",
                "not_the_owner",
            )
        return Step("postgres", "there", f"Postgres {version}")

    def _extensions(self) -> Iterator[Step]:
        for name, question in EXTENSIONS.items():
            if self._value(question):
                yield Step(name, "there", "")
            elif not self._value("select exists (select from pg_available_extensions where name = %s)", name):
                yield Step(name, "blocked", "This server does not offer the extension. See docs/deploy.md.")
            else:
                yield self._do(name, "create the extension", partial(self._create, name))

    def _create(self, name: str) -> str:
        schema = CREATED_IN.get(name)
        self.connection.execute("create schema if not exists extensions")
        self.connection.execute(
            sql.SQL("create extension if not exists {}{}").format(
                sql.Identifier(name),
                sql.SQL(" with schema {}").format(sql.Identifier(schema)) if schema else sql.SQL(""),
            )
        )
        return "created"

    def _migrations(self) -> Step:
        here = sorted(path.stem.split("_", 1)[0] for path in migrations.folder().glob("[0-9]*_*.sql"))
        applied: set[str] = set()
        if self._value("select to_regclass('supabase_migrations.schema_migrations') is not null"):
            found = self.connection.execute("select version from supabase_migrations.schema_migrations")
            applied = {version for (version,) in found}
        missing = [version for version in here if version not in applied]
        if not missing:
            return Step("migrations", "there", f"{len(here)} applied")
        dsn = self.known.secret("flow_database_url")
        return self._do(
            "migrations",
            f"apply {len(missing)} of {len(here)}",
            lambda: f"{len(migrations.apply(dsn, progress))} applied",
        )

    def _workers(self) -> Step:
        """Tell the database where the workers are, and what it says to them."""
        url, secret = self.known.flow_public_url, self.known.flow_job_secret
        if not url or not secret:
            return Step(
                "workers", "blocked", "Give FLOW_PUBLIC_URL and FLOW_JOB_SECRET (openssl rand -hex 32)."
            )
        held = dict(
            self.connection.execute(
                "select name, decrypted_secret from vault.decrypted_secrets"
                " where name in ('flow_worker_url', 'flow_job_secret')"
            ).fetchall()
        )
        if held == {"flow_worker_url": url, "flow_job_secret": secret.get_secret_value()}:
            return Step("workers", "there", url)

        def configure() -> str:
            self._value("select private.configure(%s, %s)", url, secret.get_secret_value())
            return url

        return self._do("workers", f"put {url} and the job secret into Vault", configure)

    def _key(self) -> Step:
        state = self._value("select worker.installation()")
        if state["lost_keys"]:
            lost = ", ".join(state["lost_keys"])
            return Step(
                "key", "blocked", f"Vault lacks {lost}: restore a backup, or have accounts connected anew."
            )
        if state["keys"]:
            return Step("key", "there", f"{state['keys']} in Vault")
        return self._do("key", "make the key that seals customers' tokens", self._make_key)

    def _make_key(self) -> str:
        return f"version {self._value('select private.active_key_id()')}, made in Vault"

    def _schedule(self) -> Step:
        if not self._value(EXTENSIONS["pg_cron"]):
            return Step("schedule", "blocked", "Without pg_cron run `flow tick --every 2` as a service.")
        lacking = self._value("select worker.installation()")["unscheduled"]
        if not lacking:
            return Step("schedule", "there", "")
        return self._do(
            "schedule",
            f"schedule {', '.join(lacking)}",
            lambda: ", ".join(self._value("select private.schedule_chores()")),
        )

    def _buckets(self) -> Step:
        lacking = self._value("select worker.installation()")["buckets"]
        if not lacking:
            return Step("buckets", "there", "")
        return Step("buckets", "blocked", f"Make these private buckets in Storage: {', '.join(lacking)}.")

    def _do(self, name: str, what: str, do: Callable[[], str]) -> Step:
        if self.check:
            return Step(name, "missing", f"would {what}")
        try:
            return Step(name, "done", do())
        except (psycopg.Error, StackError) as error:
            words = getattr(error, "message", None) or str(error).splitlines()[0]
            raise Refusal(
                f"The step «{name}» failed: {words} What was done before stays; run the command again.",
                "step_failed",
            ) from error

    def _value(self, query: str, *params: object) -> Any:
        row = self.connection.execute(query.encode(), params or None).fetchone()
        return row and row[0]


def by_hand(known: Settings) -> list[dict[str, str]]:
    """Give what only a person can do, outside the database: where, what, and the value to paste."""
    public = known.flow_public_url or "FLOW_PUBLIC_URL"
    supabase = known.supabase_url or "SUPABASE_URL"
    rows = [
        ("Supabase → Settings → Data API → Exposed schemas", "exactly these two", "public, worker"),
        ("Supabase → Authentication → URL configuration → Site URL", "people return here", public),
        ("Supabase → Authentication → URL configuration → Redirect URLs", "add", f"{public}/**"),
        ("Supabase → Authentication → Email → Confirm email", "invitations rely on proven addresses", "on"),
        ("Supabase → Authentication → Sign-ups → Anonymous sign-ins", "nobody without a name", "off"),
        ("Supabase → Authentication → Providers → Google", "the client's id and secret", "from Google Cloud"),
        (
            "Google Cloud → Credentials → OAuth client → Authorized redirect URIs",
            "add",
            f"{supabase}/auth/v1/callback",
        ),
        ("Meta app → WhatsApp → Configuration → Callback URL", "the webhook", f"{public}/webhooks/meta"),
        ("Meta app → WhatsApp → Configuration → Verify token", "the same text as", "META_VERIFY_TOKEN"),
        ("Meta app → WhatsApp → Configuration → Webhook fields", "subscribe to", ", ".join(META_FIELDS)),
        (
            "Meta app → Facebook Login for Business → Deauthorize callback URL",
            "who removes the app",
            f"{public}/meta/deauthorize",
        ),
        (
            "Meta app → Facebook Login for Business → Data deletion request URL",
            "who asks to be forgotten",
            f"{public}/meta/data-deletion",
        ),
        ("Meta app → Facebook Login for Business → Allowed domains for the JavaScript SDK", "add", public),
        ("Razorpay → Webhooks → URL (only with payments)", "the webhook", f"{public}/webhooks/razorpay"),
        ("Razorpay → Webhooks → Secret", "the same text as", "RAZORPAY_WEBHOOK_SECRET"),
        ("Razorpay → Webhooks → Events", "tick all of", ", ".join(RAZORPAY_EVENTS)),
    ]
    return [{"where": where, "what": what, "value": value} for where, what, value in rows]


META_FIELDS = (
    "messages",
    "user_preferences",
    "message_template_status_update",
    "message_template_quality_update",
    "message_template_components_update",
    "template_category_update",
    "account_update",
    "account_alerts",
    "account_review_update",
    "phone_number_name_update",
    "phone_number_quality_update",
    "business_capability_update",
    "security",
    "smb_message_echoes",
    "smb_app_state_sync",
    "history",
)
RAZORPAY_EVENTS = ("subscription.*", "payment.*", "invoice.*", "order.*", "refund.*", "payment_link.*")
