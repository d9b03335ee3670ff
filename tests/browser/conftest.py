"""A real Chromium before the running stack, a shop that is new, and people who sign in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from tests.browser.shop import PASSWORD, Shop
from tests.browser.window import Window
from tests.database import Database
from tests.e2e.commands import Commands, RunningStack

SIZES = {"desktop": (1440, 900), "tablet": (768, 1024), "phone": (360, 740)}
PATIENCE = 20_000
"""Milliseconds until something that does not come is a failure; what comes at once waits for nothing."""
expect.set_options(timeout=PATIENCE)


@pytest.fixture
def flow(stack: RunningStack, tmp_path: Path) -> Commands:
    """Runs flow commands against the stack."""
    return Commands(stack, tmp_path)


@pytest.fixture
def database(stack: RunningStack) -> Iterator[Database]:
    """The stack's database, as its owner; each statement is a transaction."""
    with Database.connect(stack.database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def shop(stack: RunningStack, flow: Commands, database: Database) -> Shop:
    """A business with an owner, a WhatsApp number at the sandbox and a template."""
    return Shop(stack, flow, database)


@pytest.fixture(scope="module")
def place(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """One business for all tests of a file."""
    with Database.connect(stack.database_url, autocommit=True) as connection:
        yield Shop(stack, Commands(stack, tmp_path_factory.mktemp("place")), connection)


@pytest.fixture
def desk(place: Shop) -> Iterator[Shop]:
    """That business; each test begins without tasks and notifications."""
    yield place
    for table in ("notifications", "tasks"):
        place.db.execute(f"delete from public.{table} where org_id = %s", [place.org])


def _session(stack: RunningStack, email: str) -> str:
    """A session of its own, as the browser of somebody who signed in keeps it."""
    answer = httpx.post(
        f"{stack.api_url}/auth/v1/token",
        params={"grant_type": "password"},
        json={"email": email, "password": PASSWORD},
        headers={"apikey": stack.publishable_key},
        timeout=30,
        trust_env=False,
    )
    return answer.raise_for_status().text


@pytest.fixture
def window(stack: RunningStack, browser: Browser) -> Iterator[Callable[..., Window]]:
    """Opens windows: `window(person, "phone", theme="dark", lang="hi", at="/leads")`.

    A person is signed in already. A test fails for any console error, policy violation or failed request
    that it did not expect. Only with `serviced=True` there is a service worker: what one fetches, no test
    can answer in a server's place.
    """
    opened: list[tuple[BrowserContext, Window]] = []

    def open_window(
        person: str | None = None,
        size: str = "desktop",
        *,
        theme: str = "light",
        lang: str = "en",
        at: str = "/inbox",
        serviced: bool = False,
    ) -> Window:
        width, height = SIZES[size]
        kept = [{"name": "flow-session", "value": _session(stack, person)}] if person else []
        context = browser.new_context(
            storage_state={"origins": [{"origin": stack.workers_url, "localStorage": kept}]},
            viewport={"width": width, "height": height},
            has_touch=size == "phone", is_mobile=size == "phone",
            color_scheme="dark" if theme == "dark" else "light", reduced_motion="reduce",
            locale="en-IN", timezone_id="Asia/Kolkata", base_url=stack.workers_url,
            service_workers="allow" if serviced else "block",
        )  # fmt: skip
        context.set_default_timeout(PATIENCE)
        context.add_cookies([{"name": "lang", "value": lang, "url": stack.workers_url}])
        made = Window(context.new_page(), at if person else None)
        opened.append((context, made))
        return made

    yield open_window
    faults = [fault for _, made in opened for fault in made.unexpected()]
    for context, _ in opened:
        context.close()
    assert not faults, "\n".join(faults)
