// suppression.js: people who were erased, as numbers; requests that wait; and an owner's exception.
import { html, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { moment, number } from "../../lib/formats.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { may, org } from "../../lib/session.js"
import { Button, Field, Loaded, Select } from "../../ui/basics.js"
import { Dialog, show } from "../../ui/dialog.js"
import { say } from "../../ui/toasts.js"
import { t } from "./suppression-words.js"

const COUNTS = ["people", "refused", "returned", "lifted"]

function Lift({ close }) {
  const [kind, setKind] = useState("phone")
  const [value, setValue] = useState("")
  const [evidence, setEvidence] = useState("")
  const lift = async () => {
    await rpc("lift_suppression", { kind, value: kind === "phone" ? value.replace(/[\s().-]/g, "") : value, evidence })
    say(t("done"))
    close(true)
  }
  return html`<${Dialog} title=${t("liftTitle")} onClose=${() => close()}><p class="soft wrap">${t("liftText")}</p>
    <${Field} label=${t("kind")}>${(props) => html`<${Select} ...${props} value=${kind} onChange=${(event) => setKind(event.target.value)} options=${["phone", "email"].map((each) => [each, t(each)])} />`}<//>
    <${Field} label=${t("value")} help=${kind === "phone" ? t("valueHelp") : null}>${(props) => html`<input ...${props} type=${kind === "phone" ? "tel" : "email"} autocomplete="off" maxlength="254" value=${value} onInput=${(event) => setValue(event.target.value)} />`}<//>
    <${Field} label=${t("evidence")} help=${t("evidenceHelp")}>${(props) => html`<textarea ...${props} maxlength="500" value=${evidence} onInput=${(event) => setEvidence(event.target.value)}></textarea>`}<//>
    <div class="actions"><${Button} onClick=${() => close()}>${t("cancel")}<//><${Button} kind="primary" disabled=${!value.trim() || !evidence.trim()} onClick=${lift}>${t("action")}<//></div>
  <//>`
}

const standing = (item) => item.status === "scheduled" ? t("scheduled", { time: moment(item.erase_at) }) : item.status === "erased" ? t("erased_on", { time: moment(item.finished_at) }) : t(item.status)

export function Suppression() {
  const keys = [`suppression ${org.value.id}`, `erasures ${org.value.id}`]
  const counts = useQuery(keys[0], () => rpc("suppression_counts"))
  const requests = useQuery(keys[1], () => rpc("list_erasures"))
  const lift = () => { show((close) => html`<${Lift} close=${close} />`).then((isDone) => { if (isDone) refresh(keys[0]) }) }
  return html`<section class="card stack"><h3>${t("title")}</h3><p class="soft wrap">${t("text")}</p>
    <${Loaded} query=${counts} retry=${() => refresh(keys[0])} lines=${1} height=${40}>${(found) => (COUNTS.some((each) => found[each]) || requests.data?.items.length
      ? html`<dl class="facts">${COUNTS.map((each) => html`<div key=${each}><dt>${t(each)}</dt><dd class="numbers">${number(found[each])}</dd></div>`)}</dl>` : html`<p>${t("none")}</p>`)}<//>
    ${requests.data?.items.length > 0 && html`<h4>${t("waiting")}</h4><ul class="list">${requests.data.items.slice(0, 20).map((item) => html`<li class="row" key=${item.erasure_id}><span class="grow wrap">${standing(item)}</span>${item.lead_id && html`<a class="button quiet" href=${`/leads/${item.lead_id}`}>${t("look")}</a>`}</li>`)}</ul>`}
    ${may("owner") && counts.data?.people > 0 && html`<div><${Button} icon="UserCheck" onClick=${lift}>${t("lift")}<//></div>`}
  </section>`
}
