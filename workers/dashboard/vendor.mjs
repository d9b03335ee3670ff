// vendor.mjs: all that the dashboard takes from others, in one module, so that there is one Preact.
export { createClient } from "@supabase/supabase-js"
export { Fragment, createContext, render } from "preact"
export {
  useCallback, useContext, useEffect, useErrorBoundary, useLayoutEffect, useMemo, useReducer, useRef, useState,
} from "preact/hooks"
export { batch, computed, effect, signal, useComputed, useSignal, useSignalEffect } from "@preact/signals"
export { html } from "htm/preact"
export * as icons from "./icons.mjs"

import { useState } from "preact/hooks"
let last = 0
/** An id that nothing else on the page has: Preact's own begins anew in each root, and a dialog is a root of its own. */
export const useId = () => useState(() => `i${++last}`)[0]
