// sections.js: what can be set, in the order of the list. needs: the least role.
export const sections = [
  { key: "organization", icon: "Building2", load: () => import("./organization.js") },
  { key: "team", icon: "Users", load: () => import("./team.js") },
  { key: "hours", icon: "Clock", load: () => import("./hours.js") },
  { key: "assignment", icon: "UserCheck", load: () => import("./assignment.js"), needs: "admin" },
  { key: "notifications", icon: "Bell", load: () => import("./notifications.js") },
  { key: "whatsapp", icon: "MessageCircle", load: () => import("./whatsapp.js") },
  { key: "messaging", icon: "Send", load: () => import("./messaging.js"), needs: "admin" },
  { key: "replies", icon: "Zap", load: () => import("./replies.js") },
  { key: "indiamart", icon: "Store", load: () => import("./indiamart.js") },
  { key: "sheets", icon: "FileSpreadsheet", load: () => import("./sheets.js") },
  { key: "forms", icon: "ClipboardList", load: () => import("./forms.js") },
  { key: "keys", icon: "KeyRound", load: () => import("./keys.js"), needs: "admin" },
  { key: "log", icon: "Workflow", load: () => import("./log.js") },
  { key: "privacy", icon: "ShieldCheck", load: () => import("./privacy.js"), needs: "admin" },
]
