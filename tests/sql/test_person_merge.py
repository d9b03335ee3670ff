"""A member makes two contacts one: everything moves, and nothing that refers to them is forgotten."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from tests.business import Business
from tests.database import Database, Person
from tests.sql.merging import ASHA, ASHA_2, ask, lead, merge, owner, people, refused, undo
from tests.sql.planted import plant


@pytest.fixture
def asha(business: Business) -> tuple[str, str]:
    """One person as two contacts (merging.people)."""
    return people(business)


def test_preview_says_what_the_merge_then_does(business: Business, asha: tuple[str, str]) -> None:
    one, other = asha
    given = {"org_id": business.org_id, "survivor_id": one, "other_id": other, "picks": {"name": "other"}}

    seen = ask(business.db, owner(business), "preview_merge", **given)
    done = merge(business, one, other, name="other")

    assert seen["moves"] == done["moved"]
    assert {k: seen["moves"][k] for k in ("leads", "messages", "conversations", "conversation_notes", "conversation_labels")} == {
        "leads": 1, "messages": 2, "conversations": 1, "conversation_notes": 1, "conversation_labels": 1,
    }  # fmt: skip
    assert (seen["conversations_united"], seen["opted_out"]) == (1, False)
    (left,) = business.table("public.contacts")
    assert {k: left[k] for k in seen["fields"]} == {k: v["kept"] for k, v in seen["fields"].items()}
    assert (left["name"], left["phone"], left["company"]) == ("A. Verma", f"+{ASHA}", "Verma & Co")


def test_all_is_united_in_the_survivor(business: Business, asha: tuple[str, str]) -> None:
    one, other = asha

    merge(business, one, other)

    (thread,) = business.table("public.conversations")
    assert {m["conversation_id"] for m in business.table("public.messages")} == {thread["id"]}
    assert (thread["contact_id"], thread["unread_count"], len(business.table("private.send_lanes"))) == (
        one,
        2,
        1,
    )
    assert {p["value"] for p in business.table("public.contact_points")} == {
        f"+{ASHA}", f"+{ASHA_2}", "+919810000013", "asha@x.in", "verma@x.in",
    }  # fmt: skip
    assert [m["text"] for m in business.table("public.messages", "id") if m["status"] == "queued"] == [
        "Answer 0",
        "Answer 1",
    ]
    assert lead(business.db, business.org_id, phone="+919810000013") == one
    kinds = [a["kind"] for a in business.table("public.lead_activities")]
    assert kinds.count("contact_merged") == 2
    assert "contact.merged" in [a["action"] for a in business.table("public.audit_log")]


def test_every_foreign_key_to_a_contact_is_followed_and_taken_back(
    db: Database, org: Callable[..., UUID], person: Callable[..., Person], member: Callable[..., Person]
) -> None:
    """From the catalogue: with something planted in every table, and a table that nobody has heard of, nothing refers to who went."""
    boss = person("owner")
    org_id = org(boss)
    agent = member(org_id)
    planted = plant(db, org_id, agent.id, 77)
    db.execute(
        """
        create table public.loyalty_cards (org_id uuid not null, id int not null, contact_id uuid not null, shelf text not null, primary key (org_id, id),
          unique (org_id, contact_id, shelf), foreign key (org_id, contact_id) references public.contacts (org_id, id) on delete cascade)
        """
    )
    gone = planted.ids["contact_id"]
    kept = db.value("insert into public.contacts (org_id, name) values (%s, 'Kept') returning id", org_id)
    db.execute(
        "insert into public.loyalty_cards values (%(o)s, 1, %(g)s, 'a'), (%(o)s, 2, %(g)s, 'b'), (%(o)s, 3, %(k)s, 'b')",
        {"o": org_id, "g": gone, "k": kept},
    )
    keys = db.rows(
        """
        select k.conrelid::regclass::text, a.attname from pg_constraint k
         cross join lateral unnest(k.conkey, k.confkey) u (here, there)
          join pg_attribute f on (f.attrelid, f.attnum) = (k.confrelid, u.there) and f.attname = 'id'
          join pg_attribute a on (a.attrelid, a.attnum) = (k.conrelid, u.here)
         where k.contype = 'f' and k.confrelid = 'public.contacts'::regclass
        """
    )

    def held(contact: object) -> dict[str, int]:
        return {
            f"{t}.{c}": db.value(f"select count(*) from {t} where org_id = %s and {c} = %s", org_id, contact)
            for t, c in keys
        }

    before, derived = (
        held(gone),
        ("private.duplicate_", "likely_duplicates", "contact_points", "loyalty_cards"),
    )
    assert [k for k, n in before.items() if n == 0 and not k.startswith(derived)] == [], (
        "plant a row in planted.py"
    )

    merged = ask(db, boss, "merge_contacts", org_id=org_id, survivor_id=kept, other_id=gone)
    moved = held(kept)
    assert db.value("select count(*) from public.contacts where id = %s", gone) == 0
    assert {k: n for k, n in before.items() if not k.startswith(derived) and moved[k] < n} == {}
    assert db.rows("select id, shelf from public.loyalty_cards where contact_id = %s order by id", kept) == [
        (1, "a"),
        (3, "b"),
    ]

    ask(db, boss, "undo_merge", org_id=org_id, merge_id=merged["merge_id"])
    assert {k: n for k, n in held(gone).items() if not k.startswith(derived[:2]) and n != before[k]} == {}
    assert db.rows("select id, shelf from public.loyalty_cards where contact_id = %s order by id", gone) == [
        (1, "a"),
        (2, "b"),
    ]


OPT_OUTS = [
    pytest.param(("opt_out", None), id="the survivor"),
    pytest.param((None, "opt_out"), id="the other"),
    pytest.param(("opt_out", "opt_in"), id="the survivor, before the other agreed"),
    pytest.param(("opt_in", "opt_out"), id="the other, and the survivor had agreed"),
]


@pytest.mark.parametrize("decisions", OPT_OUTS)
def test_opt_out_of_either_stays_one_and_undo_gives_each_their_own(
    business: Business, asha: tuple[str, str], decisions: tuple[str | None, ...]
) -> None:
    db, org_id = business.db, business.org_id
    for n, (who, decision) in enumerate(zip(asha, decisions, strict=True)):
        if decision:
            db.execute(
                "select private.record_consent(%s, %s, now() - make_interval(hours => %s), %s, 'person', '{}', %s)",
                [org_id, who, 5 if decision == "opt_out" else 1, decision, f"t{n}"],
            )
    before = [db.value("select opted_out_at from public.contacts where id = %s", who) for who in asha]

    merged = merge(business, *asha)
    assert db.value("select opted_out_at is not null from public.contacts where id = %s", asha[0])

    undo(business, merged)
    assert [db.value("select opted_out_at from public.contacts where id = %s", who) for who in asha] == before


WRONG: list[Any] = [
    pytest.param(lambda a: {"survivor_id": a[0], "other_id": a[0]}, "same_contact", id="one and the same"),
    pytest.param(lambda a: {"survivor_id": a[0], "other_id": UUID(int=1)}, "contact_unknown", id="nobody"),
    pytest.param(
        lambda a: {"survivor_id": a[0], "other_id": a[1], "picks": {"org_id": "other"}},
        "picks_invalid",
        id="no such field",
    ),
    pytest.param(
        lambda a: {"survivor_id": a[0], "other_id": a[1], "picks": {"name": "both"}},
        "picks_invalid",
        id="no such side",
    ),
]


@pytest.mark.parametrize(("args", "slug"), WRONG)
def test_wrong_merge_is_refused(business: Business, asha: tuple[str, str], args: Any, slug: str) -> None:
    given = {"org_id": business.org_id, **args(asha)}

    assert refused(business.db, owner(business), "merge_contacts", **given)[0] == slug
    assert refused(business.db, owner(business), "preview_merge", **given)[0] == slug
