// export.js: everything that Flow holds of the organization, as one file: asked for, made, downloaded by links that soon expire.
import { html, useEffect } from "../../vendor/vendor.js"
import { post, rpc } from "../../lib/api.js"
import { bytes, full, moment, number } from "../../lib/formats.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { isExpired, may, org } from "../../lib/session.js"
import { Button, Chip, Empty, Loaded, Notice, When } from "../../ui/basics.js"
import { confirm } from "../../ui/dialog.js"
import { say } from "../../ui/toasts.js"
import { t } from "./export-words.js"

const EVERY = 2000
const KINDS = { ready: "good", failed: "bad", reading: "info", writing: "info" }
const isUnderWay = ({ status }) => status === "reading" || status === "writing"

/** Does what only somebody may do who has just signed in; else the form stands above the page, and it is pressed again. */
async function proven(act) {
  try {
    return await act()
  } catch (problem) {
    if (problem.detail !== "sign_in_again") throw problem
    isExpired.value = true
    return null
  }
}

/** Saves what an address names: it is good for some minutes, and made anew at each click. */
async function save(id, part) {
  const found = await proven(() => post(`exports/${id}/link`, { part }))
  if (!found) return
  const link = document.createElement("a")
  link.href = found.url
  link.download = found.name
  link.rel = "noreferrer"
  link.dataset.leave = ""
  link.click()
}

function Progress({ told, steps }) {
  const done = Object.keys(told.tables).length
  const share = told.status === "writing" ? 0.9 : steps ? (0.9 * done) / steps : 0
  return html`<div class="stack tight" role="status"><p>${t(told.status)} <span class="soft numbers">${t("soFar", { rows: number(told.rows), size: bytes(told.bytes) })}</span></p>
    <div class="bar" role="progressbar" aria-label=${t(told.status)} aria-valuemin="0" aria-valuemax="100" aria-valuenow=${Math.round(share * 100)}><div style=${{ width: `${share * 100}%` }}></div></div>
    ${told.error && html`<p class="small soft wrap">${told.error}</p>`}<p class="small soft">${t("mayLeave")}</p></div>`
}

function Line({ told, steps, again }) {
  const stop = async () => {
    const isReady = told.status === "ready"
    if (!(await confirm({ title: t(isReady ? "remove" : "stop"), text: t(isReady ? "removeText" : "stopText"), action: t(isReady ? "remove" : "stop"), isDanger: true }))) return
    await rpc("cancel_export", { export_id: told.id })
    again()
  }
  return html`<li class="stack tight" key=${told.id}>
    <div class="row between breaks"><span class="grow"><${When} at=${told.requested_at} as=${moment} /></span><${Chip} kind=${KINDS[told.status] ?? ""}>${t(`is_${told.status}`)}<//></div>
    ${isUnderWay(told) && html`<${Progress} told=${told} steps=${steps} />`}
    ${told.status === "failed" && html`<p class="small wrap">${told.error}</p>`}
    ${told.status === "ready" && html`<p class="small soft">${t("holds", { rows: number(told.rows) })} · <span title=${full(told.expires_at)}>${t("until", { at: moment(told.expires_at) })}</span></p>
      <ul class="list">${told.parts.map((part) => html`<li class="row between breaks" key=${part.number}><span class="grow wrap small"><bdi>${part.name}</bdi> <span class="soft numbers">${bytes(part.bytes)}</span></span>
        <${Button} icon="Download" onClick=${() => save(told.id, part.number)}>${t("download")}<//></li>`)}</ul>
      <details><summary>${t("checksums")}</summary><ul class="list">${told.parts.map((part) => html`<li class="small wrap numbers" key=${part.number}><code>${part.sha256}</code></li>`)}</ul></details>`}
    ${(isUnderWay(told) || told.status === "ready") && html`<div><${Button} kind="quiet" icon=${told.status === "ready" ? "Trash2" : "X"} onClick=${stop}>${t(told.status === "ready" ? "remove" : "stop")}<//></div>`}
  </li>`
}

function Holds({ exclusions }) {
  const tables = [...new Set(exclusions.map(({ why }) => why))]
  return html`<section class="card stack tight"><h3>${t("whatTitle")}</h3><p class="soft wrap">${t("what")}</p><p class="soft wrap">${t("formats")}</p>
    <details><summary>${t("leftOut")}</summary><ul class="list">${tables.map((why) => html`<li key=${why} class="small"><p>${why}</p><p class="soft wrap">${exclusions.filter((one) => one.why === why).map(({ table, column }) => [table, column].filter(Boolean).join(" · ")).join(", ")}</p></li>`)}</ul></details></section>`
}

export default function Export() {
  const key = `exports ${org.value.id}`
  const query = useQuery(key, () => rpc("list_exports"))
  const again = () => refresh(key)
  const isWaiting = Boolean(query.data?.exports.some(isUnderWay))
  useEffect(() => {
    if (!isWaiting) return undefined
    const ticking = setInterval(() => { if (!document.hidden) again() }, EVERY)
    return () => clearInterval(ticking)
  }, [isWaiting, key])
  if (!may("owner")) return html`<${Notice}>${t("ownersOnly")}<//>`
  const ask = async () => {
    if (await proven(() => rpc("request_export"))) {
      say(t("asked"))
      again()
    }
  }
  return html`<section class="card stack"><h3>${t("title")}</h3><p class="soft wrap">${t("text")}</p>
      <${Loaded} query=${query} lines=${2} height=${40}>${(data) => html`
        ${data.next_at && !isWaiting && html`<p class="small soft">${t("again", { at: moment(data.next_at) })}</p>`}
        <div><${Button} kind="primary" icon="Download" disabled=${Boolean(data.next_at) || isWaiting} onClick=${ask}>${t("ask")}<//></div>
        ${data.exports.length ? html`<ul class="list">${data.exports.map((told) => html`<${Line} key=${told.id} told=${told} steps=${data.steps} again=${again} />`)}</ul>` : html`<${Empty} icon="Download" title=${t("none")} />`}`}<//></section>
    ${query.data && html`<${Holds} exclusions=${query.data.exclusions} />`}`
}
