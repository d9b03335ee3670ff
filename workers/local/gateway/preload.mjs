// preload.mjs: loaded into lite before it starts. Run from any folder:
//
//   node --import file:///…/preload.mjs …/node_modules/@supabase/lite/dist/cli/index.js start --no-admin --config …/config.toml
//
// The environment it needs is listed at the top of config.toml. @supabase/lite 0.10.0 over a real Postgres has faults
// that would let a test pass here and fail on hosted Supabase, or leak; each module repairs one kind:
//
//   driver.mjs, values.mjs   column values in JSON  rpc.mjs, call.mjs, functions.mjs, json.mjs   calls of functions
//   errors.mjs    HTTP statuses                     tables.mjs                         what lite may answer for tables
//   keys.mjs, claims.mjs, sessions.mjs   callers    admin.mjs                          people, for the secret key
//   cors.mjs      browsers on other origins         google.mjs                         sign-in without Google
//   storage.mjs   the Storage stand-in              hook.mjs, http.mjs, gate.mjs, database.mjs   joints
//
// Each of these faults is a case of tests/local/test_gateway.py. Before moving a pin in package.json, run that.
// Lite greets with its keys, and its log is a file.
for (const stream of [process.stdout, process.stderr]) {
  const write = stream.write.bind(stream);
  stream.write = (said, ...more) => write(typeof said === "string" ? said.replace(/sb_secret_[\w-]+/g, "[hidden]") : said, ...more);
}

await import("./driver.mjs");                            // first: it changes what the others import
await import("./hook.mjs");

// A promise that lite forgot must not end the gateway for everybody.
process.on("unhandledRejection", (error) => console.error("unhandled:", error));
