// prices.js: what a message of each category costs in India today.
import { rpc } from "../../lib/api.js"
import { money } from "../../lib/formats.js"
import { useQuery } from "../../lib/queries.js"
import { org } from "../../lib/session.js"

export const readPrices = () => rpc("template_prices")

/** {currency, prices: {marketing, utility, authentication}}, undefined until it is known; where money is decided, readPrices waits for it. */
export const usePrices = () => useQuery(`template-prices ${org.value.id}`, readPrices).data

/** The price of a category in words; null: not known (yet). */
export const priceOf = (known, category) => {
  const price = known?.prices[category?.toLowerCase()]
  return price ? money(price, known.currency, 4) : null
}
