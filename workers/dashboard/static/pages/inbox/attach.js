// attach.js: files on their way into a message: checked, made smaller where it is a photo, uploaded with its progress shown.
import { html, signal } from "../../vendor/vendor.js"
import { uploadWatched } from "../../lib/api.js"
import { bytes } from "../../lib/formats.js"
import { asProblem } from "../../lib/problems.js"
import { org } from "../../lib/session.js"
import { IconButton } from "../../ui/basics.js"
import { Icon } from "../../ui/icon.js"
import { say } from "../../ui/toasts.js"
import { kindWords, t } from "./words.js"

const OFFICE = "application/vnd.openxmlformats-officedocument"
const TAKEN = [
  ["image", 5e6, ["image/jpeg", "image/png"]],
  ["video", 16e6, ["video/mp4", "video/3gpp"]],
  ["audio", 16e6, ["audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/x-m4a", "audio/ogg"]],
  ["document", 100e6, ["application/pdf", "text/plain", "application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint",
    `${OFFICE}.wordprocessingml.document`, `${OFFICE}.spreadsheetml.sheet`, `${OFFICE}.presentationml.presentation`]],
]
export const ACCEPT = `image/*,${TAKEN.slice(1).flatMap(([, , types]) => types).join(",")}`
const LARGEST_SIDE = 2560

/** By conversation: [{id, name, kind, size, state: "uploading" | "ready" | "failed", progress, problem, media_id, preview}]. */
export const trays = signal({})
export const trayOf = (id) => trays.value[id] ?? []
const set = (conversation, tray) => { trays.value = { ...trays.value, [conversation]: tray } }
const change = (conversation, id, how) => set(conversation, trayOf(conversation).map((item) => (item.id === id ? { ...item, ...how } : item)))

/** A photo that WhatsApp would not take as it is, as a JPEG that it does. */
async function photo(file) {
  const picture = await createImageBitmap(file)
  const scale = Math.min(1, LARGEST_SIDE / Math.max(picture.width, picture.height))
  const canvas = Object.assign(document.createElement("canvas"), { width: Math.round(picture.width * scale), height: Math.round(picture.height * scale) })
  canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height)
  const blob = await new Promise((resolve) => { canvas.toBlob(resolve, "image/jpeg", 0.85) })
  return new File([blob], `${file.name.replace(/\.\w+$/, "")}.jpg`, { type: "image/jpeg" })
}

const recognise = ({ type }) => TAKEN.find(([, , types]) => types.includes(type.split(";")[0]))

/** Takes files from a chooser, the clipboard or a drag. */
export async function attach(conversation, files, { voice = false } = {}) {
  for (const given of files) {
    let file = given
    if (file.type.startsWith("image/") && (!recognise(file) || file.size > 5e6)) file = await photo(file).catch(() => file)
    const [kind, most] = recognise(file) ?? []
    if (!kind) say(t("fileKind", { name: file.name }), { isBad: true })
    else if (file.size > most) say(t("fileLarge", { name: file.name, size: bytes(most) }), { isBad: true })
    else if (!file.size) say(t("fileEmpty", { name: file.name }), { isBad: true })
    else {
      const item = { id: crypto.randomUUID(), file, kind, voice, name: file.name, size: file.size, state: "uploading", progress: 0, preview: kind === "image" ? URL.createObjectURL(file) : null }
      set(conversation, [...trayOf(conversation), item])
      start(conversation, item)
    }
  }
}

async function start(conversation, { id, file, kind }) {
  const ending = new AbortController()
  change(conversation, id, { state: "uploading", progress: 0, problem: null, ending })
  const form = new FormData()
  form.append("org_id", org.value.id)
  form.append("kind", kind)
  form.append("conversation_id", conversation)
  form.append("file", file, file.name)
  try {
    const { media_id: media } = await uploadWatched("media", form, (progress) => change(conversation, id, { progress }), ending.signal)
    change(conversation, id, { state: "ready", media_id: media, progress: 1 })
  } catch (error) {
    change(conversation, id, { state: "failed", problem: asProblem(error) })
  }
}

/** A file that is stored already, from a quick reply. */
export const attachStored = (conversation, { id, kind, filename, bytes: size }) =>
  set(conversation, [...trayOf(conversation), { id: crypto.randomUUID(), kind, name: filename ?? kindWords(kind), size, state: "ready", progress: 1, media_id: id }])

export function remove(conversation, id) {
  const item = trayOf(conversation).find((each) => each.id === id)
  item?.ending?.abort()
  if (item?.preview) URL.revokeObjectURL(item.preview)
  set(conversation, trayOf(conversation).filter((each) => each.id !== id))
}

/** Takes the files out of the tray as messages; the first that can carries the words. Gives {messages, rest: words that are left}. */
export function take(conversation, text) {
  let rest = text
  const messages = trayOf(conversation).map(({ kind, media_id, voice, name }) => {
    const carries = rest && rest.length <= 1024 && ["image", "video", "document"].includes(kind)
    const caption = carries ? rest : undefined
    if (carries) rest = ""
    return { message: { kind, media_id, ...(caption && { caption }), ...(voice && { voice: true }), ...(kind === "document" && { filename: name.slice(0, 240) }) }, text: caption ?? name }
  })
  for (const { id } of trayOf(conversation)) remove(conversation, id)
  return { messages, rest }
}

const NAMES = { image: "Image", video: "Video", audio: "Mic", document: "FileText", sticker: "Sticker" }

export const Tray = ({ conversation }) => trayOf(conversation).length > 0 && html`<ul class="tray" aria-label=${t("files")}>${trayOf(conversation).map((item) => html`<li key=${item.id} class=${item.state}>
  ${item.preview ? html`<img src=${item.preview} alt="" />` : html`<span class="paper-icon"><${Icon} name=${NAMES[item.kind]} /></span>`}
  <span class="grow"><bdi class="clip">${item.voice ? t("voiceNote") : item.name}</bdi>
    ${item.state === "failed" ? html`<span class="small danger wrap" role="alert">${item.problem.words}</span>` : html`<span class="soft small">${item.size ? bytes(item.size) : ""}</span>`}
    ${item.state === "uploading" && html`<span class="bar" role="progressbar" aria-label=${t("uploading")} aria-valuenow=${Math.round(item.progress * 100)} aria-valuemin="0" aria-valuemax="100"><div style=${{ width: `${item.progress * 100}%` }}></div></span>`}</span>
  ${item.state === "failed" && html`<${IconButton} icon="RefreshCw" label=${t("tryAgain")} onClick=${() => start(conversation, item)} />`}
  <${IconButton} icon="X" label=${t("removeFile", { name: item.name })} onClick=${() => remove(conversation, item.id)} /></li>`)}</ul>`
