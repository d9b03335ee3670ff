// banner.js: told on every page while Flow can only be read, because the subscription is not paid or paused.
import { html, useEffect } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { place } from "../../lib/router.js"
import { may, org } from "../../lib/session.js"
import { words } from "../../lib/words.js"
import { Icon } from "../../ui/icon.js"

const t = words({
  en: { readOnly: "Flow is read-only: messages that come in are kept, nothing is sent.", settle: "Settle it", ask: "Ask an owner to settle it." },
  hi: { readOnly: "Flow में अभी सिर्फ़ पढ़ सकते हैं: आने वाले संदेश रखे जाते हैं, कुछ भेजा नहीं जाता।", settle: "निपटाएँ", ask: "मालिक से निपटाने को कहें।" },
})
const EVERY = 300_000

export default function Banner() {
  const isMember = may("agent")
  const key = isMember ? `billing access ${org.value.id}` : null
  const query = useQuery(key, () => rpc("entitlements"))
  useEffect(() => {
    if (!key) return undefined
    const timer = setInterval(() => { if (!document.hidden) refresh(key) }, EVERY)
    return () => clearInterval(timer)
  }, [key])
  if (query.data?.access !== "read_only" || (may("owner") && place.value.path === "/billing")) return null // there it says more
  return html`<div class="billing-closed" role="status"><${Icon} name="Lock" size=${14} /><span class="wrap">${t("readOnly")} ${!may("owner") && t("ask")}</span>${may("owner") && html`<a href="/billing">${t("settle")}</a>`}</div>`
}
