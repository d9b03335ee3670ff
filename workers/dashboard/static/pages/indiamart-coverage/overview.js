// overview.js: what was fetched, in a sentence; what is wrong, what is missing and what happens about it; and the proof.
import { html, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { clock, date, moment, now, number } from "../../lib/formats.js"
import { may } from "../../lib/session.js"
import { format } from "../../lib/words.js"
import { Button, Chip, Loaded, Notice, When } from "../../ui/basics.js"
import { usePages } from "../../lib/paged.js"
import { findingWords, isGap, reasonWords, spanWords, standOf } from "./stand.js"
import { t } from "./words.js"

const PAGE = 50
const percent = (part, all) => format(Intl.NumberFormat, { style: "percent", maximumFractionDigits: 0 }).format(all ? Math.floor((100 * part) / all) / 100 : 0)

export function Overview({ status }) {
  const { kind, chip, words } = standOf(status)
  return html`<section class="card stack tight"><div><${Chip} kind=${kind}>${t(chip)}<//></div>
      ${words.map((sentence, at) => html`<p key=${at} class=${at ? "soft" : "coverage-sentence"}>${sentence}</p>`)}
      <${History} history=${status.history} />
      <${Facts} status=${status} /></section>
    ${status.findings.map((finding) => { const told = findingWords(finding); return html`<${Notice} key=${finding.code} kind=${finding.level === "problem" ? "bad" : "warn"}><p class="wrap"><strong>${told.words}</strong></p><p class="wrap">${told.remedy}</p><//>` })}
    <${Missing} status=${status} />
    <${Proof} />`
}

function History({ history }) {
  if (!history) return null
  const isOpen = history.open_seconds > 0
  const days = Math.round(history.lost_seconds / 86_400)
  const calls = t("calls", { n: history.calls_left })
  return html`<div class="stack tight coverage-history"><h3>${t("history")}</h3>
    ${isOpen && html`<div class="bar" aria-hidden="true"><div style=${{ width: `${(100 * history.fetched_seconds) / history.wanted_seconds}%` }}></div></div>`}
    <p>${isOpen ? t("historyOpen", { percent: percent(history.fetched_seconds, history.wanted_seconds), day: date(history.wanted_from), calls: history.ends_at ? t("historyEnds", { calls, time: moment(history.ends_at) }) : calls }) : t("historyDone", { day: date(history.wanted_from) })}</p>
    ${history.held_until && html`<p class="soft">${t("historyHeld", { time: moment(history.held_until) })}</p>`}
    ${days > 0 && html`<p class="soft">${t("historyLost", { n: days })}</p>`}</div>`
}

function Facts({ status }) {
  const { last_answer: last } = status
  const fact = (label, value) => html`<div key=${label}><dt>${t(label)}</dt><dd>${value}</dd></div>`
  const calls = Object.values(status.calls_24h).reduce((sum, many) => sum + many, 0)
  return html`<dl class="facts">
    ${fact("lastAnswer", last ? html`<${When} at=${last.at} as=${moment} /> · ${t("got", { n: last.received ?? 0, new: number(last.inserted ?? 0) })}` : t("never"))}
    ${status.next_call_at && fact("nextCall", status.is_running ? t("running") : new Date(status.next_call_at) <= now.value ? t("callNow") : clock(status.next_call_at))}
    ${fact("lastPush", status.last_push_at ? html`<${When} at=${status.last_push_at} as=${moment} />` : status.has_push ? t("never") : t("noPush"))}
    ${status.late_leads_looked_for_at && fact("lateLooked", html`<${When} at=${status.late_leads_looked_for_at} as=${moment} />`)}
    ${fact("calls24", number(calls))}
    ${status.set_aside_30d > 0 && fact("setAside", number(status.set_aside_30d))}
  </dl>`
}

function Missing({ status }) {
  const list = usePages("indiamart-gaps", async (before) => {
    const { gaps, next } = await rpc("indiamart_gaps", { before, page: PAGE })
    return { items: gaps, next: gaps.length === PAGE ? next : null }
  }, (gap) => gap.from)
  const gaps = list.items.filter((gap) => isGap(gap, status))
  const done = (gap) => {
    if (gap.state === "lost") return t("do_lost")
    if (gap.state === "held_back") return status.history?.read_again_from ? t("do_held_back", { time: moment(status.history.read_again_from) }) : t("do_held_back_soon")
    return t(status.has_key && !status.findings.some(({ code }) => code.startsWith("key_") && code !== "key_blocked" && code !== "key_unused") ? "do_missing" : "do_missing_key")
  }
  return html`<section class="card stack"><h2>${t("missingTitle")}</h2>
    ${list.isFresh ? html`<${Loaded} query=${{ problem: list.problem }} retry=${list.again} />`
      : !gaps.length ? html`<p class="soft">${t("nothingMissing")}</p>`
      : html`<ul class="list">${gaps.map((gap) => html`<li key=${gap.from} class="coverage-gap stack tight"><div class="row between breaks"><strong>${spanWords(gap)}</strong><${Chip} kind=${{ lost: "bad", held_back: "info", missing: "warn" }[gap.state]}>${t(`state_${gap.state}`)}<//></div>
        ${!(gap.state === "lost" && gap.reason === "not_asked") && html`<p class="small soft">${[reasonWords(gap.reason), gap.calls > 0 && t("tried", { n: gap.calls })].filter(Boolean).join(" · ")}</p>`}<p>${done(gap)}</p>
        ${gap.state === "lost" && may("admin") && html`<p><a href="/leads/import">${t("importFile")}</a></p>`}</li>`)}</ul>`}
    ${!list.isFresh && !list.isEnd && html`<div><${Button} busy=${list.isLoading} onClick=${list.more}>${t("more")}<//></div>`}
  </section>`
}

function Proof() {
  const [found, setFound] = useState(null)
  const lines = (name) => found[name].slice(0, 20).map((stretch) => html`<p key=${name + stretch.from}>${t(name, { span: spanWords(stretch) })}</p>`)
  return html`<section class="card stack"><h2>${t("proof")}</h2><p class="soft">${t("proofText")}</p>
    ${found && (found.agrees ? html`<${Notice} kind="good">${t("agrees", { n: found.answers })}<//>` : html`<${Notice} kind="bad"><p>${t("differs")}</p>${lines("unproven")}${lines("unrecorded")}<//>`)}
    <div><${Button} icon="ShieldCheck" onClick=${async () => setFound(await rpc("indiamart_proof"))}>${t("check")}<//></div></section>`
}
