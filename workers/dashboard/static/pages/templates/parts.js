// parts.js: what a template consists of, read from Meta's components.

const PLACE = /\{\{\s*([A-Za-z0-9_]+)\s*\}\}/g

/** The placeholders of a text, each once: numbers in their order, names as they first appear. */
export function placeholders(text) {
  const found = [...new Set([...(text ?? "").matchAll(PLACE)].map(([, name]) => name))]
  return found.every((name) => /^\d+$/.test(name)) ? found.sort((a, b) => a - b) : found
}

/** A text with its placeholders filled: value(name) gives what stands there, or nothing to leave it. */
export const fill = (text, value) => (text ?? "").replace(PLACE, (whole, name) => value(name) || whole)

const part = (components, type) => (Array.isArray(components) ? components : []).find((one) => one?.type?.toUpperCase() === type)

/** {header, body, footer, buttons} of Meta's components, each as Meta gives it or undefined. */
export const partsOf = (components) => ({
  header: part(components, "HEADER"), body: part(components, "BODY"), footer: part(components, "FOOTER"), buttons: part(components, "BUTTONS")?.buttons ?? [],
})

/** The examples of a part's values: {placeholder: example}. */
export function examplesOf(component, kind) {
  const { example = {}, text } = component ?? {}
  const named = example[`${kind}_text_named_params`]
  if (Array.isArray(named)) return Object.fromEntries(named.map((one) => [one.param_name, one.example]))
  const listed = kind === "body" ? example.body_text?.[0] : example.header_text
  return Object.fromEntries(placeholders(text).map((name, at) => [name, listed?.[at] ?? ""]))
}

/** What Look shows of a template; value(name, kind: header or body) gives what stands in a placeholder. */
export function lookOf({ components, category }, value) {
  const { header, body, footer, buttons } = partsOf(components)
  const format = header?.format?.toUpperCase() ?? "TEXT"
  return {
    header: !header ? null : format === "TEXT" ? fill(header.text, (name) => value(name, "header")) : { format },
    body: fill(body?.text ?? (category === "AUTHENTICATION" ? "{{1}}" : ""), (name) => value(name, "body")),
    footer: footer?.text,
    buttons: buttons.map(({ type, text }) => ({ type: type?.toUpperCase(), text: text ?? "" })),
  }
}

/** The same with the template's own examples. */
export function exampleLook(template) {
  const { header, body } = partsOf(template.components)
  const examples = { header: examplesOf(header, "header"), body: examplesOf(body, "body") }
  return lookOf(template, (name, kind) => examples[kind][name])
}
