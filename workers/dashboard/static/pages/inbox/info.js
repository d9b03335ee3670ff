// info.js: everything about one message: when it went, arrived and was read, who wrote it, and what it cost.
import { html } from "../../vendor/vendor.js"
import { rows } from "../../lib/api.js"
import { full, money } from "../../lib/formats.js"
import { useQuery } from "../../lib/queries.js"
import { Dialog, show } from "../../ui/dialog.js"
import { reasonOf, statusWords } from "./status.js"
import { nameOf } from "./team.js"
import { categoryWords, t } from "./words.js"

export const openInfo = (message) => show((close) => html`<${Info} message=${message} close=${close} />`)

function Info({ message, close }) {
  const isOut = message.direction === "outbound"
  const cost = useQuery(isOut && message.wamid ? `cost:${message.wamid}` : null, () => rows("usage_ledger", (query) => query.select("amount, currency, category, pricing_type").eq("wamid", message.wamid)))
  const total = cost.data?.length ? cost.data.reduce((sum, { amount }) => sum + Math.round(Number(amount) * 1e6), 0) / 1e6 : null
  const category = cost.data?.find((entry) => entry.category)?.category
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
    total !== null && [t("cost"), `${total ? money(total, cost.data[0].currency, 4) : t("free")}${category ? ` · ${categoryWords(category)}` : ""}`],
    message.error_code && [t("details"), `Meta ${message.error_code}`],
  ].filter(Boolean)
  return html`<${Dialog} title=${t("info")} onClose=${() => close()}><dl class="facts">${lines.map(([name, value]) => html`<div><dt>${name}</dt><dd class="wrap">${value}</dd></div>`)}</dl><//>`
}
