// absence.js: asks from when to when somebody is away: whole days, or hours.
import { html, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { asProblem } from "../../lib/problems.js"
import { Button, Check, Field } from "../../ui/basics.js"
import { Dialog, show } from "../../ui/dialog.js"
import { t } from "./hours-words.js"

const day = (date) => date.toLocaleDateString("en-CA")
const tomorrow = () => { const date = new Date(); date.setDate(date.getDate() + 1); return day(date) }

/** Adds an absence of a member, {user_id, name}; gives true when it was added. */
export const askAbsence = (member) => show((close) => html`<${Asking} ...${{ member, close }} />`)

function Asking({ member, close }) {
  const [given, setGiven] = useState({ from: tomorrow(), to: tomorrow(), fromTime: "09:00", toTime: "13:00", isWhole: true })
  const [problem, setProblem] = useState(null)
  const set = (name) => (event) => { setGiven((now) => ({ ...now, [name]: event.target.type === "checkbox" ? event.target.checked : event.target.value })); setProblem(null) }
  const from = new Date(given.isWhole ? `${given.from}T00:00` : `${given.from}T${given.fromTime}`)
  const to = new Date(given.isWhole ? `${given.to}T00:00` : `${given.to}T${given.toTime}`)
  if (given.isWhole) to.setDate(to.getDate() + 1)
  const isWrong = !(from < to)
  const add = async () => {
    try {
      await rpc("add_absence", { user_id: member.user_id, from_at: from.toISOString(), to_at: to.toISOString() })
      close(true)
    } catch (error) {
      setProblem(asProblem(error).words)
    }
  }
  const field = (name, type, label) => html`<${Field} label=${label}>${(props) => html`<input ...${props} type=${type} value=${given[name]} onInput=${set(name)} />`}<//>`
  return html`<${Dialog} title=${t("absenceOf", { name: member.name })} onClose=${() => close()}>
    <form class="stack" onSubmit=${(event) => { event.preventDefault(); event.target.querySelector(".primary").click() }}>
      <p class="soft">${t("absenceText")}</p>
      <${Check} label=${t("wholeDays")} checked=${given.isWhole} onChange=${set("isWhole")} />
      <div class="absence">${field("from", "date", t(given.isWhole ? "firstDay" : "from"))}${!given.isWhole && field("fromTime", "time", t("fromTime"))}${field("to", "date", t(given.isWhole ? "lastDay" : "to"))}${!given.isWhole && field("toTime", "time", t("toTime"))}</div>
      ${(problem || isWrong) && html`<p class="small danger" role="alert">${problem ?? t("absenceWrong")}</p>`}
      <div class="actions"><${Button} onClick=${() => close()}>${t("cancel")}<//><${Button} kind="primary" disabled=${isWrong} onClick=${add}>${t("add")}<//></div></form><//>`
}
