"""What the page of a deletion says, in English and in Hindi."""

FILES = "files in "
"""How a certificate names what it removed of the storage: with its bucket."""

WORDS: dict[str, dict[str, str]] = {
    "en": {
        "title": "Deletion of an organization",
        "other_language": "हिन्दी में पढ़ें",
        "scheduled": "Deletion is planned",
        "scheduled_text": (
            "Everything of the organization stands still. From {day} on it is deleted for good; until then "
            "an owner can take it back."
        ),
        "purging": "Being deleted now",
        "purging_text": "This takes some minutes. Open this page again to see the certificate.",
        "cancelled": "Taken back",
        "cancelled_text": "An owner took the deletion back. Nothing was deleted.",
        "purged": "Deleted",
        "purged_text": "No row and no file of it is left, but for what is listed below.",
        "nothing": "This link leads nowhere",
        "nothing_text": "There is no deletion with this number. Compare it with the link you were given.",
        "asked": "Asked for",
        "begun": "Begun",
        "done": "Done",
        "number": "Number of the deletion",
        "sums": "What was removed",
        "rows": "rows",
        "tables": "tables",
        "files": "files",
        "removed": "Rows that were removed, by table",
        "none": "There was nothing to remove.",
        "kept": "What may stay, and why",
        "kept_text": (
            "Books and evidence that the law asks for, and what keeps people from being written to again."
        ),
        "without_names": "names taken out of {rows} rows",
        "table": "Table of the database",
        "sha": "SHA-256 of this record",
        "sha_text": "If anything in the record were changed, this would change with it.",
    },
    "hi": {
        "title": "संगठन का डेटा मिटाना",
        "other_language": "Read in English",
        "scheduled": "मिटाना तय है",
        "scheduled_text": (
            "संगठन का सारा काम रुका हुआ है। {day} से सब कुछ हमेशा के लिए मिटा दिया जाएगा; "
            "तब तक कोई मालिक इसे वापस ले सकता है।"
        ),
        "purging": "अभी मिटाया जा रहा है",
        "purging_text": "इसमें कुछ मिनट लगते हैं। प्रमाण-पत्र देखने के लिए यह पेज फिर से खोलें।",
        "cancelled": "वापस लिया गया",
        "cancelled_text": "मालिक ने मिटाने का अनुरोध वापस ले लिया। कुछ भी नहीं मिटाया गया।",
        "purged": "मिटा दिया गया",
        "purged_text": "नीचे लिखी चीज़ों के सिवा इसकी कोई पंक्ति और कोई फ़ाइल नहीं बची।",
        "nothing": "यह लिंक कहीं नहीं जाता",
        "nothing_text": "इस संख्या से कोई डेटा नहीं मिटाया गया। मिले हुए लिंक से मिलाकर देखें।",
        "asked": "अनुरोध",
        "begun": "शुरू",
        "done": "पूरा",
        "number": "इस अनुरोध की संख्या",
        "sums": "क्या हटाया गया",
        "rows": "पंक्तियाँ",
        "tables": "टेबल",
        "files": "फ़ाइलें",
        "removed": "हटाई गई पंक्तियाँ, टेबल के अनुसार",
        "none": "हटाने को कुछ नहीं था।",
        "kept": "क्या रह सकता है, और क्यों",
        "kept_text": "वे बही-खाते और सबूत जो कानून माँगता है, और वह जिससे लोगों को फिर न लिखा जाए।",
        "without_names": "{rows} पंक्तियों से नाम निकाले गए",
        "table": "डेटाबेस की टेबल",
        "sha": "इस रिकॉर्ड का SHA-256",
        "sha_text": "रिकॉर्ड में कुछ भी बदला जाए, तो यह भी बदल जाएगा।",
    },
}

KEPT = {
    "hi": {
        "public.usage_ledger": "बही-खाता: क्या शुल्क लगा, आठ वित्तीय वर्षों तक; संदेशों के असली नाम की जगह छद्म नाम हैं",
        "public.audit_log": "क्या किया गया इसका सबूत, एक साल तक; लोगों और पतों के बिना",
        "public.whatsapp_accounts": "बही-खाते में खाता Flow की अपनी संख्या से दर्ज है; Meta का कुछ नहीं बचा",
        "public.whatsapp_numbers": "बही-खाते में नंबर Flow की अपनी संख्या से दर्ज है; Meta का कुछ नहीं बचा",
        "public.usage_days": "बही-खाता: हर दिन के जोड़",
        "public.ledger_closings": "बही-खाता: कौन से महीने बंद हो चुके हैं",
        "public.usage_statements": "बही-खाता: विवरण, आठ वित्तीय वर्षों तक",
        "public.usage_statement_lines": "बही-खाता: विवरणों की पंक्तियाँ",
        "public.wallets": "बही-खाता: पहले से जमा रकम",
        "public.wallet_entries": "बही-खाता: जमा रकम में आए और उससे गए भुगतान",
        "public.billing_plans": "बही-खाता: वे शर्तें जिनसे कीमतें तय हुईं",
        "public.subscriptions": "बही-खाता: कौन सा प्लान लिया गया था",
        "public.payments": "बही-खाता: भुगतान, आठ वित्तीय वर्षों तक; कार्ड या खाते के बिना",
        "public.refunds": "बही-खाता: लौटाई गई रकम, आठ वित्तीय वर्षों तक",
        "public.invoices": "बही-खाता: जारी किए गए इनवॉइस और क्रेडिट नोट, आठ वित्तीय वर्षों तक",
        "private.billing_intents": "बही-खाता: जिन लिंक से भुगतान आए; माँगने वाले के बिना",
        "private.suppressions": "जिन लोगों ने अपना डेटा मिटाने को कहा, उनके कूट हैश: ताकि उन्हें फिर कोई न लिखे",
        "private.organization_deletions": "यह अनुरोध और उसका प्रमाण-पत्र",
    },
}
"""Why rows of a table stay; in English the certificate says so itself."""
