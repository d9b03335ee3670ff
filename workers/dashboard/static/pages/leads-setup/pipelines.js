// pipelines.js: pipelines and the stages of each: named, put in order, removed after their leads have gone elsewhere.
import { html } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { Button, Chip, Field, IconButton, Notice, Select } from "../../ui/basics.js"
import { confirm } from "../../ui/dialog.js"
import { complain, say } from "../../ui/toasts.js"
import { ask, changed, NameField, Order } from "./listing.js"
import { t } from "./words.js"

const KINDS = ["open", "won", "lost"]

export function Pipelines({ reference }) {
  const ids = reference.pipelines.map(({ id }) => id)
  const name = (pipeline) => ask({
    title: t(pipeline ? "renamePipeline" : "newPipeline"), begin: { name: pipeline?.name ?? "" },
    inputs: ({ name: value }, set, wrong) => html`<${NameField} value=${value} wrong=${wrong} set=${(given) => set("name", given)} />`,
    run: ({ name: value }) => rpc("save_pipeline", { name: value, pipeline_id: pipeline?.id ?? null }),
  })
  const drop = async (pipeline) => {
    if (!(await confirm({ title: t("dropPipeline", { name: pipeline.name }), text: t("dropPipelineText"), action: t("delete"), isDanger: true }))) return
    await changed(rpc("delete_pipeline", { pipeline_id: pipeline.id }))
  }
  return html`<p class="soft">${t("pipelinesText")}</p>
    ${reference.pipelines.map((pipeline) => html`<section class="card stack tight" key=${pipeline.id}>
      <div class="row"><h2 class="wrap grow">${pipeline.name}</h2>${ids.length > 1 && html`<${Order} ids=${ids} id=${pipeline.id} name=${pipeline.name} order=${(next) => rpc("order_pipelines", { pipeline_ids: next })} />`}
        <${IconButton} icon="Pencil" size=${16} label=${t("rename", { name: pipeline.name })} onClick=${() => name(pipeline)} />
        ${ids.length > 1 && html`<${IconButton} icon="Trash2" size=${16} label=${t("dropPipeline", { name: pipeline.name })} onClick=${() => drop(pipeline).catch(complain)} />`}</div>
      <${Stages} pipeline=${pipeline} reference=${reference} />
    </section>`)}
    <div><${Button} icon="Plus" onClick=${() => name(null)}>${t("newPipeline")}<//></div>`
}

function Stages({ pipeline, reference }) {
  const stages = reference.stagesOf(pipeline.id)
  const ids = stages.map(({ id }) => id)
  const edit = (stage) => ask({
    title: t(stage ? "changeStage" : "newStage"), begin: { name: stage?.name ?? "", kind: stage?.kind ?? "open" },
    inputs: ({ name, kind }, set, wrong) => html`<${NameField} value=${name} wrong=${wrong} set=${(given) => set("name", given)} />
      <${Field} label=${t("kind")} help=${t("kindHelp")}>${(props) => html`<${Select} ...${props} value=${kind} options=${KINDS.map((key) => [key, t(key)])} onChange=${(event) => set("kind", event.target.value)} />`}<//>`,
    run: ({ name, kind }) => rpc("save_stage", { pipeline_id: pipeline.id, name, kind, stage_id: stage?.id ?? null }),
  })
  const drop = (stage) => ask({
    title: t("dropStage", { name: stage.name }), begin: { to: stages.find((other) => other.id !== stage.id)?.id ?? "" }, action: t("delete"),
    inputs: ({ to }, set, wrong) => html`<${Field} label=${t("moveTo")} help=${t("moveToHelp")}>${(props) => html`<${Select} ...${props} value=${to} options=${stages.filter((other) => other.id !== stage.id).map((other) => [other.id, other.name])} onChange=${(event) => set("to", event.target.value)} />`}<//>
      ${wrong && html`<${Notice} kind="bad">${wrong}<//>`}`,
    run: async ({ to }) => {
      for (let moved = 0; ;) { // at most 5,000 leads a call
        const answer = await rpc("delete_stage", { stage_id: stage.id, move_to_stage_id: to || null })
        moved += answer.moved
        if (answer.removed) { say(t("stageDropped", { n: moved })); return true }
      }
    },
  })
  return html`<ul class="list">${stages.map((stage) => html`<li class="row setup-row" key=${stage.id}><span class="wrap grow">${stage.name} ${stage.kind !== "open" && html`<${Chip} kind=${stage.kind === "won" ? "good" : "bad"}>${t(stage.kind)}<//>`}</span>
      <${Order} ids=${ids} id=${stage.id} name=${stage.name} order=${(next) => rpc("order_stages", { pipeline_id: pipeline.id, stage_ids: next })} />
      <${IconButton} icon="Pencil" size=${16} label=${t("rename", { name: stage.name })} onClick=${() => edit(stage)} />
      <${IconButton} icon="Trash2" size=${16} label=${t("dropStage", { name: stage.name })} disabled=${stages.length < 2} onClick=${() => drop(stage)} /></li>`)}</ul>
    <div><${Button} kind="quiet" icon="Plus" onClick=${() => edit(null)}>${t("newStage")}<//></div>`
}
