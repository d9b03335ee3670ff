"""P24: a secret is opened for the work that needs it, and each opening leaves a row that owners see."""

from collections.abc import Callable
from itertools import count
from typing import Any
from uuid import UUID

import pytest

from tests.database import Database, Person
from tests.sql.planted import Planted, plant

NUMBERS = count(29_001)
OPENING = r"unseal_credential\(|pgp_sym_decrypt"


@pytest.fixture
def owner(person: Callable[..., Person]) -> Person:
    return person("Asha")


@pytest.fixture
def shop(db: Database, org: Callable[..., UUID], owner: Person) -> Planted:
    """A connected organization whose tokens nobody has used yet."""
    planted = plant(db, org(owner), owner.id, next(NUMBERS))
    db.execute("delete from private.credential_reads where org_id = %s", [planted.org_id])
    return planted


def told(db: Database, owner: Person, shop: Planted) -> list[dict[str, Any]]:
    """What the owner is shown."""
    db.as_person(owner)
    items: list[dict[str, Any]] = db.value("select public.list_credential_reads(%s)", shop.org_id)["items"]
    db.as_operator()
    return items


def test_P24_each_opening_leaves_a_row_that_says_what_for_which_number_and_when(
    db: Database, shop: Planted, owner: Person
) -> None:
    token = db.value(
        "select private.open_credential(org_id, credential_id, 'dispatch') from public.whatsapp_accounts"
        " where org_id = %s",
        shop.org_id,
    )
    db.value(
        "select private.open_credential(org_id, credential_id, 'indiamart') from public.lead_sources"
        " where id = %s",
        shop.ids["source_id"],
    )

    reads = {one["purpose"]: one for one in told(db, owner, shop)}

    assert token
    assert {(one["kind"], one["label"], one["reads"]) for one in reads.values()} == {
        ("meta_token", "+91 11400 00001", 1), ("indiamart_key", "IndiaMART", 1)}  # fmt: skip
    assert all(
        db.value("select now() - %s::timestamptz < interval '2 minutes'", one["at"]) for one in reads.values()
    )
    assert token not in str(reads)


def test_P24_nothing_opens_a_secret_without_counting_it(db: Database) -> None:
    """Whatever function decrypts, notes it: one that is added without noting is found here."""
    opening = db.rows(
        "select p.oid::regprocedure::text, p.prosrc"
        "  from pg_proc p join pg_namespace n on n.oid = p.pronamespace"
        " where n.nspname in ('public', 'private', 'worker') and p.prosrc ~ %s",
        OPENING,
    )

    unnoted = {name.split("(")[0] for name, body in opening if "note_credential_read(" not in body}

    assert len(opening) >= 4
    # The first is called by functions that note it; the second, in a restore, tells a number only.
    assert unnoted == {"private.unseal_credential", "private.broken_credentials"}


def test_P24_sealing_anew_with_another_key_is_an_opening_too(
    db: Database, shop: Planted, owner: Person
) -> None:
    db.execute("select worker.rotate_keys()")
    while db.value("select worker.rotate_credentials()")["remaining"]:
        pass

    assert {one["purpose"] for one in told(db, owner, shop)} == {"rotation"}
    summary = db.as_person(owner).value("select public.credential_summary(%s)", shop.org_id)
    in_use = [one for one in summary["credentials"] if one["revoked_at"] is None]
    assert {one["key_id"] for one in in_use} == {summary["key"]["key_id"]}
    assert all(one["last_used_at"] for one in in_use)


def test_P24_owners_see_their_own_only_and_others_see_none(
    db: Database,
    shop: Planted,
    owner: Person,
    member: Callable[..., Person],
    org: Callable[..., UUID],
    person: Callable[..., Person],
) -> None:
    vikram = person("Vikram")
    other = plant(db, org(vikram, name="Neighbours"), vikram.id, next(NUMBERS))
    asked = "select public.list_credential_reads(%s)"
    db.as_person(member(shop.org_id, "admin"))
    assert db.refusal(asked, shop.org_id).detail == "role_too_low"
    assert db.refusal("select public.credential_summary(%s)", shop.org_id).detail == "role_too_low"
    db.as_person(owner)
    assert db.refusal(asked, other.org_id).sqlstate == "PT404"


def test_P24_reads_come_page_by_page_each_once(db: Database, shop: Planted, owner: Person) -> None:
    db.execute(
        """
        insert into private.credential_reads (org_id, credential_id, purpose, at)
        select org_id, credential_id, p, date_trunc('minute', now()) - n * interval '1 minute'
          from public.whatsapp_accounts, generate_series(1, 5) n, unnest(array['dispatch', 'media']) p
         where org_id = %s
        """,
        [shop.org_id],
    )
    db.as_person(owner)
    seen: list[tuple[str, str]] = []
    before: dict[str, str] = {"before_at": "", "before_key": ""}
    while before:
        page = db.value(
            "select public.list_credential_reads(%s, null, nullif(%s, '')::timestamptz, nullif(%s, ''), 3)",
            shop.org_id, before["before_at"], before["before_key"],
        )  # fmt: skip
        seen += [(one["at"], one["purpose"]) for one in page["items"]]
        before = page["next"]

    assert len(seen) == len(set(seen)) == 10
    assert [at for at, _ in seen] == sorted((at for at, _ in seen), reverse=True)


def test_the_consent_ledger_is_read_page_by_page_by_members_alone_and_nobody_changes_it(
    db: Database, shop: Planted, owner: Person, member: Callable[..., Person], person: Callable[..., Person]
) -> None:
    contact = shop.ids["contact_id"]
    for n in range(4):
        db.execute(
            "select private.record_consent(%s, %s, now(), %s, 'person', '{}', %s)",
            [shop.org_id, contact, ("opt_in", "opt_out")[n % 2], f"test:{n}:{shop.org_id}"],
        )
    asked = "select public.list_consent_events(%s, %s, %s, %s, 2)"
    db.as_person(member(shop.org_id))
    first = db.value(asked, shop.org_id, None, None, None)
    second = db.value(asked, shop.org_id, None, None, first["next"]["before_id"])
    stops = db.value(asked, shop.org_id, contact, "opt_out", None)

    ids = [one["id"] for one in first["items"] + second["items"]]
    assert ids == sorted(set(ids), reverse=True)
    assert len(ids) == 4
    assert {one["decision"] for one in stops["items"]} == {"opt_out"}
    assert first["items"][0]["phone"]
    for change in ("update public.consent_events set decision = 'opt_in' where org_id = %s",
                   "delete from public.consent_events where org_id = %s"):  # fmt: skip
        assert db.refusal(change, shop.org_id).sqlstate == "42501"
        with db.operating():
            assert db.refusal(change, shop.org_id).detail == "append_only"
    db.as_person(person("stranger"))
    assert db.refusal(asked, shop.org_id, None, None, None).sqlstate == "PT404"
