// stopping.js: takes somebody out of a sequence, after a question.
import { rpc } from "../../lib/api.js"
import { confirm } from "../../ui/dialog.js"
import { complain, say } from "../../ui/toasts.js"
import { t } from "./words.js"

/** Gives whether it was done; what goes wrong is told. */
export async function stopOf({ enrollment, sequence, name }) {
  if (!(await confirm({ title: t("stopTitle", { name }), text: t("stopText", { sequence: sequence.name }), action: t("stop") }))) return false
  try {
    await rpc("stop_enrollment", { enrollment_id: enrollment.id })
    say(t("stopped"))
    return true
  } catch (error) {
    complain(error)
    return false
  }
}
