"""Processes with pid files: recognized after a crash, stopped with the group that they lead.

A pid file keeps the moment its process started and its command line. A pid that the system has since given to
another process is therefore never mistaken for ours, and never signalled.
"""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from workers.local.stack import write_private

LOG_LIMIT = 16 << 20  # a log beyond this is kept once as NAME.log.1 when its process starts again


@dataclass(frozen=True)
class Process:
    """What tells one process from every other: its pid, when it started and what it runs."""

    pid: int
    started: str
    command: str


def look_up(pid: int) -> Process | None:
    """Give the process that has this pid now, or None when it has ended."""
    if Path("/proc/self/stat").exists():
        try:
            stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            command = (
                Path(f"/proc/{pid}/cmdline")
                .read_bytes()
                .replace(b"\0", b" ")
                .decode(errors="replace")
                .strip()
            )
        except (OSError, IndexError):
            return None
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return None if stat[0] in "ZX" else Process(pid, f"{boot} {stat[19]}", command)
    fields = ("stat=", "lstart=", "command=")
    found = [
        subprocess.run(
            ["ps", "-ww", "-o", f, "-p", str(pid)], capture_output=True, text=True, check=False
        ).stdout
        for f in fields
    ]
    state, started, command = (text.strip() for text in found)
    return Process(pid, started, command) if started and not state.startswith("Z") else None


def record(path: Path, pid: int) -> None:
    """Write the pid file of a process that runs."""
    if process := look_up(pid):
        write_private(path, json.dumps({"pid": pid, "started": process.started, "command": process.command}))


def recorded(path: Path) -> Process | None:
    """Give the process of a pid file if it is still the same one."""
    try:
        note = json.loads(path.read_text())
        pid, started = int(note["pid"]), str(note["started"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    now = look_up(pid)
    return now if now and now.started == started else None


def running(folder: Path, names: Sequence[str]) -> dict[str, int]:
    """Give the pids of those processes that run."""
    found = {name: recorded(folder / f"{name}.pid") for name in names}
    return {name: process.pid for name, process in found.items() if process}


def spawn(
    name: str,
    command: Sequence[str | Path],
    *,
    pids: Path,
    logs: Path,
    env: Mapping[str, str],
    cwd: Path | None,
    user: tuple[int, int] | None = None,
) -> "subprocess.Popen[bytes]":
    """Start a process in a session of its own, its output in NAME.log, its pid in NAME.pid."""
    log = logs / f"{name}.log"
    if log.exists() and log.stat().st_size > LOG_LIMIT:
        log.replace(log.with_suffix(".log.1"))
    with log.open("ab") as out:
        words = [str(word) for word in command]
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
            env=dict(env),
            cwd=cwd,
            user=user[0] if user else None,
            group=user[1] if user else None,
            extra_groups=[] if user else None,
        )
    record(pids / f"{name}.pid", process.pid)
    return process


def stop_group(pid: int, gently: signal.Signals, seconds: float = 10) -> None:
    """Ask the leader of a process group to end, then end whatever is left of the group."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, gently)
    end = time.monotonic() + seconds
    while look_up(pid) and time.monotonic() < end:
        time.sleep(0.02)
    kill_group(pid)


def kill_group(pid: int) -> None:
    """End every process of a group at once."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def sweep(folder: Path, signals: Mapping[str, signal.Signals]) -> list[str]:
    """Stop what a killed supervisor left behind, in the order given; say what was found."""
    found = []
    for name, gently in signals.items():
        path = folder / f"{name}.pid"
        if process := recorded(path):
            found.append(name)
            stop_group(process.pid, gently)
        path.unlink(missing_ok=True)
    return found
