"""What was fetched from IndiaMART: said in a sentence, day by day, by the way it came, call by call."""

from __future__ import annotations

import json
import re
from uuid import uuid4

import pytest
from playwright.sync_api import expect

from tests.browser.leads import HOSTILE

PAGE = "/settings/indiamart/coverage"


RUNS = """
  with gap as (
    -- From ten to ten in India: whatever time it is now, the first of its days has hours of both kinds.
    select (date_trunc('day', now() at time zone 'Asia/Kolkata') - interval '20 days' + interval '10 hours')
             at time zone 'Asia/Kolkata' as begins),
  run as (
    insert into public.sync_runs (org_id, source_id, kind, started_at, finished_at, window_from, window_to,
                                  outcome, is_complete, received, inserted, message)
    select %(org)s, %(source)s, r.kind, now() - r.ago, now() - r.ago, r.begins, r.ends,
           r.outcome, r.outcome = 'ok', r.many, r.many, r.said
      from gap, lateral (values
        ('backfill', interval '3 minutes', now() - interval '60 days', gap.begins, 'ok', 7, null),
        ('live', interval '2 minutes', gap.begins + interval '1 day', now() - interval '2 minutes', 'ok', 5,
         null),
        ('live', interval '4 minutes', gap.begins, gap.begins + interval '1 day', 'blocked', 0,
         'Too many hits <b>today</b>')) r (kind, ago, begins, ends, outcome, many, said)
    returning window_from, window_to, is_complete)
  insert into private.source_coverage (org_id, source_id, covered, wanted_from, key_at)
  select %(org)s, %(source)s, range_agg(tstzrange(window_from, window_to)) filter (where is_complete),
         now() - interval '60 days', now() - interval '60 days' from run
"""


@pytest.fixture
def fetched(shop):
    """Sixty days in two complete answers, but for a day of a blocked key; a pushed enquiry. The source."""
    given = {"org": shop.org}
    given["source"] = shop.db.value(
        "insert into public.lead_sources (org_id, kind, name, is_active)"
        " values (%s, 'indiamart', 'IndiaMART', false) returning id",
        shop.org,
    )
    shop.db.execute(RUNS, given)
    person = {key: HOSTILE[key] for key in ("name", "company", "city", "email")}
    item = {"external_id": "q-1", "received_at": "2026-11-20T05:00:00Z", "product": HOSTILE["product"]}
    given["items"] = json.dumps([item | {"person": person | {"phone": f"+{shop.new_phone()}"}}])
    shop.db.execute("select private.store_leads(%(org)s, %(source)s, %(items)s)", given)
    shop.db.execute(
        "select private.note_arrivals(%(org)s, %(source)s, gen_random_uuid(), 'push', %(items)s)", given
    )
    return given["source"]


def test_coverage_is_told_with_what_is_missing_and_its_proof(shop, window, fetched):
    page = window(shop.join("agent")).page
    page.goto(PAGE)

    said = re.compile(r"^Every enquiry from .+ to now has been fetched, except in 1 gap\.$")
    expect(page.locator(".coverage-sentence")).to_contain_text(said)
    gap = page.locator(".coverage-gap")
    expect(gap).to_have_count(1)
    expect(gap).to_contain_text("IndiaMART had blocked the key for 15 minutes · tried 1 time")
    expect(gap).to_contain_text("Give a key that works; then Flow asks for it.")
    page.get_by_role("button", name="Check now").click()
    expect(page.get_by_text("Yes. 2 complete answers cover exactly what is shown here.")).to_be_visible()

    shop.db.execute(
        "update private.source_coverage set covered = range_merge(covered)::tstzmultirange"
        " where source_id = %s",
        [fetched],
    )
    page.get_by_role("button", name="Check now").click()

    expect(page.get_by_text("No. This does not agree with the log")).to_be_visible()
    expect(page.get_by_text("Shown as fetched, without an answer")).to_have_count(1)


def test_days_open_into_their_hours(shop, window, fetched):
    page = window(shop.owner, "phone").page
    page.goto(f"{PAGE}?part=calendar")
    expect(page.locator(".day-cell.complete").first).to_be_visible()
    assert page.locator(".day-cell").count() == 61

    page.locator(".day-cell.partial").first.tap()

    hours = page.get_by_role("list", name="Hour by hour").get_by_role("listitem")
    expect(hours).to_have_count(24)
    expect(hours.filter(has_text="Still missing").first).to_be_visible()
    expect(hours.filter(has_text="IndiaMART had blocked the key")).to_have_count(1)
    expect(hours.filter(has_text="Complete").first).to_be_visible()


def test_enquiries_are_listed_by_the_way_they_came(shop, window, fetched):
    page = window(shop.owner).page
    page.goto(f"{PAGE}?part=arrivals")
    expect(page.get_by_role("heading", name="No enquiries came this way")).to_be_visible()

    page.get_by_role("button", name="Pushed only").click()
    row = page.get_by_role("list", name="Enquiries by the way they came").get_by_role("link")
    expect(row).to_contain_text("Pushed: ")
    row.click()

    expect(page).to_have_url(re.compile(r"/leads/[0-9a-f-]{36}$"))


def test_every_call_is_logged_page_by_page(shop, window, fetched):
    shop.db.execute(
        "insert into public.sync_runs (org_id, source_id, kind, started_at, finished_at, window_from,"
        " window_to, outcome, is_complete)"
        " select %s, %s, 'live', d, d, d - interval '1 day', d, 'server_error', false"
        " from generate_series(1, 120) n, lateral (select now() - interval '1 day') x (d)",
        [shop.org, fetched],
    )
    page = window(shop.owner).page
    page.goto(f"{PAGE}?part=log")
    calls = page.locator(".coverage-row")
    calls.filter(has_text="Blocked").click()
    expect(page.get_by_role("dialog")).to_contain_text("Too many hits <b>today</b>")
    page.keyboard.press("Escape")

    page.locator(".windowed").evaluate("(list) => list.scrollTo(0, 1e6)")

    expect(page.locator("[aria-setsize='123']").first).to_be_attached()


def test_a_new_connection_is_followed_from_the_settings(shop, window):
    opened = window(shop.owner)
    opened.expect_fault("status of 40[49]")
    page = opened.page
    opened.go(PAGE)
    expect(page.get_by_role("heading", name="IndiaMART is not connected")).to_be_visible()
    page.get_by_role("link", name="Connect IndiaMART").click()
    page.get_by_label("CRM key").fill(f"key-{uuid4().hex}")
    page.get_by_role("button", name="Connect IndiaMART").click()
    page.get_by_role("link", name="What was fetched, day by day").click()

    expect(page.get_by_role("heading", name="What was fetched")).to_be_visible()
    expect(page.locator(".coverage-history, .coverage-sentence").first).to_be_visible()


SEEN = [
    ("overview", ".coverage-gap"),
    ("calendar", ".day-cell"),
    ("log", ".coverage-row"),
    ("arrivals", "dl"),
]
