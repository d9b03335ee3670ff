// viewer.js: pictures and films of a conversation, large; arrows go to the next one.
import { html, useEffect, useRef, useState } from "../../vendor/vendor.js"
import { moment } from "../../lib/formats.js"
import { IconButton } from "../../ui/basics.js"
import { show } from "../../ui/dialog.js"
import { Icon } from "../../ui/icon.js"
import { complain } from "../../ui/toasts.js"
import { save, useAddress } from "./media.js"
import { t } from "./words.js"

/** shown: [{file, at, who, text}]; start: the index to begin with. */
export const openViewer = (shown, start) => show((close) => html`<${Viewer} ...${{ shown, start, close }} />`)

function Viewer({ shown, start, close }) {
  const box = useRef()
  const [at, setAt] = useState(start)
  const { file, at: when, who, text } = shown[at]
  const { url, isGone } = useAddress(file)
  useEffect(() => {
    const before = document.activeElement
    box.current.showModal()
    return () => before?.focus?.()
  }, [])
  const step = (by) => setAt((now) => Math.max(0, Math.min(shown.length - 1, now + by)))
  const pressed = (event) => {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key]
    if (by && event.target.tagName !== "VIDEO") step(by)
  }
  return html`<dialog class="viewer" ref=${box} aria-label=${t("viewer")} onCancel=${(event) => { event.preventDefault(); close() }} onKeyDown=${pressed}
    onClick=${(event) => { if (event.target.classList.contains("viewer-stage")) close() }}>
    <div class="viewer-top"><div class="grow"><bdi class="clip">${who}</bdi><span class="small">${moment(when)}</span></div>
      <${IconButton} icon="Download" label=${t("download")} onClick=${() => save(file).catch(complain)} /><${IconButton} icon="X" label=${t("close")} onClick=${() => close()} /></div>
    <div class="viewer-stage">
      ${isGone ? html`<p>${t("fileGone")}</p>` : !url ? html`<${Icon} name="LoaderCircle" className="spin" size=${32} label=${t("loading")} />`
        : file.kind === "video" ? html`<video key=${url} src=${url} controls autoplay playsinline></video>` : html`<img key=${url} src=${url} alt=${text || t("kind_image")} />`}
    </div>
    ${at > 0 && html`<button type="button" class="viewer-step back" aria-label=${t("previous")} onClick=${() => step(-1)}><${Icon} name="ChevronLeft" size=${28} /></button>`}
    ${at < shown.length - 1 && html`<button type="button" class="viewer-step on" aria-label=${t("next")} onClick=${() => step(1)}><${Icon} name="ChevronRight" size=${28} /></button>`}
    ${text && html`<p class="viewer-text wrap" dir="auto">${text}</p>`}
  </dialog>`
}
