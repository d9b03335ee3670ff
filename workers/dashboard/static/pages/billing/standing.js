// standing.js: the plan that holds, how it stands, what happens when, and what can be done about it.
import { html } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { date, now } from "../../lib/formats.js"
import { Button, Chip, Notice } from "../../ui/basics.js"
import { confirm } from "../../ui/dialog.js"
import { say } from "../../ui/toasts.js"
import { pay } from "./paying.js"
import { paise, price, Supplier } from "./parts.js"
import { Rooms } from "./rooms.js"
import { t, told } from "./words.js"

const CHIPS = { trialing: "good", active: "good", past_due: "bad", suspended: "bad", paused: "warn", incomplete: "info" }
const KINDS = { ends: "info", mandate_needed: "warn", paused: "warn", payment_failed: "warn" }

/** What is to be told above the plan: [{kind, text, url}]. */
function notices({ banner, until, subscription, next, intents }) {
  const found = []
  const isFollowed = next && next.status !== "incomplete"
  if (banner === "paused" && subscription?.paused_by === "customer") found.push({ kind: "warn", text: t("b_pausedByCustomer") })
  else if (banner === "ends" && !until && !isFollowed) found.push({ kind: "info", text: t("b_endsSoon") })
  else if (banner && !(banner === "ends" && isFollowed)) found.push({ kind: KINDS[banner] ?? "bad", text: t(`b_${banner}`, { date: until ? date(until) : "–" }) })
  for (const one of [subscription, next]) {
    if (one?.status !== "incomplete" || !one.short_url) continue
    const isChange = one === next && one.start_at
    found.push({ kind: "warn", text: t(isChange ? "b_next" : "b_incomplete", { plan: one.plan.name, date: isChange ? date(one.start_at) : "" }), url: one.short_url })
  }
  const last = intents.find(({ kind }) => kind === "payment_link" || kind.startsWith("subscription_"))
  if (last?.status === "failed" && now.value - new Date(last.created_at) < 3_600_000) found.push({ kind: "bad", text: t("b_failed", { error: last.error ?? "–" }) })
  return found
}

function facts(state) {
  const { subscription: sub, next } = state
  const found = []
  if (!sub) return found
  if (sub.next_charge_at && !sub.cancel_at_end && ["trialing", "active"].includes(sub.status)) {
    found.push([t(sub.status === "trialing" ? "firstDebit" : "nextDebit"), t("on", { amount: paise(sub.next_charge), date: date(sub.next_charge_at) })])
  }
  if (sub.cancel_at_end && sub.current_end && (!next || next.status === "incomplete")) found.push([t("ends"), date(sub.current_end)])
  if (next && next.status !== "incomplete" && next.start_at) found.push([t("follows"), t("followsText", { plan: next.plan.name, date: date(next.start_at) })])
  if (["card", "upi", "emandate", "netbanking"].includes(sub.payment_method)) found.push([t("paidBy"), t(`method_${sub.payment_method}`)])
  return found
}

export function Standing({ state, current, rooms, again }) {
  const { plan, status } = state
  const shown = facts(state)
  return html`${notices(state).map((one) => html`<${Notice} kind=${one.kind} key=${one.text}><div class="row between breaks"><span class="wrap grow">${one.text}</span>
      ${one.url && html`<${Supplier} url=${one.url}>${t("authorize")}<//>`}</div><//>`)}
    <section class="card stack"><div class="usage-grid">
      <div class="stack"><div class="stack tight"><p class="soft small">${t("yours")}</p>
        <div class="row breaks"><h2 class="figure wrap">${plan ? plan.name : t("noPlan")}</h2>${status && html`<${Chip} kind=${CHIPS[status] ?? ""}>${t(`is_${status}`)}<//>`}</div>
        <p class="soft">${plan ? price(plan) : t("noPlanText")}${plan?.per_seat && state.quantity ? ` · ${t("quantity", { n: state.quantity })}` : ""}</p></div>
        ${shown.length > 0 && html`<dl class="facts">${shown.map(([name, value]) => html`<div key=${name}><dt>${name}</dt><dd class="numbers">${value}</dd></div>`)}</dl>`}
        <${Acts} state=${state} current=${current} again=${again} /></div>
      <div class="stack"><${Rooms} rooms=${rooms} /></div>
    </div></section>`
}

function Acts({ state, current, again }) {
  if (!current || !state.is_configured) return null
  const act = async (name) => {
    await told(rpc(`${name}_subscription`))
    say(t("asked"))
    again()
  }
  const cancel = async () => {
    const end = current.status === "active" ? current.current_end : null
    if (!(await confirm({ title: t("cancel"), text: end ? t("cancelText", { date: date(end) }) : t("cancelNowText"), action: t("cancel"), isDanger: true }))) return
    const { until } = await told(rpc("cancel_subscription", { at_cycle_end: true }))
    say(until ? t("cancelled", { date: date(until) }) : t("cancelledSoon"))
    again()
  }
  const pause = async () => { if (await confirm({ title: t("pause"), text: t("pauseText"), action: t("pause") })) await act("pause") }
  const isDue = current.status === "past_due" && state.banner !== "mandate_needed"
  return html`<div class="row breaks">
    ${isDue && html`<${Button} kind="primary" icon="IndianRupee" onClick=${async () => { await pay(await told(rpc("pay_arrears"))); again() }}>${t("pay")}<//>`}
    ${current.status === "active" && !current.cancel_at_end && html`<${Button} icon="Pause" onClick=${pause}>${t("pause")}<//>`}
    ${current.status === "paused" && current.paused_by !== "customer" && html`<${Button} kind="primary" icon="Play" onClick=${() => act("resume")}>${t("resume")}<//>`}
    ${(!current.cancel_at_end || state.next) && html`<${Button} kind="quiet" onClick=${cancel}>${t("cancel")}<//>`}
  </div>`
}
