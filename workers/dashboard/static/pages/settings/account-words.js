import { words } from "../../lib/words.js"

export const t = words({
  en: {
    profile: "Profile", profileText: "As Google gives it. What you change there is shown here after you sign in again.", name: "Name", email: "E-mail", noName: "No name given",
    devices: "Devices", devicesText: "Ends every session of yours, on this device too.", everywhere: "Sign out everywhere",
    telemetry: "What this browser tells Flow", telemetryText: "So that we see what is slow and what breaks. Never what a page shows.", recorded: "All that Flow records", pageViews: "Note which pages I open and how fast they are", pageViewsHelp: "Pages by name only, kept for 30 days. Switched off, what was noted no longer says that it was you. Errors are told either way: they name no page beyond the one that broke.",
    isPrivate: "Your browser asks sites not to track you: your pages are not noted, whatever is chosen here.", noted: "Your pages are noted from now on.", notNoted: "Your pages are no longer noted.",
    close: "Close my account", closeText: "Your access ends at once in every organization. Name, address and picture go; what you did stays as done by a former member. With the same address you can sign up anew, and begin from nothing.",
    yours: "Your organizations", leads: { one: "{n} open lead goes back to the rules", other: "{n} open leads go back to the rules" }, tasks: { one: "{n} open task to the team", other: "{n} open tasks to the team" }, nothing: "Nothing of yours is open here",
    last_owner: "You are its only owner. Make somebody else an owner first (Settings, Team), or delete the organization (Settings, Audit log and deletion).", being_deleted: "It is being deleted. Your account goes with it, unless you belong to another organization.",
    sure: "You lose access to everything in Flow at once. This cannot be taken back.",
  },
  hi: {
    profile: "प्रोफ़ाइल", profileText: "जैसी Google देता है। वहाँ जो बदलें वह फिर साइन इन करने पर यहाँ दिखेगा।", name: "नाम", email: "ई-मेल", noName: "नाम नहीं दिया",
    devices: "डिवाइस", devicesText: "आपके सभी सत्र बंद हो जाएँगे, इस डिवाइस पर भी।", everywhere: "हर जगह से साइन आउट करें",
    telemetry: "यह ब्राउज़र Flow को क्या बताता है", telemetryText: "ताकि हम देख सकें कि क्या धीमा है और क्या टूटता है। पेज पर क्या दिखता है, वह कभी नहीं।", recorded: "Flow जो कुछ दर्ज करता है", pageViews: "दर्ज करें कि मैं कौन-से पेज खोलता हूँ और वे कितने तेज़ हैं", pageViewsHelp: "केवल पेज का नाम, 30 दिन तक। बंद करने पर पहले दर्ज हुआ यह नहीं बताएगा कि वह आप थे। गड़बड़ियाँ फिर भी बताई जाती हैं: उनमें केवल वही पेज होता है जो टूटा।",
    isPrivate: "आपका ब्राउज़र साइटों से ट्रैक न करने को कहता है: यहाँ जो भी चुना हो, आपके पेज दर्ज नहीं होते।", noted: "अब से आपके पेज दर्ज होंगे।", notNoted: "अब आपके पेज दर्ज नहीं होते।",
    close: "मेरा खाता बंद करें", closeText: "हर संगठन में आपकी पहुँच तुरंत बंद हो जाएगी। नाम, पता और तस्वीर मिट जाएँगे; आपका किया हुआ पूर्व सदस्य के नाम से रहेगा। उसी पते से आप फिर नया खाता बना सकते हैं, पर शुरुआत खाली से होगी।",
    yours: "आपके संगठन", leads: { one: "{n} खुली लीड नियमों के पास वापस जाएगी", other: "{n} खुली लीड नियमों के पास वापस जाएँगी" }, tasks: { one: "{n} खुला काम टीम को", other: "{n} खुले काम टीम को" }, nothing: "यहाँ आपका कुछ खुला नहीं है",
    last_owner: "आप इसके अकेले मालिक हैं। पहले किसी और को मालिक बनाएँ (सेटिंग, टीम), या संगठन मिटाएँ (सेटिंग, ऑडिट लॉग और डेटा मिटाना)।", being_deleted: "यह मिटाया जा रहा है। आपका खाता इसी के साथ मिट जाएगा, अगर आप किसी और संगठन में नहीं हैं।",
    sure: "Flow में हर चीज़ से आपकी पहुँच तुरंत बंद हो जाएगी। इसे वापस नहीं लिया जा सकता।",
  },
})
