import assert from "node:assert/strict";
import fc from "fast-check";
import {
  assumedSpeed,
  effectOn,
  noLoss,
  withChunk,
  withFile,
} from "../../../../roles/tracker/plan/loss.ts";

Deno.test("withChunk counts every small chunk in the one class it belongs to", () => {
  for (let wanted = 1; wanted <= 3; wanted++) {
    for (let before = 0; before <= 4; before++) {
      for (let after = 0; after <= before; after++) {
        const tally = withChunk(noLoss, { sizeBytes: 10, wanted, before, after });
        const { chunksUnreadable, chunksOneCopy, chunksFewer } = tally;
        const what = `${wanted} wanted, ${before} before, ${after} after`;
        assert.equal(chunksUnreadable, Number(after === 0 && before > 0), what);
        assert.equal(chunksOneCopy, Number(after === 1 && before > 1), what);
        assert(chunksUnreadable + chunksOneCopy + chunksFewer <= 1, what);
        const missing = after === 0 ? 0 : Math.max(0, wanted - after);
        assert.equal(tally.bytesToCopy, 10 * missing, what);
        if (after >= 2 && after >= wanted) assert.deepEqual(tally, noLoss, what);
      }
    }
  }
});

Deno.test("withChunk and withFile come to the same in any order", () => {
  const chunk = fc.record({
    sizeBytes: fc.nat(1000),
    wanted: fc.integer({ min: 1, max: 4 }),
    after: fc.nat(3),
    more: fc.nat(2),
  }).map(({ more, ...rest }) => ({ ...rest, before: rest.after + more }));
  fc.assert(fc.property(fc.array(chunk, { maxLength: 20 }), (chunks) => {
    const forwards = chunks.reduce(withChunk, noLoss);
    assert.deepEqual([...chunks].reverse().reduce(withChunk, noLoss), forwards);
    const files = chunks.map(({ before, after }) => effectOn(before, after));
    const tally = files.reduce(withFile, noLoss);
    const { filesUntouched, filesFewer, filesOneCopy, filesUnreadable } = tally;
    assert.equal(filesUntouched + filesFewer + filesOneCopy + filesUnreadable, chunks.length);
  }));
});

Deno.test("effectOn names what changes, not what is bad already", () => {
  assert.equal(effectOn(1, 1), "untouched");
  assert.equal(effectOn(0, 0), "untouched");
  assert.equal(effectOn(2, 1), "one-copy");
  assert.equal(effectOn(1, 0), "unreadable");
  assert.equal(effectOn(3, 2), "fewer");
});

Deno.test("assumedSpeed needs a sender and a receiver", () => {
  assert.deepEqual([0, 1].map(assumedSpeed), [0, 0]);
  assert(assumedSpeed(2) > 0 && assumedSpeed(4) === 2 * assumedSpeed(2));
});
