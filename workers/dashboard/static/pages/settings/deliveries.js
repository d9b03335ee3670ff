// deliveries.js: what went to a webhook endpoint, what it answered, and sending it again.
import { html, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { moment } from "../../lib/formats.js"
import { usePages } from "../../lib/paged.js"
import { Button, Chip, Notice, Select, Skeleton } from "../../ui/basics.js"
import { Dialog } from "../../ui/dialog.js"
import { say } from "../../ui/toasts.js"
import { t } from "./endpoints-words.js"

const SHOWN = { delivered: "good", pending: "warn", failed: "bad" }
const DAY = 86_400_000

function answer(one) {
  if (!one.attempts) return t("notYet")
  const said = one.status ? t("status", { n: one.status }) : one.problem ? t(`problem_${one.problem}`) : t("underWay")
  return [said, one.duration_ms !== null && t("ms", { n: one.duration_ms }), t("attempts", { n: one.attempts }), one.state === "pending" && one.next_at && t("next", { time: moment(one.next_at) })].filter(Boolean).join(" · ")
}

const Delivery = ({ one, replay }) => html`<li class="stack tight endpoint"><div class="row between breaks"><p><strong>${t(one.type)}</strong> <span class="soft small">${moment(one.at)}</span></p><${Chip} kind=${SHOWN[one.state]}>${t(`state_${one.state}`)}<//></div>
  <p class="soft small wrap">${answer(one)}</p>
  <details class="trace-sent"><summary>${t("details", { id: `evt_${one.event_id}` })}</summary><pre tabindex="0">${JSON.stringify(one.data, null, 2)}${one.response ? `\n\n${one.response}` : ""}</pre></details>
  ${one.state !== "pending" && html`<div><${Button} icon="RotateCcw" onClick=${() => replay({ outgoing_id: one.event_id })}>${t("replay")}<//></div>`}</li>`

export function Deliveries({ endpoint, close }) {
  const [state, setState] = useState("")
  const list = usePages(`deliveries ${endpoint.id} ${state}`, async (next) => {
    const { deliveries, next: after } = await rpc("webhook_deliveries", { endpoint_id: endpoint.id, state: state || null, page_size: 30, ...next })
    return { items: deliveries, next: after }
  }, (one) => one.event_id)
  const replay = async (what) => {
    const { queued } = await rpc("replay_webhooks", { endpoint_id: endpoint.id, ...what })
    say(t("queued", { n: queued }))
    list.again()
  }
  return html`<${Dialog} title=${t("log")} isWide onClose=${() => close()}>
    <p class="soft small endpoint-url">${endpoint.url}</p>
    <div class="row breaks"><${Select} aria-label=${t("show")} value=${state} onChange=${(event) => setState(event.target.value)} options=${[["", t("all")], ...Object.keys(SHOWN).map((one) => [one, t(`state_${one}`)])]} />
      <${Button} icon="RefreshCw" onClick=${() => list.again()}>${t("reload")}<//>
      ${endpoint.state !== "disabled" && html`<${Button} onClick=${() => replay({ since: new Date(Date.now() - 3 * DAY).toISOString() })}>${t("replaySince")}<//>`}</div>
    ${list.problem && html`<${Notice} kind="bad">${list.problem.words}<//>`}
    ${list.isFresh ? !list.problem && html`<${Skeleton} lines=${5} height=${40} />` : list.items.length ? html`<ul class="list">${list.items.map((one) => html`<${Delivery} key=${one.event_id} one=${one} replay=${replay} />`)}</ul>` : html`<p class="soft">${t("noDeliveries")}</p>`}
    ${!list.isEnd && !list.isFresh && html`<div><${Button} busy=${list.isLoading} onClick=${list.more}>${t("older")}<//></div>`}<//>`
}
