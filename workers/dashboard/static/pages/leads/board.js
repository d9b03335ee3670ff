// board.js: a pipeline as columns. Cards move by mouse, by keys and by their menu; columns page by themselves.
import { html, useRef } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { adjust, refresh, useQuery } from "../../lib/queries.js"
import { Loaded } from "../../ui/basics.js"
import { complain } from "../../ui/toasts.js"
import { Card, HEIGHT } from "./card.js"
import { findIn, inserted, merged, placed, readLeads } from "./cards.js"
import { useLeadChanges } from "./changes.js"
import { Column } from "./column.js"
import { carried } from "./drag.js"
import { moveLead, moving } from "./moving.js"
import { t } from "./words.js"

const PAGE = 30
const GAP = 8
const memories = new Map() // where each column was scrolled to

/** What a board's query reads: the newest of each column, below them what was paged before, and moves that are under way. */
async function readBoard(pipeline, filter, known, ids) {
  const fresh = await rpc("board", { pipeline_id: pipeline, filter, page_size: PAGE })
  if (ids === null) return fresh
  let board = merged(known(), fresh)
  const paged = ids.filter((id) => !findIn(fresh, id) && findIn(board, id))
  if (paged.length) {
    const leads = new Map((await readLeads(paged)).map((lead) => [lead.id, lead]))
    for (const id of paged) {
      const { lead } = findIn(board, id)
      const stages = placed(board, leads.get(id) ?? { ...lead, stage_id: null }).stages
      // The counts were read just now.
      board = { ...board, stages: stages.map((column, index) => ({ ...column, count: fresh.stages[index].count, values: fresh.stages[index].values })) }
    }
  }
  for (const [id, stage] of moving) if (findIn(board, id)) board = placed(board, { id, stage_id: stage })
  return board
}

export function Board({ reference, pipeline, filter }) {
  const key = `leads/board/${pipeline}/${JSON.stringify(filter)}`
  const latest = useRef()
  const changed = useRef([])
  const query = useQuery(key, async () => {
    const ids = changed.current
    const board = await readBoard(pipeline, filter, () => latest.current, ids)
    if (changed.current === ids) changed.current = [] // else the next reading, already asked for, looks at all of them
    return board
  })
  latest.current = query.data
  useLeadChanges((ids) => {
    changed.current = ids && changed.current ? [...changed.current, ...ids] : null
    refresh(key)
  })
  const stages = reference.stagesOf(pipeline)
  const shown = (change, lead) => adjust(key, (board) => placed(board, findIn(board, change.id) ? change : { ...lead, ...change }))
  const again = () => refresh(key)
  const move = (lead, to) => moveLead({ lead: findIn(latest.current, lead.id)?.lead ?? lead, to, reference, shown, again })
  const drop = (lead, stage) => move(lead, reference.the("stage", stage)).catch(complain)
  const append = (stage, { leads, next }) => adjust(key, (board) => ({ ...board, stages: board.stages.map((column) => (column.stage_id === stage
    ? { ...column, next, leads: leads.filter(({ id }) => !findIn(board, id)).reduce(inserted, column.leads) } : column)) }))

  const press = (event) => {
    const card = event.target.closest?.("a.name")
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key]
    if (!card || !step || event.ctrlKey || event.metaKey || event.altKey) return
    const found = findIn(latest.current, card.closest("[data-lead]").dataset.lead)
    if (!found) return
    event.preventDefault()
    const columns = latest.current.stages
    const beside = columns[columns.indexOf(found.column) + step[0]]
    const focus = (column, index) => document.dispatchEvent(new CustomEvent("focus-lead", { detail: { stage: column.stage_id, index } }))
    if (event.shiftKey) {
      if (!step[0] || !beside) return
      move(found.lead, reference.the("stage", beside.stage_id)).then((isMoved) => {
        const now = isMoved && findIn(latest.current, found.lead.id)
        if (now) focus(now.column, now.column.leads.indexOf(now.lead))
      }).catch(complain)
    } else if (step[1]) {
      const index = found.column.leads.indexOf(found.lead) + step[1]
      if (found.column.leads[index]) focus(found.column, index)
    } else {
      for (let next = columns.indexOf(found.column) + step[0]; columns[next]; next += step[0]) {
        if (columns[next].leads.length) { focus(columns[next], Math.min(found.column.leads.indexOf(found.lead), columns[next].leads.length - 1)); break }
      }
    }
  }
  const carrying = carried.value
  return html`<${Loaded} query=${query} retry=${again} lines=${6} height=${HEIGHT - GAP}>${(board) => html`<div class="board ${carrying ? "carrying" : ""}" onKeyDown=${press}>
      <p id="board-keys" hidden>${t("boardKeys")}</p>
      ${board.stages.map((column) => html`<${Column} key=${column.stage_id} column=${column} reference=${reference} stages=${stages} filter=${filter}
        isOver=${carrying?.over === column.stage_id} onMove=${move} onDrop=${drop} append=${append} memory=${memoryOf(key, column.stage_id)} />`)}
      ${carrying && html`<div class="ghost" aria-hidden="true" style=${{ width: `${carrying.width}px`, height: `${HEIGHT - GAP}px` }}><${Card} lead=${carrying.lead} reference=${reference} isGhost /></div>`}
    </div>`}<//>`
}

function memoryOf(key, stage) {
  const name = `${key} ${stage}`
  if (!memories.has(name)) memories.set(name, { top: 0 })
  return memories.get(name)
}
