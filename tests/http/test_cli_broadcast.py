"""`flow broadcast` asks the database one question a command, and words the answer."""

from uuid import uuid4

import pytest

from tests.http.ledger_commands import ORG, WRONG_USE, done, refused, run

BROADCAST = str(uuid4())
ONE = ["--org", ORG, "--broadcast", BROADCAST]
GIVEN = {"org_id": ORG, "broadcast_id": BROADCAST}
SHOWN = {
    "broadcast_id": BROADCAST, "name": "Diwali", "state": "paused", "total": 3,
    "paused_reason": "The number is paused",
    "counts": {"waiting": 1, "sent": 2, "delivered": 0, "read": 0, "failed": 0, "skipped": 0,
               "replied": 0},
}  # fmt: skip
PREVIEW = {
    "audience": 5, "recipients": 3, "opted_out": 1, "no_number": 1, "duplicate": 0, "currency": "INR",
    "low": "2.589300",
    "high": "2.589300", "minutes": 1, "days": 1, "unknown": 0,
    "fits_wallet": False, "fits_daily_cap": True, "fits_monthly_cap": None,
}  # fmt: skip
ASKED = [
    pytest.param(["list", "--org", ORG], "broadcasts", {"org_id": ORG}, {"broadcasts": [SHOWN]}, id="list"),
    pytest.param(["preview", *ONE], "preview_broadcast", GIVEN, PREVIEW, id="preview"),
    pytest.param(
        ["start", *ONE, "--at", "2026-12-01T09:30+05:30"], "steer_broadcast",
        GIVEN | {"step": "start", "send_at": "2026-12-01T09:30:00+05:30"}, SHOWN, id="start later",
    ),
    *(
        pytest.param([step, *ONE], "steer_broadcast", GIVEN | {"step": step}, SHOWN, id=step)
        for step in ("start", "pause", "resume", "cancel")
    ),
]  # fmt: skip


@pytest.mark.parametrize(("args", "name", "given", "answer"), ASKED)
def test_a_command_asks_one_function_and_prints_its_answer(gateway, args, name, given, answer):
    gateway.answer(name, answer)

    assert done("broadcast", *args) == answer
    assert gateway.asked == [(name, given)]


def test_people_read_where_a_broadcast_stands_and_what_one_would_cost(gateway):
    gateway.answer("broadcasts", {"broadcasts": [SHOWN]}, {"broadcasts": []})
    gateway.answer("preview_broadcast", PREVIEW)
    gateway.answer("steer_broadcast", SHOWN)

    assert "Diwali: The number is paused" in run("broadcast", "list", "--org", ORG).stdout
    assert run("broadcast", "list", "--org", ORG).stdout == "There are no broadcasts.\n"
    told = run("broadcast", "preview", *ONE).stdout
    assert "3 of 5 people would get it" in told
    assert "It costs ₹2.5893 to ₹2.5893 before GST" in told
    assert "The wallet will stop it" in told
    assert "daily cap" not in told
    assert run("broadcast", "cancel", *ONE).stdout == "The broadcast 'Diwali' is cancelled.\n"


def test_a_refusal_of_the_database_keeps_its_words(gateway):
    gateway.refuse("steer_broadcast", "The broadcast is done", "broadcast_done", status=409)

    assert refused("broadcast", "start", *ONE) == {
        "message": "The broadcast is done",
        "detail": "broadcast_done",
    }


def test_an_instant_that_is_none_is_wrong_use(gateway):
    assert run("broadcast", "start", *ONE, "--at", "soon").exit_code == WRONG_USE
    assert gateway.asked == []
