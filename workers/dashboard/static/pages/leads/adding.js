// adding.js: a lead typed in by hand; its number is understood as people write it, and a greeting has its price beside it.
import { html, useState } from "../../vendor/vendor.js"
import { post, rpc } from "../../lib/api.js"
import { money } from "../../lib/formats.js"
import { asProblem } from "../../lib/problems.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { org } from "../../lib/session.js"
import { format } from "../../lib/words.js"
import { Button, Check, Field, Notice, Select } from "../../ui/basics.js"
import { Dialog, show } from "../../ui/dialog.js"
import { say } from "../../ui/toasts.js"
import { go } from "../../lib/router.js"
import { t } from "./words.js"

// Where Indian businesses mostly sell to; any other number is written with its plus sign.
const COUNTRIES = ["IN", "AE", "AU", "BD", "BH", "BT", "CA", "DE", "GB", "KE", "KW", "LK", "MY", "MV", "NG", "NP", "NZ", "OM", "QA", "SA", "SG", "TZ", "UG", "US", "ZA"]
export const CALLING = { IN: 91, AE: 971, AU: 61, BD: 880, BH: 973, BT: 975, CA: 1, DE: 49, GB: 44, KE: 254, KW: 965, LK: 94, MY: 60, MV: 960, NG: 234, NP: 977, NZ: 64, OM: 968, QA: 974, SA: 966, SG: 65, TZ: 255, UG: 256, US: 1, ZA: 27 }

export const addLead = () => show((close) => html`<${Adding} close=${close} />`)

const NOTHING = { name: "", phone: "", email: "", company: "", city: "", product: "", message: "" }

function Adding({ close }) {
  const [lead, setLead] = useState(NOTHING)
  const [country, setCountry] = useState(COUNTRIES.includes(org.value.country) ? org.value.country : "IN")
  const [greet, setGreet] = useState(false)
  const [wrong, setWrong] = useState({})
  const price = useQuery(`leads-greeting/${country}`, () => rpc("greeting_price", { country })).data
  const set = (name) => (event) => { setLead((now) => ({ ...now, [name]: event.target.value })); setWrong({}) }
  const text = (name, more = {}) => html`<${Field} label=${t(name)} wrong=${wrong[name]}>${(props) => html`<input ...${props} maxlength="200" autocomplete="off" ...${more} value=${lead[name]} onInput=${set(name)} />`}<//>`
  const add = async () => {
    const given = Object.fromEntries(Object.entries(lead).map(([key, value]) => [key, value.trim()]).filter(([, value]) => value))
    try {
      const { lead_id: id } = await post("leads", { ...given, country, greet: greet && Boolean(given.phone) })
      refresh("leads")
      close(id)
      say(t("added"), { action: { label: t("openIt"), run: () => go(`/leads/${id}`) } })
    } catch (error) {
      const problem = asProblem(error)
      setWrong(problem.detail === "phone_invalid" ? { phone: t("phoneWrong") } : { all: problem.detail === "lead_is_empty" ? t("leadEmpty") : problem.words })
    }
  }
  const names = format(Intl.DisplayNames, { type: "region" })
  return html`<${Dialog} title=${t("addLead")} onClose=${() => close()}>
    <form class="stack" onSubmit=${(event) => { event.preventDefault(); event.target.querySelector(".primary").click() }}>
      ${text("name")}
      <div class="phone-row"><${Field} label=${t("country")}>${(props) => html`<${Select} ...${props} value=${country} options=${COUNTRIES.map((code) => [code, `${names.of(code)} +${CALLING[code]}`])} onChange=${(event) => setCountry(event.target.value)} />`}<//>
        ${text("phone", { type: "tel", inputmode: "tel", maxlength: 40 })}</div>
      ${text("product", { maxlength: 500 })}
      <details><summary>${t("more")}</summary><div class="stack">
        ${text("company")}${text("city")}${text("email", { type: "email", maxlength: 320 })}
        <${Field} label=${t("message")}>${(props) => html`<textarea ...${props} maxlength="20000" value=${lead.message} onInput=${set("message")}></textarea>`}<//></div></details>
      ${price && (price.greets
        ? html`<${Check} label=${t("greet")} disabled=${!lead.phone.trim()} checked=${greet && Boolean(lead.phone.trim())} onChange=${(event) => setGreet(event.target.checked)}
            help=${t(price.price === null ? "greetNoPrice" : "greetPrice", { price: money(price.price, price.currency, 4), template: price.template })} />`
        : html`<p class="small soft">${t(price.reason === "no_greeting" ? "greetNone" : price.reason === "paused" ? "greetPaused" : "greetNoNumber")}</p>`)}
      ${wrong.all && html`<${Notice} kind="bad">${wrong.all}<//>`}
      <div class="actions"><${Button} onClick=${() => close()}>${t("cancel")}<//><${Button} kind="primary" onClick=${add} disabled=${!lead.name.trim() && !lead.phone.trim() && !lead.email.trim()}>${t("add")}<//></div>
    </form><//>`
}
