import assert from "node:assert/strict";
import { shareOf } from "../../../../roles/tracker/plan/share.ts";

Deno.test("shareOf is of all disks, of one copy, and tolerates all until every disk is known", () => {
  assert.deepEqual(shareOf([600, 400], 0.1, 2), { bytesMax: 50, bytesTolerated: 50 });
  assert.deepEqual(shareOf([1000], 0, 1), { bytesMax: 0, bytesTolerated: 0 });
  assert.deepEqual(shareOf([1000, 0], 0.1, 1), { bytesMax: 100, bytesTolerated: Infinity });
  assert.deepEqual(shareOf([], 0.1, 2), { bytesMax: 0, bytesTolerated: Infinity });
});
