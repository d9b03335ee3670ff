// paged.js: a list that is read page by page, kept while its page is away.
import { signal, useEffect, useMemo } from "../vendor/vendor.js"
import { asProblem } from "./problems.js"
import { org } from "./session.js"

const EMPTY = { items: [], next: undefined, problem: null, isLoading: false }
const known = new Map()
const MOST = 20
const MOST_ANEW = 2000 // items; what lies below is read as it is scrolled to

function made(key) {
  if (!known.has(key)) known.set(key, { state: signal(EMPTY), turn: 0, changes: 0 })
  const found = known.get(key)
  known.delete(key)
  known.set(key, found) // the one used last goes last
  if (known.size > MOST) known.delete(known.keys().next().value)
  return found
}

/** read(next): gives {items, next: what asks for the following page, or null}; keyOf: tells items apart; compare(one, other): their order, where items change their place in it.
 *  Gives {items, isEnd, isFresh: nothing has come yet, problem, isLoading, more(), again(), anew(): every page that was there, change(items → items)}. */
export function usePages(key, read, keyOf = (item) => item.id, compare = null) {
  const list = useMemo(() => made(`${org.value?.id} ${key}`), [key])
  list.read = read

  const without = (items, others) => {
    const known = new Set(others.map(keyOf))
    return items.filter((item) => !known.has(keyOf(item)))
  }
  /** The first page, read again, above what was paged before; alone when the two do not meet. */
  const joined = (page, before) => {
    if (compare && page.next) {
      const was = new Map(before.map((item) => [keyOf(item), item]))
      const isMet = page.items.some((item) => was.has(keyOf(item)) && compare(was.get(keyOf(item)), item) === 0)
      return [...page.items, ...(isMet ? without(before, page.items).filter((item) => compare(page.items.at(-1), item) < 0) : [])]
    }
    const last = page.next && page.items.length ? before.findIndex((item) => keyOf(item) === keyOf(page.items.at(-1))) : -1
    return last < 0 ? page.items : [...page.items, ...without(before.slice(last + 1), page.items)]
  }
  const load = async (isFirst, isWhole = false, isSecond = false) => {
    const { state } = list
    const turn = ++list.turn
    const { changes } = list
    const { next } = state.value
    state.value = { ...state.value, isLoading: true }
    try {
      const page = await list.read(isFirst ? null : next)
      while (isWhole && turn === list.turn && page.next && page.items.length < Math.min(state.value.items.length, MOST_ANEW)) {
        const { items, next: after } = await list.read(page.next)
        Object.assign(page, { items: [...without(page.items, items), ...items], next: after })
      }
      if (turn !== list.turn) return
      if (isFirst && !isSecond && changes !== list.changes) return void (await load(true, isWhole, true)) // it may not know of a change that is shown
      const before = state.value.items // as they are now: some may have changed meanwhile
      state.value = { items: isWhole ? page.items : isFirst ? joined(page, before) : [...without(before, page.items), ...page.items], next: page.next, problem: null, isLoading: false }
      if (isFirst && !isWhole && state.value.items.length > page.items.length) state.value = { ...state.value, next }
    } catch (error) {
      if (turn === list.turn) state.value = { ...state.value, problem: asProblem(error), isLoading: false }
    }
  }
  useEffect(() => { load(true) }, [list])
  const { items, next, problem, isLoading } = list.state.value
  return {
    items, problem, isLoading, isFresh: next === undefined, isEnd: next === null,
    more: () => { if (next && !isLoading && !problem) load(false) },
    again: () => load(true),
    anew: () => load(true, true),
    change: (change) => { list.changes++; list.state.value = { ...list.state.value, items: change(list.state.value.items) } },
  }
}
