/** The reserve on the tracker's disk, over every state of a disk. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { planReserve } from "../../../../roles/tracker/plan/reserve.ts";

const reserveBytes = 1000;
const plan = (freeBytes: number, heldBytes = 1000, wasLow = false, spareBytes = 0) =>
  planReserve({ freeBytes, spareBytes, heldBytes, reserveBytes }, wasLow);

Deno.test("planReserve refuses growth below the floor, and wavers not about it", () => {
  assert.deepEqual(plan(1000), { isLow: false, heldBytes: 1000 });
  assert.deepEqual(plan(999), { isLow: true, heldBytes: 1000 });
  assert.equal(plan(1499, 1000, true).isLow, true);
  assert.equal(plan(1500, 1000, true).isLow, false);
});

Deno.test("planReserve counts room inside the catalog, but not where nothing can be written", () => {
  assert.equal(plan(600, 1000, false, 400).isLow, false);
  assert.equal(plan(249, 1000, false, 1_000_000).isLow, true);
});

Deno.test("planReserve lets go in quarters, and fills again only when there is plenty", () => {
  assert.equal(plan(249, 1000).heldBytes, 750);
  assert.equal(plan(0, 750).heldBytes, 500);
  assert.equal(plan(0, 100).heldBytes, 0);
  assert.equal(plan(250, 500).heldBytes, 500);
  assert.equal(plan(2499, 500, true).heldBytes, 500);
  assert.equal(plan(2500, 500, true).heldBytes, 1000);
});

Deno.test("planReserve: what it lets go never makes it fill again, and a quiet disk stays as it is", () => {
  const number = fc.nat(4000);
  fc.assert(fc.property(number, fc.nat(1000), fc.boolean(), number, (free, held, low, spare) => {
    let state = { freeBytes: free, spareBytes: spare, heldBytes: held, reserveBytes };
    let wasLow = low;
    const seen: number[] = [];
    for (let i = 0; i < 8; i++) {
      const { isLow, heldBytes } = planReserve(state, wasLow);
      seen.push(heldBytes);
      state = { ...state, heldBytes, freeBytes: state.freeBytes + state.heldBytes - heldBytes };
      wasLow = isLow;
    }
    assert.equal(seen.at(-1), seen.at(-2), "it comes to rest");
    const rises = seen.filter((each, i) => each > (seen[i - 1] ?? held)).length;
    const falls = seen.filter((each, i) => each < (seen[i - 1] ?? held)).length;
    assert.ok(rises === 0 || falls === 0);
  }));
});
