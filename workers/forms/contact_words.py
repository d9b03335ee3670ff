"""What the pages under /contact say, in English and in Hindi."""

WORDS: dict[str, dict[str, str]] = {
    "en": {
        "title": "Contact Flow",
        "intro": (
            "For requests about your personal data, grievances and reports about security. "
            "You need no account. If a business wrote to you on WhatsApp, ask that business first: "
            "it decides about your data."
        ),
        "other_language": "हिन्दी में पढ़ें",
        "category": "What is it about?",
        "choose": "Please choose",
        "access": "See the data about me",
        "correction": "Correct the data about me",
        "erasure": "Erase the data about me",
        "grievance": "A grievance",
        "security": "Report a security problem",
        "other": "Something else",
        "name": "Your name",
        "email": "E-mail",
        "email_help": "Our answer goes here, and to nobody else.",
        "business": "Which business is it about?",
        "text": "Your message",
        "text_help": "Please send no passwords, card numbers or identity documents.",
        "optional": "optional",
        "kept": (
            "We keep your inquiry for a year after it is settled, then your name, address and "
            "words are deleted."
        ),
        "send": "Send",
        "missing": "Please fill this in.",
        "choose_one": "Please choose what it is about.",
        "too_long": "This is too long.",
        "email_invalid": "This is not an e-mail address.",
        "expired": "This page was open too long. Please send it once more.",
        "too_fast": "This was sent very fast. Please look it over and send it once more.",
        "too_many": "Too many inquiries came from you or your network. Please try again tomorrow.",
        "sent": "We have got your inquiry",
        "reference": "Reference",
        "until": "To be settled by",
        "mailed": (
            "One step is left: we are mailing you a link. "
            "Open it and confirm that the address is yours. "
            "We look at your inquiry only then, and our answer stands under the same link."
        ),
        "keep_link": "Keep this link. It shows our answer, to whoever has it:",
        "nothing": "This link leads nowhere",
        "nothing_text": "It may be cut off, or the inquiry was deleted after its time.",
        "confirm_title": "Confirm your inquiry",
        "confirm_text": "Did you write this to Flow? Then confirm it; we look at it only then.",
        "confirm": "Yes, this is mine",
        "state_open": "With us",
        "state_waiting_for_us": "With us",
        "state_waiting_for_you": "We have answered",
        "state_solved": "Settled",
        "state_closed": "Closed",
        "you": "You",
        "flow": "Flow's support",
        "messages": "Messages",
        "reply": "Write to us",
        "again": "Ask again",
    },
    "hi": {
        "title": "Flow से संपर्क करें",
        "intro": (
            "अपने निजी डेटा से जुड़े अनुरोध, शिकायत और सुरक्षा की सूचना के लिए। "
            "खाता ज़रूरी नहीं है। "
            "अगर किसी व्यवसाय ने आपको WhatsApp पर लिखा है, तो पहले उसी से पूछें: "
            "आपके डेटा का फ़ैसला वही करता है।"
        ),
        "other_language": "Read in English",
        "category": "किस बारे में है?",
        "choose": "कृपया चुनें",
        "access": "मेरे बारे में डेटा देखना",
        "correction": "मेरे बारे में डेटा सुधारना",
        "erasure": "मेरे बारे में डेटा मिटाना",
        "grievance": "शिकायत",
        "security": "सुरक्षा की गड़बड़ी बताना",
        "other": "कुछ और",
        "name": "आपका नाम",
        "email": "ई-मेल",
        "email_help": "हमारा जवाब यहीं आएगा, किसी और को नहीं।",
        "business": "किस व्यवसाय के बारे में है?",
        "text": "आपका संदेश",
        "text_help": "कृपया पासवर्ड, कार्ड नंबर या पहचान पत्र न भेजें।",
        "optional": "वैकल्पिक",
        "kept": ("मामला सुलझने के एक साल बाद तक हम आपकी पूछताछ रखते हैं, फिर आपका नाम, पता और शब्द मिटा दिए जाते हैं।"),
        "send": "भेजें",
        "missing": "कृपया इसे भरें।",
        "choose_one": "कृपया चुनें कि किस बारे में है।",
        "too_long": "यह बहुत लंबा है।",
        "email_invalid": "यह ई-मेल पता नहीं है।",
        "expired": "यह पेज बहुत देर खुला रहा। कृपया एक बार फिर भेजें।",
        "too_fast": "यह बहुत जल्दी भेजा गया। कृपया एक बार देखकर फिर भेजें।",
        "too_many": "आपसे या आपके नेटवर्क से बहुत सारी पूछताछ आई हैं। कृपया कल फिर कोशिश करें।",
        "sent": "हमें आपकी पूछताछ मिल गई",
        "reference": "संदर्भ संख्या",
        "until": "इस तारीख तक सुलझाना है",
        "mailed": (
            "एक कदम बाकी है: हम आपको ई-मेल से एक लिंक भेज रहे हैं। "
            "उसे खोलकर पुष्टि करें कि पता आपका है। "
            "हम उसके बाद ही आपकी पूछताछ देखेंगे, और जवाब भी उसी लिंक पर मिलेगा।"
        ),
        "keep_link": "यह लिंक संभालकर रखें। जिसके पास यह है, उसे हमारा जवाब दिखेगा:",
        "nothing": "यह लिंक कहीं नहीं जाता",
        "nothing_text": "शायद लिंक अधूरा है, या पूछताछ समय पूरा होने पर मिटा दी गई।",
        "confirm_title": "अपनी पूछताछ की पुष्टि करें",
        "confirm_text": "क्या यह आपने Flow को लिखा है? तो पुष्टि करें; हम उसके बाद ही इसे देखेंगे।",
        "confirm": "हाँ, यह मेरी है",
        "state_open": "हमारे पास है",
        "state_waiting_for_us": "हमारे पास है",
        "state_waiting_for_you": "हमने जवाब दिया है",
        "state_solved": "सुलझ गई",
        "state_closed": "बंद",
        "you": "आप",
        "flow": "Flow का सपोर्ट",
        "messages": "संदेश",
        "reply": "हमें लिखें",
        "again": "फिर से पूछें",
    },
}
