// toasts.js: short words about what has just happened, with a way to take it back where there is one.
import { html, signal, useEffect, useRef } from "../vendor/vendor.js"
import { asProblem } from "../lib/problems.js"
import { go } from "../lib/router.js"
import { words } from "../lib/words.js"
import { Icon } from "./icon.js"

const t = words({ en: { tell: "Tell support" }, hi: { tell: "सपोर्ट को बताएँ" } })
const shown = signal([])
let last = 0

/** Says something for a few seconds; action: {label, run}. */
export function say(text, { action = null, isBad = false } = {}) {
  const toast = { id: ++last, text, action, isBad }
  shown.value = [...shown.value.filter((other) => other.text !== text), toast].slice(-3)
  setTimeout(() => dismiss(toast.id), action || isBad ? 8000 : 4000)
}

/** Says what went wrong. */
export const complain = (error) => {
  const problem = asProblem(error)
  if (problem.status === 500) console.error(error)
  const action = problem.status >= 500 && { label: t("tell"), run: () => go(`/help/new${problem.requestId ? `?request=${problem.requestId}` : ""}`) }
  if (problem.status !== 401) say(problem.words, { isBad: true, action })
}

const dismiss = (id) => { shown.value = shown.value.filter((toast) => toast.id !== id) }

export function Toasts() {
  const box = useRef()
  useEffect(() => {
    // A popover stands above an open dialog; shown again, it is above one that was opened since.
    if (box.current.matches(":popover-open")) box.current.hidePopover()
    if (shown.value.length) box.current.showPopover()
  }, [shown.value])
  return html`<div class="toasts" popover="manual" role="status" aria-live="polite" ref=${box}>
    ${shown.value.map(({ id, text, action, isBad }) => html`<div class="toast" key=${id}>
      ${isBad && html`<${Icon} name="CircleAlert" size=${18} />`}<span class="wrap">${text}</span>
      ${action && html`<button type="button" class="button" onClick=${() => { dismiss(id); Promise.resolve(action.run()).catch(complain) }}>${action.label}</button>`}
    </div>`)}
  </div>`
}
