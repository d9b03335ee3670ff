// page.js: all broadcasts, the newest first, with how far each has come.
import { html } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { full, moment } from "../../lib/formats.js"
import { may, org } from "../../lib/session.js"
import { Button, Empty, Skeleton } from "../../ui/basics.js"
import { Icon } from "../../ui/icon.js"
import { Windowed } from "../../ui/windowed.js"
import { useLive } from "../campaigns/live.js"
import { NoNumber, useNumbers } from "../campaigns/numbers.js"
import { CampaignsHead } from "../campaigns/tabs.js"
import { t as shared } from "../campaigns/words.js"
import { usePages } from "../../lib/paged.js"
import { useReference } from "../leads/reference.js"
import { audienceWords, figuresOf, isRunning, Progress, State, stateOf } from "./states.js"
import { t } from "./words.js"

const HEIGHT = 112
const HOUR = 3_600_000
const memory = {}
/** Whether its figures may still move: it runs, or its last messages have left lately. */
const isLive = (broadcast) => isRunning(broadcast) || (broadcast.ended_at && Date.now() - new Date(broadcast.ended_at) < HOUR)

export default function Broadcasts() {
  const numbers = useNumbers()
  const reference = useReference().data
  const list = usePages("broadcasts", async (next) => {
    const found = await rpc("list_broadcasts", { page_size: 30, ...next })
    const last = found.at(-1)
    return { items: found, next: found.length === 30 ? { before_at: last.created_at, before_id: last.broadcast_id } : null }
  }, (broadcast) => broadcast.broadcast_id)
  const live = list.items.filter(isLive).slice(0, 10).map((broadcast) => broadcast.broadcast_id)
  useLive(live.length > 0, async () => {
    const now = (await Promise.all(live.map((id) => rpc("list_broadcasts", { broadcast_id: id }).catch(() => [])))).flat()
    const by = new Map(now.map((broadcast) => [broadcast.broadcast_id, broadcast]))
    list.change((items) => items.map((item) => by.get(item.broadcast_id) ?? item))
  })
  const isConnected = numbers.data?.length > 0
  const make = may("admin") && html`<a class="button primary" href="/broadcasts/new"><${Icon} name="Plus" size=${16} /><span>${t("new")}</span></a>`
  return html`<${CampaignsHead}>${list.items.length > 0 && make}<//>
    ${list.problem && !list.items.length ? html`<${Empty} icon="CircleAlert" title=${list.problem.words} action=${html`<${Button} icon="RefreshCw" onClick=${list.again}>${shared("tryAgain")}<//>`} />`
      : list.isFresh ? html`<div class="body"><div class="broad"><${Skeleton} lines=${6} height=${64} gap=${24} /></div></div>`
      : !list.items.length ? (numbers.data && !isConnected && may("admin")
        ? html`<${NoNumber} />`
        : html`<${Empty} icon="Megaphone" title=${t("none")} action=${make}>${t(may("admin") ? "noneText" : "noneAgent")}<//>`)
      : html`<div class="campaign-list" key=${org.value.id}><${Windowed} items=${list.items} keyOf=${(broadcast) => broadcast.broadcast_id} height=${HEIGHT} onEnd=${list.more} memory=${memory} label=${t("list")}
          render=${(broadcast) => html`<${Row} broadcast=${broadcast} reference=${reference} />`} /></div>`}`
}

function Row({ broadcast, reference }) {
  const figures = figuresOf(broadcast)
  const state = stateOf(broadcast)
  const time = state === "scheduled" ? t("startsAt", { time: moment(broadcast.starts_at) }) : broadcast.starts_at ? moment(broadcast.starts_at) : t("madeAt", { time: moment(broadcast.created_at) })
  const shown = ["sent", "delivered", "read", "replied", "failed", "skipped"].filter((name) => figures[name] || name === "sent")
  return html`<a class="campaign-row" href="/broadcasts/${broadcast.broadcast_id}">
    <span class="row"><strong class="clip grow"><bdi>${broadcast.name}</bdi></strong><${State} broadcast=${broadcast} /></span>
    <span class="small soft clip" title=${full(broadcast.starts_at ?? broadcast.created_at)}>${time} · <bdi>${broadcast.template}</bdi> · <bdi>${audienceWords(broadcast.filter, reference)}</bdi></span>
    ${broadcast.starts_at
      ? html`<${Progress} broadcast=${broadcast} /><span class="small row figures clip">${state === "scheduled" ? html`<span>${t("people", { n: figures.people })}</span>`
          : shown.map((name) => html`<span class=${{ failed: "danger", skipped: "hidden-phone" }[name]}>${t(`short_${name}`, { n: figures[name] })}</span>`)}</span>`
      : html`<span class="small faint">${t("unused")}</span>`}</a>`
}
