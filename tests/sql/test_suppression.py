"""Who was erased stays erased, whoever hands their data in again; who comes back by themselves is met as somebody new."""

import json
import re
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from tests.business import Business, call, post, text, webhook
from tests.database import Person
from tests.sql.merging import ASHA, Json, ask, lead, owner, refused

MAIL, USER = "asha@x.in", "IN.4001"


@pytest.fixture
def erased(business: Business) -> UUID:
    """Asha had a number, an address, a user id; then she was erased."""
    db, org_id = business.db, business.org_id
    contact = UUID(lead(db, org_id, name="Asha", phone=f"+{ASHA}", email=MAIL, phones=["+919810000012"]))
    business.hear(text("w1", sender=ASHA, user=USER, at=business.now() - 60))
    assert db.value("select private.suppress_contact(%s, %s)", org_id, contact) == 4
    for table in (
        "messages",
        "conversation_windows",
        "conversations",
        "lead_activities",
        "leads",
        "contacts",
    ):
        db.execute(f"delete from public.{table} where org_id = %s", [org_id])
    return contact


def forget_time(business: Business) -> None:
    """The erasure was an hour ago."""
    business.db.execute("update private.suppressions set suppressed_at = suppressed_at - interval '1 hour'")


def store(business: Business, *people: Json) -> Json:
    source = business.db.value("select private.own_source(%s, 'manual')", business.org_id)
    items = [{"external_id": f"e{n}", "person": p, "raw": p} for n, p in enumerate(people)]
    answer: Json = business.db.value(
        "select private.store_leads(%s, %s, %s)", business.org_id, source, json.dumps(items)
    )
    return answer


def traces(business: Business) -> int:
    """How many rows of any table show something of Asha."""
    words = re.compile(rf"{ASHA}|919810000012|{MAIL}|{re.escape(USER)}")
    names = business.db.rows(
        """
        select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace join pg_attribute a on a.attrelid = c.oid and a.attname = 'org_id'
         where n.nspname in ('public', 'private') and c.relkind in ('r', 'p') and not c.relispartition
        """
    )
    return sum(bool(words.search(json.dumps(row))) for (name,) in names for row in business.table(name))


WAYS = [
    pytest.param({"phone": f"+{ASHA}"}, id="the number"),
    pytest.param({"phone": "+919810000012"}, id="a further number"),
    pytest.param({"email": "ASHA@x.in "}, id="the address"),
    pytest.param({"phone": "+919800000001", "emails": [MAIL]}, id="the address among others"),
    pytest.param({"phone": "+919800000001", "phones": [f"+{ASHA}"]}, id="the number among others"),
]


@pytest.mark.parametrize("person", WAYS)
def test_leads_of_the_erased_are_counted_and_nothing_of_them_is_kept(
    business: Business, erased: UUID, person: Json
) -> None:
    before = traces(business)

    stored = store(
        business, {"phone": "+919800000002"}, {"name": "Asha", **person}, {"phone": "+919800000003"}
    )

    assert (stored["inserted"], stored["known"], stored["suppressed"], stored["errors"]) == (2, 0, 1, [])
    assert len(business.table("public.leads")) == 2
    assert traces(business) == before == 0


def test_each_way_in_refuses_in_its_own_words(business: Business, erased: UUID) -> None:
    db, org_id = business.db, business.org_id

    assert (
        refused(db, owner(business), "add_lead", org_id=org_id, lead={"phone": f"+{ASHA}"})[0] == "suppressed"
    )
    db.as_service()
    said = db.refusal(
        "select worker.send_messages(%s, %s)",
        org_id,
        json.dumps([{"to": f"+{ASHA}", "template": "receipt", "language": "en"}]),
    )
    db.as_operator()
    assert said.detail == "suppressed"
    assert business.table("public.contacts") == []


def test_indiamart_counts_suppressed_leads(business: Business, erased: UUID) -> None:
    db, org_id, token = business.db, business.org_id, "ab" * 32
    call(db, "connect_indiamart", org_id=org_id, key="key-" + org_id.hex)
    db.execute(
        "update public.lead_sources set push_token_sha256 = decode(%s, 'hex') where org_id = %s and kind = 'indiamart'",
        [token, org_id],
    )

    run = call(
        db, "push_leads", token_sha256=token, items=[{"external_id": "9", "person": {"phone": f"+{ASHA}"}}]
    )

    assert [run[k] for k in ("received", "inserted", "known", "suppressed", "errors")] == [1, 0, 0, 1, []]


def test_message_written_after_the_erasure_begins_anew(business: Business, erased: UUID) -> None:
    forget_time(business)

    business.hear(text("w2", "Hello again", sender=ASHA, user=USER, at=business.now()))

    contact = business.contact(ASHA)
    assert (contact["name"], contact["email"], business.message("w2")["contact_id"]) == (
        None,
        None,
        contact["id"],
    )
    assert contact["id"] != str(erased)
    assert store(business, {"name": "Asha", "phone": f"+{ASHA}", "email": MAIL})["suppressed"] == 1
    assert business.contact(ASHA)["name"] is None
    assert ask(business.db, owner(business), "suppression_counts", org_id=business.org_id)["returned"] == 1
    assert business.send(f"+{ASHA}")


LATE: list[Any] = [
    pytest.param(lambda b: b.hear(text("late", sender=ASHA, at=b.now() - 7200)), id="a message that comes late"),
    pytest.param(lambda b: b.hear(text("late", sender=None, user=USER, at=b.now() - 7200)), id="under the user id"),
    pytest.param(lambda b: b.hear(text("late", sender=ASHA, at=b.now() - 7200), text("new", sender="919800000009", at=b.now())), id="with somebody else's"),
]  # fmt: skip


@pytest.mark.parametrize("late", LATE)
def test_what_was_written_before_the_erasure_does_not_come_back(
    business: Business, erased: UUID, late: Callable[[Business], Json]
) -> None:
    forget_time(business)

    answer = late(business)

    assert answer["dead"] == 0
    assert traces(business) == 0
    assert {m["wamid"] for m in business.table("public.messages")} <= {"new"}
    assert business.db.value("select sum(refused) from private.suppressions") == 1


def test_late_preference_and_what_the_phone_sends_leave_no_trace(business: Business, erased: UUID) -> None:
    forget_time(business)
    wish = {
        "wa_id": ASHA,
        "category": "marketing_messages",
        "value": "stop",
        "timestamp": business.now() - 7200,
    }
    echo = {
        "from": "911140000001",
        "to": ASHA,
        "id": "echo",
        "timestamp": str(business.now()),
        "type": "text",
        "text": {"body": "Hi"},
    }
    book = {
        "type": "contact",
        "action": "add",
        "contact": {"full_name": "Asha", "phone_number": ASHA},
        "metadata": {"timestamp": str(business.now())},
    }
    for field, value in (
        ("user_preferences", [wish]),
        ("smb_message_echoes", [echo]),
        ("smb_app_state_sync", [book]),
    ):
        name = {"smb_message_echoes": "message_echoes", "smb_app_state_sync": "state_sync"}.get(field, field)
        change = business.change({name: value}, field=field)
        answer = post(business.db, webhook(change, waba=business.waba))
        assert answer["dead"] == 0, business.db.rows("select reason, detail from private.dead_letters")

    assert business.table("public.contacts") == []
    assert business.table("public.messages") == []


def test_owner_makes_an_exception_for_the_whole_person_and_it_is_audited(
    business: Business, erased: UUID
) -> None:
    db, boss, org_id = business.db, owner(business), business.org_id
    given = {
        "org_id": org_id,
        "kind": "email",
        "value": " Asha@X.in",
        "evidence": "Called on Monday, wants a quotation",
    }

    assert ask(db, boss, "lift_suppression", **given) == {"lifted": 4}

    assert store(business, {"name": "Asha", "phone": f"+{ASHA}"})["inserted"] == 1
    (entry,) = [a for a in business.table("public.audit_log") if a["action"] == "suppression.lifted"]
    assert (entry["object_id"], entry["actor"], MAIL in json.dumps(entry)) == (
        str(erased),
        str(boss.id),
        False,
    )
    assert refused(db, boss, "lift_suppression", **given)[0] == "suppression_unknown"
    counts = ask(db, boss, "suppression_counts", org_id=org_id)
    assert (counts["people"], counts["lifted"]) == (0, 1)


def test_exception_needs_a_reason_and_an_owner(
    business: Business, erased: UUID, member: Callable[..., Person]
) -> None:
    given = {"org_id": business.org_id, "kind": "phone", "value": f"+{ASHA}", "evidence": " "}

    assert refused(business.db, owner(business), "lift_suppression", **given)[0] == "evidence_missing"
    admin = member(business.org_id, "admin")
    business.db.as_person(admin)
    said = business.db.refusal(
        "select public.lift_suppression(%s, 'phone', %s, 'why')", business.org_id, f"+{ASHA}"
    )
    assert said.sqlstate == "PT403"


def test_list_shows_counts_and_no_value(business: Business, erased: UUID) -> None:
    store(business, {"phone": f"+{ASHA}"})

    counts = ask(business.db, owner(business), "suppression_counts", org_id=business.org_id)

    assert {k: counts[k] for k in ("people", "phones", "emails", "user_ids", "refused", "returned", "lifted")} == {
        "people": 1, "phones": 2, "emails": 1, "user_ids": 1, "refused": 1, "returned": 0, "lifted": 0,
    }  # fmt: skip
    assert ASHA not in json.dumps(counts)


def test_nobody_is_recognized_across_organizations(
    business: Business, erased: UUID, org: Callable[..., UUID]
) -> None:
    other = org(name="Other")

    assert lead(business.db, other, phone=f"+{ASHA}")
    business.db.execute(
        "select private.suppress_points(%s, gen_random_uuid(), '{phone}', %s)", [other, [f"+{ASHA}"]]
    )
    assert (
        business.db.value("select count(distinct hash) from private.suppressions where kind = 'phone'") == 3
    )


def test_lost_key_is_told_and_never_made_anew(business: Business, erased: UUID) -> None:
    business.db.execute("delete from vault.secrets where name = 'flow_suppression_key'")

    said = business.db.refusal("select private.is_suppressed(%s, 'phone', %s)", business.org_id, f"+{ASHA}")

    assert (said.sqlstate, said.detail) == ("PT503", "suppression_key_missing")


def test_rows_of_a_file_that_are_of_the_erased_are_errors_in_dry_run_and_run(
    business: Business, erased: UUID
) -> None:
    db, org_id = business.db, business.org_id
    source = db.value(
        "insert into public.lead_sources (org_id, kind, name) values (%s, 'upload', 'f') returning id", org_id
    )
    item = {"person": {"phone": f"+{ASHA}", "name": "Asha"}}
    rows = [
        {"row": 2, "external_id": "a", "row_hash": "h", "item": item},
        {"row": 3, "external_id": "b", "row_hash": "i", "item": {"person": {"phone": "+919800000008"}}},
    ]
    for check in (True, False):
        one = db.value(
            """
            insert into public.lead_imports (org_id, source_id, filename, bytes, sha256, path, status, is_check, next_row, pass, lease, next_at)
            values (%s, %s, 'f.csv', 1, %s, gen_random_uuid()::text, 'running', %s, 2, 1, gen_random_uuid(), now() + interval '1 hour') returning id
            """,
            org_id, source, "0" * 64, check,
        )  # fmt: skip
        lease = db.value("select lease from public.lead_imports where id = %s", one)
        batch = {"number": 1, "from": 2, "to": 3, "items": rows, "blank": 0, "errors": []}
        call(db, "record_import_rows", org_id=org_id, import_id=one, lease=lease, batch=batch)

        assert db.row(
            "select rows_new, rows_known, rows_error from public.lead_imports where id = %s", one
        ) == (1, 0, 1)
        assert db.rows(
            "select row, code, raw from private.lead_import_rows where import_id = %s and outcome = 'error'",
            one,
        ) == [(2, "suppressed", None)]
