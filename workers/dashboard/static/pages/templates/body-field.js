// body-field.js: the message itself, into which values of the lead are put.
import { html, useRef } from "../../vendor/vendor.js"
import { org } from "../../lib/session.js"
import { Button, Field } from "../../ui/basics.js"
import { Menu } from "../../ui/menu.js"
import { placeholders } from "./parts.js"
import { t } from "./words.js"

const KNOWN = ["name", "product", "company", "city", "organization"]
const sample = (name) => (name === "organization" ? org.value.name : t(`example_${name}`))

/** The name of the next value: the one asked for while values have names, else the next number. */
function nameFor(wanted, draft) {
  const used = [...placeholders(draft.header.text), ...placeholders(draft.body)]
  if (used.length && used.every((name) => /^\d+$/.test(name))) return String(placeholders(draft.body).length + 1)
  if (wanted !== "other") return wanted
  for (let at = 1; ; at++) if (!used.includes(`value_${at}`)) return `value_${at}`
}

export function Body({ draft, set, wrong }) {
  const box = useRef()
  const insert = (wanted) => {
    const { selectionStart: from, selectionEnd: to } = box.current
    const name = nameFor(wanted, draft)
    const added = `{{${name}}}`
    set(({ body, examples }) => ({ body: body.slice(0, from) + added + body.slice(to), examples: { ...examples, body: { [name]: sample(wanted), ...examples.body } } }))
    requestAnimationFrame(() => { box.current.focus(); box.current.setSelectionRange(from + added.length, from + added.length) })
  }
  const length = [...draft.body].length
  return html`<div class="stack tight"><${Field} label=${t("body")} wrong=${wrong("body", !draft.body.trim())}>${(props) => html`<textarea ...${props} ref=${box} dir="auto" rows="6" value=${draft.body} onInput=${(event) => set({ body: event.target.value })}></textarea>`}<//>
    <div class="row between breaks"><${Menu} label=${t("addVariable")} items=${[...KNOWN, "other"].map((name) => ({ label: t(`var_${name}`), run: () => insert(name) }))}
        trigger=${({ ref, ...props }) => html`<span ref=${ref}><${Button} icon="Plus" ...${props}>${t("addVariable")}<//></span>`} />
      <span class="small soft">${t("bodyHelp")}</span><span class="small numbers ${length > 1024 ? "danger" : "soft"}">${t("length", { n: length, most: 1024 })}</span></div></div>`
}
