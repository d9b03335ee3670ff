// sheets.js: Google Sheets that Flow reads by itself.
import { html, useState } from "../../vendor/vendor.js"
import { post, rpc } from "../../lib/api.js"
import { moment } from "../../lib/formats.js"
import { asProblem } from "../../lib/problems.js"
import { adjust, refresh, useQuery } from "../../lib/queries.js"
import { may, org } from "../../lib/session.js"
import { Button, Check, Chip, Copyable, Empty, Field, Loaded, Notice } from "../../ui/basics.js"
import { confirm } from "../../ui/dialog.js"
import { complain, say } from "../../ui/toasts.js"
import { t } from "./sheets-words.js"

const sheetsKey = () => `sheets ${org.value.id}`
const WAITS = new Set(["needs_mapping", "header_changed", "rate_limited"])
const BUSY = new Set(["uploaded", "ready", "running"])

function Connect({ onConnected }) {
  const address = useQuery("sheets-address", () => post("sheets/address"))
  const [link, setLink] = useState("")
  const [problem, setProblem] = useState(null)
  const connect = async () => {
    setProblem(null)
    try {
      const made = await post("sheets/connect", { link })
      setLink("")
      say(t("connected", { name: made.title }))
      onConnected()
    } catch (error) {
      setProblem(asProblem(error))
    }
  }
  if (address.problem) return html`<${Notice} kind="warn">${address.problem.detail === "sheets_not_set_up" ? t("notSetUp") : address.problem.words}<//>`
  return html`<form class="stack" onSubmit=${(event) => { event.preventDefault(); event.target.querySelector(".primary").click() }}>
    <p class="soft">${t("text")}</p>
    <div class="stack tight"><p><strong>${t("share")}</strong></p>${address.data && html`<${Copyable} label=${t("share")} text=${address.data.address} />`}</div>
    <${Field} label=${t("link")} help=${t("linkHelp")} wrong=${problem?.words}>${(props) => html`<input ...${props} type="url" placeholder="https://docs.google.com/spreadsheets/d/…" value=${link} onInput=${(event) => setLink(event.target.value)} />`}<//>
    <div><${Button} kind="primary" disabled=${!link.trim()} onClick=${connect}>${t("connect")}<//></div></form>`
}

function Sheet({ sheet, onChange }) {
  const last = sheet.import
  const sync = async () => { await rpc("sync_sheet", { sheet_id: sheet.source_id }); say(t("asked")); onChange() }
  const rematch = async () => { await rpc("forget_sheet_mapping", { sheet_id: sheet.source_id }); onChange() }
  const greet = async ({ target: { checked } }) => {
    const undo = adjust(sheetsKey(), (sheets) => sheets.map((one) => (one === sheet ? { ...one, greet: checked } : one)))
    try {
      await rpc("set_sheet", { sheet_id: sheet.source_id, greet: checked })
    } catch (problem) {
      undo()
      complain(problem)
    }
    onChange()
  }
  const disconnect = async () => {
    if (!(await confirm({ title: t("disconnect"), text: t("disconnectText", { name: sheet.name }), action: t("disconnect"), isDanger: true }))) return
    await rpc("disconnect_source", { source_id: sheet.source_id })
    say(t("gone"))
    onChange()
  }
  return html`<section class="card stack">
    <div class="row between breaks"><h3 class="wrap">${sheet.name}</h3><${Chip} kind=${sheet.state === "ok" ? "good" : WAITS.has(sheet.state) ? "warn" : "bad"}>${t(sheet.state)}<//></div>
    <p class="soft small">${sheet.checked_at && t("looked", { time: moment(sheet.checked_at) })}${sheet.changed_at && ` · ${t("changed", { time: moment(sheet.changed_at) })}`}</p>
    ${sheet.words && html`<${Notice} kind="warn"><span class="wrap">${sheet.words}</span><//>`}
    ${last && (BUSY.has(last.status) ? html`<p>${t("running")}</p>` : last.status === "done" && html`<p>${t("counts", { new: last.rows_new, updated: last.rows_updated, known: last.rows_known, error: last.rows_error })}</p>`)}
    ${sheet.is_on && may("admin") && html`<${Check} label=${t("greet")} help=${t("greetHelp")} checked=${sheet.greet} onChange=${greet} />`}
    <div class="row breaks">
      ${may("admin") && last?.status === "read" && html`<a class="button primary" href="/leads/import?id=${last.import_id}">${t("match")}</a>`}
      ${may("admin") && sheet.state === "header_changed" && html`<${Button} kind="primary" onClick=${rematch}>${t("rematch")}<//>`}
      ${sheet.is_on && html`<${Button} icon="RefreshCw" onClick=${sync}>${t("sync")}<//>`}
      <a class="button quiet" href="https://docs.google.com/spreadsheets/d/${sheet.spreadsheet_id}/edit#gid=${sheet.gid}" target="_blank" rel="noopener noreferrer">${t("open")}</a>
      ${sheet.is_on && may("admin") && html`<${Button} kind="danger" onClick=${disconnect}>${t("disconnect")}<//>`}
    </div></section>`
}

export default function Sheets() {
  const query = useQuery(sheetsKey(), () => rpc("sheets"))
  const changed = () => refresh(sheetsKey())
  return html`<${Loaded} query=${query} retry=${changed} height=${80}>${(sheets) => html`
    ${sheets.length ? sheets.map((sheet) => html`<${Sheet} key=${sheet.source_id} sheet=${sheet} onChange=${changed} />`)
      : html`<section class="card"><${Empty} icon="FileSpreadsheet" title=${t("none")}>${t("noneText")}<//></section>`}
    ${may("admin") && html`<section class="card"><${Connect} onConnected=${changed} /></section>`}`}<//>`
}
