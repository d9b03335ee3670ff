// examples.js: an example for each value, without which Meta reviews nothing.
import { html } from "../../vendor/vendor.js"
import { Field } from "../../ui/basics.js"
import { placeholders } from "./parts.js"
import { t } from "./words.js"

export function Examples({ draft, set, wrong }) {
  const asked = [
    ...(draft.header.format === "TEXT" ? placeholders(draft.header.text) : []).map((name) => ["header", name]),
    ...placeholders(draft.body).map((name) => ["body", name]),
  ]
  if (!asked.length) return null
  const change = (kind, name, value) => set(({ examples }) => ({ examples: { ...examples, [kind]: { ...examples[kind], [name]: value } } }))
  return html`<section class="card stack"><div class="stack tight"><h2>${t("examples")}</h2><p class="small soft">${t("examplesHelp")}</p></div>
    <div class="template-names">${asked.map(([kind, name]) => html`<${Field} key=${`${kind} ${name}`} label=${t(kind === "body" ? "exampleOf" : "headerExample", { name: `{{${name}}}` })} wrong=${wrong(`${kind} example ${name}`, !draft.examples[kind][name]?.trim())}>
      ${(props) => html`<input ...${props} dir="auto" maxlength="200" value=${draft.examples[kind][name] ?? ""} onInput=${(event) => change(kind, name, event.target.value)} />`}<//>`)}</div></section>`
}
