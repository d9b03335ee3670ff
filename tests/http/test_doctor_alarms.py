"""What `flow doctor` says of alarms: what every rule sees just now, and whether anybody looks."""

import pytest

from tests.http.recording import RecordingDatabase, Reply
from workers.cli.doctor_business import findings

SIGN = {
    "rule": "isolation", "severity": "critical", "words": "Organizations are not kept apart.",
    "remedy": "Look.", "alarm_id": None, "since": None,
}  # fmt: skip
OPEN = SIGN | {"severity": "warning", "alarm_id": 7, "since": "2026-11-29T10:00:00+00:00"}
WELL = {"signs": [], "rules": 17, "is_late": False, "channels": []}
SAID = [
    pytest.param(WELL, [("ok", "No alarm: 17 rules")], id="all is well"),
    pytest.param(WELL | {"signs": [SIGN]}, [("error", "not kept apart.")], id="a sign that is new"),
    pytest.param(WELL | {"signs": [OPEN]}, [("warning", "(alarm 7 since 2026-11-29T10:00)")], id="an alarm"),
    pytest.param(WELL | {"is_late": True}, [("error", "Nobody looks for alarms")], id="nobody looks"),
    pytest.param(
        WELL | {"channels": [{"channel": "mail", "is_wanted": True, "error": "mail_failed"},
                             {"channel": "webhook", "is_wanted": False, "error": "receiver_refused"}]},
        [("warning", "by mail (mail_failed)"), ("ok", "No alarm")], id="one that cannot be told",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("state", "expected"), SAID)
def test_doctor_tells_what_is_wrong_now(state: Reply, expected: list[tuple[str, str]]) -> None:
    told = [
        one
        for one in findings(RecordingDatabase(look_at_alarms=state))
        if "larm" in one.what or "apart" in one.what
    ]

    assert [one.level for one in told] == [level for level, _ in expected]
    assert all(words in one.what for one, (_, words) in zip(told, expected, strict=True))
    assert all(one.remedy for one in told if one.level != "ok")
