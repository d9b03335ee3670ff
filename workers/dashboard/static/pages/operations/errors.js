// errors.js: errors that nobody foresaw, in groups: how often, since when, where in the code; and what was done about them.
import { html, useState } from "../../vendor/vendor.js"
import { rpcAlone } from "../../lib/api.js"
import { full, moment, number } from "../../lib/formats.js"
import { usePages } from "../../lib/paged.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { Button, Chip, Empty, Loaded, Select, Skeleton, When } from "../../ui/basics.js"
import { Dialog, show } from "../../ui/dialog.js"
import { say } from "../../ui/toasts.js"
import { t } from "./errors-words.js"

const STATES = ["open", "resolved", "ignored"]
const LEADS_TO = { open: ["resolved", "ignored"], resolved: ["open"], ignored: ["open"] }

export default function Errors() {
  const [state, setState] = useState("open")
  const [side, setSide] = useState("")
  const [counts, setCounts] = useState({})
  const list = usePages(`errors ${state} ${side}`, async (next) => {
    const page = await rpcAlone("operations_errors", { state, side: side || null, ...next })
    setCounts(page.counts)
    return page
  }, (item) => item.fingerprint)
  const open = async (item) => {
    await show((close) => html`<${One} item=${item} close=${close} />`)
    list.change((items) => items.filter((one) => one.fingerprint !== item.fingerprint))
    list.again()
  }
  return html`<div class="broad stack"><div class="row breaks">
      <${Select} class="input log-source" aria-label=${t("side")} value=${side} onChange=${(event) => setSide(event.target.value)} options=${[["", t("both")], ["server", t("server")], ["browser", t("browser")]]} />
      ${STATES.map((key) => html`<button type="button" class="chip" aria-pressed=${key === state} onClick=${() => setState(key)}>${t(key)}${counts[key] > 0 && html` <span class="numbers">${counts[key] < 1000 ? number(counts[key]) : `${number(1000)}+`}</span>`}</button>`)}
    </div>
    ${list.problem ? html`<${Empty} icon="CircleAlert" title=${list.problem.words} action=${html`<${Button} icon="RefreshCw" onClick=${list.again}>${t("again")}<//>`} />`
      : list.isFresh ? html`<${Skeleton} lines=${8} height=${56} />`
      : !list.items.length ? html`<${Empty} icon="CircleCheck" title=${t(`none_${state}`)}>${t("noneText")}<//>`
      : html`<ul class="card list">${list.items.map((item) => html`<li key=${item.fingerprint}><button type="button" class="error-line" onClick=${() => open(item)}>
          <span class="grow stack tight"><span class="wrap"><strong><bdi>${item.type}</bdi></strong> <span class="soft"><bdi>${item.message}</bdi></span></span>
            <span class="soft small">${t(item.side)} · ${t("last", { time: moment(item.last_seen) })} · ${t("first", { time: moment(item.first_seen) })}</span></span>
          ${item.reopened_at && html`<${Chip} kind="warn" title=${full(item.reopened_at)}>${t("back")}<//>`}<strong class="numbers" title=${t("times")}>${number(item.count)}</strong></button></li>`)}</ul>`}
    ${!list.isFresh && !list.isEnd && list.items.length > 0 && html`<div><${Button} busy=${list.isLoading} onClick=${list.more}>${t("older")}<//></div>`}</div>`
}

const Frames = ({ frames }) => html`<ol class="error-frames">${frames.map((frame) => html`<li class=${frame.in_app ? "" : "soft"}><code class="wrap">${frame.file}${frame.line ? `:${frame.line}` : ""}${frame.function ? ` ${frame.function}` : ""}</code></li>`)}</ol>`

const Facts = ({ told }) => html`<dl class="facts">
  <div><dt>${t("times")}</dt><dd class="numbers">${number(told.count)}</dd></div>
  <div><dt>${t("organizations")}</dt><dd class="numbers">${number(told.organizations)}</dd></div>
  <div><dt>${t("people")}</dt><dd class="numbers">${number(told.people)}</dd></div>
  <div><dt>${t("firstSeen")}</dt><dd><${When} at=${told.first_seen} as=${moment} /></dd></div>
  <div><dt>${t("lastSeen")}</dt><dd><${When} at=${told.last_seen} as=${moment} /></dd></div>
  <div><dt>${t("routes")}</dt><dd>${told.routes.map(({ route, count }) => `${route ?? "–"} (${number(count)})`).join(", ")}</dd></div>
  <div><dt>${t("releases")}</dt><dd>${told.releases.map(({ release, count }) => `${release ?? "–"} (${number(count)})`).join(", ")}</dd></div>
</dl>`

function One({ item, close }) {
  const key = `error ${item.fingerprint}`
  const query = useQuery(key, () => rpcAlone("operations_error", { fingerprint: item.fingerprint }))
  const settle = async (state) => {
    await rpcAlone("settle_error", { fingerprint: item.fingerprint, state })
    say(t(`became_${state}`))
    close()
  }
  return html`<${Dialog} title=${item.type} isWide onClose=${() => close()}>
    <p class="wrap"><bdi>${item.message}</bdi></p>
    <${Loaded} query=${query} retry=${() => refresh(key)} lines=${6} height=${32}>${(told) => html`<${Facts} told=${told} />
      ${told.looked_at < told.count && html`<p class="soft small">${t("latest", { n: told.looked_at })}</p>`}
      ${told.events.map((event, at) => html`<details key=${event.at} open=${at === 0} class="error-event"><summary><${When} at=${event.at} as=${moment} /> <span class="soft wrap">${event.source ?? event.route ?? ""}</span></summary>
        <div class="stack tight">${event.message !== item.message && html`<p class="wrap"><bdi>${event.message}</bdi></p>`}<${Frames} frames=${event.frames} />
          <p class="soft small wrap">${[event.trace_id && `trace ${event.trace_id}`, event.request_id && `request ${event.request_id}`].filter(Boolean).join(" · ")}</p></div></details>`)}`}<//>
    <div class="actions">${LEADS_TO[item.state].map((state) => html`<${Button} kind=${state === "resolved" ? "primary" : ""} onClick=${() => settle(state)}>${t(`make_${state}`)}<//>`)}</div>
  <//>`
}
