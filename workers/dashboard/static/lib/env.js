// env.js: what the server wrote into the page.
const { supabaseUrl, publishableKey, version } = document.documentElement.dataset

export { publishableKey, supabaseUrl, version }
