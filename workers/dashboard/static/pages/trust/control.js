// control.js: what the business decides itself: support, export, how long things are kept, deletion.
import { html } from "../../vendor/vendor.js"
import { moment } from "../../lib/formats.js"
import { may } from "../../lib/session.js"
import { Kept } from "./kept.js"
import { Line } from "./state.js"
import { Support } from "./support.js"
import { t } from "./words-control.js"

function Clearing({ last, kind }) {
  const text = { none: "clearingText", bad: "clearingFailed", warn: "clearingOld", good: "clearingText" }[kind]
  return html`<${Line} kind=${kind} title=${t("clearing")} figure=${last?.finished_at && t("ran", { time: moment(last.finished_at) })}><p class="soft">${t(text)}${kind === "good" && Number(last.rows) > 0 && ` ${t("clearingRan", { n: Number(last.rows) })}`}</p>${may("admin") && html`<${Kept} />`}<//>`
}

export function Control({ title, state, kinds, onChange }) {
  const { support, retention, export: last, late_deletions: late } = state
  const at = last?.finished_at ?? last?.requested_at
  return html`<section class="card stack"><h2>${title}</h2><ul class="list">
    <${Support} grants=${support} kind=${kinds.support} onChange=${onChange} />
    ${last && html`<${Line} kind="none" title=${t("exports")} figure=${at ? t("exportLast", { time: moment(at) }) : t("exportNone")}><p class="soft">${t("exportsText")}</p>${may("owner") && html`<p><a href="/settings/export">${t("export")}</a></p>`}<//>`}
    <${Clearing} last=${retention} kind=${kinds.clearing} />
    <${Line} kind=${kinds.deletion} title=${t("deletion")} figure=${t("late", { n: late })}><p class="soft">${t(late ? "deletionLate" : "deletionText")}</p>
      ${may("admin") && html`<p><a href="/settings/privacy">${t("privacy")}</a></p>`}<//>
  </ul></section>`
}
