// tell.js: new notifications, by a sound or the browser, as the person chose; each is told once, in whichever tab is first.
import { rpc } from "../../lib/api.js"
import { readMembers } from "../../lib/members.js"
import { choices, isAllowed, notice, ring } from "./choices.js"
import { hrefOf, said } from "./items.js"
import { t } from "./words.js"

const TOLD = "flow-told-upto"
const SHOWN = 3

/** since: the id of the newest that was known before; fresh: how many came after it. Tabs do it one after the other. */
export const tell = (since, fresh) => (navigator.locks ? navigator.locks.request("flow-tell", () => once(since, fresh)) : once(since, fresh))

const isLookedAt = ({ kind, conversation_id: id }) => kind === "new_message" && !document.hidden && location.pathname === `/inbox/${id}`

async function once(since, fresh) {
  if (!choices.value.sound && !isAllowed.value) return
  const { items } = await rpc("my_notifications", { only_unread: true, page_size: SHOWN + 1 }) // more may have come since they were counted
  const upTo = Math.max(since, Number(localStorage.getItem(TOLD) ?? 0))
  const untold = items.filter(({ id }) => id > upTo)
  if (!untold.length) return
  localStorage.setItem(TOLD, String(untold[0].id))
  const wanted = untold.filter((item) => !item.is_silent && !isLookedAt(item))
  if (!wanted.length) return
  if (choices.value.sound) ring()
  if (!isAllowed.value) return
  if (wanted.length > SHOWN) return void notice(t("many", { n: Math.max(fresh, wanted.length) }), "", "flow-many", "/notifications")
  const members = await readMembers()
  for (const item of wanted) {
    const { title, text } = said(item, (id) => members.find((member) => member.id === id)?.name)
    // The same tag as what is pushed of a message: one takes the other's place.
    notice(title, text ?? "", item.kind === "new_message" ? item.conversation_id : `flow-${item.id}`, hrefOf(item) ?? "/notifications")
  }
}
