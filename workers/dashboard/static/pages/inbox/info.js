// info.js: everything about one message: when it went, arrived and was read, who wrote it, and what it cost.
import { html } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { full, money } from "../../lib/formats.js"
import { useQuery } from "../../lib/queries.js"
import { lazy } from "../../ui/basics.js"
import { Dialog, show } from "../../ui/dialog.js"
import { reasonOf, statusWords } from "./status.js"
import { nameOf } from "./team.js"
import { categoryWords, t } from "./words.js"

const Steps = lazy(() => import("../trace/steps.js"))

export const openInfo = (message) => show((close) => html`<${Info} message=${message} close=${close} />`)

function Info({ message, close }) {
  const isOut = message.direction === "outbound"
  const { data: trace } = useQuery(`trace:${message.id}`, () => rpc("message_trace", { message_id: message.id }))
  const ledger = trace?.ledger ?? []
  const total = ledger.length ? ledger.reduce((sum, { amount }) => sum + Math.round(Number(amount) * 1e6), 0) / 1e6 : null
  const category = ledger.find((entry) => entry.category)?.category
  const lines = [
    [t("by"), isOut ? (message.origin === "person" ? nameOf(message.sender_id) : t(`origin_${message.origin}`)) : t("customer")],
    [t(isOut ? "written" : "received"), full(message.at)],
    message.sent_at && isOut && [t("status_sent"), full(message.sent_at)],
    message.delivered_at && [t("status_delivered"), full(message.delivered_at)],
    message.read_at && [t("status_read"), full(message.read_at)],
    message.played_at && [t("played"), full(message.played_at)],
    message.failed_at && [t("status_failed"), full(message.failed_at)],
    message.status === "failed" && [t("reason"), reasonOf(message).words],
    isOut && [t("status"), statusWords(message)],
    total !== null && [t("cost"), `${total ? money(total, ledger[0].currency, 4) : t("free")}${category ? ` · ${categoryWords(category)}` : ""}`],
    trace?.file && [t("file"), trace.file.stored_at ? t("fileStored", { time: full(trace.file.stored_at) }) : (trace.file.words ?? t("fileWaits"))],
    trace?.webhooks.length && [t("heard"), trace.webhooks.map(({ received_at: at }) => full(at)).join("; ")],
    message.error_code && [t("details"), `Meta ${message.error_code}`],
  ].filter(Boolean)
  return html`<${Dialog} title=${t("info")} onClose=${() => close()}><dl class="facts">${lines.map(([name, value]) => html`<div><dt>${name}</dt><dd class="wrap">${value}</dd></div>`)}</dl>
    ${trace?.steps.length > 0 && html`<details class="how-it-went"><summary>${t("howItWent")}</summary><${Steps} steps=${trace.steps} /></details>`}<//>`
}
