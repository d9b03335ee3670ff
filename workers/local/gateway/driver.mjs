// driver.mjs: the Postgres driver, as this gateway needs it. Must be loaded before anything that imports `postgres`.
import { registerHooks } from "node:module";
import { types } from "./values.mjs";

// postgres.js 3.4.9 keeps the error that ended a connection, and blames the next connection's first query for it:
// after one killed backend a later, innocent request would fail. Forgotten here, when a connection has closed.
const FAULT = "function closed(hadError) {";
const REPAIR = `${FAULT}\n    errorResponse = null`;

registerHooks({
  load(url, context, next) {
    const loaded = next(url, context);
    if (!url.endsWith("/postgres/src/connection.js")) return loaded;
    const source = Buffer.from(loaded.source).toString("utf8");
    if (!source.includes(FAULT)) throw new Error("postgres.js has changed: see driver.mjs");
    return { ...loaded, source: source.replace(FAULT, REPAIR) };
  },
  // lite imports the driver by name: it gets one that reads values as PostgREST writes them, and our limits.
  resolve: (name, context, next) => name === "postgres" && context.parentURL?.includes("/@supabase/lite/")
    ? { url: "data:text/javascript,export default globalThis.__flowPostgres", shortCircuit: true }
    : next(name, context),
});

const { options, postgres } = await import("./database.mjs");
globalThis.__flowPostgres = (url, given = {}) => postgres(url, { ...given, ...options, types: { ...given.types, ...types } });
