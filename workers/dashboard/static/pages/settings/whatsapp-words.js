import { words } from "../../lib/words.js"

export const t = words({
  en: {
    none: "No WhatsApp number yet", noneText: "Connect the number that your customers write to. Flow greets, answers and counts on it.",
    connect: "Connect WhatsApp", byHand: "Connect with a token", check: "Look again", checked: "Looked again", lookedAt: "Looked at {time}",
    connected: "Connected", paused: "Paused", disconnected: "Disconnected", reconnect: "Reconnect",
    quality: "Quality", GREEN: "high", YELLOW: "medium", RED: "low", UNKNOWN: "not known yet", limit: "Messages to new people a day", unlimited: "no limit", heard: "Last heard", never: "never", account: "Account", onPhone: "Also on a phone", verifiedName: "Name", waiting: { one: "{n} conversation waits", other: "{n} conversations wait" },
    resume: "Go on sending", resumed: "Sending goes on", disconnect: "Disconnect", disconnectTitle: "Disconnect {phone}?", disconnectText: "Flow stops calling Meta for this number at once: waiting messages are cancelled and the token is deleted. Conversations stay.", disconnectDone: "Disconnected",
    waba: "WhatsApp Business Account ID", numberId: "Phone number ID", token: "Access token of the system user", tokenHelp: "Stored encrypted, and never shown again.", handText: "From Meta Business Settings → Accounts → WhatsApp accounts, and System users.", connectAction: "Connect", done: "Connected: {phone}",
    remedy: "What to do", cleanup: "Meta is being told that Flow has let go of this account.", pausedUntil: "until {time}",
    window: "Meta's window is open. Go on there.", again: "Open the window again", choose: "Which number?", goOn: "Continue", unfinished: "A connection was begun and not finished.", problem: "It stopped: {problem}", giveUp: "Give it up", notSetUp: "Connecting with one click is not set up on this installation. Use a token.",
  },
  hi: {
    none: "अभी कोई WhatsApp नंबर नहीं", noneText: "वह नंबर जोड़ें जिस पर ग्राहक लिखते हैं। Flow उसी पर अभिवादन, जवाब और हिसाब करता है।",
    connect: "WhatsApp जोड़ें", byHand: "टोकन से जोड़ें", check: "फिर देखें", checked: "फिर देखा गया", lookedAt: "{time} पर देखा",
    connected: "जुड़ा है", paused: "रुका है", disconnected: "अलग किया गया", reconnect: "फिर से जोड़ें",
    quality: "गुणवत्ता", GREEN: "अच्छी", YELLOW: "मध्यम", RED: "कम", UNKNOWN: "अभी पता नहीं", limit: "रोज़ नए लोगों को संदेश", unlimited: "कोई सीमा नहीं", heard: "पिछली बार सुना", never: "कभी नहीं", account: "खाता", onPhone: "फ़ोन पर भी है", verifiedName: "नाम", waiting: { one: "{n} बातचीत रुकी है", other: "{n} बातचीत रुकी हैं" },
    resume: "भेजना जारी रखें", resumed: "भेजना फिर शुरू", disconnect: "अलग करें", disconnectTitle: "{phone} को अलग करें?", disconnectText: "Flow इस नंबर के लिए Meta को कॉल करना तुरंत बंद कर देगा: रुके संदेश रद्द होंगे और टोकन हटेगा। बातचीत रहेंगी।", disconnectDone: "अलग किया गया",
    waba: "WhatsApp Business Account ID", numberId: "Phone number ID", token: "सिस्टम यूज़र का एक्सेस टोकन", tokenHelp: "एन्क्रिप्ट करके रखा जाता है, फिर कभी नहीं दिखाया जाता।", handText: "Meta Business Settings → Accounts → WhatsApp accounts और System users से।", connectAction: "जोड़ें", done: "जुड़ गया: {phone}",
    remedy: "क्या करें", cleanup: "Meta को बताया जा रहा है कि Flow ने यह खाता छोड़ दिया है।", pausedUntil: "{time} तक",
    window: "Meta की विंडो खुली है। वहाँ आगे बढ़ें।", again: "विंडो फिर खोलें", choose: "कौन-सा नंबर?", goOn: "आगे बढ़ें", unfinished: "जोड़ना शुरू हुआ था पर पूरा नहीं हुआ।", problem: "रुक गया: {problem}", giveUp: "छोड़ दें", notSetUp: "इस सर्वर पर एक क्लिक से जोड़ना सेट नहीं है। टोकन का उपयोग करें।",
  },
})
