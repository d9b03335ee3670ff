// outcome.js: what became of the rows, and the way back within a week.
import { html } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { day, number } from "../../lib/formats.js"
import { refresh } from "../../lib/queries.js"
import { may } from "../../lib/session.js"
import { Button, Notice } from "../../ui/basics.js"
import { confirm } from "../../ui/dialog.js"
import { Icon } from "../../ui/icon.js"
import { recall } from "../leads/reference.js"
import { Errors } from "./errors.js"
import { t } from "./words.js"

/** Statuses of an import that is at work. */
export const BUSY = ["uploaded", "ready", "running", "undoing"]
/** Under which query the status of an import is kept. */
export const statusKey = (id) => `lead-import/${id}`

const NAMES = ["new", "updated", "known", "blank", "error"]

/** How many rows are or were what. */
export const Counts = ({ counts }) => html`<dl class="counts">${NAMES.map((name) => html`<div class=${counts[name] ? name : "zero"}><dt>${t(`count_${name}`)}</dt><dd class="numbers" data-count=${name}>${number(counts[name] ?? 0)}</dd></div>`)}</dl>`

export const countsOf = (told) => Object.fromEntries(NAMES.map((name) => [name, told[`rows_${name}`]]))

export const mayUndo = (told) => told.undo_until && new Date(told.undo_until) > new Date() && may("admin")

export async function undo(told, again) {
  if (!(await confirm({ title: t("undoSure", { n: told.rows_new }), text: t("undoText"), action: t("undo"), isDanger: true }))) return
  await rpc("undo_import", { import_id: told.import_id })
  refresh(statusKey(told.import_id)) // its page may have been opened meanwhile
  again()
}

export function Outcome({ told, again }) {
  const { status } = told
  const stayed = Object.entries(told.undo?.stayed ?? {})
  return html`<section class="card stack">
    ${status === "done" && html`<div class="row"><${Icon} name="CircleCheck" size=${28} className="good-icon" /><h3 class="grow">${t("done", { n: told.rows_new })}</h3></div>`}
    ${status === "failed" && html`<${Notice} kind="bad">${t("failed")} ${told.error ?? ""}<//>`}
    ${status === "cancelled" && html`<${Notice} kind="warn">${t("cancelled")}<//>`}
    ${status === "undone" && html`<${Notice} kind="good">${t("undone", { n: told.undo.removed })}<//>`}
    ${status === "undone" && stayed.length > 0 && html`<p class="soft">${t("stayed")} ${stayed.map(([reason, rows]) => `${REASONS.includes(reason) ? t(`stayed_${reason}`) : reason}: ${number(rows)}`).join(" · ")}</p>`}
    ${told.rows_total !== null && !told.is_check && told.pass > 0 && html`<${Counts} counts=${countsOf(told)} />`}
    ${(told.rows_error > 0 || stayed.length > 0) && !told.is_check && html`<${Errors} told=${told} />`}
    <div class="row breaks">${status === "done" && html`<a class="button primary" href="/leads?layout=table" onClick=${() => recall()}>${t("toLeads")}</a>`}
      ${mayUndo(told) && html`<${Button} icon="Undo2" onClick=${() => undo(told, again)}>${t("undo")}<//><span class="small soft">${t("undoUntil", { day: day(told.undo_until) })}</span>`}
      ${["failed", "cancelled", "undone"].includes(status) && html`<a class="button" href="/leads/import">${t("another")}</a>`}</div>
  </section>`
}

const REASONS = ["worked_on", "in_another_import", "changed_since", "in_use", "gone"]
