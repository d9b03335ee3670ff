import assert from "node:assert/strict";
import { test } from "node:test";
import { databaseProblem, forLite, httpStatus, Refusal } from "../errors.mjs";

const STATUSES = {
  P0001: 400, FL001: 400, 22023: 400, 23502: 400, 23514: 400, "22P02": 400, 42703: 400,
  PT402: 402, PT409: 409, PT503: 503, PTxyz: 500, 23503: 409, 23505: 409, 25006: 405, 42883: 404, "42P01": 404, "42P17": 500,
  "0LP01": 403, "28P01": 403, 40001: 500, 53400: 500, 53300: 503, "08006": 503, "57P01": 503, "57P03": 503, 57014: 500,
  P0002: 500, XX000: 500, 54001: 500,
};

for (const [code, status] of Object.entries(STATUSES))
  test(`${code} is ${status}`, () => assert.equal(httpStatus(code), status));

test("a missing privilege is 401 without a session and 403 with one", () => {
  assert.equal(httpStatus("42501", true), 401);
  assert.equal(httpStatus("42501", false), 403);
});

test("a failure has PostgREST's four keys, with null for what is missing", () => {
  const { status, body } = databaseProblem({ code: "PT409", message: "m", detail: "slug" }, false);

  assert.equal(status, 409);
  assert.deepEqual(body, { code: "PT409", details: "slug", hint: null, message: "m" });
});

test("a lost connection is 503 and says to come back", () => {
  const refusal = databaseProblem({ code: "ECONNREFUSED", message: "connect" }, false);

  assert.ok(refusal instanceof Refusal);
  assert.deepEqual([refusal.status, refusal.body.code, refusal.headers["retry-after"]], [503, "PGRST001", "1"]);
});

test("raise sqlstate PGRST chooses status and headers", () => {
  const error = { code: "PGRST", message: '{"code":"A1","message":"m"}', detail: '{"status":418,"headers":{"x-a":"b"}}' };

  assert.deepEqual(databaseProblem(error, false),
    new Refusal(418, { code: "A1", details: null, hint: null, message: "m" }, { "x-a": "b" }));
});

test("raise sqlstate PGRST with something else is 500", () => {
  assert.equal(databaseProblem({ code: "PGRST", message: "no json" }, false).body.code, "PGRST121");
});

test("lite is told the status of what it does not know, and left what it does", () => {
  const known = { code: "23505" }, unknown = forLite({ code: "P0001", message: "m" });

  assert.equal(forLite(known), known);
  assert.equal(unknown.code, "PGRST");
  assert.equal(JSON.parse(unknown.detail).status, 400);
  assert.equal(JSON.parse(forLite({ code: "CONNECTION_CLOSED" }).detail).status, 503);
});
