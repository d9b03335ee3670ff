// day.js: My day: what is late, what is left of today, what comes next; and who is waiting besides.
import { html } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { number } from "../../lib/words.js"
import { adjust, refresh, useQuery } from "../../lib/queries.js"
import { org } from "../../lib/session.js"
import { useMembers } from "../../lib/members.js"
import { Button, Empty, Loaded } from "../../ui/basics.js"
import { Icon } from "../../ui/icon.js"
import { useTaskChanges } from "./changes.js"
import { TaskRow } from "./row.js"
import { t } from "./words.js"

const PARTS = ["overdue", "today", "next"]
const PAGE = 20

const readDay = async () => {
  const day = await rpc("my_day", { page_size: PAGE })
  return { ...day, at: Date.now() }
}

async function readWaiting() {
  const [mine, others, leads] = await Promise.all([
    rpc("inbox", { assignee: "me", unread_only: true, page_size: PAGE }), rpc("inbox", { assignee: "nobody", unread_only: true, page_size: PAGE }),
    rpc("unassigned_leads", { older_than_minutes: 0, page_size: PAGE }),
  ])
  return { mine: mine.length, others: others.length, leads: leads.leads.length }
}

const WAITING = [["mine", "MessageCircle", "/inbox?view=mine"], ["others", "Inbox", "/inbox?view=unassigned"], ["leads", "ClipboardList", `/leads?layout=table&f=${encodeURIComponent(JSON.stringify({ owner: "none", status: "open" }))}`]]

function Waiting() {
  const { data } = useQuery(`tasks-waiting ${org.value.id}`, readWaiting)
  const shown = WAITING.filter(([name]) => data?.[name])
  if (!shown.length) return null
  return html`<section class="waiting" aria-label=${t("waiting")}>${shown.map(([name, icon, href]) => html`<a class="card" href=${href} key=${name}><${Icon} name=${icon} size=${20} />
    <span class="grow"><strong class="numbers">${data[name] < PAGE ? number(data[name]) : `${number(PAGE)}+`}</strong> <span>${t(`waiting_${name}`, { n: data[name] })}</span></span><${Icon} name="ChevronRight" size=${16} /></a>`)}</section>`
}

export function Day({ onAdd, onMore }) {
  const key = `tasks-day ${org.value.id}`
  const query = useQuery(key, readDay)
  const members = useMembers().data ?? []
  const show = (task) => adjust(key, (day) => ({ ...day, ...Object.fromEntries(PARTS.map((part) => [part, { ...day[part], tasks: day[part].tasks.map((other) => (other.id === task.id ? task : other)) }])) }))
  useTaskChanges({ show, again: () => { refresh(key); refresh("tasks-waiting") } })
  return html`<div class="body"><div class="narrow stack">
    <${Waiting} />
    <${Loaded} query=${query} retry=${() => refresh(key)} lines=${6} height=${48}>${(day) => {
      const shown = PARTS.filter((part) => day[part].tasks.length)
      if (!shown.length) return html`<section class="card"><${Empty} icon="SquareCheck" title=${t("dayEmpty")} action=${html`<${Button} kind="primary" icon="Plus" onClick=${onAdd}>${t("newTask")}<//>`}>${t("dayEmptyText")}<//></section>`
      return html`${!day.overdue.tasks.length && !day.today.tasks.length && html`<p class="row soft all-done"><${Icon} name="CircleCheck" />${t("todayDone")}</p>`}
        ${shown.map((part) => html`<section key=${part} class="day-part" aria-labelledby="part-${part}"><h2 id="part-${part}" class="row ${part === "overdue" ? "danger" : ""}">${t(part)} <span class="soft small numbers">${day[part].count < 1000 ? number(day[part].count) : `${number(1000)}+`}</span></h2>
          <ul class="list card tasks">${day[part].tasks.map((task) => html`<li key=${task.id}><${TaskRow} task=${task} members=${members} isMine /></li>`)}</ul>
          ${day[part].next && html`<div><button type="button" class="button quiet" onClick=${() => onMore(part)}>${t("moreTasks")}</button></div>`}</section>`)}`
    }}<//></div></div>`
}
