// schedule.js: messages that wait for their moment: choosing it, the list of them, another moment, cancelling.
import { html, useState } from "../../vendor/vendor.js"
import { rows, rpc } from "../../lib/api.js"
import { moment } from "../../lib/formats.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { Button, Chip, Field, Notice } from "../../ui/basics.js"
import { Dialog, show } from "../../ui/dialog.js"
import { Icon } from "../../ui/icon.js"
import { say } from "../../ui/toasts.js"
import { kindWords, t } from "./words.js"

const two = (value) => String(value).padStart(2, "0")
const asInput = (date) => `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}T${two(date.getHours())}:${two(date.getMinutes())}`
const at = (days, hour) => { const date = new Date(); date.setDate(date.getDate() + days); date.setHours(hour, 0, 0, 0); return date }
const inHours = (hours) => new Date(Date.now() + hours * 3_600_000)

/** Asks when; gives a Date, or undefined. */
export const askWhen = (title, given) => show((close) => html`<${When} ...${{ title, given, close }} />`)

function When({ title, given, close }) {
  const [value, setValue] = useState(asInput(given ?? at(1, 10)))
  const chosen = new Date(value)
  const wrong = Number.isNaN(+chosen) ? t("whenMissing") : chosen <= Date.now() ? t("whenPast") : chosen > Date.now() + 90 * 86_400_000 ? t("whenFar") : null
  const quick = [[t("inOneHour"), inHours(1)], [t("tomorrowMorning"), at(1, 10)], [t("tomorrowEvening"), at(1, 17)], [t("nextMonday"), at(((8 - new Date().getDay()) % 7) || 7, 10)]]
  return html`<${Dialog} title=${title} onClose=${() => close()}>
    <div class="row breaks">${quick.map(([label, date]) => html`<button type="button" class="chip" aria-pressed=${asInput(date) === value} onClick=${() => setValue(asInput(date))}>${label}</button>`)}</div>
    <${Field} label=${t("when")} wrong=${wrong}>${(props) => html`<input ...${props} type="datetime-local" value=${value} min=${asInput(new Date())} onInput=${(event) => setValue(event.target.value)} />`}<//>
    <div class="actions"><${Button} onClick=${() => close()}>${t("cancel")}<//><${Button} kind="primary" icon="CalendarClock" disabled=${Boolean(wrong)} onClick=${() => close(chosen)}>${t("schedule")}<//></div>
  <//>`
}

/** Schedules a message; says when it goes, and that it may not go when it needs an answer first. Gives whether it was done. */
export async function schedule(conversation, message) {
  const when = await askWhen(t("scheduleTitle"))
  if (!when) return false
  const done = await rpc("schedule_message", { conversation_id: conversation, message, send_at: when.toISOString(), client_token: crypto.randomUUID() })
  refresh(`scheduled:${conversation}`)
  say(done.needs_answer ? t("scheduledNeedsAnswer", { time: moment(when) }) : t("scheduled", { time: moment(when) }), { isBad: done.needs_answer })
  return true
}

const read = (conversation) => rows("scheduled_messages", (query) => query.select("id, text, spec, send_at, status, problem, settled_at").eq("conversation_id", conversation).in("status", ["waiting", "failed"]).order("send_at").limit(100))
const isShown = ({ status, settled_at: settled }) => status === "waiting" || Date.now() - new Date(settled) < 3 * 86_400_000

/** A line above the composer while something waits. */
export function Scheduled({ conversation }) {
  const { data } = useQuery(`scheduled:${conversation}`, () => read(conversation))
  const shown = (data ?? []).filter(isShown)
  if (!shown.length) return null
  return html`<button type="button" class="scheduled-bar" onClick=${() => show((close) => html`<${List} ...${{ conversation, close }} />`)}>
    <${Icon} name="CalendarClock" size=${16} /><span class="grow clip">${t("scheduledCount", { n: shown.length })} · ${moment(shown[0].send_at)}</span><${Icon} name="ChevronRight" size=${16} /></button>`
}

function List({ conversation, close }) {
  const { data } = useQuery(`scheduled:${conversation}`, () => read(conversation))
  const again = () => refresh(`scheduled:${conversation}`)
  const move = async ({ id, send_at: sendAt }) => {
    const when = await askWhen(t("reschedule"), new Date(sendAt))
    if (when) await rpc("reschedule", { scheduled_id: id, send_at: when.toISOString() }).finally(again)
  }
  const cancel = ({ id }) => rpc("cancel_scheduled", { scheduled_id: id }).finally(again)
  const shown = (data ?? []).filter(isShown)
  return html`<${Dialog} title=${t("scheduledTitle")} onClose=${() => close()}>
    ${!shown.length && html`<p class="soft">${t("scheduledNone")}</p>`}
    <ul class="list">${shown.map((item) => html`<li class="stack tight scheduled-item" key=${item.id}>
      <div class="row between"><strong>${moment(item.send_at)}</strong>${item.status === "failed" ? html`<${Chip} kind="bad">${t("status_failed")}<//>` : html`<${Chip}>${kindWords(item.spec.kind)}<//>`}</div>
      <p class="wrap three" dir="auto">${item.text || item.spec.caption || kindWords(item.spec.kind)}</p>
      ${item.problem && html`<${Notice} kind="bad">${item.problem}<//>`}
      ${item.status === "waiting" && html`<div class="row"><${Button} kind="quiet" icon="CalendarClock" onClick=${() => move(item)}>${t("reschedule")}<//><${Button} kind="quiet" icon="X" onClick=${() => cancel(item)}>${t("cancelIt")}<//></div>`}
    </li>`)}</ul><//>`
}
