// page.js: a file of leads becomes leads: chosen, looked at, matched, counted, stored; and taken back within a week.
import { html, useEffect } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { go } from "../../lib/router.js"
import { may } from "../../lib/session.js"
import { Button, Chip, IconButton, Loaded, Notice } from "../../ui/basics.js"
import { confirm } from "../../ui/dialog.js"
import { Choosing } from "./choosing.js"
import { History } from "./history.js"
import { Matching } from "./matching.js"
import { BUSY, Outcome, statusKey } from "./outcome.js"
import { Progress } from "./progress.js"
import { t } from "./words.js"

const STEPS = ["stepFile", "stepMatch", "stepCheck", "stepDone"]

export default function ImportPage({ query: { id } }) {
  return html`<header class="top"><${IconButton} icon="ArrowLeft" label=${t("back")} onClick=${() => go(id ? "/leads/import" : "/leads")} /><h1>${t("title")}</h1></header>
    <div class="body"><div class="broad stack import">${id ? html`<${One} key=${id} id=${id} />` : html`${may("admin") ? html`<${Choosing} />` : html`<${Notice}>${t("onlyAdmins")}<//>`}<${History} />`}</div></div>`
}

function One({ id }) {
  const key = statusKey(id)
  const query = useQuery(key, () => rpc("import_status", { import_id: id }))
  const told = query.data
  const isBusy = BUSY.includes(told?.status)
  useEffect(() => {
    if (!isBusy) return undefined
    const timer = setInterval(() => refresh(key), 700)
    return () => clearInterval(timer)
  }, [isBusy])
  const again = () => refresh(key)
  return html`<${Loaded} query=${query} retry=${again} lines=${8}>${(known) => html`<div class="row between breaks"><h2 class="wrap grow"><bdi>${known.filename ?? t("file")}</bdi></h2>
      ${["uploaded", "read", "ready", "running"].includes(known.status) && may("admin") && html`<${Button} kind="quiet" icon="X" onClick=${() => cancel(id, again)}>${t("cancelImport")}<//>`}</div>
    <ol class="steps">${STEPS.map((name, at) => html`<li aria-current=${at === stepOf(known) ? "step" : undefined}><${Chip} kind=${at === stepOf(known) ? "good" : ""}>${at + 1}. ${t(name)}<//></li>`)}</ol>
    ${isBusy ? html`<${Progress} told=${known} />` : known.status === "read" ? html`<${Matching} key=${JSON.stringify(known.choices)} told=${known} again=${again} />` : html`<${Outcome} told=${known} again=${again} />`}`}<//>`
}

const stepOf = ({ status, checked, is_check: isCheck }) => (status === "uploaded" ? 0 : status === "read" ? (checked ? 2 : 1) : ["ready", "running"].includes(status) && isCheck ? 2 : 3)

async function cancel(id, again) {
  if (!(await confirm({ title: t("cancelSure"), text: t("cancelText"), action: t("cancelImport"), isDanger: true }))) return
  await rpc("cancel_import", { import_id: id })
  again()
}
