"""Everything as one file, asked for and downloaded by an owner; and all about one person."""

from __future__ import annotations

import json
from pathlib import Path

from playwright.sync_api import expect

from workers.rights.archive import Archive


def test_an_owner_makes_an_export_downloads_it_and_deletes_it(shop, window):
    shop.add_lead()
    owner = window(shop.owner, "phone")
    owner.go("/settings/export")
    owner.page.get_by_role("button", name="Make an export").tap()

    expect(owner.page.get_by_text("Ready", exact=True)).to_be_visible(timeout=30_000)
    assert owner.axe() == []
    assert owner.overflows() == []
    expect(owner.page.get_by_role("button", name="Make an export")).to_be_disabled()
    with owner.page.expect_download() as download:
        owner.page.get_by_role("button", name="Download").tap()
    assert download.value.suggested_filename.startswith("flow-export-")
    with Archive([Path(download.value.path())]) as archive:
        archive.check()
        assert archive.manifest["organization"]["name"] == "Sunrise Pumps"
        assert archive.files["data/leads.jsonl"]["rows"] == 1

    owner.page.get_by_role("button", name="Delete the file").tap()
    owner.page.get_by_role("dialog").get_by_role("button", name="Delete the file").tap()
    expect(owner.page.get_by_text("Deleted", exact=True)).to_be_visible()
    owner.go("/settings/privacy")
    expect(owner.page.get_by_text("Organization: export downloaded")).to_be_visible()


def test_whoever_signed_in_long_ago_signs_in_again_before_an_export(shop, window):
    owner = window(shop.owner)
    owner.go("/settings/export")
    owner.expect_fault("403")
    owner.page.route(
        "**/rest/v1/rpc/request_export",
        lambda route: route.fulfill(
            status=403,
            json={"code": "PT403", "details": "sign_in_again", "message": "Sign in again.", "hint": None},
        ),
        times=1,
    )
    owner.page.get_by_role("button", name="Make an export").click()

    expect(owner.page.get_by_role("dialog").get_by_label("Password")).to_be_visible()


def test_administrators_download_all_data_of_a_person_and_agents_do_not(shop, window):
    lead = shop.add_lead()
    admin = window(shop.join("admin"))
    admin.go(f"/leads/{lead}")
    with admin.page.expect_download() as download:
        admin.page.get_by_role("button", name="Download this person's data").click()
    told = json.loads(Path(download.value.path()).read_text())
    assert [row["id"] for row in told["data"]["public.leads"]] == [str(lead)]
    admin.go("/settings")
    expect(admin.page.get_by_role("link", name="Audit log and deletion")).to_be_visible()
    expect(admin.page.get_by_role("link", name="Export", exact=True)).to_have_count(0)

    agent = window(shop.join("agent"))
    agent.go(f"/leads/{lead}")
    expect(agent.page.get_by_role("heading", name="Person")).to_be_visible()
    expect(agent.page.get_by_role("button", name="Download this person's data")).to_have_count(0)
