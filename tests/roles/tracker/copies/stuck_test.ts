import assert from "node:assert/strict";
import { Stuck } from "../../../../roles/tracker/copies/stuck.ts";
import { chunkOf } from "../tracker_world.ts";

const ids = Array.from({ length: 20 }, (_, i) => chunkOf(i).chunkId);
const noRoom = { copies: 1, why: "1 of 2 copies: no room" };
const nowhere = { copies: 0, why: "0 of 2 copies: nowhere" };

Deno.test("Stuck counts by reason what was met lately, and forgets what was not", () => {
  const stuck = new Stuck();
  const [one, two, three] = ids;
  assert.deepEqual(stuck.told(0), []);
  stuck.meet(one!, nowhere, 1_000);
  stuck.meet(two!, noRoom, 20_000);
  stuck.meet(three!, noRoom, 20_000);
  const both = [{ chunks: 2, ...noRoom }, { chunks: 1, ...nowhere }];
  assert.deepEqual(stuck.told(20_000), both);
  stuck.meet(one!, noRoom, 30_000);
  assert.deepEqual(stuck.told(30_000), [{ chunks: 3, ...noRoom }]);
  assert.deepEqual(stuck.told(55_000), [{ chunks: 1, ...noRoom }]);
  stuck.clear(one!);
  assert.deepEqual(stuck.told(55_000), []);
});

Deno.test("Stuck tells at most five reasons, those with the most chunks", () => {
  const stuck = new Stuck();
  for (const [i, id] of ids.entries()) {
    const reason = Math.floor(Math.sqrt(i));
    stuck.meet(id, { copies: 1, why: String(reason) }, 0);
  }
  // 0..4 have 1, 3, 5, 7 and 4 chunks.
  stuck.meet(chunkOf("more").chunkId, { copies: 1, why: "more" }, 0);
  const told = stuck.told(0);
  assert.deepEqual(told.map(({ chunks }) => chunks), [7, 5, 4, 3, 1]);
});
