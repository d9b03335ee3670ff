"""`flow up`, `flow down` and `flow status`, from nothing to a crash of everything."""

import json
import os
import signal
import socket
import stat
import time
from pathlib import Path

import psycopg
import pytest

from tests.local.flow_command import Flow, free_port

NAMES = ("postgres", "storage", "gateway", "scheduler", "sandbox", "workers", "supervisor")


def test_status_names_everything(up: dict, flow: Flow) -> None:
    found = flow.status()

    assert found["ready"] is True
    assert set(found) >= {
        "workers_url", "api_url", "sandbox_url", "database_url", "publishable_key", "secret_key", "data"
    }  # fmt: skip
    assert set(found["pids"]) == set(NAMES)
    assert found["workers_url"] == f"http://127.0.0.1:{flow.port}"


def test_secrets_are_readable_by_their_owner_only(up: dict) -> None:
    data = Path(up["data"])

    modes = {name: stat.S_IMODE((data / name).stat().st_mode) for name in ("stack.json", "settings.env")}

    assert modes == {"stack.json": 0o600, "settings.env": 0o600}


def test_no_password_is_on_a_command_line(up: dict) -> None:
    file = json.loads((Path(up["data"]) / "stack.json").read_text())
    secrets = [
        v for k, v in file.items() if k.endswith(("password", "secret", "_key")) and k != "publishable_key"
    ]

    lines = [Path(f"/proc/{pid}/cmdline").read_text() for pid in up["pids"].values()]

    assert not [line for line in lines for secret in secrets if secret in line]


def test_database_keeps_what_it_said_it_kept(up: dict) -> None:
    with psycopg.connect(up["database_url"]) as connection:
        found = connection.execute("select current_setting('synchronous_commit')").fetchone()

    assert found == ("on",)


def test_queued_request_leaves_after_commit_and_its_answer_is_kept(up: dict) -> None:
    with psycopg.connect(up["database_url"], autocommit=True) as connection:
        url = up["workers_url"] + "/healthz"
        with connection.transaction():
            (number,) = connection.execute("select net.http_get(%s)", (url,)).fetchone()
            time.sleep(0.3)
            early = connection.execute("select from net._http_response where id = %s", (number,)).fetchall()

        answer = _soon(connection, "select status_code from net._http_response where id = %s", number)

    assert (early, answer) == ([], (200,))


def test_scheduled_command_runs_as_its_owner(up: dict) -> None:
    with psycopg.connect(up["database_url"], autocommit=True) as connection:
        connection.execute("set session authorization postgres")
        (job,) = connection.execute(
            "select cron.schedule('it', '1 second', 'select current_user')"
        ).fetchone()

        run = _soon(
            connection,
            "select username, status from cron.job_run_details where jobid = %s and end_time is not null",
            job,
        )
        connection.execute("select cron.unschedule('it')")

    assert run == ("postgres", "succeeded")


def test_second_up_starts_nothing(up: dict, flow: Flow) -> None:
    before = flow.status()["pids"]

    again = flow.up()

    assert again["pids"] == flow.status()["pids"] == before


def test_other_port_for_a_running_stack_is_refused(up: dict, flow: Flow) -> None:
    done = flow.run("up", "--detach", "--port", str(flow.port + 10))

    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["detail"] == "running_on_other_port"


@pytest.mark.parametrize("name", [name for name in NAMES if name != "supervisor"])
def test_killed_process_is_started_again(up: dict, flow: Flow, name: str) -> None:
    before = flow.status()["pids"]
    os.kill(before[name], signal.SIGKILL)

    after = flow.up()["pids"]

    assert after[name] != before[name]
    assert {k: v for k, v in after.items() if k != name} == {k: v for k, v in before.items() if k != name}


def test_up_repairs_after_the_supervisor_was_killed(up: dict, flow: Flow) -> None:
    before = flow.status()["pids"]
    os.kill(before["supervisor"], signal.SIGKILL)

    after = flow.up()

    assert after["ready"] is True
    assert not set(after["pids"].values()) & set(before.values())


def test_up_repairs_after_everything_was_killed_and_commits_survive(up: dict, flow: Flow) -> None:
    with psycopg.connect(flow.status()["database_url"], autocommit=True) as connection:
        connection.execute("create table if not exists public.survivors (id int)")
        connection.execute("insert into public.survivors values (1)")
    pids = flow.status()["pids"]
    for name in ("supervisor", *(name for name in pids if name != "supervisor")):
        os.kill(pids[name], signal.SIGKILL)

    found = flow.up()

    with psycopg.connect(found["database_url"], autocommit=True) as connection:
        rows = connection.execute("select count(*) from public.survivors").fetchone()
        connection.execute("drop table public.survivors")
    assert (found["ready"], rows) == (True, (1,))


def test_down_stops_everything_also_without_supervisor(up: dict, flow: Flow) -> None:
    before = flow.up()["pids"]
    os.kill(before["supervisor"], signal.SIGKILL)

    answer = flow.down()

    assert answer["stopped"] is True
    assert flow.status()["pids"] == {}
    assert flow.status()["ready"] is False
    assert [pid for pid in before.values() if Path(f"/proc/{pid}/cmdline").exists() and _is_alive(pid)] == []


def test_down_is_content_when_nothing_runs(tmp_path: Path) -> None:
    assert Flow(tmp_path / "none", 7300).down()["stopped"] is True


def test_taken_port_is_refused_by_name(tmp_path: Path) -> None:
    port = free_port()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port + 1))
        taken.listen()

        done = Flow(tmp_path / "data", port).run("up", "--detach", "--port", str(port))

    error = json.loads(done.stdout)["error"]
    assert (done.returncode, error["detail"]) == (1, "port_taken")
    assert f"{port + 1} (gateway)" in error["message"]


@pytest.mark.parametrize(("port", "blocked"), [(6000, 6000), (5059, 5060), (6661, 6665), (10075, 10080)])
def test_port_that_no_browser_opens_is_refused_and_nothing_is_made(
    tmp_path: Path, port: int, blocked: int
) -> None:
    done = Flow(tmp_path / "data", port).run("up", "--detach", "--port", str(port))

    error = json.loads(done.stdout)["error"]
    assert (done.returncode, error["detail"]) == (1, "port_blocked")
    assert f"no browser opens {blocked}" in error["message"]
    assert not (tmp_path / "data").exists()


def test_hosted_project_in_the_environment_is_refused(tmp_path: Path) -> None:
    env = {"SUPABASE_URL": "https://abcdefgh.supabase.co"}

    done = Flow(tmp_path / "data", 7300).run("up", "--detach", env=env)

    assert (done.returncode, json.loads(done.stdout)["error"]["detail"]) == (1, "hosted_project")


def _soon(connection: "psycopg.Connection[tuple]", query: str, *args: object) -> tuple | None:
    end = time.monotonic() + 5
    while time.monotonic() < end:
        if row := connection.execute(query, args).fetchone():
            return row
        time.sleep(0.02)
    return None


def _is_alive(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
