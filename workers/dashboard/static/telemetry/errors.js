// errors.js: what is told of an error: its kind, its message, and where in the code; not of what extensions do.
import { version } from "../lib/env.js"
import { trace } from "../lib/trace.js"
import { route } from "./views.js"

const MOST = 10 // of one loaded page
const AGAIN = 60_000
const EXTENSION = /^(?:[\w-]+-extension|webkit-masked-url):/
const LINE_OF_DETAIL = ["offline", "timeout", "unavailable"] // of a Problem: the line, not the code
const FRAMES = [/^\s*at (?:(?:async )?(.*?) \()?(\S+?):(\d+):(\d+)\)?$/, /^(.*?)@(\S+?):(\d+):(\d+)$/] // Chromium's; Firefox's and Safari's

const told = new Map() // fingerprint → when
let count = 0

const own = `${location.origin}/static/${version}/`
/** A file as it is named in the sources; of other places no more than the host. */
function named(url) {
  if (url.startsWith(own)) return url.slice(own.length).split(/[?#]/)[0]
  try {
    const { origin, host } = new URL(url)
    return origin === location.origin ? "(page)" : host
  } catch {
    return "(unknown)"
  }
}

function frame(url, line, name) {
  const file = named(url)
  return { file: file.slice(0, 200), line: Number(line) || 0, function: name?.slice(0, 200) || null, in_app: url.startsWith(own) && !file.startsWith("vendor/") }
}

/** The frames of a stack, innermost first: [url, frame]. */
function read(stack) {
  const found = []
  for (const text of String(stack ?? "").split("\n").slice(0, 60)) {
    const parts = FRAMES.map((pattern) => pattern.exec(text)).find(Boolean)
    if (parts) found.push([parts[2], frame(parts[2], parts[3], parts[1])])
  }
  return found
}

/** {type, message, stack or place} of an event; null for what is nobody's fault. */
function seen(event) {
  if (event.type === "securitypolicyviolation") {
    if (EXTENSION.test(event.blockedURI) || EXTENSION.test(event.sourceFile)) return null
    const blocked = /^[\w-]+$/.test(event.blockedURI) ? event.blockedURI : named(event.blockedURI)
    return { type: "SecurityPolicyViolation", message: `${event.effectiveDirective}: ${blocked}`, place: [event.sourceFile, event.lineNumber, event.columnNumber] }
  }
  const error = event.type === "unhandledrejection" ? event.reason : event.error
  if (error?.name === "AbortError" || LINE_OF_DETAIL.includes(error?.detail)) return null
  if (error instanceof Error) return { type: error.name, message: error.message, stack: error.stack, place: [event.filename, event.lineno, event.colno] }
  const message = event.type === "unhandledrejection" ? String(error) : event.message
  return /^Script error\.?$/.test(message ?? "") ? null : { type: event.type === "error" ? "Error" : "UnhandledRejection", message, place: [event.filename, event.lineno, event.colno] }
}

/** An event as an item of a report; null when it is none of ours, or has been told often enough. */
export function described(event) {
  const { type, message, stack, place: [url, line, column] } = seen(event) ?? { place: [] }
  if (!type) return null
  const all = read(stack)
  if (EXTENSION.test(all[0]?.[0] ?? url ?? "")) return null
  let frames = all.filter(([from]) => !EXTENSION.test(from)).map(([, one]) => one).slice(0, 20)
  if (!frames.length && url) frames = [frame(url, line)]
  const [first] = frames
  const print = JSON.stringify([type, frames.slice(0, 5).map((one) => [one.file, one.function])])
  if (count >= MOST || Date.now() - (told.get(print) ?? -AGAIN) < AGAIN) return null
  count++
  told.set(print, Date.now())
  return {
    kind: "error", at: Date.now(), trace_id: trace.id, route: route(), type: String(type).slice(0, 200), message: String(message ?? "").slice(0, 1000), frames,
    source: url ? `${named(url)}:${line || 0}:${column || 0}`.slice(0, 200) : first ? `${first.file}:${first.line}` : null,
  }
}
