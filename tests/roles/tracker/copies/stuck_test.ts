import assert from "node:assert/strict";
import { Stuck } from "../../../../roles/tracker/copies/stuck.ts";
import { chunkOf } from "../tracker_world.ts";

Deno.test("Stuck tells of chunks met lately, and forgets those that were not", () => {
  const stuck = new Stuck();
  const [one, two] = [chunkOf(1).chunkId, chunkOf(2).chunkId];
  assert.equal(stuck.told(0), undefined);
  stuck.meet(one, "no room", 1_000);
  stuck.meet(two, "no seeder", 20_000);
  assert.deepEqual(stuck.told(20_000), { chunks: 2, why: "no room" });
  stuck.meet(one, "still no room", 30_000);
  assert.deepEqual(stuck.told(30_000), { chunks: 2, why: "no seeder" });
  assert.deepEqual(stuck.told(55_000), { chunks: 1, why: "still no room" });
  stuck.clear(one);
  assert.equal(stuck.told(55_000), undefined);
});
