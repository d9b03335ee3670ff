"""Which words name a time zone: those of the IANA database with a place in them, and nothing else that Postgres takes."""

import pytest

from tests.database import Database


def test_every_zone_with_a_place_is_known(db: Database) -> None:
    places = "select name from pg_timezone_names where name ~ '/' and name !~ '^(posix|right|SystemV)/'"

    unknown = db.rows(f"select name from ({places}) z where private.known_zone(name) is distinct from name")

    assert unknown == []
    assert db.value(f"select count(*) from ({places}) z where name = 'Asia/Kolkata'") == 1


@pytest.mark.parametrize(
    "name", ["UTC", "GMT", "Etc/GMT+5", "America/Argentina/Buenos_Aires", "Asia/Calcutta"]
)
def test_these_are_known_too(db: Database, name: str) -> None:
    assert db.value("select private.known_zone(%s)", name) == name


@pytest.mark.parametrize(
    "name",
    ["", "Mars/Olympus", "IST", "EST5EDT", "IST-5:30", "+05:30", "Asia/Nowhere5", "Asia/Kolkata ", "../etc/passwd", "posix/Asia/Kolkata", None],
)  # fmt: skip
def test_anything_else_is_none(db: Database, name: str | None) -> None:
    assert db.value("select private.known_zone(%s)", name) is None
