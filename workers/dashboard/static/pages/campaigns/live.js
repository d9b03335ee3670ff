// live.js: figures that move while somebody looks at them.
import { useEffect, useRef } from "../../vendor/vendor.js"
import { onChanges } from "../../lib/live.js"

const PAUSE = 3_000

/** Calls back every few seconds while something runs, and a moment after anything has changed; not while nobody looks. */
export function useLive(isRunning, again) {
  const latest = useRef()
  latest.current = again
  const ask = () => { if (!document.hidden) latest.current() }
  useEffect(() => {
    if (!isRunning) return undefined
    const timer = setInterval(ask, PAUSE)
    return () => clearInterval(timer)
  }, [isRunning])
  useEffect(() => {
    let timer = null
    const stop = onChanges(() => { timer ??= setTimeout(() => { timer = null; ask() }, PAUSE / 2) })
    return () => { stop(); clearTimeout(timer) }
  }, [])
}
