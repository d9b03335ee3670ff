// states.js: other languages of a template for people of some states.
import { html, useId, useState } from "../../vendor/vendor.js"
import { Button, Field, IconButton, Select } from "../../ui/basics.js"
import { languageName } from "../templates/words.js"
import { t } from "./words.js"

// As leads name them.
const STATES = ["Andhra Pradesh", "Assam", "Bihar", "Chhattisgarh", "Delhi", "Goa", "Gujarat", "Haryana", "Himachal Pradesh", "Jharkhand", "Karnataka", "Kerala", "Madhya Pradesh", "Maharashtra",
  "Odisha", "Puducherry", "Punjab", "Rajasthan", "Tamil Nadu", "Telangana", "Tripura", "Uttar Pradesh", "Uttarakhand", "West Bengal"]
const SPOKEN = { gu: ["Gujarat"], mr: ["Maharashtra"], ta: ["Tamil Nadu", "Puducherry"], te: ["Andhra Pradesh", "Telangana"], kn: ["Karnataka"], ml: ["Kerala"], bn: ["West Bengal", "Tripura"], pa: ["Punjab"], hi: ["Uttar Pradesh", "Bihar", "Rajasthan", "Madhya Pradesh", "Delhi", "Haryana"] }

/** value: {state: language}; options: templates of the other languages that can be sent. */
export function States({ value, options, onChange }) {
  const id = useId()
  const codes = options.map(({ language }) => language)
  const [state, setState] = useState("")
  const [language, setLanguage] = useState(codes[0] ?? "")
  const typed = (given) => {
    setState(given)
    const spoken = codes.find((code) => SPOKEN[code.split("_")[0]]?.includes(given.trim()))
    if (spoken) setLanguage(spoken)
  }
  const add = () => { onChange({ ...value, [state.trim()]: language }); setState("") }
  if (!codes.length && !Object.keys(value).length) return null
  return html`<details class="stack" open=${Object.keys(value).length > 0}><summary>${t("states")}</summary><div class="stack tight">
    <p class="small soft">${t("statesText")}</p>
    <ul class="list">${Object.entries(value).map(([name, code]) => html`<li class="row" key=${name}><span class="grow wrap">${name}</span><span class="soft">${languageName(code)}</span>
      <${IconButton} icon="X" size=${16} label=${t("removeState", { name })} onClick=${() => onChange(Object.fromEntries(Object.entries(value).filter(([other]) => other !== name)))} /></li>`)}</ul>
    ${codes.length > 0 && html`<div class="greeting-pair"><${Field} label=${t("state")}>${(props) => html`<input ...${props} list="${id}-states" maxlength="60" value=${state} onInput=${(event) => typed(event.target.value)} />`}<//>
        <${Field} label=${t("templateLanguage")}>${(props) => html`<${Select} ...${props} value=${language} onChange=${(event) => setLanguage(event.target.value)} options=${codes.map((code) => [code, languageName(code)])} />`}<//></div>
      <datalist id="${id}-states">${STATES.filter((name) => !(name in value)).map((name) => html`<option value=${name}></option>`)}</datalist>
      <div><${Button} icon="Plus" disabled=${!state.trim()} onClick=${add}>${t("addState")}<//></div>`}</div></details>`
}
