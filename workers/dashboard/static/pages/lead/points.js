// points.js: all numbers and addresses of a person: which is the main one, what it is called, one more.
import { html, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { phone } from "../../lib/formats.js"
import { asProblem } from "../../lib/problems.js"
import { org } from "../../lib/session.js"
import { Button, Chip, Field, Notice } from "../../ui/basics.js"
import { Dialog, show } from "../../ui/dialog.js"
import { Icon } from "../../ui/icon.js"
import { Menu } from "../../ui/menu.js"
import { say } from "../../ui/toasts.js"
import { merge } from "../leads-duplicates/merging.js"
import { CALLING } from "../leads/adding.js"
import { t } from "./person-words.js"

const SAID = new Set(["phone_invalid", "email_invalid", "point_in_use", "points_too_many"])
/** A refusal in the person's language where there are words for it. */
const said = (error) => {
  const problem = asProblem(error)
  return SAID.has(problem.detail) ? t(problem.detail) : problem.words
}

/** A number as people write it, in E.164: of the organization's country unless it says another; null when it is none. */
function asPhone(text, country = org.value.country) {
  const digits = text.replace(/\D/g, "")
  const code = String(CALLING[country] ?? CALLING.IN)
  const whole = /^\s*\+/.test(text) ? digits
    : digits.startsWith("00") ? digits.slice(2)
    : code === "91" && /^91\d{10}$/.test(digits) ? digits // with its country, without the plus
    : code + digits.replace(/^0+/, "")
  // Of Indian numbers Flow knows how long they are.
  return whole.startsWith("91") && whole.length !== 12 ? null : `+${whole}`
}

const shownAs = ({ kind, value }) => (kind === "phone" ? phone(value) : value)
const inOrder = (one, other) => (one.kind === other.kind ? other.is_primary - one.is_primary || one.created_at.localeCompare(other.created_at) : one.kind === "phone" ? -1 : 1)

export function Points({ contact, lead, isKnown, again }) {
  const points = isKnown ? [...contact.points].sort(inOrder)
    : [["phone", lead.phone], ["email", lead.email]].filter(([, value]) => value).map(([kind, value]) => ({ kind, value, is_primary: true }))
  const call = async (name, point, more = {}) => {
    try {
      await rpc(name, { contact_id: lead.contact_id, kind: point.kind, value: point.value, ...more })
      again()
    } catch (error) {
      say(said(error), { isBad: true })
    }
  }
  const remove = async (point) => {
    try {
      await rpc("remove_contact_point", { contact_id: lead.contact_id, kind: point.kind, value: point.value })
    } catch (error) {
      return say(said(error), { isBad: true })
    }
    again()
    const back = async () => {
      await call("add_contact_point", point, { label: point.label })
      if (point.is_primary) await call("make_contact_point_primary", point)
    }
    return say(t("removed"), { action: { label: t("undo"), run: back } })
  }
  const items = (point) => [
    !point.is_primary && { label: t("makeMain"), icon: "Star", run: () => call("make_contact_point_primary", point) },
    { label: t("label"), icon: "Tag", run: () => show((close) => html`<${Labelling} point=${point} close=${close} save=${(label) => call("add_contact_point", point, { label })} />`) },
    { label: t("copy"), icon: "Copy", run: async () => { await navigator.clipboard.writeText(point.value); say(t("copied")) } },
    !(point.kind === "phone" && point.is_primary) && { label: t("remove"), icon: "Trash2", isDanger: true, run: () => remove(point) },
  ]
  return html`<div><ul class="list points" aria-label=${t("points")}>${points.map((point) => {
    const isOneOfMany = points.filter(({ kind }) => kind === point.kind).length > 1
    return html`<li key=${point.kind + point.value} class="row">
      <${Icon} name=${point.source === "whatsapp" ? "MessageCircle" : point.kind === "phone" ? "Phone" : "Mail"} size=${16} label=${point.source === "whatsapp" ? t("fromWhatsapp") : t(point.kind)} className="soft" />
      <span class="grow"><a class="wrap" href="${point.kind === "phone" ? "tel" : "mailto"}:${point.value}">${shownAs(point)}</a>${point.label && html`<span class="small soft wrap"> · ${point.label}</span>`}</span>
      ${point.is_primary && isOneOfMany && html`<${Chip}>${t("main")}<//>`}
      ${isKnown && html`<${Menu} label=${t("more", { value: shownAs(point) })} items=${items(point)} trigger=${({ ref, ...props }) => html`<button type="button" class="icon-button" aria-label=${t("more", { value: shownAs(point) })} ref=${ref} ...${props}><${Icon} name="EllipsisVertical" size=${16} /></button>`} />`}</li>`
  })}</ul>
  ${isKnown && html`<${Button} kind="quiet" icon="Plus" onClick=${() => { show((close) => html`<${Adding} id=${lead.contact_id} close=${close} again=${again} />`) }}>${t("addPoint")}<//>`}</div>`
}

function Labelling({ point, close, save }) {
  const [label, setLabel] = useState(point.label ?? "")
  return html`<${Dialog} title=${shownAs(point)} onClose=${() => close()}><form class="stack" onSubmit=${(event) => { event.preventDefault(); event.target.querySelector(".primary").click() }}>
    <${Field} label=${t("labelOf")}>${(props) => html`<input ...${props} maxlength="40" autocomplete="off" placeholder=${t("labelExample")} value=${label} onInput=${(event) => setLabel(event.target.value)} />`}<//>
    <div class="actions"><${Button} onClick=${() => close()}>${t("cancel")}<//><${Button} kind="primary" disabled=${!label.trim()} onClick=${async () => { await save(label.trim()); close() }}>${t("save")}<//></div></form><//>`
}

function Adding({ id, close, again }) {
  const [kind, setKind] = useState("phone")
  const [value, setValue] = useState("")
  const [label, setLabel] = useState("")
  const [wrong, setWrong] = useState(null)
  const [holder, setHolder] = useState(null)
  const add = async () => {
    setHolder(null)
    const point = kind === "phone" ? asPhone(value) : value.trim()
    if (point === null) return setWrong(t("phone_invalid"))
    try {
      await rpc("add_contact_point", { contact_id: id, kind, value: point, label: label.trim() || null })
      again()
      close()
    } catch (error) {
      const taken = asProblem(error).detail === "point_taken" && /contact_id=(\S+)/.exec(error.hint)?.[1]
      if (taken) setHolder(taken)
      else setWrong(said(error))
    }
    return undefined
  }
  const typed = (set) => (event) => { set(event.target.value); setWrong(null); setHolder(null) }
  return html`<${Dialog} title=${t("addTitle")} onClose=${() => close()}><form class="stack" onSubmit=${(event) => { event.preventDefault(); event.target.querySelector(".primary").click() }}>
    <div class="row" role="group" aria-label=${t("kind")}>${["phone", "email"].map((name) => html`<button type="button" class="chip" aria-pressed=${kind === name} onClick=${() => { setKind(name); setWrong(null) }}>${t(name)}</button>`)}</div>
    <${Field} label=${t(kind === "phone" ? "number" : "address_")} help=${kind === "phone" ? t("numberHelp") : undefined} wrong=${wrong}>${(props) => html`<input ...${props} key=${kind} type=${kind === "phone" ? "tel" : "email"} maxlength="254" autocomplete="off" value=${value} onInput=${typed(setValue)} />`}<//>
    <${Field} label=${t("labelOf")}>${(props) => html`<input ...${props} maxlength="40" autocomplete="off" placeholder=${t("labelExample")} value=${label} onInput=${typed(setLabel)} />`}<//>
    ${holder && html`<${Notice} kind="warn"><p>${t("taken")}</p><${Button} kind="quiet" icon="Users" onClick=${() => { close(); merge(id, holder, again) }}>${t("compare")}<//><//>`}
    <div class="actions"><${Button} onClick=${() => close()}>${t("cancel")}<//><${Button} kind="primary" disabled=${!value.trim()} onClick=${add}>${t("add")}<//></div></form><//>`
}
