"""Merges, and messages, enquiries, sends and statuses of the same people at the same moment: nothing is lost, doubled or stuck."""

import threading
from collections.abc import Callable

import psycopg

from tests.business import Business, status, text
from tests.database import Database
from tests.sql.merging import ASHA, ASHA_2, lead, merge, people, undo


def at_once(*doing: Callable[[], object]) -> list[object]:
    start, said = threading.Barrier(len(doing)), []

    def run(one: Callable[[], object]) -> None:
        start.wait()
        try:
            said.append(one())
        except psycopg.Error as error:
            said.append((error.sqlstate, error.diag.message_detail))

    threads = [threading.Thread(target=run, args=[one]) for one in doing]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return said


def test_two_members_merge_the_same_pair(
    lasting: Callable[..., Business], connect: Callable[[], Database]
) -> None:
    business = lasting()
    one, other = people(business)
    a, b, c = connect(), connect(), connect()

    said = at_once(
        lambda: merge(business, one, other, a)["merge_id"],
        lambda: merge(business, one, other, b)["merge_id"],
        lambda: merge(business, other, one, c)["merge_id"],
    )

    (done,) = business.table("public.contact_merges")
    assert all(s in (done["id"], ("PT409", "already_merged")) for s in said)
    assert len(business.table("public.contacts")) == 1


def test_messages_leads_and_results_that_arrive_during_a_merge_are_kept(
    lasting: Callable[..., Business], connect: Callable[[], Database]
) -> None:
    """Ten rounds: merge and undo while both write, enquire again, get answers and read theirs."""
    business = lasting()
    one, other = people(business)
    db, hear, ask_again, send = connect(), connect(), connect(), connect()
    before_leads = len(business.table("public.leads"))
    claim = business.claim()
    business.record(claim)
    wamids = [f"wamid.{m['message_id']}" for m in claim["messages"]]

    def on(connection: Database) -> Business:
        copy = object.__new__(Business)
        copy.__dict__ |= business.__dict__ | {"db": connection}
        return copy

    def once(n: int) -> list[object]:
        at = 1795000000 + n
        return at_once(
            lambda: merge(business, one, other, db),
            lambda: on(hear).hear(text(f"r{n}a", sender=ASHA, at=at), text(f"r{n}b", sender=ASHA_2, at=at)),
            lambda: [lead(ask_again, business.org_id, phone=f"+{p}", message=f"{n}") for p in (ASHA, ASHA_2)],
            lambda: (
                on(send).send(f"+{ASHA_2}"),
                on(send).told(*(status(w, "delivered", at) for w in wamids)),
            ),
        )

    for n in range(10):
        said = once(n)
        (merged,) = [s for s in said if isinstance(s, dict) and "merge_id" in s]
        assert [s for s in said if isinstance(s, tuple) and isinstance(s[0], str)] == []
        undo(business, merged, db)

    heard = [m["wamid"] for m in business.table("public.messages") if m["direction"] == "inbound"]
    assert len(heard) == len(set(heard)) == 22
    assert len(business.table("public.leads")) == before_leads + 20
    assert (
        business.db.value("select count(*) from private.dead_letters where org_id = %s", business.org_id) == 0
    )
    assert {c["id"] for c in business.table("public.contacts")} == {one, other}
    orphans = "select count(*) from public.messages m join public.conversations c on (c.org_id, c.id) = (m.org_id, m.conversation_id) where m.org_id = %s and c.contact_id <> m.contact_id"
    assert business.db.value(orphans, business.org_id) == 0
    assert len([m for m in business.table("public.messages") if m["status"] == "queued"]) == 10
    assert {m["status"] for m in business.table("public.messages") if m["wamid"] in wamids} == {"delivered"}
