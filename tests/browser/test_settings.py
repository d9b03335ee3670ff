"""Settings: the team, WhatsApp and IndiaMART, connected and let go by hand."""

from __future__ import annotations

import re
from uuid import uuid4

import httpx
from playwright.sync_api import expect

from tests.browser.shop import PASSWORD
from tests.e2e.commands import eventually
from workers.cli.org import People


def test_a_colleague_is_invited_by_a_link_and_joins(shop, window):
    owner = window(shop.owner)
    owner.go("/settings/team")
    email = f"new.{uuid4().hex[:10]}@example.com"
    owner.page.get_by_label("E-mail").fill(email)
    owner.page.get_by_role("button", name="Make an invitation").click()
    link = owner.page.get_by_label("Link of the invitation").input_value()
    assert "#" in link
    assert re.search(r"invitation=[\w%-]{20,}$", link)

    People(shop._settings).ensure(email, PASSWORD)
    colleague = window()
    colleague.go(link)
    colleague.page.get_by_label("E-mail").fill(email)
    colleague.page.get_by_label("Password").fill(PASSWORD)
    colleague.page.get_by_role("button", name="Sign in").click()

    expect(colleague.page.locator(".nav .brand")).to_contain_text("Sunrise Pumps")
    assert "invitation" not in colleague.page.url


def test_a_role_is_changed_and_a_member_removed(shop, window):
    agent = shop.join("agent")
    owner = window(shop.owner)
    owner.go("/settings/team")
    row = owner.page.get_by_role("listitem").filter(has_text=agent)
    row.get_by_role("button").click()
    owner.page.get_by_role("menuitemradio", name="Administrator").click()
    expect(row.get_by_text("Administrator", exact=True).first).to_be_visible()

    theirs = window(agent)
    expect(theirs.page.locator(".nav .brand")).to_contain_text("Sunrise Pumps")
    theirs.expect_fault("404 .* /rest/v1/rpc/")

    row.get_by_role("button").click()
    owner.page.get_by_role("menuitem", name="Remove from the team").click()
    owner.page.get_by_role("dialog").get_by_role("button", name="Remove").click()

    expect(owner.page.get_by_text(agent)).to_have_count(0)
    expect(theirs.page.get_by_role("button", name="Create organization")).to_be_visible()


def test_an_agent_sees_the_team_and_may_change_nothing(shop, window):
    agent = window(shop.join("agent"), "phone")

    agent.go("/settings/team")

    expect(agent.page.get_by_text(shop.owner).first).to_be_visible()
    expect(agent.page.get_by_role("button", name="Make an invitation")).to_have_count(0)
    expect(agent.page.get_by_label("Role:")).to_have_count(0)


def test_whatsapp_is_connected_in_metas_window(shop, window):
    owner = window(shop.owner)
    owner.go("/settings/whatsapp")
    owner.page.get_by_role("button", name="Connect WhatsApp").click()
    with owner.page.expect_popup() as opened:
        owner.page.get_by_role("button", name="Continue with Facebook").click()

    opened.value.get_by_role("button", name="A new business").click()

    expect(owner.page.get_by_role("status").filter(has_text="Connected: +91")).to_be_visible()
    expect(owner.page.get_by_role("button", name="Disconnect")).to_have_count(2)


def test_metas_window_cancelled_connects_nothing(shop, window):
    owner = window(shop.owner)
    owner.go("/settings/whatsapp")
    owner.page.get_by_role("button", name="Connect WhatsApp").click()
    with owner.page.expect_popup() as opened:
        owner.page.get_by_role("button", name="Continue with Facebook").click()

    opened.value.get_by_role("button", name="Cancel").click()

    expect(owner.page).to_have_url(re.compile("/settings/whatsapp"))
    expect(owner.page.get_by_role("button", name="Disconnect")).to_have_count(1)


def test_a_number_is_disconnected_at_once(shop, window):
    owner = window(shop.owner)
    owner.go("/settings/whatsapp")

    owner.page.get_by_role("button", name="Disconnect").click()
    owner.page.get_by_role("dialog").get_by_role("button", name="Disconnect").click()

    expect(owner.page.get_by_text("Disconnected").first).to_be_visible()
    gone = "select status from public.whatsapp_numbers where org_id = %s"
    assert shop.db.value(gone, shop.org) == "disconnected"


def test_a_wrong_token_is_refused_in_words_and_stays_out_of_the_page(shop, window):
    owner = window(shop.owner)
    owner.expect_fault("status of 4")
    owner.go("/settings/whatsapp")
    owner.page.get_by_role("button", name="Connect with a token").click()
    dialog = owner.page.get_by_role("dialog")
    dialog.get_by_label("WhatsApp Business Account ID").fill("123")
    dialog.get_by_label("Phone number ID").fill("456")
    dialog.get_by_label("Access token").fill("EAAnot-a-token")

    dialog.get_by_role("button", name="Connect").click()

    expect(dialog.get_by_role("alert")).to_be_visible()
    assert "EAAnot-a-token" not in owner.page.content()


def test_indiamart_is_connected_fetches_and_is_let_go(shop, window):
    key = f"key-{uuid4().hex}"
    shop.business.sandbox.put_indiamart_key(key)
    owner = window(shop.owner)
    owner.go("/settings/indiamart")
    owner.page.get_by_label("CRM key").fill(key)
    owner.page.get_by_role("button", name="Connect IndiaMART").click()
    expect(owner.page.get_by_text("Works", exact=True)).to_be_visible()
    expect(owner.page.get_by_role("cell", name="Nothing new")).to_be_visible()

    owner.page.get_by_role("button", name="Make the address").click()
    address = owner.page.get_by_label("Push from IndiaMART").input_value()
    assert "/webhooks/indiamart/" in address

    owner.page.get_by_role("button", name="Disconnect IndiaMART").click()
    owner.page.get_by_role("dialog").get_by_role("button", name="Disconnect IndiaMART").click()
    expect(owner.page.get_by_text("IndiaMART is not connected")).to_be_visible()
    state = "select state from public.lead_sources where org_id = %s and kind = 'indiamart'"
    assert eventually(lambda: shop.db.value(state, shop.org)) == "disconnected"


def test_quiet_hours_and_consent_words_are_kept(shop, window):
    owner = window(shop.owner)
    owner.go("/settings/messaging")
    owner.page.get_by_label("From", exact=True).fill("21:00")
    owner.page.get_by_label("To", exact=True).fill("08:30")
    owner.page.get_by_role("button", name="Save").first.click()
    expect(owner.page.get_by_text("Saved")).to_be_visible()
    owner.page.get_by_label("More words that stop messages").fill("no more\nबस करो")
    owner.page.get_by_role("button", name="Save").last.click()
    expect(owner.page.get_by_role("button", name="Save").last).to_be_enabled()

    owner.page.reload()

    expect(owner.page.get_by_label("From", exact=True)).to_have_value("21:00")
    expect(owner.page.get_by_label("More words that stop messages")).to_have_value(re.compile("बस करो"))


def test_getting_started_reads_what_is_there(shop, window):
    owner = window(shop.owner)

    owner.go("/start")

    expect(owner.page.get_by_text("1 of 4 steps done")).to_be_visible()
    shop.join("agent")
    owner.page.reload()
    expect(owner.page.get_by_text("2 of 4 steps done")).to_be_visible()


def test_an_api_key_is_shown_once_rotated_and_revoked(shop, window):
    owner = window(shop.owner)
    page = owner.page
    owner.go("/settings/developers")
    page.get_by_label("What will use it?").fill("Website")
    page.get_by_role("button", name="Make a key").click()
    key = page.get_by_label("The key").input_value()
    headers = {"Authorization": f"Bearer {key}"}
    post = page.request.post("/api/v1/leads", data={"phone": f"+{shop.new_phone()}"}, headers=headers)
    assert post.status == 201

    page.reload()
    expect(page.get_by_text(f"…{key[-4:]}")).to_be_visible()
    assert key not in page.content()
    page.get_by_role("button", name="Revoke").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()

    expect(page.get_by_text("Revoked").first).to_be_visible()
    again = page.request.post("/api/v1/leads", data={"phone": f"+{shop.new_phone()}"}, headers=headers)
    assert again.status == 401


def test_a_webhook_endpoint_is_added_tried_out_and_sent_to_again_on_a_phone(shop, window, stack):
    owner = window(shop.owner, size="phone")
    page = owner.page
    program = f"{stack.sandbox_url}/_sandbox/receiver/{shop.org}"
    owner.go("/settings/developers")
    page.get_by_role("button", name="Add an endpoint").click()
    page.get_by_label("Address").fill(f"{stack.sandbox_url}/receiver/{shop.org}")
    page.get_by_role("button", name="Save").click()
    secret = page.get_by_role("textbox", name="Signing secret").input_value()
    httpx.post(program, json={"secrets": [secret]}, trust_env=False)
    page.get_by_role("button", name="I have it").click()
    page.get_by_role("button", name="Test").click()
    expect(page.get_by_text("A test event is on its way")).to_be_visible()
    page.get_by_role("button", name="Deliveries").click()
    for _ in range(20):
        page.get_by_role("button", name="Reload").click()
        if page.get_by_text("Answered 200").count():
            break
        page.wait_for_timeout(150)
    assert owner.axe() == []
    assert owner.overflows() == []
    page.get_by_role("button", name="Send again").click()
    expect(page.get_by_text("1 event on its way")).to_be_visible()

    events = httpx.get(program, trust_env=False).json()["events"]
    assert {(event["body"]["type"], event["verified"]) for event in events} == {("test", 1)}


def test_a_form_is_made_and_takes_an_enquiry(shop, window):
    owner = window(shop.owner)
    owner.go("/settings/forms")
    owner.page.get_by_role("button", name="New form").click()
    owner.page.get_by_label("Heading").fill("Ask for a price")
    owner.page.get_by_label("Products to choose from").fill("Pump\nValve")
    owner.page.get_by_role("button", name="Save").click()
    address = owner.page.get_by_label("Address of the form").input_value()

    visitor = window(size="phone")
    visitor.go(address)
    visitor.page.get_by_label("Your name").fill("Meena <b>")
    visitor.page.get_by_label("Mobile number").fill("98100 00011")
    visitor.page.get_by_label("What are you looking for?").select_option("Valve")
    assert visitor.axe() == []
    assert visitor.overflows() == []
    visitor.page.wait_for_timeout(2100)  # faster is taken for a program
    visitor.page.get_by_role("button", name="Send enquiry").click()

    expect(visitor.page.get_by_role("heading", name="Thank you")).to_be_visible()
    found = "select product from public.leads where org_id = %s and source_kind = 'form'"
    assert shop.db.value(found, shop.org) == "Valve"


def test_a_sheet_is_connected_and_its_state_is_shown(shop, window):
    file = uuid4().hex + "_sheet"
    tab = {"gid": 5, "title": "T", "rows": [["Name", "Mobile"], ["A", "9810000011"]]}
    put = {"id": file, "name": "Enquiries", "owner": shop.owner, "tabs": [tab]}
    owner = window(shop.owner)
    owner.page.request.post(f"{shop.stack.sandbox_url}/_sandbox/google/sheets", data=put)
    owner.go("/settings/sheets")

    link = f"https://docs.google.com/spreadsheets/d/{file}/edit#gid=5"
    owner.page.get_by_label("2. Paste its link").fill(link)
    owner.page.get_by_role("button", name="Connect sheet").click()

    expect(owner.page.get_by_role("heading", name="Enquiries · T")).to_be_visible()
    with owner.page.expect_response("**/rpc/set_sheet"):
        owner.page.get_by_label("Greet people in new rows").check()
    owner.page.reload()
    expect(owner.page.get_by_label("Greet people in new rows")).to_be_checked()


def test_the_sections_stand_under_headings_and_an_agent_sees_only_their_own(shop, window):
    owner = window(shop.owner, "phone", at="/settings")
    for group, section in (
        ("Business", "Working hours"),
        ("People", "Team"),
        ("Channels", "WhatsApp"),
        ("Data and privacy", "Export"),
    ):
        found = owner.page.get_by_role("region", name=group, exact=True)
        expect(found.get_by_role("link", name=section, exact=True)).to_be_visible()
    assert owner.axe() == []
    assert owner.overflows() == []

    agent = window(shop.join("agent"), "phone", lang="hi", at="/settings")
    data = agent.page.get_by_role("region", name="डेटा और गोपनीयता")
    expect(data.get_by_role("link")).to_have_text(["सहमति का लॉग", "Flow क्या दर्ज करता है"])
    assert agent.axe() == []
    assert agent.overflows() == []
