import { words } from "../../lib/words.js"

export const t = words({
  en: {
    text: "With a key your website or another program puts leads into Flow: POST {address} with a JSON body. Each key can be taken back by itself.",
    name: "What will use it?", example: "Website", scopes: "It may", write: "Add leads", read: "List leads", make: "Make a key", made: "Copy it now: it is not shown again.", key: "The key",
    none: "No keys yet", ends: "ends {time}", used: "used {time}", never: "never used", active: "Active", rotated: "Rotated", ended: "Ended", revoked: "Revoked",
    rotate: "Rotate", rotateText: "“{name}” gets a new key; the old one works for one more day.", revoke: "Revoke", revokeText: "What uses “{name}” stops working at once.", done: "Revoked", keys: "Keys", example2: "Example",
  },
  hi: {
    text: "key से आपकी वेबसाइट या कोई और प्रोग्राम Flow में लीड डालता है: {address} पर JSON के साथ POST। हर key अलग से वापस ली जा सकती है।",
    name: "इसे कौन इस्तेमाल करेगा?", example: "वेबसाइट", scopes: "इसे अनुमति", write: "लीड डालना", read: "लीड देखना", make: "key बनाएँ", made: "अभी कॉपी करें: यह फिर नहीं दिखेगी।", key: "key",
    none: "अभी कोई key नहीं", ends: "{time} को समाप्त", used: "{time} को इस्तेमाल", never: "कभी इस्तेमाल नहीं", active: "चालू", rotated: "बदली गई", ended: "समाप्त", revoked: "वापस ली गई",
    rotate: "बदलें", rotateText: "“{name}” को नई key मिलेगी; पुरानी एक दिन और चलेगी।", revoke: "वापस लें", revokeText: "“{name}” का काम तुरंत बंद हो जाएगा।", done: "वापस ली गई", keys: "keys", example2: "उदाहरण",
  },
})
