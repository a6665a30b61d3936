/**
 * The tracker's disk is put back as it was some time ago, as a restored machine image does, and
 * everything starts again. Nothing that a person was told is safe may go.
 */
import assert from "node:assert/strict";
import { nothingLost } from "../checkers/checkers.ts";
import { Loss } from "./loss_story.ts";

/** Longer than garbage waits, with all that goes before. */
const afterGraceMs = 25 * 60_000;

async function begin(seed: number) {
  const loss = await Loss.begin(seed);
  const drops: string[] = [];
  loss.cluster.onDrop = (machine, chunkId) => {
    drops.push(`${machine.name} ${chunkId.slice(0, 8)}`);
    return Promise.resolve();
  };
  await loss.world.timeline.run(loss.put(3));
  return { loss, drops };
}

async function image({ cluster, world }: Loss) {
  for (;;) {
    const taken = cluster.trackerImage();
    if (taken !== undefined) return taken;
    await world.timeline.pass(10);
  }
}

Deno.test("story: the tracker's disk is set back, everything starts again, and no copy goes", async () => {
  const { loss, drops } = await begin(801);
  const { world, cluster } = loss;
  const earlier = await image(loss);
  await world.timeline.run(loss.put(3));
  for (const machine of world.machines) machine.stop();
  await world.timeline.pass(10_000);
  cluster.setTrackerBack(earlier);
  for (const machine of world.machines) machine.start();
  await world.timeline.pass(afterGraceMs);
  assert.deepEqual(drops, []);
  for (const machine of world.machines) machine.kill();
  assert.deepEqual(await world.timeline.run(nothingLost(cluster, loss.belief, 2)), []);
});
