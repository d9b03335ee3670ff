import { words } from "../../lib/words.js"

export const t = words({
  en: {
    title: "Sign in to Flow", text: "Every enquiry answered on WhatsApp, by the whole team.", google: "Continue with Google", or: "or",
    email: "E-mail", password: "Password", signIn: "Sign in", signUp: "Create account", sendLink: "Send me a link",
    byLink: "Get a link by e-mail", byPassword: "Use a password", isNew: "I am new here",
    sent: "Look into your e-mail", sentText: "We sent a link to {email}. It opens Flow on this device.",
    wrong: "E-mail or password is wrong.", tooOften: "Too many attempts. Wait a minute.", unreachable: "Flow cannot be reached. Check your connection.",
    exists: "There is an account with this e-mail already. Sign in.", weak: "Choose a longer password.",
    again: "Sign in again", againText: "Your session has ended. What you were writing is still there.", leave: "Leave",
  },
  hi: {
    title: "Flow में साइन इन करें", text: "हर पूछताछ का WhatsApp पर जवाब, पूरी टीम के साथ।", google: "Google से जारी रखें", or: "या",
    email: "ई-मेल", password: "पासवर्ड", signIn: "साइन इन", signUp: "खाता बनाएँ", sendLink: "मुझे लिंक भेजें",
    byLink: "ई-मेल पर लिंक पाएँ", byPassword: "पासवर्ड से", isNew: "मैं नया हूँ",
    sent: "अपना ई-मेल देखें", sentText: "हमने {email} पर लिंक भेजा है। उससे इस डिवाइस पर Flow खुलेगा।",
    wrong: "ई-मेल या पासवर्ड गलत है।", tooOften: "बहुत बार कोशिश हुई। एक मिनट रुकें।", unreachable: "Flow से संपर्क नहीं हो रहा। अपना इंटरनेट देखें।",
    exists: "इस ई-मेल से खाता पहले से है। साइन इन करें।", weak: "लंबा पासवर्ड चुनें।",
    again: "फिर से साइन इन करें", againText: "आपका सत्र समाप्त हो गया। आप जो लिख रहे थे वह सुरक्षित है।", leave: "बाहर जाएँ",
  },
})
