"""The `flow` command, as a person runs it."""

import json
import os
import random
import socket
import subprocess
import sys
from pathlib import Path

FLOW = Path(sys.executable).with_name("flow")
ROWS = 8
NOT_INHERITED = ("SUPABASE_", "FLOW_", "META_", "INDIAMART_", "GOOGLE_", "RAZORPAY_")


class Flow:
    """The `flow` command, run for one data directory and port."""

    def __init__(self, data: Path, port: int) -> None:
        self.data, self.port = data, port

    def run(self, *words: str, env: dict[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
        """Run one command from the folder above the data directory."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith(NOT_INHERITED)}
        return subprocess.run(
            [FLOW, *words, "--data", str(self.data), "--json"],
            cwd=self.data.parent,
            env=clean | {"FLOW_PG_FSYNC": "off"} | (env or {}),
            capture_output=True,
            text=True,
            timeout=240,
        )

    def up(self, *words: str, env: dict[str, str] | None = None) -> dict:
        """Start or repair; the status."""
        done = self.run("up", "--detach", "--no-demo", "--port", str(self.port), *words, env=env)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def status(self) -> dict:
        """The status."""
        return json.loads(self.run("status").stdout)

    def down(self) -> dict:
        """Stop."""
        return json.loads(self.run("down").stdout)


def free_port() -> int:
    """The first of six free ports outside the range that the system hands out by itself.

    Others may look before anybody listens: test processes that run side by side look in rows of their own.
    """
    row = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % ROWS
    while True:
        # Above 10080, the last port that browsers refuse to call.
        port = random.SystemRandom().randrange(11_000 + 10 * row, 30_000, 10 * ROWS)
        sockets = [socket.socket() for _ in range(6)]
        try:
            for offset, probe in enumerate(sockets):
                probe.bind(("127.0.0.1", port + offset))
        except OSError:
            continue
        finally:
            for probe in sockets:
                probe.close()
        return port
