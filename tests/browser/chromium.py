"""The machine's Chromium: `python -m tests.browser.chromium` installs Debian's where root may."""

import os
import shutil
import subprocess
import sys

# The shell is the same engine without windows of its own: a page costs a third of the time.
NAMES = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
)
PACKAGES = ("chromium-headless-shell", "chromium")


def find() -> str | None:
    """Give the path of a browser to test with, or None."""
    if given := os.environ.get("FLOW_TEST_CHROMIUM"):
        return given
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def install() -> str | None:
    """Give the path of a browser, installing one of Debian's packages when there is none and this is root."""
    if (found := find()) or os.geteuid() != 0 or not shutil.which("apt-get"):
        return found
    quiet = {"env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}, "stdout": sys.stderr, "check": False}
    subprocess.run(["apt-get", "update", "-qq"], **quiet)  # type: ignore[call-overload]
    for package in PACKAGES:
        wanted = ["--no-install-recommends", package, "fonts-noto-core"]
        subprocess.run(["apt-get", "install", "-qq", "-y", *wanted], **quiet)  # type: ignore[call-overload]
        if found := find():
            return found
    return None


if __name__ == "__main__":
    print(
        install() or "There is no Chromium: the tests of the dashboard will say so (apt install chromium).",
        file=sys.stderr,
    )
