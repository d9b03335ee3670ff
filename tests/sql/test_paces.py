"""Who asks too often waits, and no longer than they must."""

from datetime import timedelta

from tests.database import Database


def draw(db: Database, cost: int = 1) -> tuple[int, timedelta | None]:
    """What is left of five that fill in a minute, and how long to wait."""
    ((left, wait),) = db.rows(
        "select floor(remaining)::int, wait from private.draw('test', 'somebody', 5, interval '1 minute', %s)",
        cost,
    )
    return left, wait


def let_pass(db: Database, seconds: int) -> None:
    db.execute("update private.paces set seen_at = seen_at - make_interval(secs => %s)", [seconds])


def test_bucket_is_drawn_from_until_it_is_empty_and_fills_with_time(db: Database) -> None:
    assert [draw(db) for _ in range(5)] == [(n, None) for n in (4, 3, 2, 1, 0)]
    left, wait = draw(db)
    assert (left, wait) == (0, timedelta(seconds=13))

    let_pass(db, 13)

    assert draw(db) == (0, None)
    let_pass(db, 3600)
    assert draw(db) == (4, None)


def test_who_asks_while_it_is_empty_loses_nothing_by_it(db: Database) -> None:
    for _ in range(5):
        draw(db)

    for _ in range(3):
        let_pass(db, 3)
        assert draw(db)[1] is not None
    let_pass(db, 3)

    assert draw(db)[1] is None


def test_what_costs_more_than_there_is_takes_nothing(db: Database) -> None:
    assert draw(db, cost=6) == (5, timedelta(seconds=13))
    assert draw(db, cost=2) == (3, None)
    assert draw(db, cost=4) == (3, timedelta(seconds=13))
    assert draw(db, cost=3) == (0, None)


def test_others_have_buckets_of_their_own_and_a_clock_that_went_back_fills_none(db: Database) -> None:
    for _ in range(5):
        draw(db)
    let_pass(db, -60)

    assert draw(db)[1] is not None
    assert db.value("select (private.draw('test', 'another', 5, interval '1 minute')).remaining") == 4
