// when.js: times to come, as people choose them: a quick one in words, or any.
import { html, useState } from "../../vendor/vendor.js"
import { Button, Field } from "../../ui/basics.js"
import { Dialog, show } from "../../ui/dialog.js"
import { t } from "./words.js"

const two = (value) => String(value).padStart(2, "0")
export const asInput = (date) => `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}T${two(date.getHours())}:${two(date.getMinutes())}`
const at = (days, hour) => { const date = new Date(); date.setDate(date.getDate() + days); date.setHours(hour, 0, 0, 0); return date }

/** Tomorrow at ten: what a task is due at unless somebody says more. */
export const tomorrow = () => at(1, 10)

/** [name, Date]: in an hour, this evening, tomorrow, next Monday; none is there twice. */
export function quick() {
  const now = new Date()
  const monday = ((8 - now.getDay()) % 7) || 7
  return [["inOneHour", new Date(Math.ceil((now.getTime() + 3_600_000) / 300_000) * 300_000)], now.getHours() < 17 && ["thisEvening", at(0, 18)], ["tomorrowTen", tomorrow()], ["nextMonday", at(monday === 1 ? 8 : monday, 10)]].filter(Boolean)
}

/** Chips for the quick times and a field for any; value and onInput(text): as the field writes it. */
export const TimeField = ({ label, value, onInput, wrong }) => html`<div class="stack tight">
  <${Field} label=${label} wrong=${wrong}>${(props) => html`<input ...${props} type="datetime-local" value=${value} onInput=${(event) => onInput(event.target.value)} />`}<//>
  <div class="row breaks">${quick().map(([name, date]) => html`<button type="button" class="chip" aria-pressed=${asInput(date) === value} onClick=${() => onInput(asInput(date))}>${t(name)}</button>`)}</div></div>`

/** Asks for a time to come; gives a Date, or undefined. */
export const askWhen = (title, action) => show((close) => html`<${Asking} ...${{ title, action, close }} />`)

function Asking({ title, action, close }) {
  const [value, setValue] = useState(asInput(tomorrow()))
  const chosen = new Date(value)
  const wrong = Number.isNaN(Number(chosen)) ? t("timeMissing") : chosen <= Date.now() ? t("timePast") : null
  return html`<${Dialog} title=${title} onClose=${() => close()}>
    <${TimeField} label=${t("time")} value=${value} wrong=${wrong} onInput=${setValue} />
    <div class="actions"><${Button} onClick=${() => close()}>${t("cancel")}<//><${Button} kind="primary" disabled=${Boolean(wrong)} onClick=${() => close(chosen)}>${action}<//></div><//>`
}
