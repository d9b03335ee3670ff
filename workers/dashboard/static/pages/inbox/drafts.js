// drafts.js: what somebody is writing, kept in the browser for each conversation, so that nothing is lost by a closed tab,
// an ended session or a dead line. Signing out removes it (every key begins with "flow-").
import { effect, signal } from "../../vendor/vendor.js"
import { org, person } from "../../lib/session.js"

/** By conversation: {text, note, mode: "text" | "note", answers: the wamid that is answered}. */
export const drafts = signal({})

let prefix = null
effect(() => {
  const place = org.value && person.value ? `flow-draft.${org.value.id}.${person.value.id}.` : null
  if (place === prefix) return
  prefix = place
  drafts.value = place ? Object.fromEntries(Object.keys(localStorage).filter((key) => key.startsWith(place)).map((key) => [key.slice(place.length), read(localStorage.getItem(key))])) : {}
})

function read(kept) {
  try { return JSON.parse(kept) } catch { return null }
}

const isEmpty = (draft) => !draft.text && !draft.note && !draft.answers && draft.mode !== "note"

export const draftOf = (id) => drafts.value[id] ?? { text: "", note: "", mode: "text", answers: null }

/** Changes a draft; an empty one is forgotten. */
export function keep(id, change) {
  const draft = { ...draftOf(id), ...change }
  const { [id]: _, ...others } = drafts.value
  drafts.value = isEmpty(draft) ? others : { ...others, [id]: draft }
  try {
    if (isEmpty(draft)) localStorage.removeItem(prefix + id)
    else localStorage.setItem(prefix + id, JSON.stringify(draft))
  } catch { /* a full or forbidden store: it still stands in the page */ }
}

// Another tab wrote: both show the same.
addEventListener("storage", ({ key, newValue }) => {
  if (!prefix || !key?.startsWith(prefix)) return
  const id = key.slice(prefix.length)
  const { [id]: _, ...others } = drafts.value
  const draft = newValue && read(newValue)
  drafts.value = draft ? { ...others, [id]: draft } : others
})
