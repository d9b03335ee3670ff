// kinds.js: what a message of each kind shows.
import { html, useState } from "../../vendor/vendor.js"
import { phone } from "../../lib/formats.js"
import { Icon } from "../../ui/icon.js"
import { BUTTON_ICONS } from "../templates/look.js"
import { Paper, Standing, Voice, useAddress } from "./media.js"
import { Rich } from "./rich.js"
import { templateOf } from "./team.js"
import { fileOf } from "./thread.js"
import { kindWords, t } from "./words.js"

const LONG = 1500

export function Words({ text }) {
  const [isOpen, setOpen] = useState(false)
  if (!text) return null
  const isLong = text.length > LONG && !isOpen
  return html`<${Rich} text=${isLong ? `${[...text.slice(0, LONG - 200)].join("")}…` : text} />
    ${isLong && html`<button type="button" class="more" onClick=${() => setOpen(true)}>${t("readMore")}</button>`}`
}

function Picture({ file, kind, text, onOpen }) {
  const { url, isGone } = useAddress(file)
  if (isGone) return html`<div class="file-state bad"><${Icon} name="CircleAlert" />${t("fileGone")}</div>`
  if (kind === "sticker") return html`<div class="sticker">${url && html`<img src=${url} alt=${t("kind_sticker")} />`}</div>`
  return html`<button type="button" class="picture ${url ? "" : "skeleton"}" aria-label=${t(kind === "video" ? "playVideo" : "openPicture")} onClick=${onOpen}>
    ${url && (kind === "video" ? html`<video src=${url} preload="metadata" muted playsinline tabindex="-1"></video><span class="picture-play"><${Icon} name="Play" size=${28} /></span>`
      : html`<img src=${url} alt=${text || t("kind_image")} loading="lazy" />`)}</button>`
}

function File({ message, thread, onView }) {
  const { kind, body } = message
  const file = fileOf(thread.state.value.files, message)
  const held = body?.[kind] ?? {}
  const caption = message.edits ? message.text : held.caption
  if (file?.status !== "stored") {
    if (!file && message.direction === "outbound" && held.link) return html`<div class="file-state"><${Icon} name="Link" /><span>${kindWords(kind)}</span></div><${Words} text=${caption} />`
    return html`<${Standing} ...${{ file, kind, thread }} /><${Words} text=${caption} />`
  }
  return html`${kind === "audio" ? html`<${Voice} file=${file} isVoice=${Boolean(held.voice)} />`
    : kind === "document" ? html`<${Paper} file=${file} name=${held.filename} />`
    : html`<${Picture} ...${{ file, kind, text: caption }} onOpen=${() => onView(message)} />`}<${Words} text=${caption} />`
}

const number = (value) => typeof value === "number" && Number.isFinite(value)
function Place({ body: { location = {} }, text }) {
  const { latitude, longitude, name, address } = location
  const query = number(latitude) && number(longitude) ? `${latitude},${longitude}` : null
  const inner = html`<span class="paper-icon"><${Icon} name="MapPin" size=${22} /></span><span class="grow"><bdi class="wrap">${name || t("kind_location")}</bdi><bdi class="soft small wrap">${address || query || text}</bdi></span>`
  return query ? html`<a class="paper" href=${`https://www.google.com/maps/search/?api=1&query=${encodeURIComponent(query)}`} target="_blank" rel="noopener noreferrer">${inner}<${Icon} name="ExternalLink" size=${16} label=${t("openMap")} /></a>` : html`<div class="paper">${inner}</div>`
}

const Contacts = ({ body: { contacts = [] } }) => (Array.isArray(contacts) ? contacts.slice(0, 20) : []).map((card) => html`<div class="paper">
  <span class="paper-icon"><${Icon} name="User" size=${22} /></span>
  <span class="grow"><bdi class="wrap">${card.name?.formatted_name || t("somebody")}</bdi>${card.org?.company && html`<bdi class="soft small wrap">${card.org.company}</bdi>`}
    ${(card.phones ?? []).slice(0, 4).map(({ phone: given, wa_id: id }) => html`<a class="small" href=${`tel:${String(given ?? `+${id}`).replace(/[^\d+]/g, "")}`}>${given ?? phone(`+${id}`)}</a>`)}</span></div>`)

const Choices = ({ of }) => html`<ul class="choices">${of.filter(Boolean).map(({ text, icon = "CornerUpLeft" }) => html`<li><${Icon} name=${icon} size=${14} /><bdi class="wrap">${text}</bdi></li>`)}</ul>`

function Interactive(props) {
  const { message } = props
  const { type, header, body, footer, action, button_reply: button, list_reply: row, nfm_reply: form } = message.body.interactive ?? {}
  const reply = button ?? row
  if (reply) return html`<div class="picked"><${Icon} name=${row ? "List" : "CornerUpLeft"} size=${14} /><bdi class="wrap">${reply.title}</bdi></div>${row?.description && html`<bdi class="soft small wrap">${row.description}</bdi>`}`
  if (form) return html`<div class="picked"><${Icon} name="ClipboardList" size=${14} /><bdi class="wrap">${message.text}</bdi></div>`
  if (!action) return html`<${Words} text=${message.text} />`
  const rows = (action.sections ?? []).flatMap((section) => section.rows ?? section.product_items ?? [])
  return html`${header?.text && html`<strong class="wrap" dir="auto">${header.text}</strong>`}<${Words} text=${body?.text} />${footer?.text && html`<p class="soft small wrap" dir="auto">${footer.text}</p>`}
    <${Choices} of=${type === "button" ? (action.buttons ?? []).map(({ reply: { title } }) => ({ text: title }))
      : type === "list" ? [{ text: action.button, icon: "List" }, ...rows.map(({ title }) => ({ text: title, icon: "Minus" }))]
      : type === "cta_url" ? [{ text: action.parameters?.display_text, icon: "ExternalLink" }]
      : [{ text: t(type === "location_request_message" ? "asksLocation" : "asksContact"), icon: type === "location_request_message" ? "MapPin" : "Contact" }]} />`
}

const filled = (text, parameters = []) => (text ?? "").replace(/\{\{\s*(\w+)\s*\}\}/g, (whole, name) => {
  const found = parameters.find((parameter) => parameter.parameter_name === name) ?? (/^\d+$/.test(name) ? parameters[Number(name) - 1] : null)
  return found?.text ?? whole
})

/** A template with its header, body, footer and buttons; when Flow no longer has it, the words that were sent. */
export function templateParts({ body, text }) {
  const sent = body.template ?? {}
  const known = templateOf(sent.name, sent.language?.code)
  if (!known) return { body: text }
  const part = (type) => known.components.find((component) => component.type?.toUpperCase() === type)
  const given = (type) => sent.components?.find((component) => component.type === type)?.parameters
  return {
    header: part("HEADER")?.text && filled(part("HEADER").text, given("header")),
    media: given("header")?.find(({ type }) => ["image", "video", "document"].includes(type)),
    place: given("header")?.find(({ type }) => type === "location"),
    body: part("BODY")?.text ? filled(part("BODY").text, given("body")) : text,
    footer: part("FOOTER")?.text,
    buttons: (part("BUTTONS")?.buttons ?? []).map((button) => ({ text: button.text, icon: BUTTON_ICONS[button.type] ?? "CornerUpLeft" })),
  }
}

function Template({ message, thread, onView }) {
  const { header, media, place, body, footer, buttons } = templateParts(message)
  const file = media && fileOf(thread.state.value.files, message)
  return html`${media && (file?.status === "stored" ? (media.type === "document" ? html`<${Paper} file=${file} name=${media.document?.filename} />` : html`<${Picture} file=${file} kind=${media.type} onOpen=${() => onView(message)} />`)
      : file ? html`<${Standing} file=${file} kind=${media.type} thread=${thread} />` : html`<div class="file-state"><${Icon} name="Image" /><span>${kindWords(media.type)}</span></div>`)}
    ${place && html`<${Place} body=${place} />`}${header && html`<strong class="wrap" dir="auto">${header}</strong>`}<${Words} text=${body} />
    ${footer && html`<p class="soft small wrap" dir="auto">${footer}</p>`}${buttons?.length > 0 && html`<${Choices} of=${buttons} />`}`
}

function Order({ message }) {
  const items = message.body.order?.product_items
  return html`<div class="picked"><${Icon} name="Package" size=${14} />${t("kind_order")}${Array.isArray(items) && ` · ${t("items", { n: items.length })}`}</div><${Words} text=${message.text} />`
}

const SHOWN = {
  image: File, video: File, audio: File, document: File, sticker: File, interactive: Interactive, template: Template, order: Order,
  location: ({ message }) => html`<${Place} body=${message.body} text=${message.text} />`,
  contacts: ({ message }) => html`<${Contacts} body=${message.body} />`,
  button: ({ message }) => html`<div class="picked"><${Icon} name="CornerUpLeft" size=${14} /><bdi class="wrap">${message.text}</bdi></div>`,
  text: ({ message }) => html`<${Words} text=${message.text} />`,
}

/** props: {message, thread, onView}. */
export function Content(props) {
  const Kind = SHOWN[props.message.kind]
  if (props.message.revoked_at) return html`<p class="soft gone"><${Icon} name="Ban" size=${14} /> ${t("deleted")}</p>`
  if (!Kind) return html`<p class="soft gone wrap"><${Icon} name="CircleHelp" size=${14} /> ${props.message.text ?? t("kind_unknown")}</p>`
  return html`<${Kind} ...${props} />`
}
