// orders.js: the orders of the table of leads, as the server has them (sql/942_lead_orders.sql): to name them, and to put a lead that changed at its place.
import { t } from "./words.js"

/** What a column sorts by: the first press, the second. */
export const COLUMNS = { name: ["a_to_z", "z_to_a"], value: ["highest", "lowest"], received: ["newest", "oldest"] }
const ORDERS = [...COLUMNS.received, ...COLUMNS.name, ...COLUMNS.value]
const RISING = ["a_to_z", "lowest", "oldest"]

/** An order by what an address says; newest for what is none. */
export const orderOf = (given) => (ORDERS.includes(given) ? given : "newest")
/** Items of a menu. */
export const orderItems = (order, run) => ORDERS.map((one) => ({ label: t(one), isChosen: one === order, run: () => run(one) }))
/** What stands for the order in a column's header: {next: the order a press gives, ariaSort, arrow}. */
export function headerOf(column, order) {
  const [first, second] = COLUMNS[column]
  const isMine = order === first || order === second
  return { next: order === first ? second : first, ariaSort: isMine ? (RISING.includes(order) ? "ascending" : "descending") : undefined, arrow: isMine ? (RISING.includes(order) ? "↑" : "↓") : "↕" }
}

const sign = (one, other) => (one < other ? -1 : one > other ? 1 : 0)
const at = (lead) => Date.parse(lead.received_at)
// Within a millisecond the text tells.
const newest = (one, other) => at(other) - at(one) || sign(other.received_at, one.received_at) || sign(other.id, one.id)
const oldest = (one, other) => newest(other, one)
const called = (lead) => [...(lead.name || lead.company || "")].slice(0, 100).join("").toLowerCase() || null
const worth = (lead) => (lead.value === null ? null : Number(lead.value))

const by = (key, way, ties) => (one, other) => {
  const [a, b] = [key(one), key(other)]
  if (a === null || b === null) return a === b ? newest(one, other) : a === null ? 1 : -1
  return way * sign(a, b) || ties(one, other)
}
const byPerson = (way) => by(called, way, (one, other) => way * sign(one.contact_id, other.contact_id) || newest(one, other))

/** Which of two leads comes first. */
export const compare = { newest, oldest, a_to_z: byPerson(1), z_to_a: byPerson(-1), highest: by(worth, -1, newest), lowest: by(worth, 1, oldest) }

/** The leads of a list after those of `ids` changed; `now`: those of them that the filter lets through, as they are. What belongs beyond what is loaded comes with its page. */
export function settled(items, ids, now, order, isEnd) {
  const last = items.at(-1)
  const list = items.filter(({ id }) => !ids.includes(id))
  for (const lead of now) {
    if (!isEnd && last && compare[order](lead, last) > 0) continue
    const index = list.findIndex((other) => compare[order](lead, other) < 0)
    list.splice(index < 0 ? list.length : index, 0, lead)
  }
  return list
}
