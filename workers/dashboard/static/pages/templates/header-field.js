// header-field.js: the heading: none, a text, or a file whose sample goes to Meta.
import { html, useEffect, useRef, useState } from "../../vendor/vendor.js"
import { uploadWatched } from "../../lib/api.js"
import { bytes } from "../../lib/formats.js"
import { asProblem } from "../../lib/problems.js"
import { org } from "../../lib/session.js"
import { Field, Select } from "../../ui/basics.js"
import { t } from "./words.js"

const FORMATS = ["TEXT", "IMAGE", "VIDEO", "DOCUMENT", "LOCATION"]
const ACCEPT = { IMAGE: "image/jpeg,image/png", VIDEO: "video/mp4", DOCUMENT: "application/pdf" }
const MOST = { IMAGE: 5_000_000, VIDEO: 16_000_000, DOCUMENT: 16_000_000 }

function Sample({ header, set, wrong }) {
  const [state, setState] = useState({})
  const shown = useRef(null)
  useEffect(() => () => { if (shown.current) URL.revokeObjectURL(shown.current) }, [])
  const change = (more) => set((draft) => ({ header: { ...draft.header, ...more } }))
  const choose = async (event) => {
    const [file] = event.target.files
    if (!file) return
    change({ handle: "", url: undefined })
    if (file.size > MOST[header.format]) { setState({ words: t("sampleLarge", { size: bytes(MOST[header.format]) }) }); return }
    setState({ progress: 0 })
    const form = new FormData()
    form.append("org_id", org.value.id)
    form.append("file", file, file.name)
    try {
      const { handle } = await uploadWatched("templates/sample", form, (progress) => setState({ progress }))
      if (shown.current) URL.revokeObjectURL(shown.current)
      shown.current = header.format === "IMAGE" ? URL.createObjectURL(file) : null
      setState({})
      change({ handle, url: shown.current ?? undefined })
    } catch (error) {
      setState({ words: asProblem(error).words })
    }
  }
  return html`<${Field} label=${t("sample")} help=${header.handle ? t("uploaded") : t(`sampleHelp_${header.format}`)} wrong=${state.words ?? wrong("header", true)}>${(props) => html`<input ...${props} type="file" accept=${ACCEPT[header.format]} onChange=${choose} />`}<//>
    ${state.progress !== undefined && html`<div class="bar" role="progressbar" aria-label=${t("uploading")} aria-valuenow=${Math.round(state.progress * 100)}><div style=${{ width: `${state.progress * 100}%` }}></div></div>`}`
}

export function Header({ draft, set, wrong }) {
  const { header } = draft
  return html`<${Field} label=${t("header")}>${(props) => html`<${Select} ...${props} value=${header.format} onChange=${(event) => set({ header: { ...header, format: event.target.value, handle: "", url: undefined } })}
      options=${[["", t("headerNone")], ...FORMATS.map((format) => [format, t(`header_${format}`)])]} />`}<//>
    ${header.format === "TEXT" ? html`<${Field} label=${t("headerText")} wrong=${wrong("header", !header.text.trim())}>${(props) => html`<input ...${props} dir="auto" maxlength="60" value=${header.text} onInput=${(event) => set({ header: { ...header, text: event.target.value } })} />`}<//>`
      : header.format === "LOCATION" ? html`<p class="soft small">${t("headerPlace")}</p>`
      : header.format && html`<${Sample} key=${header.format} ...${{ header, set, wrong }} />`}`
}
