// install.js: the service worker that keeps the shell.
import { version } from "./env.js"

const WORKER = `/sw.js?v=${version}`
// Trusted Types: the only address of a script that is ever made here.
const policy = globalThis.trustedTypes?.createPolicy("flow-worker", {
  createScriptURL: (url) => { if (url !== WORKER) throw new TypeError(url); return url },
})

if ("serviceWorker" in navigator) {
  addEventListener("load", () => navigator.serviceWorker.register(policy ? policy.createScriptURL(WORKER) : WORKER, { updateViaCache: "none" }).catch(() => {}))
}
