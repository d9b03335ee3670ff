// log-calls.js: the calls that Flow made to other services for the organization, and their webhooks, newest first; for administrators.
import { html, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { clock, day, duration, full } from "../../lib/formats.js"
import { usePages } from "../../lib/paged.js"
import { format, words } from "../../lib/words.js"
import { Button, Chip, Empty, Skeleton } from "../../ui/basics.js"
import { Dialog, show } from "../../ui/dialog.js"

const t = words({
  en: {
    all: "All calls", failures: "Failures only", again: "Try again", older: "Older", nothing: "No calls yet", nothingText: "Every call to WhatsApp, IndiaMART, Google or a payment service stands here for 90 days.", noFailures: "No call failed", noFailuresText: "All calls of the last 90 days were answered well.",
    noAnswer: "No answer", when: "When", service: "Service", asked: "Asked for", address: "Address", kind: "Kind", status: "Answer", code: "The service's code", took: "Took", attempt: "Attempt", number: "The service's number of the call", late: "Came after", webhook: "Webhook", numberText: "Support of the service may ask for it.",
    meta: "WhatsApp", indiamart: "IndiaMART", google: "Google", razorpay: "Razorpay", stripe: "Stripe", supabase: "Storage and sign-in",
  },
  hi: {
    all: "सभी कॉल", failures: "केवल असफल", again: "फिर कोशिश करें", older: "और पुरानी", nothing: "अभी कोई कॉल नहीं", nothingText: "WhatsApp, IndiaMART, Google या भुगतान सेवा की हर कॉल यहाँ 90 दिन रहती है।", noFailures: "कोई कॉल असफल नहीं", noFailuresText: "पिछले 90 दिन की सभी कॉल का ठीक जवाब मिला।",
    noAnswer: "जवाब नहीं", when: "कब", service: "सेवा", asked: "क्या माँगा", address: "पता", kind: "प्रकार", status: "जवाब", code: "सेवा का कोड", took: "समय लगा", attempt: "कोशिश", number: "सेवा की कॉल-संख्या", late: "इतनी देर से आया", webhook: "वेबहुक", numberText: "सेवा का सपोर्ट इसे माँग सकता है।",
    meta: "WhatsApp", indiamart: "IndiaMART", google: "Google", razorpay: "Razorpay", stripe: "Stripe", supabase: "स्टोरेज और साइन-इन",
  },
})

const SERVICES = ["meta", "indiamart", "google", "razorpay", "stripe", "supabase"]
const service = ({ provider }) => (SERVICES.includes(provider) ? t(provider) : provider)
const isBad = ({ status, direction }) => (status === null ? direction === "out" : status >= 400)
const answer = (call) => (call.status === null ? t("noAnswer") : String(call.status))
const took = (ms) => (ms === null ? "–" : format(Intl.NumberFormat, { style: "unit", unit: "millisecond", unitDisplay: "short", maximumFractionDigits: 0 }).format(ms))
const code = (call) => [call.code, call.subcode].filter(Boolean).join(" / ")

function One({ call, close }) {
  const facts = [
    [t("when"), full(call.at)], [t("service"), service(call)], [t("asked"), call.direction === "in" ? t("webhook") : call.operation],
    call.endpoint && [t("address"), call.endpoint], call.type && [t("kind"), call.type], [t("status"), answer(call)], code(call) && [t("code"), code(call)],
    call.duration_ms !== null && [t("took"), took(call.duration_ms)], call.lag_ms !== null && [t("late"), call.lag_ms < 60_000 ? took(call.lag_ms) : duration(call.lag_ms)], call.attempt !== null && [t("attempt"), call.attempt],
    call.provider_request_id && [t("number"), call.provider_request_id],
  ].filter(Boolean)
  return html`<${Dialog} title=${service(call)} onClose=${() => close()}><dl class="facts">${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd class="wrap">${value}</dd></div>`)}</dl>
    ${call.provider_request_id && html`<p class="soft small">${t("numberText")}</p>`}<//>`
}

const Line = ({ call }) => html`<button type="button" class="log-line" onClick=${() => show((close) => html`<${One} call=${call} close=${close} />`)}>
  <time class="numbers soft small" datetime=${call.at} title=${full(call.at)}>${clock(call.at)}</time>
  <span class="grow wrap">${service(call)}: ${call.direction === "in" ? [t("webhook"), call.type].filter(Boolean).join(" ") : call.operation}${code(call) && html` <span class="soft">${code(call)}</span>`}</span>
  ${isBad(call) && html`<${Chip} kind="bad">${answer(call)}<//>`}<span class="soft small numbers">${took(call.duration_ms)}</span></button>`

export default function Calls() {
  const [shown, setShown] = useState("all")
  const list = usePages(`calls ${shown}`, (next) => rpc("api_call_log", { show: shown, ...next }))
  const days = []
  for (const call of list.items) {
    const name = day(call.at)
    if (days.at(-1)?.[0] !== name) days.push([name, []])
    days.at(-1)[1].push(call)
  }
  return html`<div class="row breaks">${["all", "failures"].map((key) => html`<button type="button" class="chip" aria-pressed=${key === shown} onClick=${() => setShown(key)}>${t(key)}</button>`)}</div>
    ${list.problem ? html`<${Empty} icon="CircleAlert" title=${list.problem.words} action=${html`<${Button} icon="RefreshCw" onClick=${list.again}>${t("again")}<//>`} />`
      : list.isFresh ? html`<${Skeleton} lines=${8} height=${48} />`
      : !list.items.length ? html`<${Empty} icon=${shown === "failures" ? "CircleCheck" : "Inbox"} title=${t(shown === "failures" ? "noFailures" : "nothing")}>${t(shown === "failures" ? "noFailuresText" : "nothingText")}<//>`
      : days.map(([name, calls]) => html`<section class="card log-day" key=${name}><h3 class="small soft">${name}</h3><ul class="list">${calls.map((call) => html`<li key=${call.id}><${Line} call=${call} /></li>`)}</ul></section>`)}
    ${!list.isFresh && !list.isEnd && list.items.length > 0 && html`<div><${Button} busy=${list.isLoading} onClick=${list.more}>${t("older")}<//></div>`}`
}
