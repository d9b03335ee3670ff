"""Only the holder of the job secret learns anything at /jobs, even which jobs there are."""

import pytest

from tests.http.recording import RecordingDatabase, settings
from workers import create_app, jobs
from workers.errors import Unavailable

BEARER = {"Authorization": "Bearer job-secret-of-the-tests"}


@pytest.fixture
def database():
    return RecordingDatabase(
        run_due=[{"ran": "flow-sweep"}, {"ran": "flow-billing", "failed": "22012"}, {"ran": None, "jobs": []}]
    )


@pytest.fixture
def client(database):
    return create_app(settings(), database=database).test_client()


STRANGERS = [
    pytest.param({}, id="nothing"),
    pytest.param({"Authorization": "job-secret-of-the-tests"}, id="without the scheme"),
    pytest.param({"Authorization": "Bearer "}, id="empty"),
    pytest.param({"Authorization": "Bearer job-secret-of-the-test"}, id="one letter short"),
    pytest.param({"Authorization": "Bearer job-secret-of-the-testsé"}, id="not ascii"),
    pytest.param({"Authorization": "Basic am9i"}, id="another scheme"),
]


@pytest.mark.parametrize("headers", STRANGERS)
@pytest.mark.parametrize("name", ["sweep", "no-such-job", "a/b", "%00", "..%2fsweep"])
def test_stranger_is_refused_whatever_the_name(client, database, headers, name):
    reply = client.post(f"/jobs/{name}", headers=headers)

    assert reply.status_code == 401
    assert database.calls == []


def test_sweep_runs_each_chore_that_is_due_and_one_that_fails_stops_no_other(client, database):
    reply = client.post("/jobs/sweep", headers=BEARER)

    told = {"ran": ["flow-sweep", "flow-billing"], "failed": {"flow-billing": "22012"}, "jobs": []}
    assert (reply.status_code, reply.json) == (200, told)
    assert database.calls == [("run_due", {})] * 3


def test_unknown_job_is_not_found(client):
    reply = client.post("/jobs/no-such-job", headers=BEARER)

    assert (reply.status_code, reply.json["detail"]) == (404, "job_unknown")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_jobs_take_post_only(client, method):
    assert client.open("/jobs/sweep", method=method, headers=BEARER).status_code == 405


def test_job_that_is_not_done_is_called_again(client, database, monkeypatch):
    monkeypatch.setitem(jobs.JOBS, "dispatch", lambda *_: {"sent": 9, "more": True})

    client.post("/jobs/dispatch", headers=BEARER)

    assert database.named("wake") == [{"job": "dispatch"}]


def test_job_counts_stand_even_when_it_cannot_be_called_again(client, database, monkeypatch):
    monkeypatch.setitem(jobs.JOBS, "dispatch", lambda *_: {"sent": 9, "more": True})
    database.replies["wake"] = [Unavailable()]

    reply = client.post("/jobs/dispatch", headers=BEARER)

    assert (reply.status_code, reply.json["sent"]) == (200, 9)


def test_job_without_database_is_answered_503(client, database):
    database.replies["run_due"] = [Unavailable()]

    assert client.post("/jobs/sweep", headers=BEARER).status_code == 503
