"""What the page of a person's deletion request says, in English and in Hindi."""

WORDS: dict[str, dict[str, str]] = {
    "en": {
        "title": "Deletion of your data",
        "other_language": "हिन्दी में पढ़ें",
        "unknown": "Request not found",
        "unknown_text": "There is no request with this code. Compare it with the one that Facebook shows.",
        "working": "Your data is being deleted",
        "working_text": "Your request of {day} is being worked on.",
        "done": "Your data is deleted",
        "done_text": (
            "Your request of {day} is done. Flow no longer holds your Facebook id or any access from it."
        ),
        "nothing": "Nothing of you is held",
        "nothing_text": (
            "Flow held nothing under your Facebook id when your request of {day} came, so nothing had to be "
            "deleted. If you wrote to a business on WhatsApp, ask that business: it can erase you in Flow."
        ),
        "code": "Confirmation code",
    },
    "hi": {
        "title": "आपका डेटा मिटाना",
        "other_language": "Read in English",
        "unknown": "अनुरोध नहीं मिला",
        "unknown_text": "इस कोड का कोई अनुरोध नहीं है। Facebook जो कोड दिखाता है, उससे मिलाकर देखें।",
        "working": "आपका डेटा मिटाया जा रहा है",
        "working_text": "{day} के आपके अनुरोध पर काम चल रहा है।",
        "done": "आपका डेटा मिटा दिया गया है",
        "done_text": (
            "{day} का आपका अनुरोध पूरा हुआ। आपकी Facebook आईडी और उससे मिली कोई पहुँच अब Flow के पास नहीं है।"
        ),
        "nothing": "आपका कोई डेटा नहीं रखा है",
        "nothing_text": (
            "{day} को आपका अनुरोध आया, तब आपकी Facebook आईडी से Flow के पास कुछ नहीं था, "
            "इसलिए मिटाने को कुछ नहीं था। अगर आपने किसी व्यवसाय को WhatsApp पर लिखा था, तो उसी से कहें: "
            "वह Flow में आपका डेटा मिटा सकता है।"
        ),
        "code": "पुष्टि कोड",
    },
}
