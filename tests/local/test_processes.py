"""Pid files: what is ours is found and stopped, what is not is left alone."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from workers.local.processes import kill_group, look_up, record, recorded, running, spawn, stop_group, sweep

SLEEPER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]
STUBBORN_CODE = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("up", flush=True)
time.sleep(60)
"""
STUBBORN = [sys.executable, "-c", STUBBORN_CODE]
PARENT_CODE = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
time.sleep(60)
"""
PARENT = [sys.executable, "-c", PARENT_CODE]


def start(folder: Path, command: list[str]) -> "subprocess.Popen[bytes]":
    process = spawn("it", command, pids=folder, logs=folder, env=os.environ, cwd=folder)
    while not (folder / "it.log").read_text().strip():
        time.sleep(0.02)
    return process


def test_running_process_is_found_by_its_pid_file(tmp_path: Path) -> None:
    process = start(tmp_path, SLEEPER)

    found = running(tmp_path, ["it", "other"])

    kill_group(process.pid)
    process.wait()
    assert found == {"it": process.pid}


def test_ended_process_is_not_found(tmp_path: Path) -> None:
    process = start(tmp_path, SLEEPER)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)  # still a zombie, which counts as ended

    assert recorded(tmp_path / "it.pid") is None
    process.wait()


def test_sweep_spares_a_process_that_was_given_the_pid_later(tmp_path: Path) -> None:
    stranger = subprocess.Popen(SLEEPER, stdout=subprocess.DEVNULL)
    record(tmp_path / "it.pid", stranger.pid)
    note = json.loads((tmp_path / "it.pid").read_text())
    (tmp_path / "it.pid").write_text(json.dumps(note | {"started": "long ago"}))

    found = sweep(tmp_path, {"it": signal.SIGTERM})

    assert (found, stranger.poll()) == ([], None)
    stranger.kill()
    stranger.wait()


@pytest.mark.parametrize("text", ["", "12", "{}", '{"pid": "x", "started": 1}', "[]"])
def test_sweep_ignores_a_broken_pid_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "it.pid").write_text(text)

    assert sweep(tmp_path, {"it": signal.SIGTERM}) == []
    assert not (tmp_path / "it.pid").exists()


def test_stubborn_process_is_killed_in_the_end(tmp_path: Path) -> None:
    process = start(tmp_path, STUBBORN)

    stop_group(process.pid, signal.SIGTERM, seconds=0.3)

    assert process.wait(5) == -signal.SIGKILL


def test_children_end_with_their_parent(tmp_path: Path) -> None:
    process = start(tmp_path, PARENT)
    child = int((tmp_path / "it.log").read_text())

    stop_group(process.pid, signal.SIGTERM)
    process.wait()

    end = time.monotonic() + 5
    while look_up(child) and time.monotonic() < end:
        time.sleep(0.02)
    assert look_up(child) is None
