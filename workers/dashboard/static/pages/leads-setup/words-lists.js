// words-lists.js: reasons why leads are won or lost, and tags: lists of words.
import { html } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { Button, Empty, Field, IconButton } from "../../ui/basics.js"
import { confirm } from "../../ui/dialog.js"
import { complain, say } from "../../ui/toasts.js"
import { ask, changed, NameField } from "./listing.js"
import { t } from "./words.js"

export function Reasons({ reference }) {
  const save = (kind, reason, name, isArchived) => rpc("save_close_reason", { kind, name, reason_id: reason?.id ?? null, is_archived: isArchived })
  const edit = (kind, reason) => ask({
    title: t(reason ? "changeReason" : "newReason"), begin: { name: reason?.name ?? "" },
    inputs: ({ name }, set, wrong) => html`<${NameField} value=${name} wrong=${wrong} set=${(given) => set("name", given)} />`,
    run: ({ name }) => save(kind, reason, name, false),
  })
  return ["won", "lost"].map((kind) => {
    const all = reference.reasons.filter((reason) => reason.kind === kind)
    const archived = all.filter(({ archived_at: at }) => at)
    const archive = (reason, isArchived) => changed(save(kind, reason, reason.name, isArchived)).catch(complain)
    return html`<section class="card stack tight" key=${kind}><h2>${t(kind === "won" ? "whyWon" : "whyLost")}</h2>
      <ul class="list">${all.filter(({ archived_at: at }) => !at).map((reason) => html`<li class="row setup-row" key=${reason.id}><span class="wrap grow">${reason.name}</span>
        <${IconButton} icon="Pencil" size=${16} label=${t("rename", { name: reason.name })} onClick=${() => edit(kind, reason)} />
        <${IconButton} icon="Archive" size=${16} label=${t("archive", { name: reason.name })} onClick=${() => archive(reason, true)} /></li>`)}</ul>
      <div><${Button} kind="quiet" icon="Plus" onClick=${() => edit(kind, null)}>${t("newReason")}<//></div>
      ${archived.length > 0 && html`<details><summary>${t("archived")}</summary><ul class="list">${archived.map((reason) => html`<li class="row setup-row" key=${reason.id}><span class="wrap grow soft">${reason.name}</span><${Button} kind="quiet" onClick=${() => archive(reason, false)}>${t("bringBack")}<//></li>`)}</ul></details>`}
    </section>`
  })
}

export function Tags({ reference }) {
  const edit = (tag) => ask({
    title: t(tag ? "changeTag" : "newTag"), begin: { name: tag?.name ?? "", colour: tag?.colour ?? "#0f7a5c" },
    inputs: ({ name, colour }, set, wrong) => html`<${NameField} most=${40} value=${name} wrong=${wrong} set=${(given) => set("name", given)} />
      <${Field} label=${t("colour")}>${(props) => html`<input ...${props} class="input colour" type="color" value=${colour} onInput=${(event) => set("colour", event.target.value)} />`}<//>`,
    run: ({ name, colour }) => rpc("save_tag", { name, colour, tag_id: tag?.id ?? null }),
  })
  const drop = async (tag) => {
    if (!(await confirm({ title: t("dropTag", { name: tag.name }), text: t("dropTagText"), action: t("delete"), isDanger: true }))) return
    const { leads } = await changed(rpc("delete_tag", { tag_id: tag.id }))
    say(t("tagDropped", { n: leads }))
  }
  return html`<p class="soft">${t("tagsText")}</p>
    ${reference.tags.length ? html`<ul class="list card">${reference.tags.map((tag) => html`<li class="row setup-row" key=${tag.id}><span class="dot" style=${tag.colour ? { background: tag.colour } : {}}></span><span class="wrap grow">${tag.name}</span>
      <${IconButton} icon="Pencil" size=${16} label=${t("rename", { name: tag.name })} onClick=${() => edit(tag)} />
      <${IconButton} icon="Trash2" size=${16} label=${t("dropTag", { name: tag.name })} onClick=${() => drop(tag).catch(complain)} /></li>`)}</ul>` : html`<${Empty} icon="Tag" title=${t("noTags")}>${t("tagsText")}<//>`}
    <div><${Button} icon="Plus" onClick=${() => edit(null)}>${t("newTag")}<//></div>`
}
