import { words } from "../../lib/words.js"

export const t = words({
  en: {
    text: "With a key your website or another program works with Flow at {address}. A key may do only what you tick, and can be taken back by itself.", docs: "How programs use it",
    name: "What will use it?", example: "Website", scopes: "It may", "leads:write": "Add and change leads", "leads:read": "Read leads", "contacts:write": "Change contacts and consent", "contacts:read": "Read contacts", "conversations:read": "Read conversations", "messages:send": "Send messages", "templates:read": "Read templates", "tasks:write": "Add and change tasks", "tasks:read": "Read tasks", "usage:read": "Read usage", "webhooks:manage": "Manage webhooks", make: "Make a key", made: "Copy it now: it is not shown again.", key: "The key",
    none: "No keys yet", ends: "ends {time}", used: "used {time}", never: "never used", active: "Active", rotated: "Rotated", ended: "Ended", revoked: "Revoked",
    rotate: "Rotate", rotateText: "“{name}” gets a new key; the old one works for one more day.", revoke: "Revoke", revokeText: "What uses “{name}” stops working at once.", done: "Revoked", keys: "Keys",
  },
  hi: {
    text: "key से आपकी वेबसाइट या कोई और प्रोग्राम {address} पर Flow के साथ काम करता है। key वही कर सकती है जो आप चुनें, और अलग से वापस ली जा सकती है।", docs: "प्रोग्राम इसे कैसे इस्तेमाल करें",
    name: "इसे कौन इस्तेमाल करेगा?", example: "वेबसाइट", scopes: "इसे अनुमति", "leads:write": "लीड डालना और बदलना", "leads:read": "लीड देखना", "contacts:write": "संपर्क और सहमति बदलना", "contacts:read": "संपर्क देखना", "conversations:read": "बातचीत देखना", "messages:send": "संदेश भेजना", "templates:read": "टेम्पलेट देखना", "tasks:write": "काम डालना और बदलना", "tasks:read": "काम देखना", "usage:read": "खर्च देखना", "webhooks:manage": "वेबहुक सँभालना", make: "key बनाएँ", made: "अभी कॉपी करें: यह फिर नहीं दिखेगी।", key: "key",
    none: "अभी कोई key नहीं", ends: "{time} को समाप्त", used: "{time} को इस्तेमाल", never: "कभी इस्तेमाल नहीं", active: "चालू", rotated: "बदली गई", ended: "समाप्त", revoked: "वापस ली गई",
    rotate: "बदलें", rotateText: "“{name}” को नई key मिलेगी; पुरानी एक दिन और चलेगी।", revoke: "वापस लें", revokeText: "“{name}” का काम तुरंत बंद हो जाएगा।", done: "वापस ली गई", keys: "keys",
  },
})
