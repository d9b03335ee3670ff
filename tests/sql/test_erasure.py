"""One person is erased: nothing of them is left anywhere, nobody else loses a byte, and nothing brings them back."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.business import Business, call
from tests.database import Database
from tests.sql.erasing import (
    MAIL,
    NAME,
    PHONE,
    SECOND,
    Marked,
    let_a_day_pass,
    mark,
)
from tests.sql.merging import owner, refused
from tests.sql.planted import tenant_tables

WORDY = "'text', 'text[]', 'jsonb', 'json', 'bytea', 'tsvector', 'character varying'"


@pytest.fixture
def marked(billed: Business) -> Marked:
    return mark(billed)


# What is left ------------------------------------------------------------------------------------------


def test_nothing_of_an_erased_person_is_left_in_any_column_of_any_table(marked: Marked) -> None:
    before, others = marked.traces(), marked.others()
    assert len(before) >= 30, "the world has lost its traces"

    marked.erase()

    assert marked.traces() == {}
    after = marked.others()
    assert {t: r for t, rows in others.items() if (r := [row for row in rows if row not in after[t]])} == {}


def test_stubs_keep_direction_time_kind_status_and_cost(marked: Marked) -> None:
    db, org_id = marked.db, marked.business.org_id
    kept = (
        "select id, direction, kind, status, at, sent_at, delivered_at, read_at, pricing from public.messages"
        f" where org_id = '{org_id}' and contact_id = '{marked.contact}' order by id"
    )
    books = f"select id, entry, amount, currency, category, message_id, statement_month from public.usage_ledger where org_id = '{org_id}' order by id"
    deals = f"select id, stage_id, value, currency, received_at, won_at, lost_at, source_id from public.leads where contact_id = '{marked.contact}' order by id"
    before = [db.rows(q) for q in (kept, books, deals)]
    assert len(before[0]) == 4
    assert before[1]
    assert len(before[2]) == 2

    marked.erase()

    assert [db.rows(q) for q in (kept, books, deals)] == before
    contact = db.value("select to_jsonb(c) from public.contacts c where id = %s", marked.contact)
    assert contact["name"] == "Erased contact"
    assert contact["erased_at"]
    wamids = {m["wamid"] for m in marked.business.table("public.messages") if m["contact_id"] == str(marked.contact)}  # fmt: skip
    booked = {e["wamid"] for e in marked.business.table("public.usage_ledger")} - {"wamid.NEXTOUT"}
    assert booked
    assert booked < wamids
    assert all(w.startswith("erased.") for w in wamids)
    told = db.row("select actor, details from public.audit_log where org_id = %s and action = 'contact.erased'", org_id)  # fmt: skip
    assert told[0] is None
    assert set(told[1]) == {"rows"}
    assert db.row("select pattern, ids, undo, status from private.erasures where org_id = %s", org_id) == (None, None, None, "erased")  # fmt: skip


def test_batches_of_one_come_to_the_same_end(marked: Marked) -> None:
    assert marked.erase(batch=1) > 30
    assert marked.traces() == {}


def test_every_table_of_organizations_has_a_rule_and_every_column_with_words_a_fate(db: Database) -> None:
    assert {t for (t,) in db.rows("select table_name from private.erasure_rules")} == set(tenant_tables(db))
    undecided = db.rows(
        f"""
        select r.table_name, a.attname from private.erasure_rules r
          join pg_attribute a on a.attrelid = r.table_name::regclass and a.attnum > 0 and not a.attisdropped
         where r.does in ('blank', 'messages', 'with') and format_type(a.atttypid, null) in ({WORDY}) and a.attname <> all (r.keeps)
           and not exists (select from private.erased_columns c where c.table_name = r.table_name and c.column_name = a.attname)
        """
    )
    assert undecided == []
    unknown = db.rows(
        """
        select c.table_name, c.column_name from private.erased_columns c
         where not exists (select from pg_attribute a where a.attrelid = c.table_name::regclass and a.attname = c.column_name)
            or not exists (select from private.erasure_rules r where r.table_name = c.table_name and r.does in ('blank', 'messages', 'with'))
        """
    )
    assert unknown == []


def test_no_table_that_refers_to_people_is_left_alone_by_mistake(db: Database) -> None:
    """What names a contact, lead, conversation or message has a rule, or is known to hold nothing but ids."""
    left_alone = db.rows(
        f"""
        select distinct r.table_name from private.erasure_rules r
          join pg_attribute a on a.attrelid = r.table_name::regclass and a.attname in ('contact_id', 'lead_id', 'conversation_id', 'message_id')
          join pg_attribute w on w.attrelid = a.attrelid and w.attnum > 0 and not w.attisdropped and format_type(w.atttypid, null) in ({WORDY})
         where r.does = 'nothing' order by 1
        """
    )
    # Itself; pull or push; why something must be kept; which kind of push; a portfolio of Meta's.
    assert [name for (name,) in left_alone] == [
        "private.erasures", "private.lead_arrivals", "private.legal_holds", "private.pushes", "private.tier_uses",
    ]  # fmt: skip


# Asking, and taking it back ---------------------------------------------------------------------------


def test_the_preview_counts_by_kind_and_lists_mentions_elsewhere(marked: Marked) -> None:
    db, org_id = marked.db, marked.business.org_id
    db.execute(
        "insert into public.conversation_notes (org_id, conversation_id, author_id, text)"
        " select org_id, id, %s, %s from public.conversations where org_id = %s and contact_id = %s",
        [owner(marked.business).id, f"Sister of {NAME}, ask 098200 11223", org_id, marked.other],
    )

    told = marked.ask("erasure_preview", contact_id=marked.contact)

    mentions = told.pop("mentions")
    assert [(m["kind"], m["text"]) for m in mentions] == [("note", f"Sister of {NAME}, ask 098200 11223")]
    assert told == {
        "messages": 4, "files": 1, "notes": 1, "leads": 2, "activities": told["activities"], "tasks": 1, "waiting": 1,
        "sequences": 0, "broadcasts": 0, "import_rows": 0, "webhooks": 4, "dead_letters": 1, "audit": told["audit"], "merged": 1,
    }  # fmt: skip
    assert told["activities"] >= 2
    assert told["audit"] >= 1


@pytest.mark.parametrize("name", ["erasure_preview", "erase_contact", "cancel_erasure"])
def test_agents_may_not_erase(marked: Marked, member: Callable[..., Any], name: str) -> None:
    agent = member(marked.business.org_id, "agent")

    assert refused(marked.db, agent, name, org_id=marked.business.org_id, contact_id=marked.contact)[0] == "role_too_low"  # fmt: skip


def test_from_the_request_on_nothing_goes_to_them_and_nothing_comes_in_about_them(marked: Marked) -> None:
    business, db = marked.business, marked.db
    (queued,) = business.send(f"+{PHONE}")

    told = marked.ask("erase_contact", contact_id=marked.contact)

    assert told == marked.ask("erase_contact", contact_id=marked.contact), "the second of two who ask"
    assert told["may_cancel"]
    assert business.message(queued)["status"] == "cancelled"
    assert business.claim()["messages"] == []
    assert [s["status"] for s in business.table("public.scheduled_messages")] == ["cancelled"]
    db.as_service()
    item = {"to": f"+{PHONE}", "template": "receipt", "language": "en"}
    assert db.refusal("select worker.send_messages(%s, %s)", business.org_id, json.dumps([item])).detail == "contact_to_be_erased"  # fmt: skip
    db.as_operator()
    assert refused(db, owner(business), "add_lead", org_id=business.org_id, lead={"phone": f"+{SECOND}"})[0] == "suppressed"  # fmt: skip
    merge = {"survivor_id": marked.other, "other_id": marked.contact, "picks": {}}
    assert refused(db, owner(business), "merge_contacts", org_id=business.org_id, **merge)[0] == "contact_to_be_erased"  # fmt: skip


def test_who_takes_it_back_finds_everything_as_it_was(marked: Marked) -> None:
    db, org_id = marked.db, marked.business.org_id
    db.execute("select private.suppress_points(%s, gen_random_uuid(), '{email}', array[%s])", [org_id, MAIL])
    shown = """
        select jsonb_build_array(
          (select to_jsonb(c) - 'updated_at' from public.contacts c where id = %(c)s),
          (select jsonb_agg(to_jsonb(s) order by s.id) from public.scheduled_messages s where org_id = %(o)s),
          (select jsonb_agg(to_jsonb(s) order by s.hash) from private.suppressions s where org_id = %(o)s),
          (select jsonb_agg(to_jsonb(m) order by m.id) from public.contact_merges m where org_id = %(o)s))
    """
    before = db.execute(shown, {"c": marked.contact, "o": org_id}).fetchone()
    marked.ask("erase_contact", contact_id=marked.contact)
    assert db.execute(shown, {"c": marked.contact, "o": org_id}).fetchone() != before

    told = marked.ask("cancel_erasure", contact_id=marked.contact)

    assert told["status"] == "cancelled"
    assert db.execute(shown, {"c": marked.contact, "o": org_id}).fetchone() == before
    assert marked.finish() == 0
    assert refused(db, owner(marked.business), "cancel_erasure", org_id=org_id, contact_id=marked.contact)[0] == "erasure_unknown"  # fmt: skip
    assert marked.ask("erase_contact", contact_id=marked.contact)["status"] == "scheduled", "once more"


def test_it_cannot_be_taken_back_once_it_has_begun_and_nobody_fills_a_stub(marked: Marked) -> None:
    db, org_id, contact = marked.db, marked.business.org_id, marked.contact
    marked.ask("erase_contact", contact_id=contact)
    let_a_day_pass(db, org_id)
    call(db, "erase_step", batch=10)

    who = owner(marked.business)
    assert refused(db, who, "cancel_erasure", org_id=org_id, contact_id=contact)[0] == "contact_erased"
    assert refused(db, who, "erase_contact", org_id=org_id, contact_id=contact)[0] == "contact_erased"
    assert refused(db, who, "erasure_preview", org_id=org_id, contact_id=contact)[0] == "contact_erased"
    assert refused(db, who, "add_contact_point", org_id=org_id, contact_id=contact, kind="phone", value="+919810000077")[0] == "contact_erased"  # fmt: skip
    assert db.refusal("update public.contacts set name = 'Zubeida' where id = %s", contact).detail == "contact_erased"  # fmt: skip
    assert marked.ask("erasure_of", contact_id=contact)["status"] == "erasing"
    assert [e["contact_id"] for e in marked.ask("list_erasures")["items"]] == [str(contact)]
