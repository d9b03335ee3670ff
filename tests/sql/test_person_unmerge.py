"""A merge is taken back: what it moved returns precisely, what came since stays, and what cannot be says why."""

from collections.abc import Callable

import pytest

from tests.business import Business, call, text
from tests.sql.merging import ASHA, ASHA_2, ask, everything, lead, merge, owner, people, refused, undo
from tests.sql.retaining import retain


@pytest.fixture
def asha(business: Business) -> tuple[str, str]:
    """One person as two contacts (merging.people)."""
    return people(business)


def test_undo_restores_every_row_of_every_table(business: Business, asha: tuple[str, str]) -> None:
    one, other = asha
    before = everything(business)

    merged = merge(business, one, other)
    assert everything(business) != before
    answer = undo(business, merged)

    after = everything(business)
    assert {
        t: (before[t], after[t]) for t in before if before[t] != after[t] and t != "private.send_lanes"
    } == {}
    assert (answer["contact_id"], answer["survivor_id"]) == (other, one)
    assert undo(business, merged)["undone_at"] == answer["undone_at"]
    assert business.table("private.contact_merge_changes") == []
    assert len(business.claim()["messages"]) == 2


def test_what_arrived_since_stays_and_what_was_changed_since_keeps_the_change(
    business: Business, asha: tuple[str, str]
) -> None:
    one, other = asha
    db, org_id = business.db, business.org_id
    merged = merge(business, one, other, name="other")
    business.hear(text("new", "Later", at=business.now(), sender=ASHA_2))
    db.execute("update public.contacts set company = 'Renamed', name = 'Asha V.' where id = %s", [one])
    db.execute("update public.leads set created_at = created_at + interval '1 hour'")
    later = call(db, "add_lead", org_id=org_id, lead={"phone": f"+{ASHA_2}", "message": "Again"})
    db.execute(
        "update public.leads set created_at = now() + interval '1 hour' where id = %s", [later["lead_id"]]
    )

    answer = undo(business, merged)

    assert business.message("new")["contact_id"] == one
    assert db.row("select name, company from public.contacts where id = %s", one) == ("Asha V.", "Renamed")
    assert db.row("select name, company from public.contacts where id = %s", other) == (
        "A. Verma",
        "Verma & Co",
    )
    assert db.value("select contact_id::text from public.leads where id = %s", later["lead_id"]) == other
    assert answer["late_leads"] == 1
    business.hear(text("next", at=business.now(), sender=ASHA_2))
    assert business.message("next")["contact_id"] == other


def test_stop_that_came_while_they_were_one_counts_for_both(
    business: Business, asha: tuple[str, str]
) -> None:
    merged = merge(business, *asha)
    business.hear(text("stop", "STOP", at=business.now() + 5, sender=ASHA_2))

    undo(business, merged)

    assert [c["opted_out_at"] is not None for c in business.table("public.contacts")] == [True, True]


def test_merges_are_undone_in_reverse_order(business: Business, asha: tuple[str, str]) -> None:
    one, other = asha
    third = lead(business.db, business.org_id, name="Third", phone="+919810000044")
    before = everything(business)
    first = merge(business, one, other)
    business.db.execute("update public.contact_merges set merged_at = merged_at - interval '1 minute'")
    second = merge(business, third, one)

    assert (
        refused(
            business.db, owner(business), "undo_merge", org_id=business.org_id, merge_id=first["merge_id"]
        )[0]
        == "merge_undo_order"
    )
    undo(business, second)
    undo(business, first)

    after = everything(business)
    assert {t for t in before if before[t] != after[t]} <= {"private.send_lanes"}


def aged(business: Business, one: str, other: str) -> None:
    business.db.execute("update public.contact_merges set merged_at = now() - interval '31 days'")


def proven(business: Business, one: str, other: str) -> None:
    business.hear(text("a", sender=None, user="IN.500"))
    business.hear(text("b", sender=ASHA, user="IN.500"))


def taken(business: Business, one: str, other: str) -> None:
    ask(
        business.db,
        owner(business),
        "remove_contact_point",
        org_id=business.org_id,
        contact_id=one,
        kind="phone",
        value="+919810000013",
    )
    lead(business.db, business.org_id, phone="+919810000013")


def erased(business: Business, one: str, other: str) -> None:
    business.db.execute("select private.suppress_contact(%s, %s)", [business.org_id, one])


def suppressed(business: Business, one: str, other: str) -> None:
    business.db.execute(
        "select private.suppress_points(%s, %s, '{email}', '{verma@x.in}')", [business.org_id, other]
    )


def sending(business: Business, one: str, other: str) -> None:
    assert business.claim()["messages"]


IMPOSSIBLE = [
    pytest.param(aged, "merge_too_old", id="after 30 days"),
    pytest.param(proven, "merge_closed", id="WhatsApp has proven more since"),
    pytest.param(taken, "point_taken", id="a number is another's by now"),
    pytest.param(erased, "merge_closed", id="the person was erased"),
    pytest.param(suppressed, "suppressed", id="who would come back is suppressed"),
    pytest.param(sending, "message_under_way", id="a message is on its way"),
]


@pytest.mark.parametrize(("since", "slug"), IMPOSSIBLE)
def test_undo_that_is_impossible_says_why_and_changes_nothing(
    business: Business, asha: tuple[str, str], since: Callable[[Business, str, str], None], slug: str
) -> None:
    merged = merge(business, *asha)
    since(business, *asha)
    before = everything(business)

    assert (
        refused(
            business.db, owner(business), "undo_merge", org_id=business.org_id, merge_id=merged["merge_id"]
        )[0]
        == slug
    )
    assert everything(business) == before


def test_member_sees_who_was_merged_and_why_it_cannot_be_undone(
    business: Business, asha: tuple[str, str]
) -> None:
    merged = merge(business, *asha)

    (seen,) = ask(business.db, owner(business), "list_merges", org_id=business.org_id, contact_id=asha[0])[
        "items"
    ]
    assert (seen["merge_id"], seen["name"], seen["obstacle"]) == (merged["merge_id"], "A. Verma", None)

    aged(business, *asha)
    retain(business.db, "undo")
    (seen,) = ask(business.db, owner(business), "list_merges", org_id=business.org_id, contact_id=asha[0])[
        "items"
    ]
    assert (seen["name"], seen["obstacle"]) == (None, "merge_too_old")


def test_broadcast_goes_on_for_each_after_an_undo(business: Business, asha: tuple[str, str]) -> None:
    """Both were recipients: what the other's row had come to comes back, and nothing is sent twice."""
    db, org_id = business.db, business.org_id
    broadcast = db.value(
        """
        insert into public.broadcasts (org_id, name, number_id, template_name, language, mapping, filter, category, state, starts_at, ended_at, total)
        values (%s, 'B', %s, 'receipt', 'en', '[]', '{}', 'UTILITY', 'done', now(), now(), 2) returning id
        """,
        org_id, business.number_id,
    )  # fmt: skip
    for who, outcome in zip(asha, ("waiting", "read"), strict=True):
        db.execute(
            "insert into public.broadcast_recipients (org_id, broadcast_id, contact_id, outcome) values (%s, %s, %s, %s)",
            [org_id, broadcast, who, outcome],
        )
    merged = merge(business, *asha)
    (left,) = business.table("public.broadcast_recipients")
    assert (left["contact_id"], left["outcome"]) == (asha[0], "read")

    undo(business, merged)

    rows = {
        r["contact_id"]: (r["outcome"], r["reason"]) for r in business.table("public.broadcast_recipients")
    }
    assert rows == {asha[0]: ("skipped", "duplicate"), asha[1]: ("read", None)}
    assert db.value("select total from public.broadcasts where id = %s", broadcast) == 2
