import assert from "node:assert/strict";
import fc from "fast-check";
import { limits, type SeederState } from "../../../../protocol/mod.ts";
import { garbageDrops, type UnusedChunk } from "../../../../roles/tracker/plan/garbage.ts";
import { chunk, seeder } from "../../../conformance/catalog_rows.ts";

const nowMs = 1_000_000;
const states: SeederState[] = ["green", "yellow", "red", "away"];

function clusterOf(all: readonly SeederState[]) {
  const common = { zone: "z", writable: true, totalBytes: 1, freeBytes: 1 };
  return { nowMs, seeders: all.map((state, i) => ({ ...common, seederId: seeder(i), state })) };
}

const facts: fc.Arbitrary<UnusedChunk> = fc.record({
  chunk: fc.nat(9).map((number) => chunk(number)),
  named: fc.nat(1),
  recorded: fc.nat(1),
  holders: fc.subarray([0, 1, 2, 3]).map((all) => all.map(seeder)),
  unusedSinceMs: fc.option(fc.integer({ min: nowMs - 20, max: nowMs + 5 }), { nil: undefined }),
});

Deno.test("garbageDrops names a copy only when nothing needs its chunk for a whole grace", () => {
  fc.assert(fc.property(
    fc.array(facts, { maxLength: 6 }),
    fc.array(fc.constantFrom(...states), { minLength: 4, maxLength: 4 }),
    (chunks, all) => {
      const drops = garbageDrops(clusterOf(all), chunks, 10);
      const expected = chunks.flatMap((one) =>
        one.named + one.recorded === 0 && one.unusedSinceMs !== undefined &&
          nowMs - one.unusedSinceMs >= 10
          ? one.holders.filter((id) => {
            const state = all[[0, 1, 2, 3].findIndex((number) => seeder(number) === id)];
            return state === "green" || state === "yellow";
          }).map((seederId) => ({ seederId, chunkId: one.chunk.chunkId }))
          : []
      );
      assert.deepEqual(
        drops.map(({ seederId, chunk }) => ({ seederId, chunkId: chunk.chunkId })),
        expected,
      );
      for (const { why } of drops) assert.match(why, /^no version and no upload names it, for \d+/);
      // In whatever order the cluster is told, the plan is the same.
      const turned = { ...clusterOf(all), seeders: clusterOf(all).seeders.toReversed() };
      assert.deepEqual(garbageDrops(turned, chunks, 10), drops);
    },
  ));
});

Deno.test("garbage waits longer than any upload may be silent", () => {
  assert(limits.garbageGraceMs > limits.uploadLeaseMs);
});
