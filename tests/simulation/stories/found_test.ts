/**
 * Stories of bugs that seeds of the swarm found, each the shortest way to it. The seed, and the
 * commit at which it failed, stand in the message of the commit that mended it.
 */
import assert from "node:assert/strict";
import { childOf, RemotePath, UploadId } from "../../../protocol/mod.ts";
import { packHeadBytes, recordHeadBytes } from "../../../roles/seeder/store/pack_format.ts";
import { AdoptStory, bytesOf } from "./adopt_story.ts";
import { leftovers } from "../checkers/cleans.ts";
import { stateOf } from "../machine/cluster.ts";
import { HealingStory } from "./healing_story.ts";

const mib = 1024 * 1024;

async function begin(seed: number, seeders: number) {
  const story = await HealingStory.begin(seed, seeders);
  const [first, second, third] = story.cluster.seeders;
  assert(first !== undefined && second !== undefined && third !== undefined);
  return { story, first, second, third };
}

Deno.test("story: a report of a seeder's earlier life arrives long after it", async () => {
  const { story, first } = await begin(1, 3);
  const { world, cluster } = story;
  await story.put(10, 5000, 300_000);
  let kept: Request | undefined;
  world.network.onRequest = (request, from) => {
    if (from === first.host && /heartbeat$/.test(request.url)) kept ??= request.clone();
  };
  await world.timeline.pass(2_000);
  world.network.onRequest = undefined;
  first.kill();
  first.start();
  await world.timeline.pass(3_000);
  // The tracker has forgotten that this life is over.
  cluster.tracker.kill();
  cluster.tracker.start();
  await world.timeline.pass(5_000);
  assert(kept !== undefined && first.process !== undefined);
  await world.timeline.run(world.network.transport(first.process, first.host)(kept));
  await world.timeline.pass(10_000);
  assert.equal((await story.seeder(first)).state, "green", "it is not locked out");
  await story.end();
});

Deno.test("story: the trash is there after a rebuild, though no disk has told its size", async () => {
  const story = await HealingStory.begin(2, 3, "seeders");
  const { world, cluster } = story;
  const [path] = await story.put(4000);
  assert(path !== undefined);
  const [content] = story.belief.possibilities(path);
  assert(content !== undefined && content !== "absent");
  const removal = story.session.tracker.remove({ path, what: "file" });
  const { trashId } = await world.timeline.run(removal);
  assert(trashId !== undefined);
  assert(cluster.loseTrackerDisk());
  for (const seeder of cluster.seeders) seeder.disk.faults.slowMs = 300;
  cluster.tracker.start();
  assert(await world.until(() => cluster.tracker.ready, 60_000));
  await world.timeline.pass(10_000);
  for (const seeder of cluster.seeders) seeder.disk.faults.slowMs = 0;
  const { entries } = await world.timeline.run(story.session.tracker.trash({}));
  assert.equal(entries.length, 1);
  await world.timeline.run(story.session.tracker.restore({ what: { trashId } }));
  // Which is what the observer believed all along.
  await story.end();
});

Deno.test("story: what was set aside and needs nothing any more is not listed", async () => {
  const { story, first, third } = await begin(3, 3);
  await story.put(10, 5000, 300_000, 2 * mib);
  first.cutPower();
  for (const { disk } of story.cluster.seeders) disk.faults.syncErrors = 1;
  await story.until("set aside", ({ healing }) => healing.setAsideCount > 0);
  for (const { disk } of story.cluster.seeders) disk.faults.syncErrors = 0;
  first.start();
  await story.until("nothing is", ({ healing }) => healing.setAsideCount === 0, 20_000);
  assert(third.running);
  await story.end();
});

Deno.test("story: an upload stays open, and a drop it forbids is tried ever more rarely", async () => {
  const { story, first } = await begin(4, 4);
  const { world } = story;
  await story.put(10, 5000, 70_000, 300_000, mib);
  first.cutPower();
  await story.until(
    "healed",
    ({ healing, seeders, chunksAtRisk }) =>
      seeders.some(({ state }) => state === "red") && chunksAtRisk === 0 && healing.copying === 0,
  );
  const { results } = await world.timeline.run(story.session.tracker.openUploads({
    uploads: [{
      uploadId: UploadId.parse("0".repeat(32)),
      path: childOf(story.actor.home, "open"),
      condition: { kind: "replace" },
      chunkSizeBytes: mib,
      modifiedMs: 0,
      mode: 0o644,
    }],
  }));
  assert(results[0]?.ok);
  let orders = 0;
  world.onLog = (_process, event) => {
    if (event === "order done") orders++;
  };
  first.start();
  await world.timeline.pass(9 * 60_000);
  world.onLog = undefined;
  assert(orders > 0 && orders < 90, `${orders} orders in nine minutes`);
  // Until the upload is forgotten and the copies that are too many may go.
  await world.timeline.pass(9 * 60_000);
  const status = await story.status();
  assert.equal(status.seeders.reduce((sum, { chunkCount }) => sum + chunkCount, 0), 10);
  await story.end();
});

Deno.test("story: a seeder is forgotten whose receipts an upload has in hand", async () => {
  const { story } = await begin(5, 4);
  const { world, cluster } = story;
  let held = true;
  world.network.onRequest = (request) => {
    if (held && /uploads\/(commit|record)$/.test(request.url)) throw new TypeError("reset");
  };
  const uploading = story.put(10);
  await world.timeline.pass(3_000);
  const holder = (await story.status()).seeders.find(({ space }) => space.usedBytes > 0);
  const machine = cluster.seeders.find(({ name }) => name === holder?.name);
  assert(holder !== undefined && machine !== undefined, "it has its first copies");
  machine.cutPower();
  await world.timeline.pass(11_000);
  const { seederId } = holder;
  await world.timeline.run(story.session.tracker.forget({ seederId, acceptLoss: true }));
  held = false;
  await uploading;
  machine.start();
  assert(await cluster.allGreen(60_000));
  await world.timeline.pass(60_000);
  await story.end();
});

Deno.test("story: a failing disk does not let a temporary file go, and does later", async () => {
  const { story, first } = await begin(6, 3);
  await story.put(10);
  const { faults } = first.disk;
  const temporaries = () => first.disk.files(`${stateOf.seeder}/tmp`).length;
  faults.syncErrors = 1;
  faults.slowMs = 20;
  const uploading = story.put(3 * mib, 3 * mib, 3 * mib);
  assert(await story.world.until(() => temporaries() > 0, 10_000), "a chunk is being stored");
  faults.writeErrors = 1;
  await uploading;
  assert(temporaries() > 0, "something is left");
  faults.syncErrors = 0;
  faults.writeErrors = 0;
  await story.world.timeline.pass(20_000);
  assert.equal(temporaries(), 0);
  await story.end();
});

Deno.test("story: the power goes while a small file is replaced, nothing of it stays", async () => {
  const { story, first } = await begin(7, 3);
  await story.put(10);
  for (const name of ["seeder.json.new", "scrub.json.new", "log/card.json.new"]) {
    first.disk.plant(`${stateOf.seeder}/${name}`, new Uint8Array(7));
  }
  const { tracker } = story.cluster;
  for (const name of ["cluster.json.new", "codes/join.new"]) {
    tracker.disk.plant(`${stateOf.tracker}/${name}`, new Uint8Array(7));
  }
  for (const machine of [first, tracker]) {
    machine.cutPower();
    machine.start();
  }
  assert(await story.cluster.allGreen(60_000));
  assert.deepEqual(await leftovers(story.cluster, false), []);
  await story.end();
});

Deno.test("story: the head of a record rots, and the scrub saves the good bytes behind it", async () => {
  const { story, first } = await begin(8, 3);
  await story.put(5000, 6000, 7000, 8000);
  const path = `${stateOf.seeder}/packs`;
  const [pack] = first.disk.files(path).filter((file) => file.path.endsWith(".pack"));
  assert(pack !== undefined, JSON.stringify(first.disk.files(path)));
  const before = (await story.seeder(first)).chunkCount;
  assert(before > 0);
  // The first record begins after the head of the pack; its checksum stands at its end.
  first.disk.rot(pack.path, (packHeadBytes + recordHeadBytes - 1) * 8);
  const { seederId } = await story.seeder(first);
  const { timeline } = story.world;
  await timeline.run(story.session.tracker.scrubNow({ seeders: [seederId] }));
  await timeline.pass(20_000);
  first.cutPower();
  first.start();
  assert(await story.world.until(() => first.ready, 5_000));
  const store = story.cluster.stores.get(first);
  assert.equal(store?.summary().chunkCount, before, "every record is found at the start");
  await story.end();
});

Deno.test("story: a file that is gone before its turn to be offered is waited for no more", async () => {
  const story = new AdoptStory(52, 2);
  story.plant(story.seeder(1), "/stays", bytesOf(30, 1000));
  await story.cluster.begin();
  await story.untilListed("/stays");
  story.cluster.tracker.kill();
  story.plant(story.seeder(1), "/goes", bytesOf(31, 1000));
  const look = async () => {
    story.seeder(1).kill();
    await story.world.timeline.pass(3_000);
    story.seeder(1).start();
    await story.world.timeline.pass(3_000);
  };
  await look();
  story.uproot(story.seeder(1), "/goes");
  await look();
  story.cluster.tracker.start();
  assert(await story.cluster.allGreen(60_000));
  await story.until("nothing waits", async () => {
    const { seeders } = await story.world.timeline.run(story.session.tracker.adopted({}));
    return seeders[0]?.report?.filesWaiting === 0 && seeders[0].report.filesIndexed === 1;
  }, 30_000);
  await story.end();
});

Deno.test("story: a seeder gives its own copy up and tells of the person's file it still has", async () => {
  const story = new AdoptStory(53, 3);
  const bytes = bytesOf(32, 2000);
  story.plant(story.seeder(1), "/later", bytes);
  await story.cluster.begin();
  await story.upload("/sent", bytes);
  await story.untilListed("/later", "/sent");
  await story.untilSafe();
  // So that those with a copy of their own have a file beside it.
  for (const number of [2, 3]) story.plant(story.seeder(number), "/later", bytes);
  for (const machine of story.cluster.seeders) {
    machine.kill();
    await story.world.timeline.pass(3_000);
    machine.start();
  }
  assert(await story.cluster.allGreen(60_000));
  await story.world.timeline.pass(5_000);
  const path = RemotePath.parse("/sent");
  const sent = { path, what: "file", now: true } as const;
  await story.world.timeline.run(story.session.tracker.remove(sent));
  const dropped = () => story.world.trace.filter((line) => /order ended.*"drop"/.test(line));
  // At a start it looks for what is too much.
  story.cluster.tracker.kill();
  story.cluster.tracker.start();
  await story.until("the seeders' own copies go", () => Promise.resolve(dropped().length >= 2));
  await story.world.timeline.pass(2_000);
  const { seeders } = await story.status();
  const held = await story.cluster.recorded().read(async (view) =>
    await Promise.all(
      seeders.map(async ({ seederId }) => (await view.holdingsOf(seederId, undefined, 10)).length),
    )
  );
  assert.deepEqual(held, [1, 1, 1], "at once, not when the inventory is compared next");
  await story.end();
});
