// differences.js: days on which Flow's ledger and Meta's own figures differ, and what somebody found about them.
import { html, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { day, money, number } from "../../lib/formats.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { may, org } from "../../lib/session.js"
import { Button, Field, Notice } from "../../ui/basics.js"
import { Dialog, show } from "../../ui/dialog.js"
import { say } from "../../ui/toasts.js"
import { category, t } from "./words.js"

export function Differences({ month }) {
  const key = `reconciliation ${org.value.id} ${month}`
  const { data } = useQuery(key, () => rpc("reconciliation", { month }))
  const problems = data?.accounts.filter((account) => account.problem) ?? []
  if (!data?.differences.length && !problems.length) return null
  const note = async (row) => { if (await show((close) => html`<${Note} row=${row} onClose=${close} />`)) refresh(key) }
  return html`<section class="card stack">
    ${data.differences.length > 0 && html`<${Notice} kind="warn"><strong>${t("differs", { n: data.differences.length })}</strong><br />${t("differsText")}<//>
      <div class="table-wrap"><table class="table"><thead><tr><th>${t("day")}</th><th>${t("category")}</th><th class="number">${t("ours")}</th><th class="number">${t("theirs")}</th><th></th></tr></thead>
      <tbody>${data.differences.map((row) => html`<tr key=${row.id}><td>${day(`${row.day}T00:00`)}</td><td>${category(row.category)}</td>
        <td class="number">${number(row.ours_messages)} · ${money(row.ours_cost, row.currency)}</td><td class="number">${number(row.meta_messages)} · ${money(row.meta_cost, row.currency)}</td>
        <td>${may("admin") && html`<${Button} onClick=${() => note(row)}>${t("reviewIt")}<//>`}</td></tr>`)}</tbody></table></div>`}
    ${problems.map((account) => html`<${Notice} key=${account.account_id} kind="warn">${account.problem}<//>`)}
  </section>`
}

function Note({ row, onClose }) {
  const [text, setText] = useState("")
  const save = async () => {
    await rpc("review_difference", { difference_id: row.id, note: text })
    say(t("noted"))
    onClose(true)
  }
  return html`<${Dialog} title=${t("difference")} onClose=${() => onClose()}>
    <${Field} label=${t("note")}>${(props) => html`<textarea ...${props} maxlength="1000" value=${text} onInput=${(event) => setText(event.target.value)}></textarea>`}<//>
    <div class="actions"><${Button} kind="primary" disabled=${!text.trim()} onClick=${save}>${t("save")}<//></div><//>`
}
