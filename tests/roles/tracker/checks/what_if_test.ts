/** What the loss of seeders would mean, through the tracker's route. */
import assert from "node:assert/strict";
import type { SeederId, WhatIfReply } from "../../../../protocol/mod.ts";
import { noLoss } from "../../../../roles/tracker/plan/loss.ts";
import { chunkOf, refusedWith, type TestSeeder, TrackerWorld } from "../tracker_world.ts";

async function lose(world: TrackerWorld, seeders: readonly TestSeeder[]) {
  const ids: SeederId[] = seeders.map(({ seederId }) => seederId);
  const sum: Record<string, number> = { ...noLoss };
  const examples: WhatIfReply["examples"][number][] = [];
  for (let cursor: WhatIfReply["next"] | undefined, pages = 0;; pages++) {
    assert(pages < 20, "the pages come to an end");
    const page = await world.admin.whatIf({
      lose: ids,
      ...(cursor === undefined ? {} : { cursor }),
    });
    for (const [name, value] of Object.entries(page.tally)) sum[name] = (sum[name] ?? 0) + value;
    examples.push(...page.examples);
    cursor = page.next;
    if (cursor === undefined) return { sum, examples, left: page.left };
  }
}

Deno.test("whatIf tells what one loss and two losses would do", async () => {
  const world = await TrackerWorld.open({ seeders: 3 });
  for (let i = 0; i < 12; i++) await world.upload(`/file-${i}`, [chunkOf(i)]);
  await world.upload("/empty", []);
  const [one, two, three] = world.seeders;
  assert(one && two && three);
  const held = one.chunks.size;
  const single = await lose(world, [one]);
  assert.equal(single.sum["chunksUnreadable"], 0);
  assert.equal(single.sum["chunksOneCopy"], held);
  assert.equal(single.sum["bytesToCopy"], held * 1000);
  assert.equal(single.sum["filesOneCopy"], held);
  assert.equal(single.sum["filesUntouched"], 13 - held);
  assert.equal(single.left.seeders, 2);
  const both = [...one.chunks.keys()].filter((chunkId) => two.chunks.has(chunkId)).length;
  const double = await lose(world, [one, two]);
  assert.equal(double.sum["chunksUnreadable"], both);
  assert.equal(double.sum["filesUnreadable"], both);
  assert.equal(double.sum["chunksOneCopy"], 12 - both);
  assert.equal(double.examples.filter(({ effect }) => effect === "unreadable").length, both);
  const all = await lose(world, world.seeders);
  assert.equal(all.sum["filesUnreadable"], 12);
  assert.equal(all.left.bytesPerSecond, 0);
});

Deno.test("whatIf refuses a seeder that never joined", async () => {
  const world = await TrackerWorld.open({ seeders: 1 });
  await refusedWith("seeder-unknown", world.admin.whatIf({ lose: ["0".repeat(16)] }));
});
