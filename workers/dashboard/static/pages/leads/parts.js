// parts.js: small parts that boards, tables and the page of a lead share: tags, values, people, sources, search matches.
import { html } from "../../vendor/vendor.js"
import { brief, full, money, shortMoney } from "../../lib/formats.js"
import { Avatar } from "../../ui/avatar.js"
import { Icon } from "../../ui/icon.js"
import { t } from "./words.js"

const ICONS = { indiamart: "Store", manual: "Pencil", whatsapp: "MessageCircle", upload: "FileSpreadsheet", sheet: "FileSpreadsheet", form: "Globe" }

/** What a person is called where nothing is known of their name. */
export const nameOf = (lead) => lead.name || lead.company || lead.phone || t("unnamed")

export const productOf = (lead) => lead.product || lead.title || lead.message || ""

/** A tag; its colour is a dot, so that its words keep their contrast. */
export const Tag = ({ tag, children }) => html`<span class="chip tag"><span class="dot" style=${tag.colour ? { background: tag.colour } : {}}></span><bdi class="clip">${tag.name}</bdi>${children}</span>`

/** Sums by currency, short; whole in the title. */
export const Values = ({ values }) => html`${values.filter(({ value }) => Number(value)).map(({ value, currency }) =>
  html`<span class="numbers soft" title=${money(value, currency)}>${shortMoney(value, currency)}</span>`)}`

export const SourceIcon = ({ lead, reference, size = 14 }) => html`<${Icon} name=${ICONS[lead.source_kind] ?? "Globe"} size=${size} label=${t("fromSource", { source: sourceName(reference, lead) })} className="faint" />`

const OWN = { manual: "sourceManual", upload: "sourceUpload", whatsapp: "sourceWhatsapp" }
/** Sources that Flow makes itself are called in the person's language. */
export const sourceName = (reference, lead) => (OWN[lead.source_kind] ? t(OWN[lead.source_kind]) : reference.nameOf("source", lead.source_id) || lead.source_kind)
export const sourceLabel = (source) => (OWN[source.kind] ? t(OWN[source.kind]) : source.name)

export const Owner = ({ id, reference, hasName = false }) => {
  const name = id ? reference.nameOf("member", id) || t("left") : t("nobody")
  if (!id) return hasName ? html`<span class="faint">${name}</span>` : null
  return html`<span class="row" title=${name}><${Avatar} name=${name} id=${id} isSmall />${hasName ? html`<bdi class="clip">${name}</bdi>` : html`<span class="hidden-visually">${t("ownerIs", { name })}</span>`}</span>`
}

export const At = ({ at }) => html`<time class="small faint numbers" datetime=${at} title=${full(at)}>${brief(at)}</time>`

export const StageChip = ({ stage }) => (stage ? html`<span class="chip ${{ won: "good", lost: "bad" }[stage.kind] ?? ""}"><bdi class="clip">${stage.name}</bdi></span>` : null)

const MARKS = /\uE000([^\uE001]*)\uE001/
/** A snippet of the search: what matched is marked. */
export const Marked = ({ text }) => text.split(MARKS).map((part, index) => (index % 2 ? html`<mark>${part}</mark>` : part))

/** An amount as people type it, "1,20,000.50" or "₹ 500", as a number's text; null: nothing; undefined: no amount. */
export function amount(text) {
  const plain = text.replace(/[\s,₹]/g, "")
  if (!plain) return null
  return /^\d{1,12}(\.\d{1,2})?$/.test(plain) ? plain : undefined
}
