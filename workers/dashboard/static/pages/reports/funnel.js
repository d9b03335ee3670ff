// funnel.js: how the leads of a period passed the stages of a pipeline.
import { html } from "../../vendor/vendor.js"
import { rows, rpc } from "../../lib/api.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { org } from "../../lib/session.js"
import { Loaded, Select } from "../../ui/basics.js"
import { number, percentOf, span } from "./amounts.js"
import { Bars, Figures } from "./figures.js"
import { NoLeads } from "./none.js"
import { show } from "./period.js"
import { t } from "./words.js"

export function Funnel({ period, query: { pipeline = null } }) {
  const { from, to } = period
  const pipelines = useQuery(`reports-pipelines/${org.value.id}`, () => rows("pipelines", (ask) => ask.select("id, name").order("position").order("id"))).data ?? []
  const key = `reports/funnel/${org.value.id}/${from}/${to}/${pipeline}`
  const found = useQuery(key, () => rpc("stage_funnel", { from_day: from, to_day: to, pipeline_id: pipeline }))
  return html`${pipelines.length > 1 && html`<div class="row"><${Select} aria-label=${t("pipeline")} value=${pipeline ?? pipelines[0].id} options=${pipelines.map(({ id, name }) => [id, name])} onChange=${(event) => show({ pipeline: event.target.value })} /></div>`}
    <${Loaded} query=${found} retry=${() => refresh(key)} lines=${6} height=${48}>${({ stages }) => (stages.some(({ entered }) => entered) ? html`<${Stages} stages=${stages} file=${`funnel-${from}-${to}`} />` : html`<${NoLeads} period=${period} />`)}<//>`
}

function Stages({ stages, file }) {
  const columns = [
    { label: t("stage"), value: ({ name }) => name, isName: true },
    { label: t("entered"), value: ({ entered }) => entered, shown: ({ entered }) => number(entered) },
    { label: t("nowIn"), value: (stage) => stage.now_in, shown: (stage) => number(stage.now_in) },
    { label: t("wentOn"), value: (stage) => stage.went_on, shown: (stage) => (stage.went_on === null ? null : number(stage.went_on)) },
    { label: t("conversion"), value: (stage) => (stage.conversion_percent === null ? null : Number(stage.conversion_percent)), shown: (stage) => percentOf(stage.conversion_percent) },
    { label: t("median"), value: (stage) => (stage.median_seconds === null ? null : span(stage.median_seconds)), shown: (stage) => span(stage.median_seconds) },
  ]
  const items = stages.map((stage) => {
    const note = [stage.conversion_percent !== null && t("wentOnOf", { percent: percentOf(stage.conversion_percent) }), stage.median_seconds !== null && t("stayed", { time: span(stage.median_seconds) }),
      stage.now_in > 0 && t("nowOf", { n: stage.now_in })].filter(Boolean).join(" · ")
    return { key: stage.stage_id, name: stage.name, end: number(stage.entered), note, title: `${stage.name}: ${t("leads", { n: stage.entered })}`, parts: [{ size: stage.entered, kind: stage.kind }] }
  })
  return html`<${Figures} title=${t("funnel")} file=${file} columns=${columns} rows=${stages}
    bars=${html`<p class="soft small">${t("funnelText")}</p><${Bars} isOrdered label=${t("funnel")} items=${items} most=${Math.max(1, ...stages.map(({ entered }) => entered))} />`} />`
}
