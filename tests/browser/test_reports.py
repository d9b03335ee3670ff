"""Reports: what became of leads, how fast they were answered, what sources bring; as bars, table and file."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest
from playwright.sync_api import APIResponse, Route, expect

from tests.browser.leads import plant
from tests.browser.window import wait_for

EVIL = '=HYPERLINK("https://evil.example","Pay")'


@pytest.fixture
def seller(shop):
    """Six leads: two won by a member whose name is a formula, one lost, one answered after ten minutes."""
    leads = plant(shop, *[{"name": f"Buyer {number}", "product": "Pump"} for number in range(6)])
    shop.db.execute("update public.profiles set name = %s where id = %s", [EVIL, shop.owner_id])
    to_stage = (
        " stage_id = s.id from public.pipeline_stages s"
        " where s.org_id = l.org_id and s.kind = %s and l.org_id = %s and l.id = any (%s::uuid[])"
    )
    shop.db.execute(
        "update public.leads l set owner_id = %s, won_at = now(), value = 25000.50, currency = 'INR',"
        + to_stage,
        [shop.owner_id, "won", shop.org, leads[:2]],
    )
    shop.db.execute("update public.leads l set lost_at = now()," + to_stage, ["lost", shop.org, leads[2:3]])
    shop.db.execute(
        "insert into public.lead_clocks (org_id, lead_id, replied_at, replied_by, working_seconds)"
        " select org_id, id, received_at + interval '10 minutes', %s, 600 from public.leads where id = %s",
        [shop.owner_id, leads[0]],
    )
    return shop


def tile(page, label: str):
    return page.locator(".tiles .card").filter(has=page.locator("dt", has_text=re.compile(f"^{label}$")))


def saved(page, path: Path) -> tuple[str, list[list[str]]]:
    """Download the table that is shown: its name and rows."""
    with page.expect_download() as found:
        page.get_by_role("button", name="as CSV").click()
    found.value.save_as(path)
    content = path.read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    return found.value.suggested_filename, list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))


def test_leads_are_split_and_the_table_is_no_formula_for_a_spreadsheet(seller, window, tmp_path):
    page = window(seller.owner).page
    page.goto("/inbox")
    page.get_by_role("link", name="Reports").click()
    expect(tile(page, "Leads")).to_contain_text("6")
    expect(tile(page, "Won")).to_contain_text("33.3%")
    expect(tile(page, "Value won")).to_contain_text("₹50,001")
    expect(page.get_by_role("img", name="Added by hand: 6 leads, 2 won, 3 open, 1 lost")).to_be_visible()

    page.get_by_role("button", name="Person").click()
    expect(page.get_by_role("img", name="Nobody: 4 leads, 0 won, 3 open, 1 lost")).to_be_visible()
    page.get_by_role("button", name="As table").click()
    expect(page.get_by_role("row", name=re.compile(r"^=HYPERLINK"))).to_contain_text("₹50,001")
    name, rows = saved(page, tmp_path / "leads.csv")

    assert re.fullmatch(r"leads-person-\d{4}-\d\d-\d\d-\d{4}-\d\d-\d\d\.csv", name)
    assert rows[1:] == [
        ["Nobody", "4", "0", "0", "1", "3", "0", "0"],
        [f"'{EVIL}", "2", "1", "2", "0", "0", "50001", "0"],
        ["Total", "6", "1", "2", "1", "3", "50001", "0"],
    ]


def test_funnel_and_speed_are_read_from_the_same_leads(seller, window):
    page = window(seller.join("agent"), "phone").page
    page.goto("/reports?tab=funnel&period=month")
    expect(page.get_by_role("list", name="How leads pass").get_by_role("listitem").first).to_contain_text(
        "New3"
    )
    page.get_by_role("link", name="Speed").tap()

    expect(page).to_have_url(re.compile("period=month"))
    expect(tile(page, "First answer by a person")).to_contain_text("10 min")
    expect(tile(page, "First answer by a person")).to_contain_text("1 of 6 answered")
    expect(tile(page, "Greeting delivered")).to_contain_text("None yet")
    bar = "Added by hand: half within 10 min, nine of ten within 10 min"
    expect(page.get_by_role("img", name=bar)).to_be_visible()


def test_a_cost_is_entered_changed_and_removed_with_a_way_back_before_it_is_read_again(seller, window):
    page = window(seller.owner).page
    page.goto("/reports?tab=returns&period=month")
    page.get_by_role("button", name="Enter a cost").click()
    page.get_by_label("Amount").fill("lots")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Write an amount above 0")).to_be_visible()
    page.get_by_label("Amount").fill("1,20,000")
    page.get_by_role("button", name="Save").click()
    expect(tile(page, "Cost")).to_contain_text("₹10,000")
    expect(tile(page, "Gain")).to_contain_text("Return: 400%")

    late: list[tuple[Route, APIResponse]] = []

    def hold_the_first(route: Route) -> None:
        if late:
            route.continue_()
        else:
            late.append((route, route.fetch()))

    page.get_by_role("button", name="Change this cost").click()
    page.get_by_label("For how many months").fill("1")
    page.route("**/source_costs?*", hold_the_first)
    page.get_by_role("button", name="Save").click()
    expect(tile(page, "Gain")).to_contain_text("-₹69,999")
    wait_for(page, late)
    page.get_by_role("button", name="Remove this cost").click()
    expect(page.get_by_text("No costs entered yet")).to_be_visible()
    late[0][0].fulfill(response=late[0][1])
    page.wait_for_timeout(500)
    expect(page.get_by_text("No costs entered yet")).to_be_visible()
    page.get_by_role("button", name="Undo").click()

    expect(page.get_by_role("listitem").filter(has_text="Package")).to_contain_text("₹1,20,000")
    kept = "select amount::text, months from public.source_costs where org_id = %s"
    assert seller.db.execute(kept, [seller.org]).fetchall() == [("120000.00", 1)]


def test_agents_see_costs_and_enter_none(seller, window):
    page = window(seller.join("agent")).page
    page.goto("/reports?tab=returns")

    expect(page.get_by_text("Administrators enter costs.")).to_be_visible()
    expect(page.get_by_role("button", name="Enter a cost")).to_have_count(0)


def test_a_period_of_ones_own_is_kept_in_the_address_and_checked(seller, window):
    page = window(seller.owner).page
    page.goto("/reports?period=own&from=2026-02-01&to=2026-01-01")
    expect(page.get_by_text("The first day comes before the last")).to_be_visible()

    page.get_by_label("Until").fill("2026-02-28")
    expect(page.get_by_role("heading", name="No leads in this period")).to_be_visible()
    expect(page).to_have_url(re.compile("from=2026-02-01&to=2026-02-28"))
    page.get_by_role("button", name="Show 12 months").click()

    expect(tile(page, "Leads")).to_contain_text("6")


TABS = ("leads", "funnel", "speed", "returns")


def test_reports_without_anything_fit_a_phone(shop, window):
    opened = window(shop.owner, "phone", lang="hi")
    for tab in TABS[0], TABS[3]:
        opened.go(f"/reports?tab={tab}")
        expect(opened.page.locator(".empty").first).to_be_visible()
        assert (opened.overflows(), opened.axe()) == ([], [])
