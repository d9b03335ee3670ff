"""`flow alarms` and `flow trace` ask the database one question each, and word the answer."""

from tests.http.ledger_commands import WRONG_USE, done, run

ALARM = {
    "alarm_id": 7, "severity": "critical", "state": "open", "since": "2026-11-29T10:00:00+00:00",
    "rule": "queue_old", "org_id": None, "words": "The queue does not move.", "remedy": "Start the workers.",
}  # fmt: skip
TRACE = {
    "kind": "message", "id": "12", "org_id": "an-org", "links": [{"kind": "webhook", "id": "5"}],
    "steps": [
        {"at": "2026-11-29T10:00:00.100000+00:00", "step": "queued", "kind": "message", "id": "12",
         "by": "rule"},
        {"at": "2026-11-29T10:00:03.200000+00:00", "step": "sent", "kind": "message", "id": "12",
         "by": "meta", "event_id": 5},
    ],
}  # fmt: skip


def test_alarms_are_listed_and_looked_after(gateway):
    gateway.answer("alarms", {"alarms": [ALARM]}, {"alarms": []})
    gateway.answer("acknowledge_alarm", ALARM | {"state": "acknowledged"})

    told = run("alarms", "list").stdout
    assert "7  critical  open" in told
    assert "The queue does not move." in told
    assert run("alarms", "list", "--over").stdout == "No alarm.\n"
    assert done("alarms", "ack", "7")["state"] == "acknowledged"
    assert gateway.asked == [
        ("alarms", {"is_over": False, "most": 50}),
        ("alarms", {"is_over": True, "most": 50}),
        ("acknowledge_alarm", {"alarm_id": 7}),
    ]
    assert run("alarms", "ack", "seven").exit_code == WRONG_USE


def test_a_trace_is_told_step_by_step_and_an_id_of_nothing_is_refused(gateway):
    gateway.answer("trace", {"id": "12", "found": [TRACE]}, {"id": "13", "found": []})

    told = run("trace", "12").stdout.splitlines()

    assert told[0] == "message 12 of organization an-org"
    assert told[1].split() == ["2026-11-29", "10:00:00.100", "message", "queued", "rule"]
    assert "event_id=5" in told[2]
    assert told[3] == "  linked: webhook 5"
    assert run("trace", "13").exit_code == 1
