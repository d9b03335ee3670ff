// labels.js: a new label, made where it is needed.
import { html, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { Button, Field } from "../../ui/basics.js"
import { Dialog, show } from "../../ui/dialog.js"
import { label } from "./header.js"
import { recall } from "./team.js"
import { t } from "./words.js"

const COLOURS = ["#0f7a5c", "#1d5fa8", "#8a5300", "#b3261e", "#7a3e9d", "#5b6b73"]

/** Makes a label and puts it on the conversation. */
export const askLabel = (card) => show((close) => html`<${NewLabel} ...${{ card, close }} />`)

function NewLabel({ card, close }) {
  const [name, setName] = useState("")
  const [colour, setColour] = useState(COLOURS[0])
  const make = async () => {
    const { label_id: id } = await rpc("add_label", { name, colour })
    await recall("labels")
    close()
    await label(card, id, true)
  }
  return html`<${Dialog} title=${t("newLabelTitle")} onClose=${() => close()}><form class="stack" onSubmit=${(event) => { event.preventDefault(); event.target.querySelector(".primary").click() }}>
    <${Field} label=${t("labelName")}>${(props) => html`<input ...${props} required maxlength="40" value=${name} onInput=${(event) => setName(event.target.value)} />`}<//>
    <div class="row breaks colours" role="radiogroup" aria-label=${t("colour")}>${COLOURS.map((each, at) => html`<button type="button" role="radio" aria-checked=${each === colour} aria-label=${t("colourNumber", { n: at + 1 })} style=${{ background: each }} onClick=${() => setColour(each)}></button>`)}</div>
    <div class="actions"><${Button} onClick=${() => close()}>${t("cancel")}<//><${Button} kind="primary" disabled=${!name.trim()} onClick=${make}>${t("make")}<//></div></form><//>`
}
