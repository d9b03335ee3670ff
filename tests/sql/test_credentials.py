"""What customers entrust to Flow: sealed, bound to its row, counted when opened, gone when revoked."""

from base64 import b64decode
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest

from tests.sql.retaining import retain

TOKEN = "EAAG-planted-token-wxyz"
PUT = "select private.put_credential(%s, %s, %s)"
OPEN = "select private.open_credential(%s, %s, 'test')"
REVOKE = "select private.revoke_credential(%s, %s)"
ROTATE = "select worker.rotate_credentials(200)"


@pytest.fixture
def org_id(org):
    """An organization that entrusts things."""
    return org()


@pytest.fixture
def sealed(db, org_id):
    """A token that the organization entrusted."""
    return db.value(PUT, org_id, "whatsapp_token", TOKEN)


def keys(db):
    return dict(db.rows("select key_id, state from private.credential_keys"))


def actions(db, credential_id):
    return [
        row[0]
        for row in db.rows(
            "select action from public.audit_log where object_id = %s order by id", str(credential_id)
        )
    ]


def field(db, credential_id, name):
    return db.value(f"select {name} from private.credentials where id = %s", credential_id)


# Sealing and opening


def test_what_was_put_is_what_opens(db, org_id, sealed):
    assert db.value(OPEN, org_id, sealed) == TOKEN


@pytest.mark.parametrize("secret", ["x", "clé 🗝 पासवर्ड", 'with\nnewline and "quotes"', "k" * 8192])
def test_any_text_survives(db, org_id, secret):
    assert db.value(OPEN, org_id, db.value(PUT, org_id, "anything", secret)) == secret


@pytest.mark.parametrize("secret", [None, "", "   ", "k" * 8193])
def test_empty_or_endless_secret_is_refused(db, org_id, secret):
    assert db.refusal(PUT, org_id, "anything", secret).detail == "bad_credential"


def test_secret_for_no_organization_is_refused(db):
    assert db.refusal(PUT, uuid4(), "anything", TOKEN).detail == "organization_not_found"


def test_row_and_audit_do_not_contain_the_secret(db, org_id, sealed):
    stored = db.value("select to_jsonb(c)::text from private.credentials c where id = %s", sealed)
    cipher = field(db, sealed, "cipher")
    record = db.value(
        "select string_agg(to_jsonb(a)::text, ' ') from public.audit_log a where org_id = %s", org_id
    )

    assert TOKEN not in stored
    assert TOKEN.encode() not in cipher
    assert TOKEN[-4:] == field(db, sealed, "hint")
    assert TOKEN not in record
    assert TOKEN[-4:] not in record


def test_short_secret_has_no_hint(db, org_id):
    assert field(db, db.value(PUT, org_id, "pin", "123456"), "hint") is None


def test_same_secret_twice_makes_two_ciphertexts(db, org_id, sealed):
    again = db.value(PUT, org_id, "whatsapp_token", TOKEN)

    assert again != sealed
    assert field(db, again, "cipher") != field(db, sealed, "cipher")


def test_cipher_is_aes256_with_the_key_hashed_once(db, sealed):
    cipher = field(db, sealed, "cipher")

    # RFC 4880, 5.3: packet tag 3, version 4, cipher 9 = AES-256, s2k specifier 1 = salted, digest 8 = SHA-256
    assert cipher[0] == 0xC3
    assert list(cipher[2:6]) == [4, 9, 1, 8]


MOVES = [
    pytest.param(
        "org_id = (select private.new_organization('Thief', (select id from auth.users limit 1)))",
        id="tenant",
    ),
    pytest.param("id = gen_random_uuid()", id="row"),
    pytest.param("kind = 'another_kind'", id="kind"),
    pytest.param("cipher = substring(cipher for 20)", id="cut short"),
    pytest.param("cipher = 'nonsense'", id="nonsense"),
    pytest.param(
        "cipher = extensions.pgp_sym_encrypt('no envelope', private.credential_key(key_id))", id="no envelope"
    ),
    pytest.param(
        "cipher = extensions.pgp_sym_encrypt('\"text\"', private.credential_key(key_id))", id="only text"
    ),
]


@pytest.mark.parametrize("move", MOVES)
def test_cipher_that_is_damaged_or_moved_opens_to_nothing(db, org_id, sealed, move):
    where = db.row(f"update private.credentials set {move} where id = %s returning org_id, id", sealed)

    assert db.value(OPEN, *where) is None
    assert field(db, where[1], "broken_at") is not None
    assert actions(db, where[1])[-1] == "credential.broken"


def test_changed_byte_never_makes_another_secret(db, org_id, sealed):
    cipher = field(db, sealed, "cipher")
    opened = {}

    for position in range(len(cipher)):
        changed = cipher[:position] + bytes([cipher[position] ^ 1]) + cipher[position + 1 :]
        db.execute("update private.credentials set cipher = %s where id = %s", [changed, sealed])
        opened[position] = db.value(OPEN, org_id, sealed)

    assert set(opened.values()) <= {None, TOKEN}
    # 14 to 16 only frame the second packet, and are read leniently; what is encrypted starts behind them
    assert [position for position, secret in opened.items() if secret and position not in (14, 15, 16)] == []


def test_broken_credential_opens_again_once_it_is_mended(db, org_id, sealed):
    whole = field(db, sealed, "cipher")
    db.execute("update private.credentials set cipher = 'nonsense' where id = %s", [sealed])
    db.execute(OPEN, [org_id, sealed])
    db.execute(OPEN, [org_id, sealed])
    db.execute("update private.credentials set cipher = %s where id = %s", [whole, sealed])

    assert db.value(OPEN, org_id, sealed) == TOKEN
    assert field(db, sealed, "broken_at") is None
    assert actions(db, sealed) == ["credential.stored", "credential.broken", "credential.mended"]


def test_error_of_a_broken_credential_names_the_key_and_no_data(db, sealed):
    db.execute("update private.credentials set kind = 'another_kind' where id = %s", [sealed])

    refusal = db.refusal(
        "select private.unseal_credential(c) from private.credentials c where id = %s", sealed
    )

    assert (refusal.sqlstate, refusal.detail) == ("PT500", "credential_broken")
    assert f"key {field(db, sealed, 'key_id')} " in refusal.message
    assert TOKEN not in str(refusal)


def test_missing_key_is_an_error_not_an_empty_secret(db, org_id, sealed):
    db.execute("delete from vault.secrets where name like 'flow_key_v%%'")

    for statement, params in ((OPEN, [org_id, sealed]), (PUT, [org_id, "anything", TOKEN])):
        refusal = db.refusal(statement, *params)
        assert (refusal.sqlstate, refusal.detail) == ("PT503", "credential_key_missing")


def test_credential_of_another_organization_does_not_open(db, org, sealed):
    assert db.value(OPEN, org(), sealed) is None


def test_credential_of_a_deleted_organization_does_not_open(db, org_id, sealed):
    db.execute("update public.organizations set deleted_at = now() where id = %s", [org_id])

    assert db.value(OPEN, org_id, sealed) is None


@pytest.mark.parametrize("who", ["as_anon", "as_service"])
@pytest.mark.parametrize("table", ["credentials", "credential_keys", "credential_reads"])
def test_nobody_reads_the_tables(db, table, who):
    assert getattr(db, who)().refusal(f"select 1 from private.{table}").sqlstate == "42501"


@pytest.mark.parametrize("function", ["private.make_credential_key", "worker.rotate_keys"])
def test_keys_are_made_without_any_argument(db, function):
    assert db.value("select pronargs from pg_proc where oid = %s::regproc", function) == 0


# Reading is counted


def test_openings_are_counted_a_minute_and_purpose_at_a_time(db, org_id, sealed):
    for purpose in ("dispatch", "dispatch", "templates", "dispatch"):
        db.execute("select private.open_credential(%s, %s, %s)", [org_id, sealed, purpose])

    counted = db.rows(
        """
        select purpose, sum(reads) from private.credential_reads
         where credential_id = %s group by 1 order by 1
        """,
        sealed,
    )
    assert counted == [("dispatch", 3), ("templates", 1)]


def test_opening_does_not_wait_for_another_opening(db, other, org_id, sealed):
    db.commit()
    assert db.value(OPEN, org_id, sealed) == TOKEN

    other.execute("set local lock_timeout = '200ms'")

    assert other.value(OPEN, org_id, sealed) == TOKEN


# Revoking


def test_revoked_credential_is_blank_and_opens_to_nothing(db, org_id, sealed):
    db.execute(REVOKE, [org_id, sealed])

    assert field(db, sealed, "cipher") is None
    assert db.value(OPEN, org_id, sealed) is None
    assert actions(db, sealed) == ["credential.stored", "credential.revoked"]


def test_revoking_twice_or_what_is_not_there_changes_nothing(db, org_id, sealed):
    db.execute(REVOKE, [org_id, sealed])
    revoked_at = field(db, sealed, "revoked_at")

    for missing in (sealed, uuid4(), None):
        db.execute(REVOKE, [org_id, missing])

    assert field(db, sealed, "revoked_at") == revoked_at
    assert actions(db, sealed).count("credential.revoked") == 1


def test_another_organization_cannot_revoke(db, org, org_id, sealed):
    db.execute(REVOKE, [org(), sealed])

    assert db.value(OPEN, org_id, sealed) == TOKEN


def test_sweep_removes_what_was_revoked_and_keeps_the_rest(db, org_id, sealed):
    kept = db.value(PUT, org_id, "whatsapp_token", TOKEN)
    db.execute(REVOKE, [org_id, sealed])

    assert db.value("select private.sweep_credentials()") >= 1
    assert db.rows("select id from private.credentials where org_id = %s", org_id) == [(kept,)]
    assert db.value("select private.sweep_credentials()") == 0


def test_sweep_clears_what_another_row_still_names(db, org_id, sealed):
    db.execute(
        """
        create table private.holders (
          org_id uuid not null, credential_id uuid not null,
          foreign key (org_id, credential_id) references private.credentials (org_id, id))
        """
    )
    db.execute("insert into private.holders values (%s, %s)", [org_id, sealed])
    db.execute(REVOKE, [org_id, sealed])

    db.execute("select private.sweep_credentials()")

    assert db.row(
        "select hint, cipher, removed_at is not null from private.credentials where id = %s", sealed
    ) == (
        None,
        None,
        True,
    )
    assert db.value("select private.sweep_credentials()") == 0


def test_reads_are_forgotten_after_a_year(db, org_id, sealed):
    db.execute(OPEN, [org_id, sealed])
    db.execute(
        "insert into private.credential_reads values (%s, %s, 'old', now() - interval '366 days')",
        [org_id, sealed],
    )

    retain(db, "access")

    assert db.rows("select purpose from private.credential_reads where credential_id = %s", sealed) == [
        ("test",)
    ]


# Rotation


def test_first_credential_makes_the_first_key(db, sealed):
    assert list(keys(db).values()).count("active") == 1
    key_id = field(db, sealed, "key_id")
    key = db.value(
        "select decrypted_secret from vault.decrypted_secrets where name = %s", f"flow_key_v{key_id}"
    )
    assert len(b64decode(key, validate=True)) == 32


def test_rotation_seals_again_and_the_secret_stays_the_same(db, org_id, sealed):
    old, before = field(db, sealed, "key_id"), field(db, sealed, "cipher")

    new = db.as_service().value("select worker.rotate_keys()")["key_id"]
    answer = db.value(ROTATE)
    db.as_operator()

    assert (answer["key_id"], answer["remaining"]) == (new, 0)
    assert answer["rotated"] >= 1
    assert field(db, sealed, "key_id") == new > old
    assert field(db, sealed, "cipher") != before
    assert db.value(OPEN, org_id, sealed) == TOKEN


def test_rotated_out_key_is_gone_from_vault(db, sealed):
    old = field(db, sealed, "key_id")
    db.execute("select worker.rotate_keys()")
    assert keys(db)[old] == "decrypt_only"

    db.execute(ROTATE)

    assert keys(db)[old] == "retired"
    assert db.rows("select name from vault.secrets where name = %s", f"flow_key_v{old}") == []


def test_rotation_goes_in_batches_and_everything_opens_in_between(db, org_id):
    sealed = [db.value(PUT, org_id, "anything", f"secret {n}") for n in range(5)]
    total = db.value(
        "select count(*) from private.credentials where cipher is not null and broken_at is null"
    )
    db.execute("select worker.rotate_keys()")

    first = db.value("select worker.rotate_credentials(2)")

    assert (first["rotated"], first["remaining"]) == (2, total - 2)
    assert [db.value(OPEN, org_id, one) for one in sealed] == [f"secret {n}" for n in range(5)]
    while db.value("select worker.rotate_credentials(2)")["remaining"]:
        pass
    assert [db.value(OPEN, org_id, one) for one in sealed] == [f"secret {n}" for n in range(5)]


def test_broken_row_is_set_aside_and_keeps_its_key(db, org_id, sealed):
    broken = db.value(PUT, org_id, "anything", "broken")
    db.execute("update private.credentials set cipher = 'nonsense' where id = %s", [broken])
    old = field(db, broken, "key_id")
    db.execute("select worker.rotate_keys()")

    answer = db.value(ROTATE)

    assert (answer["broken"], answer["remaining"]) == (1, 0)
    assert actions(db, broken)[-1] == "credential.broken"
    assert db.value(OPEN, org_id, sealed) == TOKEN
    assert keys(db)[old] == "decrypt_only"
    db.execute(REVOKE, [org_id, broken])
    db.execute("select private.sweep_credentials()")
    assert keys(db)[old] == "retired"


def test_two_rotations_in_a_row_without_resealing_lose_nothing(db, org_id, sealed):
    db.execute("select worker.rotate_keys(), worker.rotate_keys()")
    late = db.value(PUT, org_id, "anything", "late")

    db.execute(ROTATE)

    assert db.value(OPEN, org_id, sealed) == TOKEN
    assert db.value(OPEN, org_id, late) == "late"
    assert set(keys(db).values()) <= {"active", "retired"}


def test_rotation_passes_by_rows_that_another_transaction_holds(db, other, org_id, sealed):
    db.execute("select worker.rotate_keys()")
    db.commit()
    db.execute("update private.credentials set updated_at = now() where id = %s", [sealed])

    other.execute("set local lock_timeout = '2s'")
    answer = other.value(ROTATE)
    other.commit()
    db.commit()

    assert answer["remaining"] == 1
    assert db.value(ROTATE)["remaining"] == 0
    assert db.value(OPEN, org_id, sealed) == TOKEN
    db.commit()


def test_key_is_not_retired_under_a_credential_that_is_just_being_sealed(db, other, org_id, sealed):
    db.commit()
    late = db.value(PUT, org_id, "anything", "late")  # sealed with the old key, not yet committed

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(other.value, "select worker.rotate_keys()")
        with pytest.raises(TimeoutError):
            waiting.result(timeout=0.3)
        db.commit()
        waiting.result(timeout=10)
    other.value(ROTATE)
    other.commit()

    assert db.value(OPEN, org_id, late) == "late"
    db.commit()


def test_credential_put_while_a_new_key_is_being_made_uses_the_new_one(db, other, org_id, sealed):
    db.commit()
    new = db.value("select worker.rotate_keys()")["key_id"]

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(other.value, PUT, org_id, "anything", "late")
        with pytest.raises(TimeoutError):
            waiting.result(timeout=0.3)
        db.commit()
        late = waiting.result(timeout=10)
    other.commit()

    assert field(db, late, "key_id") == new
    assert db.value(OPEN, org_id, late) == "late"
    db.commit()


def test_two_first_credentials_at_once_share_one_key(db, other, org_id):
    db.execute("update private.credential_keys set state = 'decrypt_only' where state = 'active'")
    db.commit()
    first = db.value(PUT, org_id, "anything", "first")

    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(other.value, PUT, org_id, "anything", "second")
        with pytest.raises(TimeoutError):
            waiting.result(timeout=0.3)
        db.commit()
        second = waiting.result(timeout=10)
    other.commit()

    assert field(db, first, "key_id") == field(db, second, "key_id")
    db.commit()


def test_key_that_is_retired_between_the_row_and_its_opening_costs_nothing(lasting, connect):
    """The reader has seen the row as it was; by the time it asks for the key, a rotation has taken it away."""
    business, reader, rotator = lasting(), connect(), connect()
    credential = reader.value(
        "select credential_id from public.whatsapp_accounts where org_id = %s", business.org_id
    )
    slow = reader.value("select pg_get_functiondef('private.credential_key'::regproc)")
    slow = slow.replace("begin\n", "begin\n  perform pg_advisory_lock(770077);\n", 1)
    rotator.execute("select pg_advisory_lock(770077)")
    with ThreadPoolExecutor(1) as pool, reader.transaction(force_rollback=True):
        reader.execute(slow.replace(" STABLE ", " VOLATILE "))
        opened = pool.submit(reader.value, OPEN, business.org_id, credential)
        waiting = (
            "select count(*) from pg_locks where locktype = 'advisory' and not granted and objid = 770077"
        )
        while not rotator.value(waiting):
            pass
        rotator.execute("select worker.rotate_keys()")
        while rotator.value(ROTATE)["remaining"]:
            pass
        rotator.execute("select pg_advisory_unlock(770077)")

        assert opened.result(20) == "EAAtoken"
