import { words } from "../../lib/words.js"

export const t = words({
  en: {
    side: "Where", both: "Servers and browsers", server: "Server", browser: "Browser", open: "Open", resolved: "Resolved", ignored: "Ignored", again: "Try again", older: "Older",
    none_open: "No open errors", none_resolved: "None was resolved", none_ignored: "None is ignored", noneText: "What goes wrong on servers and in browsers stands here, the same things together.",
    back: "Came back", last: "last {time}", first: "first {time}", times: "Times", organizations: "Organizations", people: "People", firstSeen: "First", lastSeen: "Last", routes: "Where", releases: "Releases", latest: { one: "Of the latest one.", other: "Organizations, people, places and releases: of the latest {n}." },
    make_resolved: "Resolved", make_ignored: "Ignore", make_open: "Open again", became_resolved: "Resolved. It opens again when it comes back.", became_ignored: "Ignored from now on.", became_open: "Open again.",
  },
  hi: {
    side: "कहाँ", both: "सर्वर और ब्राउज़र", server: "सर्वर", browser: "ब्राउज़र", open: "खुली", resolved: "सुलझी", ignored: "अनदेखी", again: "फिर कोशिश करें", older: "और पुरानी",
    none_open: "कोई खुली गड़बड़ी नहीं", none_resolved: "कोई सुलझी नहीं", none_ignored: "कोई अनदेखी नहीं", noneText: "सर्वर और ब्राउज़र में जो गड़बड़ हो, वह यहाँ दिखता है; एक जैसी गड़बड़ियाँ एक साथ।",
    back: "लौट आई", last: "पिछली बार {time}", first: "पहली बार {time}", times: "कितनी बार", organizations: "संगठन", people: "लोग", firstSeen: "पहली बार", lastSeen: "पिछली बार", routes: "कहाँ", releases: "रिलीज़", latest: { one: "सबसे नई एक की।", other: "संगठन, लोग, जगह और रिलीज़: सबसे नई {n} की।" },
    make_resolved: "सुलझ गई", make_ignored: "अनदेखा करें", make_open: "फिर खोलें", became_resolved: "सुलझी। लौटी तो फिर खुल जाएगी।", became_ignored: "अब से अनदेखी।", became_open: "फिर खुली।",
  },
})
