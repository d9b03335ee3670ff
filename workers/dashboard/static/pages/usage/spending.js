// spending.js: what was spent today and this month, the limits, and a prepaid balance.
import { html, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { money } from "../../lib/formats.js"
import { may } from "../../lib/session.js"
import { Button, Field } from "../../ui/basics.js"
import { Dialog, show } from "../../ui/dialog.js"
import { say } from "../../ui/toasts.js"
import { t } from "./words.js"

const AMOUNT = /^\d{1,9}(\.\d{1,2})?$/

function Spent({ label, amount, cap }) {
  const share = cap ? Math.min(100, (100 * Number(amount)) / Number(cap)) : 0
  return html`<div class="stack tight"><div class="row between breaks"><span>${label}</span>
    <span><strong class="numbers">${money(amount)}</strong> <span class="soft">${cap ? t("ofCap", { cap: money(cap) }) : t("noCap")}</span></span></div>
    ${cap && html`<div class="bar ${share >= 80 ? "near" : ""}"><div style=${{ width: `${share}%` }}></div></div>`}</div>`
}

export function Spending({ spending, onSaved }) {
  const change = async () => { if (await show((close) => html`<${Caps} spending=${spending} onClose=${close} />`)) onSaved() }
  return html`<section class="card stack">
    <${Spent} label=${t("today")} amount=${spending.spent_today} cap=${spending.daily_cap} />
    <${Spent} label=${t("month")} amount=${spending.spent_this_month} cap=${spending.monthly_cap} />
    ${spending.prepaid && html`<div class="row between breaks"><span>${t("balance")}</span><strong class="numbers">${money(spending.balance)}</strong></div>
      ${Number(spending.held) > 0 && html`<p class="soft small">${t("held", { amount: money(spending.held) })}</p>`}`}
    ${may("owner") && html`<div><${Button} icon="Pencil" onClick=${change}>${t("changeCaps")}<//></div>`}
  </section>`
}

function Caps({ spending, onClose }) {
  const [daily, setDaily] = useState(spending.daily_cap ? String(Number(spending.daily_cap)) : "")
  const [monthly, setMonthly] = useState(spending.monthly_cap ? String(Number(spending.monthly_cap)) : "")
  const wrong = (text) => (text === "" || AMOUNT.test(text) ? undefined : t("amountWrong"))
  const save = async () => {
    await rpc("set_spending_caps", { caps: { daily: daily || null, monthly: monthly || null } })
    say(t("saved"))
    onClose(true)
  }
  const input = (label, value, set) => html`<${Field} label=${label} help=${t("capEmpty")} wrong=${wrong(value)}>${(props) => html`<input ...${props} inputmode="decimal" value=${value} onInput=${(event) => set(event.target.value.trim())} />`}<//>`
  return html`<${Dialog} title=${t("caps")} onClose=${() => onClose()}><p class="soft">${t("capsHelp")}</p>
    ${input(t("daily"), daily, setDaily)}${input(t("monthly"), monthly, setMonthly)}
    <div class="actions"><${Button} kind="primary" disabled=${Boolean(wrong(daily) || wrong(monthly))} onClick=${save}>${t("save")}<//></div><//>`
}
