// tagging.js: a tag that is not there yet.
import { html, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { Button, Field } from "../../ui/basics.js"
import { Dialog } from "../../ui/dialog.js"
import { recall } from "./reference.js"
import { t } from "./words.js"

/** Makes a tag; closes with its id. */
export function NewTag({ close }) {
  const [name, setName] = useState("")
  const make = async () => {
    const { tag_id: id } = await rpc("save_tag", { name })
    recall()
    close(id)
  }
  return html`<${Dialog} title=${t("newTag")} onClose=${() => close()}><form class="stack" onSubmit=${(event) => { event.preventDefault(); event.target.querySelector(".primary").click() }}>
    <${Field} label=${t("tagName")}>${(props) => html`<input ...${props} maxlength="40" autocomplete="off" value=${name} onInput=${(event) => setName(event.target.value)} />`}<//>
    <div class="actions"><${Button} onClick=${() => close()}>${t("cancel")}<//><${Button} kind="primary" disabled=${!name.trim()} onClick=${make}>${t("make")}<//></div></form><//>`
}
