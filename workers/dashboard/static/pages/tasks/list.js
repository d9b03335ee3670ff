// list.js: tasks of anybody, open ones by when they are due, closed ones the last first; chosen by whose, when and what.
import { html } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { useMembers } from "../../lib/members.js"
import { person } from "../../lib/session.js"
import { Button, Empty, Select, Skeleton } from "../../ui/basics.js"
import { Windowed } from "../../ui/windowed.js"
import { usePages } from "../../lib/paged.js"
import { useTaskChanges } from "./changes.js"
import { KINDS } from "./form.js"
import { TaskRow } from "./row.js"
import { t } from "./words.js"

const PAGE = 50
const HEIGHT = 64
const memories = new Map()
const memory = (key) => { if (!memories.has(key)) memories.set(key, { top: 0 }); return memories.get(key) }

async function read({ status, who, when, kind }, next) {
  const filter = { ...(who && { assignee: who }), ...(when && { when }), ...(kind && { kind }) }
  const { tasks, next: after } = status === "open" ? await rpc("task_list", { filter, page_size: PAGE, ...next })
    : await rpc("closed_tasks", { filter: { ...filter, status }, page_size: PAGE, ...next })
  return { items: tasks, next: after }
}

/** at: {status: open, done or cancelled, who, when, kind}; onChange(part of it). */
export function List({ at, onChange, onAdd }) {
  const members = useMembers().data ?? []
  const isOpen = at.status === "open"
  const key = `tasks/${JSON.stringify(at)}`
  const list = usePages(key, (next) => read(at, next))
  useTaskChanges({ show: (task) => list.change((items) => items.map((other) => (other.id === task.id ? task : other))), again: list.again })
  const chip = (name, value, label) => html`<button type="button" class="chip" aria-pressed=${at[name] === value} onClick=${() => onChange({ [name]: value })}>${label}</button>`
  const people = [["", t("everybody")], ["me", t("mine")], ["nobody", t("nobody")], ...(isOpen ? [["left", t("leftBehind")]] : []), ...members.filter(({ id }) => id !== person.value.id).map(({ id, name }) => [id, name])]
  const isFiltered = at.who || at.when || at.kind
  return html`<div class="row task-filters" role="group" aria-label=${t("filter")}>
      <${Select} aria-label=${t("whoseTasks")} value=${at.who} options=${people} onChange=${(event) => onChange({ who: event.target.value })} />
      <${Select} aria-label=${t("field_kind")} value=${at.kind} options=${[["", t("anyKind")], ...Object.keys(KINDS).map((kind) => [kind, t(`kind_${kind}`)])]} onChange=${(event) => onChange({ kind: event.target.value })} />
      ${isOpen ? ["", "overdue", "today", "next"].map((when) => chip("when", when, t(when || "anyTime"))) : [chip("status", "done", t("status_done")), chip("status", "cancelled", t("status_cancelled"))]}</div>
    ${list.problem && !list.items.length ? html`<${Empty} icon="CircleAlert" title=${list.problem.words} action=${html`<${Button} icon="RefreshCw" onClick=${list.again}>${t("tryAgain")}<//>`} />`
      : list.isFresh ? html`<div class="tasks-skeleton"><${Skeleton} lines=${8} height=${40} gap=${24} /></div>`
      : !list.items.length ? html`<${Empty} icon="SquareCheck" title=${t(isFiltered ? "nothingFits" : isOpen ? "noTasks" : "noClosed")}
          action=${isFiltered ? html`<${Button} onClick=${() => onChange({ who: "", when: "", kind: "" })}>${t("clearFilters")}<//>` : isOpen ? html`<${Button} kind="primary" icon="Plus" onClick=${onAdd}>${t("newTask")}<//>` : null}>${isFiltered ? null : t(isOpen ? "noTasksText" : "noClosedText")}<//>`
      : html`<div class="tasks-list"><${Windowed} key=${key} items=${list.items} keyOf=${(task) => task.id} height=${HEIGHT} memory=${memory(key)} onEnd=${list.more} label=${t("tasks")}
          render=${(task) => html`<${TaskRow} task=${task} members=${members} />`}>
          ${list.problem && html`<div class="threads-more"><span class="small">${list.problem.words}</span><${Button} kind="quiet" icon="RefreshCw" onClick=${list.again}>${t("tryAgain")}<//></div>`}<//></div>`}`
}
