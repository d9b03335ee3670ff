// history.js: the imports so far; what can still be taken back.
import { html, useEffect } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { moment } from "../../lib/formats.js"
import { Button, Chip, Loaded } from "../../ui/basics.js"
import { Icon } from "../../ui/icon.js"
import { usePages } from "../../lib/paged.js"
import { BUSY, mayUndo, undo } from "./outcome.js"
import { t } from "./words.js"

const PAGE = 20
const KINDS = { done: "good", failed: "bad", cancelled: "", undone: "", read: "warn" }

export function History() {
  const list = usePages("lead-imports", async (next) => {
    const { imports } = await rpc("list_imports", { ...next, page: PAGE })
    return { items: imports, next: imports.length === PAGE ? { before_at: imports.at(-1).created_at } : null }
  }, (item) => item.import_id)
  const isBusy = list.items.some(({ status }) => BUSY.includes(status))
  useEffect(() => {
    if (!isBusy) return undefined
    const timer = setInterval(() => { if (!document.hidden) list.again() }, 1500)
    return () => clearInterval(timer)
  }, [isBusy])
  return html`<section class="stack tight"><h2>${t("history")}</h2>
    <${Loaded} query=${{ data: list.isFresh ? undefined : list.items, problem: list.problem }} retry=${list.again}>${(items) => (items.length ? html`<ul class="list card">${items.map((one) => html`<li key=${one.import_id} class="past">
        <a class="grow stack tight" href="/leads/import?id=${one.import_id}"><span class="row"><${Icon} name="FileSpreadsheet" size=${18} /><strong class="clip"><bdi>${one.filename ?? t("file")}</bdi></strong><${Chip} kind=${KINDS[one.status] ?? "info"}>${t(`status_${one.status}`)}<//></span>
          <span class="small soft">${moment(one.created_at)}${one.pass > 0 && !one.is_check ? ` · ${t("rowsNew", { n: one.rows_new })}` : ""}${one.rows_error && !one.is_check ? ` · ${t("rowsError", { n: one.rows_error })}` : ""}</span></a>
        ${mayUndo(one) && html`<${Button} kind="quiet" icon="Undo2" onClick=${() => undo(one, list.again)}>${t("undo")}<//>`}</li>`)}</ul>
      ${!list.isEnd && html`<${Button} kind="quiet" onClick=${list.more}>${t("older")}<//>`}` : html`<p class="soft">${t("noHistory")}</p>`)}<//></section>`
}
