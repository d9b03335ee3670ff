"""Starts the processes of a stack in order, starts again what dies, and stops everything in reverse.

`python -m workers.local.supervisor --data DIR` is what `flow up --detach` leaves running. The supervisor
keeps `state.json` current, so that `flow status` and a waiting `flow up` need not ask it anything.
"""

import argparse
import fcntl
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from workers.local import StackError
from workers.local.child import Child
from workers.local.node import install_gateway
from workers.local.postgres import Postgres
from workers.local.processes import record, sweep
from workers.local.services import Say, services
from workers.local.stack import PROCESSES, Stack, given_settings, refuse_hosted_project, write_private
from workers.local.state import State

TICK_SECONDS = 0.05
START_SECONDS = 90.0
PORT_SECONDS = 3.0  # a process that has just been killed may hold its port for a moment
STOP_SIGNALS = {name: signal.SIGINT if name == "postgres" else signal.SIGTERM for name in reversed(PROCESSES)}


class Stop(BaseException):
    """Somebody asked the supervisor to stop."""


class Supervisor:
    """Runs one stack until it is told to stop."""

    def __init__(self, stack: Stack, given: Mapping[str, str], say: Say) -> None:
        self.stack, self.given, self.say = stack, given, say
        self.children: list[Child] = []

    def run(self, when_ready: Callable[[], None] = lambda: None) -> None:
        """Start everything, call `when_ready`, and look after it until SIGTERM or Ctrl-C."""
        with _sole_supervisor(self.stack), _stop_on_signals():
            record(self.stack.pids / "supervisor.pid", os.getpid())
            try:
                self._tell("starting")
                self._prepare()
                self._start()
                self._tell("ready")
                when_ready()
                self._watch()
            except StackError as error:
                self._tell("failed", error)
                raise
            except Stop:
                pass
            finally:
                self._stop()

    def _prepare(self) -> None:
        if found := sweep(self.stack.pids, STOP_SIGNALS):
            self.say(f"stopped what an earlier run left behind: {', '.join(found)}")
        for name, port in self.stack.ports.items():
            _wait_for_port(name, port)
        node = install_gateway(self.stack.data, self.say)
        postgres = Postgres(self.stack)
        if postgres.initialize():
            self.say("made a new database")
        settings = self.stack.settings(self.given)
        write_private(
            self.stack.data / "settings.env", "".join(f"{k}={v}\n" for k, v in sorted(settings.items()))
        )
        self.children = [
            Child(service, self.stack) for service in services(self.stack, self.given, node, postgres)
        ]

    def _start(self) -> None:
        end = time.monotonic() + START_SECONDS
        while not all(child.is_ready for child in self.children):
            ready = {child.name for child in self.children if child.is_ready}
            for child in self.children:
                if ready.issuperset(child.service.needs):
                    child.advance(self.say)
                if child.failures > 2:
                    raise StackError(
                        f"{child.name} did not start. {child.last_words()}", f"{child.name}_failed"
                    )
            if time.monotonic() > end:
                late = ", ".join(child.name for child in self.children if not child.is_ready)
                raise StackError(f"Not ready after {START_SECONDS:.0f} seconds: {late}.", "start_too_slow")
            time.sleep(TICK_SECONDS)

    def _watch(self) -> None:
        told = True
        while True:
            for child in self.children:
                child.advance(self.say)
            is_ready = all(child.is_ready for child in self.children)
            if is_ready != told:
                self._tell("ready" if is_ready else "repairing")
                told = is_ready
            time.sleep(TICK_SECONDS)

    def _tell(self, phase: str, error: StackError | None = None) -> None:
        State(
            phase=phase,
            supervisor=os.getpid(),
            at=datetime.now(UTC),
            processes=[child.name for child in self.children],
            message=error and error.message,
            detail=error and error.detail,
        ).write(self.stack)

    def _stop(self) -> None:
        failed = State.read(self.stack)
        if self.children:
            self.say("stopping")
        for child in reversed(self.children):
            child.stop()
        (self.stack.pids / "supervisor.pid").unlink(missing_ok=True)
        if not failed or failed.phase != "failed":
            self._tell("stopped")


@contextmanager
def _sole_supervisor(stack: Stack) -> Iterator[None]:
    with (stack.data / "supervisor.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise StackError(f"Another `flow up` looks after {stack.data}.", "already_running") from None
        yield


@contextmanager
def _stop_on_signals() -> Iterator[None]:
    """Raise Stop at the first signal; ignore more of them while everything is being stopped."""
    wanted = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

    def stop(_signal: int, _frame: FrameType | None) -> None:
        for number in wanted:
            signal.signal(number, signal.SIG_IGN)
        raise Stop

    before = {number: signal.signal(number, stop) for number in wanted}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _wait_for_port(name: str, port: int) -> None:
    end = time.monotonic() + PORT_SECONDS
    while True:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                if time.monotonic() > end:
                    raise StackError(
                        f"Port {port} ({name}) is taken by another program: "
                        "stop it, or choose another port with --port.",
                        "port_taken",
                    ) from None
            else:
                return
        time.sleep(0.1)


def main() -> int:
    """Run detached: what is said goes to the log."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, required=True)
    started = time.monotonic()

    def say(sentence: str) -> None:
        print(f"[{time.monotonic() - started:6.2f} s] {sentence}", flush=True)

    try:
        given = given_settings()
        refuse_hosted_project(given)
        Supervisor(Stack.open(parser.parse_args().data), given, say).run(lambda: say("ready"))
    except StackError as error:
        say(str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
