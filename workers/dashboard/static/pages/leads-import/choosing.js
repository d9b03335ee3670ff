// choosing.js: the file itself: chosen or dropped.
import { html, useRef, useState } from "../../vendor/vendor.js"
import { upload } from "../../lib/api.js"
import { go } from "../../lib/router.js"
import { org } from "../../lib/session.js"
import { Button, Notice } from "../../ui/basics.js"
import { confirm } from "../../ui/dialog.js"
import { Icon } from "../../ui/icon.js"
import { complain } from "../../ui/toasts.js"
import { t } from "./words.js"

const MOST = 20 * 1024 * 1024

async function send(file, isConfirmed = false) {
  const form = new FormData()
  form.append("org_id", org.value.id)
  form.append("is_confirmed", String(isConfirmed))
  form.append("file", file)
  try {
    const { import_id: id } = await upload("imports", form)
    go(`/leads/import?id=${id}`)
  } catch (error) {
    if (error.detail !== "same_file") throw error
    if (await confirm({ title: t("sameFile"), text: t("sameFileText"), action: t("sameFileDo") })) await send(file, true)
  }
}

export function Choosing() {
  const box = useRef()
  const [isOver, setOver] = useState(false)
  const [sending, setSending] = useState(null)
  const [wrong, setWrong] = useState(null)
  const take = async (file) => {
    if (!file || sending) return
    setWrong(null)
    if (file.size > MOST) return setWrong(t("tooLarge"))
    if (!/\.(csv|xlsx|txt|tsv)$/i.test(file.name)) return setWrong(t("wrongKind"))
    setSending(file.name)
    await send(file).catch(complain)
    setSending(null)
    return undefined
  }
  return html`<div class="drop-zone ${isOver ? "over" : ""}" onDragOver=${(event) => { event.preventDefault(); setOver(true) }} onDragLeave=${() => setOver(false)}
      onDrop=${(event) => { event.preventDefault(); setOver(false); take(event.dataTransfer.files[0]) }}>
      <${Icon} name="FileSpreadsheet" size=${40} />
      <h2>${t("choose")}</h2><p class="soft">${t("chooseText")}</p>
      <input type="file" class="hidden-visually" tabindex="-1" aria-hidden="true" ref=${box} accept=".csv,.tsv,.txt,.xlsx" onChange=${(event) => { take(event.target.files[0]); event.target.value = "" }} />
      <${Button} kind="primary" icon="Upload" busy=${Boolean(sending)} onClick=${() => box.current.click()}>${sending ? t("sending") : t("chooseFile")}<//>
      <p class="small soft">${t("limits")}</p>
    </div>
    ${wrong && html`<${Notice} kind="bad">${wrong}<//>`}`
}
