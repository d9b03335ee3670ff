"""`flow retention` asks the database one question a command, and words the answer."""

from uuid import uuid4

import pytest

from tests.http.ledger_commands import ORG, WRONG_USE, done, run

HOLD, CONTACT = str(uuid4()), str(uuid4())
HELD, LIFTED = {"hold_id": HOLD, "is_lifted": False}, {"hold_id": HOLD, "is_lifted": True}
COUNTS = {"conversations": {"rows": 12, "messages": 10, "contacts": 2}, "audit": {"rows": 0}}
ASKED = [
    pytest.param(["dry-run", "--org", ORG], "retention_dry_run", {"org_id": ORG}, COUNTS, id="dry run"),
    pytest.param(
        ["hold", "--org", ORG, "--reason", "An order"], "set_legal_hold",
        {"org_id": ORG, "reason": "An order"}, HELD, id="hold everything",
    ),
    pytest.param(
        ["hold", "--org", ORG, "--reason", "An order", "--contact", CONTACT], "set_legal_hold",
        {"org_id": ORG, "reason": "An order", "contact_id": CONTACT}, HELD, id="hold one contact",
    ),
    pytest.param(
        ["lift", "--org", ORG, "--hold", HOLD], "set_legal_hold",
        {"org_id": ORG, "hold_id": HOLD}, LIFTED, id="lift",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("args", "name", "given", "answer"), ASKED)
def test_a_command_asks_one_function_and_prints_its_answer(gateway, args, name, given, answer):
    gateway.answer(name, answer)

    assert done("retention", *args) == answer
    assert gateway.asked == [(name, given)]


def test_people_read_what_would_go_and_that_a_hold_stands(gateway):
    gateway.answer("retention_dry_run", COUNTS, {"audit": {"rows": 0}})
    gateway.answer("set_legal_hold", HELD, LIFTED)

    told = run("retention", "dry-run", "--org", ORG).stdout
    assert "conversations    12" in told
    assert "audit" not in told
    assert run("retention", "dry-run", "--org", ORG).stdout == "Nothing would go.\n"
    assert "stands" in run("retention", "hold", "--org", ORG, "--reason", "An order").stdout
    assert "is lifted" in run("retention", "lift", "--org", ORG, "--hold", HOLD).stdout


def test_a_hold_without_a_reason_is_wrong_use(gateway):
    assert run("retention", "hold", "--org", ORG).exit_code == WRONG_USE
    assert gateway.asked == []
