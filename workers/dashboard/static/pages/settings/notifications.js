// notifications.js: how a person is told on this device and on others, of what, and when not.
import { html } from "../../vendor/vendor.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { words } from "../../lib/words.js"
import { Button, Check, Loaded, Notice } from "../../ui/basics.js"
import { canNotify, choices, isAllowed, notice, ring, toggleBrowser, toggleSound } from "../notifications/choices.js"
import { complain, say } from "../../ui/toasts.js"
import { Devices, PushHere } from "./push-devices.js"
import { key, Kinds, LockedScreen, Quiet, readTold } from "./told.js"

const t = words({
  en: {
    here: "On this device", text: "Each person chooses for each device. The bell keeps everything, whatever you choose.", sound: "Play a sound", browser: "Show browser notifications", browserHelp: "Also when Flow is in another tab or behind another window, as long as it is open.",
    blocked: "The browser does not allow notifications for Flow. Allow them in the site’s settings, beside the address.", none: "This browser cannot show notifications. On an iPhone, add Flow to the home screen first.",
    attempt: "Try it", attemptTitle: "This is how Flow tells you", attemptText: "A press leads to what it is about.", nothing: "Nothing is chosen, so nothing is heard or seen.",
  },
  hi: {
    here: "इस डिवाइस पर", text: "हर व्यक्ति हर डिवाइस के लिए खुद चुनता है। आप जो भी चुनें, घंटी में सब कुछ रहता है।", sound: "आवाज़ बजाएँ", browser: "ब्राउज़र की सूचनाएँ दिखाएँ", browserHelp: "तब भी जब Flow किसी दूसरे टैब में या दूसरी विंडो के पीछे हो, बस खुला रहे।",
    blocked: "ब्राउज़र Flow की सूचनाएँ रोक रहा है। पते के पास साइट की सेटिंग में अनुमति दें।", none: "यह ब्राउज़र सूचनाएँ नहीं दिखा सकता। iPhone पर पहले Flow को होम स्क्रीन पर जोड़ें।",
    attempt: "आज़माएँ", attemptTitle: "Flow आपको ऐसे बताएगा", attemptText: "दबाने पर वही चीज़ खुलेगी।", nothing: "कुछ चुना नहीं गया है, इसलिए न कुछ सुनाई देगा न दिखेगा।",
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
  const query = useQuery(key(), readTold)
  return html`<section class="card stack"><h3>${t("here")}</h3><p class="soft">${t("text")}</p>
      <${PushHere} blocked=${t("blocked")} isBlocked=${isBlocked} />
      ${canNotify ? html`<${Check} label=${t("browser")} help=${t("browserHelp")} checked=${isAllowed.value} disabled=${isBlocked} onChange=${() => toggle().catch(complain)} />` : html`<${Notice}>${t("none")}<//>`}
      <${Check} label=${t("sound")} checked=${Boolean(choices.value.sound)} onChange=${toggleSound} />
      ${isBlocked && html`<${Notice} kind="warn">${t("blocked")}<//>`}
      <div><${Button} icon="Bell" onClick=${attempt}>${t("attempt")}<//></div></section>
    <${Loaded} query=${query} retry=${() => refresh(key())} lines=${6} height=${40}>${(settings) => html`
      <${Devices} devices=${settings.devices} /><${Kinds} settings=${settings} /><${Quiet} settings=${settings} /><${LockedScreen} settings=${settings} />`}<//>`
}
