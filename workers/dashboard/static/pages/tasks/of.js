// of.js: the open tasks of one lead or person, with a line to add one; for the page of a lead and beside a conversation.
import { html, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { useMembers } from "../../lib/members.js"
import { adjust, refresh, useQuery } from "../../lib/queries.js"
import { IconButton, Loaded } from "../../ui/basics.js"
import { complain, say } from "../../ui/toasts.js"
import { useTaskChanges } from "./changes.js"
import { addTask } from "./form.js"
import { TaskRow } from "./row.js"
import { asInput, quick, tomorrow } from "./when.js"
import { t } from "./words.js"

const MOST = 20

/** filter: {lead} or {contact}; whom: on what a new one is, {lead_id or contact_id, name, about}. */
export default function TasksOf({ filter, whom }) {
  const key = `tasks-of ${JSON.stringify(filter)}`
  const query = useQuery(key, () => rpc("task_list", { filter, page_size: MOST }))
  const members = useMembers().data ?? []
  const again = () => refresh(key)
  useTaskChanges({ show: (task) => adjust(key, (known) => ({ ...known, tasks: known.tasks.map((other) => (other.id === task.id ? task : other)) })), again })
  return html`<div class="tasks-of"><${Loaded} query=${query} retry=${again} lines=${2}>${({ tasks, next }) => html`
      ${tasks.length > 0 && html`<ul class="tasks">${tasks.map((task) => html`<li key=${task.id}><${TaskRow} task=${task} members=${members} isShort /></li>`)}</ul>`}
      ${next && html`<p class="small soft">${t("firstOnly", { n: MOST })}</p>`}`}<//>
    <${Quick} whom=${whom} again=${again} /></div>`
}

function Quick({ whom, again }) {
  const [title, setTitle] = useState("")
  const [due, setDue] = useState(() => asInput(tomorrow()))
  const [token, setToken] = useState(() => crypto.randomUUID())
  const [isWorking, setWorking] = useState(false)
  const clear = () => { setTitle(""); setDue(asInput(tomorrow())); setToken(crypto.randomUUID()) }
  const on = whom.lead_id ? { lead_id: whom.lead_id } : { contact_id: whom.contact_id }
  const add = async (event) => {
    event.preventDefault()
    if (!title.trim() || isWorking) return
    setWorking(true)
    try {
      await rpc("add_task", { task: { ...on, title: title.trim(), due_at: new Date(due).toISOString() }, client_token: token })
      clear()
      say(t("added"))
      again()
    } catch (error) {
      complain(error)
    } finally {
      setWorking(false)
    }
  }
  const more = async () => { if (await addTask(whom, { title, due_at: new Date(due) })) clear() }
  return html`<form class="quick-task stack tight" onSubmit=${add}>
    <div class="row"><input class="input grow" maxlength="200" autocomplete="off" aria-label=${t("quickAdd")} placeholder=${t("quickAdd")} value=${title} onInput=${(event) => setTitle(event.target.value)} />
      <${IconButton} icon="Plus" label=${t("add")} type="submit" disabled=${!title.trim() || isWorking} /></div>
    ${title.trim() && html`<div class="row breaks">${quick().map(([name, date]) => html`<button type="button" class="chip" aria-pressed=${asInput(date) === due} onClick=${() => setDue(asInput(date))}>${t(name)}</button>`)}
      <button type="button" class="chip" onClick=${more}>${t("moreChoices")}</button></div>`}
  </form>`
}
