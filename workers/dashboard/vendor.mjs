// vendor.mjs: all that the dashboard takes from others, in one module, so that there is one Preact.
export { createClient } from "@supabase/supabase-js"
export { Fragment, createContext, render } from "preact"
export {
  useCallback, useContext, useEffect, useId, useLayoutEffect, useMemo, useReducer, useRef, useState,
} from "preact/hooks"
export { batch, computed, effect, signal, useComputed, useSignal, useSignalEffect } from "@preact/signals"
export { html } from "htm/preact"
export * as icons from "./icons.mjs"
