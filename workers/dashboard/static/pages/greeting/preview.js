// preview.js: the message as the newest lead would get it.
import { html, useEffect, useRef, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { useQuery } from "../../lib/queries.js"
import { Notice } from "../../ui/basics.js"
import { Look } from "../templates/look.js"
import { ruleLook } from "./saying.js"
import { t } from "./words.js"

/** lead: {id, name}, null when there is none, undefined while it is looked for. */
export function Preview({ template, mapping, lead }) {
  const wanted = JSON.stringify(mapping)
  const [asked, setAsked] = useState(wanted)
  useEffect(() => {
    const timer = setTimeout(() => setAsked(wanted), 300)
    return () => clearTimeout(timer)
  }, [wanted])
  const { data, problem } = useQuery(lead === undefined ? null : `preview ${template.id} ${lead?.id} ${asked}`, () => rpc("preview_template", { template_id: template.id, mapping: JSON.parse(asked), lead_id: lead?.id ?? null }))
  const last = useRef({ id: null })
  if (data) last.current = { id: template.id, data }
  const seen = data ?? (last.current.id === template.id ? last.current.data : null)
  return html`<${Look} ...${seen ?? ruleLook(template, mapping)} />
    <p class="small soft wrap">${lead?.name ? t("previewOf", { name: lead.name }) : t("previewNobody")}</p>
    ${(seen?.problem || problem) && html`<${Notice} kind="warn"><p class="wrap">${seen?.problem ?? problem.words}</p><//>`}`
}
