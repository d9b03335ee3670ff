// pages.js: every page, where it is and what navigation shows of it. A page's module is loaded when it is first opened.
//
// path: as in router.match. name: the key of its words in ui/frame.js. nav: its icon, whether a phone's bar has it, and
// what other addresses it stands for (also), who is led there (needs). needs: the least role. isAlone: without the frame (nobody is signed in, or
// there is no organization yet). isFull: on a phone it takes the whole screen, and has its own way back.
// Addresses that share a `load` share one component, which stays when people go from one to the other.
const inbox = () => import("./inbox/page.js")
const templates = () => import("./templates/page.js")
const editSequence = () => import("./sequences/edit.js")
const settings = () => import("./settings/page.js")
const operations = () => import("./operations/page.js")

export const pages = [
  { path: "/sign-in", load: () => import("./sign-in/page.js"), isAlone: true },
  { path: "/welcome", load: () => import("./welcome/page.js"), isAlone: true },
  { path: "/support", load: () => import("./support/page.js"), isAlone: true },
  { path: "/operations", load: operations, isAlone: true },
  { path: "/operations/:tab", load: operations, isAlone: true },
  { path: "/inbox", load: inbox, name: "inbox", nav: { icon: "Inbox", isOnPhone: true } },
  { path: "/inbox/:id", load: inbox, isFull: true },
  { path: "/leads", load: () => import("./leads/page.js"), name: "leads", nav: { icon: "ClipboardList", isOnPhone: true } },
  { path: "/leads/import", load: () => import("./leads-import/page.js"), isFull: true },
  { path: "/leads/setup", load: () => import("./leads-setup/page.js"), needs: "admin", isFull: true },
  { path: "/leads/duplicates", load: () => import("./leads-duplicates/page.js"), isFull: true },
  { path: "/leads/:id", load: () => import("./lead/page.js"), isFull: true },
  { path: "/tasks", load: () => import("./tasks/page.js"), name: "tasks", nav: { icon: "SquareCheck", isOnPhone: true } },
  { path: "/notifications", load: () => import("./notifications/page.js") },
  { path: "/broadcasts", load: () => import("./broadcasts/page.js"), name: "campaigns", nav: { icon: "Megaphone", also: ["/sequences", "/templates", "/greeting"] } },
  { path: "/broadcasts/new", load: () => import("./broadcasts/new.js"), needs: "admin", isFull: true },
  { path: "/broadcasts/:id", load: () => import("./broadcasts/one.js"), isFull: true },
  { path: "/sequences", load: () => import("./sequences/page.js") },
  { path: "/sequences/new", load: editSequence, needs: "admin", isFull: true },
  { path: "/sequences/:id", load: () => import("./sequences/one.js"), isFull: true },
  { path: "/sequences/:id/edit", load: editSequence, needs: "admin", isFull: true },
  { path: "/greeting", load: () => import("./greeting/page.js") },
  { path: "/templates", load: templates },
  { path: "/templates/new", load: templates, isFull: true },
  { path: "/templates/:id", load: templates, isFull: true },
  { path: "/templates/:id/edit", load: templates, isFull: true },
  { path: "/reports", load: () => import("./reports/page.js"), name: "reports", nav: { icon: "ChartColumn" } },
  { path: "/usage", load: () => import("./usage/page.js"), name: "usage", nav: { icon: "IndianRupee" } },
  { path: "/billing", load: () => import("./billing/page.js"), name: "billing", nav: { icon: "Wallet", needs: "owner" } },
  { path: "/start", load: () => import("./start/page.js"), name: "checklist", nav: { icon: "ListChecks" } },
  { path: "/settings", load: settings, name: "settings", nav: { icon: "Settings" } },
  { path: "/settings/indiamart/coverage", load: () => import("./indiamart-coverage/page.js"), isFull: true },
  { path: "/settings/:section", load: settings },
  { path: "/help", load: () => import("./help/page.js") },
  { path: "/help/new", load: () => import("./help/new.js"), isFull: true },
  { path: "/help/:id", load: () => import("./help/one.js"), isFull: true },
  { path: "/trust", load: () => import("./trust/page.js"), name: "trust", nav: { icon: "ShieldCheck" } },
]

export const HOME = "/inbox"
