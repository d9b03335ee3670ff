// start.js: what this browser tells Flow: what went wrong in a page, and which pages were open and how fast they were.
// Never what they showed: pages go by name, and errors are scrubbed again by the server.
import { trace } from "../lib/trace.js"
import { described } from "./errors.js"
import { send, tell } from "./report.js"
import { watch } from "./views.js"

const SOON = 3000
let timer = null

trace.tell = (event) => {
  const error = described(event)
  if (!error) return
  tell(error)
  timer ??= setTimeout(() => { timer = null; send() }, SOON) // errors that come together go together
}
for (const event of trace.early.splice(0)) trace.tell(event)
watch()
