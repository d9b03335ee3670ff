// push-devices.js: notifications on this device, and the list of a person's devices.
import { html, useState } from "../../vendor/vendor.js"
import { rpc } from "../../lib/api.js"
import { brief } from "../../lib/formats.js"
import { refresh, useQuery } from "../../lib/queries.js"
import { Button, Check, Chip, IconButton } from "../../ui/basics.js"
import { Icon } from "../../ui/icon.js"
import { complain, say } from "../../ui/toasts.js"
import { canPush, ownDevice, readKey, switchOff, switchOn } from "../notifications/push.js"
import { key } from "./told.js"
import { t } from "./told-words.js"

/** The switch for this device. blocked: what to say when the browser does not allow it. */
export function PushHere({ blocked, isBlocked }) {
  const [wanted, setWanted] = useState(null) // while it is under way
  const offered = useQuery("push key", readKey)
  if (!canPush) return null
  const toggle = async (event) => {
    const isWanted = event.target.checked
    setWanted(isWanted)
    try {
      if (!isWanted) await switchOff()
      else if (await switchOn()) say(t("pushOn"))
      else say(blocked, { isBad: true })
    } catch (error) {
      // What the browser itself says of its push service is of no use to people.
      if (error instanceof DOMException) say(t("unable"), { isBad: true })
      else complain(error)
    } finally {
      setWanted(null)
      refresh(key())
    }
  }
  return html`<${Check} label=${t("pushHere")} help=${offered.data === null ? t("pushOff") : t("pushHelp")} checked=${wanted ?? Boolean(ownDevice.value)} disabled=${wanted !== null || isBlocked || !offered.data} onChange=${toggle} />`
}

export function Devices({ devices }) {
  const remove = async (device) => {
    if (device.device_id === ownDevice.value) await switchOff()
    else await rpc("remove_push_device", { device_id: device.device_id })
    say(t("removed", { name: device.name }))
    refresh(key())
  }
  const attempt = async () => { await rpc("test_push", { device_id: ownDevice.value }); say(t("attempted")) }
  return html`<section class="card stack tight"><h3>${t("devices")}</h3><p class="soft">${t("devicesText")}</p>
    ${devices.length ? html`<ul class="list">${devices.map((device) => html`<li class="row member" key=${device.device_id}><${Icon} name="Bell" size=${18} /><div class="grow stack tight"><div class="row breaks"><strong class="clip"><bdi>${device.name}</bdi></strong>${device.device_id === ownDevice.value && html`<${Chip} kind="good">${t("thisDevice")}<//>`}</div>
        <p class="soft small">${device.pushed_at ? t("lastPush", { time: brief(device.pushed_at) }) : t("neverPushed")}</p></div>
        <${IconButton} icon="Trash2" size=${18} label=${t("remove", { name: device.name })} onClick=${() => remove(device).catch(complain)} /></li>`)}</ul>` : html`<p>${t("noDevices")}</p>`}
    ${ownDevice.value && html`<div><${Button} icon="Send" onClick=${attempt}>${t("attempt")}<//></div>`}</section>`
}
