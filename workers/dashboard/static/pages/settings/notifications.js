// notifications.js: how a person is told on this device, and of what.
import { html } from "../../vendor/vendor.js"
import { words } from "../../lib/words.js"
import { Button, Check, Notice } from "../../ui/basics.js"
import { canNotify, choices, isAllowed, notice, ring, toggleBrowser, toggleSound } from "../notifications/choices.js"
import { complain, say } from "../../ui/toasts.js"

const t = words({
  en: {
    here: "On this device", text: "Each person chooses for each device. The bell keeps everything, whatever you choose.", sound: "Play a sound", browser: "Show browser notifications", browserHelp: "Also when Flow is in another tab or behind another window, as long as it is open.",
    blocked: "The browser does not allow notifications for Flow. Allow them in the site’s settings, beside the address.", none: "This browser cannot show notifications. On an iPhone, add Flow to the home screen first.",
    attempt: "Try it", attemptTitle: "This is how Flow tells you", attemptText: "A press leads to what it is about.", nothing: "Nothing is chosen, so nothing is heard or seen.",
    what: "What you are told", messages: "New messages of customers: once for each conversation until it is read", due: "Tasks that are due, at the time that the task says", given: "Leads and tasks that somebody, or a rule, gives to you", mention: "Notes in which a colleague mentions you", see: "Open the notifications",
  },
  hi: {
    here: "इस डिवाइस पर", text: "हर व्यक्ति हर डिवाइस के लिए खुद चुनता है। आप जो भी चुनें, घंटी में सब कुछ रहता है।", sound: "आवाज़ बजाएँ", browser: "ब्राउज़र की सूचनाएँ दिखाएँ", browserHelp: "तब भी जब Flow किसी दूसरे टैब में या दूसरी विंडो के पीछे हो, बस खुला रहे।",
    blocked: "ब्राउज़र Flow की सूचनाएँ रोक रहा है। पते के पास साइट की सेटिंग में अनुमति दें।", none: "यह ब्राउज़र सूचनाएँ नहीं दिखा सकता। iPhone पर पहले Flow को होम स्क्रीन पर जोड़ें।",
    attempt: "आज़माएँ", attemptTitle: "Flow आपको ऐसे बताएगा", attemptText: "दबाने पर वही चीज़ खुलेगी।", nothing: "कुछ चुना नहीं गया है, इसलिए न कुछ सुनाई देगा न दिखेगा।",
    what: "आपको क्या बताया जाता है", messages: "ग्राहकों के नए संदेश: हर बातचीत के लिए एक बार, जब तक पढ़ी न जाए", due: "जिन कामों का समय हो गया, काम में लिखे समय पर", given: "लीड और काम जो कोई या कोई नियम आपको सौंपे", mention: "नोट जिनमें कोई साथी आपका नाम ले", see: "सूचनाएँ खोलें",
  },
})

const toggle = async () => { if (!(await toggleBrowser())) say(t("blocked"), { isBad: true }) }

function attempt() {
  if (!choices.value.sound && !isAllowed.value) return say(t("nothing"))
  if (choices.value.sound) ring()
  if (isAllowed.value) notice(t("attemptTitle"), t("attemptText"), "flow-try", "/settings/notifications")
  return undefined
}

export default function Notifications() {
  const isBlocked = canNotify && Notification.permission === "denied"
  return html`<section class="card stack"><h3>${t("here")}</h3><p class="soft">${t("text")}</p>
      <${Check} label=${t("sound")} checked=${Boolean(choices.value.sound)} onChange=${toggleSound} />
      ${canNotify ? html`<${Check} label=${t("browser")} help=${t("browserHelp")} checked=${isAllowed.value} disabled=${isBlocked} onChange=${() => toggle().catch(complain)} />` : html`<${Notice}>${t("none")}<//>`}
      ${isBlocked && html`<${Notice} kind="warn">${t("blocked")}<//>`}
      <div><${Button} icon="Bell" onClick=${attempt}>${t("attempt")}<//></div></section>
    <section class="card stack tight"><h3>${t("what")}</h3>
      <ul class="told-of">${["messages", "due", "given", "mention"].map((name) => html`<li key=${name}>${t(name)}</li>`)}</ul>
      <div><a class="button" href="/notifications">${t("see")}</a></div></section>`
}
