// banner.js: told on every page while Flow's support can look; and to support itself, where it is looking.
import { html, useEffect } from "../../vendor/vendor.js"
import { rows } from "../../lib/api.js"
import { moment, now } from "../../lib/formats.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { org } from "../../lib/session.js"
import { words } from "../../lib/words.js"
import { Icon } from "../../ui/icon.js"

const t = words({
  en: { open: "Flow's support can look just now. Ends: {time}.", more: "Who and why", visiting: "You look at {name} as Flow's support, and can change nothing. Ends: {time}." },
  hi: { open: "Flow का सपोर्ट {time} तक देख सकता है।", more: "कौन और क्यों", visiting: "आप Flow के सपोर्ट के तौर पर {name} को {time} तक देख रहे हैं। आप कुछ बदल नहीं सकते।" },
})
const EVERY = 300_000

export default function Banner() {
  const key = `support ${org.value.id}`
  const query = useQuery(key, () => rows("support_grants", (ask) => ask.select("expires_at").is("ended_at", null).order("granted_at", { ascending: false }).limit(1)))
  useEffect(() => {
    const timer = setInterval(() => refresh(key), EVERY)
    return () => clearInterval(timer)
  }, [key])
  const until = query.data?.[0]?.expires_at
  if (!until || new Date(until) <= now.value) return null
  const time = moment(until)
  return html`<div class="support-open" role="status"><${Icon} name="Eye" size=${14} /><span class="wrap">${org.value.role === "support" ? t("visiting", { name: org.value.name, time }) : t("open", { time })}</span>
    ${org.value.role !== "support" && html`<a href="/trust">${t("more")}</a>`}</div>`
}
