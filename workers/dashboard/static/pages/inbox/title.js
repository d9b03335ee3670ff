// title.js: the number of unread conversations stands in the title of the window.
import { effect, signal } from "../../vendor/vendor.js"
import { rows } from "../../lib/api.js"
import { onChanges } from "../../lib/live.js"
import { org, person } from "../../lib/session.js"

const MOST = 99
const unread = signal(0)
async function count() {
  if (!org.value || !person.value) return
  const found = await rows("conversations", (query) => query.select("id").eq("status", "open").gt("unread_count", 0).limit(MOST + 1)).catch(() => null)
  if (found) unread.value = found.length
}
let timer = null
onChanges(() => { clearTimeout(timer); timer = setTimeout(count, 500) })
effect(() => { if (org.value && person.value) queueMicrotask(count) })
effect(() => {
  const many = unread.value
  document.title = many ? `(${many > MOST ? `${MOST}+` : many}) Flow` : "Flow"
})
