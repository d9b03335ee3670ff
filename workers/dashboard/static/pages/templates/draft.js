// draft.js: a template as it is being written, and what Meta gets of it.
import { examplesOf, partsOf, placeholders } from "./parts.js"
import { t } from "./words.js"

const OWN = { QUICK_REPLY: ["text"], URL: ["text", "url", "example"], PHONE_NUMBER: ["text", "phone_number"], COPY_CODE: ["example"] }

export const EMPTY = {
  name: "", language: "en", category: "UTILITY", account: null, header: { format: "", text: "", handle: "" }, body: "", footer: "", buttons: [],
  examples: { header: {}, body: {} }, advice: true, minutes: "10", codeText: "",
}

const first = (example) => (Array.isArray(example) ? example[0] : example) ?? ""

/** What there is of a template, to be changed. */
export function draftOf({ name, language, category, account_id: account, components }) {
  const { header, body, footer, buttons } = partsOf(components)
  return {
    ...EMPTY, name, language, category, account,
    header: { format: header ? header.format?.toUpperCase() ?? "TEXT" : "", text: header?.text ?? "", handle: "" },
    body: body?.text ?? "", footer: footer?.text ?? "",
    examples: { header: examplesOf(header, "header"), body: examplesOf(body, "body") },
    advice: Boolean(body?.add_security_recommendation), minutes: String(footer?.code_expiration_minutes ?? ""),
    codeText: buttons[0]?.text ?? "",
    buttons: buttons.map((button) => ({ kept: button, type: button.type?.toUpperCase(), text: button.text ?? "", url: button.url ?? "", phone_number: button.phone_number ?? "", example: first(button.example) })),
  }
}

export const isNamed = (draft) => [...placeholders(draft.header.format === "TEXT" ? draft.header.text : ""), ...placeholders(draft.body)].some((name) => !/^\d+$/.test(name))

function example(kind, text, given, named) {
  const names = placeholders(text)
  if (!names.length) return {}
  if (named) return { example: { [`${kind}_text_named_params`]: names.map((name) => ({ param_name: name, example: given[name] ?? "" })) } }
  const values = names.map((name) => given[name] ?? "")
  return { example: kind === "body" ? { body_text: [values] } : { header_text: values } }
}

function buttonOf({ kept, type, ...given }) {
  if (!OWN[type]) return kept // a form, or what Meta may bring: as it was
  const { text, url, example: sample, phone_number: phone } = given
  return {
    type, ...(OWN[type].includes("text") && { text: text.trim() }), ...(type === "URL" && { url: url.trim(), ...(/\{\{1\}\}$/.test(url.trim()) && { example: [sample.trim()] }) }),
    ...(type === "PHONE_NUMBER" && { phone_number: phone.replace(/[\s()-]/g, "") }), ...(type === "COPY_CODE" && { example: sample.trim() }),
  }
}

/** Quick answers stand together: Meta wants them first or last. */
export const inOrder = (buttons) => [...buttons.filter(({ type }) => type === "QUICK_REPLY"), ...buttons.filter(({ type }) => type !== "QUICK_REPLY")]

/** The template as /api/templates/… takes it. */
export function templateOf(draft) {
  const { header, body, footer, category } = draft
  const named = isNamed(draft)
  const components = category === "AUTHENTICATION" ? [
    { type: "BODY", ...(draft.advice && { add_security_recommendation: true }) },
    ...(draft.minutes.trim() ? [{ type: "FOOTER", code_expiration_minutes: Number(draft.minutes) }] : []),
    { type: "BUTTONS", buttons: [{ type: "OTP", otp_type: "COPY_CODE", text: draft.codeText.trim() || t("codeButton") }] },
  ] : [
    ...(header.format === "TEXT" ? [{ type: "HEADER", format: "TEXT", text: header.text.trim(), ...example("header", header.text, draft.examples.header, named) }]
      : header.format === "LOCATION" ? [{ type: "HEADER", format: "LOCATION" }]
      : header.format ? [{ type: "HEADER", format: header.format, example: { header_handle: [header.handle] } }] : []),
    { type: "BODY", text: body.trim(), ...example("body", body, draft.examples.body, named) },
    ...(footer.trim() ? [{ type: "FOOTER", text: footer.trim() }] : []),
    ...(draft.buttons.length ? [{ type: "BUTTONS", buttons: inOrder(draft.buttons).map(buttonOf) }] : []),
  ]
  return { name: draft.name, language: draft.language, category, parameter_format: named ? "NAMED" : "POSITIONAL", components }
}

/** What Look shows of a draft. */
export function lookOfDraft(draft) {
  if (draft.category === "AUTHENTICATION") {
    return {
      body: t("authBody", { code: "123456" }) + (draft.advice ? t("authBodyAdvice") : ""), footer: draft.minutes.trim() ? t("authFooter", { n: Number(draft.minutes) || 0 }) : undefined,
      buttons: [{ type: "OTP", text: draft.codeText.trim() || t("codeButton") }],
    }
  }
  const filled = (text, given) => text.replace(/\{\{\s*([A-Za-z0-9_]+)\s*\}\}/g, (whole, name) => given[name]?.trim() || whole)
  const { format, text, url } = draft.header
  return {
    header: !format ? null : format === "TEXT" ? filled(text, draft.examples.header) : { format, url },
    body: filled(draft.body, draft.examples.body) || "…", footer: draft.footer,
    buttons: inOrder(draft.buttons).map((button) => ({ type: button.type, text: button.type === "COPY_CODE" ? t("button_COPY_CODE") : button.text || "…" })),
  }
}
