/** Chunks cover a file without gap or overlap, and a range names exactly the chunks it touches. */
import assert from "node:assert/strict";
import * as fc from "fast-check";
import {
  chunkBytesAt,
  chunkCountOf,
  ChunkSize,
  chunksOfRange,
  limits,
} from "../../protocol/mod.ts";

const anyChunkSize = fc.integer({ min: limits.chunkBytesMin, max: limits.chunkBytesMax });

Deno.test("chunkCountOf at the edges", () => {
  const size = limits.chunkBytesDefault;
  const cases = [[0, 0], [1, 1], [size - 1, 1], [size, 1], [size + 1, 2], [256 * size, 256]];
  for (const [bytes = 0, count] of cases) assert.equal(chunkCountOf(bytes, size), count);
});

Deno.test("chunkBytesAt gives full chunks and what is left", () => {
  const size = limits.chunkBytesDefault;
  assert.equal(chunkBytesAt(0, 1, size), 1);
  assert.equal(chunkBytesAt(0, size, size), size);
  assert.equal(chunkBytesAt(0, size + 1, size), size);
  assert.equal(chunkBytesAt(1, size + 1, size), 1);
});

Deno.test("chunkBytesAt adds up to the file for any size", () => {
  const anyCount = fc.integer({ min: 0, max: 300 });
  fc.assert(
    fc.property(
      anyChunkSize,
      anyCount,
      fc.double({ min: 0, max: 1, noNaN: true }),
      (size, full, part) => {
        const bytes = full * size + Math.floor(part * (size - 1));
        const count = chunkCountOf(bytes, size);
        let sum = 0;
        for (let index = 0; index < count; index++) {
          const chunk = chunkBytesAt(index, bytes, size);
          assert.ok(chunk >= 1 && chunk <= size);
          sum += chunk;
        }
        assert.equal(sum, bytes);
      },
    ),
  );
});

Deno.test("chunkCountOf is exact for the largest sizes a number can hold", () => {
  const bytes = Number.MAX_SAFE_INTEGER;
  const exact = (BigInt(bytes) + BigInt(limits.chunkBytesMin) - 1n) / BigInt(limits.chunkBytesMin);
  assert.equal(BigInt(chunkCountOf(bytes, limits.chunkBytesMin)), exact);
});

Deno.test("chunksOfRange agrees with looking at every byte", () => {
  const small = fc.integer({ min: 1, max: 9 });
  const place = fc.integer({ min: 0, max: 60 });
  fc.assert(fc.property(small, place, place, (size, start, end) => {
    const touched = new Set<number>();
    for (let byte = start; byte < end; byte++) touched.add(Math.floor(byte / size));
    const range = chunksOfRange(start, end, size);
    if (touched.size === 0) return assert.equal(range, undefined);
    assert.deepEqual(range, { first: Math.min(...touched), last: Math.max(...touched) });
  }));
});

Deno.test("ChunkSize takes whole numbers between the limits", () => {
  for (const size of [limits.chunkBytesMin, limits.chunkBytesDefault, limits.chunkBytesMax]) {
    assert.equal(ChunkSize.parse(size), size);
  }
  for (const size of [0, -1, limits.chunkBytesMin - 1, limits.chunkBytesMax + 1, 4e6 + 0.5, NaN]) {
    assert.equal(ChunkSize.safeParse(size).success, false, String(size));
  }
});
