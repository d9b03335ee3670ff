"""P19, P23: a push leaves for a known push service only, for who may know, and says what the task needs."""

from collections.abc import Callable
from uuid import uuid4

import psycopg
import pytest

from tests.business import Business, text
from tests.database import Database, Person
from tests.sql.pushing import add_device, as_person, choose, claim, payloads, subscription, tend

HOSTILE = [
    "https://evil.test/x", "http://fcm.googleapis.com/x", "https://fcm.googleapis.com.evil.test/x",
    "https://fcm.googleapis.com@evil.test/x", "https://evil.test#fcm.googleapis.com/x", "https://fcm.googleapis.com:8443/x",
    "https://fcm.googleapis.com\\@evil.test/x", "https://evilnotify.windows.com/x", "https://10.0.0.1/x",
    "http://169.254.169.254/latest", "http://127.0.0.1/x", "http://localhost:80/x", "http://[::1]:80/x",
    "https://fcm.googleapis.com/x\nHost: evil.test", "file:///etc/passwd",
    f"https://fcm.googleapis.com/{'x' * 3000}",
]  # fmt: skip


@pytest.fixture
def asha(business: Business, member: Callable[..., Person]) -> Person:
    """An administrator who is told on a device."""
    who = member(business.org_id, "admin")
    add_device(business.db, business.org_id, who)
    return who


@pytest.mark.parametrize("endpoint", HOSTILE)
def test_P19_a_device_is_of_a_known_push_service(
    db: Database, business: Business, asha: Person, endpoint: str
) -> None:
    with pytest.raises(psycopg.Error) as caught, db.transaction():
        add_device(db, business.org_id, asha, subscription(endpoint))

    assert caught.value.diag.message_detail == "endpoint_unknown"


def test_P19_a_push_names_nobody_unless_person_and_organization_want_it(
    db: Database, business: Business, asha: Person
) -> None:
    business.hear(text("wamid.1", "Is it ready?"), name="Lakshmi Nair")
    tend(db)
    (plain,) = claim(db, business.org_id)
    assert "preview" not in plain["payload"]
    assert not {"Lakshmi", "ready", "9810000011"} & set(str(plain["payload"]).replace("?", " ").split())

    previews = []
    for chosen, allowed in ((True, False), (False, True), (True, True)):
        choose(db, business.org_id, asha, shows_text=chosen)
        as_person(db, asha, "select public.allow_push_text(%s, %s)", business.org_id, allowed)
        db.execute("update private.pushes set next_at = now() where org_id = %s", [business.org_id])
        (push,) = claim(db, business.org_id)
        previews.append(push["payload"].get("preview"))
    assert previews == [None, None, {"name": "Lakshmi Nair", "text": "Is it ready?"}]


SEALED = (
    "select count(*) from private.credentials"
    " where org_id = %s and kind = 'push_device' and cipher is not null"
)
LEAVING = {
    "left": "delete from public.memberships where org_id = %(org)s and user_id = %(who)s",
    "signed out": "delete from auth.sessions where user_id = %(who)s",
    "read": "update public.notifications set read_at = now() where org_id = %(org)s and user_id = %(who)s",
    "lost the rank": "update public.memberships set role = 'agent' where user_id = %(who)s",
    "organization deleted": "update public.organizations set deleted_at = now() where id = %(org)s",
}


@pytest.mark.parametrize("how", LEAVING)
def test_P19_who_may_not_know_any_more_is_told_nothing(
    db: Database, business: Business, asha: Person, how: str
) -> None:
    given = {"org": business.org_id, "who": asha.id, "session": uuid4()}
    db.execute(
        "insert into auth.sessions (id, user_id, created_at) values (%(session)s, %(who)s, now())", given
    )
    db.execute("update private.push_devices set session_id = %(session)s where user_id = %(who)s", given)
    db.execute(
        "select private.note_health(%s, %s, %s, 'statuses', 'problem', 'Words.', 'Remedy.')",
        [business.org_id, business.account_id, business.number_id],
    )
    tend(db)
    assert db.value("select count(*) from private.pushes where org_id = %s", business.org_id) == 1

    db.execute(LEAVING[how], given)

    assert payloads(db, business.org_id) == []
    assert db.value("select count(*) from private.pushes where org_id = %s", business.org_id) == 0
    is_ended = how in ("left", "signed out")
    assert db.value("select count(*) from private.push_devices where user_id = %s", asha.id) == 1 - is_ended
    assert db.value(SEALED, business.org_id) == 1 - is_ended


def test_P19_who_signs_out_ends_the_device_in_all_their_organizations(
    db: Database, business: Business, asha: Person, org: Callable[..., object], member: Callable[..., Person]
) -> None:
    given, other = subscription(), org()
    member(other, "agent", asha)
    device = add_device(db, business.org_id, asha, given)
    add_device(db, other, asha, given)  # type: ignore[arg-type]
    colleague = member(business.org_id)
    add_device(db, business.org_id, colleague)

    assert as_person(db, colleague, "select public.forget_push_devices(%s)", device) == {"forgotten": 0}
    assert as_person(db, asha, "select public.forget_push_devices(%s)", device) == {"forgotten": 2}
    assert as_person(db, asha, "select public.forget_push_devices()") == {"forgotten": 1}


def test_P23_what_can_write_to_a_device_is_sealed(db: Database, business: Business, asha: Person) -> None:
    endpoint = f"https://web.push.apple.com/{uuid4().hex}"
    add_device(db, business.org_id, asha, subscription(endpoint))

    rows = db.rows("select to_jsonb(d)::text from private.push_devices d") + db.rows(
        "select encode(cipher, 'escape') from private.credentials where kind = 'push_device'"
    )

    assert len(rows) >= 2
    assert not [row for (row,) in rows if endpoint in (row or "") or "a" * 22 in (row or "")]
