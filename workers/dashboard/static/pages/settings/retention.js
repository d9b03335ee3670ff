// retention.js: how long everything is kept, what an owner sets of it after seeing what goes, and legal holds.
import { html, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { bytes, full, moment } from "../../lib/formats.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { may, org } from "../../lib/session.js"
import { Button, Field, Loaded, Notice, Select, When } from "../../ui/basics.js"
import { confirm, Dialog, show } from "../../ui/dialog.js"
import { say } from "../../ui/toasts.js"
import { kept, named, span, t } from "./retention-words.js"

/** What a preview of one class counts, in words; "" when nothing would go. */
const counted = (key, found) => {
  const parts = key === "conversations" ? [["messages", found.messages], ["contacts", found.contacts]] : [[key === "media" ? "files" : "payloads", found.rows]]
  return parts.filter(([, n]) => n > 0).map(([name, n]) => t(name, { n, size: bytes(found.bytes ?? 0) })).join(", ")
}

function Choice({ one, onSaved }) {
  const [months, setMonths] = useState(String(one.months ?? ""))
  const steps = Array.from({ length: one.most }, (_, n) => n + 1).filter((n) => n >= one.least && (n % 6 === 0 || n === one.least))
  const options = [["", t("standard", { time: kept({ ...one, months: null }) })], ...[...new Set([...steps, ...(one.months ? [one.months] : [])])].sort((a, b) => a - b).map((n) => [String(n), span({ months: n })])]
  const save = async () => {
    const given = months === "" ? null : Number(months)
    const what = counted(one.class, (await rpc("retention_preview", { settings: { [one.class]: given } }))[one.class])
    if (!(await confirm({ title: t("sure"), text: what ? t("takes", { what }) : t("nothing"), action: t("action"), isDanger: Boolean(what) }))) return
    await rpc("set_retention", { class: one.class, months: given })
    say(t("saved"))
    onSaved()
  }
  return html`<section class="card stack"><h3>${named(one)}</h3><p class="soft wrap">${t(`${one.class}Text`)}</p>
    <div class="row breaks retention-choice">
      <${Field} label=${t("keep")}>${(props) => html`<${Select} ...${props} disabled=${!may("owner")} value=${months} onChange=${(event) => setMonths(event.target.value)} options=${options} />`}<//>
      ${may("owner") && html`<${Button} kind="primary" disabled=${months === String(one.months ?? "")} onClick=${save}>${t("save")}<//>`}
    </div>
    ${one.law && html`<p class="soft small wrap">${t("law", { text: one.law })}</p>`}<p class="soft small">${one.last_at ? t("last", { time: moment(one.last_at) }) : t("never")}</p></section>`
}

const Row = ({ one }) => html`<div class="retention-line"><span class="grow wrap">${named(one)}${one.law && html`<br /><span class="soft small">${one.law}</span>`}</span>
  <span class="retention-kept" title=${one.last_at ? t("last", { time: full(one.last_at) }) : undefined}>${kept(one)}</span></div>`

function Hold({ close }) {
  const [reason, setReason] = useState("")
  const hold = async () => { await rpc("start_legal_hold", { reason }); say(t("holding")); close(true) }
  return html`<${Dialog} title=${t("hold")} onClose=${() => close()}><p class="soft wrap">${t("holdsText")}</p>
    <${Field} label=${t("reason")} help=${t("reasonHelp")}>${(props) => html`<textarea ...${props} maxlength="500" value=${reason} onInput=${(event) => setReason(event.target.value)}></textarea>`}<//>
    <div class="actions"><${Button} kind="primary" disabled=${!reason.trim()} onClick=${hold}>${t("hold")}<//></div><//>`
}

function Holds({ holds, onChange }) {
  const lift = async ({ id }) => {
    if (!(await confirm({ title: t("lift"), text: t("liftText"), action: t("lift") }))) return
    await rpc("lift_legal_hold", { hold_id: id })
    say(t("lifted"))
    onChange()
  }
  return html`<section class="card stack"><h3>${t("holds")}</h3><p class="soft wrap">${t("holdsText")}</p>
    ${!holds.length && html`<p>${t("noHold")}</p>`}
    ${holds.map((one) => html`<div class="retention-line" key=${one.id}>
      <span class="grow wrap"><strong>${one.contact_id ? t("heldOne", { name: one.contact ?? "–" }) : t("heldAll")}</strong><br /><bdi>${one.reason}</bdi><br /><span class="soft small">${t("since", { time: moment(one.set_at) })}${one.by_operator ? ` · ${t("byFlow")}` : ""}</span></span>
      ${may("owner") && !one.by_operator && html`<${Button} onClick=${() => lift(one)}>${t("lift")}<//>`}</div>`)}
    ${may("owner") && !holds.some((one) => !one.contact_id) && html`<div><${Button} icon="Lock" onClick=${async () => { if (await show((close) => html`<${Hold} close=${close} />`)) onChange() }}>${t("hold")}<//></div>`}</section>`
}

const Runs = ({ runs }) => html`<section class="card stack tight"><h3>${t("runs")}</h3>
  ${!runs.length && html`<p class="soft">${t("noRuns")}</p>`}
  ${runs.map((one) => html`<div class="retention-line" key=${one.id}><span class="grow wrap">${named(one)}</span><span class="soft small numbers">${t("rows", { n: one.rows })} · <${When} at=${one.finished_at} as=${moment} /></span></div>`)}</section>`

export default function Retention() {
  const key = `retention ${org.value.id}`
  const query = useQuery(key, () => rpc("retention"))
  const changed = () => refresh(key)
  return html`<p class="soft wrap">${t("text")}</p>
    <${Loaded} query=${query} retry=${changed} lines=${6} height=${80}>${({ classes, holds, runs }) => html`
      ${holds.some((one) => !one.contact_id) && html`<${Notice} kind="warn">${t("stands")}<//>`}
      ${!may("owner") && html`<p class="soft">${t("ownersOnly")}</p>`}
      ${classes.filter((one) => one.least).map((one) => html`<${Choice} key=${`${one.class} ${one.months}`} one=${one} onSaved=${changed} />`)}
      <section class="card stack tight"><h3>${t("fixed")}</h3>${classes.filter((one) => !one.least && !one.is_ours).map((one) => html`<${Row} key=${one.class} one=${one} />`)}
        <details><summary class="soft">${t("working")}</summary>${classes.filter((one) => one.is_ours).map((one) => html`<${Row} key=${one.class} one=${one} />`)}</details></section>
      <${Holds} holds=${holds} onChange=${changed} /><${Runs} runs=${runs} />`}<//>`
}
