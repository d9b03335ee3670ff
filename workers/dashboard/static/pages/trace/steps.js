// steps.js: what happened, step by step: when, by whom, how long after the step before. One shape for messages, leads and webhooks.
import { html } from "../../vendor/vendor.js"
import { date, full, moment } from "../../lib/formats.js"
import { useMembers } from "../../lib/members.js"
import { may } from "../../lib/session.js"
import { Icon } from "../../ui/icon.js"
import { STEPS, t, WHO } from "./words.js"
import { second, span } from "./span.js"

const BAD = ["failed", "greeting_skipped"]
const isBad = (step) => BAD.includes(step.step) || step.dead > 0

const who = (step, members) => {
  if (step.by === "person") return members.data && (members.data.find(({ id }) => id === step.by_id)?.name ?? t("by_left"))
  return step.by ? (WHO.includes(step.by) ? t(`by_${step.by}`) : step.by) : null
}

function notes(step) {
  const late = step.told_at ? new Date(step.told_at) - new Date(step.at) : 0
  return [
    step.way && t(`way_${step.way}`),
    step.send_at && t("due", { time: moment(step.send_at) }),
    step.status && t("http", { status: step.status, ms: Math.round(step.duration_ms ?? 0) }),
    step.code && t("code", { code: step.code }),
    step.reason && t("reason", { reason: step.reason.replaceAll("_", " ") }),
    step.dead > 0 && t("dead", { n: step.dead }),
    late >= 1000 && t("heard", { time: span(late) }),
  ].filter(Boolean)
}

export default function Steps({ steps, hasKinds = false }) {
  const members = useMembers()
  let before = null
  return html`<ol class="trace">${steps.map((step, index) => {
    const at = new Date(step.at)
    const isNewDay = !before || date(before) !== date(at)
    const later = before && at - before >= 1000 ? span(at - before) : null
    before = at
    return html`${isNewDay && html`<li class="trace-day" key=${`day ${index}`}>${date(at)}</li>`}
      <li class="trace-item ${isBad(step) ? "is-bad" : ""}" key=${index}>
        <${Icon} name=${isBad(step) ? "CircleAlert" : "CircleCheck"} size=${18} />
        <div class="grow"><p class="row breaks trace-head"><strong>${STEPS.includes(step.step) ? t(step.step) : step.step.replaceAll("_", " ")}</strong>
            ${hasKinds && html`<span class="soft small">${t(step.kind)}</span>`}
            <time class="soft small numbers" datetime=${step.at} title=${full(step.at)}>${second(step.at)}</time>${later && html`<span class="soft small">${t("later", { time: later })}</span>`}</p>
          <p class="soft small wrap">${[who(step, members), ...notes(step)].filter(Boolean).map((part, n) => html`${n > 0 && " · "}<bdi>${part}</bdi>`)}
            ${step.event_id && (may("admin") ? html` · <a href="/settings/log">${t("webhook", { id: step.event_id })}</a>` : html` · ${t("webhook", { id: step.event_id })}`)}</p></div>
      </li>`
  })}</ol>`
}
