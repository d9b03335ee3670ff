// timing.js: how often the same person is greeted, how old an enquiry may be, and the quiet hours.
import { html, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { asProblem } from "../../lib/problems.js"
import { may, org } from "../../lib/session.js"
import { Button, Field, Notice } from "../../ui/basics.js"
import { Dialog, show } from "../../ui/dialog.js"
import { say } from "../../ui/toasts.js"
import { again } from "./data.js"
import { t } from "./words.js"

function Form({ greeting, close }) {
  const [given, setGiven] = useState({ repeat: String(greeting.repeatDays), age: String(greeting.ageDays), from: greeting.quietFrom, to: greeting.quietTo })
  const [problem, setProblem] = useState(null)
  const isWrong = { repeat: !/^\d{1,4}$/.test(given.repeat.trim()), age: !/^[1-9]\d{0,3}$/.test(given.age.trim()) }
  const field = (name, label, rest) => html`<${Field} label=${label} help=${rest.help} wrong=${isWrong[name] ? t("daysWrong") : undefined}>${(props) => html`<input ...${props} ...${rest.props} value=${given[name]} onInput=${(event) => setGiven({ ...given, [name]: event.target.value })} />`}<//>`
  const save = async () => {
    if (isWrong.repeat || isWrong.age) return
    try {
      // Quiet hours first: they alone can be refused.
      if (given.from !== greeting.quietFrom || given.to !== greeting.quietTo) await rpc("set_quiet_hours", { quiet_from: given.from || null, quiet_to: given.to || null })
      await rpc("set_greeting", { setting: { repeat_days: Number(given.repeat), max_age_days: Number(given.age) } })
      again()
      say(t("saved"))
      close()
    } catch (error) {
      setProblem(asProblem(error).words)
    }
  }
  return html`<${Dialog} title=${t("settings")} onClose=${() => close()}><form class="stack" onSubmit=${(event) => { event.preventDefault(); event.target.querySelector(".primary").click() }}>
    ${field("repeat", t("repeatField"), { help: t("repeatHelp"), props: { inputmode: "numeric", maxlength: 4 } })}${field("age", t("ageField"), { props: { inputmode: "numeric", maxlength: 4 } })}
    <div class="greeting-pair">${field("from", t("quietFrom"), { props: { type: "time" } })}${field("to", t("quietTo"), { props: { type: "time" } })}</div><p class="small soft">${t("quietHelp", { zone: org.value.time_zone })}</p>
    ${problem && html`<${Notice} kind="bad">${problem}<//>`}
    <div class="actions"><${Button} onClick=${() => close()}>${t("cancel")}<//><${Button} kind="primary" onClick=${save}>${t("save")}<//></div></form><//>`
}

export function Timing({ greeting }) {
  const { repeatDays, ageDays, quietFrom, quietTo } = greeting
  return html`<section class="card stack tight"><h2>${t("settings")}</h2>
    <p>${repeatDays ? t("repeat", { n: repeatDays }) : t("always")}</p><p>${t("age", { n: ageDays })}</p><p>${quietFrom ? t("quiet", { from: quietFrom, to: quietTo }) : t("neverQuiet")}</p>
    ${may("admin") && html`<div><${Button} icon="Pencil" onClick=${() => show((close) => html`<${Form} greeting=${greeting} close=${close} />`)}>${t("change")}<//></div>`}</section>`
}
