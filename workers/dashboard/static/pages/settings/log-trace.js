// log-trace.js: one webhook step by step, with what Meta sent and what failed of it; and one run of a source.
import { html, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { full, moment } from "../../lib/formats.js"
import { useQuery, refresh } from "../../lib/queries.js"
import { Button, Loaded, Notice } from "../../ui/basics.js"
import { Dialog } from "../../ui/dialog.js"
import { say } from "../../ui/toasts.js"
import Steps from "../trace/steps.js"
import { held, outcome, reason, t } from "./log-words.js"

const Sent = ({ item }) => html`<details class="trace-sent"><summary>${t("asSent")}</summary><pre tabindex="0">${typeof item === "string" ? item : JSON.stringify(item, null, 2)}</pre></details>`

export function Trace({ item, close }) {
  const key = `event ${item.event_id}`
  const query = useQuery(key, () => rpc("event_trace", { event_id: item.event_id, received_at: item.at }))
  const [isMended, setMended] = useState(false)
  const replay = async () => {
    const { dead } = await rpc("replay_event", { event_id: item.event_id, received_at: item.at })
    setMended(dead === 0)
    say(t(dead ? "stillFails" : "mended", { n: dead }), { isBad: dead > 0 })
    refresh(key)
  }
  return html`<${Dialog} title=${t("event", { n: item.event_id })} isWide onClose=${() => close()}>
    <${Loaded} query=${query} retry=${() => refresh(key)} lines=${6} height=${32}>${(told) => html`
      <p class="soft wrap">${t("verifiedText")} ${t("storedText")}</p>
      <p class="wrap">${held(item)}</p>
      <${Steps} steps=${told.steps} />
      ${isMended && html`<${Notice} kind="good">${t("mended")}<//>`}
      ${told.failures.map((failure) => html`<section class="card stack tight"><h3>${reason(failure)}</h3>
        ${failure.words && html`<p class="soft wrap">${failure.words}</p>`}<p class="soft small">${t("attempts", { n: failure.attempts })} · ${moment(failure.at)}</p><${Sent} item=${failure.item} /></section>`)}
      ${told.failures.length > 0 && html`<div><${Button} kind="primary" icon="RotateCcw" onClick=${replay}>${t("replay")}<//></div>`}
      ${told.updates.length > 0 && html`<h3>${t("content")}</h3><ul class="list">${told.updates.map((update) => html`<li class="trace-update">
        <div class="row between breaks"><span>${t(`kind_${update.kind}`)}${update.kind === "field" ? html` <code class="wrap">${update.field}</code>` : ""}${update.at && html` <span class="soft small">${moment(update.at)}</span>`}</span>
        ${update.conversation_id && html`<a href="/inbox/${update.conversation_id}" onClick=${() => close()}>${t("conversation")}</a>`}</div><${Sent} item=${update.item} /></li>`)}</ul>`}
      ${told.count > told.updates.length && html`<p class="soft">${t("first", { n: told.updates.length, all: told.count })}</p>`}`}<//>
  <//>`
}

export function Run({ item, close }) {
  const lines = [
    [t("when"), full(item.at)],
    item.finished_at && [t("took"), t("seconds", { n: Math.max(0, Math.round((new Date(item.finished_at) - new Date(item.at)) / 1000)) })],
    item.window_from && [t("window"), t("fromTo", { from: moment(item.window_from), to: moment(item.window_to) })],
    [t("got"), item.received ?? 0],
    [t("new"), item.inserted ?? 0],
    [t("known"), item.known ?? 0],
    [t("setAside"), item.set_aside ?? 0],
  ].filter(Boolean)
  return html`<${Dialog} title=${item.name ?? t(item.source)} onClose=${() => close()}>
    ${item.state === "failed" || item.state === "partly" ? html`<${Notice} kind="bad"><p class="wrap">${item.words ?? outcome(item)}</p><//>` : html`<p class="wrap">${item.words ?? outcome(item)}</p>`}
    <dl class="facts">${lines.map(([name, value]) => html`<div><dt>${name}</dt><dd class="wrap">${value}</dd></div>`)}</dl>
    <div class="actions"><a class="button" href=${item.import_id ? `/leads/import?id=${item.import_id}` : `/settings/${item.source === "google_sheet" ? "sheets" : "indiamart"}`} onClick=${() => close()}>${t("open")}</a></div>
  <//>`
}
