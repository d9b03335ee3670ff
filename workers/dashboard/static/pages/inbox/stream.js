// stream.js: the messages of a conversation. The box is laid out from its bottom up, so that the newest stays in sight and
// older pages come in without anything moving.
import { html, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../../vendor/vendor.js"
import { moment } from "../../lib/formats.js"
import { Button, Skeleton } from "../../ui/basics.js"
import { Icon } from "../../ui/icon.js"
import { Bubble } from "./bubble.js"
import { itemsOf } from "./items.js"
import { Note } from "./note.js"
import { outbox } from "./outbox.js"
import { fileOf } from "./thread.js"
import { nameOf } from "./team.js"
import { openViewer } from "./viewer.js"
import { consentWords, t } from "./words.js"

const NEAR = 600 // pixels from an end where the next page is asked for

function eventWords({ kind, actor, details }) {
  const who = actor ? nameOf(actor) : t("flow")
  if (kind === "assigned") return details.to ? (details.to === actor ? t("event_took", { who }) : t("event_assigned", { who, to: nameOf(details.to) })) : t("event_unassigned", { who })
  return t(`event_${kind}`, { who, name: details.name ?? "" })
}

const Line = ({ item: { day, divider, event, consent, at } }) => {
  if (day) return html`<div class="day" role="separator"><span>${day}</span></div>`
  if (divider) return html`<div class="new-divider" role="separator" id="new-messages"><span>${t("newMessages")}</span></div>`
  const words = event ? eventWords(event) : consentWords(consent)
  return html`<div class="event ${consent ? `consent ${consent.decision}` : ""}"><span class="wrap">${consent && html`<${Icon} name=${consent.decision === "opt_out" ? "Ban" : "UserCheck"} size=${14} />`} ${words}</span><time datetime=${at}>${moment(at)}</time></div>`
}

export function Stream({ thread, name, dividerId, target, isOpen, onReply, onBottom }) {
  const state = thread.state.value
  const box = useRef()
  const before = useRef({})
  const [isAway, setAway] = useState(false)
  const [fresh, setFresh] = useState(0)
  const [marked, setMarked] = useState(null)
  const waiting = outbox.value.filter((item) => item.conversation_id === thread.id)
  const items = useMemo(() => (state.messages ? itemsOf(state, waiting, dividerId) : []), [state, outbox.value, dividerId])
  const byWamid = useMemo(() => new Map((state.messages ?? []).map((message) => [message.wamid, message])), [state.messages])

  const scrolled = () => {
    const { scrollTop, scrollHeight, clientHeight } = box.current
    if (scrollHeight - clientHeight + scrollTop < NEAR) thread.older()
    if (scrollTop > -NEAR) thread.newer()
    const away = scrollTop < -80 || thread.state.value.hasNewer
    setAway(away)
    if (!away) setFresh(0)
    onBottom(!away)
  }
  useLayoutEffect(() => {
    const { first, last, height, count } = before.current
    const now = { first: items[0]?.key, last: items.at(-1)?.key, height: box.current.scrollHeight, count: state.messages?.length ?? 0 }
    // What came at the end while somebody reads above pushes nothing.
    if (last && now.last !== last && now.first === first && (isAway || state.hasNewer)) {
      box.current.scrollTop -= now.height - height
      const added = (state.messages ?? []).slice(count).filter(({ direction }) => direction === "inbound").length
      if (added && !state.hasNewer) setFresh((known) => known + added)
    }
    before.current = now
  }, [items])
  const jump = (id) => {
    const found = box.current?.querySelector(`[data-message="${id}"]`)
    if (!found) return false
    found.scrollIntoView({ block: "center" })
    setMarked(id)
    setTimeout(() => setMarked((now) => (now === id ? null : now)), 1800)
    return true
  }
  const isReady = state.messages !== null
  const hasTarget = Boolean(target) && isReady && state.messages.some(({ id }) => id === target)
  useLayoutEffect(() => {
    if (!isReady) return
    if (hasTarget) jump(target)
    else if (!target) box.current.querySelector("#new-messages")?.scrollIntoView({ block: "center" })
    scrolled()
  }, [isReady, target, hasTarget, dividerId])
  const toLatest = async () => {
    if (state.hasNewer) await thread.load()
    box.current.scrollTop = 0
    scrolled()
  }
  useEffect(() => { if (waiting.some((item) => item.state === "waiting")) toLatest() }, [waiting.length])

  const view = (message) => {
    const shown = state.messages.map((each) => ({ message: each, file: fileOf(state.files, each) })).filter(({ file, message: each }) => file?.status === "stored" && ["image", "video"].includes(file.kind) && !each.revoked_at)
    openViewer(shown.map(({ message: each, file }) => ({ file, at: each.at, who: each.direction === "inbound" ? name : nameOf(each.sender_id), text: each.body[each.kind]?.caption })), Math.max(0, shown.findIndex(({ message: each }) => each.id === message.id)))
  }
  return html`<div class="stream" ref=${box} onScroll=${scrolled} tabindex="0" role="log" aria-label=${t("messages")} aria-busy=${state.isLoading}>
    <div class="stream-inner">
      ${state.isLoading && state.hasOlder && isReady && html`<div class="loading-older"><${Icon} name="LoaderCircle" className="spin" label=${t("loading")} /></div>`}
      ${!isReady && !state.problem && html`<div class="stream-skeleton"><${Skeleton} lines=${6} height=${44} /></div>`}
      ${state.problem && html`<div class="event"><span>${state.problem.words}</span><${Button} kind="quiet" icon="RefreshCw" onClick=${() => thread.load(target)}>${t("tryAgain")}<//></div>`}
      ${isReady && !items.length && html`<div class="event"><span>${t("noMessages")}</span></div>`}
      ${items.map((item) => (item.message ? html`<${Bubble} key=${item.key} ...${{ message: item.message, thread, isFirst: item.isFirst, name, isOpen, onReply, onView: view, onJump: jump }} isMarked=${marked === item.message.id} quoted=${byWamid.get(item.message.context_wamid)} />`
        : item.note ? html`<${Note} key=${item.key} note=${item.note} thread=${thread} />` : html`<${Line} key=${item.key} item=${item} />`))}
    </div>
    ${isAway && html`<button type="button" class="to-latest" aria-label=${fresh ? t("toLatestNew", { n: fresh }) : t("toLatest")} onClick=${toLatest}><${Icon} name="ArrowDown" />${fresh > 0 && html`<span class="badge">${fresh}</span>`}</button>`}
  </div>`
}
