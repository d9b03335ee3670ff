// alarms.js: what is wrong, since when and what to do about it; how Flow runs; and what is over.
import { html, useEffect, useState } from "../../vendor/vendor.js"
import { rpcAlone } from "../../lib/api.js"
import { full, moment } from "../../lib/formats.js"
import { usePages } from "../../lib/paged.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { Button, Chip, Empty, Loaded, Notice, Skeleton } from "../../ui/basics.js"
import { Icon } from "../../ui/icon.js"
import { t } from "./alarm-words.js"
import { Health } from "./health.js"

const EVERY = 30_000

const Alarm = ({ alarm, taken }) => {
  const isOver = alarm.state === "resolved"
  const isBad = alarm.severity === "critical"
  const take = async () => { await rpcAlone("acknowledge_alarm", { alarm_id: alarm.alarm_id }); taken() }
  return html`<li class="card ops-alarm ${isOver ? "" : isBad ? "is-bad" : "is-warn"}">
    <${Icon} name=${isOver ? "CircleCheck" : isBad ? "CircleAlert" : "TriangleAlert"} size=${20} />
    <div class="grow stack tight">
      <div class="row breaks ops-head"><h3 class="wrap">${t(`rule_${alarm.rule}`)}</h3><${Chip} kind=${isOver ? "" : isBad ? "bad" : "warn"}>${t(alarm.severity)}<//>
        <time class="soft small" datetime=${alarm.since} title=${full(alarm.since)}>${isOver ? t("took", { from: moment(alarm.since), to: moment(alarm.resolved_at) }) : t("since", { time: moment(alarm.since) })}</time>
        ${alarm.flaps > 0 && html`<span class="soft small">${t("flaps", { n: alarm.flaps })}</span>`}</div>
      <p class="wrap"><bdi lang="en">${alarm.words}</bdi></p>
      ${alarm.org_id && html`<p class="soft small wrap">${t("organization")}: <bdi>${alarm.organization ?? ""}</bdi> <code>${alarm.org_id}</code></p>`}
      ${!isOver && html`<p class="soft wrap"><strong>${t("todo")}:</strong> <bdi lang="en">${alarm.remedy}</bdi></p>`}
      ${alarm.acknowledged_at ? html`<p class="soft small row"><${Icon} name="UserCheck" size=${14} /><span class="wrap">${alarm.acknowledged_by ? t("taken", { name: alarm.acknowledged_by }) : t("takenBy", { time: moment(alarm.acknowledged_at) })}</span></p>`
        : !isOver && html`<div><${Button} icon="UserCheck" onClick=${take}>${t("take")}<//></div>`}
    </div></li>`
}

function List({ isOver }) {
  const list = usePages(`operations-alarms/${isOver}`, async (next) => {
    const told = await rpcAlone("operations_alarms", { is_over: isOver, before_id: next, page_size: 50 })
    return { items: told.alarms, next: told.next }
  }, (alarm) => alarm.alarm_id)
  const again = () => { list.again(); refresh("operations-health") }
  useEffect(() => {
    const timer = setInterval(again, EVERY)
    return () => clearInterval(timer)
  }, [isOver])
  if (list.problem && list.isFresh) return html`<${Loaded} query=${{ problem: list.problem }} retry=${list.again} />`
  if (list.isFresh) return html`<${Skeleton} lines=${3} height=${96} />`
  if (!list.items.length) return html`<${Empty} icon=${isOver ? "Clock" : "CircleCheck"} title=${t(isOver ? "noneOver" : "none")}>${t(isOver ? "noneOverText" : "noneText")}<//>`
  return html`<ul class="stack">${list.items.map((alarm) => html`<${Alarm} key=${alarm.alarm_id} alarm=${alarm} taken=${again} />`)}</ul>
    ${!list.isEnd && html`<div class="row center"><${Button} kind="quiet" busy=${list.isLoading} onClick=${list.more}>${t("older")}<//></div>`}`
}

export default function Alarms() {
  const [isOver, setOver] = useState(false)
  const health = useQuery("operations-health", () => rpcAlone("operations_health"))
  const at = health.data?.evaluated_at
  const isLate = health.data?.is_late
  return html`<div class="broad stack">
    <${Loaded} query=${health} retry=${() => refresh("operations-health")} lines=${2} height=${72}>${(told) => html`
      ${isLate && html`<${Notice} kind="bad">${t("late", { time: at ? moment(at) : t("never") })}<//>`}
      <${Health} told=${told} />`}<//>
    <div class="row between breaks"><div class="row breaks" role="group">${[false, true].map((over) => html`<button type="button" class="chip" aria-pressed=${isOver === over} onClick=${() => setOver(over)}>${t(over ? "over" : "open")}${!over && health.data ? ` ${health.data.alarms.critical + health.data.alarms.warning}` : ""}</button>`)}</div>
      ${at && !isLate && html`<span class="soft small">${t("lookedAt", { time: moment(at) })}</span>`}</div>
    <${List} key=${String(isOver)} isOver=${isOver} />
  </div>`
}
