"""`python -m tests.bench dashboard`: how soon the inbox can be used on a slow processor, and how it scrolls.

A stack and a Chromium of its own, the demo's owner, 10,000 conversations, a processor slowed to a quarter.
Times are the browser's own, from the beginning of the navigation. Prints, never fails on time.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
from pathlib import Path

import psycopg
from playwright.sync_api import BrowserContext, Page, sync_playwright

from tests.bench.pages import note
from tests.browser import chromium
from tests.browser.window import Window
from tests.local.flow_command import Flow, free_port
from workers.cli.demo.seed import OWNER, PASSWORD

CONVERSATIONS = int(os.environ.get("FLOW_BENCH_CONVERSATIONS", "10000"))
SLOWER = 4
VISITS = 7

FILL = """
with org as (select id as org_id from public.organizations order by created_at limit 1),
     people as (
       insert into public.contacts (org_id, name, phone, wa_id)
       select org_id, 'Crowd ' || lpad(n::text, 6, '0'), '+9170' || lpad(n::text, 8, '0'),
              '9170' || lpad(n::text, 8, '0')
         from org, generate_series(1, %(many)s) n returning org_id, id, name),
     threads as (
       insert into public.conversations
         (org_id, number_id, contact_id, last_message_at, last_message_text, unread_count, window_expires_at)
       select p.org_id, (select w.id from public.whatsapp_numbers w where w.org_id = p.org_id limit 1), p.id,
              now() - make_interval(mins => right(p.name, 6)::int), 'Words of ' || p.name,
              right(p.name, 6)::int %% 3, now() + interval '5 hours'
         from people p returning org_id, id, contact_id, last_message_at)
insert into public.messages
  (org_id, conversation_id, contact_id, direction, kind, status, origin, body, text, at)
select t.org_id, t.id, t.contact_id, 'inbound', 'text', 'received', 'customer', '{}', 'Sentence ' || n,
       t.last_message_at - make_interval(mins => n)
  from threads t, generate_series(0, 2) n
"""

# Usable: the first conversation is painted, and the processor is free to answer a key.
READY = """
(() => {
  window.moves = 0
  const add = (list) => { for (const { value } of list.getEntries()) window.moves += value }
  new PerformanceObserver(add).observe({ type: 'layout-shift', buffered: true })
  const watch = new MutationObserver(() => {
    if (!document.querySelector('.thread')) return
    watch.disconnect()
    requestAnimationFrame(() => setTimeout(() => { window.usableAt = performance.now() }))
  })
  watch.observe(document, { childList: true, subtree: true })
})()
"""

SCRIPTS = """
() => performance.getEntriesByType('resource').filter(({ name }) => name.endsWith('.js'))
        .reduce((sum, { encodedBodySize }) => [sum[0] + 1, sum[1] + encodedBodySize], [0, 0])
"""

SCROLL = """
async (last) => {
  const box = document.querySelector('.windowed')
  const began = performance.now()
  let nodes = 0, longest = 0, frame = began
  while (!box.textContent.includes(last)) {
    box.scrollTop = box.scrollHeight
    await new Promise(requestAnimationFrame)
    const now = performance.now()
    longest = Math.max(longest, now - frame)
    frame = now
    nodes = Math.max(nodes, document.querySelectorAll('.thread').length)
    if (now - began > 300000) throw new Error('the end was not reached')
  }
  return { ms: performance.now() - began, nodes, longest }
}
"""


def main() -> None:
    """Make a stack, fill it, look at it as a person on a phone does, remove it."""
    path = chromium.install()
    if path is None:
        sys.exit("There is no Chromium: apt install chromium")
    with tempfile.TemporaryDirectory(prefix="flow-dashboard-") as folder, sync_playwright() as playwright:
        stack = Flow(Path(folder) / "data", free_port())
        done = stack.run("up", "--detach", "--json", "--port", str(stack.port))
        try:
            if done.returncode:
                sys.exit(done.stderr)
            told = json.loads(done.stdout)
            note(f"filling {CONVERSATIONS:,} conversations")
            with psycopg.connect(told["database_url"], autocommit=True) as admin:
                admin.execute(FILL.encode(), {"many": CONVERSATIONS})
                admin.execute("analyze")
            browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
            context = browser.new_context(
                viewport={"width": 360, "height": 740}, is_mobile=True, has_touch=True,
                locale="en-IN", timezone_id="Asia/Kolkata", base_url=told["workers_url"],
            )  # fmt: skip
            figures = measure(context)
            browser.close()
        finally:
            stack.down()
    for name, value in figures.items():
        print(f"{name:<58} {value}")


def measure(context: BrowserContext) -> dict[str, str]:
    """Visit the inbox with and without a filled cache, open a conversation, scroll to the end."""
    page = context.new_page()
    Window(page).sign_in(OWNER, PASSWORD)
    page.add_init_script(READY)
    chrome = context.new_cdp_session(page)
    chrome.send("Network.enable")
    chrome.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    figures = {}
    for name, is_cached in (("first visit", False), ("later visits", True)):
        chrome.send("Network.setBypassServiceWorker", {"bypass": not is_cached})
        times = []
        for _ in range(VISITS):
            if not is_cached:
                chrome.send("Network.clearBrowserCache")
            times.append(_visit(page))
        figures[f"inbox usable, {name}, processor {SLOWER} x slower"] = (
            f"{statistics.median(times):.0f} ms (of {VISITS}: {min(times):.0f} to {max(times):.0f})"
        )
        if not is_cached:
            many, size = page.evaluate(SCRIPTS)
            figures["JavaScript of the inbox, compressed"] = f"{size / 1024:.0f} KB in {many} files"
    figures["layout shift while it loads"] = f"{page.evaluate('window.moves'):.3f}"
    chrome.send("Emulation.setCPUThrottlingRate", {"rate": 1})
    scrolled = page.evaluate(SCROLL, f"Crowd {CONVERSATIONS:06d}")
    figures[f"{CONVERSATIONS:,} conversations scrolled to the last"] = (
        f"{scrolled['ms'] / 1000:.1f} s, at most {scrolled['nodes']} in the page,"
        f" longest frame {scrolled['longest']:.0f} ms"
    )
    return figures


def _visit(page: Page) -> float:
    page.goto("/inbox")
    page.wait_for_function("() => window.usableAt")
    page.wait_for_load_state("networkidle")
    return float(page.evaluate("window.usableAt"))
