// composer.js: where messages and notes are written. What is typed is kept at once; what cannot be sent says why.
import { html, useEffect, useLayoutEffect, useRef, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { duration, now } from "../../lib/formats.js"
import { Button, IconButton } from "../../ui/basics.js"
import { Icon } from "../../ui/icon.js"
import { complain } from "../../ui/toasts.js"
import { ACCEPT, attach, take, Tray, trayOf } from "./attach.js"
import { Cost } from "./cost.js"
import { draftOf, keep } from "./drafts.js"
import { mentionsIn } from "./note.js"
import { flush, note, send } from "./outbox.js"
import { canRecord, Recorder } from "./recorder.js"
import { schedule, Scheduled } from "./schedule.js"
import { accept, Offers, offers } from "./suggest.js"
import { nameOf, numberOf, recall } from "./team.js"
import { t } from "./words.js"

const MOST = { text: 4096, note: 10_000 }
const TYPING = 10_000
const hasKeyboard = () => matchMedia("(pointer: fine)").matches

/** Why nothing free-form can be written now: {icon, words, template: whether one can be sent}; null: it can. */
function closedFor(card, contact) {
  if (numberOf(card.number_id)?.status === "disconnected") return { icon: "WifiOff", words: t("closedNumber") }
  if (card.window_expires_at && new Date(card.window_expires_at) > now.value) return null
  return { icon: "Clock", words: t(card.window_expires_at ? "closedWindow" : "closedNever"), template: !contact?.opted_out_at }
}

export function Composer({ card, contact, lead, thread }) {
  const draft = draftOf(card.id)
  const { mode, answers } = draft
  const text = mode === "note" ? draft.note : draft.text
  const field = useRef()
  const chooser = useRef()
  const typedAt = useRef(0)
  const [cursor, setCursor] = useState(0)
  const [at, setAt] = useState(0)
  const [hidden, setHidden] = useState(null) // offers that were dismissed, until the text changes
  const [isOver, setOver] = useState(false)
  const closed = closedFor(card, contact)
  const isClosed = mode === "text" && closed
  const tray = trayOf(card.id)
  const found = hidden === text ? [] : offers(text, cursor, mode)
  const isLong = [...text].length > MOST[mode]
  const isUploading = tray.some(({ state }) => state !== "ready")
  const canSend = !isLong && (text.trim() || (mode === "text" && tray.length)) && !(mode === "text" && isUploading)

  const write = (value) => keep(card.id, mode === "note" ? { note: value } : { text: value })
  const typed = (event) => {
    if (event.target.value === "/") recall("replies") // somebody may have added one
    write(event.target.value)
    setCursor(event.target.selectionStart)
    setAt(0)
    setHidden(null)
    if (mode !== "text" || isClosed || !event.target.value.trim() || Date.now() - typedAt.current < TYPING) return
    typedAt.current = Date.now()
    rpc("show_typing", { conversation_id: card.id }).catch(() => {}) // only a courtesy
  }
  useEffect(() => { if (hasKeyboard()) field.current?.focus() }, [card.id, mode])
  useEffect(() => { if (answers) field.current?.focus() }, [answers])
  const wanted = useRef(null)
  useLayoutEffect(() => {
    if (wanted.current === null) return
    field.current?.setSelectionRange(wanted.current, wanted.current)
    wanted.current = null
  })
  const taken = async (offer) => {
    try {
      const given = await accept(offer, text, cursor, card.id)
      wanted.current = given.cursor
      write(given.text)
      setCursor(given.cursor)
      field.current?.focus()
    } catch (error) { complain(error) }
  }
  const submit = () => {
    if (!canSend || isClosed) return
    if (mode === "note") {
      keep(card.id, { note: "" })
      return void note(card.id, text.trim(), mentionsIn(text))
    }
    const context = answers ? { context_wamid: answers } : {}
    const { messages, rest } = take(card.id, text.trim())
    keep(card.id, { text: "", answers: null })
    for (const { message, text: shown } of messages) send(card.id, { ...message, ...context }, shown)
    if (rest) send(card.id, { kind: "text", text: rest, ...context }, rest)
    field.current?.focus()
  }
  const pressed = (event) => {
    if (event.isComposing) return
    if (found.length && ["ArrowDown", "ArrowUp"].includes(event.key)) {
      event.preventDefault()
      return setAt((index) => (index + (event.key === "ArrowDown" ? 1 : -1) + found.length) % found.length)
    }
    if (found.length && ["Enter", "Tab"].includes(event.key)) { event.preventDefault(); return taken(found[at] ?? found[0]) }
    if (event.key === "Escape" && found.length) { event.stopPropagation(); return setHidden(text) }
    if (event.key === "Escape" && answers) return keep(card.id, { answers: null })
    if (event.key === "Enter" && !event.shiftKey && hasKeyboard()) { event.preventDefault(); submit() }
  }
  const pasted = (event) => {
    const files = [...event.clipboardData.files]
    if (!files.length || mode !== "text" || isClosed) return
    event.preventDefault()
    attach(card.id, files)
  }
  const dropped = (event) => {
    event.preventDefault()
    setOver(false)
    if (mode === "text" && !isClosed) attach(card.id, [...event.dataTransfer.files])
  }
  const template = async () => {
    const { chooseTemplate } = await import("./template.js")
    const chosen = await chooseTemplate({ card, lead })
    if (chosen) send(card.id, { ...chosen.message, ...(answers && { context_wamid: answers }) }, chosen.text)
  }
  const later = async () => {
    if (tray.length) {
      const [{ kind, media_id, voice }] = tray
      const caption = text.trim() && kind !== "audio" ? { caption: text.trim() } : {}
      if (await schedule(card.id, { kind, media_id, ...caption, ...(voice && { voice }) })) { take(card.id, ""); write("") }
    } else if (await schedule(card.id, { kind: "text", text: text.trim(), ...(answers && { context_wamid: answers }) })) keep(card.id, { text: "", answers: null })
  }
  const answered = answers && thread.state.value.messages?.find(({ wamid }) => wamid === answers)
  const left = card.window_expires_at ? new Date(card.window_expires_at) - now.value : 0
  return html`<footer class="composer ${mode === "note" ? "noting" : ""} ${isOver ? "over" : ""}" onDragOver=${(event) => { event.preventDefault(); setOver(true) }} onDragLeave=${() => setOver(false)} onDrop=${dropped}>
    <${Scheduled} conversation=${card.id} />
    ${contact?.opted_out_at && html`<div class="closed warn"><${Icon} name="Ban" size=${18} /><span class="grow">${t("optedOut")}</span></div>`}
    <div class="modes" role="group" aria-label=${t("mode")}>
      <button type="button" aria-pressed=${mode === "text"} onClick=${() => keep(card.id, { mode: "text" })}>${t("message")}</button>
      <button type="button" aria-pressed=${mode === "note"} onClick=${() => keep(card.id, { mode: "note" })}><${Icon} name="Lock" size=${14} />${t("note")}</button>
      <span class="grow"></span>
      <span class="small soft clip" id="composer-cost">${mode === "note" ? t("noteHelp") : isClosed ? null : html`<${Cost} conversation=${card.id} message=${{ kind: "text" }} windowEnds=${card.window_expires_at} />${left > 0 && left < 4 * 3_600_000 && html` · <span class="warn">${t("left", { time: duration(Math.max(left, 60_000)) })}</span>`}`}</span>
    </div>
    ${answers && mode === "text" && html`<div class="answering"><${Icon} name="Reply" size=${16} /><span class="grow"><strong class="small clip">${answered ? (answered.direction === "inbound" ? card.contact_name || t("customer") : nameOf(answered.sender_id)) : t("earlier")}</strong><span class="small clip" dir="auto">${answered?.text ?? t("earlierText")}</span></span>
      <${IconButton} icon="X" label=${t("noAnswer")} onClick=${() => keep(card.id, { answers: null })} /></div>`}
    ${mode === "text" && html`<${Tray} conversation=${card.id} />`}
    ${isClosed ? html`<div class="closed"><${Icon} name=${closed.icon} size=${18} /><span class="grow">${closed.words}</span>${closed.template && html`<${Button} kind="primary" icon="FileText" onClick=${template}>${t("template")}<//>`}</div>`
      : html`<div class="write">
      ${mode === "text" && html`<${IconButton} icon="Paperclip" label=${t("attach")} onClick=${() => chooser.current.click()} /><input type="file" ref=${chooser} multiple hidden accept=${ACCEPT} onChange=${(event) => { attach(card.id, [...event.target.files]); event.target.value = "" }} />
        <${IconButton} icon="FileText" label=${t("template")} onClick=${() => template().catch(complain)} />`}
      <div class="grow write-field">${found.length > 0 && html`<${Offers} id="offers" found=${found} at=${at} onTake=${taken} />`}
        <textarea ref=${field} rows="1" dir="auto" class="input" aria-label=${t(mode === "note" ? "note" : "message")} placeholder=${t(mode === "note" ? "notePlaceholder" : hasKeyboard() ? "placeholder" : "placeholderShort")} value=${text} aria-describedby="composer-cost"
          role="combobox" aria-autocomplete="list" aria-expanded=${found.length > 0} aria-controls="offers" aria-activedescendant=${found.length ? `offers-${at}` : undefined} aria-invalid=${isLong ? "true" : undefined}
          onInput=${typed} onKeyDown=${pressed} onPaste=${pasted} onSelect=${(event) => setCursor(event.target.selectionStart)}></textarea>
        ${[...text].length > MOST[mode] * 0.9 && html`<span class="small counter ${isLong ? "danger" : "soft"}" role="status">${t("length", { n: [...text].length, most: MOST[mode] })}</span>`}</div>
      ${mode === "text" && canRecord && !text && !tray.length && html`<${Recorder} conversation=${card.id} />`}
      ${mode === "text" && (text.trim() || tray.length > 0) && html`<${IconButton} icon="CalendarClock" label=${t("schedule")} disabled=${!canSend} onClick=${() => later().catch(complain)} />`}
      <${IconButton} icon="Send" label=${t(mode === "note" ? "saveNote" : "send")} class="icon-button send" disabled=${!canSend} onClick=${submit} /></div>`}
    ${isOver && html`<div class="drop-here">${t("dropHere")}</div>`}
  </footer>`
}

addEventListener("focus", () => flush())
