/** When snapshots are made, and that nothing goes that somebody may still need. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { SnapshotMark } from "../../../../protocol/mod.ts";
import { limits } from "../../../../protocol/mod.ts";
import { isSnapshotDue, planSnapshots } from "../../../../roles/tracker/plan/snapshots.ts";

const hex = (number: number) => number.toString(16).padStart(64, "0");
const mark = (sequence: number, branch = 0): SnapshotMark => ({
  ...{ sequence, checksum: hex(sequence), digest: hex(1000 * branch + sequence) },
  sizeBytes: 9,
});

Deno.test("isSnapshotDue: by operations, by a share of what there is, by time, never for nothing", () => {
  const pace = { everyOperations: 10, everyMs: 1000, share: 0.5 };
  const due = (sequence: number, nowMs: number, lines = 0) =>
    isSnapshotDue({ sequence, nowMs }, { sequence: 100, timeMs: 0, lines }, pace);
  assert.equal(due(100, 1_000_000), false);
  assert.equal(due(109, 999), false);
  assert.equal(due(110, 0), true);
  assert.equal(due(101, 1000), true);
  assert.equal(due(149, 0, 100), false);
  assert.equal(due(150, 0, 100), true);
});

Deno.test("planSnapshots lets nothing go before two are on enough seeders", () => {
  const made = [mark(1), mark(2), mark(3)];
  assert.equal(planSnapshots(made, [], 2).since, undefined);
  assert.equal(planSnapshots(made, [made, [mark(3)]], 2).since, undefined);
  assert.deepEqual(planSnapshots(made, [made, [mark(1), mark(3)]], 2).since, mark(1));
  assert.deepEqual(planSnapshots(made, [made, made], 2).since, mark(2));
  const others = [mark(1, 1), mark(2, 1), mark(3, 1)];
  assert.equal(planSnapshots(made, [others, others], 2).since, undefined, "of another history");
});

Deno.test("planSnapshots keeps the two newest and the two newest that are spread, no more", () => {
  const sets = fc.array(fc.subarray([1, 2, 3, 4, 5, 6]), { maxLength: 4 });
  fc.assert(
    fc.property(fc.subarray([1, 2, 3, 4, 5, 6]), sets, fc.integer({ min: 1, max: 3 }), (
      numbers,
      reported,
      needed,
    ) => {
      const made = numbers.map((number) => mark(number));
      const reports = reported.map((each) => each.map((number) => mark(number)));
      const { keep, since } = planSnapshots(made, reports, needed);
      assert.ok(keep.length <= limits.snapshotsKeptMax);
      for (const [i, each] of keep.entries()) {
        assert.ok(made.includes(each) && (i === 0 || each.sequence < keep[i - 1]!.sequence));
      }
      for (const newest of made.slice(-2)) assert.ok(keep.includes(newest));
      if (since === undefined) return;
      const has = (one: SnapshotMark) =>
        reports.filter((each) => each.some(({ digest }) => digest === one.digest)).length >= needed;
      assert.ok(has(since) && keep.includes(since));
      assert.ok(keep.some((one) => one.sequence > since.sequence && has(one)), "a newer one too");
    }),
  );
});
