// page.js: what Flow promises, each line with its state and the number behind it.
import { html } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { org } from "../../lib/session.js"
import { Loaded } from "../../ui/basics.js"
import { Icon } from "../../ui/icon.js"
import { Apart } from "./apart.js"
import { Control } from "./control.js"
import { Providers } from "./providers.js"
import { Sealed } from "./sealed.js"
import { stand } from "./state.js"
import { t } from "./words.js"

function Whole({ kinds }) {
  const all = Object.values(kinds).filter((one) => one !== "none")
  const [bad, warn] = ["bad", "warn"].map((kind) => all.filter((one) => one === kind).length)
  const kind = bad ? "bad" : warn ? "warn" : "good"
  return html`<section class="card trust-whole is-${kind}"><span class="trust-seal"><${Icon} name=${kind === "good" ? "ShieldCheck" : "Shield"} size=${32} /></span>
    <div class="grow"><h2>${bad ? t("broken", { n: bad }) : warn ? t("look", { n: warn }) : t("allWell")}</h2><p>${kind === "good" ? t("allWellText", { n: all.length }) : t("lookText")}</p></div></section>`
}

export default function Trust() {
  const key = `trust ${org.value.id}`
  const query = useQuery(key, () => rpc("trust_state"))
  const again = () => refresh(key)
  return html`<header class="top"><h1>${t("title")}</h1></header><div class="body" tabindex="0"><div class="narrow stack trust">
    <p class="soft wrap">${t("intro", { name: org.value.name })}</p>
    <${Loaded} query=${query} retry=${again} lines=${6} height=${88}>${(state) => {
      const kinds = stand(state)
      return html`<${Whole} kinds=${kinds} />
        <${Apart} state=${state} kinds=${kinds} onChecked=${again} />
        <${Sealed} state=${state} kinds=${kinds} />
        <${Control} title=${t("control")} state=${state} kinds=${kinds} onChange=${again} />
        <${Providers} title=${t("others")} />`
    }}<//></div></div>`
}
