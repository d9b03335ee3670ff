"""Conversation windows: which were open when, whatever the order, the repeats and the merges, and what a month's free messages came to."""

import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from uuid import UUID

import psycopg
import pytest

from tests.business import Business, Json, Maker, fresh_org, post, status, text, webhook
from tests.database import LIMITS, Database, Person
from tests.sql.test_meta_order import in_posts

HOUR = 3600
DAY = 24 * HOUR
START = 1793800000  # 4 November 2026, 19:16 in India
PHONE, USER = "919810000011", "IN.4000000001"

Window = tuple[str, int, int, str | None, int]


def price(category: str | None, kind: str = "regular") -> Json:
    """Pricing as Meta puts it into a status."""
    return {"pricing": {"pricing_model": "PMP", "type": kind, "category": category}}


FREE_SERVICE = price("service", "free_customer_service")
ENTRY = price("marketing", "free_entry_point")


def note(business: Business, db: Database | None = None) -> None:
    """Hand every ledger entry of the business over, as settling does with new ones."""
    (db or business.db).execute(
        "select private.note_windows(array_agg(org_id), array_agg(id)) from public.usage_ledger where org_id = %s",
        [business.org_id],
    )


def rebuild(business: Business) -> None:
    """Work out all windows anew."""
    query = "select private.rebuild_windows(org_id, id) from public.conversations where org_id = %s"
    business.db.execute(query, [business.org_id])


def windows(business: Business, *kinds: str) -> list[Window]:
    """The windows, oldest first: kind, opening, closing, opener, messages."""
    return business.db.rows(
        """
        select kind, extract(epoch from opened_at)::bigint, extract(epoch from closes_at)::bigint, opened_by, messages
          from public.conversation_windows where org_id = %s and (%s::text[] = '{}' or kind = any (%s))
         order by kind, opened_at
        """,
        business.org_id, list(kinds), list(kinds),
    )  # fmt: skip


def service(business: Business) -> list[tuple[int, int]]:
    """Opening and closing of the customer service windows, in seconds from START."""
    return [(w[1] - START, w[2] - START) for w in windows(business, "customer_service")]


def hear(business: Business, *at: int, sender: str | None = PHONE, user: str | None = None) -> None:
    """Take messages of the customer, seconds from START, one webhook each."""
    for moment in at:
        business.hear(
            text(f"wamid.in.{sender or user}.{moment}", at=START + moment, sender=sender, user=user)
        )


def sent(business: Business, *wamids: str, to: str = "+" + PHONE) -> None:
    """Messages that Flow sent, under wamids of our choice."""
    ids = business.send(*[to] * len(wamids))
    for message, wamid in zip(ids, wamids, strict=True):
        business.db.execute(
            "update public.messages set wamid = %s, status = 'sent' where id = %s", [wamid, message]
        )
    business.db.execute("update private.send_lanes set next_at = null where org_id = %s", [business.org_id])


def union(spans: list[tuple[int, int, str, int]]) -> list[tuple[int, int, str, int]]:
    """Intervals with their openers and counts, joined where they overlap or touch."""
    done: list[tuple[int, int, str, int]] = []
    for opened, closes, by, messages in sorted(spans):
        if done and opened <= done[-1][1]:
            first, last, opener, so_far = done[-1]
            done[-1] = (first, max(last, closes), opener, so_far + messages)
        else:
            done.append((opened, closes, by, messages))
    return done


# The customer service window


ORDERS = [
    pytest.param([0, 10, 20], [(0, 20 + DAY)], id="one after another"),
    pytest.param([20, 0, 10], [(0, 20 + DAY)], id="late ones"),
    pytest.param([0, DAY], [(0, 2 * DAY)], id="the moment it ends"),
    pytest.param([0, DAY + 1], [(0, DAY), (DAY + 1, 2 * DAY + 1)], id="a second later"),
    pytest.param([0, 40 * HOUR, 20 * HOUR], [(0, 64 * HOUR)], id="the missing link comes last"),
    pytest.param([100 * HOUR, 0], [(0, DAY), (100 * HOUR, 124 * HOUR)], id="an old one, apart"),
    pytest.param(
        [0, 200 * HOUR, 100 * HOUR, 110 * HOUR],
        [(0, DAY), (100 * HOUR, 134 * HOUR), (200 * HOUR, 224 * HOUR)],
        id="between two",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("moments", "expected"), ORDERS)
@pytest.mark.parametrize("at_once", [False, True], ids=["one by one", "in one webhook"])
def test_a_window_is_a_day_from_each_message_of_the_customer(
    business: Business, moments: list[int], expected: list[tuple[int, int]], at_once: bool
) -> None:
    if at_once:
        business.hear(*[text(f"wamid.{m}", at=START + m) for m in moments])
    else:
        hear(business, *moments)

    assert service(business) == expected


def test_the_opener_and_the_number_of_messages_are_told(business: Business) -> None:
    hear(business, 50, 10, 30, 3 * DAY)

    assert windows(business) == [
        ("customer_service", START + 10, START + 50 + DAY, f"wamid.in.{PHONE}.10", 3),
        ("customer_service", START + 3 * DAY, START + 4 * DAY, f"wamid.in.{PHONE}.{3 * DAY}", 1),
    ]


@pytest.mark.parametrize("order", [["b", "a"], ["a", "b"]])
def test_of_one_second_the_smaller_wamid_is_the_opener(business: Business, order: list[str]) -> None:
    for wamid in order:
        business.hear(text(wamid, at=START))

    assert windows(business) == [("customer_service", START, START + DAY, "a", 2)]


def test_a_repeat_changes_nothing(business: Business) -> None:
    hear(business, 0, DAY, 5 * DAY)
    before = windows(business)

    hear(business, 0, DAY, 5 * DAY)
    business.hear(*[text(f"wamid.in.{PHONE}.{m}", at=START + m) for m in (0, DAY, 5 * DAY)])

    assert windows(business) == before


def test_the_newest_window_ends_when_the_conversation_says(business: Business) -> None:
    hear(business, 0, 3 * DAY, 2 * DAY)

    ends = business.db.value(
        "select extract(epoch from window_expires_at)::bigint from public.conversations where org_id = %s",
        business.org_id,
    )
    assert windows(business)[-1][2] == ends


def test_what_flow_sends_opens_no_customer_service_window(business: Business) -> None:
    sent(business, "wamid.out")
    business.told(status("wamid.out", "delivered", START))

    assert windows(business) == []


def test_reactions_and_edits_open_no_window(business: Business) -> None:
    hear(business, 0)
    base = {"from": PHONE, "timestamp": str(START + DAY)}
    business.hear({**base, "id": "wamid.r", "type": "reaction", "reaction": {"message_id": f"wamid.in.{PHONE}.0", "emoji": "👍"}})  # fmt: skip

    assert service(business) == [(0, DAY)]


def test_imported_history_counts_for_its_own_time(business: Business) -> None:
    said = [
        {"from": PHONE, "id": f"wamid.h{n}", "timestamp": str(START + at), "type": "text", "text": {"body": "Hi"}}
        for n, at in enumerate([-30 * DAY, -30 * DAY + HOUR, -20 * DAY])
    ] + [{"from": "911140000001", "to": PHONE, "id": "wamid.own", "timestamp": str(START - 10 * DAY), "type": "text", "text": {"body": "Hi"}}]  # fmt: skip
    chunk = {"metadata": {"phase": 1, "chunk_order": 1, "progress": 5}, "threads": [{"id": PHONE, "messages": said}]}  # fmt: skip
    hear(business, 0)
    for _ in range(2):
        post(business.db, webhook(business.change({"history": [chunk]}, field="history"), waba=business.waba))

    assert service(business) == [(-30 * DAY, -29 * DAY + HOUR), (-20 * DAY, -19 * DAY), (0, DAY)]


# Meta said that it is closed (131047)


def failed(business: Business, wamid: str, at: int) -> None:
    business.told(status(wamid, "failed", START + at, 131047))


def test_a_window_ends_where_meta_said_so(business: Business) -> None:
    sent(business, "wamid.out")
    hear(business, 0)
    failed(business, "wamid.out", HOUR)

    assert service(business) == [(0, HOUR)]

    hear(business, 2 * HOUR)
    assert service(business) == [(0, HOUR), (2 * HOUR, 26 * HOUR)]

    hear(business, HOUR // 2)
    assert service(business) == [(0, HOUR), (2 * HOUR, 26 * HOUR)]


def test_a_refusal_that_is_told_late_still_cuts_the_window_of_then(business: Business) -> None:
    sent(business, "wamid.out")
    hear(business, 0, HOUR, 5 * HOUR)
    failed(business, "wamid.out", 2 * HOUR)

    assert service(business) == [(0, 2 * HOUR), (5 * HOUR, 29 * HOUR)]
    assert [w[4] for w in windows(business)] == [2, 1]


def test_a_refusal_in_metas_answer_ends_the_window_too(business: Business) -> None:
    now = business.now()
    business.hear(text("wamid.in", at=now - HOUR))
    (_,) = business.send("+" + PHONE)
    business.record(business.claim(), "error", http_status=400, code=131047)

    ((_, opened, closes, _, _),) = windows(business)
    assert opened == now - HOUR
    assert now <= closes <= now + 1


def test_a_refusal_that_counts_no_more_gives_the_window_back(business: Business) -> None:
    sent(business, "wamid.out")
    hear(business, 0)
    failed(business, "wamid.out", HOUR)
    business.told(status("wamid.out", "failed", START + 60, 131026))

    assert service(business) == [(0, DAY)]


def test_an_instant_that_a_rebuild_corrects_moves_the_window(business: Business) -> None:
    hear(business, 0, DAY)
    business.db.execute(
        "update public.messages set at = at + interval '1 second' where org_id = %s and wamid = %s",
        [business.org_id, f"wamid.in.{PHONE}.{DAY}"],
    )

    assert service(business) == [(0, DAY), (DAY + 1, 2 * DAY + 1)]


# By category


CATEGORIES = [
    ("marketing", "marketing"),
    ("marketing_lite", "marketing"),
    ("utility", "utility"),
    ("authentication", "authentication"),
    ("authentication-international", "authentication"),
    ("service", "service"),
    ("referral_conversion", "other"),
    ("new_thing", "other"),
    (None, "other"),
]


@pytest.mark.parametrize(("category", "kind"), CATEGORIES)
def test_a_category_has_a_window_from_each_delivery(business: Business, category: str, kind: str) -> None:
    sent(business, "w1", "w2", "w3")
    for wamid, at in (("w1", 0), ("w2", HOUR), ("w3", 3 * DAY)):
        business.told(status(wamid, "delivered", START + at, **price(category)))
    note(business)

    assert windows(business) == [
        (kind, START, START + HOUR + DAY, "w1", 2),
        (kind, START + 3 * DAY, START + 4 * DAY, "w3", 1),
    ]


def test_windows_of_categories_do_not_touch_each_other(business: Business) -> None:
    sent(business, "w1", "w2")
    business.told(status("w1", "delivered", START, **price("utility")))
    business.told(status("w2", "read", START + HOUR, **FREE_SERVICE))
    hear(business, 0)
    note(business)

    assert [w[:3] for w in windows(business)] == [
        ("customer_service", START, START + DAY),
        ("service", START + HOUR, START + HOUR + DAY),
        ("utility", START, START + DAY),
    ]


def test_what_is_not_delivered_has_no_window(business: Business) -> None:
    sent(business, "w1", "w2")
    business.told(status("w1", "sent", START, **price("utility")), status("w2", "failed", START, 131026))
    note(business)

    assert windows(business) == []


def test_a_message_of_another_app_has_no_conversation_and_no_window(business: Business) -> None:
    business.told(status("w1", "delivered", START, **price("utility")))
    note(business)

    assert len(business.table("public.usage_ledger")) == 1
    assert windows(business) == []


def test_noting_twice_counts_once(business: Business) -> None:
    sent(business, "w1")
    business.told(status("w1", "delivered", START, **FREE_SERVICE))
    note(business)
    note(business)

    assert windows(business) == [("service", START, START + DAY, "w1", 1)]
    assert [row["used"] for row in business.table("public.free_allowance")] == [1]


def test_another_moment_moves_the_window(business: Business) -> None:
    sent(business, "w1", "w2")
    business.told(status("w1", "read", START + 40 * HOUR, **price("utility")))
    business.told(status("w2", "delivered", START + 20 * HOUR, **price("utility")))
    note(business)
    assert [w[1:3] for w in windows(business)] == [(START + 20 * HOUR, START + 64 * HOUR)]

    business.told(status("w2", "delivered", START))
    note(business)
    assert [w[1:3] for w in windows(business)] == [
        (START, START + DAY),
        (START + 40 * HOUR, START + 64 * HOUR),
    ]


def test_another_category_moves_the_message_to_the_other_window(business: Business) -> None:
    sent(business, "w1", "w2")
    business.told(status("w1", "delivered", START))
    business.told(status("w2", "delivered", START + HOUR, **price("utility")))
    note(business)
    assert [w[0] for w in windows(business)] == ["other", "utility"]

    business.told(status("w1", "read", START + 60, **price("utility")))
    note(business)
    assert windows(business) == [("utility", START, START + HOUR + DAY, "w1", 2)]


# Free entry points


def test_an_ad_opens_72_hours_from_the_delivery_of_the_first_answer(business: Business) -> None:
    business.hear({**text("wamid.ad", at=START), "referral": {"source_type": "ad", "source_id": "1"}})
    sent(business, "w1", "w2", "w3", "w4")
    for wamid, at in (("w2", 30 * HOUR), ("w1", HOUR), ("w3", 73 * HOUR), ("w4", 60 * HOUR)):
        business.told(status(wamid, "delivered", START + at, **ENTRY))
        note(business)

    assert windows(business, "entry_point") == [
        ("entry_point", START + HOUR, START + 73 * HOUR, "w1", 3),
        ("entry_point", START + 73 * HOUR, START + 145 * HOUR, "w3", 1),
    ]


def test_an_entry_point_that_meta_takes_back_is_gone(business: Business) -> None:
    sent(business, "w1", "w2")
    business.told(status("w1", "delivered", START, **ENTRY), status("w2", "delivered", START + HOUR, **ENTRY))
    note(business)
    business.told(status("w1", "read", START + 1, **price("marketing")))
    note(business)

    assert windows(business, "entry_point") == [("entry_point", START + HOUR, START + 73 * HOUR, "w2", 1)]


# In any order


def told_in(business: Business, chance: random.Random) -> list[tuple[Business, Json]]:
    """Ten days with two customers: what they wrote, what was delivered and refused, and some history."""
    people = [PHONE, "919810000022"]
    events: list[Json] = []
    for person in people:
        sent(business, *[f"out.{person}.{n}" for n in range(25)], to="+" + person)
        moments = [chance.randrange(10 * DAY) for _ in range(25)]
        moments += [chance.choice(moments) + DAY + chance.choice([-1, 0, 1]) for _ in range(8)]
        for n, at in enumerate(moments):
            # Mostly under one of their ids: whoever they are turns out in the course of it.
            phone, user = chance.choice(
                [
                    (person, None),
                    (None, f"IN.{person}"),
                    (person, f"IN.{person}") if n % 3 else (person, None),
                ]
            )
            item = text(f"in.{person}.{n}", at=START + at, sender=phone, user=user)
            if n % 4:
                events.append(business.change({"messages": [item]}))
            else:
                chunk = {"metadata": {"phase": 1}, "threads": [{"id": phone or user, "messages": [item]}]}
                events.append(business.change({"history": [chunk]}, field="history"))
        for n in range(25):
            wamid, at = f"out.{person}.{n}", START + chance.randrange(10 * DAY)
            if n < 4:
                events.append(business.change({"statuses": [status(wamid, "failed", at, 131047)]}))
                continue
            said = chance.choice(
                [price("utility"), price("marketing"), FREE_SERVICE, ENTRY, price("authentication")]
            )
            for word in chance.sample(["sent", "delivered", "read", "delivered"], 3):
                brings = said if chance.random() < 0.5 else price("utility") if chance.random() < 0.1 else {}
                moment = at + chance.choice([0, 0, 5, HOUR, -2 * DAY])
                events.append(business.change({"statuses": [status(wamid, word, moment, **brings)]}))
    return [(business, event) for event in events]


def expected(business: Business, events: list[tuple[Business, Json]]) -> list[tuple[str, Window]]:
    """The windows as they follow from the events (customer service) and from the live ledger (all others)."""
    heard: dict[str, dict[str, int]] = {}
    refused: dict[str, set[int]] = {}
    for _, event in events:
        value = event["value"]
        items = value.get("messages", []) + [
            m for h in value.get("history", []) for t in h["threads"] for m in t["messages"]
        ]
        for item in items:
            heard.setdefault(item["id"].split(".")[1], {})[item["id"]] = int(item["timestamp"])
        for said in value.get("statuses", []):
            if said["status"] == "failed":
                refused.setdefault(said["id"].split(".")[1], set()).add(int(said["timestamp"]))
    spans: dict[tuple[str, str], list[tuple[int, int, str, int]]] = {}
    for person, messages in heard.items():
        for wamid, at in messages.items():
            end = min([at + DAY, *[f for f in refused.get(person, ()) if f > at]])
            spans.setdefault((person, "customer_service"), []).append((at, end, wamid, 1))
    found: list[tuple[str, Window]] = []
    free: dict[str, list[tuple[int, str]]] = {}
    live = business.db.rows(
        """
        select l.wamid, l.category, l.pricing_type, extract(epoch from l.billable_at)::bigint from public.usage_ledger l
         where l.org_id = %s and l.entry = 'meta_cost' and l.reverses is null
           and not exists (select from public.usage_ledger r where (r.org_id, r.reverses) = (l.org_id, l.id))
        """,
        business.org_id,
    )
    for wamid, category, pricing, at in live:
        person = wamid.split(".")[1]
        spans.setdefault((person, dict(CATEGORIES).get(category, "other")), []).append(
            (at, at + DAY, wamid, 1)
        )
        if pricing == "free_entry_point":
            free.setdefault(person, []).append((at, wamid))
    for person, moments in free.items():
        opened: list[tuple[int, int, str, int]] = []
        for at, wamid in sorted(moments):
            if opened and at < opened[-1][1]:
                opened[-1] = (*opened[-1][:3], opened[-1][3] + 1)
            else:
                opened.append((at, at + 3 * DAY, wamid, 1))
        found += [(person, ("entry_point", *one)) for one in opened]
    found += [(person, (kind, *one)) for (person, kind), some in spans.items() for one in union(some)]
    return sorted(found)


def found(business: Business) -> list[tuple[str, Window]]:
    """The windows that are there, with the number of the customer."""
    return sorted(
        (person, (kind, opened, closes, by, messages))
        for person, kind, opened, closes, by, messages in business.db.rows(
            """
            select ltrim(p.phone, '+'), w.kind, extract(epoch from w.opened_at)::bigint, extract(epoch from w.closes_at)::bigint,
                   w.opened_by, w.messages
              from public.conversation_windows w join public.conversations c on (c.org_id, c.id) = (w.org_id, w.conversation_id)
              join public.contacts p on (p.org_id, p.id) = (c.org_id, c.contact_id) where w.org_id = %s
            """,
            business.org_id,
        )
    )


def allowance(business: Business) -> list[tuple[str, int]]:
    return business.db.rows(
        "select month, used from public.free_allowance where org_id = %s and used > 0 order by 1",
        business.org_id,
    )


@pytest.mark.parametrize("seed", range(4))
def test_any_order_any_batches_and_every_event_twice_end_in_the_same_windows(db: Database, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311
    business = Business(db, fresh_org(db))
    events = told_in(business, chance)
    outcomes = []
    for sizes in ([1], [1, 2, 7, 40], [400]):
        with db.transaction(force_rollback=True):
            for body in in_posts(events, (chance.choice(sizes) for _ in count())):
                assert post(db, body)["dead"] == 0, db.rows("select reason, detail from private.dead_letters")
                if chance.random() < 0.3:
                    note(business)
            note(business)
            outcomes.append((found(business), allowance(business)))
            assert found(business) == expected(business, events)
            before = windows(business)
            rebuild(business)
            assert windows(business) == before, "worked out anew it is the same"
        events = events * 2 if len(events) < 500 else events
        chance.shuffle(events)

    assert len(outcomes[0][0]) > 20
    assert outcomes[0] == outcomes[1] == outcomes[2]


# Two people turn out to be one


@pytest.fixture
def strangers(business: Business) -> Business:
    """A business to which somebody wrote under their number, and under their user id, and which answered both."""
    hear(business, 0, 60 * HOUR, sender=PHONE)
    hear(business, 20 * HOUR, 100 * HOUR, sender=None, user=USER)
    sent(business, "w1", "w2")
    by_id = business.db.value(
        "select c.id from public.conversations c join public.contact_identities i using (org_id, contact_id)"
        " where c.org_id = %s and i.value = %s",
        business.org_id, USER,
    )  # fmt: skip
    business.db.execute(
        "update public.messages set conversation_id = %s, contact_id = (select contact_id from public.conversations where id = %s)"
        " where org_id = %s and wamid = 'w2'",
        [by_id, by_id, business.org_id],
    )
    business.told(status("w1", "delivered", START, **ENTRY), status("w2", "delivered", START + HOUR, **ENTRY))
    return business


def test_when_contacts_are_merged_their_windows_are_too(strangers: Business) -> None:
    note(strangers)
    assert len(windows(strangers, "entry_point")) == 2

    hear(strangers, 300 * HOUR, sender=PHONE, user=USER)

    assert (
        strangers.db.value("select count(*) from public.conversations where org_id = %s", strangers.org_id)
        == 1
    )
    assert service(strangers) == [
        (0, 44 * HOUR), (60 * HOUR, 84 * HOUR), (100 * HOUR, 124 * HOUR), (300 * HOUR, 324 * HOUR),
    ]  # fmt: skip
    assert windows(strangers, "entry_point", "marketing") == [
        ("entry_point", START, START + 72 * HOUR, "w1", 2),
        ("marketing", START, START + HOUR + DAY, "w1", 2),
    ]


def test_what_is_noted_after_a_merge_counts_in_the_one_conversation(strangers: Business) -> None:
    hear(strangers, 300 * HOUR, sender=PHONE, user=USER)
    note(strangers)

    assert windows(strangers, "marketing") == [("marketing", START, START + HOUR + DAY, "w1", 2)]


def test_a_rebuild_of_messages_leaves_windows_alone(dsn: str) -> None:
    with Database.connect(dsn, options=LIMITS) as db:
        db.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        business = Business(db, fresh_org(db))
        sent(business, "w1", "w2")
        hear(business, 0, 5 * DAY, DAY)
        business.told(
            status("w1", "delivered", START, **FREE_SERVICE), status("w2", "failed", START + DAY + 5, 131047)
        )
        note(business)
        before = windows(business), db.value("select count(*) from public.conversation_windows")

        assert db.value("select private.rebuild(%s)", business.org_id)["equal"]

        assert before == (windows(business), db.value("select count(*) from public.conversation_windows"))
        db.rollback()


# The 1,000 free messages of a month


def months(business: Business) -> dict[str, int]:
    return {row["month"]: row["used"] for row in business.table("public.free_allowance")}


MONTH_ENDS = [
    pytest.param("Asia/Kolkata", {"2026-11": 1, "2026-12": 3}, id="India: 18:30 UTC"),
    pytest.param("America/Los_Angeles", {"2026-11": 3, "2026-12": 1}, id="Los Angeles: 08:00 UTC"),
    pytest.param(None, {"2026-11": 1, "2026-12": 3}, id="not known"),
    pytest.param("Nowhere/Land", {"2026-11": 1, "2026-12": 3}, id="no zone at all"),
]


@pytest.mark.parametrize(("zone", "expected"), MONTH_ENDS)
def test_a_month_is_one_of_the_accounts_time_zone(
    business: Business, zone: str | None, expected: dict[str, int]
) -> None:
    business.db.execute(
        "update public.whatsapp_accounts set time_zone = %s where org_id = %s", [zone, business.org_id]
    )
    december = 1796083200  # 1 December 2026, 00:00 UTC
    for n, at in enumerate([-19800 - 1, -19800, 8 * HOUR - 1, 8 * HOUR]):
        business.told(status(f"w{n}", "delivered", december + at, **FREE_SERVICE))
    note(business)

    assert months(business) == expected


def test_only_service_messages_that_meta_let_go_free_are_counted(business: Business) -> None:
    sent(business, "w1", "w2", "w3", "w4", "w5")
    business.told(
        status("w1", "delivered", START, **FREE_SERVICE),
        status("w2", "delivered", START, **price("service")),
        status("w3", "delivered", START, **price("utility", "free_customer_service")),
        status("w4", "delivered", START, **price("service", "free_entry_point")),
        status("w5", "sent", START, **FREE_SERVICE),
        status("another app's", "delivered", START, **FREE_SERVICE),
    )
    note(business)

    assert months(business) == {"2026-11": 2}


def test_what_meta_takes_back_is_counted_no_more(business: Business) -> None:
    business.told(*[status(f"w{n}", "delivered", START, **FREE_SERVICE) for n in range(3)])
    note(business)
    business.told(status("w1", "read", START + 1, **price("service")))
    note(business)

    assert months(business) == {"2026-11": 2}


def test_entries_taken_back_before_anybody_noted_them_count_nothing(business: Business) -> None:
    business.told(status("w1", "delivered", START, **FREE_SERVICE))
    business.told(status("w1", "read", START + 1, **price("service")))
    note(business)

    assert months(business) == {}


# Who may look


def test_a_message_tells_the_windows_it_fell_into(
    business: Business, member: Callable[[UUID], Person]
) -> None:
    db = business.db
    hear(business, 0)
    sent(business, "w1", "w2", "w3", "w4")
    db.execute(
        "update public.messages set sent_at = to_timestamp(%s) where wamid in ('w1', 'w4')", [START + HOUR]
    )
    db.execute("update public.messages set sent_at = to_timestamp(%s) where wamid = 'w2'", [START + 2 * DAY])
    business.told(
        status("w1", "delivered", START + HOUR, **ENTRY),
        status("w2", "delivered", START + 2 * DAY, **price("utility")),
        status("w4", "failed", START + 25 * HOUR, 131047),
    )
    note(business)
    ids = dict(db.rows("select wamid, id from public.messages where org_id = %s", business.org_id))
    db.as_person(member(business.org_id))

    told = {
        wamid: [
            kind
            for (kind,) in db.rows("select kind from public.message_window(%s, %s)", business.org_id, message)
        ]
        for wamid, message in ids.items()
    }

    assert told == {
        f"wamid.in.{PHONE}.0": ["customer_service"], "w1": ["customer_service", "entry_point", "marketing"],
        "w2": ["utility"], "w3": [], "w4": [],
    }  # fmt: skip


def test_a_conversation_tells_its_windows_newest_first(
    business: Business, member: Callable[[UUID], Person]
) -> None:
    db = business.db
    hear(business, *[2 * DAY * n for n in range(205)])
    thread = db.value("select id from public.conversations where org_id = %s", business.org_id)
    db.as_person(member(business.org_id))

    told = db.rows("select opened_at from public.conversation_windows_of(%s, %s)", business.org_id, thread)

    assert len(told) == 200
    assert told == sorted(told, reverse=True)
    assert told[0] == db.row("select max(opened_at) from public.conversation_windows")


def test_members_see_windows_and_allowances_of_their_organization_only(
    db: Database, member: Callable[[UUID], Person]
) -> None:
    mine, theirs = Business(db, fresh_org(db, "Mine")), Business(db, fresh_org(db, "Theirs"))
    for business in (mine, theirs):
        hear(business, 0)
        sent(business, "w1")
        business.told(status("w1", "delivered", START, **FREE_SERVICE))
        note(business)
    foreign = {
        "conversation_windows_of": db.value(
            "select id from public.conversations where org_id = %s", theirs.org_id
        ),
        "message_window": db.value(
            "select id from public.messages where org_id = %s and wamid = 'w1'", theirs.org_id
        ),
    }
    db.as_person(member(mine.org_id))

    for table in ("conversation_windows", "free_allowance"):
        assert {org for (org,) in db.rows(f"select org_id from public.{table}")} == {mine.org_id}
        assert db.refusal(f"delete from public.{table}").sqlstate == "42501"
    for name, other in foreign.items():
        for org_id in (mine.org_id, theirs.org_id):
            assert db.refusal(f"select * from public.{name}(%s, %s)", org_id, other).sqlstate == "PT404"


# Two at once


Connect = Callable[[], Database]


def test_webhooks_statuses_and_settling_at_once_leave_one_set_of_windows(
    lasting: Maker, connect: Connect
) -> None:
    business = lasting()
    sent(business, *[f"{business.waba}.{n}" for n in range(40)])
    chance = random.Random(3)  # noqa: S311
    moments = chance.sample(range(0, 20 * DAY, HOUR), 60)
    heard = [business.change({"messages": [text(f"in.{m:09d}", at=START + m)]}) for m in moments]
    said = [
        status(f"{business.waba}.{n}", "delivered", START + moments[n], **(ENTRY if n % 2 else FREE_SERVICE))
        for n in range(30)
    ]
    said += [status(f"{business.waba}.{n}", "failed", START + moments[n] + 5, 131047) for n in range(30, 40)]  # fmt: skip
    told = [business.change({"statuses": [one]}) for one in said]

    def posting(events: list[Json]) -> Callable[[], None]:
        mine = connect()

        def work() -> None:
            for event in events:
                post(mine, webhook(event, waba=business.waba))

        return work

    def noting() -> Callable[[], None]:
        mine = connect()

        def work() -> None:
            for _ in range(15):
                note(business, mine)

        return work

    works = [posting(heard[n::3] + heard[n::5]) for n in range(3)]
    works += [posting(told[::2]), posting(told[1::2]), noting(), noting()]
    with ThreadPoolExecutor(len(works)) as pool:
        for done in [pool.submit(work) for work in works]:
            done.result(60)
    note(business)

    cuts = [START + moments[n] + 5 for n in range(30, 40)]
    spans = [(at, min([at + DAY, *[c for c in cuts if c > at]]), f"in.{at - START:09d}", 1) for at in (START + m for m in moments)]  # fmt: skip
    assert windows(business, "customer_service") == [("customer_service", *one) for one in union(spans)]
    before = windows(business)
    rebuild(business)
    assert windows(business) == before
    assert sum(w[4] for w in before if w[0] in ("marketing", "service")) == 30


@pytest.fixture
def two_threads(lasting: Maker) -> Business:
    """A lasting business with two threads of one person, each with a delivered message that is not noted yet."""
    business = lasting()
    hear(business, 0, sender=PHONE)
    hear(business, HOUR, sender=None, user=USER)
    threads = business.db.rows(
        "select id, contact_id from public.conversations where org_id = %s", business.org_id
    )
    for wamid, thread in zip(("w1", "w2"), threads, strict=True):
        business.db.execute(
            """
            insert into public.messages (org_id, conversation_id, contact_id, direction, kind, body, status, wamid, origin)
            values (%s, %s, %s, 'outbound', 'text', '{}', 'sent', %s, 'person')
            """,
            [business.org_id, *thread, f"{wamid}.{business.waba}"],
        )
        business.told(status(f"{wamid}.{business.waba}", "delivered", START, **FREE_SERVICE))
    return business


def until_waiting(db: Database, other: Database) -> None:
    """Return once the other connection waits for a lock."""
    waits = "select count(*) from pg_stat_activity where pid = %s and wait_event_type = 'Lock'"
    end = time.monotonic() + 10
    while not db.value(waits, other.info.backend_pid):
        assert time.monotonic() < end, "it does not wait"


def merge(business: Business, db: Database) -> None:
    """A message names the person by number and by user id: the two are one."""
    both = text("wamid.both", at=START + 2 * HOUR, sender=PHONE, user=USER)
    assert post(db, webhook(business.change({"messages": [both]}), waba=business.waba))["dead"] == 0


Work = Callable[[Business, Database], None]


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        pytest.param(merge, note, [("customer_service", 3), ("service", 2)], id="noting waits for a merge"),
        pytest.param(note, merge, [("customer_service", 3), ("service", 2)], id="a merge waits for noting"),
        pytest.param(note, note, [("customer_service", 1), ("customer_service", 1), ("service", 1), ("service", 1)], id="noting waits for noting"),
    ],
)  # fmt: skip
def test_one_waits_for_the_other_and_sees_what_it_did(
    two_threads: Business, connect: Connect, first: Work, second: Work, expected: list[tuple[str, int]]
) -> None:
    mine, theirs = connect(), connect()

    with ThreadPoolExecutor(1) as pool:
        with mine.transaction():
            first(two_threads, mine)
            waiting = pool.submit(second, two_threads, theirs)
            until_waiting(two_threads.db, theirs)
        waiting.result(30)

    assert [(w[0], w[4]) for w in windows(two_threads)] == expected
    assert months(two_threads) == {"2026-11": 2}


def test_noting_keeps_no_webhook_waiting(two_threads: Business, connect: Connect) -> None:
    noter = connect()
    with noter.transaction():
        note(two_threads, noter)
        two_threads.db.execute("set lock_timeout = '1s'")
        hear(two_threads, 3 * HOUR)

    assert [w[4] for w in windows(two_threads, "customer_service", "service")] == [2, 1, 1, 1]
