// report.js: what is told waits here, and goes to the server in few and small requests; nothing ever waits for them.
import { version } from "../lib/env.js"
import { org, supabase } from "../lib/session.js"
import { traceparent } from "../lib/trace.js"

const MOST = 20 // items of a report, and bytes of it: more is refused
const LARGEST = 15_000
const WAITING = 100
const QUIET = 60_000

const waiting = []
let quietUntil = 0
let token = null
// A page that is being left has no time to ask for it.
supabase.auth.onAuthStateChange((_, session) => { token = session?.access_token ?? null })

/** Takes an item along with the next report. */
export function tell(item) {
  if (waiting.length < WAITING) waiting.push(item)
}

const size = (value) => new TextEncoder().encode(JSON.stringify(value)).length

/** Sends what waits. What the server does not take is gone. */
export function send() {
  if (!navigator.onLine) return
  if (Date.now() < quietUntil) waiting.length = 0
  while (waiting.length) {
    const items = [waiting.shift()]
    while (waiting.length && items.length < MOST && size(items) + size(waiting[0]) < LARGEST) items.push(waiting.shift())
    post(JSON.stringify({ org_id: org.value?.id ?? null, release: version, items }))
  }
}

async function post(body) {
  try {
    const { status } = await fetch("/api/telemetry", {
      method: "POST", body, keepalive: true,
      headers: { "Content-Type": "application/json", traceparent: traceparent(), ...(token && { Authorization: `Bearer ${token}` }) },
    })
    if (status === 429) quietUntil = Date.now() + QUIET
  } catch { /* a page that is left, or a line that broke */ }
}
