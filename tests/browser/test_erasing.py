"""A person who asks to be forgotten: erased, taken back, or gone for good; and one's own account."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.e2e.commands import eventually


def finish(shop) -> None:
    """A day later: the job has done what was asked for."""
    due = "update private.erasures set next_at = now() where org_id = %s and next_at is not null"
    shop.db.execute(due, [shop.org])
    done = "select bool_and(status in ('erased', 'cancelled')) from private.erasures where org_id = %s"

    def step() -> bool:
        shop.workers.rpc("erase_step", batch=1000)
        return bool(shop.db.value(done, shop.org))

    eventually(step)


def test_a_person_is_erased_taken_back_and_erased_for_good(shop, window):
    phone = shop.hear("Is Zubeida's pump ready?")
    lead = shop.add_lead("Zubeida Marchetti", f"+{phone}", product="Pump 5 HP")
    named = "update public.contacts set name = 'Zubeida Marchetti', name_at = null where org_id = %s"
    shop.db.execute(named, [shop.org])
    thread = shop.db.value("select id::text from public.conversations where org_id = %s", shop.org)
    other = shop.add_lead("Sister")
    shop.db.execute(
        "insert into public.lead_activities (org_id, lead_id, kind, details)"
        " values (%s, %s, 'note', '{\"text\": \"Sister of Zubeida Marchetti\"}')",
        [shop.org, other],
    )
    admin = window(shop.join("admin"))
    page = admin.page
    admin.go(f"/leads/{lead}")
    erase = page.get_by_role("button", name="Erase this person…")
    # What cannot be undone is red, also where it is a quiet button.
    red = page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--danger').trim()")
    painted = """(node, red) => {
        node.style.setProperty('transition', 'none', 'important')
        node.style.color = red
        return getComputedStyle(node).color
    }"""
    expect(erase).to_have_css("color", page.locator("h1").first.evaluate(painted, red))
    erase.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("Sister of Zubeida Marchetti")).to_be_visible()
    expect(dialog.get_by_text("Messages", exact=True)).to_be_visible()
    assert admin.axe() == []
    dialog.get_by_role("button", name="Erase this person").click()

    expect(page.get_by_text("This person will be erased:")).to_be_visible()
    expect(page.get_by_role("button", name="Erase this person…")).to_have_count(0)
    page.get_by_role("button", name="Keep them after all").click()
    expect(page.get_by_text("This person will be erased:")).to_have_count(0)

    page.get_by_role("button", name="Erase this person…").click()
    dialog.get_by_role("button", name="Erase this person").click()
    expect(page.get_by_text("This person will be erased:")).to_be_visible()
    admin.go(f"/inbox/{thread}")
    expect(page.get_by_text("This person will be erased:")).to_be_visible()
    finish(shop)

    admin.go(f"/leads/{lead}")
    expect(page.get_by_role("heading", name="Erased contact")).to_be_visible()
    expect(page.get_by_text("Erased at their wish on")).to_be_visible()
    expect(page.get_by_text("it cannot be moved, won, lost or written to any more")).to_be_visible()
    for gone in ("Won", "Lost", "Open chat", "Stage: New. Change", "Write note"):
        expect(page.get_by_role("button", name=gone, exact=True)).to_have_count(0)
    expect(page.locator(".lead-event .bubble").get_by_text("Erased", exact=True)).to_be_visible()
    assert admin.axe() == []
    admin.go(f"/inbox/{thread}")
    expect(page.locator(".bubble").get_by_text("Erased", exact=True)).to_be_visible()
    expect(page.get_by_text("Erased at their wish on")).to_be_visible()
    expect(page.get_by_role("textbox", name="Message")).to_have_count(0)
    assert admin.axe() == []
    admin.go("/settings/privacy")
    expect(page.get_by_text("Person: erased", exact=True)).to_be_visible()
    expect(page.get_by_text("Erased: ")).to_be_visible()


def test_an_agent_is_told_and_an_owner_takes_somebody_off_the_list(shop, window):
    lead = shop.add_lead("Zubeida Marchetti", "+919820011225")
    contact = shop.db.value("select contact_id from public.leads where id = %s", lead)
    listed = "select private.suppress_points(%s, gen_random_uuid(), '{phone}', '{+919820011226}')"
    shop.db.execute(listed, [shop.org])
    shop.db.execute("update public.contacts set erase_at = now() + interval '1 day' where id = %s", [contact])
    agent = window(shop.join("agent"), "phone")
    agent.go(f"/leads/{lead}")
    agent.page.get_by_role("tab", name="Details").tap()
    expect(agent.page.get_by_text("This person will be erased:")).to_be_visible()
    expect(agent.page.get_by_role("button", name="Keep them after all")).to_have_count(0)
    assert agent.overflows() == []

    owner = window(shop.owner, "phone")
    owner.go("/settings/privacy")
    owner.page.get_by_role("button", name="Take somebody off the list…").tap()
    dialog = owner.page.get_by_role("dialog")
    dialog.get_by_label("Number or address").fill("+91 98200 11226")
    dialog.get_by_label("How did they agree?").fill("Called us on Monday")
    assert owner.axe() == []
    assert owner.overflows() == []
    dialog.get_by_role("button", name="Take off the list").tap()

    expect(owner.page.get_by_text("Suppression: lifted")).to_have_count(0)  # the log above is as it was read
    expect(owner.page.get_by_role("button", name="Take somebody off the list…")).to_have_count(0)


def test_a_member_closes_their_account_and_an_only_owner_is_told_what_to_do(shop, window):
    owner = window(shop.owner)
    owner.go("/settings/account")
    expect(owner.page.get_by_text("You are its only owner.")).to_be_visible()
    expect(owner.page.get_by_role("button", name="Close my account")).to_be_disabled()
    assert owner.axe() == []

    email = shop.join("agent")
    agent = window(email, "phone")
    agent.go("/settings/account")
    agent.page.get_by_role("button", name="Close my account").tap()
    dialog = agent.page.get_by_role("dialog")
    dialog.get_by_label(f"Type “{email}” to confirm").fill(email)
    assert agent.overflows() == []
    agent.expect_fault("403|401|logout")
    dialog.get_by_role("button", name="Close my account").tap()

    expect(agent.page.get_by_label("Password")).to_be_visible()
    assert shop.db.value("select count(*) from auth.users where email = %s", email) == 0
