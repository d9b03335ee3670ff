// changes.js: views of tasks agree: what one of them changes the others show at once, and all read again soon after. The feed tells of
// tasks on leads; what it does not tell of is found by looking once a minute.
import { useEffect, useRef } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { onChanges } from "../../lib/live.js"

const SOON = 700
const MINUTE = 60_000
const views = new Set()

/** Shows a task as it is, or will be, in every view. */
export const tell = (task) => { for (const view of views) view.show(task) }

let timer = null
/** Has every view read again, after a moment in which people see what they did. */
export function later() {
  clearTimeout(timer)
  timer = setTimeout(() => { for (const view of views) view.again() }, SOON)
}

/** A view: show(task) changes what it shows of a task, again() reads. */
export function useTaskChanges(view) {
  const latest = useRef()
  latest.current = view
  useEffect(() => {
    const mine = { show: (task) => latest.current.show(task), again: () => latest.current.again() }
    let soon = null
    const stop = onChanges(({ changes, reset }) => {
      if (reset || changes.some(({ kinds }) => kinds?.includes("activity") || kinds?.includes("many_leads"))) soon ??= setTimeout(() => { soon = null; mine.again() }, SOON)
    })
    const ticking = setInterval(() => { if (!document.hidden) mine.again() }, MINUTE)
    views.add(mine)
    return () => { views.delete(mine); stop(); clearTimeout(soon); clearInterval(ticking) }
  }, [])
}

/** The task of an id as it is now, or null. */
export const readTask = (id) => rpc("get_task", { task_id: id }).catch((error) => { if (error.status === 404) return null; throw error })
