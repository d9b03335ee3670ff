"""One process under the supervisor: started, watched until it is ready, started again when it dies."""

import os
import re
import subprocess
import time
import urllib.error

import psycopg

from workers.local import StackError
from workers.local.processes import kill_group, spawn, stop_group
from workers.local.services import Say, Service
from workers.local.stack import Stack

AN_ERROR = re.compile(r"([\w.]*(Error|Exception|FATAL|Flow cannot)\b.*:)")
READY_SECONDS = 60.0
BACKOFF_SECONDS = (0.0, 0.3, 1.0, 2.0, 5.0, 10.0)
STABLE_SECONDS = 30.0  # a process that lived this long starts again at once
PASSING = (OSError, urllib.error.URLError, psycopg.Error, StackError)


class Child:
    """Keeps one service running. `advance` takes the next step, if there is one, and never waits long."""

    def __init__(self, service: Service, stack: Stack) -> None:
        self.service, self.stack, self.name = service, stack, service.name
        self.process: subprocess.Popen[bytes] | None = None
        self.is_ready, self.failures = False, 0
        self.started_at = self.not_before = 0.0
        self.log, self.log_from = stack.logs / f"{service.name}.log", 0
        self.fault = ""

    def advance(self, say: Say) -> None:
        """Start the process, notice that it is ready, or notice that it died."""
        now = time.monotonic()
        if self.process is None:
            if now >= self.not_before and self.service.may_start():
                self._start()
        elif _has_ended(self.process.pid):
            kill_group(self.process.pid)  # before the pid can be given to another
            self._failed(say, f"{self.name} ended with {self.process.wait()}")
        elif not self.is_ready:
            if self._says_ready():
                self._complete(say)
            elif now - self.started_at > READY_SECONDS:
                stop_group(self.process.pid, self.service.stop_with, 5)
                self.process.wait()
                self._failed(say, f"{self.name} was not ready after {READY_SECONDS:.0f} seconds")

    def stop(self) -> None:
        """Stop the process and whatever it started."""
        if self.process is not None:
            stop_group(self.process.pid, self.service.stop_with)
            self.process.wait()
            self.process = None
        (self.stack.pids / f"{self.name}.pid").unlink(missing_ok=True)

    def last_words(self) -> str:
        """Give the reason of the last failure, and where to read more."""
        said = ""
        if self.log.exists():
            with self.log.open("rb") as log:
                log.seek(self.log_from)
                lines = [line.strip() for line in log.read().decode(errors="replace").splitlines()]
            errors = [line for line in lines if AN_ERROR.match(line)] or [line for line in lines if line]
            said = errors[-1] if errors else ""
        return " ".join(
            part for part in (f"{self.fault}.", said and f"It said: {said}.", f"See {self.log}.") if part
        )

    def _start(self) -> None:
        self.log_from = self.log.stat().st_size if self.log.exists() else 0
        self.started_at = time.monotonic()
        self.process = spawn(
            self.name,
            self.service.command,
            pids=self.stack.pids,
            logs=self.stack.logs,
            env=self.service.env,
            cwd=self.stack.data if not self.service.user else None,
            user=self.service.user,
        )
        if self.log.stat().st_size < self.log_from:  # a new log was begun
            self.log_from = 0

    def _says_ready(self) -> bool:
        assert self.process  # noqa: S101 (for the type checker)
        if self.service.is_ready:
            return self.service.is_ready(self.process.pid)
        with self.log.open("rb") as log:
            log.seek(self.log_from)
            return self.service.ready_word in log.read()

    def _complete(self, say: Say) -> None:
        try:
            self.service.once_ready(say)
        except PASSING as error:
            self.fault = str(error).strip()
            if isinstance(error, StackError):
                raise
            if time.monotonic() - self.started_at > READY_SECONDS:
                raise StackError(f"{self.name}: {self.fault}", f"{self.name}_failed") from error
            return  # tried again at the next step
        self.is_ready = True
        say(f"{self.name} is ready")

    def _failed(self, say: Say, fault: str) -> None:
        self.failures = 1 if time.monotonic() - self.started_at > STABLE_SECONDS else self.failures + 1
        pause = BACKOFF_SECONDS[min(self.failures, len(BACKOFF_SECONDS)) - 1]
        self.process, self.is_ready, self.fault = None, False, fault
        self.not_before = time.monotonic() + pause
        say(f"{fault}: starting it again" + (f" in {pause:g} s" if pause else ""))


def _has_ended(pid: int) -> bool:
    """Tell whether a child has ended, and leave its pid taken until it is waited for."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None
