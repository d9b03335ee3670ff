// timeline.js: everything that happened around a lead, the newest first: messages with their cost, notes, who changed what.
import { html, useEffect, useRef, useState } from "../../vendor/vendor.js"
import { rows, rpc } from "../../lib/api.js"
import { day } from "../../lib/formats.js"
import { onChanges } from "../../lib/live.js"
import { useQuery } from "../../lib/queries.js"
import { Button, Empty, Loaded, Skeleton } from "../../ui/basics.js"
import { useLeadChanges } from "../leads/changes.js"
import { usePages } from "../../lib/paged.js"
import { Item } from "./items.js"
import { t } from "./words.js"

const isNote = (item) => item.type === "note" || item.kind === "noted"
const CHIPS = { all: () => true, messages: (item) => item.type === "message", notes: isNote, changes: (item) => item.type === "activity" && !isNote(item) }
const drafts = new Map()

export function Timeline({ lead, reference }) {
  const [chip, setChip] = useState("all")
  const list = usePages(`lead-timeline/${lead.id}`, async (next) => rpc("lead_timeline", { lead_id: lead.id, page_size: 50, ...next }), (item) => item.key)
  const talks = useQuery(`lead-talks/${lead.contact_id}`, () => rows("conversations", (query) => query.select("id").eq("contact_id", lead.contact_id))).data
  useLeadChanges((ids) => { if (!ids || ids.includes(lead.id)) list.again() })
  useEffect(() => onChanges(({ changes }) => { if (changes.some(({ conversation_id: id }) => id && (talks ?? []).some((talk) => talk.id === id))) list.again() }), [talks])
  useEffect(() => { if (!list.isFresh) list.again() }, [lead.version])
  const items = list.items.filter(CHIPS[chip])
  let shownDay = null
  return html`<section class="timeline" aria-label=${t("timeline")}>
    ${!lead.erased_at && html`<${NoteBox} lead=${lead} again=${list.again} />`}
    <div class="row breaks chips" role="group" aria-label=${t("show")}>${Object.keys(CHIPS).map((name) => html`<button type="button" class="chip" aria-pressed=${chip === name} onClick=${() => setChip(name)}>${t(name)}</button>`)}</div>
    ${list.problem && list.isFresh ? html`<${Loaded} query=${{ problem: list.problem }} retry=${list.again} />`
      : list.isFresh ? html`<${Skeleton} lines=${6} height=${40} />`
      : !items.length && list.isEnd ? html`<${Empty} icon="Clock" title=${t("nothingYet")} />`
      : html`<ol class="events">${items.map((item) => {
        const on = day(item.at)
        const isNew = on !== shownDay
        shownDay = on
        return html`${isNew && html`<li class="day" key=${`day ${on}`}>${on}</li>`}<${Item} key=${item.key} item=${item} lead=${lead} reference=${reference} />`
      })}</ol>`}
    ${!list.isFresh && !list.isEnd && html`<${Older} list=${list} />`}
  </section>`
}

/** Reads on when it comes into sight; a press does the same. */
function Older({ list }) {
  const box = useRef()
  useEffect(() => {
    const observer = new IntersectionObserver(([{ isIntersecting }]) => { if (isIntersecting) list.more() }, { rootMargin: "200px" })
    observer.observe(box.current)
    return () => observer.disconnect()
  })
  return html`<div ref=${box} class="row center"><${Button} kind="quiet" busy=${list.isLoading} onClick=${list.problem ? list.again : list.more}>${t("older")}<//></div>`
}

function NoteBox({ lead, again }) {
  const [text, setText] = useState(drafts.get(lead.id) ?? "")
  const typed = (value) => { setText(value); drafts.set(lead.id, value) }
  const write = async () => {
    await rpc("note_lead", { lead_id: lead.id, text: text.trim() })
    typed("")
    again()
  }
  return html`<form class="note-box" onSubmit=${(event) => { event.preventDefault(); event.target.querySelector("button").click() }}>
    <textarea class="input" rows="1" maxlength="10000" aria-label=${t("note")} placeholder=${t("noteExample")} value=${text} onInput=${(event) => typed(event.target.value)}
      onKeyDown=${(event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && text.trim()) { event.preventDefault(); event.target.form.requestSubmit() } }}></textarea>
    <${Button} icon="Pencil" disabled=${!text.trim()} onClick=${write}>${t("writeNote")}<//></form>`
}
