// template.js: choosing a template, filling it in, seeing how it will look and what it costs, then sending or scheduling it.
import { html, useEffect, useMemo, useRef, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { useQuery } from "../../lib/queries.js"
import { may } from "../../lib/session.js"
import { Button, Chip, Empty, Field, Notice, Skeleton } from "../../ui/basics.js"
import { Dialog, show } from "../../ui/dialog.js"
import { complain } from "../../ui/toasts.js"
import { pages } from "../pages.js"
import { Look } from "../templates/look.js"
import { Cost } from "./cost.js"
import { FileField } from "./file-field.js"
import { schedule } from "./schedule.js"
import { numberOf, recall, templates } from "./team.js"
import { categoryWords, t } from "./words.js"

/** card: of the conversation; lead: the newest of the person. Gives {message, text} to send. */
export const chooseTemplate = (given) => show((close) => html`<${Chooser} ...${given} close=${close} />`)

const bodyOf = (template) => template.components.find(({ type }) => type?.toUpperCase() === "BODY")?.text ?? ""

/** The templates of an account that can be sent, to search and choose from; onLeave: before another page is opened. */
export function TemplateList({ account, onChoose, onLeave }) {
  const [query, setQuery] = useState("")
  const [isRead, setRead] = useState(false)
  useEffect(() => { recall("templates", "numbers").then(() => setRead(true)) }, []) // one may have been approved since
  const usable = templates.value.filter((template) => template.account_id === account && template.status === "APPROVED" && !template.blocked_reason && !template.parameters?.unsupported)
  if (!usable.length && !isRead) return html`<${Skeleton} lines=${4} height=${32} />`
  if (!usable.length) return html`<${Empty} icon="FileText" title=${t("noTemplates")} action=${may("admin") && pages.some(({ path }) => path === "/templates") && html`<a class="button" href="/templates" onClick=${onLeave}>${t("toTemplates")}</a>`}>${t("noTemplatesText")}<//>`
  const words = query.toLowerCase().split(/\s+/).filter(Boolean)
  const shown = usable.filter((template) => words.every((word) => `${template.name} ${template.language} ${bodyOf(template)}`.toLowerCase().includes(word)))
  return html`<${Field} label=${t("searchTemplates")} isHidden>${(props) => html`<input ...${props} type="search" placeholder=${t("searchTemplates")} value=${query} onInput=${(event) => setQuery(event.target.value)} />`}<//>
    <ul class="templates">${shown.map((template) => html`<li key=${template.id}><button type="button" onClick=${() => onChoose(template)}>
      <span class="row between"><strong class="clip">${template.name}</strong><span class="row"><${Chip}>${template.language}<//><${Chip} kind=${template.category === "MARKETING" ? "warn" : "info"}>${categoryWords(template.category.toLowerCase())}<//></span></span>
      <span class="soft two wrap" dir="auto">${bodyOf(template)}</span></button></li>`)}</ul>
    ${!shown.length && html`<p class="soft">${t("nothingFound")}</p>`}`
}

function Chooser({ card, lead, close }) {
  const [chosen, setChosen] = useState(null)
  return html`<${Dialog} title=${chosen ? chosen.name : t("templateTitle")} isWide onClose=${() => close()}>
    ${chosen ? html`<${Form} key=${chosen.id} ...${{ template: chosen, card, lead, close }} onBack=${() => setChosen(null)} />`
      : html`<${TemplateList} account=${numberOf(card.number_id)?.account_id} onChoose=${setChosen} onLeave=${() => close()} />`}
  <//>`
}

/** How a template will look, as preview_template takes it (args: {params}, or {mapping, lead_id}), asked when nobody types:
 *  {seen: the newest answer, problem, isReady: it is of these very values, and they can be sent}. */
export function usePreview(template, args) {
  const wanted = JSON.stringify(args)
  const [asked, setAsked] = useState(wanted)
  const last = useRef(null)
  useEffect(() => { const timer = setTimeout(() => setAsked(wanted), 250); return () => clearTimeout(timer) }, [wanted])
  const { data, problem } = useQuery(`template:${template.id}:${asked}`, () => rpc("preview_template", { template_id: template.id, ...JSON.parse(asked) }))
  if (data) last.current = data
  return { seen: data ?? last.current, problem, isReady: Boolean(data && asked === wanted && !data.problem && !data.missing.length) }
}

const KNOWN = (card, lead) => ({ name: card.contact_name, customer: card.contact_name, customer_name: card.contact_name, first_name: card.contact_name?.split(" ")[0], product: lead?.product ?? lead?.title, title: lead?.title, phone: card.contact_phone })

/** The first values: by the placeholders' names; a nameless first one is nearly always the person, the second the product. */
function guesses(names, card, lead) {
  const known = KNOWN(card, lead)
  return Object.fromEntries(names.map((name) => [name, known[name.toLowerCase()] ?? (name === "1" ? known.name : name === "2" ? known.product : null) ?? ""]))
}

function Form({ template, card, lead, close, onBack }) {
  const { parameters = {} } = template
  const header = parameters.header
  const names = parameters.body?.names ?? []
  const buttons = (parameters.buttons ?? []).filter(({ needs, type }) => needs === "required" && type !== "OTP")
  const format = header?.format ?? (header?.names ? "TEXT" : null)
  const [body, setBody] = useState(() => guesses(names, card, lead))
  const [top, setTop] = useState(() => (format === "TEXT" ? guesses(header.names ?? [], card, lead) : {}))
  const [links, setLinks] = useState({})
  const params = useMemo(() => ({
    body: names.map((name) => body[name]),
    ...(template.parameter_format === "NAMED" && { body }),
    ...(format === "TEXT" && header.names?.length && { header: template.parameter_format === "NAMED" ? top : header.names.map((name) => top[name]) }),
    ...(format && format !== "TEXT" && { header: format === "LOCATION" ? top : top.media_id ? { media_id: top.media_id } : null }),
    ...(buttons.length && { buttons: buttons.map(({ index }) => ({ index, value: links[index] ?? "" })) }),
  }), [body, top, links])
  const { seen, problem, isReady } = usePreview(template, { params })
  const message = { kind: "template", template: template.name, language: template.language, params }
  const text = seen ? [seen.header, seen.body, seen.footer].filter((part) => typeof part === "string").join("\n") : ""
  const input = (label, value, onInput, rest = {}) => html`<${Field} label=${label}>${(props) => html`<input ...${props} ...${rest} value=${value ?? ""} onInput=${(event) => onInput(event.target.value)} />`}<//>`
  return html`<div class="template-form">
    <div class="stack">
      ${format === "TEXT" && (header.names ?? []).map((name) => input(t("headerValue", { name }), top[name], (value) => setTop({ ...top, [name]: value }), { maxlength: 60 }))}
      ${["IMAGE", "VIDEO", "DOCUMENT"].includes(format) && html`<${FileField} kind=${format.toLowerCase()} conversation=${card.id} value=${top.media_id} onChange=${(media) => setTop({ media_id: media })} />`}
      ${format === "LOCATION" && ["latitude", "longitude", "name", "address"].map((name) => input(t(`place_${name}`), top[name], (value) => setTop({ ...top, [name]: value })))}
      ${names.map((name) => input(t("bodyValue", { name }), body[name], (value) => setBody({ ...body, [name]: value }), { maxlength: 1024 }))}
      ${buttons.map(({ index }) => input(t("buttonValue", { n: index + 1 }), links[index], (value) => setLinks({ ...links, [index]: value })))}
      ${!names.length && !buttons.length && (!format || (format === "TEXT" && !header.names?.length)) && html`<p class="soft">${t("noValues")}</p>`}
    </div>
    <div class="stack tight"><h3>${t("preview")}</h3>
      <${Look} ...${seen ?? { body: "…" }} />
      ${seen?.missing.length > 0 ? html`<p class="small soft">${t("fillAll")}</p>` : seen?.problem && html`<${Notice} kind="warn">${seen.problem}<//>`}
      ${problem && html`<${Notice} kind="bad">${problem.words}<//>`}
      <p class="small"><${Cost} conversation=${card.id} message=${{ kind: "template", template: template.name, language: template.language }} windowEnds=${card.window_expires_at} /></p></div>
  </div>
  <div class="actions"><${Button} icon="ArrowLeft" onClick=${onBack}>${t("back")}<//>
    <${Button} icon="CalendarClock" disabled=${!isReady} onClick=${async () => { if (await schedule(card.id, message).catch(complain)) close() }}>${t("later")}<//>
    <${Button} kind="primary" icon="Send" disabled=${!isReady} onClick=${() => close({ message, text })}>${t("sendTemplate")}<//></div>`
}
