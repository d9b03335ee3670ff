// pages.js: every page, where it is and what navigation shows of it. A page's module is loaded when it is first opened.
//
// path: as in router.match. name: the key of its words in frame/words. nav: its icon, and whether a phone's bar has it.
// needs: the least role. isAlone: without the frame (nobody is signed in, or there is no organization yet).
export const pages = [
  { path: "/sign-in", load: () => import("./sign-in/page.js"), isAlone: true },
  { path: "/welcome", load: () => import("./welcome/page.js"), isAlone: true },
  { path: "/usage", load: () => import("./usage/page.js"), name: "usage", nav: { icon: "IndianRupee" } },
]

export const HOME = "/welcome"
