// items.js: one entry of the timeline, in words.
import { html } from "../../vendor/vendor.js"
import { clock, full, money } from "../../lib/formats.js"
import { Icon } from "../../ui/icon.js"
import { customText } from "../leads/fields.js"
import { PERSON, t as about } from "./person-words.js"
import { t } from "./words.js"

const ICONS = {
  received: "Inbox", moved: "ArrowRight", assigned: "UserCheck", noted: "Pencil", won: "CircleCheck", lost: "CircleX", reopened: "RotateCcw", valued: "IndianRupee",
  tagged: "Tag", untagged: "Tag", fields_set: "ListChecks", undone: "Undo2", greeting_queued: "Send", greeting_scheduled: "CalendarClock", greeting_skipped: "CirclePause", conflicting_copy: "TriangleAlert",
  contact_changed: "Pencil", contact_merged: "Users", contact_unmerged: "Undo2",
  task_added: "SquareCheck", task_changed: "SquareCheck", task_done: "CircleCheck", task_cancelled: "CircleX", task_reopened: "RotateCcw", task_handed_back: "SquareCheck",
}

const STATUSES = ["queued", "sending", "sent", "delivered", "read", "played", "failed", "cancelled", "uncertain", "received"]
const KINDS = ["image", "video", "audio", "document", "sticker", "location", "contacts", "interactive", "reaction"]

export function Item({ item, lead, reference }) {
  const who = item.actor ? reference.nameOf("member", item.actor) || t("left") : null
  const at = html`<time class="small soft numbers" datetime=${item.at} title=${full(item.at)}>${clock(item.at)}</time>`
  if (item.type === "message") {
    const isOut = item.direction === "outbound"
    return html`<li class="lead-event message ${isOut ? "out" : "in"}" data-type="message"><${Icon} name=${isOut ? "Send" : "MessageCircle"} size=${16} label=${t(isOut ? "out" : "in")} />
      <div class="grow"><p class="bubble wrap">${item.text || standIn(item.kind)}</p>
        <p class="row small soft">${isOut ? who ?? t("byItself") : null}${at}${isOut && STATUSES.includes(item.status) && html`<span class=${item.status === "failed" ? "danger" : ""}>${t(`status_${item.status}`)}</span>`}
          ${item.cost && html`<span class="numbers" title=${t("cost")}>${money(item.cost.amount, item.cost.currency, 4)}</span>`}</p></div></li>`
  }
  if (item.type === "note" || item.kind === "noted") {
    return html`<li class="lead-event note" data-type="note"><${Icon} name="Pencil" size=${16} label=${t("noteOf")} /><div class="grow"><p class="paper wrap">${item.type === "note" ? item.text : item.details.text}</p>
      <p class="row small soft">${who ?? t("flow")}${at}${item.type === "note" && html`<span>${t("inChat")}</span>`}</p></div></li>`
  }
  return html`<li class="lead-event change" data-type="change"><${Icon} name=${ICONS[item.kind] ?? "Info"} size=${16} /><p class="grow wrap small"><strong>${who ?? t("flow")}</strong> ${said(item, lead, reference)}</p>${at}</li>`
}

/** What stands for a message without words; what always had words and has none now was erased. */
const standIn = (kind) => t(["text", "template"].includes(kind) ? "erasedMessage" : `kind_${KINDS.includes(kind) ? kind : "other"}`)

/** What a change was, after the name of who made it. */
function said({ kind, details: d }, lead, reference) {
  const stage = (id) => reference.nameOf("stage", id) || d.from_name || t("stageGone")
  const worth = (value, currency) => (value === undefined || value === null ? t("nothing") : money(value, currency ?? "INR"))
  switch (kind) {
    case "moved": return t("did_moved", { from: stage(d.from), to: reference.nameOf("stage", d.to) || t("stageGone") })
    case "won": case "lost": {
      const reason = d.reason && reference.nameOf("reason", d.reason)
      return [t(`did_${kind}`), reason && t("because", { reason }), d.value && worth(d.value, d.currency)].filter(Boolean).join(" · ")
    }
    case "reopened": return t("did_reopened", { to: stage(d.to) })
    case "assigned": return d.to ? t("did_assigned", { name: reference.nameOf("member", d.to) || t("left") }) : t("did_unassigned")
    case "valued": return t("did_valued", { to: worth(d.to, d.currency) })
    case "tagged": case "untagged": return t(`did_${kind}`, { name: d.name ?? (reference.nameOf("tag", d.tag) || "…") })
    case "fields_set": return Object.entries(d).map(([key, { to }]) => {
      const field = reference.allFields.find((other) => other.key === key)
      return t("did_field", { field: field?.label ?? key, to: to === null || to === undefined ? t("nothing") : field ? customText(field, to) : String(to) })
    }).join(" · ")
    case "greeting_skipped": return t("did_greeting_skipped", { reason: d.reason ?? "" })
    case "received": case "undone": case "greeting_queued": case "greeting_scheduled": case "conflicting_copy": return t(`did_${kind}`)
    case "contact_changed": return t("did_contact_changed", { fields: (d.fields ?? []).map((field) => (PERSON.includes(field) ? about(field) : field)).join(", ") })
    case "contact_merged": case "contact_unmerged": return t(`did_${kind}`)
    case "task_added": case "task_changed": case "task_done": case "task_cancelled": case "task_reopened": case "task_handed_back": return t(`did_${kind}`, { title: d.title })
    default: return kind.replaceAll("_", " ")
  }
}
