// menu.js: a button that opens a menu. Arrow keys move in it; it stays inside the window.
import { html, useId, useLayoutEffect, useRef, useState } from "../vendor/vendor.js"
import { Icon } from "./icon.js"
import { complain } from "./toasts.js"

/** items: [{label, icon, run | href, isChosen, isDanger, hint}] or null (left out); trigger(props) gives the button.
 *  head(close): what stands above the items, for instance a row of buttons. */
export function Menu({ items, trigger, label, head }) {
  const box = useRef()
  const id = useId()
  const [isOpen, setOpen] = useState(false)
  const near = useRef()

  const place = () => {
    const from = near.current.getBoundingClientRect()
    const { offsetWidth: width, offsetHeight: height, style } = box.current
    const below = from.bottom + 4 + height <= innerHeight
    style.left = `${Math.max(8, Math.min(from.left, innerWidth - width - 8))}px`
    style.top = `${below ? from.bottom + 4 : Math.max(8, from.top - 4 - height)}px`
  }
  const toggled = ({ newState }) => setOpen(newState === "open")
  // Its items are there now, and so is its size.
  useLayoutEffect(() => {
    if (!isOpen) return
    place()
    box.current.querySelector("button, a")?.focus()
  }, [isOpen])
  const move = (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (!step) return
    event.preventDefault()
    const all = [...box.current.querySelectorAll("button, a")]
    all.at((all.indexOf(document.activeElement) + step) % all.length)?.focus()
  }
  const choose = (item) => {
    box.current.hidePopover()
    near.current.focus()
    if (item.run) Promise.resolve(item.run()).catch(complain)
  }
  const shown = items.filter(Boolean)
  return html`${trigger({ ref: near, popovertarget: id, "aria-haspopup": "menu", "aria-expanded": isOpen })}
    <div id=${id} popover class="menu" role="menu" aria-label=${label} ref=${box} onToggle=${toggled} onKeyDown=${move}>
      ${isOpen && head?.(() => { box.current.hidePopover(); near.current.focus() })}
      ${isOpen && shown.map((item) => {
        const inner = html`${item.icon && html`<${Icon} name=${item.icon} size=${18} />`}${item.dot && html`<span class="dot" style=${{ background: item.dot }}></span>`}<span class="grow wrap">${item.label}${item.hint && html`<br /><span class="soft small">${item.hint}</span>`}</span>${item.isChosen && html`<${Icon} name="Check" size=${16} />`}`
        return item.href
          ? html`<a role="menuitem" href=${item.href} onClick=${() => choose(item)}>${inner}</a>`
          : html`<button type="button" role=${item.isChosen === undefined ? "menuitem" : "menuitemradio"} aria-checked=${item.isChosen} class=${item.isDanger ? "danger" : ""} onClick=${() => choose(item)}>${inner}</button>`
      })}
    </div>`
}
