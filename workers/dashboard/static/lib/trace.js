// trace.js: what telemetry needs from the first moment on; the rest of it (../telemetry) is loaded when the page is at rest.
const hex = (bytes) => Array.from(crypto.getRandomValues(new Uint8Array(bytes)), (byte) => byte.toString(16).padStart(2, "0")).join("")

const early = []
/** id: the W3C trace of the page that is shown; what it asks of workers is in it. tell: hears of what goes wrong; early: what it has not heard. */
export const trace = { id: hex(16), early, tell: (event) => { if (early.length < 10) early.push(event) } }
export const renew = () => { trace.id = hex(16) }
export const traceparent = () => `00-${trace.id}-${hex(8)}-01`

for (const kind of ["error", "unhandledrejection", "securitypolicyviolation"]) addEventListener(kind, (event) => trace.tell(event))
addEventListener("load", () => setTimeout(() => import("../telemetry/start.js").catch(() => {}), 1000))
