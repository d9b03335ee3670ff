// state.js: one promise and how it stands: a mark, words, and the number behind them.
import { html } from "../../vendor/vendor.js"
import { Icon } from "../../ui/icon.js"
import { t } from "./words.js"

const MARKS = { good: "CircleCheck", warn: "TriangleAlert", bad: "CircleAlert", none: "Info" }

/** kind: good, warn, bad, or none for what is only told. */
export const Line = ({ kind, title, figure, children }) => html`<li class="trust-line is-${kind}">
  <span class="trust-mark"><${Icon} name=${MARKS[kind]} size=${20} label=${t(kind)} /></span>
  <div class="grow stack tight"><div class="trust-line-head"><h3 class="grow">${title}</h3>${figure && html`<span class="trust-figure numbers">${figure}</span>`}</div>${children}</div></li>`

export const DAY = 86_400_000
const ago = (at) => Date.now() - new Date(at)

/** How each promise stands, by what the database told. */
export const stand = ({ isolation, closed, secrets, address, support, retention, late_deletions: late }) => ({
  isolation: !isolation ? "warn" : isolation.leaks ? "bad" : isolation.is_old ? "warn" : "good",
  rls: closed.protected < closed.tables ? "bad" : "good",
  anon: closed.anon_grants ? "bad" : "good",
  keys: !secrets.key_version ? "none" : secrets.broken || ago(secrets.key_since) > 365 * DAY ? "warn" : "good",
  webhooks: "none", // refused signatures are not counted, so there is nothing to judge it by
  address: address === "https" ? "good" : address ? "none" : "warn",
  support: support.some((grant) => grant.is_open) ? "warn" : "good",
  clearing: !retention ? "none" : retention.failed ? "bad" : !retention.finished_at || ago(retention.finished_at) > 2 * DAY ? "warn" : "good",
  deletion: late ? "bad" : "good",
})
