// sealed.js: tokens, who used them, and the connections.
import { html } from "../../vendor/vendor.js"
import { date, full, moment } from "../../lib/formats.js"
import { may } from "../../lib/session.js"
import { DAY, Line } from "./state.js"
import { workOf } from "../settings/access-words.js"
import { t } from "./words.js"

function Keys({ secrets, kind }) {
  const isOld = secrets.key_since && Date.now() - new Date(secrets.key_since) > 365 * DAY
  const text = !secrets.key_version ? t("keysNone") : secrets.broken ? t("keysBroken", { n: secrets.broken }) : t(isOld ? "keysOld" : "keysText", { n: secrets.key_version, date: date(secrets.key_since) })
  return html`<${Line} kind=${kind} title=${t("keys")} figure=${t("sealedCount", { n: secrets.sealed })}><p class="soft">${text}</p><//>`
}

const Uses = ({ uses }) => html`<details class="trust-more"><summary>${t("usesShow")}</summary>
  <ul class="list">${uses.map((use) => html`<li class="row between breaks small"><span class="wrap">${workOf(use.purpose)}${use.hint && html` <span class="soft">…${use.hint}</span>`}</span>
    <span class="soft numbers" title=${full(use.last_at)}>${t("usesTimes", { n: use.reads })} · ${t("usesLast", { time: moment(use.last_at) })}</span></li>`)}</ul></details>`

export function Sealed({ state, kinds }) {
  const { secrets, uses, address, webhooks_last_at: last } = state
  return html`<section class="card stack"><h2>${t("sealed")}</h2><ul class="list">
    <${Keys} secrets=${secrets} kind=${kinds.keys} />
    <${Line} kind="none" title=${t("uses")} figure=${secrets.reads ? t("usesTimes", { n: secrets.reads }) : t("usesNone")}><p class="soft">${t("usesText")}</p>${uses?.length > 0 && html`<${Uses} uses=${uses} />`}${may("owner") && html`<p><a href="/settings/access">${t("access")}</a></p>`}<//>
    <${Line} kind=${kinds.webhooks} title=${t("webhooks")} figure=${last ? t("webhooksLast", { time: moment(last) }) : t("webhooksNone")}><p class="soft">${t("webhooksText")}</p><//>
    <${Line} kind=${kinds.address} title=${t("address")} figure=${address === "https" ? "TLS" : null}><p class="soft">${t({ https: "addressHttps", loopback: "addressLoopback" }[address] ?? "addressUnknown")}</p><//>
  </ul></section>`
}
