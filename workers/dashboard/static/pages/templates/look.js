// look.js: a template as it looks in WhatsApp.
import { html } from "../../vendor/vendor.js"
import { words } from "../../lib/words.js"
import { Icon } from "../../ui/icon.js"
import { Rich, straight } from "../inbox/rich.js"

const t = words({
  en: { IMAGE: "Picture", VIDEO: "Video", DOCUMENT: "Document", LOCATION: "Place" },
  hi: { IMAGE: "तस्वीर", VIDEO: "वीडियो", DOCUMENT: "दस्तावेज़", LOCATION: "जगह" },
})

const MEDIA = { IMAGE: "Image", VIDEO: "Video", DOCUMENT: "FileText", LOCATION: "MapPin" }
export const BUTTON_ICONS = { URL: "ExternalLink", PHONE_NUMBER: "Phone", COPY_CODE: "Copy", OTP: "Copy", FLOW: "ClipboardList" }

/** header: a text, or {format, url: of a picture}; body, footer: texts; buttons: [{type, text}]. */
export const Look = ({ header, body, footer, buttons = [] }) => html`<div class="template-preview"><div class="bubble out">
  ${typeof header === "string" ? header && html`<strong class="wrap" dir="auto">${straight(header)}</strong>`
    : header && (header.url ? html`<div class="look-media"><img src=${header.url} alt=${t("IMAGE")} /></div>`
      : html`<div class="look-media"><${Icon} name=${MEDIA[header.format] ?? "FileText"} size=${28} label=${MEDIA[header.format] ? t(header.format) : header.format} /></div>`)}
  <${Rich} text=${body} />${footer && html`<p class="soft small wrap" dir="auto">${straight(footer)}</p>`}
  ${buttons.length > 0 && html`<ul class="choices">${buttons.map(({ type, text }) => html`<li><${Icon} name=${BUTTON_ICONS[type] ?? "CornerUpLeft"} size=${14} /><bdi class="wrap">${straight(text)}</bdi></li>`)}</ul>`}
</div></div>`
