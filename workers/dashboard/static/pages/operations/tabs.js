// tabs.js: the operators' pages, in their order: path (/operations/<path>), its words, and the module whose default export shows it.
export const tabs = [
  { path: "alarms", words: { en: "Alarms", hi: "अलार्म" }, load: () => import("./alarms.js") },
  { path: "support", words: { en: "Support", hi: "सपोर्ट" }, load: () => import("./support.js") },
  { path: "performance", words: { en: "Performance", hi: "गति" }, load: () => import("./performance.js") },
  { path: "errors", words: { en: "Errors", hi: "गड़बड़ियाँ" }, load: () => import("./errors.js") },
]
