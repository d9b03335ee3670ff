// data.js: the greeting of the organization with what its rules name: sources, numbers, templates.
import { rows, rpc } from "../../lib/api.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { org } from "../../lib/session.js"

const key = () => `greeting ${org.value.id}`
export const again = () => refresh(key())

const minutes = (interval) => {
  const [hours, rest] = (interval ?? "0:0").split(":").map(Number)
  return hours * 60 + rest
}
const days = (interval, usual) => (interval === undefined ? usual : Number(/(\d+) day/.exec(interval)?.[1] ?? 0))

async function read() {
  const [settings, rules, sources, numbers, templates, report] = await Promise.all([
    rows("greeting_settings", (query) => query.select("is_on, repeat_after, max_lead_age, quiet_from, quiet_to")),
    rows("greeting_rules", (query) => query.select("id, is_default, is_on, source_id, lead_types, template_name, language, languages, mapping, number_id, delay, category, paused_for, paused_reason").order("is_default").order("position").order("id")),
    rows("lead_sources", (query) => query.select("id, kind, name, disconnected_at").order("created_at").limit(500)),
    rows("whatsapp_numbers", (query) => query.select("id, account_id, phone_number_id, display_phone").neq("status", "disconnected").order("connected_at").order("id")),
    rows("message_templates", (query) => query.select("id, account_id, name, language, status, category, parameter_format, components, parameters, blocked_reason").neq("status", "DELETED").neq("category", "AUTHENTICATION").order("name").order("language").limit(1000)),
    rpc("greeting_report"),
  ])
  const [known] = settings
  return {
    isOn: known?.is_on ?? false, isNew: !known, repeatDays: days(known?.repeat_after, 30), ageDays: days(known?.max_lead_age, 7), quietFrom: known?.quiet_from ?? "", quietTo: known?.quiet_to ?? "",
    rules: rules.map((rule) => ({ ...rule, minutes: minutes(rule.delay) })), sources, numbers, templates, report,
  }
}

export const useGreeting = () => useQuery(key(), read)

/** The account that a rule greets from: of its number while that is connected, else of the first. */
export const accountOf = ({ numbers }, numberId) => (numbers.find(({ id }) => id === numberId) ?? numbers[0])?.account_id

/** The template of a rule; with no number left, that of whichever account has it. */
export const templateOf = (greeting, rule) =>
  greeting.templates.find((template) => template.account_id === (accountOf(greeting, rule.number_id) ?? template.account_id) && template.name === rule.template_name && template.language === rule.language)

export const canSend = (template) => template.status === "APPROVED" && !template.blocked_reason && !template.parameters?.unsupported
