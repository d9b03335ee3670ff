// health.js: how Flow runs just now, in a strip of figures above the alarms.
import { html } from "../../vendor/vendor.js"
import { moment } from "../../lib/formats.js"
import { Icon } from "../../ui/icon.js"
import { span } from "../trace/span.js"
import { t } from "./alarm-words.js"

const OLD = 120 // seconds, as the rule queue_old has it

const Tile = ({ title, isBad = false, lines }) => html`<div class="ops-tile ${isBad ? "is-bad" : ""}"><dt>${title}${isBad && html`<${Icon} name="TriangleAlert" size=${14} />`}</dt>
  ${lines.map((line) => html`<dd class="wrap">${line}</dd>`)}</div>`

export function Health({ told }) {
  const { requests: asked, jobs, dead_letters: dead, missing_partitions: missing, queues } = told
  const share = asked.many ? Math.round((1000 * asked.errors) / asked.many) / 10 : 0
  const failed = jobs.filter(({ outcome }) => outcome === "failed").map(({ job }) => job)
  const ran = jobs.filter(({ ran_at: at }) => at)
  return html`<section class="stack tight ops-health" aria-label=${t("health")}><h2>${t("health")}</h2><dl class="ops-tiles">
    <${Tile} title=${t("queues")} isBad=${Object.values(queues).some((age) => age > OLD)} lines=${Object.entries(queues).map(([name, age]) => `${t(`queue_${name}`)}: ${age > 0 ? t("waits", { time: span(age * 1000) }) : t("empty")}`)} />
    <${Tile} title=${t("requests")} isBad=${asked.many >= 20 && share > 2} lines=${[String(asked.many), t("errors", { share }), asked.p95_ms !== null && t("p95", { ms: Math.round(asked.p95_ms) })].filter(Boolean)} />
    <${Tile} title=${t("webhooks")} lines=${told.webhooks.length ? told.webhooks.map((one) => [`${one.provider}: ${one.many}`, t("lastAt", { time: moment(one.last_at) }), one.lag_ms >= 1000 && t("lag", { time: span(one.lag_ms) })].filter(Boolean).join(" · ")) : [t("noWebhooks")]} />
    <${Tile} title=${t("jobs")} isBad=${failed.length > 0} lines=${[failed.length ? t("jobsFailed", { names: failed.join(", ") }) : ran.length ? t("jobsWell", { n: ran.length }) : t("jobsNone")]} />
    <${Tile} title=${t("dead")} isBad=${dead.last_hour > 10} lines=${[String(dead.waiting), t("deadHour", { n: dead.last_hour })]} />
    <${Tile} title=${t("partitions")} isBad=${missing.length > 0} lines=${[missing.length ? t("missing", { n: missing.length }) : t("partitionsWell")]} />
    <${Tile} title=${t("telling")} isBad=${told.channels.some((one) => one.is_wanted && one.error)} lines=${told.channels.map((one) => `${t(one.channel)}: ${!one.is_wanted ? t("off") : one.error ? t("failing", { error: one.error.replaceAll("_", " ") }) : one.told_at ? t("toldAt", { time: moment(one.told_at) }) : t("ready")}`)} />
  </dl></section>`
}
