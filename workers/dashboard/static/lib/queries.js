// queries.js: what pages have read, kept until it changes; a page shows what is known at once and then what is new.
import { signal, useEffect, useMemo } from "../vendor/vendor.js"
import { asProblem } from "./problems.js"

const known = new Map() // key → {state: signal({data, problem, isLoading}), read}

const entry = (key, read) => {
  if (!known.has(key)) known.set(key, { state: signal({ data: undefined, problem: null, isLoading: false }), read, turn: 0, changes: 0, users: 0 })
  const found = known.get(key)
  found.read = read
  return found
}

async function load(found) {
  const turn = ++found.turn
  const { changes } = found
  found.state.value = { ...found.state.value, isLoading: true }
  try {
    const data = await found.read()
    if (turn !== found.turn) return
    if (changes !== found.changes) await load(found) // it was read before a change that is shown, and may not know of it
    else found.state.value = { data, problem: null, isLoading: false }
  } catch (error) {
    if (turn === found.turn) found.state.value = { ...found.state.value, problem: asProblem(error), isLoading: false }
  }
}

/** Reads something under a key: {data, problem, isLoading}; data stays while it is read again. key null: nothing. */
export function useQuery(key, read) {
  const found = useMemo(() => (key === null ? null : entry(key, read)), [key])
  if (found) found.read = read
  useEffect(() => {
    if (!found) return undefined
    found.users++
    load(found)
    return () => { found.users-- }
  }, [found])
  return found ? found.state.value : { data: undefined, problem: null, isLoading: false }
}

/** Reads again what begins with a key and is on the screen; the rest is forgotten. */
export function refresh(prefix) {
  for (const [key, found] of known) {
    if (!key.startsWith(prefix)) continue
    if (found.users) load(found)
    else known.delete(key)
  }
}

/** Changes what is known without asking: for what the server will hardly refuse. Gives a function that takes it back, by
 *  reading it again when it has changed since. */
export function adjust(key, change) {
  const found = known.get(key)
  if (found?.state.value.data === undefined) return () => {}
  const before = found.state.value
  found.changes++
  const after = { ...before, data: change(before.data) }
  found.state.value = after
  return () => {
    if (found.state.value === after) found.state.value = before
    else load(found)
  }
}

export const forget = () => known.clear()
