"""Every page, whatever stands in it: nothing runs, nothing breaks out, and all can read it."""

from __future__ import annotations

import itertools
from uuid import UUID

import pytest

from tests.browser.hostile import MUST, make_hostile
from tests.browser.shop import PASSWORD
from tests.database import Database
from tests.sql.planted import plant
from workers.cli.org import People
from workers.settings import Settings

PARAMETERS = {
    "/inbox/:id": "conversation_id", "/leads/:id": "lead_id",
    "/broadcasts/:id": "broadcast_id", "/sequences/:id": "sequence_id", "/sequences/:id/edit": "sequence_id",
    "/help/:id": "ticket_id", "/templates/:id": "template_id", "/templates/:id/edit": "template_id",
}  # fmt: skip
_numbers = itertools.count(700)

ADDRESSES = """
async () => {
  const base = `/static/${document.documentElement.dataset.version}`
  const { pages } = await import(`${base}/pages/pages.js`)
  const { sections } = await import(`${base}/pages/settings/sections.js`)
  const framed = pages.filter(({ isAlone }) => !isAlone).map(({ path }) => path)
  const settings = sections.map(({ key }) => `/settings/${key}`)
  return [...framed.filter((path) => path !== '/settings/:section'), ...settings]
}
"""
SETTLED = """
() => document.querySelector('main.page')?.textContent.trim()
      && !document.querySelector('.skeleton, [aria-busy=true]')
"""


@pytest.fixture(scope="module")
def owners(stack):
    """The owner of an organization that has everything, all of it hostile; and the ids of what it has."""
    people = People(Settings(_env_file=stack.data / "settings.env"))
    email = f"hostile.{next(_numbers)}@example.com"
    owner = people.ensure(email, PASSWORD)
    org_id = people.create_organization("Hostile", owner)["org_id"]
    with Database.connect(stack.database_url) as db:
        planted = plant(db, UUID(org_id), UUID(str(owner)), next(_numbers))
        changed = make_hostile(db, UUID(org_id))
        db.commit()
    assert changed >= MUST, MUST - changed
    return {"email": email, "ids": planted.ids}


def addresses(window, ids):
    """Every address that the router knows, with an id where it wants one."""
    for path in window.page.evaluate(ADDRESSES):
        assert ":" not in path or path in PARAMETERS, f"say of what {path} is, in PARAMETERS"
        yield path.replace(":id", str(ids.get(PARAMETERS.get(path))))


@pytest.mark.parametrize(("size", "theme", "lang"), [("phone", "dark", "hi"), ("desktop", "light", "en")])
def test_nothing_hostile_runs_or_breaks_out_of_any_page_and_all_can_read_it(
    owners, window, size, theme, lang
):
    """A desktop opens each address; a phone walks from one to the next."""
    opened = window(owners["email"], size, theme=theme, lang=lang)
    open_ = opened.walk if size == "phone" else opened.go
    faults = []

    for path in list(addresses(opened, owners["ids"])):
        open_(path)
        opened.page.wait_for_function(SETTLED)
        faults += [f"{path}: wider than the window: {found}" for found in opened.overflows()]
        faults += [f"{path}: {found}" for found in opened.axe()]
        if opened.page.evaluate("() => window.hit"):
            faults.append(f"{path}: a script ran")

    assert not faults, "\n".join(faults)
