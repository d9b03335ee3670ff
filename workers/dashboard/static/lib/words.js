// words.js: every string that people read comes from a catalogue, in English and in Hindi.
//
// A module says `const t = words({ en: {...}, hi: {...} })`. A string may have {name} placeholders. An object with
// plural forms ({ one, other }) is chosen by the parameter n.
import { signal } from "../vendor/vendor.js"

export const LANGUAGES = { en: "English", hi: "हिन्दी" }
const YEAR = 31536000

export const language = signal(document.documentElement.lang in LANGUAGES ? document.documentElement.lang : "en")
export const locale = () => (language.value === "hi" ? "hi-IN" : "en-IN")

const plurals = Object.fromEntries(Object.keys(LANGUAGES).map((key) => [key, new Intl.PluralRules(key)]))

/** Keeps a choice where the server sees it before the next page is made. */
export const remember = (name, value) => {
  const secure = location.protocol === "https:" ? ";Secure" : ""
  document.cookie = `${name}=${value};Path=/;Max-Age=${value ? YEAR : 0};SameSite=Lax${secure}`
}

export function speak(chosen) {
  language.value = document.documentElement.lang = chosen
  remember("lang", chosen)
}

/** Every catalogue that has been loaded: a test compares their languages. */
export const catalogues = []

/** Gives t(key, params): the string in the language of the person; what is missing shows its key, and fails a test. */
export function words(catalogue) {
  catalogues.push(catalogue)
  return (key, params) => {
    let found = catalogue[language.value][key] ?? catalogue.en[key]
    if (found === undefined) {
      console.error(`no words for ${key}`)
      return key
    }
    if (typeof found === "object") found = found[plurals[language.value].select(params.n)] ?? found.other
    return params ? fill(found, params) : found
  }
}

const fill = (text, params) =>
  text.replace(/\{(\w+)\}/g, (whole, name) =>
    typeof params[name] === "number" ? number(params[name]) : (params[name] ?? whole))

const formats = new Map()

/** An Intl object of the person's language, made once. */
export function format(kind, options) {
  const key = `${language.value} ${kind.name} ${JSON.stringify(options)}`
  if (!formats.has(key)) formats.set(key, new kind(locale(), options))
  return formats.get(key)
}

export const number = (value) => format(Intl.NumberFormat, {}).format(value)
