// listing.js: a short list in an order that people choose, and a small dialog that asks for one name.
import { html, useState } from "../../vendor/vendor.js"
import { asProblem } from "../../lib/problems.js"
import { Button, Field, IconButton } from "../../ui/basics.js"
import { Dialog, show } from "../../ui/dialog.js"
import { recall } from "../leads/reference.js"
import { t } from "./words.js"

/** Calls something that changes the setup, then reads it again, also after a refusal. */
export async function changed(work) {
  try {
    return await work
  } finally {
    recall()
  }
}

/** Buttons that move an item of a list up and down: order(ids) stores the whole order. */
export const Order = ({ ids, id, name, order }) => {
  const at = ids.indexOf(id)
  const swap = (by) => {
    const next = [...ids]
    ;[next[at], next[at + by]] = [next[at + by], next[at]]
    return changed(order(next))
  }
  return html`<${IconButton} icon="ChevronUp" size=${16} label=${t("up", { name })} disabled=${at === 0} onClick=${() => swap(-1)} />
    <${IconButton} icon="ChevronDown" size=${16} label=${t("down", { name })} disabled=${at === ids.length - 1} onClick=${() => swap(1)} />`
}

/** A dialog with fields; inputs(values, set, wrong): what stands in it; run(values): a promise, its refusal is told. Gives what run gave. */
export const ask = (props) => show((close) => html`<${Asking} ...${props} close=${close} />`)

function Asking({ title, begin, inputs, run, action, close }) {
  const [values, setValues] = useState(begin)
  const [wrong, setWrong] = useState(null)
  const set = (name, value) => { setValues((now) => ({ ...now, [name]: value })); setWrong(null) }
  const finish = async () => {
    try {
      close((await changed(run(values))) ?? true)
    } catch (error) {
      setWrong(asProblem(error).words)
    }
  }
  return html`<${Dialog} title=${title} onClose=${() => close()}>
    <form class="stack" onSubmit=${(event) => { event.preventDefault(); event.target.querySelector(".primary").click() }}>
      ${inputs(values, set, wrong)}
      <div class="actions"><${Button} onClick=${() => close()}>${t("cancel")}<//><${Button} kind="primary" onClick=${finish}>${action ?? t("save")}<//></div></form><//>`
}

export const NameField = ({ label, value, set, wrong, most = 60 }) =>
  html`<${Field} label=${label ?? t("name")} wrong=${wrong}>${(props) => html`<input ...${props} maxlength=${most} autocomplete="off" value=${value} onInput=${(event) => set(event.target.value)} />`}<//>`
