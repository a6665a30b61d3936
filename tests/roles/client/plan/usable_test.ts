import assert from "node:assert/strict";
import fc from "fast-check";
import { usableBytes } from "../../../../roles/client/plan/usable.ts";

Deno.test("usableBytes is the most of which every byte finds its copies on different seeders", () => {
  const free = fc.array(fc.nat(12), { minLength: 1, maxLength: 5 });
  fc.assert(fc.property(free, fc.integer({ min: 1, max: 4 }), (freeBytes, wanted) => {
    const copies = Math.min(wanted, freeBytes.length);
    // So much fits exactly when the disks hold it without any one holding a byte twice.
    const fits = (bytes: number) =>
      freeBytes.reduce((sum, each) => sum + Math.min(each, bytes), 0) >= copies * bytes;
    const usable = usableBytes(freeBytes, copies);
    assert(fits(usable) && !fits(usable + 1), `${freeBytes} in ${copies} copies: ${usable}`);
  }));
  assert.equal(usableBytes([], 1), 0);
  assert.equal(usableBytes([100, 1, 1], 2), 2);
});
