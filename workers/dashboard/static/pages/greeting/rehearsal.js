// rehearsal.js: what today's rules would have done with the newest leads, each with its message or the reason.
import { html, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { moment, money, number } from "../../lib/formats.js"
import { Button, Chip, When } from "../../ui/basics.js"
import { Dialog, show } from "../../ui/dialog.js"
import { usePrices } from "../templates/prices.js"
import { fieldWords, listed, whoWords } from "./saying.js"
import { reasonWords, t } from "./words.js"

const LEADS = 50
const FIRST = 20

const Lead = ({ lead, greeting }) => {
  const rule = greeting.rules.find(({ id }) => id === lead.rule_id)
  return html`<li class="greeting-lead stack tight"><div class="row between"><a class="clip" href="/leads/${lead.lead_id}"><bdi>${lead.name || t("unnamed")}</bdi></a><span class="small soft"><${When} at=${lead.received_at} as=${moment} /></span></div>
    ${lead.greeted ? html`<p class="wrap greeting-said" dir="auto">${lead.text}</p>
        ${(lead.blank.length > 0 || Date.parse(lead.send_at) - Date.parse(lead.received_at) > 3_600_000) && html`<p class="small soft wrap">${[lead.blank.length > 0 && t("blank", { fields: listed(lead.blank.map(fieldWords)) }), t("at", { time: moment(lead.send_at) })].filter(Boolean).join(" · ")}</p>`}`
      : html`<p class="row soft"><${Chip} icon="Minus">${t("skipped")}<//><span class="wrap">${reasonWords(lead.reason)}</span></p>`}
    ${lead.greeted && greeting.rules.length > 1 && rule && html`<p class="small soft clip">${whoWords(rule, greeting.sources)}</p>`}</li>`
}

function Result({ result, greeting, close }) {
  const prices = usePrices()
  const [isWhole, setWhole] = useState(false)
  const sums = Object.entries(result.by_category).map(([category, count]) => Number(prices?.prices[category.toLowerCase()] ?? Number.NaN) * count)
  const cost = sums.reduce((sum, one) => sum + one, 0)
  const reasons = Object.entries(Object.groupBy(result.leads.filter((lead) => !lead.greeted), (lead) => reasonWords(lead.reason))).sort(([, a], [, b]) => b.length - a.length)
  const shown = isWhole ? result.leads : result.leads.slice(0, FIRST)
  return html`<${Dialog} title=${t("rehearsal")} isWide onClose=${() => close()}>
    ${!result.leads.length ? html`<p class="soft">${t("noLeads")}</p>` : html`<div class="stack tight">
      <p><strong>${t("would", { n: result.greeted })}</strong>${result.greeted > 0 && Number.isFinite(cost) && ` ${t("wouldCost", { price: money(cost, prices.currency) })}`}${result.skipped > 0 ? html`; ${t("wouldNot", { n: result.skipped })}:` : "."}</p>
      ${reasons.length > 0 && html`<ul class="greeting-reasons">${reasons.map(([words, leads]) => html`<li class="row between" key=${words}><span class="wrap">${words}</span><span class="numbers soft">${number(leads.length)}</span></li>`)}</ul>`}</div>
      <ul class="list">${shown.map((lead) => html`<${Lead} key=${lead.lead_id} lead=${lead} greeting=${greeting} />`)}</ul>
      ${shown.length < result.leads.length && html`<div><${Button} onClick=${() => setWhole(true)}>${t("showAll", { n: result.leads.length })}<//></div>`}`}<//>`
}

export function Rehearsal({ greeting }) {
  const run = async () => {
    const result = await rpc("greeting_dry_run", { page_size: LEADS })
    show((close) => html`<${Result} ...${{ result, greeting, close }} />`)
  }
  return html`<section class="card stack tight"><h2>${t("rehearsal")}</h2><p class="soft">${t("rehearsalText")}</p>
    <div><${Button} icon="Play" onClick=${run}>${t("rehearse", { n: LEADS })}<//></div></section>`
}
