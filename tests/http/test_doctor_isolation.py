"""What `flow doctor` says of the check that organizations are kept apart."""

import pytest

from tests.http.recording import RecordingDatabase, Reply
from workers.cli.doctor_business import findings

NOW = "2026-11-29T10:00:00+00:00"
LEAKS = [{"table": "public.leads", "what": "read", "who": "member"}]
SAID = [
    pytest.param({"at": NOW, "leaks": [], "is_late": False}, ["ok"], "no way through", id="all is well"),
    pytest.param({"at": NOW, "leaks": LEAKS, "is_late": False}, ["error"], "leads (read)", id="a leak"),
    pytest.param({"at": NOW, "leaks": [], "is_late": True}, ["error"], "48 hours", id="late"),
    pytest.param({"at": None, "leaks": [], "is_late": False}, [], "", id="a new installation"),
]  # fmt: skip


@pytest.mark.parametrize(("state", "levels", "words"), SAID)
def test_doctor_tells_of_leaks_and_of_checks_that_are_missing(
    state: Reply, levels: list[str], words: str
) -> None:
    told = [one for one in findings(RecordingDatabase(isolation_state=state)) if "kept apart" in one.what]

    assert [one.level for one in told] == levels
    assert all(words in one.what for one in told)
    assert all(one.remedy for one in told if one.level == "error")
