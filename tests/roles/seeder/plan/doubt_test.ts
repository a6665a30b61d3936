/** When a copy that could not be read counts as lost. */
import assert from "node:assert/strict";
import { limits } from "../../../../protocol/mod.ts";
import { afterFailure } from "../../../../roles/seeder/plan/doubt.ts";

const after = limits.unreadableAfterMs;

Deno.test("afterFailure gives a copy up at a second failure, some time after the first", () => {
  const first = afterFailure(undefined, 1_000);
  assert.deepEqual(first, { firstMs: 1_000, nextMs: 1_000 + after, unreadable: false });
  assert.equal(afterFailure(first, 1_000 + after - 1), first, "too soon to say");
  assert.equal(afterFailure(first, 1_000 + after).unreadable, true);
});

Deno.test("afterFailure tries what is given up again after twice as long, and each day at least", () => {
  let doubt = afterFailure(undefined, 0), nowMs = 0;
  const pauses: number[] = [];
  while (pauses.length < 30) {
    pauses.push(doubt.nextMs - nowMs);
    nowMs = doubt.nextMs;
    doubt = afterFailure(doubt, nowMs);
  }
  assert.deepEqual(pauses.slice(0, 4), [after, after, 2 * after, 4 * after]);
  assert.equal(pauses.at(-1), limits.unreadableRetryMsMax);
});
