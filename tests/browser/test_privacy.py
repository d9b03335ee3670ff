"""Data and privacy: who did what, and an organization that is deleted and taken back."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from workers.dashboard.assets import FOLDER

SQL = Path(__file__).parents[2] / "sql"


def test_an_owner_deletes_the_organization_and_takes_it_back(shop, window):
    owner = window(shop.owner, "phone")
    owner.go("/settings/privacy")
    expect(owner.page.locator("dt", has_text="Leads")).to_be_visible()
    shop.add_lead()  # since the page was read
    owner.expect_fault("404 .* /rest/v1/rpc/")  # what the page asks while it is being left
    owner.page.get_by_role("button", name="Delete the organization").tap()
    dialog = owner.page.get_by_role("dialog")
    expect(dialog.get_by_text("1 lead, 1 person")).to_be_visible()
    expect(dialog.get_by_role("button", name="Delete the organization")).to_be_disabled()
    dialog.get_by_label("Type “Sunrise Pumps” to confirm").fill("Sunrise Pumps")
    dialog.get_by_role("button", name="Delete the organization").tap()

    expect(owner.page.get_by_text("Sunrise Pumps stands still and will be deleted on")).to_be_visible()
    assert shop.db.value("select deleted_at is not null from public.organizations where id = %s", shop.org)
    assert owner.axe() == []
    assert owner.overflows() == []
    owner.page.get_by_role("link", name="How it stands").tap()
    expect(owner.page.get_by_text("Everything of the organization stands still.")).to_be_visible()
    owner.page.go_back()

    owner.page.get_by_role("button", name="Keep it after all").tap()
    owner.page.get_by_role("link", name="Back").tap()
    expect(owner.page.locator("nav.nav")).to_be_visible()
    owner.go("/settings/privacy")
    expect(owner.page.get_by_text("Organization: deletion taken back")).to_be_visible()


@pytest.mark.parametrize(
    ("size", "lang", "theme"), [("phone", "hi", "dark"), ("desktop", "en", "light")], ids=["phone", "desktop"]
)
def test_a_certificate_is_read_by_everybody_and_prints_in_black_on_white(shop, window, size, lang, theme):
    certificate = {
        "started_at": "2026-11-28T20:31:00Z", "finished_at": "2026-11-28T20:34:12Z", "sha256": "9f" * 32,
        "removed": {"public.leads": 123456789, f"private.{'a_very_long_name' * 4}": 1},
        "anonymized": {"public.usage_ledger": 3},
        "kept": {"public.usage_ledger": "Books", "public.new": "x" * 400},
    }  # fmt: skip
    deletion = shop.db.value(
        "insert into private.organization_deletions (org_id, status, purge_at, finished_at, certificate)"
        " values (%s, 'purged', now(), now(), %s) returning id",
        shop.org,
        json.dumps(certificate),
    )
    anybody = window(size=size, lang=lang, theme=theme)
    anybody.go(f"/deletions/{deletion}")
    expect(anybody.page.locator(".stamp")).to_contain_text({"hi": "मिटा दिया गया", "en": "Deleted"}[lang])
    assert anybody.axe() == []
    assert anybody.overflows() == []

    anybody.page.emulate_media(media="print")
    colours = "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
    assert anybody.page.evaluate(colours) == ["rgba(0, 0, 0, 0)", "rgb(21, 32, 28)"]
    expect(anybody.page.locator("footer")).to_be_hidden()


def test_whoever_signed_in_long_ago_signs_in_again_first(shop, window):
    owner = window(shop.owner)
    owner.go("/settings/privacy")
    owner.expect_fault("403")
    owner.page.route(
        "**/rest/v1/rpc/delete_organization",
        lambda route: route.fulfill(
            status=403,
            json={"code": "PT403", "details": "sign_in_again", "message": "Sign in again.", "hint": None},
        ),
        times=1,
    )
    owner.page.get_by_role("button", name="Delete the organization").click()
    owner.page.get_by_label("Type “Sunrise Pumps” to confirm").fill("Sunrise Pumps")
    owner.page.get_by_role("dialog").get_by_role("button", name="Delete the organization").click()

    expect(owner.page.get_by_role("dialog").get_by_label("Password")).to_be_visible()


def test_administrators_read_the_audit_log_and_cannot_delete(shop, window):
    admin = window(shop.join("admin"))
    admin.go("/settings/privacy")

    expect(admin.page.get_by_text("WhatsApp: connected")).to_be_visible()
    expect(admin.page.get_by_role("button", name="Delete the organization")).to_have_count(0)

    agent = window(shop.join("agent"))
    agent.go("/settings")
    expect(agent.page.get_by_role("link", name="Team")).to_be_visible()
    expect(agent.page.get_by_role("link", name="Audit log and deletion")).to_have_count(0)


def test_everything_that_is_audited_has_words():
    said = set(re.findall(r"[,{ ](\w+): \"", (FOLDER / "pages/settings/privacy-words.js").read_text()))
    actions = {
        action
        for file in SQL.glob("*.sql")
        for action in re.findall(r"private\.audit\([^;]*?'([a-z_]+\.[a-z_]*)'", file.read_text())
    }

    assert len(actions) > 60
    missing = {word for action in actions for word in action.split(".") if word} - said
    assert missing == set()
