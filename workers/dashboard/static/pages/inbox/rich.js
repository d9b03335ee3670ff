// rich.js: the marks that WhatsApp knows in a text: *bold*, _italic_, ~struck~, `code`, ```block```, and links. Everything
// becomes elements with text in them; nothing of a message is ever read as HTML.
import { html } from "../../vendor/vendor.js"

const TURNS = /[\u202d\u202e]/g
/** A text without the characters that turn round what follows: nobody writes them, some deceive with them. */
export const straight = (text) => (text ?? "").replace(TURNS, "")

const MARKS = { "*": "strong", _: "em", "~": "s" }
const LINK = /\bhttps:\/\/[^\s<>"'`\u202a-\u202e\u2066-\u2069]+|\bwww\.[a-z0-9-]+\.[^\s<>"'`\u202a-\u202e\u2066-\u2069]+/i
const PHONE = /(?<![\w+])\+\d[\d -]{7,16}\d(?!\w)/
// Bounded, so that no text takes long. A mark opens before something that is no blank and closes after such a thing, at the edges of words.
const MARK = /(?<![\p{L}\p{N}])([*_~])(?=\S)([^\n]{0,600}?\S)\1(?![\p{L}\p{N}])/u

const address = (found) => {
  try {
    const url = new URL(found.startsWith("www.") || found.startsWith("WWW.") ? `https://${found}` : found)
    return url.protocol === "https:" ? url.href : null
  } catch {
    return null
  }
}

const link = (found) => {
  const shown = found.replace(/[.,;:!?)\]}]+$/, "")
  const href = address(shown)
  return [href ? html`<a href=${href} target="_blank" rel="noopener noreferrer nofollow">${shown}</a>` : shown, found.slice(shown.length)]
}

/** The first thing of note in a text: what stands before it and what it becomes, and what is left after it; null: plain. */
function first(text, depth) {
  const found = [
    [/`([^`\n]+)`/, ([, code]) => [html`<code>${code}</code>`]],
    [LINK, ([url]) => link(url)],
    [PHONE, ([number]) => [html`<a href=${`tel:${number.replace(/[ -]/g, "")}`}>${number}</a>`]],
    depth < 4 && [MARK, ([, mark, inner]) => [html`<${MARKS[mark]}>${line(inner, depth + 1)}<//>`]],
  ].filter(Boolean).map(([pattern, make]) => ({ hit: pattern.exec(text), make })).filter(({ hit }) => hit)
  if (!found.length) return null
  const { hit, make } = found.reduce((one, other) => (other.hit.index < one.hit.index ? other : one))
  return { parts: [text.slice(0, hit.index), ...make(hit)], rest: text.slice(hit.index + hit[0].length) }
}

function line(text, depth = 0) {
  const parts = []
  let rest = text
  for (let found = first(rest, depth); found; found = first(rest, depth)) {
    parts.push(...found.parts)
    rest = found.rest
  }
  return [...parts, rest]
}

/** A text of a message as elements. */
export const Rich = ({ text }) => html`<div class="rich" dir="auto">${straight(text).split("```").map((part, at, all) => {
  const isCode = at % 2 === 1 && at < all.length - 1
  if (isCode) return html`<pre>${part.replace(/^\n|\n$/g, "")}</pre>`
  return line(at % 2 === 1 ? `\`\`\`${part}` : part)
})}</div>`
