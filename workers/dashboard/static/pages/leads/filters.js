// filters.js: what leads are narrowed down by: a dialog to choose it, and chips that say what is in force.
import { html, useState } from "../../vendor/vendor.js"
import { day } from "../../lib/formats.js"
import { Button, Field, Select } from "../../ui/basics.js"
import { Dialog } from "../../ui/dialog.js"
import { Icon } from "../../ui/icon.js"
import { asInput, customText, FieldInput, fromInput } from "./fields.js"
import { sourceLabel } from "./parts.js"
import { t } from "./words.js"

/** The other day's beginning, for "until and with". */
const dayAfter = (date) => { const next = new Date(`${date}T00:00:00`); next.setDate(next.getDate() + 1); return next.toISOString() }
const startOf = (date) => new Date(`${date}T00:00:00`).toISOString()
const local = (instant, shift = 0) => {
  if (!instant) return ""
  const date = new Date(new Date(instant).getTime() + shift)
  return [date.getFullYear(), date.getMonth() + 1, date.getDate()].map((part) => String(part).padStart(2, "0")).join("-")
}

export function FilterDialog({ filter: before, reference, pipeline, onApply, onClose }) {
  const [filter, setFilter] = useState(before)
  const set = (name, value) => setFilter((now) => ({ ...now, [name]: value || undefined }))
  const one = (name) => (Array.isArray(filter[name]) ? filter[name][0] : filter[name]) ?? ""
  const choose = (label, name, options) => html`<${Field} label=${label}>${(props) => html`<${Select} ...${props} value=${one(name)} options=${[["", t("any")], ...options]} onChange=${(event) => set(name, event.target.value)} />`}<//>`
  const toggle = (id) => set("tags", filter.tags?.includes(id) ? filter.tags.filter((other) => other !== id) : [...(filter.tags ?? []), id].slice(0, 10))
  const setCustom = (field, text) => setFilter((now) => {
    const custom = { ...now.custom }
    const value = fromInput(field, text)
    if (value === null) delete custom[field.key]
    else custom[field.key] = field.kind === "number" && !Number.isNaN(Number(value)) ? Number(value) : value
    return { ...now, custom: Object.keys(custom).length ? custom : undefined }
  })
  const talk = filter.has_open_conversation
  return html`<${Dialog} title=${t("filter")} onClose=${onClose} isWide>
    <form class="stack" onSubmit=${(event) => { event.preventDefault(); onApply(filter) }}>
      <div class="filter-grid">
        <${Field} label=${t("words")} help=${t("wordsHelp")}>${(props) => html`<input ...${props} maxlength="200" autocomplete="off" value=${filter.text ?? ""} onInput=${(event) => set("text", event.target.value)} />`}<//>
        ${choose(t("owner"), "owner", [["me", t("mine")], ["none", t("nobody")], ...reference.members.map(({ id, name }) => [id, name])])}
        ${choose(t("status"), "status", [["open", t("open")], ["won", t("won")], ["lost", t("lost")]])}
        ${choose(t("stage"), "stage", reference.stagesOf(pipeline).map(({ id, name }) => [id, name]))}
        ${choose(t("source"), "source", reference.sources.map((source) => [source.id, sourceLabel(source)]))}
        ${choose(t("type"), "type", TYPES.map((type) => [type, t(`type${type}`)]))}
        <${Field} label=${t("receivedFrom")}>${(props) => html`<input ...${props} type="date" value=${local(filter.received_from)} onInput=${(event) => set("received_from", event.target.value && startOf(event.target.value))} />`}<//>
        <${Field} label=${t("receivedTo")}>${(props) => html`<input ...${props} type="date" value=${local(filter.received_to, -1)} onInput=${(event) => set("received_to", event.target.value && dayAfter(event.target.value))} />`}<//>
        <${Field} label=${t("conversation")}>${(props) => html`<${Select} ...${props} value=${talk === undefined ? "" : talk ? "yes" : "no"} options=${[["", t("any")], ["yes", t("talkOpen")], ["no", t("talkNone")]]}
          onChange=${(event) => setFilter((now) => ({ ...now, has_open_conversation: { yes: true, no: false }[event.target.value] }))} />`}<//>
        ${reference.fields.map((field) => html`<${Field} label=${field.label}>${(props) => html`<${FieldInput} ...${props} field=${field} value=${asInput(field, filter.custom?.[field.key])} onInput=${(text) => setCustom(field, text)} />`}<//>`)}
      </div>
      ${reference.tags.length > 0 && html`<fieldset><legend class="label">${t("tagsAll")}</legend><div class="row breaks">${reference.tags.map((tag) => html`<button type="button" class="chip" aria-pressed=${Boolean(filter.tags?.includes(tag.id))} onClick=${() => toggle(tag.id)}><span class="dot" style=${tag.colour ? { background: tag.colour } : {}}></span><bdi class="clip">${tag.name}</bdi></button>`)}</div></fieldset>`}
      <div class="actions"><${Button} onClick=${() => onApply({})}>${t("clearFilters")}<//><${Button} kind="primary" type="submit">${t("apply")}<//></div>
    </form>
  <//>`
}

const TYPES = ["W", "P", "WA", "B", "BIZ"]

/** What a filter says, part by part: [name, words]. */
export function partsOf(filter, reference) {
  const list = (value) => (Array.isArray(value) ? value : [value])
  const named = (kind, value) => list(value).map((id) => reference.nameOf(kind, id) || "…").join(", ")
  const talk = filter.has_open_conversation
  return [
    filter.text && ["text", `“${filter.text}”`],
    filter.owner && ["owner", t("ownerIs", { name: filter.owner === "me" ? t("me") : filter.owner === "none" ? t("nobody") : named("member", filter.owner) })],
    filter.status && ["status", t(filter.status)],
    filter.stage && ["stage", named("stage", filter.stage)],
    filter.source && ["source", list(filter.source).map((id) => (reference.the("source", id) ? sourceLabel(reference.the("source", id)) : "…")).join(", ")],
    filter.type && ["type", TYPES.includes(filter.type) ? t(`type${filter.type}`) : filter.type],
    filter.received_from && ["received_from", t("from", { day: day(filter.received_from) })],
    filter.received_to && ["received_to", t("until", { day: day(new Date(new Date(filter.received_to).getTime() - 1)) })],
    talk !== undefined && ["has_open_conversation", t(talk ? "talkOpen" : "talkNone")],
    ...(filter.tags ?? []).map((id) => [`tags ${id}`, reference.nameOf("tag", id) || "…"]),
    ...Object.entries(filter.custom ?? {}).map(([key, value]) => {
      const field = reference.allFields.find((other) => other.key === key)
      return [`custom ${key}`, `${field?.label ?? key}: ${field ? customText(field, value) : value}`]
    }),
  ].filter(Boolean)
}

/** A filter without one of its parts. */
export function withoutPart(filter, part) {
  const [name, inner] = part.split(" ")
  if (name === "tags") return { ...filter, tags: filter.tags.filter((id) => id !== inner) }
  if (name === "custom") {
    const { [inner]: _, ...custom } = filter.custom
    return { ...filter, custom: Object.keys(custom).length ? custom : undefined }
  }
  return { ...filter, [name]: undefined }
}

export const FilterChips = ({ filter, reference, onChange }) => partsOf(filter, reference).map(([part, words]) => html`<button type="button" class="chip" key=${part} onClick=${() => onChange(withoutPart(filter, part))}
  aria-label=${t("dropFilter", { filter: words })}><bdi class="clip">${words}</bdi><${Icon} name="X" size=${14} /></button>`)
