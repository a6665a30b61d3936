/** How many seeders must have the log, and up to where they have it. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { confirmationsNeeded, confirmedSequence } from "../../../../roles/tracker/plan/log_sync.ts";

Deno.test("confirmationsNeeded asks for what each mode promises", () => {
  assert.equal(confirmationsNeeded("local", 2, 5), 0);
  assert.equal(confirmationsNeeded("seeders", 2, 0), 2);
  assert.deepEqual([0, 1, 2, 3].map((live) => confirmationsNeeded("auto", 3, live)), [0, 0, 2, 3]);
  assert.equal(confirmationsNeeded("auto", 1, 5), 1);
});

Deno.test("confirmedSequence is reached by enough seeders, and the next is not", () => {
  const positions = fc.array(fc.nat(20), { maxLength: 6 });
  fc.assert(fc.property(positions, fc.integer({ min: 1, max: 6 }), (positions, needed) => {
    const confirmed = confirmedSequence(positions, needed);
    const reach = (sequence: number) => positions.filter((each) => each >= sequence).length;
    assert.ok(confirmed === 0 || reach(confirmed) >= needed);
    assert.ok(reach(confirmed + 1) < needed);
  }));
  assert.equal(confirmedSequence([], 0), Infinity);
});
