import assert from "node:assert/strict";
import { test } from "node:test";
import { Refusal } from "../errors.mjs";
import { Deadline, Gate } from "../gate.mjs";

test("who waits is let in, in order", async () => {
  const gate = new Gate(1, 1000), leave = await gate.enter(), order = [];
  const waiting = ["a", "b"].map((name) => gate.enter().then((out) => { order.push(name); out(); }));

  leave();
  await Promise.all(waiting);

  assert.deepEqual(order, ["a", "b"]);
});
test("nobody waits for ever", async () => {
  const gate = new Gate(1, 20);
  await gate.enter();

  const refusal = await gate.enter();

  assert.ok(refusal instanceof Refusal);
  assert.deepEqual([refusal.status, refusal.body.code], [504, "PGRST003"]);
});
test("a place given back twice is one place", async () => {
  const gate = new Gate(1, 20), leave = await gate.enter();
  leave();
  leave();

  await gate.enter();

  assert.ok(await gate.enter() instanceof Refusal);
});

test("work that takes too long is given up, and more time can be allowed", async () => {
  const never = new Promise(() => {}), slow = new Promise((resolve) => { setTimeout(resolve, 40, "done"); });
  const patient = new Deadline(10);
  patient.allow(1000);

  assert.equal((await new Deadline(10).of(never)).status, 504);
  assert.equal(await patient.of(slow), "done");
});
