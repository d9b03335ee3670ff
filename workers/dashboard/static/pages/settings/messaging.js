// messaging.js: quiet hours, read receipts, messages of unknown fate, and how people stop and start messages.
import { html, useState } from "../../vendor/vendor.js"
import { rows, rpc } from "../../lib/api.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { org } from "../../lib/session.js"
import { Button, Check, Field, Loaded, Select } from "../../ui/basics.js"
import { say } from "../../ui/toasts.js"
import { words } from "../../lib/words.js"

const t = words({
  en: {
    quiet: "Quiet hours", quietText: "Greetings, broadcasts and sequences wait for the morning. Times of {zone}.", from: "From", to: "To", never: "No quiet hours",
    sending: "Sending", leadsFrom: "A first message from somebody unknown", everyone: "makes a lead", ads: "makes a lead when an ad brought them", nobody: "makes no lead", receipts: "Show customers that we have read (blue ticks)", unsure: "When Meta's answer is lost and nobody knows whether a message went out", template: "A template", text: "A written message", resend_once: "Send it once more", ask_person: "Ask a person",
    consent: "Stop and start", confirm: "Confirm a STOP with a message", confirmText: "The message", stop: "More words that stop messages", start: "More words that start them again", wordsHelp: "One a line, the whole message. STOP, UNSUBSCRIBE, बंद and others are understood already.",
    save: "Save", saved: "Saved",
  },
  hi: {
    quiet: "शांत समय", quietText: "अभिवादन, ब्रॉडकास्ट और सीक्वेंस सुबह तक रुकते हैं। समय {zone} का है।", from: "से", to: "तक", never: "कोई शांत समय नहीं",
    sending: "भेजना", leadsFrom: "अनजान व्यक्ति का पहला संदेश", everyone: "लीड बनाता है", ads: "विज्ञापन से आए तो लीड बनाता है", nobody: "लीड नहीं बनाता", receipts: "ग्राहकों को दिखाएँ कि हमने पढ़ लिया (नीले टिक)", unsure: "जब Meta का जवाब खो जाए और पता न हो कि संदेश गया या नहीं", template: "टेम्पलेट", text: "लिखा हुआ संदेश", resend_once: "एक बार फिर भेजें", ask_person: "किसी से पूछें",
    consent: "बंद और शुरू", confirm: "STOP मिलने पर पुष्टि भेजें", confirmText: "संदेश", stop: "संदेश बंद करने वाले और शब्द", start: "फिर शुरू करने वाले और शब्द", wordsHelp: "हर लाइन में एक, पूरा संदेश। STOP, UNSUBSCRIBE, बंद जैसे शब्द पहले से समझे जाते हैं।",
    save: "सहेजें", saved: "सहेजा गया",
  },
})

const CHOICES = ["resend_once", "ask_person"]
const lines = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean)

async function read() {
  const [greeting, sending, consent, known] = await Promise.all([
    rows("greeting_settings", (query) => query.select("quiet_from, quiet_to")),
    rows("messaging_settings", (query) => query.select("uncertain_template, uncertain_text, send_read_receipts, leads_from")),
    rows("consent_settings", (query) => query.select("confirm_opt_out, text")),
    rows("consent_words", (query) => query.select("word, decision").order("word")),
  ])
  return {
    from: greeting[0]?.quiet_from ?? "", to: greeting[0]?.quiet_to ?? "",
    ...{ uncertain_template: "resend_once", uncertain_text: "ask_person", send_read_receipts: true, leads_from: "everyone", ...sending[0] },
    confirms: consent[0]?.confirm_opt_out ?? true, answer: consent[0]?.text ?? "",
    stop: known.filter((one) => one.decision === "opt_out").map((one) => one.word).join("\n"),
    start: known.filter((one) => one.decision === "opt_in").map((one) => one.word).join("\n"),
  }
}

function Part({ title, children, onSave }) {
  const save = async () => { await onSave(); say(t("saved")) }
  return html`<section class="card stack"><h3>${title}</h3>${children}<div><${Button} kind="primary" onClick=${save}>${t("save")}<//></div></section>`
}

function Form({ known, onSaved }) {
  const [given, setGiven] = useState(known)
  const set = (name) => (event) => setGiven({ ...given, [name]: event.target.type === "checkbox" ? event.target.checked : event.target.value })
  const saving = (save) => async () => { await save(); onSaved() }
  const text = (name, label, help) => html`<${Field} label=${label} help=${help}>${(props) => html`<textarea ...${props} value=${given[name]} onInput=${set(name)}></textarea>`}<//>`
  const choice = (name, label, choices = CHOICES) => html`<${Field} label=${label}>${(props) => html`<${Select} ...${props} value=${given[name]} onChange=${set(name)} options=${choices.map((one) => [one, t(one)])} />`}<//>`
  const time = (name, label) => html`<${Field} label=${label}>${(props) => html`<input ...${props} type="time" value=${given[name]} onInput=${set(name)} />`}<//>`
  return html`
    <${Part} title=${t("quiet")} onSave=${saving(() => rpc("set_quiet_hours", { quiet_from: given.from || null, quiet_to: given.to || null }))}>
      <p class="soft">${t("quietText", { zone: org.value.time_zone })}</p>
      <div class="row breaks">${time("from", t("from"))}${time("to", t("to"))}${(given.from || given.to) && html`<button type="button" class="button quiet" onClick=${() => setGiven({ ...given, from: "", to: "" })}>${t("never")}</button>`}</div><//>
    <${Part} title=${t("sending")} onSave=${saving(() => rpc("set_messaging_settings", { setting: { uncertain_template: given.uncertain_template, uncertain_text: given.uncertain_text, send_read_receipts: given.send_read_receipts, leads_from: given.leads_from } }))}>
      ${choice("leads_from", t("leadsFrom"), ["everyone", "ads", "nobody"])}
      <${Check} label=${t("receipts")} checked=${given.send_read_receipts} onChange=${set("send_read_receipts")} />
      <p class="soft">${t("unsure")}</p>${choice("uncertain_template", t("template"))}${choice("uncertain_text", t("text"))}<//>
    <${Part} title=${t("consent")} onSave=${saving(async () => {
      await rpc("set_opt_out_answer", { confirm: given.confirms, text: given.answer || null })
      await rpc("set_consent_words", { opt_out: lines(given.stop), opt_in: lines(given.start) })
    })}>
      <${Check} label=${t("confirm")} checked=${given.confirms} onChange=${set("confirms")} />
      ${given.confirms && text("answer", t("confirmText"))}${text("stop", t("stop"), t("wordsHelp"))}${text("start", t("start"))}<//>`
}

export default function Messaging() {
  const key = `messaging ${org.value.id}`
  const query = useQuery(key, read)
  return html`<${Loaded} query=${query} retry=${() => refresh(key)} height=${120}>${(known) => html`<${Form} known=${known} onSaved=${() => refresh(key)} />`}<//>`
}
