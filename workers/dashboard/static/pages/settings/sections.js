// sections.js: what can be set, under the headings of the list and in its order. needs: the least role.
export const groups = [
  { key: "business", sections: [
    { key: "organization", icon: "Building2", load: () => import("./organization.js") },
    { key: "hours", icon: "Clock", load: () => import("./hours.js") },
    { key: "assignment", icon: "UserCheck", load: () => import("./assignment.js"), needs: "admin" },
  ] },
  { key: "people", sections: [
    { key: "team", icon: "Users", load: () => import("./team.js") },
    { key: "notifications", icon: "Bell", load: () => import("./notifications.js") },
    { key: "account", icon: "User", load: () => import("./account.js") },
  ] },
  { key: "channels", sections: [
    { key: "whatsapp", icon: "MessageCircle", load: () => import("./whatsapp.js") },
    { key: "messaging", icon: "Send", load: () => import("./messaging.js"), needs: "admin" },
    { key: "replies", icon: "Zap", load: () => import("./replies.js") },
    { key: "indiamart", icon: "Store", load: () => import("./indiamart.js") },
    { key: "sheets", icon: "FileSpreadsheet", load: () => import("./sheets.js") },
    { key: "forms", icon: "ClipboardList", load: () => import("./forms.js") },
    { key: "developers", icon: "KeyRound", load: () => import("./developers.js"), needs: "admin" },
    { key: "log", icon: "Workflow", load: () => import("./log.js") },
  ] },
  { key: "data", sections: [
    { key: "consent", icon: "Handshake", load: () => import("./consent.js") },
    { key: "recorded", icon: "Info", load: () => import("./recorded.js") },
    { key: "retention", icon: "Archive", load: () => import("./retention.js"), needs: "admin" },
    { key: "export", icon: "Download", load: () => import("./export.js"), needs: "owner" },
    { key: "access", icon: "Eye", load: () => import("./access.js"), needs: "owner" },
    { key: "privacy", icon: "ShieldCheck", load: () => import("./privacy.js"), needs: "admin" },
  ] },
]
export const sections = groups.flatMap((group) => group.sections)
