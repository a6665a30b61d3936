/**
 * Stories of a stranger at the tracker's address (`troubles/impostor.ts`): nothing is dropped and
 * nothing is learned, and all goes on when it leaves. One who has the keys would do harm, and the
 * checkers see it.
 */
import assert from "node:assert/strict";
import {
  proveReply,
  readRequestProof,
  SecretKey,
  SeederId,
  seederKeyOf,
} from "../../../protocol/mod.ts";
import { readWhole } from "../../../roles/kit/disk.ts";
import { seededRandom } from "../../../roles/kit/random.ts";
import { watchDrops } from "../checkers/never_below.ts";
import { stateOf } from "../machine/cluster.ts";
import { Impostor } from "../troubles/impostor.ts";
import { HealingStory } from "./healing_story.ts";

const sizes = [10, 5000, 300_000, 2 ** 20, 70_000, 2 ** 21 + 7];

async function storyWithFiles(seed: number) {
  const story = await HealingStory.begin(seed, 3);
  const problems: string[] = [];
  const excused = { destroyedMs: () => undefined, victim: undefined, isAtRisk: () => false };
  const drops = watchDrops(story.cluster, excused, (problem) => problems.push(problem));
  await story.put(...sizes);
  return { story, problems, drops };
}

Deno.test("story: a stranger answers in the tracker's place for a minute, and nothing comes of it", async () => {
  const { story, problems, drops } = await storyWithFiles(31);
  const before = drops();
  const impostor = new Impostor(story.cluster, seededRandom(5));
  impostor.standIn();
  await story.world.timeline.pass(60_000);
  assert(impostor.answered > 30, `${impostor.answered} requests were answered`);
  impostor.leave();
  assert(await story.cluster.allGreen(60_000), "the seeders follow their tracker again");
  assert.equal(drops(), before, "no chunk was dropped");
  assert.deepEqual(problems, []);
  await story.end();
});

Deno.test("story: a stranger who has the keys is obeyed, which the checkers see", async () => {
  const { story, problems } = await storyWithFiles(32);
  const bytes = await readWhole(story.cluster.tracker.disk, `${stateOf.tracker}/cluster.json`);
  const clusterKey = SecretKey.parse(JSON.parse(new TextDecoder().decode(bytes)).clusterKey);
  const impostor = new Impostor(story.cluster, seededRandom(5), [(asked, status, body) => {
    const request = readRequestProof(asked);
    if (request === undefined) return undefined;
    const key = seederKeyOf(clusterKey, SeederId.parse(request.id), request.generation);
    return proveReply(key, request, status, request.session, body);
  }]);
  impostor.standIn();
  await story.world.timeline.pass(60_000);
  assert(problems.length > 0, "copies went that were needed");
  for (const machine of story.world.machines) machine.kill();
});
