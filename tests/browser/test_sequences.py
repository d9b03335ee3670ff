"""Sequences: made step by step, people put in and taken out, switched off and on."""

from __future__ import annotations

from urllib.parse import unquote

from playwright.sync_api import Page, Route, expect

from tests.browser.leads import plant
from tests.browser.window import to_end

MAPPING = '{"body": ["name", "product"]}'


def stored(shop, name: str = "Follow-up", **more: object) -> str:
    """A sequence of two steps; its id."""
    sequence = str(
        shop.db.value(
            "insert into public.sequences (org_id, name) values (%s, %s) returning id::text", shop.org, name
        )
    )
    shop.db.execute(
        "insert into public.sequence_steps"
        " (org_id, sequence_id, position, wait, template_name, language, mapping, category)"
        " select %s, %s, n, n * interval '1 day', 'hello', 'en', %s, 'UTILITY' from generate_series(1, 2) n",
        [shop.org, sequence, MAPPING],
    )
    return sequence


def enrolled(shop, sequence: str, **columns: object) -> None:
    """Everybody of the shop in it, each a minute after the other."""
    given = {"state": "active", "due_at": "2026-12-31T00:00:00Z"} | columns
    shop.db.execute(
        "insert into public.sequence_enrollments"
        f" (org_id, sequence_id, contact_id, started_at, {', '.join(given)})"
        " select org_id, %s, id, now() - row_number() over (order by name) * interval '1 minute',"
        f" {', '.join(['%s'] * len(given))}"
        " from public.contacts where org_id = %s",
        [sequence, *given.values(), shop.org],
    )


def give_template(page: Page, step: int) -> None:
    page.get_by_role("button", name=f"Template of step {step}").click()
    page.locator(".templates button").filter(has_text="hello").click()


def test_a_sequence_is_made_changed_and_switched_off(shop, window):
    page = window(shop.owner).page
    page.goto("/sequences")
    page.get_by_role("link", name="New sequence").click()
    page.get_by_role("button", name="Save and turn on").click()
    expect(page.get_by_text("Give it a name.")).to_be_visible()
    expect(page.locator(".notice")).to_contain_text("Choose a template.")
    page.get_by_label("Name", exact=True).fill("Follow-up after an enquiry")
    give_template(page, 1)
    page.get_by_role("button", name="Add a step").click()
    page.get_by_label("Wait without an answer").nth(1).fill("91")
    give_template(page, 2)
    page.get_by_role("button", name="Save and turn on").click()
    expect(page.locator(".wrong")).to_contain_text("An hour to 90 days.")
    page.get_by_label("Wait without an answer").nth(1).fill("36")
    page.get_by_label("Unit of the wait of step 2").select_option("hours")
    page.get_by_role("button", name="Move step 2 up").click()

    page.get_by_role("button", name="Save and turn on").click()

    expect(page.get_by_role("heading", name="Follow-up after an enquiry")).to_be_visible()
    expect(page.locator(".step-line li")).to_have_text(["1After 36 hourshello", "2After 1 dayhello"])
    page.get_by_role("link", name="Edit").click()
    page.get_by_role("button", name="Remove step 1").click()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".step-line li")).to_have_text(["1After 1 dayhello"])
    page.get_by_role("button", name="Turn off").click()
    expect(page.locator(".one-top .chip")).to_have_text("Off")
    row = shop.db.execute(
        "select s.name, s.is_on, array_agg(k.wait::text), min(k.mapping::text)"
        " from public.sequences s"
        " join public.sequence_steps k on (k.org_id, k.sequence_id) = (s.org_id, s.id)"
        " where s.org_id = %s group by s.name, s.is_on",
        [shop.org],
    ).fetchone()
    assert row == ("Follow-up after an enquiry", False, ["24:00:00"], MAPPING)


def test_an_agent_puts_a_lead_into_a_sequence_and_takes_it_out(shop, window):
    (lead,) = plant(shop, {"name": "Asha"})
    sequence = stored(shop)
    page = window(shop.join(), "phone").page
    page.goto(f"/leads/{lead}")
    page.get_by_role("tab", name="Details").tap()

    page.get_by_role("button", name="Put into a sequence").tap()
    page.get_by_role("menuitem", name="Follow-up").tap()

    expect(page.locator(".toast")).to_contain_text("Asha is in “Follow-up” now")
    expect(page.locator(".details").get_by_role("link", name="Follow-up")).to_contain_text("Step 1 of 2")
    page.goto("/sequences")
    expect(page.locator(".sequence-card")).to_contain_text("1 in it")
    expect(page.get_by_role("link", name="New sequence")).to_have_count(0)
    page.goto(f"/sequences/{sequence}")
    expect(page.get_by_role("link", name="Edit")).to_have_count(0)
    page.get_by_role("button", name="Stop it for Asha").tap()
    page.get_by_role("dialog").get_by_role("button", name="Stop", exact=True).tap()
    expect(page.locator(".campaign-people")).to_contain_text("Nobody here")
    page.get_by_role("button", name="Stopped 1").tap()
    expect(page.locator(".person-row")).to_contain_text("Stopped by your team")
    state = shop.db.execute(
        "select state, reason from public.sequence_enrollments where org_id = %s", [shop.org]
    ).fetchone()
    assert state == ("stopped", "A member stopped it")


def test_who_is_in_a_sequence_is_paged_and_a_step_that_is_held_up_says_why(shop, window):
    plant(shop, *({"name": f"Buyer {number:03}"} for number in range(70)))
    sequence = stored(shop)
    enrolled(shop, sequence, problem="The sequence is switched off")
    page = window(shop.owner).page
    page.goto(f"/sequences/{sequence}")
    expect(page.locator(".person-row").first).to_contain_text("Buyer 000")
    expect(page.locator(".person-row").first).to_contain_text("The sequence is switched off")

    expect(page.locator("[aria-setsize='50']").first).to_be_attached()
    to_end(page.locator(".windowed"), "Buyer 069")
    expect(page.locator(".person-row").last).to_contain_text("Buyer 069")
    page.get_by_role("button", name="Turn off").click()
    expect(page.get_by_role("dialog")).to_contain_text("70 people wait in it.")


def test_a_page_that_was_asked_for_while_the_list_was_read_again_comes_all_the_same(shop, window):
    plant(shop, *({"name": f"Buyer {number:03}"} for number in range(70)))
    sequence = stored(shop)
    enrolled(shop, sequence)
    page = window(shop.owner).page
    held: list[Route] = []

    def hold_the_second(route: Route) -> None:
        if held or "started_at.lt." not in unquote(route.request.url):
            route.continue_()
        else:
            held.append(route)

    page.route("**/sequence_enrollments?*", hold_the_second)
    page.goto(f"/sequences/{sequence}")
    expect(page.locator("[aria-setsize='50']").first).to_be_attached()

    with page.expect_response(lambda answer: bool(held) and "/sequence_enrollments?" in answer.url):
        page.locator(".windowed").evaluate("(box) => { box.scrollTop = box.scrollHeight }")
    held[0].continue_()

    to_end(page.locator(".windowed"), "Buyer 069")
