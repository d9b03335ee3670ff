// pages.js: every page, where it is and what navigation shows of it. A page's module is loaded when it is first opened.
//
// path: as in router.match. name: the key of its words in frame/words. nav: its icon, and whether a phone's bar has it.
// needs: the least role. isAlone: without the frame (nobody is signed in, or there is no organization yet).
export const pages = [
  { path: "/sign-in", load: () => import("./sign-in/page.js"), isAlone: true },
  { path: "/welcome", load: () => import("./welcome/page.js"), isAlone: true },
  { path: "/start", load: () => import("./start/page.js"), name: "checklist", nav: { icon: "ListChecks" } },
  { path: "/usage", load: () => import("./usage/page.js"), name: "usage", nav: { icon: "IndianRupee" } },
  { path: "/settings", load: () => import("./settings/page.js"), name: "settings", nav: { icon: "Settings" } },
  { path: "/settings/:section", load: () => import("./settings/page.js") },
]

export const HOME = "/start"
