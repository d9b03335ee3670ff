// vitals.mjs: how fast a page is, as browsers measure it; a module of its own, which is loaded when the page is at rest.
export { onCLS, onINP, onLCP, onTTFB } from "web-vitals"
