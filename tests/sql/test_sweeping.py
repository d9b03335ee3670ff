"""The sweep takes what many conversations need, in no order: it waits for none of them, and comes back."""

from collections.abc import Callable

import pytest

from tests.business import Business, status
from tests.database import Database
from tests.sql.sending import ASHA, RAVI, UNSURE


def queued_after_a_disconnect(business: Business) -> None:
    business.send(ASHA, RAVI)
    gone = "update public.whatsapp_numbers set status = 'disconnected', disconnected_at = now() where id = %s"
    business.db.execute(gone, [business.number_id])


def never_answered(business: Business) -> None:
    business.send(ASHA, RAVI)
    business.record(business.claim(), "unknown")
    business.let_pass(UNSURE)


def told_in_the_moment_of_the_answer(business: Business) -> None:
    """The status was stored while the answer was: neither saw the other."""
    business.send(ASHA, RAVI)
    business.record(business.claim(), "unknown")
    business.told(status("wamid.1", "delivered"), status("wamid.2", "delivered"))
    known = (
        "update public.messages m set wamid = 'wamid.' || k.n"
        " from (select id, row_number() over (order by id) as n from public.messages where org_id = %s) k"
        " where m.org_id = %s and m.id = k.id"
    )
    business.db.execute(known, [business.org_id, business.org_id])


def due_just_now(business: Business) -> None:
    business.send(ASHA, RAVI)
    business.record(business.claim())
    later = (
        "insert into public.scheduled_messages (org_id, conversation_id, spec, origin, send_at)"
        ' select org_id, id, \'{"kind": "template", "template": "receipt", "language": "en"}\', \'operator\','
        " now() - interval '1 minute' from public.conversations where org_id = %s"
    )
    business.db.execute(later, [business.org_id])


@pytest.mark.parametrize(
    ("arrange", "before", "after"),
    [
        pytest.param(queued_after_a_disconnect, "queued", "cancelled", id="cancelling"),
        pytest.param(never_answered, "uncertain", "queued", id="sending-again"),
        pytest.param(told_in_the_moment_of_the_answer, "uncertain", "delivered", id="late-status"),
        pytest.param(due_just_now, "sent", "queued", id="scheduled"),
    ],
)
def test_sweep_passes_over_a_conversation_that_somebody_holds_and_comes_back(
    lasting: Callable[..., Business],
    connect: Callable[[], Database],
    arrange: Callable[[Business], None],
    before: str,
    after: str,
) -> None:
    business, busy = lasting(), connect()
    arrange(business)
    person = "select id from public.contacts where org_id = %s and phone = %s"
    ours, theirs = (str(business.db.value(person, business.org_id, phone)) for phone in (ASHA, RAVI))

    def newest(contact: str) -> str:
        query = "select status from public.messages where org_id = %s and contact_id = %s order by id desc limit 1"
        return str(business.db.value(query, business.org_id, contact))

    with busy.transaction():
        busy.execute(
            "select from private.send_lanes l join public.conversations c on (c.org_id, c.id) = (l.org_id, l.conversation_id)"
            " where c.org_id = %s and c.contact_id = %s for update of l",
            [business.org_id, theirs],
        )
        business.db.execute("select private.sweep()")
        assert (newest(ours), newest(theirs)) == (after, before)
    business.db.execute("select private.sweep()")

    assert newest(theirs) == after
