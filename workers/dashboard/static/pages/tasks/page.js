// page.js: tasks: my day first, then all that are open, then what is done.
import { html, useEffect } from "../../vendor/vendor.js"
import { go } from "../../lib/router.js"
import { Button } from "../../ui/basics.js"
import { BellLink } from "../../ui/bell.js"
import { complain, say } from "../../ui/toasts.js"
import { readTask } from "./changes.js"
import { Day } from "./day.js"
import { addTask, openTask } from "./form.js"
import { List } from "./list.js"
import { t } from "./words.js"

const TABS = { day: "/tasks", open: "/tasks?view=open", done: "/tasks?view=done" }
const UUID = /^[0-9a-f-]{36}$/i
const WHEN = ["overdue", "today", "next"]

/** What an address asks for: {view, status, who, when, kind}. */
function where({ view, status, who, when, kind }) {
  const shown = view === "done" ? (status === "cancelled" ? "cancelled" : "done") : "open"
  return { view: TABS[view] ? view : "day", status: shown, who: ["me", "nobody", "left"].includes(who) || UUID.test(who ?? "") ? who : "", when: shown === "open" && WHEN.includes(when) ? when : "", kind: ["call", "write", "visit", "other"].includes(kind) ? kind : "" }
}

function show(at, change) {
  const { view, status, who, when, kind } = { ...at, ...change }
  const parts = { view, status: status === "cancelled" ? status : "", who, when, kind }
  go(`/tasks?${new URLSearchParams(Object.entries(parts).filter(([, value]) => value))}`, { replace: true })
}

/** A task that an address names is opened, and the address is the list's again. */
async function openNamed(id) {
  go("/tasks", { replace: true })
  const task = await readTask(id)
  if (task) openTask(task)
  else say(t("taskGone"), { isBad: true })
}

export default function Tasks({ query }) {
  const { view, ...at } = where(query)
  useEffect(() => { if (UUID.test(query.task ?? "")) openNamed(query.task).catch(complain) }, [query.task])
  const add = () => { addTask() }
  return html`<header class="top"><h1>${t("tasks")}</h1><${BellLink} /><${Button} kind="primary" icon="Plus" onClick=${add}>${t("newTask")}<//></header>
    <nav class="tabs" aria-label=${t("tasks")}>${Object.entries(TABS).map(([name, href]) => html`<a href=${href} aria-current=${view === name ? "page" : undefined}>${t(`tab_${name}`)}</a>`)}</nav>
    ${view === "day" ? html`<${Day} onAdd=${add} onMore=${(when) => show(at, { view: "open", who: "me", when })} />`
      : html`<${List} at=${at} onAdd=${add} onChange=${(change) => show({ view, ...at }, change)} />`}`
}
