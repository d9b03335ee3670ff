"""`flow account close` asks the database once, and only after somebody has said yes."""

from tests.http.ledger_commands import done, run

MAIL = "meena@example.test"


def test_an_operator_closes_an_account(gateway):
    gateway.answer("close_account", {"organizations": 2})

    assert done("account", "close", MAIL, "--yes") == {"organizations": 2}
    assert gateway.asked == [("close_account", {"email": MAIL})]


def test_nothing_is_asked_of_the_database_until_somebody_says_yes(gateway):
    assert run("account", "close", MAIL, stdin="n\n").exit_code != 0
    assert gateway.asked == []
