// dialog.js: a native dialog; on a phone it comes from the bottom. Escape and the backdrop close it.
import { html, render, useEffect, useId, useRef, useState } from "../vendor/vendor.js"
import { words } from "../lib/words.js"
import { Button, Field, IconButton } from "./basics.js"

const t = words({
  en: { close: "Close", cancel: "Cancel", type: "Type “{text}” to confirm" },
  hi: { close: "बंद करें", cancel: "रद्द करें", type: "पुष्टि के लिए “{text}” लिखें" },
})

export function Dialog({ title, onClose, children, isWide = false, mayClose = true }) {
  const box = useRef()
  const id = useId()
  useEffect(() => {
    const before = document.activeElement
    box.current.showModal()
    return () => before?.focus?.()
  }, [])
  return html`<dialog class="sheet" ref=${box} aria-labelledby=${id} onCancel=${(event) => { event.preventDefault(); if (mayClose) onClose() }}
    onMouseDown=${(event) => { if (mayClose && event.target === box.current) onClose() }}>
    <div class="dialog ${isWide ? "wide" : ""}">
      <div class="row between"><h2 id=${id} class="wrap">${title}</h2>${mayClose && html`<${IconButton} icon="X" label=${t("close")} onClick=${onClose} />`}</div>
      ${children}
    </div>
  </dialog>`
}

/** Opens a dialog from anywhere: show((close) => html`<${Dialog} onClose=${close}…>`); gives what close was called with. */
export function show(make) {
  return new Promise((resolve) => {
    const place = document.createElement("div")
    document.body.append(place)
    const close = (answer) => {
      render(null, place)
      place.remove()
      resolve(answer)
    }
    render(make(close), place)
  })
}

/** Asks before something happens that cannot be taken back; `typed` is a text that must be typed. Gives true or undefined. */
export const confirm = ({ title, text, action, isDanger = false, typed = null }) =>
  show((close) => html`<${Confirm} ...${{ title, text, action, isDanger, typed, close }} />`)

function Confirm({ title, text, action, isDanger, typed, close }) {
  const [given, setGiven] = useState("")
  return html`<${Dialog} title=${title} onClose=${() => close()}>
    <p class="soft wrap">${text}</p>
    ${typed && html`<${Field} label=${t("type", { text: typed })}>${(props) => html`<input ...${props} autocomplete="off" value=${given} onInput=${(event) => setGiven(event.target.value)} />`}<//>`}
    <div class="actions"><${Button} onClick=${() => close()}>${t("cancel")}<//>
      <${Button} kind="primary ${isDanger ? "danger" : ""}" disabled=${typed !== null && given.trim() !== typed.trim()} onClick=${() => close(true)}>${action}<//></div>
  <//>`
}
