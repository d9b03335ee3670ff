"""The dashboard's packages from npm, bundled into modules: `python -m workers.local.dashboard_packages`.

The lock file decides which; they land in workers/dashboard/static/vendor/, which is not in git. A
wheel carries it along, so whoever runs Flow from one needs no Node.js for it.
"""

import fcntl
import hashlib
import subprocess
import sys
from pathlib import Path

from workers.local import StackError
from workers.local.node import environment, find

FOLDER = Path(__file__).parents[1] / "dashboard"
INPUTS = ("package.json", "package-lock.json", "vendor.mjs", "icons.mjs", "vitals.mjs")
VENDOR = FOLDER / "static" / "vendor"


def digest() -> str:
    """Give what the bundle depends on, as a digest."""
    return hashlib.sha256(b"".join((FOLDER / name).read_bytes() for name in INPUTS)).hexdigest()


def build() -> Path:
    """Install what the lock file names and bundle it, once for each state of INPUTS; give its path."""
    bundle, stamp = VENDOR / "vendor.js", VENDOR / ".made-of"
    VENDOR.mkdir(parents=True, exist_ok=True)
    with (VENDOR / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = digest()
        if bundle.exists() and stamp.exists() and stamp.read_text() == wanted:
            return bundle
        node, npm = find()
        _run([*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], node)
        options = ["--bundle", "--format=esm", "--minify", "--target=es2022", "--legal-comments=none"]
        _run(
            [
                str(node),
                str(_esbuild()),
                "vendor.mjs",
                "vitals.mjs",
                *options,
                "--log-level=warning",
                f"--outdir={VENDOR}",
            ],
            node,
        )
        stamp.write_text(wanted)
    return bundle


def _esbuild() -> Path:
    return FOLDER / "node_modules" / "esbuild" / "bin" / "esbuild"


def _run(command: list[str], node: Path) -> None:
    done = subprocess.run(
        command, cwd=FOLDER, env=environment(node), capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-800:]
        raise StackError(f"The dashboard's packages could not be prepared: {said}", "npm_failed")


def main() -> int:
    """Answer `make install`."""
    try:
        build()
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
