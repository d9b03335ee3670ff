// new.js: a new ticket; what is sent along is shown whole, and only sent when the person ticks it.
import { html, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { useQuery } from "../../lib/queries.js"
import { go } from "../../lib/router.js"
import { Button, Check, Field, IconButton, Loaded, Select } from "../../ui/basics.js"
import { say } from "../../ui/toasts.js"
import { collect, Shown } from "./diagnostics.js"
import { t } from "./words.js"

const CATEGORIES = ["question", "problem", "whatsapp", "leads", "billing", "privacy", "other"]
const URGENCIES = ["low", "normal", "high", "urgent"]
const options = (keys) => keys.map((key) => [key, t(key)])

export default function New({ query }) {
  const [given, setGiven] = useState({ subject: "", category: query.request ? "problem" : "question", urgency: "normal", text: "" })
  const [isSentAlong, setSentAlong] = useState(false)
  const found = useQuery(`diagnostics ${query.request ?? ""}`, () => collect(query.request))
  const set = (name) => (event) => setGiven((now) => ({ ...now, [name]: event.target.value }))
  const send = async () => {
    const { ticket_id: id, reference } = await rpc("open_ticket", { ticket: { ...given, diagnostics: isSentAlong ? found.data : {} } })
    say(t("sent", { reference }))
    go(`/help/${id}`, { replace: true })
  }
  return html`<header class="top"><${IconButton} icon="ArrowLeft" label=${t("back")} onClick=${() => go("/help")} /><h1>${t("newTicket")}</h1></header>
    <div class="body" tabindex="0" role="region" aria-label=${t("newTicket")}><form class="narrow stack card" onSubmit=${(event) => { event.preventDefault(); event.target.querySelector(".primary").click() }}>
      <${Field} label=${t("category")}>${(props) => html`<${Select} ...${props} value=${given.category} options=${options(CATEGORIES)} onChange=${set("category")} />`}<//>
      <${Field} label=${t("subject")}>${(props) => html`<input ...${props} maxlength="200" autocomplete="off" value=${given.subject} onInput=${set("subject")} />`}<//>
      <${Field} label=${t("message")} help=${t("messageHelp")}>${(props) => html`<textarea ...${props} rows="6" maxlength="5000" value=${given.text} onInput=${set("text")}></textarea>`}<//>
      <${Field} label=${t("urgency")}>${(props) => html`<${Select} ...${props} value=${given.urgency} options=${options(URGENCIES)} onChange=${set("urgency")} />`}<//>
      <div class="stack tight"><${Check} label=${t("attach")} help=${t("attachHelp")} checked=${isSentAlong} disabled=${!found.data} onChange=${(event) => setSentAlong(event.target.checked)} />
        <${Loaded} query=${found} lines=${4}>${(diagnostics) => html`<${Shown} diagnostics=${diagnostics} />`}<//></div>
      <div class="row breaks"><${Button} kind="primary" icon="Send" disabled=${!given.subject.trim() || !given.text.trim()} onClick=${send}>${t("send")}<//><a class="button" href="/help">${t("cancel")}</a></div>
    </form></div>`
}
