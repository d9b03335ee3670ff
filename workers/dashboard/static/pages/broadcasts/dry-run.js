// dry-run.js: what a broadcast would come to: who gets it, who does not, what it costs, how long it takes, what might stop it.
import { html } from "../../vendor/vendor.js"
import { money } from "../../lib/formats.js"
import { Notice } from "../../ui/basics.js"
import { LeftOut } from "./left-out.js"
import { t } from "./words.js"

const isFree = ({ high, unknown }) => !unknown && !Number(high)
const isOne = ({ low, high }) => Number(low) === Number(high)
const priceOf = ({ low, high, currency }) => (isOne({ low, high }) ? t("costAbout", { price: money(high, currency) }) : t("costRange", { low: money(low, currency), high: money(high, currency) }))

/** "Send to 412 people for about ₹355". */
export function sendWords(told) {
  const n = told.recipients
  if (told.unknown) return t("send", { n })
  return isFree(told) ? t("sendFree", { n }) : t("sendFor", { n, price: money(told.high, told.currency) })
}

const durationWords = (minutes) => (minutes < 120 ? t("minutes", { n: Math.max(1, minutes) }) : t("hours", { n: Math.round(minutes / 60) }))

/** told: as preview_broadcast gives it; audience: whom the filter means, in words; from: the number. */
export function DryRun({ told, audience: meant, from }) {
  const { recipients, audience, unknown, currency, markets } = told
  const priced = recipients - unknown
  const many = markets.filter(({ high }) => Number(high))
  return html`<dl class="dry-run">
    <div><dt>${t("audience")}</dt><dd><strong class="numbers">${recipients ? t("get", { n: recipients }) : t("getNobody")}</strong>${audience !== recipients && html`<span class="soft">${t("of", { n: audience })}</span>`}${meant && html`<span class="soft wrap"><bdi>${meant}</bdi></span>`}<${LeftOut} told=${told} /></dd></div>
    ${from && html`<div><dt>${t("from")}</dt><dd class="wrap">${from}</dd></div>`}
    <div><dt>${t("cost")}</dt><dd>${priced > 0 && html`<strong class="numbers">${isFree(told) ? t("costFree") : priceOf(told)}</strong>`}
      ${priced > 0 && !isFree(told) && (many.length > 1
        ? html`<span class="soft">${t("costBefore")}</span>${many.map(({ market, messages, high }) => html`<span class="soft numbers" key=${market}>${t("perMarket", { market, n: messages, price: money(Number(high) / messages, currency, 4) })}</span>`)}`
        : html`<span class="soft numbers">${t("costEach", { price: money(Number(told.high) / priced, currency, 4) })}</span>`)}
      ${unknown > 0 && html`<span class="soft">${t("costUnknown", { n: unknown })}</span>`}</dd></div>
    <div><dt>${t("category")}</dt><dd>${["MARKETING", "UTILITY", "AUTHENTICATION"].includes(told.category) ? t(`category_${told.category}`) : told.category}</dd></div>
    <div><dt>${t("time")}</dt><dd><strong>${told.days > 1 ? t("days", { n: told.days }) : durationWords(told.minutes)}</strong>
      <span class="soft">${told.daily_limit ? t("limit", { n: told.daily_limit }) : t("noLimit")} ${told.days > 1 && t("limitDays", { n: told.days })}</span></dd></div>
  </dl>
  ${[["fits_wallet", "noWallet"], ["fits_daily_cap", "noDaily"], ["fits_monthly_cap", "noMonthly"]].filter(([name]) => told[name] === false).map(([name, words]) => html`<${Notice} kind="warn" key=${name}>${t(words)}<//>`)}`
}
