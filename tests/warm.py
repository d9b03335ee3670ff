"""The `flow` command in a process of its own, forked from one that has imported everything already.

Half a second of imports a command would be most of what an operator's tests take. What a command does, says
and answers is the same; `tests/local` starts `flow` as a person does, from nothing.
"""

import multiprocessing
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.local.flow_command import NOT_INHERITED
from workers.cli import COMMANDS, main

_server = multiprocessing.get_context("forkserver")
_server.set_forkserver_preload([__name__, *(f"workers.cli.{module}" for module in set(COMMANDS.values()))])


def clean_environment() -> dict[str, str]:
    """The environment without what names a project or a stack."""
    return {name: value for name, value in os.environ.items() if not name.startswith(NOT_INHERITED)}


def run_flow(
    words: list[str], folder: Path, env: dict[str, str], stdin: str = "", seconds: float = 280
) -> "subprocess.CompletedProcess[str]":
    """Run one command in a folder, with nothing but this environment; how it ended and what it said."""
    with tempfile.TemporaryDirectory(prefix="flow-command-") as place:
        files = [Path(place, name) for name in ("stdin", "stdout", "stderr")]
        files[0].write_text(stdin)
        process = _server.Process(target=_flow, args=(words, folder, env, files))
        process.start()
        process.join(seconds)
        if process.exitcode is None:
            process.kill()
            raise subprocess.TimeoutExpired(words, seconds)
        return subprocess.CompletedProcess(
            ["flow", *words], process.exitcode, files[1].read_text(), files[2].read_text()
        )


def _flow(words: list[str], folder: Path, env: dict[str, str], files: list[Path]) -> None:
    os.environ.clear()
    os.environ.update(env)
    os.chdir(folder)
    for number, path in enumerate(files):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), number)
    sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    sys.argv = ["flow", *words]
    main()
