// whatsapp.js: the accounts and numbers of an organization, how they stand, and what to do about it.
import { html } from "../../vendor/vendor.js"
import { post, rpc } from "../../lib/api.js"
import { moment, number, phone } from "../../lib/formats.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { may, org } from "../../lib/session.js"
import { Button, Chip, Empty, Loaded, Notice, When } from "../../ui/basics.js"
import { confirm, show } from "../../ui/dialog.js"
import { say } from "../../ui/toasts.js"
import { ByHand } from "./whatsapp-by-hand.js"
import { Signup } from "./whatsapp-signup.js"
import { t } from "./whatsapp-words.js"

const KIND = { connected: "good", paused: "warn", reconnect: "bad", disconnected: "" }
const LEVEL = { error: "bad", warning: "warn" }

const Findings = ({ findings }) => findings.map((finding) => html`<${Notice} key=${finding.kind} kind=${LEVEL[finding.level] ?? "info"}>
  <p class="wrap">${finding.words}</p>${finding.remedy && html`<p class="soft wrap">${finding.remedy}</p>`}<//>`)

function Number({ found, limit, onChange }) {
  const shown = phone(`+${found.display_phone.replace(/\D/g, "")}`)
  const resume = async () => { await rpc("resume_number", { number_id: found.number_id }); say(t("resumed")); onChange() }
  const disconnect = async () => {
    if (!(await confirm({ title: t("disconnectTitle", { phone: shown }), text: t("disconnectText"), action: t("disconnect"), isDanger: true }))) return
    await post("whatsapp/disconnect", { phone_number_id: found.phone_number_id })
    say(t("disconnectDone"))
    onChange()
  }
  return html`<li class="stack tight number-block">
    <div class="row between breaks"><strong class="numbers">${shown}</strong><${Chip} kind=${KIND[found.status]}>${t(found.status)}${found.paused_until && ` ${t("pausedUntil", { time: moment(found.paused_until) })}`}<//></div>
    ${found.paused_reason && html`<${Notice} kind="warn">${found.paused_reason}<//>`}
    <dl class="facts">
      <div><dt>${t("verifiedName")}</dt><dd>${found.verified_name ?? "–"}</dd></div>
      <div><dt>${t("quality")}</dt><dd>${t(["GREEN", "YELLOW", "RED"].includes(found.quality_rating) ? found.quality_rating : "UNKNOWN")}</dd></div>
      <div><dt>${t("limit")}</dt><dd class="numbers">${limit ? number(limit) : t("unlimited")}</dd></div>
      <div><dt>${t("heard")}</dt><dd>${found.heard_at ? html`<${When} at=${found.heard_at} as=${moment} />` : t("never")}</dd></div>
      ${found.is_on_phone_app && html`<div><dt>${t("onPhone")}</dt><dd>✓</dd></div>`}
    </dl>
    <${Findings} findings=${found.findings} />
    ${may("admin") && found.status !== "disconnected" && html`<div class="row breaks">
      ${found.status === "paused" && html`<${Button} icon="Play" onClick=${resume}>${t("resume")}<//>`}
      <${Button} kind="danger" onClick=${disconnect}>${t("disconnect")}<//></div>`}
  </li>`
}

function Account({ account, onChange }) {
  return html`<section class="card stack">
    <div class="row between breaks"><h3 class="wrap">${account.name ?? t("account")}</h3>${account.status !== "connected" && html`<${Chip} kind=${KIND[account.status]}>${t(account.status)}<//>`}</div>
    <p class="soft small">${t("account")} ${account.waba_id}${account.checked_at && html` · ${t("lookedAt", { time: moment(account.checked_at) })}`}</p>
    ${account.status_reason && html`<${Notice} kind="bad">${account.status_reason}<//>`}
    ${account.cleanup && html`<${Notice}>${t("cleanup")}<//>`}
    <${Findings} findings=${account.findings} />
    <ul class="list">${account.numbers.map((one) => html`<${Number} key=${one.number_id} found=${one} limit=${account.messaging_limit} onChange=${onChange} />`)}</ul>
  </section>`
}

export default function WhatsApp() {
  const key = `whatsapp ${org.value.id}`
  const query = useQuery(key, () => rpc("whatsapp_status"))
  const changed = () => refresh(key)
  const check = async () => { await post("whatsapp/check"); say(t("checked")); changed() }
  const byHand = async () => { if (await show((close) => html`<${ByHand} onClose=${close} />`)) changed() }
  return html`<${Loaded} query=${query} retry=${changed} height=${80}>${({ accounts }) => html`
    ${accounts.length ? accounts.map((account) => html`<${Account} key=${account.account_id} account=${account} onChange=${changed} />`)
      : html`<section class="card"><${Empty} icon="MessageCircle" title=${t("none")}>${t("noneText")}<//></section>`}
    ${may("admin") && html`<section class="card stack"><${Signup} onConnected=${changed} />
      <div class="row breaks"><${Button} icon="KeyRound" onClick=${byHand}>${t("byHand")}<//>${accounts.length > 0 && html`<${Button} icon="RefreshCw" onClick=${check}>${t("check")}<//>`}</div></section>`}`}<//>`
}
