// driver.mjs: the packages that this gateway repairs as they are loaded, and the Postgres driver as it needs it.
// Must be loaded before anything that imports either.
import { registerHooks } from "node:module";
import { types } from "./values.mjs";

const REPAIRS = [
  // postgres.js 3.4.9 keeps the error that ended a connection, and blames the next connection's first query for it:
  // after one killed backend a later, innocent request would fail. Forgotten here, when a connection has closed.
  { file: "/postgres/src/connection.js", fault: "function closed(hadError) {", repair: "function closed(hadError) {\n    errorResponse = null" },
  // lite joins by the first column alone when an embedding names a foreign key of several: here by all of them.
  {
    file: "/@supabase/lite/dist/index.js",
    fault: "preferSelfReferenceTargetColumn:s});if(g)return g;",
    repair: `preferSelfReferenceTargetColumn:s});if(g){
      const [from, to] = g.type === "m2o" ? [e, n] : [n, e];
      const columns = i.filter((key) => key.foreign_key_name === r && key.table === from && key.ref_table === to);
      return columns.length > 1 ? Vr(e, n, columns, g.type) : g;
    }`,
  },
];

registerHooks({
  load(url, context, next) {
    const loaded = next(url, context);
    const found = REPAIRS.find(({ file }) => url.endsWith(file));
    if (!found) return loaded;
    const source = Buffer.from(loaded.source).toString("utf8");
    if (!source.includes(found.fault)) throw new Error(`${found.file} has changed: see driver.mjs`);
    return { ...loaded, source: source.replace(found.fault, () => found.repair) };
  },
  // lite imports the driver by name: it gets one that reads values as PostgREST writes them, and our limits.
  resolve: (name, context, next) => name === "postgres" && context.parentURL?.includes("/@supabase/lite/")
    ? { url: "data:text/javascript,export default globalThis.__flowPostgres", shortCircuit: true }
    : next(name, context),
});

const { options, postgres } = await import("./database.mjs");
globalThis.__flowPostgres = (url, given = {}) => postgres(url, { ...given, ...options, types: { ...given.types, ...types } });
