// recorder.js: a voice note, where the browser records in a form that WhatsApp takes; elsewhere there is no button for it.
import { html, useEffect, useRef, useState } from "../../vendor/vendor.js"
import { IconButton } from "../../ui/basics.js"
import { say } from "../../ui/toasts.js"
import { attach } from "./attach.js"
import { t } from "./words.js"

const FORMS = [["audio/ogg;codecs=opus", "ogg", true], ["audio/mp4;codecs=mp4a.40.2", "m4a", false]]
const form = FORMS.find(([type]) => globalThis.MediaRecorder?.isTypeSupported?.(type))
export const canRecord = Boolean(form && navigator.mediaDevices?.getUserMedia)
const LONGEST = 15 * 60

export function Recorder({ conversation }) {
  const [since, setSince] = useState(null)
  const [seconds, setSeconds] = useState(0)
  const at = useRef(null)
  const stop = (isKept) => {
    if (!at.current) return
    at.current.isKept = isKept
    at.current.recorder.stop()
  }
  useEffect(() => () => stop(false), [conversation])
  useEffect(() => {
    if (since === null) return undefined
    const timer = setInterval(() => {
      const passed = Math.floor((Date.now() - since) / 1000)
      setSeconds(passed)
      if (passed >= LONGEST) stop(true)
    }, 500)
    return () => clearInterval(timer)
  }, [since])
  const start = async () => {
    let stream
    try {
      stream = await navigator.mediaDevices.getUserMedia({ audio: true })
    } catch {
      return say(t("microphone"), { isBad: true })
    }
    const [type, ending, voice] = form
    const recorder = new MediaRecorder(stream, { mimeType: type })
    const chunks = []
    const mine = { recorder, isKept: false }
    at.current = mine
    recorder.ondataavailable = ({ data }) => chunks.push(data)
    recorder.onstop = () => {
      for (const track of stream.getTracks()) track.stop()
      at.current = null
      setSince(null)
      setSeconds(0)
      if (mine.isKept) attach(conversation, [new File(chunks, `voice.${ending}`, { type: type.split(";")[0] })], { voice })
    }
    recorder.start()
    setSince(Date.now())
  }
  if (since === null) return html`<${IconButton} icon="Mic" label=${t("record")} onClick=${start} />`
  return html`<div class="recording" role="status"><span class="dot live"></span><span class="numbers">${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}</span>
    <${IconButton} icon="Trash2" label=${t("discard")} onClick=${() => stop(false)} /><${IconButton} icon="Check" label=${t("recordDone")} onClick=${() => stop(true)} /></div>`
}
