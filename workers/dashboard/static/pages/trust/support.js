// support.js: whether Flow's people can look, who did, and the owner's switch for it.
import { html, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { full, moment } from "../../lib/formats.js"
import { refresh } from "../../lib/queries.js"
import { may } from "../../lib/session.js"
import { Button, Field, Select } from "../../ui/basics.js"
import { Dialog, show } from "../../ui/dialog.js"
import { say } from "../../ui/toasts.js"
import { Line } from "./state.js"
import { t } from "./words-control.js"

const HOURS = [1, 4, 24, 72]

function LetIn({ close }) {
  const [hours, setHours] = useState(4)
  const [reason, setReason] = useState("")
  const grant = async () => {
    await rpc("grant_support_access", { hours, reason })
    say(t("granted"))
    close(true)
  }
  return html`<${Dialog} title=${t("letIn")} onClose=${() => close()}><p class="soft">${t("letInText")}</p>
    <form class="stack" onSubmit=${(event) => { event.preventDefault(); event.target.querySelector(".primary").click() }}>
      <${Field} label=${t("reason")} help=${t("reasonHelp")}>${(props) => html`<textarea ...${props} maxlength="500" value=${reason} onInput=${(event) => setReason(event.target.value)}></textarea>`}<//>
      <${Field} label=${t("hours")}>${(props) => html`<${Select} ...${props} value=${hours} options=${HOURS.map((n) => [n, t("hoursOf", { n })])} onChange=${(event) => setHours(Number(event.target.value))} />`}<//>
      <div class="actions"><${Button} onClick=${() => close()}>${t("cancel")}<//><${Button} kind="primary" disabled=${!reason.trim()} onClick=${grant}>${t("letIn")}<//></div>
    </form><//>`
}

const Grant = ({ grant }) => html`<li class="stack tight small"><p class="wrap"><span class="soft" title=${full(grant.granted_at)}>${t("grant", { from: moment(grant.granted_at), to: moment(grant.ended_at ?? grant.expires_at) })}</span> · ${grant.reason}</p>
  ${grant.visits.length ? grant.visits.map((visit) => html`<p class="soft wrap">${t("looked", { name: visit.name ?? "Flow", time: moment(visit.began_at) })}</p>`) : html`<p class="soft">${t("nobodyLooked")}</p>`}</li>`

export function Support({ grants, kind, onChange }) {
  const open = grants.find((grant) => grant.is_open)
  const before = grants.filter((grant) => grant !== open)
  const changed = () => { refresh("support "); onChange() }
  const end = async () => {
    await rpc("revoke_support_access")
    say(t("ended"))
    changed()
  }
  return html`<${Line} kind=${kind} title=${open ? t("supportOpen", { time: moment(open.expires_at) }) : t("support")} figure=${t(open ? "isOpen" : "closed")}>
    <p class="soft wrap">${open ? t("supportOpenText", { reason: open.reason }) : t("supportText")}</p>
    ${open?.visits.map((visit) => html`<p class="soft small wrap">${t("looked", { name: visit.name ?? "Flow", time: moment(visit.began_at) })}</p>`)}
    ${may("owner") && html`<div>${open ? html`<${Button} kind="danger" onClick=${end}>${t("endNow")}<//>`
      : html`<${Button} icon="Eye" onClick=${async () => { if (await show((close) => html`<${LetIn} close=${close} />`)) changed() }}>${t("letIn")}<//>`}</div>`}
    ${before.length ? html`<details class="trust-more"><summary>${t("before")}</summary><ul class="list">${before.map((grant) => html`<${Grant} key=${grant.grant_id} grant=${grant} />`)}</ul></details>` : !open && html`<p class="soft small">${t("none")}</p>`}
  <//>`
}
