"""P30, for one person: their leads and messages can be removed, too, and nobody brings them back."""

from __future__ import annotations

from collections.abc import Callable

from tests.business import Business
from tests.database import Database
from tests.sql.deleting import contents_of
from tests.sql.erasing import PHONE, late_lead, mark
from tests.sql.planted import plant


def test_P30_one_persons_data_is_erased_on_request(
    business: Business, db: Database, org: Callable[..., object], person: Callable[..., object]
) -> None:
    somebody = person("Vikram")
    neighbour = plant(db, org(somebody, name="Neighbours"), somebody.id, 19_501)  # type: ignore[attr-defined, arg-type]
    marked = mark(business)
    theirs = contents_of(db, neighbour.org_id)
    others = marked.others()
    assert marked.traces()

    marked.erase()

    assert marked.traces() == {}
    now = marked.others()
    assert {t for t, rows in others.items() if not set(rows) <= set(now[t])} == set()
    assert contents_of(db, neighbour.org_id) == theirs
    assert late_lead(business, f"+{PHONE}") == {"inserted": 0, "suppressed": 1}
    assert marked.traces() == {}
