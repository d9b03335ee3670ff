"""What `flow up`, `flow down` and `flow status` do to a stack, from outside its supervisor."""

import importlib.util
import os
import signal
import subprocess
import sys
import time
import urllib.error
from collections.abc import Callable
from pathlib import Path

from workers.local import StackError
from workers.local.processes import recorded, running, sweep
from workers.local.services import Say, ask
from workers.local.stack import PROCESSES, Stack, given_settings, refuse_hosted_project
from workers.local.state import State
from workers.local.supervisor import STOP_SIGNALS

STOP_SECONDS = 60.0
READY_SECONDS = 180.0


def is_supervised(stack: Stack) -> bool:
    """Tell whether a supervisor looks after the stack."""
    return recorded(stack.pids / "supervisor.pid") is not None


def leave_running(data: Path, port: int | None, say: Say) -> Stack:
    """Return when the stack is ready: start a supervisor that outlives this process, unless there is one."""
    refuse_hosted_project(given_settings())
    stack = Stack.find(data)
    if stack and is_supervised(stack):
        if port not in (None, stack.file.port):
            raise StackError(
                f"The stack in {stack.data} runs on port {stack.file.port}: "
                "`flow down` it first, or give other --data too.",
                "running_on_other_port",
            )
        _await_ready(stack, say)
        return stack
    stack = Stack.open(data, port)
    (stack.data / "state.json").unlink(missing_ok=True)
    log = stack.logs / "supervisor.log"
    with log.open("ab") as out:
        begin = out.tell()
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "workers.local.supervisor", "--data", str(stack.data)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        _await_ready(stack, say, supervisor, begin)
    except KeyboardInterrupt:
        supervisor.send_signal(signal.SIGTERM)
        supervisor.wait(STOP_SECONDS)
        raise
    return stack


def stop(data: Path) -> bool:
    """Stop a stack, whatever is left of it; tell whether anything ran."""
    stack = Stack.find(data)
    if not stack:
        return False
    path = stack.pids / "supervisor.pid"
    supervisor = recorded(path)
    if supervisor:
        os.kill(supervisor.pid, signal.SIGTERM)
        end = time.monotonic() + STOP_SECONDS
        while recorded(path) and time.monotonic() < end:
            time.sleep(0.05)
    left = sweep(stack.pids, {"supervisor": signal.SIGKILL} | STOP_SIGNALS)
    return bool(supervisor or left)


def status(data: Path) -> dict[str, object]:
    """Tell whether a stack is ready, where it is, and its keys."""
    stack = Stack.find(data)
    if not stack:
        return {"ready": False, "data": str(data), "pids": {}}
    pids = running(stack.pids, (*PROCESSES, "supervisor"))
    state = State.read(stack)
    wanted = {"supervisor", *(state.processes if state else ())}
    is_told = state is not None and state.phase == "ready" and wanted <= set(pids)
    found: dict[str, object] = {
        "ready": is_told and _answers(stack, "workers" in pids),
        "workers_url": stack.url("workers"),
        "api_url": stack.url("gateway"),
    }
    if importlib.util.find_spec("workers.dashboard"):
        found["dashboard_url"] = stack.url("workers") + "/"
    return found | {
        "sandbox_url": stack.url("sandbox"),
        "database_url": stack.dsn("supabase_admin"),
        "publishable_key": stack.file.publishable_key,
        "secret_key": stack.file.secret_key,
        "data": str(stack.data),
        "pids": pids,
    }


def _answers(stack: Stack, has_workers: bool) -> bool:
    """Tell whether those that people talk to answer."""
    try:
        ask(stack, "/auth/v1/health", seconds=5)
        if has_workers:
            ask(stack, "/healthz", "workers", seconds=5)
    except (OSError, urllib.error.URLError):
        return False
    return True


def _await_ready(
    stack: Stack, say: Say, supervisor: "subprocess.Popen[bytes] | None" = None, log_from: int = -1
) -> None:
    """Wait until a supervisor reports that everything is ready, and pass on what it says meanwhile."""
    tell = _follow(stack.logs / "supervisor.log", log_from, say) if log_from >= 0 else lambda: None
    end = time.monotonic() + READY_SECONDS
    while time.monotonic() < end:
        tell()
        ended = supervisor.poll() is not None if supervisor else not is_supervised(stack)
        state = State.read(stack)
        if state and state.phase == "failed" and (ended or not supervisor):
            raise StackError(state.message, state.detail or "stack_failed")
        if ended:
            raise StackError(
                f"The supervisor ended; see {stack.logs / 'supervisor.log'}.", "supervisor_ended"
            )
        if state and state.phase == "ready" and status(stack.data)["ready"]:
            return
        time.sleep(0.05)
    raise StackError(f"Not ready after {READY_SECONDS:.0f} seconds; see {stack.logs}.", "start_too_slow")


def _follow(log: Path, position: int, say: Say) -> Callable[[], None]:
    """Give a function that says the lines which were added to a log since it was last called."""

    def tell() -> None:
        nonlocal position
        with log.open("rb") as text:
            text.seek(position)
            new = text.read()
        whole = new[: new.rfind(b"\n") + 1]
        position += len(whole)
        for line in whole.decode(errors="replace").splitlines():
            say(line)

    return tell
