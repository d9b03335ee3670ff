"""The inbox: chats with customers, on desktops and phones, whatever happens to the line and the session."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable
from uuid import UUID

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.shop import PASSWORD, Shop
from tests.browser.window import Window, hold, to_end, wait_for
from tests.e2e.commands import eventually

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
HOSTILE = '<img src=x onerror="window.hit=1"><script>window.hit=1</script>\u202e*bold* https://x.test/"onmouseover=1'
GONE = re.compile("^(Sent|Delivered|Read)")
Open = Callable[..., Window]


@pytest.fixture(scope="module")
def place(place: Shop) -> Shop:
    """One business for all tests here; each has customers of its own."""
    # Meta's instants are whole seconds, and what was said before somebody joined is not unread for them.
    place.db.execute(
        "update public.memberships set created_at = created_at - interval '1 day' where org_id = %s",
        [place.org],
    )
    return place


def hear(place: Shop, text: str, sender: str | None = None, **more: object) -> str:
    """Let a customer write by way of Meta, which knows then that they may be answered; their digits."""
    sender = sender or place.new_phone()
    message = {"type": "text", "text": {"body": text}} | more
    place.business.sandbox.inbound(
        place.business.phone_number_id, sender, message=message, name=f"Customer {sender}"
    )
    return sender


def thread(place: Shop, sender: str) -> UUID:
    """The conversation with a customer, once it is there."""
    found: UUID = eventually(
        lambda: place.db.rows(
            "select c.id from public.conversations c join public.contacts p"
            " on (p.org_id, p.id) = (c.org_id, c.contact_id) where c.org_id = %s and p.wa_id = %s",
            place.org, sender,
        )
    )[0][0]  # fmt: skip
    return found


def hear_many(place: Shop, conversation: UUID, words: str, *, hours: int, count: int) -> None:
    """Store messages of a customer all at once, so long ago: "<words>1" is the oldest."""
    place.db.execute(
        """insert into public.messages
             (org_id, conversation_id, contact_id, direction, kind, body, text, status, origin, at)
           select org_id, id, contact_id, 'inbound', 'text', '{}', %s || n, 'received', 'customer',
                  now() - make_interval(hours => %s, mins => 100 - n)
             from public.conversations, generate_series(1, %s) n where id = %s""",
        [words, hours, count, conversation],
    )


def bubble(page: Page, text: str) -> Locator:
    return page.locator(".bubble-row", has_text=text).last


def write(page: Page, text: str) -> None:
    page.get_by_role("combobox", name="Message").fill(text)


def times_sent(place: Shop, text: str) -> int:
    return sum(send.text == text for send in place.business.sends())


def test_two_people_and_a_customer_see_each_others_messages_as_they_come(place: Shop, window: Open) -> None:
    customer = hear(place, "Do you have 5 HP pumps?")
    conversation = thread(place, customer)
    owner, agent = window(place.owner), window(place.join())
    for each in (owner, agent):
        each.page.locator(".thread", has_text=f"Customer {customer}").click()
        expect(bubble(each.page, "Do you have 5 HP pumps?")).to_be_visible()

    write(owner.page, "Yes, *two* in stock")
    owner.page.keyboard.press("Enter")

    expect(bubble(owner.page, "Yes, two in stock").get_by_label(re.compile("^Read"))).to_be_visible()
    expect(bubble(agent.page, "Yes, two in stock").locator("strong", has_text="two")).to_be_visible()
    assert times_sent(place, "Yes, *two* in stock") == 1
    hear(place, "I take both", customer)
    for each in (owner, agent):
        expect(bubble(each.page, "I take both")).to_be_visible()
    agent.page.get_by_role("button", name="Assign: Nobody").click()
    agent.page.get_by_role("menuitem", name="I take it").click()
    agent.page.get_by_role("button", name="Note", exact=True).click()
    agent.page.get_by_role("combobox", name="Note").fill("They pay on delivery")
    agent.page.keyboard.press("Enter")
    agent.page.get_by_role("button", name="Resolve", exact=True).click()
    expect(owner.page.get_by_text("took the conversation")).to_be_visible()
    expect(owner.page.locator(".note", has_text="They pay on delivery")).to_be_visible()
    expect(owner.page.get_by_role("button", name="Reopen")).to_be_visible()
    assert times_sent(place, "They pay on delivery") == 0
    unread = "select unread_count from public.conversations where id = %s"
    eventually(lambda: place.db.value(unread, conversation) == 0)


def test_on_a_phone_one_goes_from_the_list_into_a_conversation_answers_and_comes_back(
    place: Shop, window: Open
) -> None:
    customer = hear(place, "Price please")
    opened = window(place.owner, "phone")
    page = opened.page
    page.locator(".thread", has_text=customer).tap()
    expect(page.locator("nav.nav")).to_be_hidden()

    write(page, "₹ 21,500")
    page.get_by_role("combobox", name="Message").press("Enter")
    page.get_by_role("combobox", name="Message").press("Backspace")
    page.get_by_role("button", name="Send", exact=True).tap()

    expect(bubble(page, "₹ 21,500").get_by_label(GONE)).to_be_visible()
    page.get_by_role("link", name="Back").tap()
    expect(page.locator(".thread", has_text=customer)).to_contain_text("₹ 21,500")
    expect(page.locator("nav.nav")).to_be_visible()
    assert opened.overflows() == []


def test_what_is_being_written_survives_a_reload_another_tab_and_the_end_of_the_session(
    place: Shop, window: Open
) -> None:
    customer = hear(place, "Hello")
    opened = window(place.owner)
    for expected in ("401", "400"):
        opened.expect_fault(f"status of {expected}")
    page = opened.page
    page.locator(".thread", has_text=customer).click()
    write(page, "A long answer")
    page.reload()
    expect(page.get_by_role("combobox", name="Message")).to_have_value("A long answer")
    other = page.context.new_page()
    other.goto(page.url)
    expect(other.get_by_role("combobox", name="Message")).to_have_value("A long answer")
    write(other, "A longer answer")
    expect(page.get_by_role("combobox", name="Message")).to_have_value("A longer answer")
    other.close()
    refused = {"code": "PGRST301", "message": "JWT expired"}
    page.route("**/rpc/send_message", lambda route: route.fulfill(status=401, json=refused))
    page.route(
        "**/auth/v1/token?grant_type=refresh_token",
        lambda route: route.fulfill(status=400, json={"code": "refresh_token_not_found", "message": "gone"}),
    )

    page.keyboard.press("End")
    page.keyboard.type("!")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Sign in again")
    expect(dialog).to_be_visible()
    page.unroute_all()
    dialog.get_by_label("Password").fill(PASSWORD)
    dialog.get_by_role("button", name="Sign in", exact=True).click()

    expect(dialog).to_be_hidden()
    expect(bubble(page, "A longer answer!").get_by_label(GONE)).to_be_visible()
    assert times_sent(place, "A longer answer!") == 1


def test_what_is_sent_without_a_line_waits_and_leaves_once_when_it_is_back(place: Shop, window: Open) -> None:
    customer = hear(place, "Hello")
    opened = window(place.owner)
    opened.expect_fault("ERR_INTERNET_DISCONNECTED")
    page = opened.page
    page.locator(".thread", has_text=customer).click()
    expect(bubble(page, "Hello")).to_be_visible()
    # What is beside the conversation has come too, and what is loaded last of all.
    page.wait_for_function(
        "() => performance.getEntriesByType('resource').some((one) => one.name.includes('telemetry'))"
    )
    page.wait_for_load_state("networkidle")
    page.context.set_offline(True)

    for text in ("First", "Second"):
        write(page, text)
        page.keyboard.press("Enter")

    expect(bubble(page, "Second").get_by_label(re.compile("Kept on this device"))).to_be_visible()
    expect(page.locator(".line-state")).to_contain_text("No connection.")
    assert times_sent(place, "First") == 0
    page.context.set_offline(False)
    for text in ("First", "Second"):
        expect(bubble(page, text).get_by_label(GONE)).to_be_visible()
    assert [send.text for send in place.business.sends() if send.to == customer] == ["First", "Second"]


def test_a_closed_window_says_so_and_offers_a_template_with_its_price(place: Shop, window: Open) -> None:
    customer = hear(place, "Long ago", timestamp=str(int(time.time()) - 90_000))
    page = window(place.owner).page
    page.locator(".thread", has_text=customer).click()
    expect(page.get_by_text("More than 24 hours since they last wrote")).to_be_visible()
    expect(page.get_by_role("combobox", name="Message")).to_have_count(0)

    page.get_by_role("button", name="Template").click()
    page.get_by_role("button", name=re.compile("^hello")).click()
    expect(page.get_by_label("Value 1")).to_have_value(f"Customer {customer}")
    send = page.get_by_role("dialog").get_by_role("button", name="Send", exact=True)
    expect(page.get_by_text("Fill in every value")).to_be_visible()
    expect(send).to_be_disabled()
    page.get_by_label("Value 2").fill("pumps")
    expect(page.locator(".template-preview")).to_contain_text(f"Hello Customer {customer}, about pumps.")
    expect(page.locator("dialog .cost")).to_contain_text("₹")
    send.click()

    sent = bubble(page, f"Hello Customer {customer}, about pumps.")
    expect(sent.get_by_label(GONE)).to_be_visible()


def test_templates_that_come_late_are_waited_for(place: Shop, window: Open) -> None:
    customer = hear(place, "Long ago", timestamp=str(int(time.time()) - 90_000))
    page = window(place.owner).page
    held = hold(page, re.compile("/(message_templates|whatsapp_numbers)[?]"))
    page.goto("/inbox")
    page.locator(".thread", has_text=customer).click()
    page.get_by_role("button", name="Template").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("status", name="Loading")).to_be_visible()
    for route in held:
        route.continue_()

    expect(dialog.get_by_role("button", name=re.compile("^hello"))).to_be_visible()


def test_a_message_that_failed_says_why_and_can_be_sent_again(place: Shop, window: Open) -> None:
    customer = hear(place, "Hello")
    place.business.sandbox.behave(customer=customer, failed_code=131026)
    page = window(place.owner).page
    page.locator(".thread", has_text=customer).click()
    write(page, "Are you there?")
    page.keyboard.press("Enter")
    failed = bubble(page, "Are you there?")
    expect(failed).to_contain_text("this number is not on WhatsApp")
    place.business.sandbox.behave(customer=customer, failed_code=None)

    failed.get_by_role("button", name="Send again").click()

    again = bubble(page, "Are you there?").get_by_label(GONE)
    expect(again).to_be_visible()
    assert times_sent(place, "Are you there?") == 2
    place.db.execute(
        "update public.messages set status = 'uncertain', needs_attention = true, failed_at = null,"
        " error_code = null where org_id = %s and text = 'Are you there?' and status = 'failed'",
        [place.org],
    )
    expect(page.get_by_text("did not tell whether this message was sent")).to_be_visible()
    page.get_by_role("button", name="Give up").click()
    expect(page.get_by_text("did not tell whether this message was sent")).to_have_count(0)


def test_what_a_person_sends_goes_out_in_the_trace_of_their_page(place: Shop, window: Open) -> None:
    conversation = thread(place, hear(place, "Is it in stock?"))
    page = window(place.owner, at=f"/inbox/{conversation}").page
    expect(bubble(page, "Is it in stock?")).to_be_visible()
    place.db.execute("update private.wakeups set asked_at = '-infinity' where job = 'dispatch'")

    write(page, "It is")
    with page.expect_request("**/rpc/send_message") as asked:
        page.keyboard.press("Enter")

    trace = asked.value.headers["traceparent"].split("-")[1]
    eventually(
        lambda: place.db.value(
            "select exists (select from private.job_runs where job = 'dispatch' and trace_id = %s)"
            " and exists (select from private.api_calls where provider = 'meta' and trace_id = %s)",
            trace,
            trace,
        )
    )


def test_hostile_words_run_nothing_and_break_nothing(place: Shop, window: Open) -> None:
    customer = hear(place, HOSTILE + "x" * (4096 - len(HOSTILE)))
    conversation = thread(place, customer)
    place.db.execute(
        "update public.contacts set name = %s where org_id = %s and wa_id = %s",
        ["\u202e" + HOSTILE * 3, place.org, customer],
    )
    hear(
        place, "a", customer, type="interactive", interactive={"type": "nonsense", "action": {"buttons": [1]}}
    )
    hear(place, "b", customer, type="image", image={"id": "9", "caption": HOSTILE})
    hear(place, "c", customer, type="contacts", contacts=[{"name": {"formatted_name": HOSTILE}}, {}])
    eventually(
        lambda: place.db.value(
            "select count(*) = 4 from public.messages where conversation_id = %s", conversation
        )
    )
    place.db.execute(
        "update public.messages set revoked_at = now() where conversation_id = %s and kind = 'contacts'",
        [conversation],
    )
    for size in ("phone", "desktop"):
        opened = window(place.owner, size)
        opened.go(f"/inbox/{conversation}")
        expect(opened.page.locator(".bubble")).to_have_count(4)
        expect(opened.page.get_by_text("This message was deleted")).to_be_visible()

        opened.page.get_by_role("button", name="Read more").click()

        assert opened.overflows() == []
        assert opened.page.evaluate("window.hit") is None
        assert opened.page.locator(".bubble script, .bubble img[src=x]").count() == 0
        assert opened.page.locator(".bubble a[onmouseover]").count() == 0


def test_thousands_of_conversations_scroll_with_few_nodes_and_arrow_keys(place: Shop, window: Open) -> None:
    place.db.execute(
        """with people as (insert into public.contacts (org_id, name, phone, wa_id)
             select %(org)s, 'Crowd ' || lpad(n::text, 4, '0'), '+9170' || lpad(n::text, 8, '0'),
                    '9170' || lpad(n::text, 8, '0')
               from generate_series(1, 2200) n returning id, name)
           insert into public.conversations
             (org_id, number_id, contact_id, status, last_message_at, last_message_text)
           select %(org)s, (select id from public.whatsapp_numbers where org_id = %(org)s), id, 'resolved',
                  now() - make_interval(mins => right(name, 4)::int), 'Words of ' || name from people""",
        {"org": place.org},
    )
    # So many at once are told as one reload, to who comes within half a minute: these came before.
    place.db.execute(
        "update private.changes set at = at - interval '1 minute' where org_id = %s", [place.org]
    )
    page = window(place.owner).page
    page.get_by_role("button", name="Resolved").click()
    expect(page.locator(".thread", has_text="Crowd 0001")).to_be_visible()

    to_end(page.locator(".windowed"), "Crowd 2200")
    last = page.locator(".thread", has_text="Crowd 2200")
    expect(last).to_be_visible()
    assert page.locator(".thread").count() < 60

    last.focus()
    page.keyboard.press("ArrowUp")
    expect(page.locator(".thread:focus", has_text="Crowd 2199")).to_be_visible()

    # So much at once that the list is read again, all that was loaded of it.
    place.db.execute(
        "update public.conversations set last_message_text = 'News of all' where org_id = %s", [place.org]
    )
    expect(last).to_contain_text("News of all")
    expect(page.locator(".thread:focus", has_text="Crowd 2199")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Crowd 2199")).to_be_visible()
    place.db.execute("update public.conversations set status = 'open' where org_id = %s", [place.org])
    page.get_by_role("button", name="All", exact=True).click()
    hear(place, "I am new at the top", "917000002200")
    expect(page.locator(".thread").first).to_contain_text("I am new at the top")


def test_what_is_read_stays_in_its_place_when_a_conversation_comes_above_it(
    place: Shop, window: Open
) -> None:
    place.db.execute(
        """with people as (insert into public.contacts (org_id, name, phone, wa_id)
             select %(org)s, 'Queue ' || lpad(n::text, 2, '0'), '+9171' || lpad(n::text, 8, '0'),
                    '9171' || lpad(n::text, 8, '0')
               from generate_series(1, 45) n returning id, name)
           insert into public.conversations
             (org_id, number_id, contact_id, last_message_at, last_message_text, assignee_id)
           select %(org)s, (select id from public.whatsapp_numbers where org_id = %(org)s), id,
                  now() - make_interval(mins => right(name, 2)::int), 'Words', %(owner)s
             from people""",
        {"org": place.org, "owner": place.owner_id},
    )
    page = window(place.owner).page
    page.get_by_role("button", name="Mine").click()
    box, read = page.locator(".windowed"), page.locator(".thread", has_text="Queue 22")
    expect(page.locator(".thread", has_text="Queue 01")).to_be_visible()
    box.evaluate("box => { box.scrollTop = 15 * 72 + 10 }")
    expect(read).to_be_in_viewport()
    before = read.bounding_box()

    place.db.execute(
        """update public.conversations set last_message_at = now(), last_message_text = 'To the top'
            where contact_id = (select id from public.contacts where org_id = %s and name = 'Queue 40')""",
        [place.org],
    )

    page.wait_for_function("box => box.scrollTop === 16 * 72 + 10", arg=box.element_handle())
    assert read.bounding_box() == before
    box.evaluate("box => { box.scrollTop = 0 }")
    expect(page.locator(".thread").first).to_contain_text("To the top")


def test_older_pages_come_in_without_moving_what_is_read_and_a_found_message_is_jumped_to(
    place: Shop, window: Open
) -> None:
    customer = hear(place, "The newest one")
    conversation = thread(place, customer)
    place.db.execute(
        """insert into public.messages
             (org_id, conversation_id, contact_id, direction, kind, body, text, status, origin, at)
           select org_id, id, contact_id, 'inbound', 'text', '{}',
                  'Sentence ' || n || case n when 7 then ' zebracrossing' else '' end,
                  'received', 'customer', now() - make_interval(mins => 200 - n)
             from public.conversations, generate_series(1, 150) n where id = %s""",
        [conversation],
    )
    page = window(place.owner).page
    page.goto(f"/inbox/{conversation}")
    expect(bubble(page, "Sentence 150")).to_be_visible()
    expect(page.get_by_text("New messages")).to_be_visible()
    text = page.locator(".bubble-row").first.inner_text().split("\n")[0]
    read = page.locator(".bubble-row", has_text=re.compile(f"^{text}")).first
    read.scroll_into_view_if_needed()

    expect(page.locator(".bubble-row")).not_to_have_count(30)

    expect(read).to_be_in_viewport()
    page.get_by_role("button", name="To the newest message").click()
    expect(bubble(page, "The newest one")).to_be_in_viewport()
    page.get_by_label("Search people and messages").fill("zebracrossing")
    page.get_by_role("link", name=re.compile("zebracrossing")).click()
    # Marked for less than two seconds: looked for with each frame.
    page.wait_for_function(
        "() => document.querySelector('.bubble-row.marked')?.innerText.includes('Sentence 7 ')"
    )
    page.get_by_role("button", name="To the newest message").click()
    expect(bubble(page, "The newest one")).to_be_in_viewport()


def test_an_older_page_that_is_under_way_while_the_newest_is_read_again_is_not_lost(
    place: Shop, window: Open
) -> None:
    customer = hear(place, "The newest one")
    conversation = thread(place, customer)
    hear_many(place, conversation, "Old ", hours=2, count=50)
    page = window(place.owner).page
    older: list[Route] = []
    newest: list[Route] = []

    def hold_one_of_each(route: Route) -> None:
        if json.loads(route.request.post_data or "{}").get("before_at"):
            older.append(route)
        elif older and not newest and route.request.url.endswith("timeline"):
            newest.append(route)
        if route not in (*older[:1], *newest[:1]):
            route.continue_()

    page.route(re.compile("/rpc/conversation_(messages|timeline)$"), hold_one_of_each)
    page.goto(f"/inbox/{conversation}")
    expect(bubble(page, "The newest one")).to_be_visible()
    page.locator(".stream").evaluate("(box) => { box.scrollTop = -box.scrollHeight }")
    wait_for(page, older)
    hear_many(place, conversation, "New ", hours=0, count=25)
    page.wait_for_timeout(4000)  # more than a look at what has changed takes
    older[0].continue_()
    expect(page.locator(".bubble-row", has_text=re.compile("^Old 1\\d")).first).to_be_attached()
    wait_for(page, newest)
    newest[0].continue_()

    expect(page.locator(".bubble-row").get_by_text("New 25", exact=True)).to_be_attached()
    page.wait_for_timeout(500)
    assert page.locator(".bubble-row", has_text=re.compile("^Old 1\\d")).count() > 0


def test_a_message_that_was_looked_for_is_shown_though_much_comes_in_meanwhile(
    place: Shop, window: Open
) -> None:
    conversation = thread(place, hear(place, "The newest one"))
    hear_many(place, conversation, "Long ago ", hours=2, count=90)
    found = place.db.value(
        "select id from public.messages where conversation_id = %s and text = 'Long ago 7'", conversation
    )
    opened = window(place.owner, at=f"/inbox/{conversation}")
    page = opened.page
    expect(bubble(page, "The newest one")).to_be_visible()
    held: list[Route] = []

    def hold_the_first(route: Route) -> None:
        if held or not json.loads(route.request.post_data or "{}").get("around"):
            route.continue_()
        else:
            held.append(route)

    page.route("**/rpc/conversation_messages", hold_the_first)
    opened.walk(f"/inbox/{conversation}?m={found}")
    wait_for(page, held)

    with page.expect_response("**/rpc/conversation_messages"):
        hear_many(place, conversation, "Just now ", hours=0, count=40)
    held[0].continue_()

    expect(page.locator(".bubble-row").get_by_text("Long ago 7", exact=True)).to_be_in_viewport()


def test_the_address_of_a_message_that_is_no_more_shows_the_newest(place: Shop, window: Open) -> None:
    conversation = thread(place, hear(place, "The newest one"))
    page = window(place.owner, at=f"/inbox/{conversation}?m=999999999999").page
    expect(bubble(page, "The newest one")).to_be_visible()


def test_a_picture_is_attached_sent_and_looked_at(place: Shop, window: Open) -> None:
    customer = hear(place, "Show me")
    page = window(place.owner).page
    page.locator(".thread", has_text=customer).click()
    chooser = page.locator(".composer input[type=file]")
    chooser.set_input_files({"name": "virus.exe", "mimeType": "application/x-msdownload", "buffer": b"MZ"})
    expect(page.get_by_text("WhatsApp does not take virus.exe")).to_be_visible()

    chooser.set_input_files({"name": "pump.png", "mimeType": "image/png", "buffer": PIXEL})
    expect(page.locator(".tray .ready")).to_be_visible()
    write(page, "This one")
    page.get_by_role("button", name="Send", exact=True).click()

    sent = bubble(page, "This one")
    expect(sent.get_by_label(GONE)).to_be_visible()
    sent.get_by_role("button", name="Open the picture").click()
    shown = page.locator(".viewer img")
    expect(shown).to_be_visible()
    assert re.search(r"/storage/v1/object/sign/media/.*token=", shown.get_attribute("src") or "")
    page.keyboard.press("Escape")
    expect(page.locator(".viewer")).to_have_count(0)


def test_a_message_is_answered_reacted_to_scheduled_and_filled_from_a_quick_reply(
    place: Shop, window: Open
) -> None:
    customer = hear(place, "Which colour?")
    place.db.execute(
        "insert into public.quick_replies (org_id, shortcut, title, body)"
        " values (%s, 'price', 'Price list', 'Dear {name}, here it is')",
        [place.org],
    )
    page = window(place.owner).page
    page.locator(".thread", has_text=customer).click()
    asked = bubble(page, "Which colour?")
    asked.hover()
    asked.get_by_role("button", name="More about this message").click()
    page.get_by_role("menuitem", name="React with 👍").click()
    expect(asked.locator(".reactions")).to_contain_text("👍")
    asked.hover()
    asked.get_by_role("button", name="More about this message").click()
    page.get_by_role("menuitem", name="Reply").click()

    page.get_by_role("combobox", name="Message").press_sequentially("/pri")
    page.keyboard.press("Enter")
    expect(page.get_by_role("combobox", name="Message")).to_have_value(
        f"Dear Customer {customer}, here it is"
    )
    page.keyboard.press("Enter")

    expect(bubble(page, "here it is").locator(".quote")).to_contain_text("Which colour?")
    write(page, "Any news?")
    page.get_by_role("button", name="Schedule").click()
    page.get_by_role("button", name="In one hour").click()
    page.get_by_role("dialog").get_by_role("button", name="Schedule").click()
    page.get_by_role("button", name=re.compile("1 scheduled message")).click()
    page.get_by_role("button", name="Cancel it").click()
    expect(page.get_by_text("Nothing is scheduled.")).to_be_visible()
    assert times_sent(place, "Any news?") == 0


def test_beside_a_conversation_stand_the_person_their_enquiry_and_what_it_cost(
    place: Shop, window: Open
) -> None:
    phone = place.new_phone()
    place.add_lead("Asha Patel", f"+{phone}", product="Submersible pump")
    customer = hear(place, "About the pump", phone)
    page = window(place.owner).page
    page.locator(".thread", has_text="Asha Patel").or_(
        page.locator(".thread", has_text=customer)
    ).first.click()
    person = page.get_by_role("complementary", name="Person")
    expect(person.get_by_role("link", name="Submersible pump")).to_be_visible()

    person.get_by_role("button", name="Stage: New").click()
    page.get_by_role("menuitemradio", name="Contacted").click()
    person.get_by_role("button", name="Stop messages").click()
    page.get_by_role("dialog").get_by_role("button", name="Stop messages").click()

    expect(person.get_by_role("button", name="Stage: Contacted")).to_be_visible()
    expect(page.locator(".composer")).to_contain_text("asked to get no more messages")
    expect(page.locator(".stream")).to_contain_text("A colleague recorded: no more messages")
    write(page, "Sorry to hear")
    page.keyboard.press("Enter")
    expect(person.get_by_text(re.compile("for 1 message"))).to_be_visible()


def test_a_notification_is_asked_for_by_a_click_only_and_told_once_until_read(
    place: Shop, window: Open
) -> None:
    opened = window()
    opened.page.add_init_script(
        """window.told = []; window.asked = 0
           class Notification {
             static permission = 'default'
             constructor(title, how) { window.told.push(title + ': ' + how.body) }
             static async requestPermission() { window.asked++; return Notification.permission = 'granted' }
           }
           window.Notification = Notification"""
    )
    opened.sign_in(place.owner)
    page = opened.page
    expect(page.locator(".threads").first).to_be_visible()
    assert page.evaluate("asked") == 0

    page.get_by_role("link", name="Settings").click()
    page.get_by_role("link", name="Notifications").click()
    page.get_by_label("Show browser notifications").check()
    page.get_by_role("link", name="Inbox").click()

    def told(customer: str) -> list[str]:
        page.wait_for_timeout(50)
        return [words for words in page.evaluate("told") if customer in words]

    customer = hear(place, "First words")
    eventually(lambda: told(customer))
    hear(place, "Second words", customer)
    hear(place, "Third words", customer)
    expect(page.locator(".thread", has_text=customer).get_by_label("3 unread messages")).to_be_visible()
    page.locator(".thread", has_text=customer).click()
    expect(bubble(page, "Third words")).to_be_visible()
    unread = (
        "select count(*) from public.notifications n join auth.users u on u.id = n.user_id"
        " where n.conversation_id = %s and u.email = %s and n.read_at is null"
    )
    eventually(lambda: place.db.value(unread, thread(place, customer), place.owner) == 0)
    hear(place, "Fourth words", customer)  # they are looked at
    expect(bubble(page, "Fourth words")).to_be_visible()
    other = hear(place, "Somebody else")
    assert eventually(lambda: told(other)) == [f"New message: Customer {other}: Somebody else"]

    assert page.evaluate("asked") == 1
    assert told(customer) == [f"New message: Customer {customer}: First words"]
    expect(page).to_have_title(re.compile(r"^\(\d+\+?\) Flow$"))


def test_a_voice_note_is_recorded_where_the_browser_makes_what_whatsapp_takes(
    place: Shop, window: Open
) -> None:
    customer = hear(place, "Call me")
    opened = window()
    opened.page.add_init_script(
        """navigator.mediaDevices.getUserMedia = async () => new MediaStream()
           window.MediaRecorder = class {
             static isTypeSupported(type) { return type === 'audio/ogg;codecs=opus' }
             start() {}
             stop() {
               const rest = String.fromCharCode(1, 1, 0, 0, 128, 187, 0, 0, 0, 0, 0)
               const file = 'OggS' + '\\0'.repeat(24) + 'OpusHead' + rest
               this.ondataavailable({ data: new Blob([Uint8Array.from(file, (c) => c.charCodeAt(0))]) })
               this.onstop()
             }
           }"""
    )
    opened.sign_in(place.owner)
    page = opened.page
    page.locator(".thread", has_text=customer).click()

    page.get_by_role("button", name="Record a voice note").click()
    page.get_by_role("button", name="Finish the recording").click()
    expect(page.locator(".tray .ready")).to_contain_text("Voice note")
    page.get_by_role("button", name="Send", exact=True).click()

    expect(page.locator(".bubble-row .voice")).to_be_visible()
    body = "select body -> 'audio' ->> 'voice' from public.messages where org_id = %s and kind = 'audio'"
    assert place.db.value(body, place.org) == "true"


def test_a_conversation_is_put_back_among_the_unread_for_everybody(place: Shop, window: Open) -> None:
    customer = hear(place, "Call me tomorrow")
    colleague = window(place.join())
    page = window(place.owner, "phone").page
    row = page.locator(".thread", has_text=customer)
    row.tap()
    expect(bubble(page, "Call me tomorrow")).to_be_visible()
    expect(colleague.page.locator(".thread.unread", has_text=customer)).to_have_count(0)

    page.get_by_role("button", name="More", exact=True).tap()
    page.get_by_role("menuitem", name="Mark as unread").tap()

    expect(row.get_by_label("Marked as unread")).to_be_visible()
    expect(colleague.page.locator(".thread.unread", has_text=customer)).to_be_visible()
    row.tap()
    expect(bubble(page, "Call me tomorrow")).to_be_visible()
    page.get_by_role("link", name="Back").tap()
    expect(row).to_be_visible()
    expect(page.locator(".thread.unread", has_text=customer)).to_have_count(0)


def test_what_met_a_deadlock_is_asked_for_again_by_itself(place: Shop, window: Open) -> None:
    customer = hear(place, "Is it in stock?")
    opened = window(place.owner)
    for expected in ("status of 500", "answered: 500 .*/mark_unread"):
        opened.expect_fault(expected)
    page = opened.page
    page.locator(".thread", has_text=customer).click()
    expect(bubble(page, "Is it in stock?")).to_be_visible()
    deadlocks = [{"code": "40P01", "message": "deadlock detected"}] * 2

    def answer(route: Route) -> None:
        if deadlocks:
            route.fulfill(status=500, json=deadlocks.pop())
        else:
            route.continue_()

    page.route("**/rpc/mark_unread", answer)
    page.get_by_role("button", name="More", exact=True).click()
    with page.expect_response(lambda it: it.url.endswith("/mark_unread") and it.ok):
        page.get_by_role("menuitem", name="Mark as unread").click()

    page.reload()
    expect(page.locator(".thread", has_text=customer).get_by_label("Marked as unread")).to_be_visible()


def test_what_is_known_of_a_message_names_when_meta_told_of_it_and_what_it_cost(
    place: Shop, window: Open
) -> None:
    customer = hear(place, "Hello")
    page = window(place.owner).page
    page.locator(".thread", has_text=customer).click()
    write(page, "What would you like to know?")
    page.keyboard.press("Enter")
    sent = bubble(page, "What would you like to know?")
    expect(sent.get_by_label(GONE)).to_be_visible()
    priced = """select exists (select from public.usage_ledger join public.messages m using (org_id, wamid)
                              where m.text = %s)"""
    eventually(lambda: place.db.value(priced, "What would you like to know?"))

    sent.hover()
    sent.locator(".bubble-menu").click()
    page.get_by_role("menuitem", name="Info").click()

    facts = page.get_by_role("dialog")
    expect(facts.get_by_text("Heard from Meta")).to_be_visible()
    expect(facts.get_by_text("Free")).to_be_visible()


def test_a_filter_stands_in_the_address_and_stays_through_reload_back_and_an_open_conversation(
    place: Shop, window: Open
) -> None:
    mine, other = hear(place, "I am yours"), hear(place, "I am nobody's")
    chat = thread(place, mine)
    label = place.db.value(
        "insert into public.labels (org_id, name, colour) values (%s, 'Dealer', '#1d5fa8') returning id",
        place.org,
    )
    place.db.execute(
        "insert into public.conversation_labels (org_id, conversation_id, label_id) values (%s, %s, %s)",
        [place.org, chat, label],
    )
    place.db.execute("update public.conversations set assignee_id = %s where id = %s", [place.owner_id, chat])
    filtered = f"view=mine&label={label}"
    opened = window(place.owner, at=f"/inbox?{filtered}")
    page = opened.page
    row, stranger = (page.locator(".thread", has_text=f"Customer {one}") for one in (mine, other))
    button = page.get_by_role("button", name="Mine", exact=True)

    def shows_mine() -> None:
        expect(button).to_have_attribute("aria-pressed", "true")
        expect(page.locator(".label-filter")).to_have_text("Dealer")
        expect(row).to_be_visible()
        expect(stranger).to_have_count(0)

    shows_mine()
    row.click()
    expect(page).to_have_url(re.compile(rf"/inbox/{chat}\?{filtered}$"))
    page.reload()
    shows_mine()
    expect(bubble(page, "I am yours")).to_be_visible()
    page.get_by_role("button", name="Show all labels again").click()
    expect(page).to_have_url(re.compile(rf"/inbox/{chat}\?view=mine$"))
    page.get_by_role("button", name="All", exact=True).click()
    expect(page).to_have_url(re.compile(rf"/inbox/{chat}$"))
    expect(stranger).to_be_visible()
    page.go_back()
    expect(page.locator(".label-filter")).to_have_count(0)
    page.go_back()
    shows_mine()
    page.go_forward()
    page.go_forward()
    expect(page.get_by_role("button", name="All", exact=True)).to_have_attribute("aria-pressed", "true")

    opened.go("/tasks")
    page.locator(".waiting a", has_text=re.compile("chats? that nobody")).click()
    expect(page.get_by_role("button", name="Unassigned")).to_have_attribute("aria-pressed", "true")
    expect(stranger).to_be_visible()

    phone = window(place.owner, "phone", lang="hi")
    phone.go(f"/inbox/{chat}?{filtered}")
    phone.page.get_by_role("link", name="वापस").tap()
    expect(phone.page).to_have_url(re.compile(rf"/inbox\?{filtered}$"))
    expect(phone.page.locator(".thread")).to_have_count(1)


def test_no_address_leads_into_a_dead_filter(place: Shop, window: Open) -> None:
    customer = hear(place, "Anybody there?")
    agent = place.join()
    place.db.execute(
        "select private.new_organization('Second shop', id) from public.profiles where email = %s", [agent]
    )
    opened = window(agent, at="/inbox?view=nonsense&label=nonsense")
    page = opened.page
    row = page.locator(".thread", has_text=customer)
    expect(page.get_by_role("button", name="All", exact=True)).to_have_attribute("aria-pressed", "true")
    expect(row).to_be_visible()

    opened.go(f"/inbox?label={UUID(int=0)}")
    page.get_by_role("button", name="All labels", exact=True).click()
    expect(row).to_be_visible()
    expect(page).to_have_url(re.compile("/inbox$"))

    opened.go(f"/inbox?view=unread&label={UUID(int=0)}")
    expect(page.get_by_text("No conversation has this label here")).to_be_visible()
    page.get_by_role("button", name="Organization: ").click()
    page.get_by_role("menuitemradio", name="Second shop").click()
    expect(page.get_by_text("All read")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/inbox\?view=unread$"))
