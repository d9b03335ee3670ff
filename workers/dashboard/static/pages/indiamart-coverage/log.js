// log.js: every call to IndiaMART and every push from it, the newest first, with what came of each.
import { html } from "../../vendor/vendor.js"
import { rows } from "../../lib/api.js"
import { full, moment, number } from "../../lib/formats.js"
import { Chip, Empty, Loaded } from "../../ui/basics.js"
import { Dialog, show } from "../../ui/dialog.js"
import { Windowed } from "../../ui/windowed.js"
import { usePages } from "../../lib/paged.js"
import { t as calls } from "../settings/indiamart-words.js"
import { spanWords } from "./stand.js"
import { t } from "./words.js"

const PAGE = 100
const COLUMNS = "id, kind, started_at, outcome, is_complete, received, inserted, known, suppressed, errors, message, http_status, window_from, window_to"
const KINDS = ["live", "backfill", "manual", "push", "sweep"]
const OUTCOMES = ["ok", "empty", "not_released", "rate_limited", "blocked", "key_rejected", "bad_request", "server_error", "unreadable", "lost", "disconnected"]
const kindWords = (run) => (KINDS.includes(run.kind) ? calls(`kind_${run.kind}`) : run.kind)
const outcomeWords = (run) => (run.outcome === null ? calls("running") : OUTCOMES.includes(run.outcome) ? calls(`outcome_${run.outcome}`) : run.outcome)
const isGood = (run) => run.is_complete || ["ok", "empty"].includes(run.outcome)

export function Log({ status }) {
  const list = usePages(`indiamart-runs/${status.source_id}`, async (next) => {
    const items = await rows("sync_runs", (query) => {
      const asked = query.select(COLUMNS).eq("source_id", status.source_id).order("started_at", { ascending: false }).order("id", { ascending: false }).limit(PAGE)
      return next ? asked.or(`started_at.lt."${next.started_at}",and(started_at.eq."${next.started_at}",id.lt.${next.id})`) : asked
    })
    return { items, next: items.length === PAGE ? items.at(-1) : null }
  })
  if (list.isFresh) return html`<div class="coverage-head"><${Loaded} query=${{ problem: list.problem }} retry=${list.again} lines=${8} height=${40} /></div>`
  if (!list.items.length) return html`<${Empty} icon="RefreshCw" title=${t("noRuns")}>${t("noRunsText")}<//>`
  return html`<div class="coverage-list"><${Windowed} items=${list.items} keyOf=${({ id }) => id} height=${64} onEnd=${list.more} label=${t("runsList")} render=${(run) => html`<button type="button" class="coverage-row" onClick=${() => show((close) => html`<${Run} run=${run} close=${close} />`)}>
    <span class="row"><strong class="clip grow">${kindWords(run)}</strong><${Chip} kind=${run.outcome === null ? "" : isGood(run) ? "good" : "warn"}>${outcomeWords(run)}<//></span>
    <span class="row small soft"><span class="grow numbers">${moment(run.started_at)}</span><span class="numbers">${t("got", { n: run.received ?? 0, new: number(run.inserted ?? 0) })}</span></span></button>`} /></div>`
}

function Run({ run, close }) {
  const fact = (label, value) => value !== null && value !== undefined && value !== "" && html`<div key=${label}><dt>${t(label)}</dt><dd class="wrap">${value}</dd></div>`
  return html`<${Dialog} title=${t("run", { time: moment(run.started_at) })} onClose=${() => close()}>
    <div class="row breaks"><strong>${kindWords(run)}</strong><${Chip} kind=${isGood(run) ? "good" : "warn"}>${outcomeWords(run)}<//></div>
    <p class="small soft">${full(run.started_at)}</p>
    <dl class="facts">${fact("asked", run.window_from && spanWords({ from: run.window_from, to: run.window_to }))}${fact("receivedMany", number(run.received ?? 0))}${fact("inserted", number(run.inserted ?? 0))}${fact("known", number(run.known ?? 0))}
      ${fact("suppressed", run.suppressed || null)}${fact("status", run.http_status)}${fact("said", run.message)}</dl>
    ${run.errors?.length > 0 && html`<p class="warn">${t("failed", { n: run.errors.length })}</p>`}<//>`
}
