// buttons-field.js: the buttons beneath a message.
import { html } from "../../vendor/vendor.js"
import { Button, Field, IconButton } from "../../ui/basics.js"
import { Icon } from "../../ui/icon.js"
import { Menu } from "../../ui/menu.js"
import { BUTTON_ICONS } from "./look.js"
import { t } from "./words.js"

const KINDS = ["QUICK_REPLY", "URL", "PHONE_NUMBER", "COPY_CODE"]
const MOST = { QUICK_REPLY: 10, URL: 2, PHONE_NUMBER: 1, COPY_CODE: 1 }
const BLANK = { text: "", url: "", phone_number: "", example: "" }
const NAMES = new Set([...KINDS, "FLOW", "OTP"])

export function Buttons({ draft, set, wrong }) {
  const { buttons } = draft
  const change = (at, more) => set({ buttons: buttons.with(at, { ...buttons[at], ...more }) })
  const input = (at, field, label, rest = {}) => html`<${Field} label=${label} help=${rest.help} wrong=${wrong(`button ${at} ${field}`, !buttons[at][field].trim())}>${(props) => html`<input ...${props} ...${rest.props} value=${buttons[at][field]} onInput=${(event) => change(at, { [field]: event.target.value })} />`}<//>`
  const free = KINDS.filter((kind) => buttons.filter(({ type }) => type === kind).length < MOST[kind])
  return html`<section class="card stack"><div class="stack tight"><h2>${t("buttons")}</h2><p class="small soft">${t("buttonsHelp")}</p></div>
    ${buttons.map((button, at) => html`<fieldset class="template-button" key=${at}><legend class="hidden-visually">${t("buttonN", { n: at + 1 })}</legend>
      <div class="row between"><span class="row soft"><${Icon} name=${BUTTON_ICONS[button.type] ?? "CornerUpLeft"} size=${16} />${NAMES.has(button.type) ? t(`button_${button.type}`) : button.type}</span>
        <${IconButton} icon="Trash2" size=${16} label=${t("removeButton", { name: button.text || at + 1 })} onClick=${() => set({ buttons: buttons.toSpliced(at, 1) })} /></div>
      ${!KINDS.includes(button.type) && html`<p class="small soft">${t("keptButton")}</p>`}
      ${["QUICK_REPLY", "URL", "PHONE_NUMBER"].includes(button.type) && input(at, "text", t("buttonText"), { props: { maxlength: 25, dir: "auto" } })}
      ${button.type === "URL" && input(at, "url", t("url"), { help: t("urlHelp"), props: { inputmode: "url", placeholder: "https://", maxlength: 2000 } })}
      ${button.type === "URL" && button.url.trim().endsWith("{{1}}") && input(at, "example", t("urlExample"), { props: { inputmode: "url", placeholder: "https://" } })}
      ${button.type === "PHONE_NUMBER" && input(at, "phone_number", t("phone"), { props: { type: "tel", placeholder: "+919810000011", maxlength: 24 } })}
      ${button.type === "COPY_CODE" && input(at, "example", t("code"), { props: { placeholder: "SAVE20", maxlength: 15 } })}
    </fieldset>`)}
    ${wrong("buttons") && html`<p class="danger small">${wrong("buttons")}</p>`}
    ${free.length > 0 && buttons.length < 10 && html`<div><${Menu} label=${t("addButton")} items=${free.map((type) => ({ label: t(`button_${type}`), icon: BUTTON_ICONS[type] ?? "CornerUpLeft", run: () => set({ buttons: [...buttons, { ...BLANK, type }] }) }))}
      trigger=${({ ref, ...props }) => html`<span ref=${ref}><${Button} icon="Plus" ...${props}>${t("addButton")}<//></span>`} /></div>`}
  </section>`
}
