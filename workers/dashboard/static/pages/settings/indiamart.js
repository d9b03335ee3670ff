// indiamart.js: the key, how fetching stands, the address for IndiaMART's push, and the log of every call.
import { html, useEffect, useState } from "../../vendor/vendor.js"
import { post, rows, rpc } from "../../lib/api.js"
import { clock, moment, now, number } from "../../lib/formats.js"
import { asProblem } from "../../lib/problems.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { may, org } from "../../lib/session.js"
import { Button, Chip, Copyable, Empty, Field, Loaded, Notice, When } from "../../ui/basics.js"
import { confirm } from "../../ui/dialog.js"
import { say } from "../../ui/toasts.js"
import { t } from "./indiamart-words.js"

const GOOD = new Set(["ok", "rate_limited"])
const EVERY = 5000

function Connect({ isNew, onConnected }) {
  const [key, setKey] = useState("")
  const [problem, setProblem] = useState(null)
  const connect = async () => {
    setProblem(null)
    try {
      await post("indiamart/connect", { key })
      setKey("")
      say(t("connected"))
      onConnected()
    } catch (error) {
      setProblem(asProblem(error))
    }
  }
  return html`<form class="stack" onSubmit=${(event) => { event.preventDefault(); event.target.querySelector(".primary").click() }}>
    <${Field} label=${t("key")} help=${t("keyHelp")} wrong=${problem?.words}>${(props) => html`<input ...${props} type="password" autocomplete="off" value=${key} onInput=${(event) => setKey(event.target.value.trim())} />`}<//>
    <div><${Button} kind="primary" disabled=${!key} onClick=${connect}>${isNew ? t("connect") : t("replaceKey")}<//></div></form>`
}

function State({ source, onChange }) {
  const isWaiting = source.next_allowed_at && new Date(source.next_allowed_at) > now.value
  const sync = async () => { await rpc("request_sync", { source_id: source.id }); say(t("asked")); onChange() }
  return html`<section class="card stack">
    <div class="row between breaks"><h3>${t("state")}</h3>${source.state === "ok" && !source.last_called_at ? html`<${Chip}>${t("untried")}<//>` : html`<${Chip} kind=${GOOD.has(source.state) ? "good" : "bad"}>${t(source.state)}<//>`}</div>
    ${!GOOD.has(source.state) && html`<${Notice} kind="bad"><p class="wrap">${source.state_message ?? t(source.state)}</p><p class="soft wrap">${t(`${source.state}_remedy`)}</p><//>`}
    <dl class="facts">
      <div><dt>${t("covered")}</dt><dd>${source.covered_from ? t("fromTo", { from: moment(source.covered_from), to: moment(source.covered_to) }) : t("nothingYet")}</dd></div>
      <div><dt>${t("backfill")}</dt><dd>${source.backfill_done_at ? t("backfillDone") : t("backfillRuns")}</dd></div>
      <div><dt>${t("lastCall")}</dt><dd>${source.last_called_at ? html`<${When} at=${source.last_called_at} as=${moment} />` : t("never")}</dd></div>
      <div><dt>${t("nextCall")}</dt><dd>${isWaiting ? clock(source.next_allowed_at) : t("now")}</dd></div>
    </dl>
    <div class="row breaks"><${Button} kind="primary" icon="RefreshCw" onClick=${sync}>${t("sync")}<//><a class="button" href="/settings/indiamart/coverage">${t("coverage")}</a></div>
  </section>`
}

function Push({ source, onChange }) {
  const [url, setUrl] = useState(null)
  const make = async () => {
    if (source.has_push_token && !(await confirm({ title: t("pushAgain"), text: t("pushAgainText"), action: t("pushMake") }))) return
    setUrl((await post("indiamart/push", { replace: source.has_push_token })).url)
    onChange()
  }
  return html`<section class="card stack"><h3>${t("push")}</h3><p class="soft">${t("pushText")}</p>
    ${url ? html`<${Notice} kind="good"><div class="stack tight"><p>${t("pushMade")}</p><${Copyable} label=${t("push")} text=${url} /></div><//>`
      : html`<div class="row breaks"><${Button} onClick=${make}>${source.has_push_token ? t("pushAgain") : t("pushMake")}<//>${source.has_push_token && html`<${Chip} kind="good">${t("pushOn")}<//>`}</div>`}
  </section>`
}

function Log({ source }) {
  const key = `sync-runs ${source.id}`
  const query = useQuery(key, () => rows("sync_runs", (ask) => ask.select("id, kind, started_at, outcome, is_complete, received, inserted, known, message")
    .eq("source_id", source.id).order("started_at", { ascending: false }).limit(30)))
  return html`<section class="card stack"><h3>${t("log")}</h3>
    <${Loaded} query=${query} retry=${() => refresh(key)}>${(runs) => (runs.length ? html`<div class="table-wrap" tabindex="0"><table class="table"><thead><tr><th>${t("when")}</th><th>${t("kind")}</th><th>${t("outcome")}</th><th class="number">${t("got")}</th><th class="number">${t("new")}</th></tr></thead>
      <tbody>${runs.map((run) => html`<tr key=${run.id}><td><${When} at=${run.started_at} as=${moment} /></td><td>${t(`kind_${run.kind}`)}</td><td title=${run.message}>${run.outcome ? t(`outcome_${run.outcome}`) : t("running")}</td><td class="number">${number(run.received ?? 0)}</td><td class="number">${number(run.inserted ?? 0)}</td></tr>`)}</tbody></table></div>`
      : html`<p class="soft">${t("nothingYet")}</p>`)}<//></section>`
}

export default function IndiaMart() {
  const key = `indiamart ${org.value.id}`
  const query = useQuery(key, () => rows("lead_sources", (ask) => ask.select("id, name, state, state_message, covered_from, covered_to, backfill_done_at, last_called_at, next_allowed_at, has_push_token, disconnected_at").eq("kind", "indiamart").limit(1)))
  const changed = () => { refresh(key); refresh("sync-runs") }
  useEffect(() => {
    const timer = setInterval(() => { if (!document.hidden) changed() }, EVERY)
    return () => clearInterval(timer)
  }, [key])
  const disconnect = async (source) => {
    if (!(await confirm({ title: t("disconnect"), text: t("disconnectText"), action: t("disconnect"), isDanger: true }))) return
    await rpc("disconnect_source", { source_id: source.id })
    say(t("disconnected"))
    changed()
  }
  return html`<${Loaded} query=${query} retry=${changed} height=${80}>${([source]) => {
    const isOn = source && !source.disconnected_at
    return html`
      ${!isOn && html`<section class="card"><${Empty} icon="Store" title=${t("none")}>${t("noneText")}<//></section>`}
      ${isOn && html`<${State} source=${source} onChange=${changed} />`}
      ${may("admin") && html`<section class="card stack"><${Connect} isNew=${!isOn} onConnected=${changed} /></section>`}
      ${isOn && may("admin") && html`<${Push} source=${source} onChange=${changed} />`}
      ${source && html`<${Log} source=${source} />`}
      ${isOn && may("admin") && html`<div><${Button} kind="danger" onClick=${() => disconnect(source)}>${t("disconnect")}<//></div>`}`
  }}<//>`
}
