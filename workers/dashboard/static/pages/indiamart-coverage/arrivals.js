// arrivals.js: by which way enquiries came: fetched, pushed or both, and which was earlier.
import { html, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { moment, number } from "../../lib/formats.js"
import { Empty, Loaded } from "../../ui/basics.js"
import { Windowed } from "../../ui/windowed.js"
import { readLeads } from "../leads/cards.js"
import { usePages } from "../../lib/paged.js"
import { nameOf, productOf } from "../leads/parts.js"
import { secondsWords } from "./stand.js"
import { t } from "./words.js"

const PAGE = 50
const WAYS = ["pull", "push", "both"]

export function Arrivals({ status }) {
  const [way, setWay] = useState("pull")
  const { leads_7d: week } = status
  const list = usePages(`indiamart-arrivals/${way}`, async (next) => {
    const { leads } = await rpc("indiamart_arrivals", { way, page: PAGE, ...next })
    const known = new Map((await readLeads(leads.map((lead) => lead.lead_id))).map((lead) => [lead.id, lead]))
    const last = leads.at(-1)
    return { items: leads.map((lead) => ({ ...lead, card: known.get(lead.lead_id) })), next: leads.length === PAGE ? { before: last.received_at, before_id: last.lead_id } : null }
  }, (lead) => lead.lead_id)
  const count = (label, many, note) => html`<div key=${label} class="card"><dt class="soft small">${t(label)}</dt><dd class="figure numbers">${number(many)}</dd>${note && html`<dd class="small soft">${note}</dd>`}</div>`
  return html`<div class="coverage-head stack tight"><h2>${t("week")}</h2><dl class="tiles">${count("fetchedOnly", week.pull_only)}${count("pushedOnly", week.push_only)}${count("both", week.both, week.push_earlier_seconds !== null && week.push_first > 0 && t("pushEarlier", { time: secondsWords(week.push_earlier_seconds) }))}</dl>
      <div class="row breaks" role="group" aria-label=${t("listOf")}>${WAYS.map((name) => html`<button type="button" class="chip" aria-pressed=${name === way} onClick=${() => setWay(name)}>${t(`way_${name}`)}</button>`)}</div></div>
    ${list.isFresh ? html`<div class="coverage-head"><${Loaded} query=${{ problem: list.problem }} retry=${list.again} lines=${4} height=${48} /></div>`
      : !list.items.length ? html`<${Empty} icon="Inbox" title=${t("noArrivals")}>${t("noArrivalsText")}<//>`
      : html`<div class="coverage-list"><${Windowed} key=${way} items=${list.items} keyOf=${(lead) => lead.lead_id} height=${72} onEnd=${list.more} label=${t("listOf")} render=${(lead) => html`<a class="coverage-row" href="/leads/${lead.lead_id}">
          <span class="row"><strong class="clip grow"><bdi>${lead.card ? nameOf(lead.card) : t("unnamed")}</bdi></strong><span class="small soft clip">${t("received", { time: moment(lead.received_at) })}</span></span>
          <span class="row small soft"><bdi class="clip grow">${lead.card ? productOf(lead.card) : ""}</bdi><span class="clip">${how(lead)}</span></span></a>`} /></div>`}`
}

function how({ pulled_at: pulled, pushed_at: pushed, push_earlier_seconds: earlier }) {
  if (earlier === null) return pulled ? t("fetchedAt", { time: moment(pulled) }) : t("pushedAt", { time: moment(pushed) })
  return t(earlier >= 0 ? "earlier" : "later", { time: secondsWords(Math.abs(earlier)) })
}
