"""The sync log: what came in is seen, a failure is told with its reason, and one press brings it in."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.e2e.commands import eventually

MEND = """
drop trigger if exists refuse_broken on public.messages;
drop function if exists private.refuse_broken();
"""


@pytest.fixture
def with_failure(shop):
    """A shop of which one message could not be stored; calling it mends the cause."""
    shop.hear("Hello from a customer")
    lasting = shop.db
    lasting.execute(
        """
        create function private.refuse_broken() returns trigger language plpgsql as $$
        begin raise 'The shelf is full' using errcode = '23514'; end $$;
        create trigger refuse_broken before insert on public.messages
          for each row when (new.text like 'Broken%') execute function private.refuse_broken();
        """
    )
    sender = shop.new_phone()
    shop.business.sandbox.inbound(shop.business.phone_number_id, sender, text="Broken words")
    eventually(
        lambda: lasting.value(
            "select exists (select from private.dead_letters where org_id = %s and resolved_at is null)",
            shop.org,
        )
    )

    def mend():
        lasting.execute(MEND)
        lasting.execute(
            "update private.dead_letters set created_at = created_at - interval '1 minute' where org_id = %s",
            [shop.org],
        )

    yield mend
    lasting.execute(MEND)


def test_a_failure_is_seen_with_its_reason_and_tried_again(shop, window, with_failure):
    owner = window(shop.owner)
    owner.go("/settings/log")
    expect(owner.page.get_by_role("button", name="1 message").first).to_be_visible()
    owner.page.get_by_role("button", name="Failures only").click()
    line = owner.page.get_by_role("button", name="1 message · 1 failed")
    line.click()
    dialog = owner.page.get_by_role("dialog")
    expect(dialog.get_by_text("The shelf is full")).to_be_visible()
    expect(dialog.get_by_text("Meta's signature (HMAC-SHA256) matched")).to_be_visible()
    with_failure()

    dialog.get_by_role("button", name="Try again").click()

    expect(dialog.get_by_text("Everything is applied now.")).to_be_visible()
    expect(dialog.get_by_role("link", name="Conversation")).to_be_visible()
    owner.page.keyboard.press("Escape")
    expect(owner.page.get_by_text("Nothing failed")).to_be_visible()
    assert shop.db.value(
        "select count(*) from public.messages where org_id = %s and text = 'Broken words'", shop.org
    )


def test_an_agent_sees_what_came_in_but_not_what_meta_sent(shop, window):
    shop.hear("Hello")
    agent = window(shop.join("agent"), "phone")

    agent.go("/settings/log")

    expect(agent.page.get_by_text("1 message")).to_be_visible()
    expect(agent.page.locator(".settings-page").get_by_role("button", name="1 message")).to_have_count(0)
