// actions.js: what is done with tasks: at once on the screen, then in the database, which has the last word.
import { rpc } from "../../lib/api.js"
import { moment } from "../../lib/formats.js"
import { go } from "../../lib/router.js"
import { complain, say } from "../../ui/toasts.js"
import { later, readTask, tell } from "./changes.js"
import { t } from "./words.js"

const running = new Set() // tasks of which the database has not answered yet

async function change(task, shown, ask) {
  if (running.has(task.id)) return null
  running.add(task.id)
  tell({ ...task, ...shown })
  try {
    const after = await ask()
    tell(after)
    return after
  } catch (error) {
    // What somebody else made of it is shown; when even that cannot be read, it is as it was.
    tell((error.status === 409 && (await readTask(task.id).catch(() => null))) || task)
    complain(error)
    return null
  } finally {
    running.delete(task.id)
    later()
  }
}

/** Says that a task is done, cancelled or open; with a way back. */
export async function setStatus(task, status, isUndo = false) {
  const after = await change(task, { status }, () => rpc("set_task_status", { task_id: task.id, version: task.version, status }))
  if (after && !isUndo) say(t(`now_${status}`, { title: after.title }), { action: { label: t("undo"), run: () => setStatus(after, task.status, true) } })
}

export async function changeTask(task, given, isUndo = false) {
  const after = await change(task, given, () => rpc("change_task", { task_id: task.id, version: task.version, change: given }))
  const before = Object.fromEntries(Object.keys(given).map((key) => [key, task[key]]))
  if (after && !isUndo) say(t("changed"), { action: { label: t("undo"), run: () => changeTask(after, before, true) } })
}

/** Has a task ring again; when it is due stays, unless the person says so. */
export async function snooze(task, until) {
  const at = until.toISOString()
  const after = await change(task, { remind_at: at, reminded_at: null }, () => rpc("snooze_task", { task_id: task.id, until: at }))
  if (after) say(t("snoozed", { time: moment(at) }), { action: new Date(task.due_at) < until ? { label: t("moveDue"), run: () => changeTask(after, { due_at: at, remind_minutes: 0 }) } : null })
}

export const openChat = async (task) => go(`/inbox/${(await rpc("start_conversation", { contact_id: task.contact_id })).conversation_id}`)
