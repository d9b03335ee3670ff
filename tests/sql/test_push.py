"""People are told of news on their devices: once, what they chose, when they want it, and for as long as it is theirs."""

import json
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.business import Business, text
from tests.database import Person
from tests.sql.pushing import (
    add_device,
    as_person,
    choose,
    claim,
    later,
    payloads,
    record,
    subscription,
    tend,
    told,
)

WEEK = [1, 2, 3, 4, 5, 6, 7]


@pytest.fixture
def ravi(business: Business, member: Callable[..., Person]) -> Person:
    """An agent of the business with one device."""
    who = member(business.org_id)
    add_device(business.db, business.org_id, who)
    return who


def lead(business: Business, kind: str = "api") -> str:
    """A lead that comes by itself."""
    source = business.db.value(f"select private.own_source(%s, '{kind}')", business.org_id)
    item = {"external_id": uuid4().hex, "person": {"name": "Asha"}, "raw": {}}
    stored = business.db.value(
        "select private.store_leads(%s, %s, %s)", business.org_id, source, json.dumps([item])
    )
    return str(stored["lead_ids"][0])


def conversation(business: Business) -> UUID:
    found: UUID = business.db.value("select id from public.conversations where org_id = %s", business.org_id)
    return found


def test_messages_of_one_conversation_are_told_once_until_they_are_read(db, business, ravi):
    business.hear(text("wamid.1"), text("wamid.2"))
    tend(db)
    later(db, business.org_id)
    business.hear(text("wamid.3"))
    tend(db)

    assert told(db, business.org_id, ravi) == [("new_message", 3, False)]
    (push,) = payloads(db, business.org_id)
    assert (push["kind"], push["many"], push["conversation_id"]) == (
        "new_message",
        3,
        str(conversation(business)),
    )

    as_person(db, ravi, "select public.mark_read(%s, %s)", business.org_id, conversation(business))
    assert told(db, business.org_id, ravi) == [("new_message", 3, True)]
    later(db, business.org_id)
    business.hear(text("wamid.4", at=1795000100))
    tend(db)

    assert told(db, business.org_id, ravi) == [("new_message", 1, False)]
    assert [push["many"] for push in payloads(db, business.org_id)] == [1]


def test_what_was_read_before_it_was_told_is_told_nobody(db, business, ravi):
    business.hear(text("wamid.1"))
    as_person(db, ravi, "select public.mark_read(%s, %s)", business.org_id, conversation(business))
    tend(db)

    assert told(db, business.org_id, ravi) == []


@pytest.mark.parametrize(
    ("scope", "assignee", "is_told"),
    [("mine", "nobody", False), ("mine", "ravi", True), ("unassigned", "nobody", True),
     ("unassigned", "somebody", False), ("all", "somebody", True)],
)  # fmt: skip
def test_a_person_chooses_whose_messages_they_are_told_of(
    db, business, ravi, member, scope, assignee, is_told
):
    somebody = member(business.org_id)
    choose(db, business.org_id, ravi, new_message=scope)
    business.hear(text("wamid.0"))
    db.execute("delete from private.news where org_id = %s", [business.org_id])
    who = {"nobody": None, "ravi": ravi.id, "somebody": somebody.id}[assignee]
    db.execute("update public.conversations set assignee_id = %s where org_id = %s", [who, business.org_id])
    business.hear(text("wamid.1"))
    tend(db)

    assert bool(told(db, business.org_id, ravi)) is is_told


def test_new_leads_are_counted_in_one_notification_and_typed_ones_are_no_news(db, business, ravi):
    first = lead(business)
    tend(db)
    assert [push["lead_id"] for push in payloads(db, business.org_id)] == [first]
    later(db, business.org_id)
    lead(business)
    lead(business)
    lead(business, "manual")
    tend(db)

    assert told(db, business.org_id, ravi) == [("new_lead", 3, False)]
    assert [(push["kind"], push["many"]) for push in payloads(db, business.org_id)] == [("new_lead", 3)]


def test_who_writes_first_is_told_of_as_a_message_or_to_who_wants_none_as_a_lead(db, business, ravi, member):
    quiet = member(business.org_id)
    choose(db, business.org_id, quiet, new_message="mine")
    business.hear(text("wamid.1"))
    tend(db)

    assert told(db, business.org_id, ravi) == [("new_message", 1, False)]
    assert told(db, business.org_id, quiet) == [("new_lead", 1, False)]


def test_a_lead_that_is_given_away_is_told_to_who_gets_it_and_to_who_wants_all(db, business, ravi, member):
    curious = member(business.org_id)
    choose(db, business.org_id, curious, new_lead="all")
    given = lead(business)
    db.execute("update public.leads set owner_id = %s where id = %s", [ravi.id, given])
    tend(db)

    assert told(db, business.org_id, ravi) == [("lead_assigned", 1, False)]
    assert told(db, business.org_id, curious) == [("new_lead", 1, False)]


def test_a_number_in_trouble_is_told_to_admins_once_a_day_and_passes_quiet_hours(db, business, ravi, member):
    boss = member(business.org_id, "admin")
    add_device(db, business.org_id, boss)
    choose(db, business.org_id, boss, quiet={"from": "00:00", "to": "00:00", "days": WEEK})
    note = "select private.note_health(%s, %s, %s, 'statuses', %s, 'Words.', 'Remedy.')"
    for level in ("problem", "ok", "problem"):
        db.execute(note, [business.org_id, business.account_id, business.number_id, level])
        tend(db)

    assert [kind for kind, _, _ in told(db, business.org_id, boss)] == ["number_needs_attention"]
    assert told(db, business.org_id, ravi) == []
    assert [push["kind"] for push in payloads(db, business.org_id)] == ["number_needs_attention"]

    choose(db, business.org_id, boss, urgent_passes=False)
    db.execute("delete from public.notifications where org_id = %s", [business.org_id])
    tend(db)
    assert payloads(db, business.org_id) == []


def test_what_came_in_quiet_hours_stays_in_the_bell_and_is_told_as_one_afterwards(db, business, ravi):
    choose(db, business.org_id, ravi, quiet={"from": "00:00", "to": "00:00", "days": WEEK})
    for number in range(3):
        business.hear(
            text(f"wamid.{number}", sender=f"91981000001{number}"),
            text(f"wamid.x{number}", sender=f"91981000001{number}"),
        )
    tend(db)
    assert payloads(db, business.org_id) == []
    assert told(db, business.org_id, ravi) == [("new_message", 2, False)] * 3

    later(db, business.org_id, "25 hours")
    choose(db, business.org_id, ravi, quiet=None)
    lead(business)
    tend(db)

    (push,) = payloads(db, business.org_id)
    assert (push["kind"], push["counts"]) == ("several", {"new_message": 6, "new_lead": 1})


def test_an_open_page_is_told_what_to_be_silent_about_and_what_a_message_says(db, business, member):
    boss = member(business.org_id, "admin")

    def heard() -> list[tuple[str, str | None, bool]]:
        items = as_person(db, boss, "select public.my_notifications(%s) -> 'items'", business.org_id)
        return [(item["kind"], item["text"], item["is_silent"]) for item in items]

    business.hear(text("wamid.1"))
    tend(db)
    db.execute(
        "update public.conversations set last_message_text = 'We call you' where org_id = %s",
        [business.org_id],
    )
    assert heard() == [("new_message", "Hi", False)]

    choose(db, business.org_id, boss, quiet={"from": "00:00", "to": "00:00", "days": WEEK})
    note = "select private.note_health(%s, %s, %s, 'statuses', 'problem', 'Words.', 'Remedy.')"
    db.execute(note, [business.org_id, business.account_id, business.number_id])
    tend(db)
    assert heard() == [("number_needs_attention", None, False), ("new_message", "Hi", True)]

    choose(db, business.org_id, boss, urgent_passes=False)
    assert [is_silent for _, _, is_silent in heard()] == [True, True]


def test_of_one_kind_the_summary_says_how_many_and_an_absence_is_quiet_too(db, business, ravi):
    away = (
        "select public.add_absence(%s, now() - interval '1 hour', now() + interval '1 hour') ->> 'absence_id'"
    )
    absence = as_person(db, ravi, away, business.org_id)
    for number in range(2):
        business.hear(text(f"wamid.{number}", sender=f"91981000001{number}"))
    tend(db)
    assert payloads(db, business.org_id) == []

    as_person(db, ravi, "select public.remove_absence(%s, %s)", business.org_id, absence)
    later(db, business.org_id, "2 hours")
    tend(db)

    assert [(p["kind"], p["many"]) for p in payloads(db, business.org_id)] == [("new_message", 2)]


def test_quiet_hours_follow_the_persons_clock_over_midnight_on_their_days(db, business, ravi):
    choose(
        db,
        business.org_id,
        ravi,
        quiet={"from": "21:00", "to": "08:00", "days": [5], "time_zone": "America/New_York"},
    )
    asked = "select private.silent_until(private.notification_settings_of(%s, %s), %s::timestamptz)"

    def until(at: str) -> object:
        return db.value(asked, business.org_id, ravi.id, at)

    # 6 March 2026 is a Friday; clocks change in the night to Sunday.
    assert until("2026-03-06 20:59 America/New_York") is None
    assert (
        until("2026-03-06 21:00 America/New_York") == until("2026-03-07 07:59 America/New_York") is not None
    )
    assert until("2026-03-07 08:00 America/New_York") is None
    assert until("2026-03-07 22:00 America/New_York") is None


def test_a_shower_of_news_becomes_few_pushes(db, business, ravi):
    business.hear(text("wamid.0", sender="919810000010"))
    tend(db)
    for number in range(1, 8):
        business.hear(text(f"wamid.{number}", sender=f"91981000001{number}"))
        tend(db)
    assert len(payloads(db, business.org_id)) == 1
    later(db, business.org_id, "11 seconds")
    tend(db)

    assert [(p["kind"], p["many"]) for p in payloads(db, business.org_id)] == [("new_message", 7)]


def test_bell_and_devices_are_chosen_apart(db, business, ravi):
    choose(db, business.org_id, ravi, in_app=["new_lead"], push=["new_message"])
    business.hear(text("wamid.1"))
    lead(business)
    tend(db)

    assert sorted(told(db, business.org_id, ravi)) == [("new_lead", 1, False), ("new_message", 1, True)]
    assert [push["kind"] for push in payloads(db, business.org_id)] == ["new_message"]
    later(db, business.org_id)
    business.hear(text("wamid.2"))
    tend(db)
    assert payloads(db, business.org_id) == []  # not looked at since


def test_every_device_is_told_in_its_language_and_a_push_is_small(db, business, ravi):
    add_device(db, business.org_id, ravi, language="hi")
    business.hear(text("wamid.1"))
    tend(db)

    pushes = payloads(db, business.org_id)

    assert sorted(push["lang"] for push in pushes) == ["en", "hi"]
    assert all(len(json.dumps(push)) < 1000 for push in pushes)


def test_a_push_is_tried_again_with_patience_and_given_up(db, business, ravi):
    business.hear(text("wamid.1"))
    tend(db)
    (push,) = claim(db, business.org_id)
    assert claim(db, business.org_id) == []  # leased
    waits = []
    for _ in range(3):
        record(db, push, "retry", after_seconds=3)
        waits.append(
            db.value("select next_at - now() from private.pushes where org_id = %s", business.org_id)
        )
        later(db, business.org_id)
        (push,) = claim(db, business.org_id)
    assert waits == [timedelta(seconds=s) for s in (5, 10, 20)]
    assert record(db, push | {"lease": str(uuid4())}, "sent") == {"recorded": 0}

    db.execute("update private.pushes set attempts = 10 where org_id = %s", [business.org_id])
    record(db, push, "retry")
    assert db.value("select count(*) from private.pushes where org_id = %s", business.org_id) == 0


def test_what_nobody_wants_any_more_expires(db, business, ravi):
    business.hear(text("wamid.1"))
    tend(db)
    db.execute("update private.pushes set expires_at = now() where org_id = %s", [business.org_id])

    assert claim(db, business.org_id) == []
    assert db.value("select count(*) from private.pushes where org_id = %s", business.org_id) == 0


def test_a_device_that_is_gone_ends_and_nothing_can_write_to_it(db, business, ravi):
    business.hear(text("wamid.1"))
    tend(db)
    (push,) = claim(db, business.org_id)
    record(db, push, "gone")

    settings = as_person(db, ravi, "select public.my_notification_settings(%s)", business.org_id)
    assert settings["devices"] == []
    assert db.value(
        "select count(*) from private.credentials where org_id = %s and kind = 'push_device' and cipher is not null",
        business.org_id,
    ) == 0  # fmt: skip


def test_a_browser_is_of_who_added_it_last_and_adding_it_twice_is_once(db, business, ravi, member):
    given = subscription()
    first = add_device(db, business.org_id, ravi, given)
    assert add_device(db, business.org_id, ravi, given, "hi") == first

    meena = member(business.org_id)
    second = add_device(db, business.org_id, meena, given)

    assert second != first
    devices = db.rows("select user_id from private.push_devices where org_id = %s and id = any (%s::uuid[])",
                      business.org_id, [first, second])  # fmt: skip
    assert devices == [(meena.id,)]


def test_a_person_has_twenty_devices_at_most_and_removes_them(db, business, ravi):
    ids = [add_device(db, business.org_id, ravi) for _ in range(19)]
    with pytest.raises(psycopg.Error) as caught, db.transaction():
        add_device(db, business.org_id, ravi)
    assert caught.value.diag.message_detail == "too_many_devices"

    as_person(db, ravi, "select public.remove_push_device(%s, %s)", business.org_id, ids[0])
    add_device(db, business.org_id, ravi)


def test_a_test_is_pushed_in_quiet_hours_too_and_not_piled_up(db, business, ravi):
    choose(db, business.org_id, ravi, quiet={"from": "00:00", "to": "00:00", "days": WEEK})
    device = db.value("select id from private.push_devices where user_id = %s", ravi.id)
    for _ in range(3):
        as_person(db, ravi, "select public.test_push(%s, %s)", business.org_id, device)

    assert [push["kind"] for push in payloads(db, business.org_id)] == ["test"]


@pytest.mark.parametrize(
    "wrong",
    [{"in_app": ["everything"]}, {"new_lead": "some"}, {"quiet": {"from": "25:00", "to": "08:00", "days": [1]}},
     {"quiet": {"from": "21:00", "to": "08:00", "days": []}}, {"push": "new_lead"}, {"shows_text": "yes"},
     {"quiet": {"from": "21:00", "to": "08:00", "days": [1], "time_zone": "Mars/Olympus"}}, {"colour": "red"}],
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused(db, business, ravi, wrong):
    with pytest.raises(psycopg.Error) as caught, db.transaction():
        choose(db, business.org_id, ravi, **wrong)

    assert caught.value.diag.sqlstate == "PT422"
