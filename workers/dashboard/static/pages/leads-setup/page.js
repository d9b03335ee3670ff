// page.js: how leads are worked: pipelines and their stages, own fields, reasons, tags. For admins.
import { html } from "../../vendor/vendor.js"
import { go } from "../../lib/router.js"
import { IconButton, Loaded } from "../../ui/basics.js"
import { recall, useReference } from "../leads/reference.js"
import { Fields } from "./fields.js"
import { Pipelines } from "./pipelines.js"
import { Reasons, Tags } from "./words-lists.js"
import { t } from "./words.js"

const PARTS = { pipelines: Pipelines, fields: Fields, reasons: Reasons, tags: Tags }

export default function Setup({ query }) {
  const reference = useReference()
  const part = PARTS[query.part] ? query.part : "pipelines"
  const Part = PARTS[part]
  return html`<header class="top"><${IconButton} icon="ArrowLeft" label=${t("back")} onClick=${() => go("/leads")} /><h1>${t("title")}</h1></header>
    <nav class="tabs" aria-label=${t("title")}>${Object.keys(PARTS).map((name) => html`<a href="/leads/setup?part=${name}" aria-current=${name === part ? "page" : undefined}>${t(name)}</a>`)}</nav>
    <div class="body"><div class="narrow stack"><${Loaded} query=${reference} retry=${recall} lines=${8} height=${32}>${(known) => html`<${Part} reference=${known} />`}<//></div></div>`
}
