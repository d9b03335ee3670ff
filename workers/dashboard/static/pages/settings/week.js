// week.js: the hours of a week: in words, and to be changed.
import { html, useEffect, useState } from "../../vendor/vendor.js"
import { clock } from "../../lib/formats.js"
import { format } from "../../lib/words.js"
import { Button, Check, IconButton } from "../../ui/basics.js"
import { complain } from "../../ui/toasts.js"
import { t } from "./hours-words.js"

export const DAYS = ["1", "2", "3", "4", "5", "6", "7"]
const MONDAY = [2024, 0, 1]
/** The name of a weekday; 1 is Monday. */
export const dayName = (key, weekday = "long") => format(Intl.DateTimeFormat, { weekday }).format(new Date(MONDAY[0], MONDAY[1], Number(key)))
const time = (text) => clock(new Date(...MONDAY, Number(text.slice(0, 2)), Number(text.slice(3))))
const spans = (list) => list.map(([from, to]) => `${time(from)} – ${time(to)}`).join(", ")

/** "Mon–Fri 9:00 am – 6:00 pm; Sat 9:00 am – 1:00 pm": days beside each other with the same hours are one part. */
export function weekWords(hours) {
  const parts = []
  for (const key of DAYS) {
    if (!hours[key]?.length) continue
    const last = parts.at(-1)
    const said = spans(hours[key])
    if (last && last.said === said && Number(last.to) === Number(key) - 1) last.to = key
    else parts.push({ from: key, to: key, said })
  }
  return parts.map(({ from, to, said }) => `${dayName(from, "short")}${from === to ? "" : `–${dayName(to, "short")}`} ${said}`).join("; ")
}

const USUAL = Object.fromEntries(DAYS.slice(0, 6).map((key) => [key, [["09:30", "18:30"]]]))
// An input of a time has no 24:00.
const asInput = (text) => (text === "24:00" ? "00:00" : text)
const asEnd = (text) => (text === "00:00" ? "24:00" : text)

const filled = (hours) => Object.fromEntries(DAYS.filter((key) => hours[key]?.length).map((key) => [key, hours[key]]))
const same = (one, other) => JSON.stringify(filled(one)) === JSON.stringify(filled(other))

/** hours: as the database has them, {} for nothing said; fallback: what is meant then; begin: what to begin with; save(hours): a promise. */
export function Week({ hours, fallback, begin = USUAL, save, mayChange = true }) {
  const [kept, setKept] = useState(hours) // what is saved: known before it is read again
  const [given, setGiven] = useState(hours)
  useEffect(() => {
    setKept(hours)
    setGiven((now) => (same(now, kept) ? hours : now))
  }, [JSON.stringify(hours)])
  const isEmpty = !DAYS.some((key) => given[key]?.length)
  const change = (key, list) => setGiven({ ...given, [key]: list })
  const put = (key, index, at, value) => change(key, given[key].map((span, other) => (other === index ? (at ? [span[0], asEnd(value)] : [value, span[1]]) : span)))
  const wrong = DAYS.filter((key) => (given[key] ?? []).some(([from, to], index, all) => !from || !to || from >= to || (index > 0 && all[index - 1][1] > from)))
  const first = DAYS.find((key) => given[key]?.length)
  const keep = async (next) => {
    await save(next)
    setKept(next)
    setGiven((now) => (same(now, given) ? next : now))
  }
  if (!mayChange) return html`<p>${isEmpty ? fallback : weekWords(hours)}</p>`
  if (isEmpty) {
    return html`<p class="soft">${fallback}</p><div class="row breaks"><${Button} icon="Clock" onClick=${() => setGiven(begin)}>${t("setHours")}<//>
      ${Object.keys(kept).length > 0 && html`<${Button} kind="primary" onClick=${() => keep({})}>${t("save")}<//>`}</div>`
  }
  return html`<ul class="week">${DAYS.map((key) => html`<li key=${key} class="week-day">
      <${Check} label=${dayName(key)} checked=${Boolean(given[key]?.length)} onChange=${(event) => change(key, event.target.checked ? given[first] : [])} />
      <div class="week-spans">${!given[key]?.length ? html`<span class="soft">${t("off")}</span>` : given[key].map(([from, to], index) => html`<div class="row" key=${index}>
          <input class="input" type="time" aria-label=${t("opens", { day: dayName(key) })} value=${from} onInput=${(event) => put(key, index, 0, event.target.value)} /><span aria-hidden="true">–</span>
          <input class="input" type="time" aria-label=${t("closes", { day: dayName(key) })} value=${asInput(to)} onInput=${(event) => put(key, index, 1, event.target.value)} />
          ${index === 0 ? html`<${IconButton} icon="Plus" size=${18} label=${t("addSpan", { day: dayName(key) })} disabled=${given[key].length >= 4 || given[key].at(-1)[1] >= "22:00"} onClick=${() => change(key, [...given[key], [given[key].at(-1)[1], "23:00"]])} />`
            : html`<${IconButton} icon="X" size=${18} label=${t("dropSpan")} onClick=${() => change(key, given[key].filter((_, other) => other !== index))} />`}</div>`)}
        ${wrong.includes(key) && html`<p class="small danger" role="alert">${t("spanWrong")}</p>`}</div></li>`)}</ul>
    <p class="small soft">${t("overMidnight")}</p>
    <div class="row breaks"><${Button} kind="primary" disabled=${same(given, kept) || wrong.length > 0} onClick=${() => keep(filled(given))}>${t("save")}<//>
      <${Button} onClick=${() => setGiven(Object.fromEntries(Object.keys(filled(given)).map((key) => [key, given[first]])))}>${t("sameAs", { day: dayName(first) })}<//>
      <button type="button" class="button quiet" onClick=${() => (Object.keys(kept).length ? keep({}).catch(complain) : setGiven({}))}>${t("forget")}</button></div>`
}
