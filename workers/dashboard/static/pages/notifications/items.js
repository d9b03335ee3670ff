// items.js: what a notification says, and where it leads.
import { moment } from "../../lib/formats.js"
import { t } from "./words.js"

const MINE = `/leads?layout=table&f=${encodeURIComponent(JSON.stringify({ owner: "me" }))}`

/** The address of what it is about; null when that has no page. */
export function hrefOf(item) {
  if (item.task_id) return `/tasks?task=${item.task_id}`
  if (item.kind === "lead_assigned") return item.lead_id ? `/leads/${item.lead_id}` : MINE
  if (item.ticket_id) return `/help/${item.ticket_id}`
  if (item.kind.startsWith("billing_")) return "/billing"
  if (item.kind === "number_needs_attention") return "/settings/whatsapp"
  if (item.kind === "webhook_disabled") return "/settings/developers"
  if (item.kind === "new_lead" && !item.lead_id) return "/leads"
  if (item.conversation_id) return `/inbox/${item.conversation_id}`
  return item.lead_id ? `/leads/${item.lead_id}` : null
}

/** {title, text}; nameOf(id): a member's name. */
export function said(item, nameOf) {
  const who = item.actor ? nameOf(item.actor) ?? t("somebody") : t("flow")
  const about = item.title || item.name || t(item.lead_id ? "unnamed" : "gone")
  const title = t(item.kind, { who, title: item.kind === "lead_assigned" || item.kind.startsWith("new_") ? item.name || about : about, n: item.many })
  if (item.ticket_id || item.kind.startsWith("billing_") || ["number_needs_attention", "webhook_disabled"].includes(item.kind)) return { title, text: null }
  const text = item.kind === "new_message" ? item.text : item.kind === "lead_assigned" || item.kind === "new_lead" ? (item.name && item.title) || null
    : item.task_id ? [item.name, item.due_at && (item.kind === "task_due" ? moment(item.due_at) : t("due", { time: moment(item.due_at) }))].filter(Boolean).join(" · ")
    : [item.name, item.title].filter(Boolean).join(" · ")
  return { title, text }
}
