// team.js: what the inbox calls by name: members, labels, numbers, templates, quick replies and what errors mean. Few and
// seldom changed, so they are read together, and again when somebody comes back to the page.
import { computed, effect, signal } from "../../vendor/vendor.js"
import { rows, rpc } from "../../lib/api.js"
import { readMembers } from "../../lib/members.js"
import { org, person } from "../../lib/session.js"
import { t } from "./words.js"

const EMPTY = { members: [], labels: [], numbers: [], templates: [], replies: [], errors: new Map() }
const known = signal(EMPTY)

const READ = {
  members: readMembers,
  labels: () => rows("labels", (query) => query.select("id, name, colour").order("name")),
  numbers: () => rows("whatsapp_numbers", (query) => query.select("id, account_id, display_phone, verified_name, status")),
  templates: () => rows("message_templates", (query) => query
    .select("id, account_id, name, language, status, category, parameter_format, body_param_names, components, parameters, blocked_reason").order("name").limit(1000)),
  replies: () => rows("quick_replies", (query) => query.select("id, shortcut, title, body, media_id, owner_id").order("shortcut")),
  errors: async () => new Map((await rpc("meta_errors")).map((error) => [error.code, error])),
}

/** Reads these lists again, or all of them. */
export async function recall(...names) {
  const asked = org.value?.id
  if (!asked) return
  await Promise.all((names.length ? names : Object.keys(READ)).map(async (name) => {
    const found = await READ[name]().catch(() => null) // the page goes on with what it knows
    if (found && asked === org.value?.id) known.value = { ...known.value, [name]: found }
  }))
}

let recalledAt = 0
effect(() => {
  if (!org.value?.id || !person.value) return
  known.value = EMPTY
  recalledAt = Date.now()
  recall()
})
document.addEventListener("visibilitychange", () => {
  if (document.hidden || Date.now() - recalledAt < 300_000) return
  recalledAt = Date.now()
  recall()
})

export const members = computed(() => known.value.members)
export const labels = computed(() => known.value.labels)
export const numbers = computed(() => known.value.numbers)
export const templates = computed(() => known.value.templates)
export const replies = computed(() => known.value.replies)
export const errors = computed(() => known.value.errors)

const missed = new Set()
/** Something that nobody here has heard of was made since: the list is read again, once. */
function miss(name, id) {
  if (known.value[name] === EMPTY[name] || missed.has(id)) return
  missed.add(id)
  queueMicrotask(() => recall(name))
}

export function labelOf(id) {
  const found = labels.value.find((label) => label.id === id)
  if (!found) miss("labels", id)
  return found
}
export const numberOf = (id) => numbers.value.find((number) => number.id === id)
export const templateOf = (name, language) => templates.value.find((template) => template.name === name && template.language === language)

/** A member's name; "you" for who asks. */
export function nameOf(id, { you = true } = {}) {
  if (!id) return t("flow")
  if (you && id === person.value?.id) return t("you")
  const found = members.value.find((member) => member.id === id)
  if (!found) miss("members", id)
  return found?.name ?? t("former")
}
