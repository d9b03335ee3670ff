// changes.js: leads that changed while somebody looks, gathered for a moment.
import { useEffect, useRef } from "../../vendor/vendor.js"
import { onChanges } from "../../lib/live.js"

const MOMENT = 250

/** Calls back with the ids of leads that came, changed or went: null when they are too many to name. */
export function useLeadChanges(listen) {
  const latest = useRef()
  latest.current = listen
  useEffect(() => {
    let ids = new Set()
    let timer = null
    const tell = () => {
      timer = null
      const told = ids
      ids = new Set()
      latest.current(told && [...told])
    }
    const stop = onChanges(({ changes, reset }) => {
      const ours = changes.filter(({ lead_id: id, kinds }) => id || kinds?.includes("many_leads"))
      if (!reset && !ours.length) return
      if (reset || ours.some(({ lead_id: id }) => !id)) ids = null
      else if (ids) for (const { lead_id: id } of ours) ids.add(id)
      timer ??= setTimeout(tell, MOMENT)
    })
    return () => { stop(); clearTimeout(timer) }
  }, [])
}
