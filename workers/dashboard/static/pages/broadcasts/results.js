// results.js: the figures of a broadcast, its facts, its cost so far and why messages failed.
import { html } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { money, moment, number } from "../../lib/formats.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { Loaded } from "../../ui/basics.js"
import { numberWords, useNumbers } from "../campaigns/numbers.js"
import { reasonOf } from "../inbox/status.js"
import { templateOf } from "../inbox/team.js"
import { usePreview } from "../inbox/template.js"
import { Look } from "../templates/look.js"
import { audienceWords, figuresOf, Progress, State, stateOf } from "./states.js"
import { t } from "./words.js"

const percent = (part, whole) => (whole ? t("percent", { n: Math.round((100 * part) / whole) }) : "")

export function Figures({ broadcast }) {
  const figures = figuresOf(broadcast)
  const of = { delivered: figures.sent, read: figures.delivered, replied: figures.delivered }
  const shown = ["sent", "delivered", "read", "replied", "waiting", "failed", "skipped", "uncertain"].filter((name, at) => at < 4 || figures[name])
  return html`<section class="card stack">
    <span class="phone-only"><span><${State} broadcast=${broadcast} /></span></span>
    <div class="stack tight"><p><span class="figure numbers">${number(figures.sent)}</span> <span class="soft">${t("ofPeople", { n: figures.people })}</span></p><${Progress} broadcast=${broadcast} /></div>
    <dl class="figures-grid">${shown.map((name) => html`<div key=${name} class=${name}><dt class="small soft">${t(name)}</dt><dd><strong class="numbers">${number(figures[name])}</strong> <span class="small soft">${name in of ? percent(figures[name], of[name]) : ""}</span></dd></div>`)}</dl></section>`
}

/** report: the key under which what it cost and why it failed is read; none before it has begun. */
export function Facts({ broadcast, reference, report }) {
  const numbers = useNumbers().data
  const template = templateOf(broadcast.template, broadcast.language)
  const from = numbers?.find((one) => one.phone_number_id === broadcast.number)
  const facts = [
    [t("audience"), audienceWords(broadcast.filter, reference)],
    [t("template"), `${broadcast.template} · ${broadcast.language}`],
    from && [t("from"), numberWords(from)],
    broadcast.starts_at ? [t(stateOf(broadcast) === "scheduled" ? "goesOut" : "begun"), moment(broadcast.starts_at)] : [t("made"), moment(broadcast.created_at)],
    broadcast.ended_at && [t("ended"), moment(broadcast.ended_at)],
  ].filter(Boolean)
  return html`${report && html`<${Report} id=${broadcast.broadcast_id} report=${report} />`}
    <section class="card stack"><dl class="stack tight campaign-facts">${facts.map(([name, words]) => html`<div key=${name}><dt class="small soft">${name}</dt><dd class="wrap">${words}</dd></div>`)}</dl>
      ${template && html`<${Bubble} template=${template} mapping=${broadcast.mapping} />`}</section>`
}

function Bubble({ template, mapping }) {
  const { seen } = usePreview(template, { mapping })
  return html`<${Look} ...${seen ?? { body: "…" }} />`
}

function Report({ id, report }) {
  const query = useQuery(report, () => rpc("broadcast_report", { broadcast_id: id }))
  return html`<section class="card stack"><${Loaded} query=${query} retry=${() => refresh(report)} lines=${2} height=${24}>${({ totals, needs_review: open, failures }) => html`
    <div class="stack tight"><h2>${t("costSoFar")}</h2>
      ${totals.length ? totals.map(({ currency, amount }) => html`<p class="row" key=${currency}><strong class="figure numbers">${money(amount, currency)}</strong> <span class="small soft">${t("costBefore")}</span></p>`) : html`<p class="soft">${t("nothingYet")}</p>`}
      ${open > 0 && html`<p class="small soft">${t("costOpen", { n: open })}</p>`}</div>
    ${failures.length > 0 && html`<div class="stack tight"><h3>${t("why")}</h3><ul class="stack tight">${failures.map(({ error_code: code, words, people }) => {
      const reason = reasonOf({ error_code: code, error_message: words })
      return html`<li class="row failure-line" key=${code}><strong class="numbers">${number(people)}</strong><span class="wrap grow">${reason.words}${reason.remedy && html` <span class="soft">${reason.remedy}</span>`}</span></li>`
    })}</ul></div>`}`}<//></section>`
}
