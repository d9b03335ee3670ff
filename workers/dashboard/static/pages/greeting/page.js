// page.js: the automatic greeting: whether it is on, what it says to whom, when, and what it would have done.
import { html } from "../../vendor/vendor.js"
import { go } from "../../lib/router.js"
import { may } from "../../lib/session.js"
import { Button, Empty, Loaded } from "../../ui/basics.js"
import { CampaignsHead } from "../campaigns/tabs.js"
import { again, canSend, useGreeting } from "./data.js"
import { Lately } from "./lately.js"
import { Rehearsal } from "./rehearsal.js"
import { edit } from "./rule-editor.js"
import { Rules } from "./rules.js"
import { Status } from "./status.js"
import { Timing } from "./timing.js"
import { t } from "./words.js"

function Begin({ greeting }) {
  if (!greeting.numbers.length) {
    return html`<${Empty} icon="MessageCircle" title=${t("unconnected")} action=${may("admin") ? html`<${Button} kind="primary" onClick=${() => go("/settings/whatsapp")}>${t("connect")}<//>` : html`<p>${t("adminsConnect")}</p>`}>${t("unconnectedText")}<//>`
  }
  if (!greeting.templates.some(canSend)) {
    return html`<${Empty} icon="FileText" title=${t("noTemplates")} action=${may("admin") ? html`<${Button} kind="primary" icon="Plus" onClick=${() => go("/templates/new")}>${t("toTemplates")}<//>` : html`<p>${t("adminsOnly")}</p>`}>${t("noTemplatesText")}<//>`
  }
  return html`<${Empty} icon="Sparkles" title=${t("noRules")} action=${may("admin") ? html`<${Button} kind="primary" onClick=${() => edit(greeting, null)}>${t("setUp")}<//>` : html`<p>${t("adminsOnly")}</p>`}>${t("noRulesText")}<//>`
}

export default function Greeting() {
  const query = useGreeting()
  return html`<${CampaignsHead} />
    <div class="body"><${Loaded} query=${query} retry=${again} lines=${7} height=${64}>${(greeting) => (greeting.rules.length
      ? html`<div class="broad greeting"><div class="stack"><${Status} greeting=${greeting} /><${Rules} greeting=${greeting} /></div>
          <div class="stack"><${Lately} report=${greeting.report} /><${Timing} greeting=${greeting} />${may("admin") && html`<${Rehearsal} greeting=${greeting} />`}</div></div>`
      : html`<${Begin} greeting=${greeting} />`)}<//></div>`
}
