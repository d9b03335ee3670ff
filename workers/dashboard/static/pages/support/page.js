// page.js: for Flow's support: who let them in, and the way there.
import { html } from "../../vendor/vendor.js"
import { rpcAlone } from "../../lib/api.js"
import { moment } from "../../lib/formats.js"
import { useQuery } from "../../lib/queries.js"
import { go } from "../../lib/router.js"
import { signOut, visit } from "../../lib/session.js"
import { words } from "../../lib/words.js"
import { Button, Empty, Loaded } from "../../ui/basics.js"
import { HOME } from "../pages.js"

const t = words({
  en: { title: "Support", text: "Businesses that let Flow's support look just now. When you begin, their audit log says so.", none: "Nobody has let support in", noneText: "An owner does it on the page Trust.", look: "Begin to look", ends: "Ends: {time}", signOut: "Sign out" },
  hi: { title: "सपोर्ट", text: "वे व्यवसाय जिन्होंने अभी Flow के सपोर्ट को देखने दिया है। शुरू करते ही यह उनके ऑडिट लॉग में दर्ज होता है।", none: "किसी ने सपोर्ट को नहीं आने दिया", noneText: "मालिक यह भरोसा वाले पेज पर करते हैं।", look: "देखना शुरू करें", ends: "खत्म: {time}", signOut: "साइन आउट" },
})

export default function Support() {
  const query = useQuery("my-support", () => rpcAlone("my_support"))
  const look = async ({ org_id: id }) => {
    await rpcAlone("begin_support", { org_id: id })
    await visit(id)
    go(HOME)
  }
  return html`<main class="alone"><div class="alone-box"><div class="stack tight"><h1>${t("title")}</h1><p class="soft">${t("text")}</p></div>
    <${Loaded} query=${query}>${(found) => (found.length
      ? html`<ul class="stack">${found.map((one) => html`<li key=${one.org_id} class="card stack tight"><h2 class="wrap">${one.name}</h2><p class="wrap">${one.reason}</p><p class="soft small">${t("ends", { time: moment(one.expires_at) })}</p>
          <${Button} kind="primary" icon="Eye" onClick=${() => look(one)}>${t("look")}<//></li>`)}</ul>`
      : html`<${Empty} icon="Shield" title=${t("none")}>${t("noneText")}<//>`)}<//>
    <div class="row"><button type="button" class="button quiet" onClick=${() => signOut()}>${t("signOut")}</button></div>
  </div></main>`
}
