"""The page Trust: how each promise stands, the check, and Flow's support: let in, looking, and out."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import pytest
from playwright.sync_api import expect

from tests.browser.shop import PASSWORD, Shop
from tests.e2e.commands import eventually
from workers.cli.org import People
from workers.settings import Settings


@pytest.fixture
def unchecked(shop: Shop) -> Iterator[Shop]:
    """A business that nothing has checked yet, nor does by itself meanwhile."""
    switch = "select cron.alter_job(jobid, active => %s) from cron.job where jobname = 'flow-isolation'"
    runs = (
        "select count(*) from cron.job_run_details d join cron.job j using (jobid)"
        " where j.jobname = 'flow-isolation' and d.status = 'running'"
    )
    shop.db.execute(switch, [False])
    eventually(lambda: shop.db.value(runs) == 0)
    shop.db.execute("delete from private.isolation_checks")
    yield shop
    shop.db.execute(switch, [True])


def test_a_new_installation_is_green_once_it_has_checked_itself(unchecked, window):
    shop = unchecked
    shop.add_lead()
    owner = window(shop.owner, at="/trust")
    line = owner.page.locator(".trust-line", has_text="No other business can reach yours")
    expect(line).to_have_class("trust-line is-warn")
    expect(line).to_contain_text("It runs by itself within a few minutes")

    shop.db.execute(shop.db.value("select command from private.chores where name = 'flow-isolation'"))
    owner.page.reload()

    expect(line).to_have_class("trust-line is-good")
    expect(line).to_contain_text("by itself.")


def test_an_owner_has_it_checked_that_nobody_reaches_their_business(shop, window):
    shop.add_lead()
    owner = window(shop.owner, "phone", at="/trust")
    owner.page.get_by_role("button", name="Check now").tap()

    expect(owner.page.get_by_text("None came through.")).to_be_visible()
    expect(owner.page.get_by_text("by an owner.")).to_be_visible()
    told = "select attempts, leaks from private.isolation_checks order by at desc limit 1"
    attempts, leaks = shop.db.row(told)
    assert (attempts > 1000, leaks) == (True, [])
    expect(owner.page.get_by_text("1 sealed")).to_be_visible()
    owner.page.get_by_text("See what for").tap()
    expect(owner.page.get_by_text("Reading templates")).to_be_visible()
    assert owner.axe() == []
    assert owner.overflows() == []

    owner.expect_fault("429")
    owner.page.get_by_role("button", name="Check now").tap()
    expect(owner.page.get_by_text("This was checked less than a minute ago.")).to_be_visible()


def test_what_leaks_stands_there_in_red_for_all_and_by_name_for_owners(shop, window):
    leaks = '[{"table": "public.leads", "what": "read", "who": "member"}]'
    shop.db.execute(
        """
        insert into private.isolation_checks
          (asked_by, took_ms, tables, with_rows, functions, attempts, leaks)
        values ('schedule', 100, 120, 90, 190, 1400, %s)
        """,
        [leaks],
    )
    try:
        owner = window(shop.owner, theme="dark", at="/trust")
        expect(owner.page.get_by_role("heading", name="1 promise does not hold")).to_be_visible()
        expect(owner.page.get_by_text("public.leads · another business could read")).to_be_visible()
        assert owner.axe() == []

        agent = window(shop.join("agent"), "phone", lang="hi", at="/trust")
        expect(agent.page.get_by_role("heading", name="1 वादा पूरा नहीं हो रहा")).to_be_visible()
        expect(agent.page.get_by_text("public.leads")).to_have_count(0)
        expect(agent.page.locator("main.page button")).to_have_count(0)
        assert agent.axe() == []
        assert agent.overflows() == []
    finally:
        shop.db.execute("delete from private.isolation_checks")


def test_support_is_let_in_looks_and_is_out(shop, window):
    helper = f"helper.{uuid4().hex[:10]}@example.com"
    People(Settings(_env_file=shop.stack.data / "settings.env")).ensure(helper, PASSWORD)
    shop.flow.done("support", "add", helper)
    shop.add_lead("Ravi Patel")
    shop.hear("The pump is late")
    owner = window(shop.owner, at="/trust")
    owner.page.get_by_role("button", name="Let support look").click()
    dialog = owner.page.get_by_role("dialog")
    dialog.get_by_label("What they are to look at").fill("Leads do not show")
    dialog.get_by_label("For how long").select_option("4 hours")
    assert owner.axe() == []
    dialog.get_by_role("button", name="Let support look").click()
    expect(owner.page.get_by_role("status").get_by_text("Flow's support can look just now.")).to_be_visible()

    looking = window(helper, at="/support")
    expect(looking.page.get_by_text("Leads do not show")).to_be_visible()
    assert looking.axe() == []
    looking.page.get_by_role("button", name="Begin to look").click()
    expect(looking.page.get_by_text("You look at Sunrise Pumps as Flow's support")).to_be_visible()
    looking.page.get_by_text("The pump is late").click()
    expect(looking.page.locator(".bubble").get_by_text("The pump is late")).to_be_visible()
    expect(looking.page.get_by_role("button", name="Send")).to_have_count(0)
    looking.page.get_by_role("link", name="Leads").click()
    expect(looking.page.get_by_text("Ravi Patel")).to_be_visible()

    owner.page.reload()
    expect(owner.page.get_by_text(helper.partition("@")[0]).first).to_be_visible()
    owner.page.get_by_role("button", name="End it now").click()
    expect(owner.page.get_by_text("Flow's people see nothing of yours")).to_be_visible()
    expect(owner.page.get_by_text("Flow's support can look just now.")).to_have_count(0)

    looking.page.reload()
    expect(looking.page.get_by_text("Ravi Patel")).to_have_count(0)
    expect(looking.page.locator(".alone h1")).to_be_visible()


def test_the_page_tells_how_long_data_is_kept_and_leads_to_each_setting(shop, window):
    shop.add_lead()
    shop.db.execute(
        "insert into private.retention_settings (org_id, class, months) values (%s, 'media', 24)", [shop.org]
    )
    owner = window(shop.owner, "phone", at="/trust")
    kept = owner.page.locator(".provider > div", has_text="Photos, videos and documents")
    expect(kept).to_contain_text("2 years")
    for name, path in (
        ("How long data is kept", "retention"),
        ("Export", "export"),
        ("Token use", "access"),
        ("Audit log and deletion", "privacy"),
    ):
        link = owner.page.locator("main.page").get_by_role("link", name=name, exact=True)
        expect(link).to_have_attribute("href", f"/settings/{path}")
    assert owner.axe() == []
    assert owner.overflows() == []

    agent = window(shop.join("agent"), at="/trust")
    expect(agent.page.get_by_role("heading", name="Old things are cleared out")).to_be_visible()
    expect(agent.page.locator('main.page a[href^="/settings"]')).to_have_count(0)


def test_signatures_are_not_called_good_because_refused_ones_are_not_counted(shop, window):
    owner = window(shop.owner, at="/trust")
    line = owner.page.locator(".trust-line", has_text="Only Meta's own updates are believed")
    expect(line).to_contain_text("Refused updates are not counted")
    expect(line).to_have_class("trust-line is-none")
