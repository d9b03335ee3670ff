// file-field.js: the picture, film or document in the header of a template: chosen, uploaded, named.
import { html, useState } from "../../vendor/vendor.js"
import { uploadWatched } from "../../lib/api.js"
import { asProblem } from "../../lib/problems.js"
import { org } from "../../lib/session.js"
import { Field } from "../../ui/basics.js"
import { t } from "./words.js"

const ACCEPT = { image: "image/jpeg,image/png", video: "video/mp4,video/3gpp", document: "application/pdf" }

/** conversation, or number: the id of what the file will be sent in, or from. */
export function FileField({ kind, conversation, number, value, onChange }) {
  const [state, setState] = useState({})
  const chosen = async (event) => {
    const [file] = event.target.files
    if (!file) return
    onChange(null)
    setState({ progress: 0 })
    const form = new FormData()
    for (const [name, given] of [["org_id", org.value.id], ["kind", kind], conversation ? ["conversation_id", conversation] : ["number_id", number]]) form.append(name, given)
    form.append("file", file, file.name)
    try {
      const { media_id: media } = await uploadWatched("media", form, (progress) => setState({ progress }))
      setState({})
      onChange(media)
    } catch (error) {
      setState({ problem: asProblem(error) })
    }
  }
  return html`<${Field} label=${t(`header_${kind}`)} wrong=${state.problem?.words} help=${value ? t("uploaded") : undefined}>${(props) => html`<input ...${props} type="file" accept=${ACCEPT[kind]} onChange=${chosen} />`}<//>
    ${state.progress !== undefined && html`<div class="bar" role="progressbar" aria-label=${t("uploading")} aria-valuenow=${Math.round(state.progress * 100)}><div style=${{ width: `${state.progress * 100}%` }}></div></div>`}`
}
