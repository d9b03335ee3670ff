import { words } from "../../lib/words.js"

export const t = words({
  en: {
    none: "No form yet", noneText: "A page on which anybody can enquire, to link from your website, your bill or a QR code.", make: "New form", edit: "Change", save: "Save", saved: "Saved", open: "Open", address: "Address of the form", on: "Open", off: "Closed",
    title: "Heading", titleExample: "Ask for a price", intro: "A sentence under it", thanks: "What is said afterwards", privacy: "Address of your privacy policy", products: "Products to choose from", productsHelp: "One a line; empty: people write it themselves.", greet: "Greet on WhatsApp who agreed", isOn: "The form is open", fields: "Fields",
    name: "Name", phone: "Mobile number", email: "E-mail", company: "Company", city: "City", product: "Product", message: "Message", required: "required", optional: "optional", hidden: "not asked",
    move: "New address", moveText: "The old address of “{title}” stops working at once.", sent: { one: "{n} enquiry in 30 days", other: "{n} enquiries in 30 days" }, refused: { one: "{n} refused as spam", other: "{n} refused as spam" },
  },
  hi: {
    none: "अभी कोई फ़ॉर्म नहीं", noneText: "एक पेज जहाँ कोई भी पूछताछ कर सके: वेबसाइट, बिल या QR कोड से जोड़ने के लिए।", make: "नया फ़ॉर्म", edit: "बदलें", save: "सहेजें", saved: "सहेजा गया", open: "खोलें", address: "फ़ॉर्म का पता", on: "खुला", off: "बंद",
    title: "शीर्षक", titleExample: "कीमत पूछें", intro: "उसके नीचे एक वाक्य", thanks: "भेजने के बाद क्या कहें", privacy: "आपकी गोपनीयता नीति का पता", products: "चुनने के लिए उत्पाद", productsHelp: "हर लाइन में एक; खाली: लोग खुद लिखें।", greet: "सहमति देने वालों को WhatsApp अभिवादन", isOn: "फ़ॉर्म खुला है", fields: "फ़ील्ड",
    name: "नाम", phone: "मोबाइल नंबर", email: "ई-मेल", company: "कंपनी", city: "शहर", product: "उत्पाद", message: "संदेश", required: "ज़रूरी", optional: "वैकल्पिक", hidden: "नहीं पूछें",
    move: "नया पता", moveText: "“{title}” का पुराना पता तुरंत बंद हो जाएगा।", sent: { one: "30 दिन में {n} पूछताछ", other: "30 दिन में {n} पूछताछ" }, refused: { one: "{n} स्पैम रोका", other: "{n} स्पैम रोके" },
  },
})
