// basics.js: buttons, fields and the small things that every page is made of.
import { html, useEffect, useId, useState } from "../vendor/vendor.js"
import { full } from "../lib/formats.js"
import { words } from "../lib/words.js"
import { Icon } from "./icon.js"
import { complain } from "./toasts.js"

const t = words({
  en: { retry: "Try again", loading: "Loading", copied: "Copied", copy: "Copy" },
  hi: { retry: "फिर कोशिश करें", loading: "लोड हो रहा है", copied: "कॉपी हुआ", copy: "कॉपी करें" },
})

/** A button whose work may take time: it cannot be pressed twice, and what goes wrong is told. */
export function Button({ children, onClick, icon, kind = "", busy = false, type = "button", ...rest }) {
  const [isWorking, setWorking] = useState(false)
  const press = async (event) => {
    const work = onClick?.(event)
    if (!(work instanceof Promise)) return
    setWorking(true)
    try {
      await work
    } catch (error) {
      complain(error)
    } finally {
      setWorking(false)
    }
  }
  const isBusy = busy || isWorking
  return html`<button type=${type} class="button ${kind}" aria-busy=${isBusy} ...${rest} disabled=${isBusy || rest.disabled} onClick=${press}>
    ${isBusy ? html`<${Icon} name="LoaderCircle" size=${16} className="spin" />` : icon && html`<${Icon} name=${icon} size=${16} />`}${children}
  </button>`
}

/** A button that is only an icon; its label is its title too. */
export const IconButton = ({ icon, label, size = 20, children, ...rest }) =>
  html`<button type="button" class="icon-button" aria-label=${label} title=${label} ...${rest}><${Icon} name=${icon} size=${size} />${children}</button>`

/** A labelled field around any input: <${Field} label=…>${(props) => html`<input ...${props} />`}<//>. */
export function Field({ label, help, wrong, isHidden = false, children }) {
  const id = useId()
  const told = [help && `${id}-help`, wrong && `${id}-wrong`].filter(Boolean).join(" ") || undefined
  return html`<div class="field">
    <label for=${id} class="label ${isHidden ? "hidden-visually" : ""}">${label}</label>
    ${children({ id, class: "input", "aria-describedby": told, "aria-invalid": wrong ? "true" : undefined })}
    ${help && html`<p class="help" id="${id}-help">${help}</p>`}
    ${wrong && html`<p class="wrong" id="${id}-wrong"><${Icon} name="CircleAlert" size=${14} />${wrong}</p>`}
  </div>`
}

export const Check = ({ label, help, ...rest }) =>
  html`<label class="check"><input type="checkbox" ...${rest} /><span>${label}${help && html`<span class="soft small"><br />${help}</span>`}</span></label>`

/** <Select options=[[value, words]] …>; inside a Field, or with an aria-label. */
export const Select = ({ options, value, ...rest }) => html`<select class="input" value=${value} ...${rest}>
  ${options.map(([key, label]) => html`<option value=${key} selected=${key === value}>${label}</option>`)}
</select>`

export const Chip = ({ kind = "", icon, children, ...rest }) =>
  html`<span class="chip ${kind}" ...${rest}>${icon && html`<${Icon} name=${icon} size=${14} />`}${children}</span>`

/** A notice with an icon for its kind: info, good, warn or bad. */
export const Notice = ({ kind = "info", children }) => {
  const name = { info: "Info", good: "CircleCheck", warn: "TriangleAlert", bad: "CircleAlert" }[kind]
  return html`<div class="notice ${kind}" role=${kind === "bad" ? "alert" : "status"}><${Icon} name=${name} size=${18} /><div class="grow">${children}</div></div>`
}

/** A page, or a part of one, that has nothing to show yet: says what to do next. */
export const Empty = ({ icon, title, children, action }) => html`<div class="empty">
  <${Icon} name=${icon} size=${40} /><h2>${title}</h2>${children && html`<p>${children}</p>`}${action}
</div>`

/** Lines in grey while something is read; as high as what will stand there. */
export const Skeleton = ({ lines = 3, height = 16, gap = 12, label = t("loading") }) => html`<div role="status" aria-label=${label} style=${{ display: "grid", gap: `${gap}px` }}>
  ${Array.from({ length: lines }, (_, line) => html`<div class="skeleton" style=${{ height: `${height}px`, width: `${100 - ((line * 17) % 35)}%` }}></div>`)}
</div>`

/** What a useQuery gave: a skeleton, the problem with a way to try again, or the children with the data. */
export function Loaded({ query, retry, lines, height, children }) {
  if (query.data !== undefined) return children(query.data)
  if (query.problem) {
    return html`<div class="empty"><${Icon} name="CircleAlert" size=${40} /><p>${query.problem.words}</p>
      ${retry && html`<${Button} onClick=${retry} icon="RefreshCw">${t("retry")}<//>`}</div>`
  }
  return html`<${Skeleton} lines=${lines} height=${height} />`
}

/** A component whose module is loaded when it is first shown: lazy(() => import("./part.js")). */
export const lazy = (load) => function Lazy(props) {
  const [Made, setMade] = useState(null)
  useEffect(() => { load().then((module) => setMade(() => module.default), complain) }, [])
  return Made ? html`<${Made} ...${props} />` : html`<div hidden aria-busy="true"></div>` // who waits for the page can tell that it is not whole
}

/** A moment in short, with everything there is to know in its title. */
export const When = ({ at, as }) => html`<time datetime=${at} title=${full(at)}>${as(at)}</time>`

/** A text with a button that copies it. */
export function Copyable({ text, label }) {
  const [isDone, setDone] = useState(false)
  const copy = async () => {
    await navigator.clipboard.writeText(text)
    setDone(true)
    setTimeout(() => setDone(false), 2000)
  }
  return html`<div class="row"><input class="input grow" readonly value=${text} aria-label=${label} onFocus=${(event) => event.target.select()} />
    <${Button} icon=${isDone ? "Check" : "Copy"} onClick=${copy}>${isDone ? t("copied") : t("copy")}<//></div>`
}
