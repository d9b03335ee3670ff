"""Keeping data, token use and the consent log: what goes is shown before it is set, and a hold stops it."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from playwright.sync_api import expect


def old_messages(shop, many: int = 3) -> None:
    """Messages of two years ago, from somebody whose lead is still open."""
    sender = shop.hear("Hello from long ago")
    shop.db.execute(
        """
        insert into public.messages
          (org_id, conversation_id, contact_id, direction, kind, body, text, status, origin, at, created_at)
        select c.org_id, c.id, c.contact_id, 'inbound', 'text', '{}', 'Old', 'received', 'customer', at, at
          from public.conversations c
          join public.contacts p on (p.org_id, p.id) = (c.org_id, c.contact_id) and p.wa_id = %s,
               generate_series(1, %s) n, (select now() - interval '2 years') t (at)
         where c.org_id = %s
        """,
        [sender, many, shop.org],
    )


@pytest.mark.parametrize("size", ["phone", "desktop"])
def test_an_owner_sees_what_goes_before_it_is_set_and_a_hold_stops_it(shop, window, size):
    old_messages(shop)
    owner = window(shop.owner, size)
    owner.go("/settings/retention")
    card = owner.page.locator("section.card", has_text="Messages and contacts")
    expect(card.get_by_role("combobox")).to_have_value("")
    expect(card.get_by_role("button", name="Review and save")).to_be_disabled()

    card.get_by_role("combobox").select_option("12")
    card.get_by_role("button", name="Review and save").click()
    dialog = owner.page.get_by_role("dialog")
    expect(dialog.get_by_text("The coming night removes 3 messages.")).to_be_visible()
    dialog.get_by_role("button", name="Save").click()
    expect(owner.page.get_by_text("Saved. It counts from the coming night on.")).to_be_visible()
    expect(card.get_by_role("combobox")).to_have_value("12")
    months = "select months from private.retention_settings where org_id = %s and class = 'conversations'"
    assert shop.db.value(months, shop.org) == 12

    owner.page.get_by_role("button", name="Hold everything").click()
    owner.page.get_by_label("Why").fill("Dispute about order 12")
    owner.page.get_by_role("dialog").get_by_role("button", name="Hold everything").click()
    expect(owner.page.get_by_text("A legal hold stands: nothing is removed.")).to_be_visible()
    assert owner.overflows() == []
    assert owner.axe() == []
    owner.page.get_by_role("button", name="Lift the hold").click()
    owner.page.get_by_role("dialog").get_by_role("button", name="Lift the hold").click()
    expect(owner.page.get_by_text("Nothing is held.")).to_be_visible()


def test_an_administrator_reads_how_long_things_live_and_cannot_change_it(shop, window):
    admin = window(shop.join("admin"))
    admin.go("/settings/retention")

    expect(admin.page.get_by_text("Owners can change this.")).to_be_visible()
    expect(admin.page.get_by_role("combobox").first).to_be_disabled()
    expect(admin.page.get_by_role("button", name="Review and save")).to_have_count(0)
    expect(admin.page.get_by_role("button", name="Hold everything")).to_have_count(0)
    expect(admin.page.get_by_text("Eight financial years")).to_be_visible()
    expect(admin.page.get_by_role("link", name="Token use")).to_have_count(0)


def test_an_owner_sees_who_used_which_token_and_never_a_piece_of_it(shop, window):
    shop.db.execute(
        """
        insert into private.credential_reads (org_id, credential_id, purpose, at, reads)
        select org_id, credential_id, 'dispatch', date_trunc('minute', now()) - n * interval '1 day', n
          from public.whatsapp_accounts, generate_series(1, 60) n where org_id = %s
        """,
        [shop.org],
    )
    owner = window(shop.owner, "phone", lang="hi")
    owner.go("/settings/access")

    expect(owner.page.get_by_text("WhatsApp टोकन").first).to_be_visible()
    expect(owner.page.get_by_text("संदेश भेजना").first).to_be_visible()
    shown = owner.page.locator("section.card").nth(1).locator(".retention-line")
    before = shown.count()
    owner.page.get_by_role("button", name="और पुराने").tap()
    expect(owner.page.get_by_text("60 बार")).to_be_visible()
    assert shown.count() > before
    assert shop.business.token[-4:] not in owner.page.locator("main").inner_text()
    assert owner.overflows() == []
    assert owner.axe() == []


def test_the_consent_log_is_read_and_downloaded_without_a_formula_in_it(shop, window):
    sender = shop.hear("STOP")
    shop.db.execute(
        "update public.contacts set name = '=HYPERLINK(\"http://x\")' where org_id = %s and wa_id = %s",
        [shop.org, sender],
    )
    agent = window(shop.join("agent"), theme="dark")
    agent.go("/settings/consent")
    expect(agent.page.get_by_text("“STOP”")).to_be_visible()
    agent.page.get_by_role("button", name="Agreed").click()
    expect(agent.page.get_by_text("Nobody has decided yet")).to_be_visible()
    agent.page.get_by_role("button", name="All", exact=True).click()

    with agent.page.expect_download() as download:
        agent.page.get_by_role("button", name="Download (CSV)").click()

    lines = list(csv.reader(io.StringIO(Path(download.value.path()).read_text("utf-8-sig"))))
    assert lines[0][:3] == ["When (UTC)", "Decision", "Source"]
    assert (lines[1][1], lines[1][2]) == ("opt_out", "inbound")
    assert lines[1][4] == '\'=HYPERLINK("http://x")'
    assert lines[1][5] == f"'+{sender}"
    assert agent.axe() == []
