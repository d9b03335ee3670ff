// support-words.js: what the operators' queue of tickets says; what tickets are called stands in help/words.js.
import { words } from "../../lib/words.js"

export const t = words({
  en: {
    waiting: "Waiting", mine: "Mine", unassigned: "Unassigned", inquiries: "Inquiries", overdue: "Overdue", settled: "Settled", unconfirmed: "Unconfirmed", lists: "Lists", none: "Nothing here", noneText: "Nobody waits in this list.", sort: "Order", byUrgency: "By urgency", byAge: "By age", older: "More",
    outside: "From outside", due: "Due {time}", late: "Overdue since {time}", lateOnes: { one: "{n} inquiry is overdue", other: "{n} inquiries are overdue" }, for: "with {name}", nobody: "Nobody", assignee: "Answered by", urgency: "Urgency", noAddress: "address not confirmed",
    access: "See data", correction: "Correct data", erasure: "Erase data", grievance: "Grievance", security: "Security", other: "Other",
    answer: "Answer", answerTo: "Answer to {name}", note: "Note for Flow's people", keepNote: "Keep the note", internal: "Flow only", solve: "Solved", close: "Close", reopen: "Open again", saved: "Saved", person: "Asked by", organization: "Organization", business: "About", firstAnswer: "First answer", solveTime: "Solved", after: "after {time}", atOnce: "at once", notYet: "not yet", received: "Received",
    ask: "Ask to look", asked: "Asked {time}. An owner decides.", asking: "The owners are asked. It stands in their audit log.", isIn: "You can look until {time}: open Support.", look: "Open Support", gone: "forgotten after its time", unconfirmedText: "Nobody has proved that this address is theirs. It cannot be answered.",
  },
  hi: {
    waiting: "इंतज़ार में", mine: "मेरे", unassigned: "किसी के पास नहीं", inquiries: "पूछताछ", overdue: "समय बीता", settled: "निपटे", unconfirmed: "बिना पुष्टि", lists: "सूचियाँ", none: "यहाँ कुछ नहीं", noneText: "इस सूची में कोई इंतज़ार नहीं कर रहा।", sort: "क्रम", byUrgency: "ज़रूरत के क्रम से", byAge: "पुराने पहले", older: "और",
    outside: "बाहर से", due: "{time} तक", late: "{time} से समय बीता", lateOnes: { one: "{n} पूछताछ का समय बीत गया", other: "{n} पूछताछ का समय बीत गया" }, for: "{name} के पास", nobody: "कोई नहीं", assignee: "जवाब कौन देगा", urgency: "ज़रूरत", noAddress: "पते की पुष्टि नहीं",
    access: "डेटा देखना", correction: "डेटा सुधारना", erasure: "डेटा मिटाना", grievance: "शिकायत", security: "सुरक्षा", other: "अन्य",
    answer: "जवाब दें", answerTo: "{name} को जवाब", note: "Flow के लोगों के लिए नोट", keepNote: "नोट रखें", internal: "केवल Flow", solve: "सुलझ गया", close: "बंद करें", reopen: "फिर खोलें", saved: "सहेजा गया", person: "किसने पूछा", organization: "संगठन", business: "किस बारे में", firstAnswer: "पहला जवाब", solveTime: "सुलझा", after: "{time} में", atOnce: "तुरंत", notYet: "अभी नहीं", received: "मिला",
    ask: "देखने की अनुमति माँगें", asked: "{time} को माँगी गई। फ़ैसला मालिक का है।", asking: "मालिकों से पूछा गया। यह उनके ऑडिट लॉग में है।", isIn: "आप {time} तक देख सकते हैं: सपोर्ट खोलें।", look: "सपोर्ट खोलें", gone: "समय पूरा होने पर भुला दिया गया", unconfirmedText: "किसी ने साबित नहीं किया कि यह पता उनका है। इसका जवाब नहीं दिया जा सकता।",
  },
})
