// page.js: all contacts that may be one person, the likeliest first: merged, or said to be two.
import { html } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { Button, Empty, Skeleton } from "../../ui/basics.js"
import { Icon } from "../../ui/icon.js"
import { Windowed } from "../../ui/windowed.js"
import { usePages } from "../../lib/paged.js"
import { isWide } from "../leads/table.js"
import { merge } from "./merging.js"
import { deny, Likeness, Reasons, Somebody } from "./parts.js"
import { t } from "./words.js"

const keyOf = ({ one, other }) => `${one.contact_id} ${other.contact_id}`
const memory = { top: 0 }

export default function Duplicates() {
  const list = usePages("duplicates", async (after) => rpc("list_duplicates", { after, page_size: 50 }), keyOf)
  return html`<header class="top"><a class="icon-button" href="/leads" aria-label=${t("back")}><${Icon} name="ArrowLeft" /></a><h1 class="clip">${t("title")}</h1></header>
    <${Body} list=${list} />`
}

function Body({ list }) {
  if (list.problem && !list.items.length) return html`<${Empty} icon="CircleAlert" title=${list.problem.words} action=${html`<${Button} icon="RefreshCw" onClick=${list.again}>${t("tryAgain")}<//>`} />`
  if (list.isFresh) return html`<div class="body"><div class="broad"><${Skeleton} lines=${6} height=${96} /></div></div>`
  if (!list.items.length) return html`<${Empty} icon="UserCheck" title=${t("none")} action=${html`<a class="button" href="/leads">${t("toLeads")}</a>`}>${t("noneText")}<//>`
  const drop = (pair) => list.change((items) => items.filter((item) => item !== pair))
  const without = (id) => list.change((items) => items.filter(({ one, other }) => ![one.contact_id, other.contact_id].includes(id)))
  const notSame = async (pair) => {
    drop(pair)
    try {
      await deny(pair, "duplicates/", list.again)
    } catch (error) {
      list.again()
      throw error
    }
  }
  const height = isWide.value ? 136 : 220
  return html`<p class="duplicates-intro soft">${t("intro")}</p>
    <div class="duplicates"><${Windowed} key=${height} items=${list.items} keyOf=${keyOf} height=${height} onEnd=${list.more} memory=${memory} label=${t("list")}
      render=${(pair) => html`<div class="pair">
        <div class="pair-people"><${Somebody} person=${pair.one} /><${Somebody} person=${pair.other} /></div>
        <div class="pair-foot"><${Likeness} score=${pair.score} /><${Reasons} pair=${pair} />
          <div class="row"><${Button} onClick=${() => notSame(pair)}>${t("notSame")}<//><${Button} kind="primary" icon="Users" onClick=${() => { merge(...inOrder(pair), (gone) => { if (gone) without(gone); list.again() }) }}>${t("compare")}<//></div></div>
      </div>`} /></div>`
}

/** Who stays: with more leads, else known for longer. */
const inOrder = ({ one, other }) => {
  const isOther = other.leads > one.leads || (other.leads === one.leads && other.created_at < one.created_at)
  return isOther ? [other.contact_id, one.contact_id] : [one.contact_id, other.contact_id]
}
