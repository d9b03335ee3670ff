"""Meta promises no order and no uniqueness: whatever the order, the batches and the repeats, the result is one."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from psycopg import Rollback

from tests.business import Business, fresh_org, post, status, text, webhook

START = 1795000000
WORDS = ["Hi", "Price?", "STOP", "START", "yes please", "stop calling", "ok", "बंद करो"]
REFUSALS = [131026, 131047, 131050, 131049]
WEBHOOKS = 2000


@dataclass
class Customer:
    """Somebody who writes, under the ids of the moment."""

    number: int
    writes_phone: bool
    writes_id: bool
    change: int = 0
    written: list[str] = field(default_factory=list)

    @property
    def phone(self) -> str:
        return f"9198{self.number:06d}{self.change:02d}"

    @property
    def user_id(self) -> str:
        return f"IN.4000{self.number:06d}{self.change:02d}"

    def ids(self, chance: random.Random) -> dict[str, str]:
        """Both ids mostly; sometimes the phone alone (as Meta used to) or the id alone (as it now may)."""
        both = {"from": self.phone, "from_user_id": self.user_id}
        if self.writes_phone and self.writes_id and chance.random() < 0.6:
            return both
        kind = (
            "from" if self.writes_phone and (not self.writes_id or chance.random() < 0.5) else "from_user_id"
        )
        return {kind: both[kind]}


def events_of(
    side: int, business: Business, outbound: list[str], chance: random.Random, count: int = WEBHOOKS // 2
) -> list[tuple[Business, dict]]:
    """About so many events of one business, in the order in which they happened."""
    people = [Customer(side * 1000 + n, writes_phone=n % 5 != 0, writes_id=n % 4 != 1) for n in range(25)]
    told: list[dict] = []
    failed: set[str] = set()
    for i in range(count):
        person, at = chance.choice(people), START + i // 3  # three events in each second
        base = {**person.ids(chance), "id": f"wamid.{side}.{i}", "timestamp": str(at)}
        what = chance.random()
        known = [w for p in people for w in p.written] + outbound
        if what < 0.40:
            person.written.append(base["id"])
            item = {**base, "type": "text", "text": {"body": chance.choice(WORDS)}}
        elif what < 0.75:
            wamid = chance.choice([*outbound, f"wamid.unknown.{i % 9}"])
            word = chance.choice(["sent", "delivered", "read", "played", "failed", "deleted"])
            if word == "failed" and wamid in failed:
                continue
            failed |= {wamid} if word == "failed" else set()
            code = chance.choice(REFUSALS) if word == "failed" else None
            priced = (
                {"pricing": {"type": "regular", "category": "utility"}}
                if word in ("sent", "delivered")
                else {}
            )
            told.append(business.change({"statuses": [status(wamid, word, at, code, **priced)]}))
            continue
        elif what < 0.83:
            emoji = chance.choice(["👍", "🙏", ""])
            item = {
                **base,
                "type": "reaction",
                "reaction": {"message_id": chance.choice(known), "emoji": emoji},
            }
        elif what < 0.90 and person.written:
            edited = {"type": "text", "text": {"body": f"edited {i}"}}
            item = {
                **base,
                "type": "edit",
                "edit": {"original_message_id": chance.choice(person.written), "message": edited},
            }
        elif what < 0.93 and person.written:
            item = {
                **base,
                "type": "revoke",
                "revoke": {"original_message_id": chance.choice(person.written)},
            }
        elif what < 0.96:
            old_phone, old_id = person.phone, person.user_id
            person.change += 1
            if person.writes_phone:
                news = {"type": "user_changed_number", "wa_id": person.phone, "body": "changed"}
                news |= {"user_id": person.user_id} if person.writes_id else {}
                ids = {"from": old_phone} | ({"from_user_id": old_id} if person.writes_id else {})
            else:
                news = {"type": "user_changed_user_id", "user_id": person.user_id,
                        "body": f"User X changed from {old_id} to {person.user_id}"}  # fmt: skip
                ids = {}
            item = {**ids, "id": base["id"], "timestamp": base["timestamp"], "type": "system", "system": news}
        elif what < 0.975:
            to = {"from": "to", "from_user_id": "to_user_id"}
            ids = {to[key]: value for key, value in base.items() if key in to}
            echo = {**ids, "id": base["id"], "timestamp": base["timestamp"], "type": "text"}
            echo |= {"text": {"body": f"from the phone {i}"}}
            told.append(business.change({"message_echoes": [echo]}, field="smb_message_echoes"))
            continue
        else:
            item = text(base["id"], "Hi", at, base.get("from"), base.get("from_user_id"))
            person.written.append(base["id"])
        people_of_it = [
            {"profile": {"name": f"{chance.choice('ABC')} {person.number}"}}
            | ({"wa_id": base["from"]} if "from" in base else {})
            | ({"user_id": base["from_user_id"]} if "from_user_id" in base else {})
        ]
        told.append(
            business.change(
                {"contacts": [] if item["type"] == "system" else people_of_it, "messages": [item]}
            )
        )
    return [(business, change) for change in told]


def outcome(business: Business) -> dict[str, list[str]]:
    """What the business sees, told without ids of our own and without times of storing."""
    db, org = business.db, business.org_id
    named = """
        with people as (
          select c.*, array(select i.kind || ':' || i.value from public.contact_identities i
                             where (i.org_id, i.contact_id) = (c.org_id, c.id) order by 1) || c.phone as who
            from public.contacts c where c.org_id = %s)
    """
    queries = {
        "contacts": """select to_jsonb(p) - '{id,created_at,updated_at}'::text[] from people p order by p.who""",
        "identities": """select jsonb_build_array(i.kind, i.value, i.changed_at, p.who) from people p
           join public.contact_identities i on i.contact_id = p.id order by i.kind, i.value""",
        "conversations": """select to_jsonb(c) - '{id,contact_id,created_at}'::text[] || jsonb_build_object('who', p.who)
           from people p join public.conversations c on c.contact_id = p.id order by p.who""",
        "messages": """select to_jsonb(m) - '{id,contact_id,conversation_id,created_at,at}'::text[]
             || jsonb_build_object('who', p.who, 'at', case when m.direction = 'inbound' then m.at end, 'same', c.contact_id = m.contact_id)
           from people p join public.messages m on m.contact_id = p.id
           join public.conversations c on (c.org_id, c.id) = (m.org_id, m.conversation_id) order by m.wamid""",
        "consent": """select to_jsonb(e) - '{id,contact_id,created_at}'::text[] || jsonb_build_object('who', p.who)
           from people p join public.consent_events e on e.contact_id = p.id order by e.source_ref, p.who""",
        "parked": """select to_jsonb(u.item) from private.parked_updates u, (select 1 from people limit 1) x
           where u.org_id = '%%s' order by u.wamid, u.item::text""".replace("%%s", str(org)),
    }  # fmt: skip
    return {name: [row for (row,) in db.rows(named + query, org)] for name, query in queries.items()}


def in_posts(events: list[tuple[Business, dict]], sizes: Iterator[int]) -> list[dict]:
    """Wrap the events into POSTs of the given sizes; one POST may hold both businesses."""
    posts, left = [], list(events)
    while left:
        size = next(sizes)
        take, left = left[:size], left[size:]
        entries = [webhook(change, waba=business.waba)["entry"][0] for business, change in take]
        posts.append({"object": "whatsapp_business_account", "entry": entries})
    return posts


@pytest.mark.parametrize("seed", [1])
def test_any_order_any_batches_and_every_event_twice_end_in_the_same_rows(db, seed):
    chance = random.Random(seed)  # noqa: S311
    businesses = [Business(db, fresh_org(db, name)) for name in ("One", "Two")]
    events: list[tuple[Business, dict]] = []
    for side, business in enumerate(businesses):
        ids = business.send(*[f"+9198{side * 1000 + n % 25:06d}00" for n in range(60)])
        outbound = [f"wamid.out.{side}.{n}" for n in range(60)]
        for message, wamid in zip(ids, outbound, strict=True):
            db.execute(
                "update public.messages set wamid = %s, status = 'sent' where id = %s", [wamid, message]
            )
        events += events_of(side, business, outbound, chance)

    with db.transaction() as once:
        for body in in_posts(events, iter(lambda: 8, 0)):
            assert post(db, body)["dead"] == 0, db.rows(
                "select reason, detail, item from private.dead_letters"
            )
        expected = [outcome(business) for business in businesses]
        raise Rollback(once)
    twice = events * 2
    chance.shuffle(twice)
    for body in in_posts(twice, iter(lambda: chance.choice([1, 2, 7, 40, 200]), 0)):
        assert post(db, body)["dead"] == 0, db.rows("select reason, detail, item from private.dead_letters")

    assert sum(len(rows["messages"]) for rows in expected) > 700
    for business, before in zip(businesses, expected, strict=True):
        after = outcome(business)
        for table, rows in before.items():
            assert [row for row in after[table] if row not in rows] == [], table
            assert after[table] == rows, table
