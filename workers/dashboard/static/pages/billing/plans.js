// plans.js: what can be subscribed to; subscribing, and changing with what it costs told before.
import { html, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { date, number } from "../../lib/formats.js"
import { useQuery } from "../../lib/queries.js"
import { Button, Chip, Field, Loaded, Notice } from "../../ui/basics.js"
import { Dialog, show } from "../../ui/dialog.js"
import { Icon } from "../../ui/icon.js"
import { editAccount } from "./account.js"
import { paise, price } from "./parts.js"
import { pay } from "./paying.js"
import { t, told } from "./words.js"

const FEATURES = { seats: ["planSeats", "anySeats"], numbers: ["planNumbers", "anyNumbers"], leads_per_month: ["planLeads", "anyLeads"] }
const feature = (plan, key) => {
  const value = plan.features[key] ?? null
  return value === null ? t(FEATURES[key][1]) : t(FEATURES[key][0], { n: value })
}
const isRunning = (current) => Boolean(current && ["trialing", "active"].includes(current.status) && !current.cancel_at_end)

export function Plans({ state, current, plans, again }) {
  if (!plans.length) return null
  const changes = isRunning(current)
  const isNew = !state.subscription || ["incomplete", "incomplete_expired"].includes(state.subscription.status)
  const choose = async (plan) => {
    if (!state.account && !(await editAccount(null))) return
    const asked = await show((close) => html`<${changes ? Change : Start} isNew=${isNew} plan=${plan} quantity=${current?.quantity ?? 1} onClose=${close} />`)
    if (asked) await pay(asked)
    again()
  }
  const badge = (plan) => (current?.status !== "incomplete" && state.plan?.id === plan.id ? "current" : state.next && state.next.status !== "incomplete" && state.next.plan.id === plan.id ? "scheduled" : null)
  return html`<section class="stack"><h2>${t("plans")}</h2><ul class="billing-plans">${plans.map((plan) => {
    const mark = badge(plan)
    const mayChoose = plan.amount_net > 0 && (mark === null || plan.per_seat || !changes) && mark !== "scheduled" && state.banner !== "payment_failed"
    return html`<li key=${plan.id} class="card stack ${mark === "current" ? "is-current" : ""}"><div class="stack tight">
        <div class="row between breaks"><h3 class="wrap">${plan.name}</h3>${mark && html`<${Chip} kind="good">${t(mark)}<//>`}</div>
        <p><span class="billing-price numbers">${paise(plan.amount_net)}</span>${plan.amount_net > 0 && html` <span class="soft">${plan.per_seat ? `${t("perSeat")} ` : ""}${t(plan.period)}</span>`}</p>
        <p class="small soft numbers">${plan.amount_net ? t("gstMore", { percent: plan.gst_percent, amount: paise(plan.amount_gross) }) : t("endsToFree")}</p></div>
      <ul class="stack tight grow">${Object.keys(FEATURES).map((key) => html`<li class="row" key=${key}><${Icon} name="Check" size=${16} /><span>${feature(plan, key)}</span></li>`)}
        ${plan.trial_days > 0 && isNew && html`<li class="row" key="trial"><${Icon} name="Check" size=${16} /><span>${t("trial", { n: plan.trial_days })}</span></li>`}</ul>
      ${mayChoose && html`<${Button} kind=${changes ? "" : "primary"} disabled=${!state.is_configured} aria-label=${`${t(changes ? "change" : "choose")}: ${plan.name}, ${t(plan.period)}`} onClick=${() => choose(plan)}>${t(changes ? "change" : "choose")}<//>`}
    </li>`
  })}</ul></section>`
}

const isSeats = (text) => /^\d{1,4}$/.test(text) && Number(text) >= 1 && Number(text) <= 1000

const Seats = ({ seats, set }) => html`<${Field} label=${t("howMany")} wrong=${isSeats(seats) ? undefined : t("howManyWrong")}>${(props) => html`<input ...${props} inputmode="numeric" value=${seats} onInput=${(event) => set(event.target.value.trim())} />`}<//>`

function Start({ plan, quantity, isNew, onClose }) {
  const [seats, setSeats] = useState(String(plan.per_seat ? quantity : 1))
  const [coupon, setCoupon] = useState("")
  const start = async () => onClose(await told(rpc("start_subscription", { plan_code: plan.code, quantity: Number(seats), coupon: coupon.trim() || null })))
  return html`<${Dialog} title=${t("subscribe", { plan: plan.name })} onClose=${() => onClose()}>
    <p><strong class="numbers">${price(plan)}</strong></p>
    ${plan.trial_days > 0 && isNew && html`<p class="soft">${t("trialText", { n: plan.trial_days })}</p>`}
    ${plan.per_seat && html`<${Seats} seats=${seats} set=${setSeats} />`}
    <${Field} label=${t("coupon")} help=${t("couponHelp")}>${(props) => html`<input ...${props} autocomplete="off" maxlength="40" value=${coupon} onInput=${(event) => setCoupon(event.target.value)} />`}<//>
    <${Notice}>${t("startText")}<//>
    <div class="actions"><${Button} kind="primary" disabled=${!isSeats(seats)} onClick=${start}>${t("goOn")}<//></div><//>`
}

function Change({ plan, quantity, onClose }) {
  const [seats, setSeats] = useState(String(plan.per_seat ? quantity : 1))
  const args = { plan_code: plan.code, quantity: Number(seats) }
  const query = useQuery(isSeats(seats) ? `billing preview ${plan.id} ${seats}` : null, () => told(rpc("preview_plan_change", args)))
  const change = async () => onClose(await told(rpc("change_plan", args)))
  return html`<${Dialog} title=${t("changeTo", { plan: plan.name })} onClose=${() => onClose()}>
    <p><strong class="numbers">${price(plan)}</strong></p>
    ${plan.per_seat && html`<${Seats} seats=${seats} set=${setSeats} />`}
    <${Loaded} query=${query} lines=${2}>${(found) => html`
      <p>${found.charge ? t("changeUp", { charge: paise(found.charge), left: number(found.days_left), days: number(found.days) }) : t("changeNothing", { date: date(found.starts_at) })}</p>
      <p class="soft">${t("changeThen", { date: date(found.starts_at), amount: paise(found.next_charge) })}</p>
      <div class="actions"><${Button} kind="primary" onClick=${change}>${t("changeNow")}<//></div>`}<//><//>`
}
