// staff.js: finds out, once, whether the person is one of Flow's own; shows nothing itself.
import { useEffect } from "../../vendor/vendor.js"
import { rpcAlone } from "../../lib/api.js"
import { isStaff } from "../../lib/session.js"

let asked = null

export default function Staff() {
  useEffect(() => {
    asked ??= rpcAlone("am_i_staff").then((told) => { isStaff.value = told.is_staff }, () => { asked = null })
  }, [])
  return null
}
