"""How long leads wait: enquiry, greeting delivered, first reply of a person; one result in whatever order it becomes known."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from tests.business import Business, status, text
from tests.database import Person
from tests.sql.desk import Desk, Json

BUYER = "+919810000011"


@pytest.fixture
def shop(business: Business, member: Callable[..., Person]) -> Desk:
    """A business with a number, whose owner answers."""
    desk = Desk(business.db, business.org_id, member(business.org_id, "owner"), member)
    business.db.execute("update public.memberships set created_at = '2020-01-01'")
    return desk


def clock(desk: Desk, lead: str) -> Json:
    """The clock of a lead: whole seconds from the enquiry to each instant."""
    found: Json = desk.ask("lead_clock", lead_id=lead)
    return found


def ago(business: Business, seconds: int) -> str:
    """An instant that long ago."""
    return str(business.db.value("select date_trunc('second', now()) - make_interval(secs => %s)", seconds))


def write(
    business: Business, desk: Desk, *, after: int, lead: str, who: Person | None = None, accept: bool = True
) -> int:
    """A person answers the lead's buyer so long after the enquiry; Meta takes it, unless told otherwise."""
    if not business.table("public.conversations"):
        business.hear(text("wamid.in", at=business.now() - 5))
    thread = business.db.value(
        "select id from public.conversations where org_id = %s limit 1", business.org_id
    )
    sent = desk.ask("send_text", who, conversation_id=thread, body="Hello")
    message = int(sent["message_id"])
    business.db.execute(
        "update public.messages set at = (select received_at from public.leads where id = %s) + make_interval(secs => %s) where id = %s",
        [lead, after, message],
    )
    if accept:
        business.record(business.claim())
        business.let_pass(60)
    return message


def test_clock_runs_until_a_person_writes(business: Business, shop: Desk) -> None:
    lead = shop.lead(phone=BUYER, received_at=ago(business, 3600))
    before = clock(shop, lead)

    write(business, shop, after=90, lead=lead)

    after = clock(shop, lead)
    assert (before["is_running"], before["reply_seconds"], before["working_seconds"]) == (True, None, 3600)
    assert (after["is_running"], after["reply_seconds"], after["working_seconds"]) == (False, 90, 90)
    assert after["replied_by"] == str(shop.owner.id)


def test_message_that_meta_has_not_taken_is_no_reply(business: Business, shop: Desk) -> None:
    lead = shop.lead(phone=BUYER, received_at=ago(business, 3600))
    write(business, shop, after=90, lead=lead, accept=False)

    waiting = clock(shop, lead)["is_running"]
    business.record(business.claim(), outcome="error", http_status=400, code=131026)

    assert (waiting, clock(shop, lead)["is_running"]) == (True, True)


def test_reply_that_failed_afterwards_gives_way_to_the_next_one_and_back(
    business: Business, shop: Desk
) -> None:
    lead = shop.lead(phone=BUYER, received_at=ago(business, 3600))
    first = write(business, shop, after=90, lead=lead)
    write(business, shop, after=300, lead=lead)
    seconds = [clock(shop, lead)["reply_seconds"]]

    business.told(status(f"wamid.{first}", "failed", business.now(), 131026))
    seconds.append(clock(shop, lead)["reply_seconds"])
    # It was delivered after all: the word of Meta that counts more, however late it comes.
    business.told(status(f"wamid.{first}", "delivered", business.now() - 60))
    seconds.append(clock(shop, lead)["reply_seconds"])

    assert seconds == [90, 300, 90]


def test_earlier_reply_that_becomes_known_later_counts(business: Business, shop: Desk) -> None:
    lead = shop.lead(phone=BUYER, received_at=ago(business, 3600))
    write(business, shop, after=600, lead=lead)

    write(business, shop, after=60, lead=lead)

    assert clock(shop, lead)["reply_seconds"] == 60


def test_enquiry_that_comes_late_was_answered_already(business: Business, shop: Desk) -> None:
    first = shop.lead(phone=BUYER, received_at=ago(business, 3600))
    write(business, shop, after=600, lead=first)

    late = shop.lead(phone=BUYER, received_at=ago(business, 3300))
    new = shop.lead(phone=BUYER, received_at=ago(business, 1))

    assert [clock(shop, lead)["reply_seconds"] for lead in (late, new)] == [300, None]


def test_what_flow_sends_by_itself_is_no_reply_of_a_person(business: Business, shop: Desk) -> None:
    lead = shop.lead(phone=BUYER, received_at=ago(business, 3600))

    message = business.sent(BUYER)
    for origin in ("greeting", "broadcast", "sequence", "confirmation", "operator"):
        business.db.execute(
            "update public.messages set origin = %s, wamid = null where id = %s", [origin, message]
        )
        business.db.execute("update public.messages set wamid = 'wamid.auto' where id = %s", [message])

    assert clock(shop, lead)["is_running"]


def test_imported_history_is_no_reply_and_the_phone_is_one(business: Business, shop: Desk) -> None:
    lead = shop.lead(phone=BUYER, received_at=ago(business, 3600))
    thread = business.db.value(
        "select private.open_conversation(%s, %s, (select contact_id from public.leads where id = %s))",
        business.org_id, business.number_id, lead,
    )  # fmt: skip
    for wamid, imported, after in (("wamid.old", "now()", 10), ("wamid.new", "null", 50)):
        business.db.execute(
            f"""
            insert into public.messages (org_id, conversation_id, contact_id, direction, kind, body, status, origin, wamid, at, imported_at)
            select org_id, %s, contact_id, 'outbound', 'text', '{{}}', 'sent', 'phone', %s, received_at + make_interval(secs => %s), {imported}
              from public.leads where id = %s
            """,
            [thread, wamid, after, lead],
        )

    assert (clock(shop, lead)["reply_seconds"], clock(shop, lead)["replied_by"]) == (50, None)


@pytest.mark.parametrize("order", list(itertools.permutations(("sent", "delivered", "read"))), ids="-".join)
def test_greeting_is_delivered_when_meta_says_in_whatever_order(
    business: Business, shop: Desk, order: tuple[str, ...]
) -> None:
    business.db.execute(
        'select worker.set_greeting(%s, \'{"template": "receipt", "language": "en"}\')', [business.org_id]
    )
    received = ago(business, 600)
    lead = shop.lead(phone=BUYER, phone_kind="mobile", received_at=received, greet=True)
    began = int(business.db.value("select extract(epoch from %s::timestamptz)::bigint", received))
    business.record(business.claim())
    (wamid,) = [m["wamid"] for m in business.table("public.messages") if m["origin"] == "greeting"]
    told = {"sent": 2, "delivered": 4, "read": 9}

    for word in order * 2:
        business.told(status(wamid, word, began + told[word]))

    assert clock(shop, lead)["greeting_seconds"] == 4
    assert clock(shop, lead)["is_running"]


def test_lead_of_another_contact_that_turns_out_the_same_person_was_answered_there(
    business: Business, shop: Desk
) -> None:
    answered = shop.lead(phone=BUYER, received_at=ago(business, 3600))
    other = shop.lead("Asha by mail", email="asha@example.test", received_at=ago(business, 3500))
    write(business, shop, after=600, lead=answered)
    before = clock(shop, other)["reply_seconds"]
    pair = [
        business.db.value("select contact_id from public.leads where id = %s", lead)
        for lead in (answered, other)
    ]

    business.db.execute("select private.merge_contacts(%s, %s, %s)", [business.org_id, *pair])

    assert (before, clock(shop, other)["reply_seconds"], clock(shop, answered)["reply_seconds"]) == (
        None,
        500,
        600,
    )


def test_seconds_within_opening_hours_are_counted_apart(business: Business, shop: Desk) -> None:
    # The enquiry came on Saturday at 17:50, the shop closes at 18:00 and opens on Monday at 9:00.
    shop.ask("save_working_hours", hours={str(d): [["09:00", "18:00"]] for d in range(1, 7)})
    lead = shop.lead(phone=BUYER, received_at="2026-11-21T17:50:00+05:30")

    write(business, shop, after=10 * 60 + 39 * 3600 + 5 * 60, lead=lead)

    found = clock(shop, lead)
    assert (found["reply_seconds"], found["working_seconds"]) == (39 * 3600 + 15 * 60, 15 * 60)


def test_report_has_medians_and_p90_by_source_and_by_who_replied(business: Business, shop: Desk) -> None:
    ravi, meena = shop.hire("ravi", "meena")
    leads = [shop.lead(f"B{n}", received_at="2026-11-10T10:00:00+05:30") for n in range(12)]
    for n, lead in enumerate(leads[:10]):
        business.db.execute(
            """
            insert into public.lead_clocks (org_id, lead_id, greeted_at, replied_at, replied_by, working_seconds)
            select org_id, id, received_at + interval '1.9 seconds', received_at + make_interval(secs => %s), %s, %s from public.leads where id = %s
            """,
            [(n + 1) * 10, ravi.id if n < 9 else meena.id, n + 1, lead],
        )
    business.db.execute("update public.leads set owner_id = %s where id = %s", [meena.id, leads[10]])
    shop.lead("outside", received_at="2026-11-11T00:00:00+05:30")

    def report(dimension: str) -> Json:
        found: Json = shop.ask(
            "speed_to_lead", from_day="2026-11-10", to_day="2026-11-10", dimension=dimension
        )
        return found

    by_source, by_person = report("source"), report("person")

    want: dict[str, Any] = {
        "leads": 12, "greeted": 10, "replied": 10, "greeting_median": 1, "greeting_p90": 1, "reply_median": 50, "reply_p90": 90,
        "working_median": 5, "working_p90": 9,
    }  # fmt: skip
    assert by_source["total"] == want
    assert [(r["name"], r["leads"]) for r in by_source["rows"]] == [("Added by hand", 12)]
    assert [(r["key"], r["leads"], r["replied"], r["reply_median"]) for r in by_person["rows"]] == [
        (str(ravi.id), 9, 9, 50), (str(meena.id), 2, 1, 100), (None, 1, 0, None),
    ]  # fmt: skip


def test_empty_period_and_nonsense(shop: Desk) -> None:
    empty = shop.ask("speed_to_lead", from_day="2020-01-01", to_day="2020-01-31")

    assert (empty["total"]["leads"], empty["total"]["reply_median"], empty["rows"]) == (0, None, [])
    assert (
        shop.refused("speed_to_lead", from_day="2020-02-01", to_day="2020-01-31").detail == "period_invalid"
    )
    assert (
        shop.refused("speed_to_lead", from_day="2020-01-01", to_day="2020-01-31", dimension="moon").detail
        == "dimension_unknown"
    )
