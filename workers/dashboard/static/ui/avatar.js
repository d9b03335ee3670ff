// avatar.js: a person's initials on a colour that stays theirs; with a ring that empties as the 24 hours pass.
import { html } from "../vendor/vendor.js"
import { duration, now } from "../lib/formats.js"
import { words } from "../lib/words.js"

const t = words({
  en: { left: "{time} left to answer free-form" },
  hi: { left: "सीधे जवाब देने के लिए {time} बाकी" },
})

const DAY = 86_400_000
const ROUND = 2 * Math.PI * 22

const initials = (name) => {
  const parts = (name ?? "").trim().split(/\s+/).filter((part) => /\p{L}/u.test(part))
  const first = (part) => [...new Intl.Segmenter().segment(part.replace(/^[^\p{L}]+/u, ""))][0]?.segment ?? ""
  return parts.length ? (first(parts[0]) + (parts.length > 1 ? first(parts.at(-1)) : "")).toUpperCase() : "?"
}

const tint = (text) => [...(text ?? "")].reduce((sum, letter) => (sum * 31 + letter.codePointAt(0)) % 6, 0)

/** windowEnds: when the customer service window closes, if there is one. */
export function Avatar({ name, id, isSmall = false, windowEnds }) {
  const left = windowEnds ? new Date(windowEnds) - now.value : 0
  return html`<span class="avatar tint-${tint(id ?? name)} ${isSmall ? "small" : ""}" title=${left > 0 ? t("left", { time: duration(left) }) : undefined}>
    <span aria-hidden="true">${initials(name)}</span>
    ${left > 0 && html`<svg class="ring" viewBox="0 0 48 48" fill="none" stroke-width="2.5" role="img" aria-label=${t("left", { time: duration(left) })}>
      <circle class="track" cx="24" cy="24" r="22" /><circle class="left ${left < DAY / 8 ? "soon" : ""}" cx="24" cy="24" r="22"
        stroke-dasharray=${ROUND} stroke-dashoffset=${ROUND * (1 - Math.min(1, left / DAY))} stroke-linecap="round" /></svg>`}
  </span>`
}
