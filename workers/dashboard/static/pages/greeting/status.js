// status.js: whether new leads are greeted, and what one greeting costs, said before it is switched on.
import { html } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { money } from "../../lib/formats.js"
import { may } from "../../lib/session.js"
import { Notice } from "../../ui/basics.js"
import { confirm } from "../../ui/dialog.js"
import { complain, say } from "../../ui/toasts.js"
import { readPrices, usePrices } from "../templates/prices.js"
import { again } from "./data.js"
import { t } from "./words.js"

/** What a greeting costs at least and at most, as numbers; null: not known. */
function range(greeting, prices) {
  const all = greeting.rules.filter((rule) => rule.is_on && !rule.paused_reason).map((rule) => prices?.prices[rule.category.toLowerCase()])
  if (!all.length || all.some((price) => price === null || price === undefined)) return null
  return { low: Math.min(...all.map(Number)), high: Math.max(...all.map(Number)) }
}

function priceWords(found, prices) {
  if (!prices) return "…"
  if (!found) return t("eachUnknown")
  const shown = (amount) => money(amount, prices.currency, 4)
  return found.low === found.high ? t("each", { price: shown(found.high) }) : t("eachRange", { low: shown(found.low), high: shown(found.high) })
}

export function Status({ greeting }) {
  const shown = usePrices()
  const { isOn, report } = greeting
  const set = async () => {
    const prices = shown ?? (await readPrices())
    const found = range(greeting, prices)
    const week = found && report.leads > 0 ? t("onWeek", { n: report.leads, price: money(found.high * report.leads, prices.currency) }) : ""
    const isSure = isOn ? await confirm({ title: t("offTitle"), text: t("offConfirm"), action: t("switchOff") })
      : await confirm({ title: t("onTitle"), text: [t("onConfirm"), priceWords(found, prices), week].filter(Boolean).join(" "), action: t("switchOn") })
    if (!isSure) return
    await rpc("set_greeting", { setting: { on: !isOn } })
    again()
    say(t(isOn ? "isOff" : "isOn"))
  }
  const isIdle = isOn && !greeting.rules.some((rule) => rule.is_on && !rule.paused_reason)
  return html`<section class="card stack tight">
    <div class="row between"><h2 class="wrap">${t(isOn ? "on" : "off")}</h2>
      ${may("admin") && html`<button type="button" class="switch" role="switch" aria-checked=${isOn} aria-label=${t("switch")} onClick=${() => set().catch(complain)}><span></span></button>`}</div>
    <p class="soft">${t(isOn ? "onText" : "offText")}</p>
    ${!greeting.numbers.length ? html`<${Notice} kind="warn"><div class="stack tight"><p>${t("unconnected")}: ${t("unconnectedText")}</p>${may("admin") && html`<div><a class="button" href="/settings/whatsapp">${t("connect")}</a></div>`}</div><//>`
      : isIdle ? html`<${Notice} kind="warn">${t("noRuleOn")}<//>` : html`<p>${priceWords(range(greeting, shown), shown)}</p>`}
    ${!may("admin") && html`<p class="small soft">${t("adminsOnly")}</p>`}
  </section>`
}
