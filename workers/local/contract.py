"""What Flow relies on in a Supabase, checked from outside: embedded, in Docker or hosted.

`checks(target)` gives one finding for each promise. Without a database address it only asks, and leaves
nothing behind; with one it makes functions and a bucket of its own, `flow_contract…`, and removes them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal

import httpx

Level = Literal["ok", "warning", "error"]

NOBODY = "00000000-0000-0000-0000-000000000000"
BROKEN_TOKEN = "eyJhbGciOiJub25lIn0.eyJyb2xlIjoic2VydmljZV9yb2xlIn0.AAAA"  # noqa: S105 (alg none: a forgery)
MOST_SKEW = 30  # seconds; what PostgREST forgives a token
BUCKET = "flow-contract"
RELOAD_SECONDS = 15


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: what is so, and what to do when that is bad."""

    level: Level
    what: str
    remedy: str | None = None

    def as_dict(self) -> dict[str, str | None]:
        """Give what `flow doctor --json` prints."""
        return {"level": self.level, "what": self.what, "remedy": self.remedy}


@dataclass(frozen=True, slots=True)
class Target:
    """A Supabase, and the keys to it."""

    api_url: str
    publishable_key: str
    secret_key: str
    database_url: str | None = None


class Halt(Exception):  # noqa: N818 (read as a sentence)
    """What was found makes further questions useless."""


class Unreachable(Exception):  # noqa: N818 (read as a sentence)
    """The Supabase did not answer."""


class Asker:
    """Sends requests to one Supabase."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self._client = httpx.Client(
            base_url=target.api_url, timeout=15, trust_env=False, follow_redirects=False
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def ask(
        self,
        method: str,
        path: str,
        key: str | None,
        json: object = None,
        *,
        content: bytes | None = None,
        **headers: str,
    ) -> httpx.Response:
        """Send one request; a key goes where the client libraries put it. Raises Unreachable."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if key is not None:
            sent = {"apikey": key, "Authorization": f"Bearer {key}"} | sent
        body: dict[str, Any] = (
            {"content": content} if content is not None else {} if json is None else {"json": json}
        )
        try:
            return self._client.request(method, path, headers=sent, **body)
        except httpx.HTTPError as error:
            raise Unreachable(type(error).__name__) from error

    def call(
        self,
        name: str,
        args: Mapping[str, object] | None = None,
        key: str | None = None,
        schema: str = "worker",
    ) -> httpx.Response:
        """Call a function, with the secret key unless another is given."""
        return self.ask(
            "POST",
            f"/rest/v1/rpc/{name}",
            self.target.secret_key if key is None else key,
            dict(args or {}),
            Content_Profile=schema,
        )


def code_of(reply: httpx.Response) -> str:
    """Give the error code of an answer, or its status."""
    try:
        answer = reply.json()
    except ValueError:
        answer = None
    code = answer.get("code") if isinstance(answer, dict) else None
    return str(code or reply.status_code)


def _is_refused(reply: httpx.Response) -> bool:
    return 400 <= reply.status_code < 500


def checks(target: Target) -> Iterator[Finding]:
    """Look at everything; stops early only when nothing answers."""
    with closing(Asker(target)) as asker:
        try:
            yield from _outside(asker)
            if target.database_url:
                yield from _inside(asker, target.database_url)
        except Halt:
            return
        except Unreachable as error:
            yield Finding(
                "error",
                f"{target.api_url} does not answer ({error})",
                "Check SUPABASE_URL and the network; for the embedded stack run `flow up`.",
            )


# --- what can be asked without leaving a trace -----------------------------------------------------


def _outside(asker: Asker) -> Iterator[Finding]:
    target = asker.target
    health = asker.ask("GET", "/auth/v1/health", target.publishable_key)
    yield Finding("ok", f"{target.api_url} answers")
    yield from _clock(health)
    keys = list(_keys(asker))
    yield from keys
    if any(finding.level == "error" for finding in keys):
        raise Halt  # everything after it would fail for the same reason
    yield from _schemas(asker)
    yield from _refusals(asker)


def _clock(reply: httpx.Response) -> Iterator[Finding]:
    try:
        theirs = parsedate_to_datetime(reply.headers["date"])
    except (KeyError, ValueError):
        return
    skew = abs((datetime.now(UTC) - theirs).total_seconds())
    if skew > MOST_SKEW:
        yield Finding(
            "error",
            f"This machine's clock differs from Supabase's by {skew:.0f} seconds",
            "Set the clock (NTP): tokens and signatures are refused when clocks differ.",
        )
    else:
        yield Finding("ok", "This machine's clock and Supabase's agree")


def _keys(asker: Asker) -> Iterator[Finding]:
    for name, key in (("publishable", asker.target.publishable_key), ("secret", asker.target.secret_key)):
        reply = asker.ask("GET", "/auth/v1/settings", key)
        if reply.status_code == httpx.codes.OK:
            yield Finding("ok", f"The {name} key is accepted")
        else:
            yield Finding(
                "error",
                f"The {name} key is refused (HTTP {reply.status_code})",
                f"Copy SUPABASE_{name.upper()}_KEY again from the project's Settings → API Keys.",
            )


def _schemas(asker: Asker) -> Iterator[Finding]:
    expose = "Add it to Settings → API → Exposed schemas (locally: workers/local/gateway/config.toml)."
    reply = asker.call("ping")
    if code_of(reply) == "PGRST106":
        yield Finding("error", "The schema worker is not exposed", expose)
    elif code_of(reply) in ("PGRST202", "42883", "404"):
        yield Finding("error", "The functions of the schema worker are missing", "Run `flow migrate`.")
    elif reply.is_success:
        yield Finding(
            "ok", "The schema worker is exposed and its functions can be called with the secret key"
        )
    else:
        yield Finding(
            "error",
            f"worker.ping cannot be called (HTTP {reply.status_code}, {code_of(reply)})",
            "Run `flow migrate`; if it stays so, look at the project's logs.",
        )
    public = asker.ask(
        "GET", "/rest/v1/organizations?limit=1", asker.target.publishable_key, Accept_Profile="public"
    )
    if code_of(public) == "PGRST106":
        yield Finding("error", "The schema public is not exposed", expose)
    else:
        yield Finding("ok", "The schema public is exposed")
    for schema in ("private", "vault", "auth"):
        hidden = asker.ask("GET", "/rest/v1/x", asker.target.secret_key, Accept_Profile=schema)
        if code_of(hidden) != "PGRST106":
            yield Finding(
                "error", f"The schema {schema} is exposed", "Remove it from Settings → API → Exposed schemas."
            )


def _refusals(asker: Asker) -> Iterator[Finding]:
    """Whoever should be refused is, and as PostgREST does it."""
    public, secret = asker.target.publishable_key, asker.target.secret_key
    tables = "/rest/v1/organizations?limit=1"
    again = "Run `flow migrate`; if it stays so, somebody granted privileges by hand: revoke them."
    wanted: list[tuple[str, httpx.Response, Callable[[httpx.Response], bool]]] = [
        ("a request without a key", asker.ask("GET", tables, None), _is_refused),
        ("nobody at a table", asker.ask("GET", tables, public), _is_refused),
        (
            "nobody writing nothing to a table",
            asker.ask("POST", "/rest/v1/organizations", public, []),
            _is_refused,
        ),
        ("nobody at a function of workers", asker.call("ping", key=public), _is_refused),
        (
            "the secret key at a table",
            asker.ask("GET", tables, secret),
            lambda reply: reply.status_code == httpx.codes.FORBIDDEN,
        ),
        (
            "a forged token",
            asker.ask("GET", tables, public, Authorization=f"Bearer {BROKEN_TOKEN}"),
            lambda reply: reply.status_code == httpx.codes.UNAUTHORIZED,
        ),
    ]
    for what, reply, is_right in wanted:
        if is_right(reply):
            yield Finding("ok", f"Refused: {what}")
        else:
            yield Finding(
                "error",
                f"Not refused as it should be: {what} (HTTP {reply.status_code}, {code_of(reply)})",
                again,
            )
    reply = asker.call("organization", {"org_id": NOBODY})
    if (reply.status_code, code_of(reply)) == (404, "PT404"):
        yield Finding("ok", "A refusal raised in SQL keeps its status, code and words")
    elif code_of(reply) not in ("PGRST202", "PGRST106"):
        yield Finding(
            "error",
            f"A refusal raised in SQL arrives as HTTP {reply.status_code} {code_of(reply)}, not as 404 PT404",
            "Flow needs PostgREST 11 or later.",
        )


# --- what needs objects of its own -----------------------------------------------------------------

FUNCTIONS = ", ".join(f"worker.flow_contract_{name}" for name in ("args", "fail", "who", "row"))
SETUP = f"""
create or replace function worker.flow_contract_args(a int, d jsonb default null, c int[] default '{{}}')
  returns jsonb language sql set search_path = ''
  as $$ select jsonb_build_object('a', a, 'd', d, 'c', c, 't', jsonb_typeof(d)) $$;
create or replace function worker.flow_contract_fail(code text)
  returns int language plpgsql set search_path = ''
  as $$ begin raise exception using errcode = code, message = 'm', detail = 'd', hint = 'h'; end $$;
create or replace function worker.flow_contract_who() returns jsonb language sql stable set search_path = ''
  as $$ select jsonb_build_object('role', current_user,
    'read_only', current_setting('transaction_read_only')) $$;
create or replace function worker.flow_contract_row() returns table (at timestamptz, n numeric, big bigint)
  language sql set search_path = ''
  as $$ select '2026-01-02 03:04:05+00'::timestamptz, 1.50, 9007199254740993 $$;
revoke execute on function {FUNCTIONS} from public, anon, authenticated;
grant execute on function {FUNCTIONS} to service_role;
notify pgrst, 'reload schema';
"""  # noqa: S608 (nothing here comes from outside)
TEARDOWN = f"drop function if exists {FUNCTIONS}; notify pgrst, 'reload schema';"
MAKE_BUCKET = """
insert into storage.buckets (id, name) values ('flow-contract', 'flow-contract')
  on conflict (id) do nothing"""
DROP_BUCKET = """
do $$ begin
  perform set_config('storage.allow_delete_query', 'true', true);
  delete from storage.buckets where id = 'flow-contract';
end $$"""
STATUSES = {"P0001": 400, "FL001": 400, "PT409": 409, "42501": 403, "23505": 409, "40001": 500, "57014": 500}


def _inside(asker: Asker, database_url: str) -> Iterator[Finding]:
    try:
        import psycopg  # noqa: PLC0415 (no dependency of the workers)
    except ModuleNotFoundError:
        yield Finding(
            "warning",
            "The database itself was not looked at: psycopg is not installed",
            "pip install 'psycopg[binary]'",
        )
        return
    try:
        connection = psycopg.connect(database_url, autocommit=True, connect_timeout=10)
    except psycopg.OperationalError:
        yield Finding(
            "error",
            "The database refuses a direct connection",
            "Check FLOW_DATABASE_URL: address, password and sslmode.",
        )
        return
    with connection:
        yield Finding("ok", "The database takes a direct connection")
        for setup, teardown, tries in ((SETUP, TEARDOWN, _calls), (MAKE_BUCKET, DROP_BUCKET, _storage)):
            try:
                connection.execute(setup)
            except psycopg.Error as error:
                said = error.diag.message_primary
                yield Finding(
                    "error", f"Something could not be tried: {said}", "Give the owner's FLOW_DATABASE_URL."
                )
                continue
            try:
                yield from tries(asker)
            finally:
                with suppress(
                    psycopg.Error
                ):  # what cannot be removed is reused, or replaced, by the next run
                    connection.execute(teardown)


def _calls(asker: Asker) -> Iterator[Finding]:
    secret, public = asker.target.secret_key, asker.target.publishable_key

    def call(name: str, args: Mapping[str, object] | None = None, key: str = secret) -> httpx.Response:
        return asker.call(f"flow_contract_{name}", args, key)

    end = time.monotonic() + RELOAD_SECONDS
    while (
        code_of(call("who")) == "PGRST202" and time.monotonic() < end
    ):  # hosted: until the schema is read again
        time.sleep(0.25)

    def finding(what: str, is_right: bool, got: httpx.Response) -> Finding:
        if is_right:
            return Finding("ok", what)
        return Finding(
            "error",
            f"Not so: {what} (HTTP {got.status_code}: {got.text[:200]})",
            "This Supabase differs from PostgREST as Flow knows it: report it, with this line.",
        )

    got = call("args", {"a": 1, "d": {"x": [1]}, "c": [1, 2]})
    yield finding(
        "jsonb and array arguments arrive as they were sent",
        got.is_success and got.json() == {"a": 1, "d": {"x": [1]}, "c": [1, 2], "t": "object"},
        got,
    )
    got = call("args", {"a": 1, "z": 1})
    yield finding("an unknown argument is refused", (got.status_code, code_of(got)) == (404, "PGRST202"), got)
    got = call("row")
    yield finding(
        "times and numbers keep their form and digits",
        got.text == '[{"at":"2026-01-02T03:04:05+00:00","n":1.50,"big":9007199254740993}]',
        got,
    )
    got = call("who")
    yield finding(
        "the secret key is service_role, and a stable function is read-only",
        got.is_success and got.json() == {"role": "service_role", "read_only": "on"},
        got,
    )
    got = call("who", key=public)
    yield finding(
        "nobody may call what nobody was granted", (got.status_code, code_of(got)) == (401, "42501"), got
    )
    for code, status in STATUSES.items():
        got = call("fail", {"code": code})
        yield finding(
            f"an error {code} is HTTP {status}", (got.status_code, code_of(got)) == (status, code), got
        )


def _storage(asker: Asker) -> Iterator[Finding]:
    """A private bucket keeps bytes, signs addresses, and shows nothing to strangers."""
    secret, public, path = asker.target.secret_key, asker.target.publishable_key, f"{BUCKET}/check/a b.txt"
    remedy = "Look at the project's Storage settings and logs; for the embedded stack at storage.log."
    data = b"\x00flow\xff" * 100
    try:
        stored = asker.ask(
            "POST",
            f"/storage/v1/object/{path}",
            secret,
            content=data,
            Content_Type="text/plain",
            x_upsert="true",
        )
        read = asker.ask("GET", f"/storage/v1/object/{path}", secret)
        signed = asker.ask("POST", f"/storage/v1/object/sign/{path}", secret, {"expiresIn": 60})
        if not (stored.is_success and read.content == data):
            yield Finding(
                "error",
                f"Storage does not keep bytes (HTTP {stored.status_code}, {read.status_code})",
                remedy,
            )
            return
        yield Finding("ok", "Storage keeps bytes as they are")
        address = signed.json().get("signedURL", "") if signed.is_success else ""
        fetched = asker.ask("GET", f"/storage/v1{address}", None) if address else signed
        forged = asker.ask("GET", f"/storage/v1{address[:-6]}AAAAAA", None) if address else signed
        yield (
            Finding("ok", "Storage signs addresses")
            if fetched.content == data and _is_refused(forged)
            else Finding(
                "error",
                f"Signed addresses do not work (HTTP {fetched.status_code}, forged {forged.status_code})",
                remedy,
            )
        )
        strangers = [
            asker.ask("GET", f"/storage/v1/object/{path}", public),
            asker.ask("GET", f"/storage/v1/object/public/{path}", None),
        ]
        yield (
            Finding("ok", "Storage shows nothing to strangers")
            if all(map(_is_refused, strangers))
            else Finding(
                "error",
                "A private bucket can be read by anybody",
                "Revoke every policy on storage.objects that names anon or public.",
            )
        )
    finally:
        asker.ask("DELETE", f"/storage/v1/object/{BUCKET}", secret, {"prefixes": ["check/a b.txt"]})
