// form.js: a task in a dialog: a new one, or one that is changed. When somebody else has changed it meanwhile, theirs is shown, and
// what the person typed stays.
import { html, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { full, moment } from "../../lib/formats.js"
import { asProblem } from "../../lib/problems.js"
import { membersKey, readMembers } from "../../lib/members.js"
import { useQuery } from "../../lib/queries.js"
import { person } from "../../lib/session.js"
import { Button, Field, Notice, Select } from "../../ui/basics.js"
import { Dialog, show } from "../../ui/dialog.js"
import { Icon } from "../../ui/icon.js"
import { say } from "../../ui/toasts.js"
import { setStatus } from "./actions.js"
import { later, readTask, tell } from "./changes.js"
import { asInput, TimeField, tomorrow } from "./when.js"
import { Whom } from "./whom.js"
import { t } from "./words.js"

/** Kinds of tasks, each with its icon. */
export const KINDS = { call: "Phone", write: "MessageCircle", visit: "MapPin", other: "ListChecks" }
const REMINDERS = ["0", "10", "60", "1440", ""]
const FIELDS = ["title", "kind", "due_at", "assignee_id", "remind_minutes", "note"]

const asTyped = (task) => ({
  title: task.title ?? "", kind: task.kind ?? "other", due_at: asInput(task.due_at ? new Date(task.due_at) : tomorrow()), note: task.note ?? "",
  assignee_id: task.assignee_id === undefined ? person.value.id : task.assignee_id ?? "", remind_minutes: task.remind_minutes === undefined ? "0" : task.remind_minutes === null ? "" : String(task.remind_minutes),
})
const asGiven = ({ title, kind, due_at: due, note, assignee_id: assignee, remind_minutes: minutes }) => ({
  title: title.trim(), kind, due_at: new Date(due).toISOString(), note: note.trim() || null, assignee_id: assignee || null, remind_minutes: minutes === "" ? null : Number(minutes),
})

/** Adds a task; whom: {lead_id or contact_id, name, about}, or nothing: then the dialog asks. Gives the task, or undefined. */
export const addTask = (whom = null, begin = {}) => show((close) => html`<${Form} ...${{ whom, begin, close }} />`)
/** Shows a task, to be changed. */
export const openTask = (task) => show((close) => html`<${Form} ...${{ task, close }} />`)

function Form({ task: given = null, whom: known = null, begin = {}, close }) {
  const [task, setTask] = useState(given)
  const [base, setBase] = useState(asTyped(given ?? begin))
  const [typed, setTyped] = useState(base)
  const [whom, setWhom] = useState(known)
  const [problem, setProblem] = useState(null)
  const [theirs, setTheirs] = useState([])
  const [token] = useState(() => crypto.randomUUID())
  const members = useQuery(membersKey(), readMembers).data ?? []
  const set = (name) => (value) => { setTyped((now) => ({ ...now, [name]: value })); setProblem(null) }
  const on = (name) => (event) => set(name)(event.target.value)
  const isDated = !Number.isNaN(Number(new Date(typed.due_at)))
  const isClosed = task && task.status !== "open"

  /** Takes over what somebody else has changed, except where the person has typed too. */
  const meet = async () => {
    const now = await readTask(task.id)
    if (!now) return close()
    const after = asTyped(now)
    setTheirs([...FIELDS.filter((name) => after[name] !== base[name]), ...(now.status !== task.status ? ["status"] : [])])
    setTyped((mine) => Object.fromEntries(FIELDS.map((name) => [name, mine[name] === base[name] ? after[name] : mine[name]])))
    setBase(after)
    setTask(now)
    tell(now)
    return undefined
  }
  const save = async () => {
    try {
      const all = asGiven(typed)
      const changed = Object.fromEntries(Object.entries(all).filter(([name]) => typed[name] !== base[name]))
      const after = task ? await rpc("change_task", { task_id: task.id, version: task.version, change: changed })
        : await rpc("add_task", { task: { ...all, ...(whom.lead_id ? { lead_id: whom.lead_id } : { contact_id: whom.contact_id }) }, client_token: token })
      tell(after)
      later()
      close(after)
      say(t(task ? "changed" : "added"))
    } catch (error) {
      const told = asProblem(error)
      if (told.detail === "task_changed") await meet()
      else setProblem(told.words)
    }
  }
  const end = (status) => { close(); return setStatus(task, status) }
  const said = (name) => ({
    title: () => typed.title, note: () => typed.note || "–", due_at: () => moment(typed.due_at), kind: () => t(`kind_${typed.kind}`), status: () => t(`status_${task.status}`),
    assignee_id: () => members.find(({ id }) => id === typed.assignee_id)?.name ?? t("nobody"), remind_minutes: () => t(`before_${REMINDERS.includes(typed.remind_minutes) ? typed.remind_minutes || "never" : "some"}`, { n: Number(typed.remind_minutes) }),
  })[name]()
  const minutes = REMINDERS.includes(typed.remind_minutes) ? REMINDERS : [typed.remind_minutes, ...REMINDERS]
  const reminders = minutes.map((value) => [value, t(`before_${REMINDERS.includes(value) ? value || "never" : "some"}`, { n: Number(value) })])
  const about = task && [task.name || task.phone || t("unnamed"), task.about].filter(Boolean).join(" · ")
  const people = [["", t("nobody")], ...members.map(({ id, name }) => [id, id === person.value.id ? t("me", { name }) : name])]
  return html`<${Dialog} title=${t(task ? "task" : "newTask")} onClose=${() => close()}>
    <form class="stack" onSubmit=${(event) => { event.preventDefault(); event.target.querySelector(".primary")?.click() }}>
      ${theirs.length > 0 && html`<${Notice} kind="warn"><p>${t("conflict")}</p><ul>${theirs.map((name) => html`<li class="small wrap"><strong>${t(`field_${name}`)}:</strong> ${typed[name] === base[name] || name === "status" ? said(name) : t("yoursStays")}</li>`)}</ul><//>`}
      ${isClosed && html`<${Notice}>${t(`status_${task.status}`)}${task.closed_at ? html` · <time title=${full(task.closed_at)}>${moment(task.closed_at)}</time>` : null}<//>`}
      <${Field} label=${t("field_title")}>${(props) => html`<input ...${props} autofocus=${!task} maxlength="200" autocomplete="off" placeholder=${t("titleExample")} value=${typed.title} onInput=${on("title")} />`}<//>
      <div class="row breaks" role="group" aria-label=${t("field_kind")}>${Object.entries(KINDS).map(([kind, icon]) => html`<button type="button" class="chip" aria-pressed=${typed.kind === kind} onClick=${() => set("kind")(kind)}><${Icon} name=${icon} size=${14} />${t(`kind_${kind}`)}</button>`)}</div>
      ${task ? html`<p class="row small"><${Icon} name="User" size=${16} />${task.lead_id ? html`<a class="clip" href="/leads/${task.lead_id}" onClick=${() => close()}><bdi>${about}</bdi></a>` : html`<bdi class="clip">${about}</bdi>`}</p>`
        : !known && html`<${Whom} chosen=${whom} onChoose=${setWhom} />`}
      <${TimeField} label=${t("field_due_at")} value=${typed.due_at} onInput=${set("due_at")} wrong=${isDated ? null : t("timeMissing")} />
      <div class="task-pair">
        <${Field} label=${t("field_assignee_id")}>${(props) => html`<${Select} ...${props} value=${typed.assignee_id} options=${people} onChange=${on("assignee_id")} />`}<//>
        <${Field} label=${t("field_remind_minutes")}>${(props) => html`<${Select} ...${props} value=${typed.remind_minutes} options=${reminders} onChange=${on("remind_minutes")} />`}<//></div>
      <${Field} label=${t("field_note")}>${(props) => html`<textarea ...${props} rows="2" maxlength="10000" value=${typed.note} onInput=${on("note")}></textarea>`}<//>
      ${problem && html`<${Notice} kind="bad"><span class="wrap">${problem}</span><//>`}
      <div class="actions">${task && (isClosed ? html`<${Button} icon="RotateCcw" onClick=${() => end("open")}>${t("openAgainShort")}<//>`
          : html`<${Button} icon="Check" onClick=${() => end("done")}>${t("tickOffShort")}<//>`)}
        <span class="grow"></span><${Button} onClick=${() => close()}>${t("cancel")}<//>
        <${Button} kind="primary" disabled=${!typed.title.trim() || !isDated || (task ? FIELDS.every((name) => typed[name] === base[name]) : !whom)} onClick=${save}>${t(task ? "save" : "add")}<//></div>
    </form><//>`
}
