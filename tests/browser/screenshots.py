"""The pictures of the README, made from the demo organization: `python -m tests.browser.screenshots FOLDER`.

Starts a stack of its own, lets the demo's buyers enquire and answer, and looks at it as the demo's owner.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from tests.browser import chromium
from tests.browser.window import Window
from tests.local.flow_command import FLOW, Flow, free_port
from workers.cli.demo.seed import OWNER, PASSWORD

SHOTS = (
    ("inbox", "/inbox", (1280, 800), "light"),
    ("leads", "/leads", (1280, 800), "light"),
    ("conversation-phone", "/inbox", (360, 740), "light"),
    ("usage-dark", "/usage", (1280, 800), "dark"),
)


def main(folder: Path) -> None:
    """Make every picture."""
    path = chromium.install()
    if path is None:
        sys.exit("There is no Chromium: apt install chromium")
    with tempfile.TemporaryDirectory() as place:
        stack = Flow(Path(place) / "data", free_port())
        done = stack.run("up", "--detach", "--port", str(stack.port))
        try:
            if done.returncode:
                sys.exit(done.stderr)
            env = {"FLOW_DATA": str(stack.data)}
            subprocess.run(
                [FLOW, "demo", "--leads", "24", "--json"], check=True, env=env, stdout=subprocess.DEVNULL
            )
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
                for name, address, size, theme in SHOTS:
                    _shoot(
                        browser,
                        f"http://127.0.0.1:{stack.port}",
                        address,
                        size,
                        theme,
                        folder / f"{name}.png",
                    )
                browser.close()
        finally:
            stack.down()


def _shoot(
    browser: Browser, base: str, address: str, size: tuple[int, int], theme: str, target: Path
) -> None:
    width, height = size
    context = browser.new_context(
        viewport={"width": width, "height": height}, base_url=base, locale="en-IN",
        timezone_id="Asia/Kolkata",
        color_scheme="dark" if theme == "dark" else "light",
    )  # fmt: skip
    window = Window(context.new_page())
    window.sign_in(OWNER, PASSWORD)
    window.go(address)
    window.page.wait_for_load_state("networkidle")
    if address == "/inbox":
        window.page.locator("a[href^='/inbox/']").first.click()
        window.page.wait_for_timeout(1500)  # pictures and the window clock settle
    window.page.wait_for_timeout(700)
    window.page.screenshot(path=target)
    context.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
