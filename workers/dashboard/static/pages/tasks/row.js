// row.js: one task in a list: its circle to tick off, what is to be done, for whom, until when, by whom.
import { html } from "../../vendor/vendor.js"
import { clock, day, full, moment, now } from "../../lib/formats.js"
import { person } from "../../lib/session.js"
import { Avatar } from "../../ui/avatar.js"
import { Icon } from "../../ui/icon.js"
import { Menu } from "../../ui/menu.js"
import { changeTask, openChat, setStatus, snooze } from "./actions.js"
import { KINDS, openTask } from "./form.js"
import { askWhen, quick } from "./when.js"
import { t } from "./words.js"

const isOver = (task) => task.status === "open" && new Date(task.due_at) < now.value

/** When it is due, or was closed, in as few words as it takes. */
export function Due({ task }) {
  const at = task.status === "open" ? task.due_at : task.closed_at ?? task.due_at
  const over = isOver(task)
  const isToday = day(at) === day(new Date(now.value))
  return html`<time class="due small numbers ${over ? "over" : ""}" datetime=${at} title=${full(at)}>
    ${over && html`<span class="hidden-visually">${t("overdue")}: </span>`}${isToday ? clock(at) : day(at)}</time>`
}

export const Tick = ({ task }) => {
  const isClosed = task.status !== "open"
  return html`<button type="button" class="tick" role="checkbox" aria-checked=${task.status === "done"} aria-label=${t(isClosed ? "openAgain" : "tickOff", { title: task.title })} title=${t(isClosed ? "openAgainShort" : "tickOffShort")}
    onClick=${() => setStatus(task, isClosed ? "open" : "done")}><span class="circle"><${Icon} name=${task.status === "cancelled" ? "X" : "Check"} size=${14} /></span></button>`
}

function items(task, members) {
  const isOpen = task.status === "open"
  const pick = async () => { const when = await askWhen(t("remindAgain"), t("remind")); if (when) await snooze(task, when) }
  return [
    { label: t("edit"), icon: "Pencil", run: () => openTask(task) },
    task.phone && { label: t("callNow"), icon: "Phone", href: `tel:${task.phone}` },
    task.contact_id && { label: t("openChat"), icon: "MessageCircle", run: () => openChat(task) },
    task.lead_id && { label: t("openLead"), icon: "ClipboardList", href: `/leads/${task.lead_id}` },
    ...(isOpen ? [
      ...quick().map(([name, date]) => ({ label: t(`remind_${name}`), icon: "Clock", run: () => snooze(task, date) })),
      { label: t("remindPick"), icon: "CalendarClock", run: pick },
      task.assignee_id !== person.value.id && { label: t("takeIt"), icon: "UserCheck", run: () => changeTask(task, { assignee_id: person.value.id }) },
      { label: t("cancelTask"), icon: "X", isDanger: true, run: () => setStatus(task, "cancelled") },
    ] : [{ label: t("openAgainShort"), icon: "RotateCcw", run: () => setStatus(task, "open") }]),
  ]
}

/** isShort: beside the person that all these tasks are for, so without their name; isMine: where all are one's own, so with a way to do it. */
export function TaskRow({ task, members, isShort = false, isMine = false }) {
  const name = members.find(({ id }) => id === task.assignee_id)?.name
  const left = !task.assignee_id && task.former_assignee_id
  const isWaiting = task.status === "open" && task.remind_at && !task.reminded_at && new Date(task.remind_at) > new Date(task.due_at)
  const about = isShort ? [isWaiting ? t("ringsAt", { time: moment(task.remind_at) }) : task.note]
    : [task.name || task.phone || t("unnamed"), isWaiting ? t("ringsAt", { time: moment(task.remind_at) }) : task.about]
  return html`<div class="task ${task.status}" data-task=${task.id}>
    <${Tick} task=${task} />
    <button type="button" class="task-text grow" onClick=${() => openTask(task)}>
      <span class="row"><${Icon} name=${KINDS[task.kind]} size=${14} label=${t(`kind_${task.kind}`)} className="faint" /><span class="clip title"><bdi>${task.title}</bdi></span></span>
      <span class="clip small soft"><bdi>${about.filter(Boolean).join(" · ")}</bdi>${left && html` · <span class="warn">${t("leftBehind")}</span>`}</span></button>
    <${Due} task=${task} />
    ${isMine && task.kind === "call" && task.phone && html`<a class="icon-button" href="tel:${task.phone}" aria-label=${t("callPerson", { name: task.name || task.phone })} title=${t("callNow")}><${Icon} name="Phone" size=${18} /></a>`}
    ${!isMine && html`<span class="task-who" title=${name ?? t("nobody")}>${task.assignee_id ? html`<${Avatar} name=${name ?? t("left")} id=${task.assignee_id} isSmall /><span class="hidden-visually">${name ?? t("left")}</span>` : html`<${Icon} name="UserX" size=${18} label=${t("nobody")} className="faint" />`}</span>`}
    <${Menu} label=${t("more")} items=${items(task, members)} trigger=${({ ref, ...props }) => html`<button type="button" class="icon-button" aria-label=${t("moreOf", { title: task.title })} title=${t("more")} ref=${ref} ...${props}><${Icon} name="EllipsisVertical" size=${18} /></button>`} />
  </div>`
}
