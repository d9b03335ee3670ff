// fields.js: what an organization wants to know of its leads beside what Flow asks.
import { html } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { Button, Check, Chip, Empty, Field, IconButton, Select } from "../../ui/basics.js"
import { complain } from "../../ui/toasts.js"
import { ask, changed, NameField, Order } from "./listing.js"
import { t } from "./words.js"

const KINDS = ["text", "number", "date", "yes_no", "choice", "phone", "url"]

/** A key that nobody has: from the label's Latin letters, else a numbered one. */
function keyOf(label, taken) {
  const plain = label.normalize("NFKD").toLowerCase().replace(/[^a-z0-9]+/g, "_").replace(/^[^a-z]+|_+$/g, "").slice(0, 36) || "field"
  for (let at = 1; ; at++) {
    const key = at === 1 ? plain : `${plain}_${at}`
    if (!taken.has(key)) return key
  }
}

const save = (field, more = {}) => rpc("save_lead_field", {
  key: field.key, label: field.label, kind: field.kind, choices: field.choices, is_required: field.is_required, is_archived: Boolean(field.archived_at), ...more,
})

export function Fields({ reference }) {
  const keys = reference.fields.map(({ key }) => key)
  const archived = reference.allFields.filter(({ archived_at: at }) => at)
  const edit = (field) => ask({
    title: t(field ? "changeField" : "newField"),
    begin: { label: field?.label ?? "", kind: field?.kind ?? "text", choices: (field?.choices ?? []).join("\n"), is_required: field?.is_required ?? false },
    inputs: ({ label, kind, choices, is_required: isRequired }, set, wrong) => html`<${NameField} value=${label} wrong=${wrong} set=${(given) => set("label", given)} />
      <${Field} label=${t("kind")} help=${field ? t("kindStays") : undefined}>${(props) => html`<${Select} ...${props} disabled=${Boolean(field)} value=${kind} options=${KINDS.map((key) => [key, t(`kind_${key}`)])} onChange=${(event) => set("kind", event.target.value)} />`}<//>
      ${kind === "choice" && html`<${Field} label=${t("choices")} help=${t("choicesHelp")}>${(props) => html`<textarea ...${props} value=${choices} onInput=${(event) => set("choices", event.target.value)}></textarea>`}<//>`}
      <${Check} label=${t("required")} help=${t("requiredHelp")} checked=${isRequired} onChange=${(event) => set("is_required", event.target.checked)} />`,
    run: ({ label, kind, choices, is_required: isRequired }) => save({ key: field?.key ?? keyOf(label, new Set(reference.allFields.map(({ key }) => key))), label, kind,
      choices: kind === "choice" ? choices.split("\n").map((choice) => choice.trim()).filter(Boolean) : [], is_required: isRequired }),
  })
  const archive = (field, isArchived) => changed(save(field, { is_archived: isArchived })).catch(complain)
  const line = (field) => html`<span class="grow stack none"><span class="wrap">${field.label}</span><span class="small soft">${t(`kind_${field.kind}`)}</span></span>${field.is_required && html`<${Chip}>${t("required")}<//>`}`
  return html`<p class="soft">${t("fieldsText")}</p>
    ${reference.fields.length ? html`<ul class="list card">${reference.fields.map((field) => html`<li class="row setup-row" key=${field.key}>${line(field)}
      <${Order} ids=${keys} id=${field.key} name=${field.label} order=${(next) => rpc("order_lead_fields", { keys: next })} />
      <${IconButton} icon="Pencil" size=${16} label=${t("rename", { name: field.label })} onClick=${() => edit(field)} />
      <${IconButton} icon="Archive" size=${16} label=${t("archive", { name: field.label })} onClick=${() => archive(field, true)} /></li>`)}</ul>` : html`<${Empty} icon="ListChecks" title=${t("noFields")}>${t("noFieldsText")}<//>`}
    <div><${Button} icon="Plus" onClick=${() => edit(null)}>${t("newField")}<//></div>
    ${archived.length > 0 && html`<details><summary>${t("archived")}</summary><ul class="list card">${archived.map((field) => html`<li class="row setup-row" key=${field.key}>${line(field)}<${Button} kind="quiet" onClick=${() => archive(field, false)}>${t("bringBack")}<//></li>`)}</ul></details>`}`
}
