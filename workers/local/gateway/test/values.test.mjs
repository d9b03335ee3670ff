import assert from "node:assert/strict";
import { test } from "node:test";
import { bigNumber, exactFilters, exactNumber, floatNumber, isoTime, jsonValue, writtenJson } from "../values.mjs";

const json = (value) => JSON.stringify(value);

test("timestamps are ISO 8601 with a full offset", () => {
  assert.equal(isoTime("2026-01-02 03:04:05.6+00"), "2026-01-02T03:04:05.6+00:00");
  assert.equal(isoTime("2026-01-02 03:04:05+05:30"), "2026-01-02T03:04:05+05:30");
  assert.equal(isoTime("2026-01-02 03:04:05"), "2026-01-02T03:04:05");
  assert.equal(isoTime("infinity"), "infinity");
});
test("numeric keeps every digit", () => {
  assert.equal(json(exactNumber("1.50")), "1.50");
  assert.equal(json(exactNumber("-123456789012345678901234567890.000000001")), "-123456789012345678901234567890.000000001");
  assert.equal(json(exactNumber("NaN")), '"NaN"');
});
test("bigint keeps every digit", () => {
  assert.equal(json(bigNumber("42")), "42");
  assert.equal(json(bigNumber("9007199254740993")), "9007199254740993");
});
test("a float that JSON cannot write is text", () => {
  assert.equal(json(floatNumber("0.1")), "0.1");
  assert.equal(json(floatNumber("Infinity")), '"Infinity"');
});
test("long numbers inside jsonb keep their digits", () => {
  assert.equal(json(jsonValue('{"a": [12345678901234567890, 1.5, "12345678901234567890"]}')), '{"a":[12345678901234567890,1.5,"12345678901234567890"]}');
  assert.equal(json(jsonValue('{"a": 1}')), '{"a":1}');
});
test("an object that is JSON text already is not encoded twice, other text is", () => {
  assert.deepEqual(['{"a":1}', "hello", "{no", { a: 1 }, [1], null].map(writtenJson), ['{"a":1}', '"hello"', '"{no"', '{"a":1}', "[1]", "null"]);
});
test("long numbers in filters are quoted, whatever the operator", () => {
  const quoted = (search) => decodeURIComponent(exactFilters(search));
  assert.equal(quoted("?external_id=eq.179545392652100001"), '?external_id=eq."179545392652100001"');
  assert.equal(quoted("?id=in.(1,179545392652100001,2)&limit=5"), '?id=in.(1,"179545392652100001",2)&limit=5');
  assert.equal(quoted("?or=(a.eq.179545392652100001,b.gt.5)"), '?or=(a.eq."179545392652100001",b.gt.5)');
});
test("other filters stay as they came", () => {
  for (const search of ["", "?a=eq.1234567890", "?wamid=eq.wamid.HBgM1234567890123456789012", '?a=eq."179545392652100001"'])
    assert.equal(exactFilters(search) === search || decodeURIComponent(exactFilters(search)) === search, true);
});
