import assert from "node:assert/strict";
import fc from "fast-check";
import {
  beyondNumber,
  firstWithin,
  versionsToDrop,
} from "../../../../roles/tracker/plan/versions.ts";

const free = { versionsMax: Infinity, chunksMax: Infinity };
const fact = fc.record({
  untilMs: fc.nat(20),
  supersededMs: fc.nat(20),
  sizeBytes: fc.nat(10),
  chunkCount: fc.nat(5),
});
const facts = fc.array(fact, { maxLength: 10 })
  .map((all) =>
    all.toSorted((a, b) => a.supersededMs - b.supersededMs)
      .map((one, i) => ({ ...one, versionId: `v${i}` }))
  );
const sum = (some: readonly { sizeBytes: number }[]) =>
  some.reduce((total, { sizeBytes }) => total + sizeBytes, 0);
const ids = (some: readonly { versionId: string }[]) => some.map(({ versionId }) => versionId);

Deno.test("beyondNumber leaves room for the one that joins, and takes the oldest", () => {
  fc.assert(fc.property(facts, fc.nat(12), (old, keep) => {
    const going = beyondNumber(old, keep, free);
    assert.deepEqual(going, ids(old.slice(0, going.length)));
    const left = old.length - going.length;
    assert(left + 1 <= keep || left === 0, "no more than the policy keeps");
    assert(going.length === 0 || left + 1 >= keep, "no fewer either");
  }));
  assert.deepEqual(beyondNumber([], 0, free), []);
});

Deno.test("versionsToDrop takes the ended, then the oldest until the rest fits or is young", () => {
  fc.assert(
    fc.property(facts, fc.nat(20), fc.nat(60), fc.nat(20), (oldest, nowMs, bytesMax, youngMs) => {
      const ended = oldest.filter(({ untilMs }) => untilMs <= nowMs)
        .sort((a, b) => a.untilMs - b.untilMs);
      const total = sum(oldest);
      const going = versionsToDrop(ended, oldest, total, bytesMax, youngMs, free);
      assert.equal(new Set(going).size, going.length, "each once");
      assert.deepEqual(going.slice(0, ended.length), ids(ended));
      const left = oldest.filter(({ versionId }) => !going.includes(versionId));
      assert(left.every(({ untilMs }) => untilMs > nowMs));
      const isYoung = ({ supersededMs }: typeof oldest[number]) => supersededMs > youngMs;
      assert(left.every(isYoung) || sum(left) <= bytesMax, "the rest fits");
      assert(
        !oldest.some((one) => isYoung(one) && one.untilMs > nowMs && going.includes(one.versionId)),
        "what is young goes by its time alone",
      );
      // None of those that are not past their time could have stayed.
      const forShare = oldest.filter(({ versionId, untilMs }) =>
        untilMs > nowMs && going.includes(versionId)
      );
      const last = forShare.at(-1);
      if (last !== undefined) assert(sum([last, ...left]) > bytesMax, "needed");
      assert(
        forShare.every((one) => left.every((kept) => oldest.indexOf(one) < oldest.indexOf(kept))),
      );
    }),
  );
  assert.deepEqual(versionsToDrop([], [], 0, 0, 0, free), []);
});

Deno.test("firstWithin keeps to the pace, and always gets on", () => {
  fc.assert(fc.property(facts, fc.integer({ min: 1, max: 5 }), fc.nat(9), (all, most, chunks) => {
    const chosen = firstWithin(all, { versionsMax: most, chunksMax: chunks });
    assert.deepEqual(chosen, ids(all.slice(0, chosen.length)));
    assert(chosen.length <= most && (chosen.length > 0 || all.length === 0));
    const taken = all.slice(0, chosen.length).reduce((total, one) => total + one.chunkCount, 0);
    assert(taken <= chunks || chosen.length === 1);
  }));
});
