"""P12, P23, P24, P25, P26, P29: who gets in, what is sealed, and what a disconnect ends."""

import hashlib
import hmac
from collections.abc import Callable
from itertools import count
from typing import Any
from uuid import UUID

import pytest

from tests.database import Database, Person
from tests.http.recording import ENVIRONMENT, RecordingDatabase, settings
from tests.sql.catalogue import OURS as CATALOGUE
from tests.sql.catalogue import RULES
from tests.sql.planted import Planted, plant
from workers import create_app

NUMBERS = count(9001)
OURS = "c.relnamespace in ('public'::regnamespace, 'private'::regnamespace, 'worker'::regnamespace)"
AES_256 = 9  # RFC 9580, section 9.3


@pytest.fixture
def shop(db: Database, org: Callable[..., UUID], member: Callable[..., Person]) -> Planted:
    """An organization with something in every table."""
    org_id = org()
    return plant(db, org_id, member(org_id, "agent").id, next(NUMBERS))


def value(db: Database, query: str, **args: Any) -> Any:
    row = db.execute(query.encode(), args).fetchone()
    assert row
    return row[0]


def test_P12_webhook_is_executed_only_after_its_signature_is_verified() -> None:
    database = RecordingDatabase(ingest_meta={"updates": 1})
    client = create_app(settings(), database=database).test_client()
    body = b'{"object": "whatsapp_business_account", "entry": []}'
    right = hmac.new(ENVIRONMENT["META_APP_SECRET"].encode(), body, hashlib.sha256).hexdigest()

    def post(signature: str) -> tuple[int, int]:
        headers = {"X-Hub-Signature-256": signature} if signature else {}
        status = client.post("/webhooks/meta", data=body, headers=headers).status_code
        return status, len(database.calls)

    assert [post(signature) for signature in ("", "sha256=" + "0" * 64, right)] == [(401, 0)] * 3
    assert post("sha256=" + right) == (200, 1)


def test_P23_tokens_and_keys_are_encrypted_at_rest_with_aes_256(db: Database, shop: Planted) -> None:
    secrets = [mark for mark in shop.marks if mark.startswith(("token-", "key-"))]

    sealed = [
        bytes(cipher)
        for (cipher,) in db.rows("select cipher from private.credentials where org_id = %s", shop.org_id)
    ]
    everywhere = value(
        db,
        "select string_agg(c::text, '') from private.credentials c where c.org_id = %(org)s",
        org=shop.org_id,
    )
    keys = db.rows(
        "select s.secret, s.decrypted_secret from vault.decrypted_secrets s where s.name like 'flow_key_%%'",
    )

    # An OpenPGP message begins with a packet "Symmetric-Key Encrypted Session Key": tag 3, version 4, cipher.
    assert {(cipher[0], cipher[2], cipher[3]) for cipher in sealed} == {(0xC3, 4, AES_256)}
    assert len(secrets) == 2
    assert not [
        secret for secret in secrets if secret in everywhere or any(secret.encode() in c for c in sealed)
    ]
    assert keys
    assert not [1 for stored, key in keys if stored == key]


def test_P24_credentials_are_decrypted_only_for_a_dispatch(db: Database, shop: Planted) -> None:
    reads = "select sum(reads) from private.credential_reads where org_id = %(org)s and purpose = 'dispatch'"
    before = value(db, reads, org=shop.org_id)
    items = '[{"to": "+919810000077", "template": "welcome", "language": "en"}]'
    value(db, "select worker.send_messages(%(org)s, %(items)s)", org=shop.org_id, items=items)

    claimed = value(db, "select worker.claim_messages(10, 60, 900)")

    # The only functions that open one: a send, a fetch, a template sync, a look at the account and at what
    # Meta billed; and, once it is revoked, the unsubscribing of a disconnect. A restore counts those that
    # no key opens.
    opens = {
        name
        for (name,) in db.rows(
            "select oid::regprocedure::text from pg_proc"
            " where prosrc ~ '(open|open_kept|unseal)_credential *\\('"
        )
    }
    assert (before, value(db, reads, org=shop.org_id)) == (None, 1)
    assert set(claimed["tokens"].values()) <= shop.marks
    assert {name.split("(")[0] for name in opens} == {
        "private.open_credential", "worker.rotate_credentials", "worker.claim_messages", "private.begin_run",
        "private.template_access", "private.hand_out_media", "worker.claim_health_checks",
        "private.open_kept_credential", "worker.claim_cleanups",
        "worker.claim_signup", "worker.signup_pin", "worker.claim_signals", "worker.claim_reconciliations",
        "private.broken_credentials",
        "worker.claim_pushes",  # where a device is pushed to
        "worker.claim_webhooks",  # which signs with it, and hands out the signature alone
    }  # fmt: skip


def test_P25_every_table_has_row_level_security(db: Database) -> None:
    tables = f"select c.relname from pg_class c where {OURS} and c.relkind in ('r', 'p')"

    assert len(db.rows(tables)) > 25
    assert db.rows(tables + " and not c.relrowsecurity") == []


def test_P26_anon_is_blocked_at_the_database_engine(db: Database) -> None:
    by_name = {rule.says: rule for rule in RULES}

    for says in (
        "anon and PUBLIC hold nothing",
        "default privileges give nobody anything",
        "people hold nothing in private but execute, and nothing in worker",
        "service_role holds nothing but execute in worker",
    ):
        assert db.rows(CATALOGUE + by_name[says].offenders) == []


def test_P26_jobs_run_for_nobody_without_their_secret() -> None:
    database = RecordingDatabase(sweep={})
    client = create_app(settings(), database=database).test_client()

    def run(secret: str) -> tuple[int, int]:
        headers = {"Authorization": f"Bearer {secret}"}
        return client.post("/jobs/sweep", headers=headers).status_code, len(database.calls)

    assert [run(secret) for secret in ("", "x", ENVIRONMENT["META_APP_SECRET"])] == [(401, 0)] * 3
    assert run(ENVIRONMENT["FLOW_JOB_SECRET"]) == (200, 1)


def test_P29_disconnecting_whatsapp_halts_calls_and_removes_the_token(db: Database, shop: Planted) -> None:
    items = '[{"to": "+919810000077", "template": "welcome", "language": "en"}]'
    value(db, "select worker.send_messages(%(org)s, %(items)s)", org=shop.org_id, items=items)

    value(db, "select worker.disconnect_whatsapp(%(org)s)", org=shop.org_id)

    assert value(db, "select worker.claim_messages(10, 60, 900)")["messages"] == []
    waiting = (
        "select count(*) from public.messages where org_id = %(org)s and status in ('queued', 'sending')"
    )
    assert value(db, waiting, org=shop.org_id) == 0
    assert value(db, "select worker.account_access(%(org)s)", org=shop.org_id) == {"accounts": []}
    assert opened(db, shop, "meta_token") == [None]
    assert db.refusal("select worker.send_messages(%s, %s)", shop.org_id, items).sqlstate == "PT409"


def test_P29_token_is_removed_once_meta_has_been_told_of_the_disconnect(db: Database, shop: Planted) -> None:
    value(db, "select worker.disconnect_whatsapp(%(org)s)", org=shop.org_id)
    assert [kept for _, kept in sealed(db, shop, "meta_token")] == [True], "marked for removal at once"
    claim = value(db, "select worker.claim_cleanups(10, 60, %(org)s)", org=shop.org_id)

    value(
        db,
        "select worker.record_cleanup(%(org)s, %(cleanup)s, %(lease)s,"
        ''' '{"unsubscribe": {"ok": true}, "withdraw": {"ok": true}}')''',
        org=shop.org_id, cleanup=claim["cleanups"][0]["cleanup_id"], lease=claim["lease"],
    )  # fmt: skip

    assert sealed(db, shop, "meta_token") == [(None, True)]


def test_P29_token_of_a_disconnect_that_meta_never_heard_of_is_removed_within_a_day(
    db: Database, shop: Planted
) -> None:
    value(db, "select worker.disconnect_whatsapp(%(org)s)", org=shop.org_id)
    db.execute(
        "update private.meta_cleanups set created_at = now() - interval '25 hours' where org_id = %s",
        [shop.org_id],
    )

    db.execute("select private.clean_up()")

    assert [cipher for cipher, _ in sealed(db, shop, "meta_token") if cipher] == []


def test_P29_disconnecting_indiamart_halts_calls_and_removes_the_key(db: Database, shop: Planted) -> None:
    ids = shop.ids

    value(
        db, "select worker.disconnect_source(%(org)s, %(source)s)", org=shop.org_id, source=ids["source_id"]
    )

    # Even of a call that was given up before, and whose answer comes after all.
    db.execute("update public.sync_runs set outcome = 'lost' where id = %s", [ids["run_id"]])
    late = value(db, """select worker.ingest_leads(%(run)s, '{"outcome": "ok", "complete": true, "leads":
        [{"external_id": "late", "person": {"name": "Late"}}]}')""", run=ids["run_id"])  # fmt: skip
    db.execute("update public.lead_sources set next_allowed_at = null where id = %s", [ids["source_id"]])
    assert value(db, "select worker.claim_syncs(360, 60, org_id => %(org)s)", org=shop.org_id)["syncs"] == []
    assert (late["outcome"], late["inserted"]) == ("disconnected", 0)
    assert sealed(db, shop, "indiamart_key") == [(None, True)]


def opened(db: Database, shop: Planted, kind: str) -> list[Any]:
    found = db.rows(
        "select private.open_credential(org_id, id, 'test') from private.credentials"
        " where org_id = %s and kind = %s",
        shop.org_id,
        kind,
    )
    return [secret for (secret,) in found]


def sealed(db: Database, shop: Planted, kind: str) -> list[tuple[Any, ...]]:
    return db.rows(
        "select cipher, revoked_at is not null from private.credentials where org_id = %s and kind = %s",
        shop.org_id,
        kind,
    )
