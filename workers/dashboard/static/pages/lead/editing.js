// editing.js: a value that is changed where it stands: pressed, typed over, kept with Enter (a new line is Shift and Enter) or by leaving it; Escape leaves it as it was.
import { html, useEffect, useId, useRef, useState } from "../../vendor/vendor.js"
import { asProblem } from "../../lib/problems.js"
import { complain } from "../../ui/toasts.js"
import { Icon } from "../../ui/icon.js"
import { t } from "./words.js"

/** label; shown: how the value reads; value: what the input begins with; save(text): a promise, what it throws is told at the field;
 *  input(props): another input than text. */
export function Editable({ label, shown, value, save, input, isChoice = false }) {
  const [text, setText] = useState(null)
  const [wrong, setWrong] = useState(null)
  const box = useRef()
  const button = useRef()
  const isSaving = useRef(false)
  const id = useId()
  useEffect(() => {
    if (text === null) return
    const field = box.current.querySelector("input, select, textarea")
    if (document.activeElement !== field) { field.focus(); field.select?.() }
  }, [text === null])
  const end = () => { setText(null); setWrong(null); setTimeout(() => { if (document.activeElement === document.body) button.current?.focus() }) }
  const keep = async (given = text) => {
    if (isSaving.current) return
    if (given === value) return end()
    isSaving.current = true
    try {
      await save(given)
      end()
    } catch (error) {
      const problem = asProblem(error)
      if (problem.status === 422) setWrong([problem.words, problem.hint].filter(Boolean).join(" "))
      else { end(); complain(problem) }
    } finally {
      isSaving.current = false
    }
    return undefined
  }
  const press = (event) => {
    if (event.key === "Escape") { event.preventDefault(); end() }
    if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); keep() }
  }
  const props = {
    id, class: "input", value: text, "aria-label": label, "aria-invalid": wrong ? "true" : undefined, "aria-describedby": wrong ? `${id}-wrong` : undefined,
  }
  const typed = (given) => { setText(given); setWrong(null); if (isChoice) keep(given) }
  return html`<div class="editable"><span class="small soft label" id="${id}-label">${label}</span>
    ${text === null
      ? html`<button type="button" ref=${button} aria-label=${t("edit", { label, value: shown || t("empty") })} onClick=${() => setText(value)}><span class="grow wrap ${shown ? "" : "faint"}">${shown || t("empty")}</span><${Icon} name="Pencil" size=${14} /></button>`
      : html`<div ref=${box} onKeyDown=${press} onFocusOut=${() => { if (!wrong && !isChoice) keep(); else if (isChoice) end() }}>${input ? input({ ...props, onInput: typed }) : html`<input ...${props} autocomplete="off" onInput=${(event) => typed(event.target.value)} />`}
          ${wrong && html`<p class="wrong small danger" id="${id}-wrong" role="alert">${wrong}</p>`}</div>`}
  </div>`
}
