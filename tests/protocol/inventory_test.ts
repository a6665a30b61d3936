/** The inventory sum depends on the set of chunks alone, however it came about. */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import { type ChunkId, InventoryDigest, InventorySum } from "../../protocol/mod.ts";
import { anyChunkId } from "./arbitraries.ts";

function sumOf(chunkIds: Iterable<ChunkId>): string {
  const sum = new InventorySum();
  for (const chunkId of chunkIds) sum.toggle(chunkId);
  return sum.hex();
}

Deno.test("InventorySum of nothing is 32 zeros", () => {
  assert.equal(sumOf([]), "0".repeat(32));
});

Deno.test("InventorySum of one chunk is the first 16 bytes of its id", () => {
  fc.assert(fc.property(anyChunkId, (chunkId) => {
    assert.equal(sumOf([chunkId]), chunkId.slice(0, 32));
    assert.equal(InventoryDigest.safeParse(sumOf([chunkId])).success, true);
  }));
});

Deno.test("InventorySum does not depend on order, and a chunk taken out leaves no trace", () => {
  const anySet = fc.uniqueArray(anyChunkId, { maxLength: 20 });
  fc.assert(fc.property(anySet, anyChunkId, (chunkIds, other) => {
    fc.pre(!chunkIds.includes(other));
    assert.equal(sumOf(chunkIds.toReversed()), sumOf(chunkIds));
    assert.equal(sumOf([other, ...chunkIds, other]), sumOf(chunkIds));
    assert.notEqual(sumOf([other, ...chunkIds]), sumOf(chunkIds));
  }));
});
