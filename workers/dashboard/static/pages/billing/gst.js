// gst.js: states by their code of GST, and the check of a GSTIN, as private.state_name and private.gstin_is_valid have them.

/** [code, name], by name; the names as they stand on invoices. */
export const STATES = Object.entries({
  "01": "Jammu and Kashmir", "02": "Himachal Pradesh", "03": "Punjab", "04": "Chandigarh", "05": "Uttarakhand", "06": "Haryana", "07": "Delhi",
  "08": "Rajasthan", "09": "Uttar Pradesh", 10: "Bihar", 11: "Sikkim", 12: "Arunachal Pradesh", 13: "Nagaland", 14: "Manipur", 15: "Mizoram",
  16: "Tripura", 17: "Meghalaya", 18: "Assam", 19: "West Bengal", 20: "Jharkhand", 21: "Odisha", 22: "Chhattisgarh", 23: "Madhya Pradesh",
  24: "Gujarat", 26: "Dadra and Nagar Haveli and Daman and Diu", 27: "Maharashtra", 29: "Karnataka", 30: "Goa", 31: "Lakshadweep",
  32: "Kerala", 33: "Tamil Nadu", 34: "Puducherry", 35: "Andaman and Nicobar Islands", 36: "Telangana", 37: "Andhra Pradesh", 38: "Ladakh",
  97: "Other Territory",
}).sort(([, one], [, other]) => one.localeCompare(other))

const CODES = new Set(STATES.map(([code]) => code))
const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

/** Whether a GSTIN is written right: state, PAN, entity, Z and the check digit. */
export function isGstin(text) {
  if (!/^\d{2}[A-Z]{5}\d{4}[A-Z][1-9A-Z]Z[0-9A-Z]$/.test(text) || !CODES.has(text.slice(0, 2))) return false
  const sum = [...text.slice(0, 14)].reduce((so_far, digit, at) => {
    const part = DIGITS.indexOf(digit) * (at % 2 ? 2 : 1)
    return so_far + Math.floor(part / 36) + (part % 36)
  }, 0)
  return DIGITS[(36 - (sum % 36)) % 36] === text[14]
}
