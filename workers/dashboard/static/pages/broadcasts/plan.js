// plan.js: the broadcast that somebody is making: kept for this tab, so that a look elsewhere loses nothing.
import { useState } from "../../vendor/vendor.js"
import { org, person } from "../../lib/session.js"
import { mappingOf } from "../campaigns/mapping.js"

const KEY = "flow-broadcast"
const EMPTY = { leads: {}, pipeline: "", replied: "", days: "", number: "", template: "", values: null, at: "", name: "" }
const key = () => `${KEY} ${org.value.id}`

function read(text) {
  try {
    const given = JSON.parse(text)
    return given && typeof given === "object" && !Array.isArray(given) ? given : null
  } catch {
    return null
  }
}

/** [plan, change(part)]; leads: a filter of leads to begin with, as text, given by another page. */
export function usePlan(leads) {
  const [plan, setPlan] = useState(() => {
    const { pipeline = "", ...given } = read(leads) ?? {}
    const kept = read(sessionStorage.getItem(key()))
    return { ...EMPTY, ...kept, ...(leads && { leads: given, pipeline }) }
  })
  const change = (part) => setPlan((now) => {
    const next = { ...now, ...part }
    sessionStorage.setItem(key(), JSON.stringify(next))
    return next
  })
  return [plan, change]
}

export const forgetPlan = () => sessionStorage.removeItem(key())

/** The filter of leads, with what means nothing left out; "me" is who asks, whoever starts it later. */
export function leadsOf({ leads, pipeline }) {
  const given = Object.entries({ ...leads, pipeline }).filter(([, value]) => value !== undefined && value !== "" && !(Array.isArray(value) && !value.length))
  return Object.fromEntries(given.map(([name, value]) => [name, name === "owner" && value === "me" ? person.value.id : value]))
}

/** The audience as the database takes it. */
export const audienceOf = (plan) => ({
  leads: leadsOf(plan),
  ...(plan.replied && { has_replied: plan.replied === "yes" }),
  ...(plan.days && { not_written_for_days: Number(plan.days) }),
})

/** The broadcast as the database takes it. */
export const broadcastOf = (plan, template, number, name) => ({
  name, template: template.name, language: template.language, mapping: mappingOf(template, plan.values), number: number.phone_number_id, filter: audienceOf(plan),
})
