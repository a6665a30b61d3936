import assert from "node:assert/strict";
import fc from "fast-check";
import { entriesToPurge } from "../../../../roles/tracker/plan/trash.ts";

Deno.test("entriesToPurge takes the old, then the oldest until the rest fits or is young", () => {
  const entry = fc.record({ age: fc.nat(20), fileBytes: fc.nat(10) });
  fc.assert(fc.property(
    fc.array(entry, { maxLength: 8 }),
    fc.nat(20),
    fc.nat(40),
    fc.nat(20),
    (drawn, keepMs, bytesMax, youngMs) => {
      const nowMs = 100;
      const rows = drawn.sort((a, b) => b.age - a.age).map(({ age, fileBytes }, i) => ({
        trashId: i + 1,
        trashedMs: nowMs - age,
        fileBytes,
      }));
      const total = rows.reduce((sum, row) => sum + row.fileBytes, 0);
      const doomed = entriesToPurge(rows, total, { keepMs, youngMs, bytesMax }, nowMs);
      assert.deepEqual(doomed, rows.slice(0, doomed.length).map((row) => row.trashId));
      const left = rows.slice(doomed.length);
      const sum = (some: typeof rows) => some.reduce((all, row) => all + row.fileBytes, 0);
      assert(left.every((row) => nowMs - row.trashedMs < keepMs));
      const isYoung = (row: typeof rows[number]) => nowMs - row.trashedMs < youngMs;
      assert(left.every(isYoung) || sum(left) <= bytesMax);
      const early = rows.slice(0, doomed.length).filter((row) => nowMs - row.trashedMs < keepMs);
      assert(!early.some(isYoung), "what is young goes by age alone");
      const last = rows[doomed.length - 1];
      if (last === undefined) return;
      assert(nowMs - last.trashedMs >= keepMs || sum([last, ...left]) > bytesMax, "needed");
    },
  ));
});
