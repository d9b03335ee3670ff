"""What the benchmark works on: one organization, one fast number, and as many old messages as wanted."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

import psycopg

from workers.database import Database

WABA, PHONE = "550000000000001", "550000000000002"
FIRST_MOMENT = 1795000000


@dataclass
class Bench:
    """Where the benchmark's messages belong, and their bodies as Meta would send them."""

    org_id: str
    number_id: str
    clock: Iterator[int] = field(default_factory=lambda: count(FIRST_MOMENT))

    def one_message(self, name: str) -> bytes:
        """A webhook with one message of one known person."""
        return self.messages(1, name, width=1, moment=next(self.clock))

    def messages(
        self, many: int, name: str, *, people: int = 0, width: int = 200, moment: int = FIRST_MOMENT
    ) -> bytes:
        """A webhook with many messages, from `width` people counted from `people`."""
        return self._body(
            [
                {
                    "contacts": [
                        {
                            "profile": {"name": f"Buyer {people + turn % width}"},
                            "wa_id": str(919000000000 + people + turn % width),
                            "user_id": f"IN.9000{people + turn % width}",
                        }
                    ],
                    "messages": [
                        {
                            "from": str(919000000000 + people + turn % width),
                            "from_user_id": f"IN.9000{people + turn % width}",
                            "id": f"wamid.{name}.{turn}",
                            "timestamp": str(moment + turn),
                            "type": "text",
                            "text": {"body": "What is the price of the 5 HP pump?"},
                        }
                    ],
                }
                for turn in range(many)
            ]
        )

    def statuses(self, many: int, turn: int) -> bytes:
        """A webhook with many delivered statuses of old messages."""
        return self._body(
            [
                {
                    "statuses": [
                        {
                            "id": f"wamid.old.{turn * many + index}",
                            "status": "delivered",
                            "timestamp": str(FIRST_MOMENT + index),
                            "recipient_id": "919000000000",
                            "pricing": {"pricing_model": "PMP", "type": "regular", "category": "utility"},
                        }
                    ]
                }
                for index in range(1, many + 1)
            ]
        )

    def queue(self, owner: psycopg.Connection[tuple[object, ...]], many: int) -> None:
        """Queue messages, two in each of many / 2 conversations."""
        owner.execute(
            """select private.enqueue_message(c.org_id, c.number_id, c.contact_id,
                        '{"kind": "template", "text": "Hello",
                          "body": {"template": {"name": "hello", "language": {"code": "en"}}}}', 'operator')
                 from (select * from public.conversations where org_id = %s order by id limit %s) c,
                      generate_series(1, 2)""",
            (self.org_id, many // 2),
        )

    @staticmethod
    def _body(values: list[dict[str, object]]) -> bytes:
        metadata = {"display_phone_number": "91", "phone_number_id": PHONE}
        changes = [
            {"field": "messages", "value": {"messaging_product": "whatsapp", "metadata": metadata, **value}}
            for value in values
        ]
        return json.dumps(
            {"object": "whatsapp_business_account", "entry": [{"id": WABA, "changes": changes}]}
        ).encode()


def prepare(database: Database, owner: psycopg.Connection[tuple[object, ...]]) -> Bench:
    """Make the organization and its number."""
    person = str(uuid.uuid4())
    owner.execute(
        "insert into auth.users (id, email, raw_user_meta_data) values (%s, %s, '{}')",
        (person, f"bench-{person}@flow.test"),
    )
    org_id = database.rpc("create_organization", name="Bench", owner_id=person)["org_id"]
    number = {"phone_number_id": PHONE, "messages_per_second": 100_000}
    connected = database.rpc(
        "finish_connect",
        org_id=org_id,
        connection={"waba_id": WABA, "account": {"currency": "INR"}, "number": number, "token": "EAAbench"},
    )
    # Nobody at the sandbox's Meta knows this account: who asks there would be told to connect again.
    for table in ("template_syncs", "account_checks"):
        owner.execute(f"update private.{table} set next_at = 'infinity' where org_id = %s", (org_id,))
    return Bench(org_id, connected["number_id"])


def fill(owner: psycopg.Connection[tuple[object, ...]], bench: Bench, many: int) -> None:
    """Add old outbound messages in 10,000 conversations, and let Postgres know how many there are."""
    owner.execute(
        """with people as (
             insert into public.contacts (org_id, wa_id, phone)
             select %(org)s, (918000000000 + i)::text, '+' || (918000000000 + i)
               from generate_series(1, 10000) i
             returning org_id, id)
           insert into public.conversations (org_id, number_id, contact_id)
           select org_id, %(number)s, id from people""",
        {"org": bench.org_id, "number": bench.number_id},
    )
    owner.execute(
        """with threads as (
             select row_number() over () - 1 as n, id, contact_id from public.conversations
              where org_id = %(org)s
                and contact_id in (select id from public.contacts where phone like '+918%%'))
           insert into public.messages (org_id, conversation_id, contact_id, direction, kind, body, text,
                                        status, wamid, origin, at, sent_at)
           select %(org)s, t.id, t.contact_id, 'outbound', 'text', '{"text": {"body": "Thank you"}}',
                  'Thank you', 'sent', 'wamid.old.' || i, 'person', now() - i * interval '1 second', now()
             from generate_series(1, %(count)s) i join threads t on t.n = i %% 10000""",
        {"org": bench.org_id, "count": many},
    )
    owner.execute("analyze")
