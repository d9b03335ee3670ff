// access.js: the tokens that Flow holds, never a piece of one, and each use of them.
import { html, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { date, moment } from "../../lib/formats.js"
import { usePages } from "../../lib/paged.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { org } from "../../lib/session.js"
import { Button, Chip, Empty, Loaded, Select, Skeleton, When } from "../../ui/basics.js"
import { kindOf, t, workOf } from "./access-words.js"

const facts = (one) => [
  t("sealed", { day: date(one.sealed_at) }), t("key", { n: one.key_id, day: date(one.key_made_at) }), one.last_used_at ? t("used", { time: moment(one.last_used_at) }) : t("unused"),
  one.broken_at && t("broken", { day: date(one.broken_at) }), one.removed_at ? t("removed", { day: date(one.removed_at) }) : one.revoked_at && t("revoked", { day: date(one.revoked_at) }),
].filter(Boolean).join(" · ")

const Token = ({ one }) => html`<div class="retention-line"><span class="grow wrap"><strong>${kindOf(one.kind)}</strong> <bdi>${one.label ?? ""}</bdi><br /><span class="soft small">${facts(one)}</span></span>
  <${Chip} kind=${one.revoked_at ? "" : one.broken_at ? "bad" : "good"}>${t(one.revoked_at ? "gone" : "live")}<//></div>`

function Reads({ credentials }) {
  const [chosen, setChosen] = useState("")
  const log = usePages(`token-reads ${chosen}`, (next) => rpc("list_credential_reads", { credential_id: chosen || null, ...next }), (item) => `${item.at} ${item.key}`)
  // Focusable: on a phone it is a long text without a control, which a keyboard could else not scroll.
  return html`<section class="card stack tight" tabindex="0" aria-label=${t("reads")}><h3>${t("reads")}</h3><p class="soft">${t("readsText")}</p>
    ${credentials.length > 1 && html`<${Select} aria-label=${t("which")} class="input log-source" value=${chosen} onChange=${(event) => setChosen(event.target.value)}
      options=${[["", t("everyToken")], ...credentials.map((one) => [one.credential_id, `${kindOf(one.kind)} ${one.label ?? ""}`.slice(0, 60)])]} />`}
    ${log.problem ? html`<p class="danger">${log.problem.words}</p>` : log.isFresh ? html`<${Skeleton} lines=${6} height=${32} />`
      : !log.items.length ? html`<p>${t("noReads")}</p>`
      : log.items.map((one) => html`<div class="retention-line" key=${`${one.at} ${one.key}`}><span class="grow wrap">${workOf(one.purpose)} · <span class="soft">${one.kind ? kindOf(one.kind) : t("former")} <bdi>${one.label ?? ""}</bdi></span></span>
          <span class="soft small numbers">${t("times", { n: one.reads })} · <${When} at=${one.at} as=${moment} /></span></div>`)}
    ${!log.isFresh && !log.isEnd && html`<div><${Button} busy=${log.isLoading} onClick=${log.more}>${t("older")}<//></div>`}</section>`
}

export default function Access() {
  const key = `tokens ${org.value.id}`
  const query = useQuery(key, () => rpc("credential_summary"))
  return html`<p class="soft wrap">${t("text")}</p>
    <${Loaded} query=${query} retry=${() => refresh(key)} lines=${4} height=${56}>${({ credentials }) => html`
      <section class="card stack tight"><h3>${t("tokens")}</h3>
        ${credentials.length ? credentials.map((one) => html`<${Token} key=${one.credential_id} one=${one} />`) : html`<${Empty} icon="KeyRound" title=${t("none")}>${t("noneText")}<//>`}</section>
      <${Reads} credentials=${credentials} />`}<//>`
}
