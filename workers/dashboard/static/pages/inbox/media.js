// media.js: files of messages. Storage is private: an address is signed for each look, and good for some minutes.
import { html, useEffect, useRef, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { bytes } from "../../lib/formats.js"
import { supabase } from "../../lib/session.js"
import { Button, IconButton } from "../../ui/basics.js"
import { Icon } from "../../ui/icon.js"
import { say } from "../../ui/toasts.js"
import { kindWords, t } from "./words.js"

const GOOD_FOR = 900 // seconds
const signed = new Map() // path → {url, until}

/** A signed address of a stored file; with a name it is downloaded under it. */
export async function addressOf(file, { download = false } = {}) {
  const key = `${file.path} ${download}`
  const known = signed.get(key)
  if (known && known.until > Date.now()) return known.url
  const { data, error } = await supabase.storage.from("media").createSignedUrl(file.path, GOOD_FOR, download ? { download: file.filename || `${file.kind}-${file.id.slice(0, 8)}` } : undefined)
  if (error) throw error
  signed.set(key, { url: data.signedUrl, until: Date.now() + (GOOD_FOR - 120) * 1000 })
  return data.signedUrl
}

/** The address once it is there: {url, isGone}. */
export function useAddress(file) {
  const [state, setState] = useState({})
  const isStored = file?.status === "stored"
  useEffect(() => {
    let isHere = true
    if (isStored) addressOf(file).then((url) => isHere && setState({ url }), () => isHere && setState({ isGone: true }))
    return () => { isHere = false }
  }, [file?.path, isStored])
  return state
}

export async function save(file) {
  const link = document.createElement("a")
  link.href = await addressOf(file, { download: true })
  link.download = file.filename ?? ""
  link.rel = "noopener"
  link.click()
}

const NAMES = { image: "Image", video: "Video", audio: "Mic", document: "FileText", sticker: "Sticker" }

/** What stands in a bubble while a file is on its way, or when it cannot be had. */
export function Standing({ file, kind, thread }) {
  if (!file || file.status === "pending") return html`<div class="file-state"><${Icon} name=${NAMES[kind] ?? "FileText"} /><span>${kindWords(kind)}</span><span class="soft small">${t("fileComing")}</span></div>`
  const again = async () => {
    await rpc("retry_media", { media_id: file.id })
    thread.set({ files: { ...thread.state.value.files, [`m${file.message_id}`]: { ...file, status: "pending" } } })
    setTimeout(() => thread.files(thread.state.value.messages.filter(({ id }) => id === file.message_id)), 1500)
  }
  const lost = { expired: "fileGone", gone: "fileGone", removed_by_age: "fileOld" }[file.error_slug]
  return html`<div class="file-state bad"><${Icon} name="CircleAlert" /><span>${t(lost ?? "fileFailed")}</span>
    ${!lost && file.error && html`<span class="soft small wrap">${file.error}</span>`}
    ${!lost && file.direction === "inbound" && html`<${Button} kind="quiet" icon="RefreshCw" onClick=${again}>${t("tryAgain")}<//>`}</div>`
}

const time = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`
const SPEEDS = [1, 1.5, 2]

/** A voice note: play, where it is, and how fast. Only one plays at a time. */
export function Voice({ file, isVoice }) {
  const { url } = useAddress(file)
  const audio = useRef()
  const [state, setState] = useState({ isPlaying: false, at: 0, long: 0 })
  const [speed, setSpeed] = useState(1)
  const read = () => {
    const { currentTime: at, duration: long, paused } = audio.current
    setState({ at, long: Number.isFinite(long) ? long : 0, isPlaying: !paused })
  }
  const toggle = () => {
    if (!audio.current.paused) return audio.current.pause()
    for (const other of document.querySelectorAll("audio, video")) other.pause()
    audio.current.playbackRate = speed
    return audio.current.play().catch(() => say(t("cannotPlay"), { isBad: true }))
  }
  const faster = () => {
    const next = SPEEDS[(SPEEDS.indexOf(speed) + 1) % SPEEDS.length]
    setSpeed(next)
    audio.current.playbackRate = next
  }
  return html`<div class="voice">
    <${IconButton} icon=${state.isPlaying ? "Pause" : "Play"} label=${t(state.isPlaying ? "pause" : "play")} disabled=${!url} onClick=${toggle} />
    <input type="range" min="0" max=${state.long || 1} step="0.1" value=${state.at} aria-label=${t("position")} disabled=${!url} onInput=${(event) => { audio.current.currentTime = Number(event.target.value) }} />
    <span class="small numbers soft">${time(state.isPlaying || state.at ? state.at : state.long)}</span>
    <button type="button" class="speed" aria-label=${t("speed", { n: String(speed) })} onClick=${faster}>${speed}×</button>
    <${Icon} name=${isVoice ? "Mic" : "FileText"} size=${16} label=${t(isVoice ? "voiceNote" : "kind_audio")} />
    ${url && html`<audio ref=${audio} src=${url} preload="metadata" onTimeUpdate=${read} onLoadedMetadata=${read} onPlay=${read} onPause=${read} onEnded=${read}></audio>`}
  </div>`
}

/** A document: its name, its size, and a click that saves it. */
export const Paper = ({ file, name }) => html`<button type="button" class="paper" onClick=${() => save(file).catch(() => say(t("fileGone"), { isBad: true }))}>
  <span class="paper-icon"><${Icon} name="FileText" size=${22} /></span>
  <span class="grow"><bdi class="wrap two">${name || file.filename || t("kind_document")}</bdi><span class="soft small">${[(file.mime_type ?? "").split("/").at(-1).split(".").at(-1).slice(0, 12).toUpperCase(), file.bytes && bytes(file.bytes)].filter(Boolean).join(" · ")}</span></span>
  <${Icon} name="Download" size=${18} label=${t("download")} /></button>`
