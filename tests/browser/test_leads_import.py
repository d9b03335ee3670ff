"""A file becomes leads, its errors a file, and all of it is taken back; and how leads are set up."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from tests.browser.window import hold, wait_for

FILE = """नाम,मोबाइल नंबर,शहर,उत्पाद,दिनांक
रमेश कुमार,9810012345,जयपुर,पंप,12/11/2026
सीता देवी,9810012346,पुणे,मोटर,13/11/2026
गलत नंबर,12,दिल्ली,पंप,
=मोहन,,दिल्ली,पंप,
"""


def test_a_file_in_hindi_is_matched_checked_stored_and_taken_back(shop, window):
    opened = window(shop.owner)
    page = opened.page
    page.goto("/leads/import")
    page.locator("input[type=file]").set_input_files(
        {"name": "ग्राहक.csv", "mimeType": "text/csv", "buffer": FILE.encode()}
    )
    expect(page.get_by_label("The column “मोबाइल नंबर” is")).to_have_value("phone")
    expect(page.get_by_label("The column “नाम” is")).to_have_value("name")
    page.get_by_label("The column “दिनांक” is").select_option("")

    page.get_by_role("button", name="Check").click()
    expect(page.locator("[data-count=new]")).to_have_text("2")
    expect(page.locator("[data-count=error]")).to_have_text("2")
    expect(page.get_by_text("Nobody is messaged.")).to_be_visible()
    page.reload()
    expect(page.locator("[data-count=new]")).to_have_text("2")  # where one was, after a reload
    expect(page.get_by_label("The column “दिनांक” is")).to_have_value("")
    with page.expect_response("**/rpc/confirm_import"):
        page.get_by_role("button", name="Import 2 new leads").click()
    page.get_by_role("button", name="Back").click()
    expect(page.locator(".past")).to_contain_text("Done")  # it is followed here too
    page.locator(".past a").click()
    expect(page.get_by_role("heading", name="2 new leads imported")).to_be_visible()
    expect(page.get_by_role("row", name="4")).to_contain_text("Not a complete phone number")
    with page.expect_download() as downloading:
        page.get_by_role("button", name="Download all as CSV").click()
    errors = Path(downloading.value.path()).read_text("utf-8-sig").splitlines()
    assert errors[0] == "row,column,code,value"
    assert [line.split(",")[0] for line in errors[1:]] == ["4", "5"]
    names = {
        row[0]
        for row in shop.db.execute("select c.name from public.contacts c where c.org_id = %s", [shop.org])
    }
    assert names == {"रमेश कुमार", "सीता देवी"}

    page.get_by_role("button", name="Back").click()
    expect(page.locator(".past")).to_contain_text("ग्राहक.csv")
    held = hold(page, "**/rpc/undo_import", times=1)
    page.locator(".past").get_by_role("button", name="Undo import").click()
    page.get_by_role("dialog").get_by_role("button", name="Undo import").click()
    wait_for(page, held)
    page.locator(".past a").click()
    expect(page.get_by_role("heading", name="2 new leads imported")).to_be_visible()
    held[0].continue_()

    expect(page.get_by_text("2 leads were taken back.")).to_be_visible()
    assert shop.db.execute("select count(*) from public.leads where org_id = %s", [shop.org]).fetchone() == (
        0,
    )


def test_the_same_file_again_is_asked_about_and_what_is_no_sheet_is_refused(shop, window):
    opened = window(shop.owner, "phone")
    opened.expect_fault("status of 409")
    page = opened.page
    page.goto("/leads/import")
    page.locator("input[type=file]").set_input_files(
        {"name": "leads.pdf", "mimeType": "application/pdf", "buffer": b"%PDF"}
    )
    expect(page.get_by_role("alert")).to_contain_text("not a CSV or XLSX file")
    file = {"name": "leads.csv", "mimeType": "text/csv", "buffer": FILE.encode()}
    page.locator("input[type=file]").set_input_files(file)
    expect(page.get_by_label("The column “नाम” is")).to_be_visible()
    page.get_by_role("button", name="Back").tap()
    expect(page.locator(".past")).to_contain_text("Waits for you")

    page.locator("input[type=file]").set_input_files(file)

    expect(page.get_by_role("dialog")).to_contain_text("This file was uploaded before")
    page.get_by_role("button", name="Import it again").tap()
    expect(page.get_by_label("The column “नाम” is")).to_be_visible()
    assert opened.axe() == []
    assert opened.overflows() == []


def test_an_agent_sees_imports_but_cannot_begin_one_nor_set_up_leads(shop, window):
    page = window(shop.join(), "phone").page
    page.goto("/leads/import")
    expect(page.get_by_text("Only administrators import files")).to_be_visible()
    expect(page.locator("input[type=file]")).to_have_count(0)

    page.goto("/leads/setup")

    expect(page.get_by_role("heading", name="This page is for administrators")).to_be_visible()


def test_stages_are_made_put_in_order_and_removed_with_their_leads_moved(shop, window):
    opened = window(shop.owner)
    opened.expect_fault("status of 409")
    page = opened.page
    page.goto("/leads/setup")
    page.get_by_role("button", name="New stage").click()
    page.get_by_label("Name").fill("Site visit")
    page.get_by_role("button", name="Save").click()
    row = page.get_by_role("listitem").filter(has_text="Site visit")
    expect(row).to_be_visible()
    page.get_by_role("button", name="Move Site visit up").click()
    expect(page.locator(".setup-row").nth(5)).to_contain_text("Site visit")
    page.get_by_role("button", name="Change Site visit").click()
    page.get_by_label("Name").fill("Won")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".wrong")).to_contain_text("There is already a stage")
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Delete Contacted").click()
    page.get_by_label("Its leads go to").select_option(label="Site visit")
    page.get_by_role("button", name="Delete", exact=True).click()

    expect(page.get_by_role("listitem").filter(has_text="Contacted")).to_have_count(0)
    ordered = "select name from public.pipeline_stages where org_id = %s order by position"
    names = [name for (name,) in shop.db.execute(ordered, [shop.org])]
    assert names == ["New", "Qualified", "Proposal sent", "Won", "Site visit", "Lost"]


def test_a_field_of_ones_own_is_made_and_archived(shop, window):
    page = window(shop.owner).page
    page.goto("/leads/setup?part=fields")
    page.get_by_role("button", name="New field").click()
    page.get_by_label("Name").fill("डिलीवरी Size")
    page.get_by_label("Kind").select_option("choice")
    page.get_by_label("Choices").fill("Small\nLarge")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".setup-row")).to_contain_text("डिलीवरी Size")
    made = "select key, kind, choices, archived_at is null from public.lead_fields where org_id = %s"
    assert shop.db.execute(made, [shop.org]).fetchone() == ("size", "choice", ["Small", "Large"], True)

    page.get_by_role("button", name="Archive डिलीवरी Size").click()

    expect(page.get_by_text("No fields of your own yet")).to_be_visible()
